//! What our own mail server says, and what it does not.

use super::*;

#[test]
fn without_configured_servers_or_verified_signatures_only_the_token_speaks() {
    let bare = mail().says(&dmarc_and(SPF)).ids(&[]);
    check(&bare, EVERY, "token_only: no_trusted_authserv_id local_dkim_missing");
    check(&mail(), EVERY, "token_only: no_authentication_results local_dkim_missing");
}

#[test]
fn a_trusted_pass_with_aligned_spf_is_standard_for_every_carrier() {
    check(&mail().says(&dmarc_and(SPF)), EVERY, BY_SPF);
    let case =
        "SPF=Pass smtp.MailFrom=Bounce@Mail.CORP.example; DMARC=Pass\r\n\theader.From=Corp.Example";
    check(&mail().says(case), EVERY, BY_SPF);
}

#[test]
fn a_field_the_sender_wrote_is_not_our_servers() {
    let nothing = "token_only: no_authentication_results local_dkim_missing";
    let field = |id: &str| format!("Authentication-Results: {id}; {}", dmarc_and(SPF));
    check(&mail().bottom(field("mx.ours.example")), EVERY, nothing);
    check(&mail().top(field("mx.ours.example")).top("Received: x"), EVERY, nothing);
    check(&mail().top(field("mx.evil.example")), EVERY, nothing);
    check(&mail().top(field("mx.evil.example (mx.ours.example)")), EVERY, nothing);
    check(&mail().top(field("mx.evil.example")).bottom(field("mx.ours.example")), EVERY, nothing);
    check(&mail().says(&dmarc_and(SPF)).without("Received"), EVERY, nothing);
}

#[test]
fn a_dmarc_fail_of_our_server_outweighs_everything() {
    let failed = "token_only: dmarc_failed";
    check(&mail().says("dmarc=fail header.from=corp.example"), EVERY, failed);
    check(&mail().says("dmarc=fail (dmarc=pass header.from=corp.example)"), EVERY, failed);
    check(&mail().says(&dmarc_and(SPF)).says("dmarc=fail"), EVERY, failed);
    check(&mail().says("dmarc=fail").says(&dmarc_and(SPF)), EVERY, failed);
    check(&mail().says(&format!("{DMARC}; dmarc=fail; {SPF}")), EVERY, failed);
    check(&mail().says("dmarc=fail").signed(&[], PASS), EVERY, failed);
    // A stranger's field below our own says nothing, neither way.
    let stranger = "Authentication-Results: mx.ours.example; dmarc=fail";
    check(&mail().says(&dmarc_and(SPF)).bottom(stranger), EVERY, BY_SPF);
}

#[test]
fn dmarc_must_be_an_exact_pass_about_our_from() {
    for (dmarc, reason) in [
        ("dmarc=bestguesspass header.from=corp.example", "dmarc_not_pass"),
        ("dmarc=none header.from=corp.example", "dmarc_not_pass"),
        ("dmarc=temperror header.from=corp.example", "dmarc_not_pass"),
        ("dmarc=none (dmarc=pass) header.from=corp.example", "dmarc_not_pass"),
        ("dmarc=pass header.from=corp.example; dmarc=none", "dmarc_not_pass"),
        ("dmarc=pass header.from=evil.example", "dmarc_header_from_differs"),
        ("dmarc=pass header.from=mail.corp.example", "dmarc_header_from_differs"),
        ("dmarc=pass header.from=example", "dmarc_header_from_differs"),
        ("dmarc=pass (header.from=corp.example)", "dmarc_header_from_differs"),
        (
            "dmarc=pass header.from=corp.example header.from=corp.example",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass header.from=corp.example; dmarc=pass header.from=evil.example",
            "dmarc_header_from_differs",
        ),
        ("(dmarc=pass header.from=corp.example) x=pass", "dmarc_missing"),
        ("arc=pass header.from=corp.example", "dmarc_missing"),
        ("dmarc=pass header.from=corp.example (", "authentication_results_unreadable"),
    ] {
        let expected = format!("token_only: {reason} local_dkim_missing");
        check(&mail().says(&format!("{SPF}; {dmarc}")), EVERY, &expected);
    }
    let two = mail().says(&dmarc_and(SPF)).says("dmarc=permerror");
    check(&two, EVERY, "token_only: dmarc_not_pass local_dkim_missing");
    let broken = mail().says(&dmarc_and(SPF)).says("dmarc");
    check(&broken, EVERY, "token_only: authentication_results_unreadable local_dkim_missing");
}

#[test]
fn spf_counts_only_aligned_undisputed_and_in_the_same_field() {
    for spf in [
        "spf=none smtp.mailfrom=corp.example",
        "spf=pass smtp.mailfrom=evil.example",
        "spf=pass smtp.mailfrom=evilcorp.example",
        "spf=pass smtp.mailfrom=ana@corp.example@evil.example",
        "spf=pass smtp.mailfrom=\"a@corp.example\"@evil.example",
        "spf=pass smtp.mailfrom=corp.example smtp.mailfrom=evil.example",
        "spf=pass smtp.mailfrom=<>",
        "spf=pass smtp.helo=corp.example",
        "spf=pass header.from=corp.example",
        "spf=pass",
        "spf=bestguesspass smtp.mailfrom=corp.example",
        "spf=pass smtp.mailfrom=corp.example; spf=fail smtp.mailfrom=corp.example",
        "spf=pass smtp.mailfrom=corp.example; spf=softfail smtp.helo=x.example",
    ] {
        check(&mail().says(&dmarc_and(spf)), EVERY, NOT_SIGNED);
    }
    check(&mail().says(DMARC).says(SPF), EVERY, NOT_SIGNED);
    check(
        &mail().says(&dmarc_and(SPF)).says("spf=fail smtp.mailfrom=x.example"),
        EVERY,
        NOT_SIGNED,
    );
    check(&mail().says(&dmarc_and(SPF)).says("spf=neutral"), EVERY, BY_SPF);
}

#[test]
fn a_named_signature_covers_what_it_signs() {
    let with = |h: &str| mail().says(&dmarc_and(DKIM)).bottom(signature(&[("h", h)]));
    check(&with("from:to:in-reply-to:references"), EVERY, BY_DKIM);
    // Microsoft 365 signs none of the fields that could carry a token.
    let microsoft = with("From:Date:Subject:Message-ID:Content-Type:MIME-Version");
    check(&microsoft, &[Carrier::Body], BY_DKIM);
    check(
        &microsoft,
        &[Carrier::ReplyToAddress, Carrier::InReplyTo, Carrier::References],
        NOT_SIGNED,
    );
    check(&with("from:to"), &[Carrier::ReplyToAddress, Carrier::Body], BY_DKIM);
    check(&with("from:to"), &[Carrier::InReplyTo, Carrier::References], NOT_SIGNED);
    check(&with("from:in-reply-to"), &[Carrier::InReplyTo], BY_DKIM);
    check(&with("from:in-reply-to"), &[Carrier::References], NOT_SIGNED);
    check(&with("from:references"), &[Carrier::References], BY_DKIM);
    check(&with("from:references"), &[Carrier::InReplyTo], NOT_SIGNED);
    check(&with("to:in-reply-to:references"), EVERY, NOT_SIGNED);
}

#[test]
fn a_named_signature_must_be_sound() {
    for tags in [
        [("l", "0")],
        [("l", "100000")],
        [("a", "rsa-sha512")],
        [("d", "evil.example")],
        [("s", "s2")],
        [("bh", "")],
        [("h", "from:to:in-reply-to:references:received:received")],
    ] {
        let named = mail().says(&dmarc_and(DKIM)).bottom(signature(&tags));
        let sound = matches!(tags, [("h", _)]);
        check(&named, EVERY, if sound { BY_DKIM } else { NOT_SIGNED });
    }
    let sha1 = signature(&[("a", "rsa-sha1"), ("bh", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")]);
    check(&mail().says(&dmarc_and(DKIM)).bottom(sha1), EVERY, NOT_SIGNED);
    let foreign = "dkim=pass header.d=evil.example header.s=s1";
    check(
        &mail().says(&dmarc_and(foreign)).bottom(signature(&[("d", "evil.example")])),
        EVERY,
        NOT_SIGNED,
    );
    check(&mail().says(&dmarc_and(DKIM)), EVERY, NOT_SIGNED);
}

#[test]
fn a_signature_must_be_named_well_enough() {
    for (dkim, expected) in [
        ("dkim=pass header.d=corp.example header.s=s1 header.b=AbCdEfGh", BY_DKIM),
        ("dkim=pass header.i=@corp.example header.s=S1 header.b=AbCdEfGh", BY_DKIM),
        ("dkim=pass header.i=@mail.corp.example header.s=s1", NOT_SIGNED),
        ("dkim=pass header.d=corp.example header.s=s1 header.b=aBcDeFgH", NOT_SIGNED),
        ("dkim=pass header.d=corp.example", NOT_SIGNED),
        ("dkim=pass header.s=s1", NOT_SIGNED),
        ("dkim=pass header.s=s1 header.b=AbCdEfGh", NOT_SIGNED),
        ("dkim=pass", NOT_SIGNED),
        ("dkim=neutral header.d=corp.example header.s=s1", NOT_SIGNED),
        ("dkim=policy header.d=corp.example header.s=s1", NOT_SIGNED),
        (
            "dkim=pass header.d=corp.example header.s=s1; dkim=fail header.d=corp.example header.s=s1",
            NOT_SIGNED,
        ),
        ("dkim=pass header.d=corp.example header.s=s1; dkim=fail", NOT_SIGNED),
        ("dkim=pass header.d=corp.example header.s=s1; dkim=fail header.d=list.example", BY_DKIM),
        ("dkim=fail header.d=list.example; dkim=pass header.d=corp.example header.s=s1", BY_DKIM),
    ] {
        check(&mail().says(&dmarc_and(dkim)).bottom(signature(&[])), EVERY, expected);
    }
    check(&mail().says(DMARC).says(DKIM).bottom(signature(&[])), EVERY, NOT_SIGNED);
    let disputed = mail().says(&dmarc_and(DKIM)).says("dkim=fail header.d=corp.example");
    check(&disputed.bottom(signature(&[])), EVERY, NOT_SIGNED);
}

#[test]
fn a_second_signature_of_the_same_name_cannot_widen_a_replayed_one() {
    let genuine = signature(&[("h", "from:subject:date"), ("b", "GenuineGenuine")]);
    let forged = signature(&[("b", "GenuineForged")]);
    let replay = || mail().says(&dmarc_and(DKIM)).without("Sender");
    let headers = [Carrier::ReplyToAddress, Carrier::InReplyTo, Carrier::References];
    check(&replay().bottom(&genuine).bottom(&forged), &headers, NOT_SIGNED);
    check(&replay().bottom(&forged).bottom(&genuine), &headers, NOT_SIGNED);
    let by_start = format!("{DKIM} header.b=GenuineG");
    check(
        &mail().says(&dmarc_and(&by_start)).bottom(&genuine).bottom(&forged),
        &headers,
        NOT_SIGNED,
    );
    // The server may have read what we cannot read.
    let unreadable = format!("{genuine}; d=corp.example");
    check(&replay().bottom(&forged).bottom(unreadable), EVERY, NOT_SIGNED);
    let many = (0..10).fold(replay().bottom(&forged), |mail, n| {
        mail.bottom(signature(&[("s", &format!("x{n}"))]))
    });
    check(&many, &headers, "token_only: token_not_signed too_many_signatures");
    let ten = (0..9).fold(replay().bottom(&forged), |mail, n| {
        mail.bottom(signature(&[("s", &format!("x{n}"))]))
    });
    check(&ten, &headers, BY_DKIM);
}

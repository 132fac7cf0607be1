//! Signatures we verified ourselves.

use super::*;

#[test]
fn a_verified_signature_covers_what_it_signs() {
    let none = "token_only: token_not_signed no_authentication_results";
    let microsoft =
        mail().signed(&[("h", "From:Date:Subject:Message-ID:Content-Type:MIME-Version")], PASS);
    check(&microsoft, &[Carrier::Body], "strict local_dkim");
    check(&microsoft, &[Carrier::ReplyToAddress, Carrier::InReplyTo, Carrier::References], none);
    let to = mail().signed(&[("h", "from:to")], PASS);
    check(&to, &[Carrier::ReplyToAddress, Carrier::Body], "strict local_dkim");
    check(&to, &[Carrier::InReplyTo, Carrier::References], none);
    let fails = mail().signed(&[("h", "from:to")], LocalResult::Fail);
    check(&fails, EVERY, "token_only: local_dkim_failed no_authentication_results");
}

#[test]
fn a_verified_signature_must_keep_our_rules() {
    let pass = |key_bits| LocalResult::Pass { key_bits, testing: false };
    for (tags, result, expected) in [
        (vec![], PASS, "strict local_dkim"),
        (vec![("d", "Corp.Example"), ("s", "S1")], PASS, "strict local_dkim"),
        (vec![], pass(2047), "standard local_dkim: local_dkim_key_too_short_for_strict"),
        (vec![], pass(1024), "standard local_dkim: local_dkim_key_too_short_for_strict"),
        (vec![], pass(1023), "token_only: local_dkim_key_too_short"),
        (vec![], pass(0), "token_only: local_dkim_key_too_short"),
        (vec![("a", "ed25519-sha256")], pass(256), "strict local_dkim"),
        (vec![("a", "ed25519-sha256")], pass(0), "strict local_dkim"),
        (
            vec![("d", "mail.corp.example")],
            PASS,
            "standard local_dkim: local_dkim_domain_not_identical",
        ),
        (vec![("d", "evil.example")], PASS, "token_only: local_dkim_not_aligned"),
        (vec![("d", "evil.example")], LocalResult::TempError, "token_only: local_dkim_not_aligned"),
        (vec![], LocalResult::Fail, "token_only: local_dkim_failed"),
        (vec![], LocalResult::TempError, "token_only: local_dkim_temp_error"),
        (vec![("h", "from")], LocalResult::TempError, "token_only: token_not_signed"),
        (
            vec![],
            LocalResult::Pass { key_bits: 2048, testing: true },
            "token_only: local_dkim_key_testing",
        ),
        (
            vec![("a", "rsa-sha1"), ("bh", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")],
            PASS,
            "token_only: local_dkim_weak_algorithm",
        ),
        (vec![("a", "rsa-sha512")], PASS, "token_only: local_dkim_weak_algorithm"),
        (vec![("l", "0")], PASS, "token_only: local_dkim_body_length"),
        (vec![("l", "9999")], PASS, "token_only: local_dkim_body_length"),
        (vec![("x", "1800000001")], PASS, "strict local_dkim"),
        (vec![("x", "1800000000")], PASS, "token_only: local_dkim_expired"),
        (vec![("x", "1799999999")], PASS, "token_only: local_dkim_expired"),
        (vec![("h", "to:in-reply-to:references")], PASS, "token_only: local_dkim_from_not_signed"),
        (vec![("v", "2")], PASS, "token_only: local_dkim_unreadable"),
    ] {
        let expected = match expected.starts_with("token_only") {
            true => format!("{expected} no_authentication_results"),
            false => expected.to_owned(),
        };
        check(&mail().signed(&tags, result), &[Carrier::ReplyToAddress], &expected);
    }
}

#[test]
fn the_verifier_and_we_must_have_read_the_same() {
    let sign = || mail().bottom(signature(&[]));
    let none = "token_only: local_dkim_disagrees no_authentication_results";
    check(&sign().local(verified(PASS)), EVERY, "strict local_dkim");
    let other = |change: fn(&mut LocalDkim)| {
        let mut local = verified(PASS);
        change(&mut local);
        sign().local(local)
    };
    check(&other(|local| local.domain = "evil.example".to_owned()), EVERY, none);
    check(&other(|local| local.domain = "a b".to_owned()), EVERY, none);
    check(&other(|local| local.selector = "s2".to_owned()), EVERY, none);
    check(&other(|local| local.algorithm = Algorithm::Ed25519Sha256), EVERY, none);
    let nowhere = other(|local| local.signature = 1);
    check(&nowhere, EVERY, "token_only: local_dkim_unreadable no_authentication_results");
}

#[test]
fn of_several_signatures_the_best_counts() {
    let second = |local: LocalDkim| LocalDkim { signature: 1, ..local };
    let list = LocalDkim { domain: "list.example".to_owned(), ..verified(PASS) };
    let both = mail()
        .bottom(signature(&[("d", "list.example")]))
        .bottom(signature(&[]))
        .local(list)
        .local(second(verified(PASS)));
    check(&both, EVERY, "strict local_dkim");
    assert_eq!(both.proof(Carrier::Body).by, Some(Means::LocalDkim { signature: 1 }));
    let weak = LocalResult::Pass { key_bits: 1024, testing: false };
    let two = mail()
        .bottom(signature(&[]))
        .bottom(signature(&[("h", "from")]))
        .local(verified(weak))
        .local(second(verified(PASS)));
    check(&two, &[Carrier::Body], "strict local_dkim");
    check(
        &two,
        &[Carrier::ReplyToAddress],
        "standard local_dkim: token_not_signed local_dkim_key_too_short_for_strict",
    );
    let eleven =
        (0..10).fold(mail().signed(&[], PASS), |mail, _| mail.bottom(signature(&[("s", "x")])));
    check(&eleven, EVERY, "token_only: too_many_signatures no_authentication_results");
    check(&eleven.says(&dmarc_and(SPF)), EVERY, "standard trusted_spf: too_many_signatures");
}

#[test]
fn strict_wants_no_other_sender() {
    let differs = "standard local_dkim: sender_differs";
    for (sender, expected) in [
        ("ana@corp.example", "strict local_dkim"),
        ("\"Ana, S.\" <ANA@Corp.Example> ", "strict local_dkim"),
        ("bob@corp.example", differs),
        ("ana@corp.example <bob@corp.example>", differs),
        ("<ana@corp.example> <bob@corp.example>", differs),
        ("ana@corp.example (Ana)", differs),
        ("Ana <ana@corp.example", differs),
        ("", differs),
    ] {
        let line = format!("Sender: {sender}");
        check(&mail().bottom(line).signed(&[], PASS), EVERY, expected);
    }
    let twice = mail().bottom("Sender: ana@corp.example").bottom("Sender: ana@corp.example");
    check(&twice.signed(&[], PASS), EVERY, differs);
}

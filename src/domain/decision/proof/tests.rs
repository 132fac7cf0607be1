//! The proof table: one row a case, each ending in a level, what proved it,
//! and the reasons why it is not more.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::message::authentication::Algorithm;

const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const ALL_CARRIERS: [Carrier; 4] = [
    Carrier::ReplyToAddress,
    Carrier::InReplyTo,
    Carrier::References,
    Carrier::Body,
];

/// A mail from ana@corp.example, received by mx.ours.example, one field of
/// each kind; the cases change it.
struct Mail {
    lines: Vec<String>,
    ids: Vec<String>,
    local: Vec<LocalDkim>,
}

fn mail() -> Mail {
    let lines = [
        "Received: from mail.corp.example by mx.ours.example",
        "From: Ana <ana@corp.example>",
        "To: access+token@ours.example",
        "In-Reply-To: <countersign.token@ours.example>",
        "References: <countersign.token@ours.example>",
        "Subject: Re: access",
        "Date: Mon, 5 Jan 2026 10:00:00 +0000",
        "Content-Type: text/plain",
    ];
    Mail {
        lines: lines.map(str::to_owned).to_vec(),
        ids: vec!["mx.ours.example".to_owned()],
        local: Vec::new(),
    }
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// A DKIM-Signature line; a tag given twice replaces the first.
fn signature(tags: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("v", "1"),
        ("a", "rsa-sha256"),
        ("d", "corp.example"),
        ("s", "s1"),
        ("h", "from:to:in-reply-to:references:subject:date"),
        ("bh", HASH),
        ("b", "AbCdEfGhIjKl"),
    ];
    for (name, value) in tags {
        all.retain(|(tag, _)| tag != name);
        all.push((name, value));
    }
    let tags: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!("DKIM-Signature: {}", tags.join("; "))
}

const PASS: LocalResult = LocalResult::Pass {
    key_bits: 2048,
    testing: false,
};

fn verified(result: LocalResult) -> LocalDkim {
    LocalDkim {
        signature: 0,
        domain: "corp.example".to_owned(),
        selector: "s1".to_owned(),
        algorithm: Algorithm::RsaSha256,
        result,
    }
}

impl Mail {
    fn top(mut self, line: impl Into<String>) -> Self {
        self.lines.insert(0, line.into());
        self
    }

    fn bottom(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.lines
            .retain(|line| !line.starts_with(&format!("{name}:")));
        self
    }

    /// One of our server's fields, on top.
    fn says(self, results: &str) -> Self {
        self.top(format!(
            "Authentication-Results: mx.ours.example; {results}"
        ))
    }

    fn ids(mut self, ids: &[&str]) -> Self {
        self.ids = ids.iter().map(|id| (*id).to_owned()).collect();
        self
    }

    fn local(mut self, local: LocalDkim) -> Self {
        self.local.push(local);
        self
    }

    /// A signature with these tags, verified with this result.
    fn signed(self, tags: &[(&str, &str)], result: LocalResult) -> Self {
        let tag = |name, or: &str| {
            tags.iter()
                .find(|(tag, _)| *tag == name)
                .map_or(or.to_owned(), |(_, v)| (*v).to_owned())
        };
        let algorithm = match tag("a", "rsa-sha256").as_str() {
            "rsa-sha256" => Algorithm::RsaSha256,
            "ed25519-sha256" => Algorithm::Ed25519Sha256,
            "rsa-sha1" => Algorithm::RsaSha1,
            _ => Algorithm::Other,
        };
        let local = LocalDkim {
            domain: tag("d", "corp.example"),
            selector: tag("s", "s1"),
            algorithm,
            ..verified(result)
        };
        self.bottom(signature(tags)).local(local)
    }

    fn proof(&self, carrier: Carrier) -> Proven {
        let headers: Vec<Header> = self
            .lines
            .iter()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| Header {
                name: name.to_owned(),
                value: value.to_owned(),
            })
            .collect();
        let from = EmailAddress::parse("Ana@corp.example").unwrap();
        proof(
            &Evidence::gather(&headers, &from, &self.ids, &self.local, at()),
            carrier,
        )
    }
}

/// `level means: reasons`, for all of the carriers given.
fn check(mail: &Mail, carriers: &[Carrier], expected: &str) {
    for carrier in carriers {
        let proven = mail.proof(*carrier);
        let mut text = proven.level.code().to_owned();
        if let Some(means) = proven.by {
            text += &format!(" {}", means.code());
        }
        if !proven.shortfalls.is_empty() {
            let codes: Vec<&str> = proven
                .shortfalls
                .iter()
                .map(|shortfall| shortfall.code())
                .collect();
            text += &format!(": {}", codes.join(" "));
        }
        assert_eq!(text, expected, "{carrier:?} {:#?}", mail.lines);
    }
}

const NOT_SIGNED: &str = "token_only: token_not_signed local_dkim_missing";
const BY_SPF: &str = "standard trusted_spf: local_dkim_missing";
const BY_DKIM: &str = "standard trusted_dkim: local_dkim_missing";
const SPF: &str = "spf=pass smtp.mailfrom=ana@corp.example";
const DMARC: &str = "dmarc=pass header.from=corp.example";

fn dmarc_and(more: &str) -> String {
    format!("{more}; {DMARC}")
}

#[test]
fn without_configured_servers_or_verified_signatures_only_the_token_speaks() {
    let bare = mail().says(&dmarc_and(SPF)).ids(&[]);
    check(
        &bare,
        &ALL_CARRIERS,
        "token_only: no_trusted_authserv_id local_dkim_missing",
    );
    check(
        &mail(),
        &ALL_CARRIERS,
        "token_only: no_authentication_results local_dkim_missing",
    );
}

#[test]
fn a_trusted_pass_with_aligned_spf_is_standard_for_every_carrier() {
    check(&mail().says(&dmarc_and(SPF)), &ALL_CARRIERS, BY_SPF);
    let case =
        "SPF=Pass smtp.MailFrom=Bounce@Mail.CORP.example; DMARC=Pass\r\n\theader.From=Corp.Example";
    check(&mail().says(case), &ALL_CARRIERS, BY_SPF);
}

#[test]
fn a_field_the_sender_wrote_is_not_our_servers() {
    let nothing = "token_only: no_authentication_results local_dkim_missing";
    let field = |id: &str| format!("Authentication-Results: {id}; {}", dmarc_and(SPF));
    check(
        &mail().bottom(field("mx.ours.example")),
        &ALL_CARRIERS,
        nothing,
    );
    check(
        &mail().top(field("mx.ours.example")).top("Received: x"),
        &ALL_CARRIERS,
        nothing,
    );
    check(
        &mail().top(field("mx.evil.example")),
        &ALL_CARRIERS,
        nothing,
    );
    check(
        &mail().top(field("mx.evil.example (mx.ours.example)")),
        &ALL_CARRIERS,
        nothing,
    );
    check(
        &mail()
            .top(field("mx.evil.example"))
            .bottom(field("mx.ours.example")),
        &ALL_CARRIERS,
        nothing,
    );
    check(
        &mail().says(&dmarc_and(SPF)).without("Received"),
        &ALL_CARRIERS,
        nothing,
    );
}

#[test]
fn a_dmarc_fail_of_our_server_outweighs_everything() {
    let failed = "token_only: dmarc_failed";
    check(
        &mail().says("dmarc=fail header.from=corp.example"),
        &ALL_CARRIERS,
        failed,
    );
    check(
        &mail().says("dmarc=fail (dmarc=pass header.from=corp.example)"),
        &ALL_CARRIERS,
        failed,
    );
    check(
        &mail().says(&dmarc_and(SPF)).says("dmarc=fail"),
        &ALL_CARRIERS,
        failed,
    );
    check(
        &mail().says("dmarc=fail").says(&dmarc_and(SPF)),
        &ALL_CARRIERS,
        failed,
    );
    check(
        &mail().says(&format!("{DMARC}; dmarc=fail; {SPF}")),
        &ALL_CARRIERS,
        failed,
    );
    check(
        &mail().says("dmarc=fail").signed(&[], PASS),
        &ALL_CARRIERS,
        failed,
    );
    // A stranger's field below our own says nothing, neither way.
    let stranger = "Authentication-Results: mx.ours.example; dmarc=fail";
    check(
        &mail().says(&dmarc_and(SPF)).bottom(stranger),
        &ALL_CARRIERS,
        BY_SPF,
    );
}

#[test]
fn dmarc_must_be_an_exact_pass_about_our_from() {
    for (dmarc, reason) in [
        (
            "dmarc=bestguesspass header.from=corp.example",
            "dmarc_not_pass",
        ),
        ("dmarc=none header.from=corp.example", "dmarc_not_pass"),
        ("dmarc=temperror header.from=corp.example", "dmarc_not_pass"),
        (
            "dmarc=none (dmarc=pass) header.from=corp.example",
            "dmarc_not_pass",
        ),
        (
            "dmarc=pass header.from=corp.example; dmarc=none",
            "dmarc_not_pass",
        ),
        (
            "dmarc=pass header.from=evil.example",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass header.from=mail.corp.example",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass header.from=example",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass (header.from=corp.example)",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass header.from=corp.example header.from=corp.example",
            "dmarc_header_from_differs",
        ),
        (
            "dmarc=pass header.from=corp.example; dmarc=pass header.from=evil.example",
            "dmarc_header_from_differs",
        ),
        (
            "(dmarc=pass header.from=corp.example) x=pass",
            "dmarc_missing",
        ),
        ("arc=pass header.from=corp.example", "dmarc_missing"),
        (
            "dmarc=pass header.from=corp.example (",
            "authentication_results_unreadable",
        ),
    ] {
        let expected = format!("token_only: {reason} local_dkim_missing");
        check(
            &mail().says(&format!("{SPF}; {dmarc}")),
            &ALL_CARRIERS,
            &expected,
        );
    }
    let two = mail().says(&dmarc_and(SPF)).says("dmarc=permerror");
    check(
        &two,
        &ALL_CARRIERS,
        "token_only: dmarc_not_pass local_dkim_missing",
    );
    let broken = mail().says(&dmarc_and(SPF)).says("dmarc");
    check(
        &broken,
        &ALL_CARRIERS,
        "token_only: authentication_results_unreadable local_dkim_missing",
    );
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
        check(&mail().says(&dmarc_and(spf)), &ALL_CARRIERS, NOT_SIGNED);
    }
    check(&mail().says(DMARC).says(SPF), &ALL_CARRIERS, NOT_SIGNED);
    check(
        &mail()
            .says(&dmarc_and(SPF))
            .says("spf=fail smtp.mailfrom=x.example"),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
    check(
        &mail().says(&dmarc_and(SPF)).says("spf=neutral"),
        &ALL_CARRIERS,
        BY_SPF,
    );
}

const DKIM: &str = "dkim=pass header.d=corp.example header.s=s1";

#[test]
fn a_named_signature_covers_what_it_signs() {
    let with = |h: &str| mail().says(&dmarc_and(DKIM)).bottom(signature(&[("h", h)]));
    check(
        &with("from:to:in-reply-to:references"),
        &ALL_CARRIERS,
        BY_DKIM,
    );
    // Microsoft 365 signs none of the fields that could carry a token.
    let microsoft = with("From:Date:Subject:Message-ID:Content-Type:MIME-Version");
    check(&microsoft, &[Carrier::Body], BY_DKIM);
    check(
        &microsoft,
        &[
            Carrier::ReplyToAddress,
            Carrier::InReplyTo,
            Carrier::References,
        ],
        NOT_SIGNED,
    );
    check(
        &with("from:to"),
        &[Carrier::ReplyToAddress, Carrier::Body],
        BY_DKIM,
    );
    check(
        &with("from:to"),
        &[Carrier::InReplyTo, Carrier::References],
        NOT_SIGNED,
    );
    check(&with("from:in-reply-to"), &[Carrier::InReplyTo], BY_DKIM);
    check(
        &with("from:in-reply-to"),
        &[Carrier::References],
        NOT_SIGNED,
    );
    check(&with("from:references"), &[Carrier::References], BY_DKIM);
    check(&with("from:references"), &[Carrier::InReplyTo], NOT_SIGNED);
    check(
        &with("to:in-reply-to:references"),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
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
        check(
            &named,
            &ALL_CARRIERS,
            if sound { BY_DKIM } else { NOT_SIGNED },
        );
    }
    let sha1 = signature(&[("a", "rsa-sha1"), ("bh", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")]);
    check(
        &mail().says(&dmarc_and(DKIM)).bottom(sha1),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
    let foreign = "dkim=pass header.d=evil.example header.s=s1";
    check(
        &mail()
            .says(&dmarc_and(foreign))
            .bottom(signature(&[("d", "evil.example")])),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
    check(&mail().says(&dmarc_and(DKIM)), &ALL_CARRIERS, NOT_SIGNED);
}

#[test]
fn a_signature_must_be_named_well_enough() {
    for (dkim, expected) in [
        (
            "dkim=pass header.d=corp.example header.s=s1 header.b=AbCdEfGh",
            BY_DKIM,
        ),
        (
            "dkim=pass header.i=@corp.example header.s=S1 header.b=AbCdEfGh",
            BY_DKIM,
        ),
        (
            "dkim=pass header.i=@mail.corp.example header.s=s1",
            NOT_SIGNED,
        ),
        (
            "dkim=pass header.d=corp.example header.s=s1 header.b=aBcDeFgH",
            NOT_SIGNED,
        ),
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
        (
            "dkim=pass header.d=corp.example header.s=s1; dkim=fail",
            NOT_SIGNED,
        ),
        (
            "dkim=pass header.d=corp.example header.s=s1; dkim=fail header.d=list.example",
            BY_DKIM,
        ),
        (
            "dkim=fail header.d=list.example; dkim=pass header.d=corp.example header.s=s1",
            BY_DKIM,
        ),
    ] {
        check(
            &mail().says(&dmarc_and(dkim)).bottom(signature(&[])),
            &ALL_CARRIERS,
            expected,
        );
    }
    check(
        &mail().says(DMARC).says(DKIM).bottom(signature(&[])),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
    let disputed = mail()
        .says(&dmarc_and(DKIM))
        .says("dkim=fail header.d=corp.example");
    check(&disputed.bottom(signature(&[])), &ALL_CARRIERS, NOT_SIGNED);
}

#[test]
fn a_second_signature_of_the_same_name_cannot_widen_a_replayed_one() {
    let genuine = signature(&[("h", "from:subject:date"), ("b", "GenuineGenuine")]);
    let forged = signature(&[("b", "GenuineForged")]);
    let replay = || mail().says(&dmarc_and(DKIM)).without("Sender");
    let headers = [
        Carrier::ReplyToAddress,
        Carrier::InReplyTo,
        Carrier::References,
    ];
    check(
        &replay().bottom(&genuine).bottom(&forged),
        &headers,
        NOT_SIGNED,
    );
    check(
        &replay().bottom(&forged).bottom(&genuine),
        &headers,
        NOT_SIGNED,
    );
    let by_start = format!("{DKIM} header.b=GenuineG");
    check(
        &mail()
            .says(&dmarc_and(&by_start))
            .bottom(&genuine)
            .bottom(&forged),
        &headers,
        NOT_SIGNED,
    );
    // The server may have read what we cannot read.
    let unreadable = format!("{genuine}; d=corp.example");
    check(
        &replay().bottom(&forged).bottom(unreadable),
        &ALL_CARRIERS,
        NOT_SIGNED,
    );
    let many = (0..10).fold(replay().bottom(&forged), |mail, n| {
        mail.bottom(signature(&[("s", &format!("x{n}"))]))
    });
    check(
        &many,
        &headers,
        "token_only: token_not_signed too_many_signatures",
    );
    let ten = (0..9).fold(replay().bottom(&forged), |mail, n| {
        mail.bottom(signature(&[("s", &format!("x{n}"))]))
    });
    check(&ten, &headers, BY_DKIM);
}

#[test]
fn fields_put_on_top_after_signing_are_not_covered() {
    for name in ["Subject", "Date"] {
        let line = format!("{name}: another");
        check(
            &mail()
                .says(&dmarc_and(DKIM))
                .bottom(signature(&[]))
                .bottom(&line),
            &ALL_CARRIERS,
            NOT_SIGNED,
        );
        let repeated = "token_only: local_dkim_header_repeated no_authentication_results";
        check(
            &mail().top(&line).signed(&[], PASS),
            &ALL_CARRIERS,
            repeated,
        );
        check(
            &mail().top(line.to_uppercase()).signed(&[], PASS),
            &ALL_CARRIERS,
            repeated,
        );
    }
    let oversigned = [(
        "h",
        "from:from:to:to:subject:subject:in-reply-to:references",
    )];
    check(
        &mail().signed(&oversigned, PASS),
        &ALL_CARRIERS,
        "strict local_dkim",
    );
    check(
        &mail().top("Subject: another").signed(&oversigned, PASS),
        &[Carrier::Body],
        "strict local_dkim",
    );
    check(
        &mail().top("Comments: unsigned").signed(&[], PASS),
        &ALL_CARRIERS,
        "strict local_dkim",
    );
}

#[test]
fn what_stands_twice_is_nobodys() {
    let whole = || {
        mail()
            .says(&dmarc_and(SPF))
            .signed(&[("h", "from:from:to:to:in-reply-to:references")], PASS)
    };
    check(&whole(), &ALL_CARRIERS, "strict local_dkim");
    check(
        &whole().top("From: Ana <ana@corp.example>"),
        &ALL_CARRIERS,
        "token_only: from_not_single",
    );
    check(
        &whole().without("From"),
        &ALL_CARRIERS,
        "token_only: from_not_single",
    );
    let to = whole().top("To: access+other@ours.example");
    check(
        &to,
        &[Carrier::ReplyToAddress],
        "token_only: carrier_not_single",
    );
    check(
        &to,
        &[Carrier::Body, Carrier::InReplyTo, Carrier::References],
        "strict local_dkim",
    );
    for (carrier, name) in [
        (Carrier::ReplyToAddress, "To"),
        (Carrier::InReplyTo, "In-Reply-To"),
        (Carrier::References, "References"),
    ] {
        check(
            &whole().without(name),
            &[carrier],
            "token_only: carrier_not_single",
        );
        check(
            &whole().without(name),
            &[Carrier::Body],
            "strict local_dkim",
        );
    }
    let content = whole().bottom("content-type: text/html");
    check(
        &content,
        &ALL_CARRIERS,
        "token_only: content_field_repeated",
    );
    let once = whole()
        .bottom("MIME-Version: 1.0")
        .bottom("Content-Transfer-Encoding: 8bit");
    check(&once, &ALL_CARRIERS, "strict local_dkim");
    check(
        &once.bottom("Content-Transfer-Encoding: base64"),
        &ALL_CARRIERS,
        "token_only: content_field_repeated",
    );
}

#[test]
fn a_verified_signature_covers_what_it_signs() {
    let none = "token_only: token_not_signed no_authentication_results";
    let microsoft = mail().signed(
        &[(
            "h",
            "From:Date:Subject:Message-ID:Content-Type:MIME-Version",
        )],
        PASS,
    );
    check(&microsoft, &[Carrier::Body], "strict local_dkim");
    check(
        &microsoft,
        &[
            Carrier::ReplyToAddress,
            Carrier::InReplyTo,
            Carrier::References,
        ],
        none,
    );
    let to = mail().signed(&[("h", "from:to")], PASS);
    check(
        &to,
        &[Carrier::ReplyToAddress, Carrier::Body],
        "strict local_dkim",
    );
    check(&to, &[Carrier::InReplyTo, Carrier::References], none);
    let fails = mail().signed(&[("h", "from:to")], LocalResult::Fail);
    check(
        &fails,
        &ALL_CARRIERS,
        "token_only: local_dkim_failed no_authentication_results",
    );
}

#[test]
fn a_verified_signature_must_keep_our_rules() {
    let pass = |key_bits| LocalResult::Pass {
        key_bits,
        testing: false,
    };
    for (tags, result, expected) in [
        (vec![], PASS, "strict local_dkim"),
        (
            vec![("d", "Corp.Example"), ("s", "S1")],
            PASS,
            "strict local_dkim",
        ),
        (
            vec![],
            pass(2047),
            "standard local_dkim: local_dkim_key_too_short_for_strict",
        ),
        (
            vec![],
            pass(1024),
            "standard local_dkim: local_dkim_key_too_short_for_strict",
        ),
        (vec![], pass(1023), "token_only: local_dkim_key_too_short"),
        (vec![], pass(0), "token_only: local_dkim_key_too_short"),
        (
            vec![("a", "ed25519-sha256")],
            pass(256),
            "strict local_dkim",
        ),
        (vec![("a", "ed25519-sha256")], pass(0), "strict local_dkim"),
        (
            vec![("d", "mail.corp.example")],
            PASS,
            "standard local_dkim: local_dkim_domain_not_identical",
        ),
        (
            vec![("d", "evil.example")],
            PASS,
            "token_only: local_dkim_not_aligned",
        ),
        (
            vec![("d", "evil.example")],
            LocalResult::TempError,
            "token_only: local_dkim_not_aligned",
        ),
        (vec![], LocalResult::Fail, "token_only: local_dkim_failed"),
        (
            vec![],
            LocalResult::TempError,
            "token_only: local_dkim_temp_error",
        ),
        (
            vec![("h", "from")],
            LocalResult::TempError,
            "token_only: token_not_signed",
        ),
        (
            vec![],
            LocalResult::Pass {
                key_bits: 2048,
                testing: true,
            },
            "token_only: local_dkim_key_testing",
        ),
        (
            vec![("a", "rsa-sha1"), ("bh", "2jmj7l5rSw0yVb/vlWAYkK/YBwk=")],
            PASS,
            "token_only: local_dkim_weak_algorithm",
        ),
        (
            vec![("a", "rsa-sha512")],
            PASS,
            "token_only: local_dkim_weak_algorithm",
        ),
        (vec![("l", "0")], PASS, "token_only: local_dkim_body_length"),
        (
            vec![("l", "9999")],
            PASS,
            "token_only: local_dkim_body_length",
        ),
        (vec![("x", "1800000001")], PASS, "strict local_dkim"),
        (
            vec![("x", "1800000000")],
            PASS,
            "token_only: local_dkim_expired",
        ),
        (
            vec![("x", "1799999999")],
            PASS,
            "token_only: local_dkim_expired",
        ),
        (
            vec![("h", "to:in-reply-to:references")],
            PASS,
            "token_only: local_dkim_from_not_signed",
        ),
        (vec![("v", "2")], PASS, "token_only: local_dkim_unreadable"),
    ] {
        let expected = match expected.starts_with("token_only") {
            true => format!("{expected} no_authentication_results"),
            false => expected.to_owned(),
        };
        check(
            &mail().signed(&tags, result),
            &[Carrier::ReplyToAddress],
            &expected,
        );
    }
}

#[test]
fn the_verifier_and_we_must_have_read_the_same() {
    let sign = || mail().bottom(signature(&[]));
    let none = "token_only: local_dkim_disagrees no_authentication_results";
    check(
        &sign().local(verified(PASS)),
        &ALL_CARRIERS,
        "strict local_dkim",
    );
    let other = |change: fn(&mut LocalDkim)| {
        let mut local = verified(PASS);
        change(&mut local);
        sign().local(local)
    };
    check(
        &other(|local| local.domain = "evil.example".to_owned()),
        &ALL_CARRIERS,
        none,
    );
    check(
        &other(|local| local.domain = "a b".to_owned()),
        &ALL_CARRIERS,
        none,
    );
    check(
        &other(|local| local.selector = "s2".to_owned()),
        &ALL_CARRIERS,
        none,
    );
    check(
        &other(|local| local.algorithm = Algorithm::Ed25519Sha256),
        &ALL_CARRIERS,
        none,
    );
    let nowhere = other(|local| local.signature = 1);
    check(
        &nowhere,
        &ALL_CARRIERS,
        "token_only: local_dkim_unreadable no_authentication_results",
    );
}

#[test]
fn of_several_signatures_the_best_counts() {
    let second = |local: LocalDkim| LocalDkim {
        signature: 1,
        ..local
    };
    let list = LocalDkim {
        domain: "list.example".to_owned(),
        ..verified(PASS)
    };
    let both = mail()
        .bottom(signature(&[("d", "list.example")]))
        .bottom(signature(&[]))
        .local(list)
        .local(second(verified(PASS)));
    check(&both, &ALL_CARRIERS, "strict local_dkim");
    assert_eq!(
        both.proof(Carrier::Body).by,
        Some(Means::LocalDkim { signature: 1 })
    );
    let weak = LocalResult::Pass {
        key_bits: 1024,
        testing: false,
    };
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
    let eleven = (0..10).fold(mail().signed(&[], PASS), |mail, _| {
        mail.bottom(signature(&[("s", "x")]))
    });
    check(
        &eleven,
        &ALL_CARRIERS,
        "token_only: too_many_signatures no_authentication_results",
    );
    check(
        &eleven.says(&dmarc_and(SPF)),
        &ALL_CARRIERS,
        "standard trusted_spf: too_many_signatures",
    );
}

#[test]
fn either_road_alone_is_enough_for_standard() {
    let spf = || mail().says(&dmarc_and(SPF));
    check(
        &spf().signed(&[], LocalResult::Fail),
        &ALL_CARRIERS,
        "standard trusted_spf: local_dkim_failed",
    );
    check(&spf().signed(&[], PASS), &ALL_CARRIERS, "strict local_dkim");
    let none = mail().says("dmarc=none");
    check(&none.signed(&[], PASS), &ALL_CARRIERS, "strict local_dkim");
    let uncovered = spf().signed(&[("h", "from")], PASS);
    check(
        &uncovered,
        &[Carrier::ReplyToAddress],
        "standard trusted_spf: token_not_signed",
    );
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
        check(
            &mail().bottom(line).signed(&[], PASS),
            &ALL_CARRIERS,
            expected,
        );
    }
    let twice = mail()
        .bottom("Sender: ana@corp.example")
        .bottom("Sender: ana@corp.example");
    check(&twice.signed(&[], PASS), &ALL_CARRIERS, differs);
}

#[test]
fn the_reason_is_told_only_below_what_is_needed() {
    let proven = mail()
        .says(&dmarc_and(SPF))
        .signed(&[], LocalResult::TempError)
        .proof(Carrier::Body);
    assert_eq!(proven.level, Proof::Standard);
    assert_eq!(proven.reason_below(Proof::Standard), None);
    assert_eq!(
        proven.reason_below(Proof::Strict),
        Some(Shortfall::LocalDkimTempError)
    );
    assert!(!proven.is_undecided(Proof::Standard));
    assert!(proven.is_undecided(Proof::Strict));
    let failed = mail().signed(&[], LocalResult::Fail).proof(Carrier::Body);
    assert_eq!(failed.reason_below(Proof::TokenOnly), None);
    assert_eq!(
        failed.reason_below(Proof::Standard),
        Some(Shortfall::LocalDkimFailed)
    );
    assert!(!failed.is_undecided(Proof::Strict));
}

proptest! {
    #[test]
    fn a_mail_that_only_strangers_wrote_is_never_proven(
        lines in proptest::collection::vec(
            "(Authentication-Results|DKIM-Signature|To|From|Sender|Subject): (mx.ours.example; |dmarc=pass |header.from=corp.example|spf=pass |smtp.mailfrom=corp.example; |d=corp.example; |.){0,8}",
            0..6,
        ),
    ) {
        let stranger = lines.into_iter().fold(mail(), Mail::bottom);
        for carrier in ALL_CARRIERS {
            let proven = stranger.proof(carrier);
            prop_assert_eq!(proven.level, Proof::TokenOnly);
            prop_assert!(proven.reason_below(Proof::Standard).is_some());
        }
    }

    #[test]
    fn any_field_of_our_server_that_says_fail_leaves_nothing_proven(before in "(; (spf|dkim)=(pass|none)){0,3}") {
        let failed = mail().says(&format!("x=pass{before}; dmarc=fail")).says(&dmarc_and(SPF)).signed(&[], PASS);
        for carrier in ALL_CARRIERS {
            prop_assert_eq!(failed.proof(carrier).level, Proof::TokenOnly);
        }
    }
}

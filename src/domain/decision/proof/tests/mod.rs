//! The proof table: one row a case, each ending in a level, what proved it,
//! and the reasons why it is not more.

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::*;
use crate::domain::message::authentication::Algorithm;

mod local;
mod server;

const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const EVERY: &[Carrier] =
    &[Carrier::ReplyToAddress, Carrier::InReplyTo, Carrier::References, Carrier::Body];

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
    let tags: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("DKIM-Signature: {}", tags.join("; "))
}

const PASS: LocalResult = LocalResult::Pass { key_bits: 2048, testing: false };

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
        self.lines.retain(|line| !line.starts_with(&format!("{name}:")));
        self
    }

    /// One of our server's fields, on top.
    fn says(self, results: &str) -> Self {
        self.top(format!("Authentication-Results: mx.ours.example; {results}"))
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
            .map(|(name, value)| Header { name: name.to_owned(), value: value.to_owned() })
            .collect();
        let from = EmailAddress::parse("Ana@corp.example").unwrap();
        proof(&Evidence::gather(&headers, &from, &self.ids, &self.local, at()), carrier)
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
            let codes: Vec<&str> =
                proven.shortfalls.iter().map(|shortfall| shortfall.code()).collect();
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

const DKIM: &str = "dkim=pass header.d=corp.example header.s=s1";

#[test]
fn fields_put_on_top_after_signing_are_not_covered() {
    for name in ["Subject", "Date"] {
        let line = format!("{name}: another");
        check(
            &mail().says(&dmarc_and(DKIM)).bottom(signature(&[])).bottom(&line),
            EVERY,
            NOT_SIGNED,
        );
        let repeated = "token_only: local_dkim_header_repeated no_authentication_results";
        check(&mail().top(&line).signed(&[], PASS), EVERY, repeated);
        check(&mail().top(line.to_uppercase()).signed(&[], PASS), EVERY, repeated);
    }
    let oversigned = [("h", "from:from:to:to:subject:subject:in-reply-to:references")];
    check(&mail().signed(&oversigned, PASS), EVERY, "strict local_dkim");
    check(
        &mail().top("Subject: another").signed(&oversigned, PASS),
        &[Carrier::Body],
        "strict local_dkim",
    );
    check(&mail().top("Comments: unsigned").signed(&[], PASS), EVERY, "strict local_dkim");
}

#[test]
fn what_stands_twice_is_nobodys() {
    let whole = || {
        mail()
            .says(&dmarc_and(SPF))
            .signed(&[("h", "from:from:to:to:in-reply-to:references")], PASS)
    };
    check(&whole(), EVERY, "strict local_dkim");
    check(&whole().top("From: Ana <ana@corp.example>"), EVERY, "token_only: from_not_single");
    // RFC 5322 §4.5 once allowed the space; some readers still take it.
    check(&whole().top("FROM : Eve <eve@evil.example>"), EVERY, "token_only: from_not_single");
    check(&whole().without("From"), EVERY, "token_only: from_not_single");
    let to = whole().top("To: access+other@ours.example");
    check(&to, &[Carrier::ReplyToAddress], "token_only: carrier_not_single");
    check(&to, &[Carrier::Body, Carrier::InReplyTo, Carrier::References], "strict local_dkim");
    for (carrier, name) in [
        (Carrier::ReplyToAddress, "To"),
        (Carrier::InReplyTo, "In-Reply-To"),
        (Carrier::References, "References"),
    ] {
        check(&whole().without(name), &[carrier], "token_only: carrier_not_single");
        check(&whole().without(name), &[Carrier::Body], "strict local_dkim");
    }
    let content = whole().bottom("content-type: text/html");
    check(&content, EVERY, "token_only: content_field_repeated");
    let once = whole().bottom("MIME-Version: 1.0").bottom("Content-Transfer-Encoding: 8bit");
    check(&once, EVERY, "strict local_dkim");
    check(
        &once.bottom("Content-Transfer-Encoding: base64"),
        EVERY,
        "token_only: content_field_repeated",
    );
}

#[test]
fn either_road_alone_is_enough_for_standard() {
    let spf = || mail().says(&dmarc_and(SPF));
    check(&spf().signed(&[], LocalResult::Fail), EVERY, "standard trusted_spf: local_dkim_failed");
    check(&spf().signed(&[], PASS), EVERY, "strict local_dkim");
    let none = mail().says("dmarc=none");
    check(&none.signed(&[], PASS), EVERY, "strict local_dkim");
    let uncovered = spf().signed(&[("h", "from")], PASS);
    check(&uncovered, &[Carrier::ReplyToAddress], "standard trusted_spf: token_not_signed");
}

#[test]
fn the_reason_is_told_only_below_what_is_needed() {
    let proven =
        mail().says(&dmarc_and(SPF)).signed(&[], LocalResult::TempError).proof(Carrier::Body);
    assert_eq!(proven.level, Proof::Standard);
    assert_eq!(proven.reason_below(Proof::Standard), None);
    assert_eq!(proven.reason_below(Proof::Strict), Some(Shortfall::LocalDkimTempError));
    assert!(!proven.is_undecided(Proof::Standard));
    assert!(proven.is_undecided(Proof::Strict));
    let failed = mail().signed(&[], LocalResult::Fail).proof(Carrier::Body);
    assert_eq!(failed.reason_below(Proof::TokenOnly), None);
    assert_eq!(failed.reason_below(Proof::Standard), Some(Shortfall::LocalDkimFailed));
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
        for carrier in EVERY {
            let proven = stranger.proof(*carrier);
            prop_assert_eq!(proven.level, Proof::TokenOnly);
            prop_assert!(proven.reason_below(Proof::Standard).is_some());
        }
    }

    #[test]
    fn any_field_of_our_server_that_says_fail_leaves_nothing_proven(before in "(; (spf|dkim)=(pass|none)){0,3}") {
        let failed = mail().says(&format!("x=pass{before}; dmarc=fail")).says(&dmarc_and(SPF)).signed(&[], PASS);
        for carrier in EVERY {
            prop_assert_eq!(failed.proof(*carrier).level, Proof::TokenOnly);
        }
    }
}

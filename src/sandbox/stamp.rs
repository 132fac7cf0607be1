//! What the server writes on top of a mail it took: where it came from and
//! what it thinks of the sender (RFC 8601). Fields that claim to be its own
//! are taken off first (§5): a reader believes them.

use chrono::{DateTime, Utc};

use crate::domain::address::EmailAddress;

/// How a mail came in.
pub(super) struct Arrival<'a> {
    /// None: the null path.
    pub mail_from: Option<&'a EmailAddress>,
    /// The name the client gave in EHLO.
    pub helo: &'a str,
    /// Who logged in.
    pub author: Option<&'a EmailAddress>,
    pub at: DateTime<Utc>,
}

/// The mail as it is put into a mailbox of the server `authserv_id`.
pub(super) fn stamped(raw: &[u8], arrival: &Arrival<'_>, authserv_id: &str) -> Vec<u8> {
    let (fields, body) = header_fields(raw);
    let mut out = Vec::with_capacity(raw.len() + 512);
    let return_path = arrival.mail_from.map(ToString::to_string).unwrap_or_default();
    let from = from_domain(&fields);
    let top = format!(
        "Return-Path: <{return_path}>\r\n\
        Authentication-Results: {authserv_id};{}{}\r\n\
        Received: from {} (localhost [127.0.0.1])\r\n\tby {authserv_id} with {};\r\n\t{}\r\n",
        spf(arrival),
        dmarc(arrival, &from),
        only_name(arrival.helo),
        if arrival.author.is_some() { "ESMTPA" } else { "ESMTP" },
        arrival.at.to_rfc2822(),
    );
    out.extend_from_slice(top.as_bytes());
    for field in fields {
        if !claims_to_be_ours(field, authserv_id) {
            out.extend_from_slice(field);
        }
    }
    out.extend_from_slice(body);
    out
}

/// The server names its own domain as the place its users' mail comes from;
/// whoever did not log in comes from somewhere else.
fn spf(arrival: &Arrival<'_>) -> String {
    match (arrival.mail_from, arrival.author) {
        (None, _) => format!("\r\n\tspf=none smtp.helo={}", only_name(arrival.helo)),
        (Some(from), Some(author)) if from.domain() == author.domain() => {
            format!("\r\n\tspf=pass smtp.mailfrom={}", from.domain())
        }
        (Some(from), _) => format!("\r\n\tspf=fail smtp.mailfrom={}", from.domain()),
    }
}

/// A domain vouches for its own users, whatever name stands before the `@`:
/// DMARC proves a domain, never a person.
fn dmarc(arrival: &Arrival<'_>, from: &Option<String>) -> String {
    let Some(from) = from else { return ";\r\n\tdmarc=permerror".to_owned() };
    let vouched = arrival.author.is_some_and(|author| author.domain() == from);
    let result = if vouched { "pass" } else { "fail" };
    format!(";\r\n\tdmarc={result} header.from={from}")
}

/// The domain of the only From; none where there is not exactly one.
fn from_domain(fields: &[&[u8]]) -> Option<String> {
    let mut froms = fields.iter().filter(|field| is_called(field, "from"));
    let (Some(field), None) = (froms.next(), froms.next()) else { return None };
    let text = String::from_utf8_lossy(field);
    let (_, value) = text.split_once(':')?;
    let address = match value.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => value,
    };
    EmailAddress::parse(address.trim()).ok().map(|address| address.domain().to_owned())
}

fn claims_to_be_ours(field: &[u8], authserv_id: &str) -> bool {
    if is_called(field, "return-path") {
        return true;
    }
    let text = String::from_utf8_lossy(field).to_ascii_lowercase();
    is_called(field, "authentication-results") && text.contains(&authserv_id.to_ascii_lowercase())
}

fn is_called(field: &[u8], name: &str) -> bool {
    let end = field.iter().position(|&octet| octet == b':').unwrap_or(0);
    field.get(..end).unwrap_or_default().trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
}

/// The fields, each with its folded lines, and the rest from the empty line on.
fn header_fields(raw: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in raw.split_inclusive(|&octet| octet == b'\n') {
        let continues = matches!(line.first(), Some(b' ' | b'\t'));
        if !continues && start < at {
            fields.push(raw.get(start..at).unwrap_or_default());
            start = at;
        }
        if line.trim_ascii_end().is_empty() && !continues {
            return (fields, raw.get(at..).unwrap_or_default());
        }
        at += line.len();
    }
    fields.push(raw.get(start..at).unwrap_or_default());
    (fields, b"")
}

/// A client may call itself anything; what is no host name is not repeated.
fn only_name(helo: &str) -> &str {
    let fits = !helo.is_empty()
        && helo.len() <= 100
        && helo.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b));
    if fits { helo } else { "unknown" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(written: &str) -> EmailAddress {
        EmailAddress::parse(written).unwrap()
    }

    fn check(
        raw: &str,
        mail_from: Option<&str>,
        author: Option<&str>,
        expected: &[&str],
    ) -> String {
        let (mail_from, author) = (mail_from.map(address), author.map(address));
        let arrival = Arrival {
            mail_from: mail_from.as_ref(),
            helo: "laptop",
            author: author.as_ref(),
            at: DateTime::UNIX_EPOCH,
        };
        let found = stamped(raw.as_bytes(), &arrival, "mx.x.test");
        let found = String::from_utf8(found).unwrap();
        for part in expected {
            assert!(found.contains(part), "{part} in {found}");
        }
        found
    }

    const MAIL: &str = "From: Ana <ana@x.test>\r\nSubject: a\r\n\r\nhello\r\n";

    #[test]
    fn who_logged_in_is_vouched_for() {
        let pass = ["spf=pass smtp.mailfrom=x.test", "dmarc=pass header.from=x.test"];
        let found = check(MAIL, Some("ana@x.test"), Some("ana@x.test"), &pass);
        assert!(found.ends_with(MAIL));
        let results = found.find("Authentication-Results").unwrap();
        assert!(results < found.find("Received").unwrap());
    }

    #[test]
    fn who_did_not_is_not() {
        let fail = ["spf=fail", "dmarc=fail header.from=x.test"];
        check(MAIL, Some("ana@x.test"), None, &fail);
        check(MAIL, Some("ana@y.test"), Some("ana@y.test"), &["spf=pass", "dmarc=fail"]);
        check(MAIL, None, None, &["Return-Path: <>", "spf=none", "dmarc=fail"]);
        let two = "From: ana@x.test\r\nFrom: bo@x.test\r\n\r\n";
        check(two, Some("ana@x.test"), Some("ana@x.test"), &["dmarc=permerror"]);
    }

    #[test]
    fn fields_that_claim_to_be_ours_are_taken_off() {
        let forged = "Authentication-Results: MX.x.test;\r\n dmarc=pass header.from=x.test\r\n\
            authentication-results : (hi) mx.x.test; spf=pass\r\n\
            Authentication-Results: elsewhere.test; dmarc=pass\r\nReturn-Path: <boss@x.test>\r\n";
        let found =
            check(&format!("{forged}{MAIL}"), Some("eve@y.test"), None, &["elsewhere.test"]);
        assert!(!found.contains("dmarc=pass header.from"), "{found}");
        assert!(!found.contains("boss@"), "{found}");
        assert_eq!(found.matches("mx.x.test").count(), 2, "{found}");
    }

    #[test]
    fn a_mail_without_a_body_keeps_its_header() {
        let found = check("From: ana@x.test\r\nSubject: last", Some("ana@x.test"), None, &[]);
        assert!(found.ends_with("Subject: last"));
    }
}

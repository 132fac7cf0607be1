//! Which Authentication-Results fields count, and what they say.
//!
//! Anybody can write such a field. One is believed only if it names a server
//! that was configured as ours and stands above the topmost Received: our
//! server puts its fields on top of what it received, so nothing the sender
//! wrote can stand there (RFC 8601 §5, §7.1). A mail without any Received has
//! no such place.

use super::results::{AuthenticationResults, MethodResult, ResultWord, authentication_results};
use crate::domain::{address::domain_name, message::header::Header};

/// What our own servers say about a mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trusted {
    /// Topmost first.
    pub fields: Vec<TrustedField>,
    /// One of our server's fields could not be read: it may hold a `fail`.
    pub has_unreadable: bool,
}

/// One field; what stands in one field was found out together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedField {
    /// Index into the mail's headers.
    pub position: usize,
    pub dmarc: Vec<DmarcSaid>,
    pub spf: Vec<SpfSaid>,
    pub dkim: Vec<DkimSaid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DmarcSaid {
    pub result: ResultWord,
    /// `header.from`: the domain that was looked at.
    pub from_domain: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpfSaid {
    pub result: ResultWord,
    /// The domain of `smtp.mailfrom`; none if it was the HELO name that was
    /// looked at, or the empty return path.
    pub mailfrom_domain: Option<String>,
}

/// Which signature a dkim result is about; a field names it by some of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSaid {
    pub result: ResultWord,
    /// `header.d`.
    pub domain: Option<String>,
    /// The domain of `header.i`.
    pub identity_domain: Option<String>,
    /// `header.s`, lower case.
    pub selector: Option<String>,
    /// `header.b`: the beginning of the signature (RFC 6008).
    pub signature_start: Option<String>,
}

/// What the configured servers say. Without any configured nothing does.
pub fn trusted(headers: &[Header], trusted_authserv_ids: &[String]) -> Trusted {
    let Some(top) = headers.iter().position(|header| header.is("Received")) else {
        return Trusted::default();
    };
    let above = headers.get(..top).unwrap_or_default();
    let ours: Vec<String> = trusted_authserv_ids.iter().map(|id| normalised(id)).collect();
    let mut trusted = Trusted::default();
    for AuthenticationResults { position, authserv_id, results } in authentication_results(above) {
        match (authserv_id, results) {
            (Some(id), _) if !ours.contains(&normalised(&id)) => {}
            (None, _) => {}
            (Some(_), None) => trusted.has_unreadable = true,
            (Some(_), Some(results)) => trusted.fields.push(TrustedField::of(position, &results)),
        }
    }
    trusted
}

impl TrustedField {
    fn of(position: usize, results: &[MethodResult]) -> Self {
        let of =
            |method: &'static str| results.iter().filter(move |result| result.method == method);
        Self {
            position,
            dmarc: of("dmarc").map(DmarcSaid::of).collect(),
            spf: of("spf").map(SpfSaid::of).collect(),
            dkim: of("dkim").map(DkimSaid::of).collect(),
        }
    }
}

impl DmarcSaid {
    fn of(said: &MethodResult) -> Self {
        Self { result: said.result, from_domain: said.domain("header", "from") }
    }
}

impl SpfSaid {
    fn of(said: &MethodResult) -> Self {
        Self { result: said.result, mailfrom_domain: said.domain("smtp", "mailfrom") }
    }
}

impl DkimSaid {
    fn of(said: &MethodResult) -> Self {
        Self {
            result: said.result,
            domain: said.domain("header", "d"),
            identity_domain: said.domain("header", "i"),
            selector: said.value("header", "s").map(str::to_ascii_lowercase),
            signature_start: said.value("header", "b").map(str::to_owned),
        }
    }
}

/// An authserv-id is mostly a domain name, but may be any word (RFC 8601 §2.5).
fn normalised(id: &str) -> String {
    let id = id.trim();
    domain_name(id.strip_suffix('.').unwrap_or(id)).unwrap_or_else(|_| id.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: &str =
        "Authentication-Results: mx.corp.example; dmarc=pass header.from=corp.example";

    fn headers(lines: &[&str]) -> Vec<Header> {
        lines
            .iter()
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| Header { name: name.to_owned(), value: value.to_owned() })
            .collect()
    }

    /// The positions of the fields that count, and whether one was unreadable.
    fn check(ids: &[&str], lines: &[&str], expected: &[usize], unreadable: bool) {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let trusted = trusted(&headers(lines), &ids);
        let positions: Vec<usize> = trusted.fields.iter().map(|field| field.position).collect();
        assert_eq!(
            (positions.as_slice(), trusted.has_unreadable),
            (expected, unreadable),
            "{lines:?}"
        );
    }

    #[test]
    fn only_configured_servers_above_the_topmost_received_count() {
        let received = "Received: from x by y";
        let ids = ["mx.corp.example"];
        check(&ids, &[PASS, received], &[0], false);
        check(&ids, &["Return-Path: <a@b>", PASS, PASS, "received: x", PASS], &[1, 2], false);
        check(&ids, &[received, PASS], &[], false);
        check(&ids, &[received, PASS, received], &[], false);
        check(&ids, &[PASS], &[], false);
        check(&[], &[PASS, received], &[], false);
        check(&["mx"], &[PASS, received], &[], false);
        check(&["corp.example"], &[PASS, received], &[], false);
        check(&["x.mx.corp.example"], &[PASS, received], &[], false);
        check(
            &ids,
            &["Authentication-Results: mx.corp.example.evil.example; dmarc=pass", received],
            &[],
            false,
        );
        check(&ids, &["Authentication-Results: spf=pass; dmarc=pass", received], &[], false);
        check(
            &ids,
            &["Authentication-Results: mx.evil.example (mx.corp.example); dmarc=pass", received],
            &[],
            false,
        );
        check(&ids, &["X-Received: x", PASS, received], &[1], false);
    }

    #[test]
    fn ids_are_compared_as_domains_are() {
        let field = |id| format!("Authentication-Results: {id}; dmarc=pass");
        for (id, written) in [
            ("MX.Corp.Example", "mx.corp.example"),
            ("mx.corp.example", "MX.CORP.EXAMPLE."),
            (" mx.corp.example ", "\"mx.corp.example\""),
            ("mx.b\u{fc}cher.example", "mx.xn--bcher-kva.example"),
            ("Mailhost_1", "mailhost_1"),
        ] {
            check(&[id], &[&field(written), "Received: x"], &[0], false);
        }
    }

    #[test]
    fn an_unreadable_field_of_ours_is_noticed_and_of_others_is_not() {
        let broken = "Authentication-Results: mx.corp.example; dmarc=pass (";
        let foreign = "Authentication-Results: mx.evil.example; dmarc=pass (";
        check(&["mx.corp.example"], &[broken, PASS, "Received: x"], &[1], true);
        check(&["mx.corp.example"], &[foreign, PASS, "Received: x"], &[1], false);
        check(&["mx.corp.example"], &[PASS, "Received: x", broken], &[0], false);
    }

    #[test]
    fn what_a_field_says_is_kept_together() {
        let lines = headers(&[
            "Authentication-Results: mx; spf=pass smtp.mailfrom=b@Bounce.Corp.Example; spf=none smtp.helo=x.example; \
             dkim=pass header.d=Corp.Example header.i=@eu.corp.example header.s=S1 header.b=AbC; \
             dmarc=fail header.from=corp.example; auth=pass smtp.auth=x",
            "Received: x",
        ]);
        let domain = |name: &str| Some(name.to_owned());
        assert_eq!(
            trusted(&lines, &["mx".to_owned()]).fields,
            [TrustedField {
                position: 0,
                dmarc: vec![DmarcSaid {
                    result: ResultWord::Fail,
                    from_domain: domain("corp.example")
                }],
                spf: vec![
                    SpfSaid {
                        result: ResultWord::Pass,
                        mailfrom_domain: domain("bounce.corp.example")
                    },
                    SpfSaid { result: ResultWord::None, mailfrom_domain: None },
                ],
                dkim: vec![DkimSaid {
                    result: ResultWord::Pass,
                    domain: domain("corp.example"),
                    identity_domain: domain("eu.corp.example"),
                    selector: domain("s1"),
                    signature_start: domain("AbC"),
                }],
            }]
        );
    }
}

//! What a certificate says of itself, for people: whose it is and until when.
//! Trust is not decided here; that is the TLS library's work, or the pin's.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, Utc};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// The certificate a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Of the DER form, lower-case hex: what an account may pin.
    pub sha256: String,
    /// The subject's common name, where it has one.
    pub common_name: Option<String>,
    pub expires_at: Option<DateTime<Utc>>,
}

impl PeerCertificate {
    pub fn of_der(der: &[u8]) -> Self {
        let facts = facts(der);
        Self {
            sha256: HEXLOWER.encode(&Sha256::digest(der)),
            common_name: facts.as_ref().and_then(|(_, name)| name.clone()),
            expires_at: facts.and_then(|(expires_at, _)| expires_at),
        }
    }
}

impl fmt::Display for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.common_name.as_deref().unwrap_or("a server without a common name");
        write!(f, "certificate of {name}")?;
        if let Some(at) = self.expires_at {
            write!(f, ", expires {}", at.format("%Y-%m-%d"))?;
        }
        write!(f, ", SHA-256 {}", self.sha256)
    }
}

// The few tags of X.690 that stand on the way.
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Walks to validity and subject (RFC 5280 §4.1).
fn facts(der: &[u8]) -> Option<(Option<DateTime<Utc>>, Option<String>)> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (mut rest, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, after)) = expect(rest, VERSION) {
        rest = after;
    }
    let (_serial, rest) = expect(rest, INTEGER)?;
    let (_signature, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (_, _, not_after) = element(validity)?;
    Some((element(not_after).and_then(|(tag, text, _)| time(tag, text)), common_name(subject)))
}

fn common_name(mut subject: &[u8]) -> Option<String> {
    let mut found = None;
    while let Some((set, after)) = expect(subject, SET) {
        subject = after;
        let (pair, _) = expect(set, SEQUENCE)?;
        let (kind, value) = expect(pair, OID)?;
        if kind == COMMON_NAME {
            let (_, text, _) = element(value)?;
            found = Some(String::from_utf8_lossy(text).into_owned());
        }
    }
    found
}

/// RFC 5280 §4.1.2.5: years 50 to 99 of UTCTime are of the last century.
fn time(tag: u8, text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    let written = match tag {
        GENERALIZED_TIME => text.to_owned(),
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => return None,
    };
    NaiveDateTime::parse_from_str(&written, "%Y%m%d%H%M%SZ").ok().map(|at| at.and_utc())
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, inside, after)| (inside, after))
}

/// Tag, contents, and what follows. Definite lengths only, as DER has them.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |sum, digit| (sum << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_tells_its_name_and_its_end() {
        let mut params = rcgen::CertificateParams::new(vec!["mail.x.test".into()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Corp");
        params.distinguished_name.push(rcgen::DnType::CommonName, "mail.x.test");
        params.not_after = rcgen::date_time_ymd(2051, 3, 4);
        let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let certificate = PeerCertificate::of_der(&der);
        assert_eq!(certificate.common_name.as_deref(), Some("mail.x.test"));
        assert_eq!(certificate.expires_at.unwrap().to_rfc3339(), "2051-03-04T00:00:00+00:00");
        assert_eq!(certificate.sha256.len(), 64);
        let said = certificate.to_string();
        assert!(said.starts_with("certificate of mail.x.test, expires 2051-03-04, SHA-256 "));
    }

    #[test]
    fn a_two_digit_year_is_of_the_right_century() {
        let year = |text: &str| time(UTC_TIME, text.as_bytes()).unwrap().format("%Y").to_string();
        assert_eq!(year("490101000000Z"), "2049");
        assert_eq!(year("500101000000Z"), "1950");
        assert_eq!(time(UTC_TIME, b"4"), None);
    }

    #[test]
    fn bytes_that_are_no_certificate_tell_nothing() {
        for der in [
            b"".as_slice(),
            b"\x30",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x80\x00\x00",
            b"\x30\x04\x30\x02\x02\x00",
        ] {
            let certificate = PeerCertificate::of_der(der);
            assert_eq!((certificate.common_name, certificate.expires_at), (None, None));
        }
    }
}

//! One DKIM-Signature field: what it claims to sign (RFC 6376 §3.5).
//!
//! Whether the claim is true is found out elsewhere; here the rule is that a
//! field which two parsers could read in two ways is none at all, or a
//! verifier would confirm one reading and we would act on the other.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use data_encoding::BASE64;

use super::is_within;
use crate::domain::{address::domain_name, message::header::Header};

/// A DKIM-Signature field in the order of the mail, topmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureField {
    /// Index into the mail's headers.
    pub position: usize,
    pub signature: Result<DkimSignature, NotASignature>,
}

/// What a well-formed field claims. It always has a body hash: without `bh=`
/// a field is not well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimSignature {
    /// `d=`, lower-case A-labels.
    pub domain: String,
    /// `s=`, lower case.
    pub selector: String,
    pub algorithm: Algorithm,
    /// `h=`, lower case, in order; a name that stands twice signs two fields.
    pub signed_headers: Vec<String>,
    /// `l=`: only so many octets of the body are signed.
    pub body_length: Option<u64>,
    /// The domain of `i=`; it is `domain` or lies below it.
    pub identity_domain: String,
    /// `t=`.
    pub signed_at: Option<DateTime<Utc>>,
    /// `x=`.
    pub expires_at: Option<DateTime<Utc>>,
    /// `b=`, base64 without white space.
    pub signature: String,
}

/// `a=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    RsaSha256,
    /// RFC 8463.
    Ed25519Sha256,
    /// RFC 8301 §3.1: must not be used.
    RsaSha1,
    Other,
}

/// Why a field says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotASignature {
    #[error("the field is no list of tags")]
    NoTagList,
    #[error("a tag stands twice")]
    RepeatedTag,
    #[error("the tag `{0}` is missing or has a value it cannot have")]
    Tag(&'static str),
}

/// Every DKIM-Signature field, read as far as it can be.
pub fn dkim_signatures(headers: &[Header]) -> Vec<SignatureField> {
    headers
        .iter()
        .enumerate()
        .filter(|(_, header)| header.is("DKIM-Signature"))
        .map(|(position, header)| SignatureField {
            position,
            signature: DkimSignature::parse(&header.value),
        })
        .collect()
}

impl DkimSignature {
    fn parse(value: &str) -> Result<Self, NotASignature> {
        let tags = Tags::parse(value)?;
        if tags.required("v")? != "1" {
            return Err(NotASignature::Tag("v"));
        }
        let algorithm = Algorithm::parse(tags.required("a")?);
        let domain = domain_name(tags.required("d")?).map_err(|_| NotASignature::Tag("d"))?;
        let signed_at = tags.moment("t")?;
        let expires_at = tags.moment("x")?;
        // RFC 6376 §3.5: `x=` must be greater than `t=` if both are there.
        if signed_at.zip(expires_at).is_some_and(|(signed_at, expires_at)| expires_at <= signed_at)
        {
            return Err(NotASignature::Tag("x"));
        }
        tags.body_hash(algorithm)?;
        Ok(Self {
            identity_domain: tags.identity_domain(&domain)?,
            selector: tags.selector()?,
            signed_headers: tags.signed_headers()?,
            body_length: tags.number("l")?,
            signature: tags.base64("b")?,
            domain,
            algorithm,
            signed_at,
            expires_at,
        })
    }
}

impl Algorithm {
    fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "rsa-sha256" => Self::RsaSha256,
            "ed25519-sha256" => Self::Ed25519Sha256,
            "rsa-sha1" => Self::RsaSha1,
            _ => Self::Other,
        }
    }
}

/// A tag list (RFC 6376 §3.2). Names are compared with regard to case.
struct Tags<'a>(HashMap<&'a str, &'a str>);

impl<'a> Tags<'a> {
    fn parse(value: &'a str) -> Result<Self, NotASignature> {
        let mut tags = HashMap::new();
        let value = value.trim_matches(is_fws);
        // One `;` may stand at the end.
        for spec in value.strip_suffix(';').unwrap_or(value).split(';') {
            let (name, value) = spec.split_once('=').ok_or(NotASignature::NoTagList)?;
            let (name, value) = (name.trim_matches(is_fws), value.trim_matches(is_fws));
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_name || value.contains(|c: char| c.is_control() && !is_fws(c)) {
                return Err(NotASignature::NoTagList);
            }
            if tags.insert(name, value).is_some() {
                return Err(NotASignature::RepeatedTag);
            }
        }
        Ok(Self(tags))
    }

    fn find(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    fn required(&self, name: &'static str) -> Result<&'a str, NotASignature> {
        self.find(name).filter(|value| !value.is_empty()).ok_or(NotASignature::Tag(name))
    }

    fn base64(&self, name: &'static str) -> Result<String, NotASignature> {
        let text: String = self.required(name)?.chars().filter(|c| !is_fws(*c)).collect();
        let is_base64 = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        if is_base64 { Ok(text) } else { Err(NotASignature::Tag(name)) }
    }

    /// `bh=` must be there, and as long as its hash is.
    fn body_hash(&self, algorithm: Algorithm) -> Result<(), NotASignature> {
        let hash = BASE64.decode(self.base64("bh")?.as_bytes());
        let length = hash.map_err(|_| NotASignature::Tag("bh"))?.len();
        let fits = match algorithm {
            Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => length == 32,
            Algorithm::RsaSha1 => length == 20,
            Algorithm::Other => true,
        };
        if fits { Ok(()) } else { Err(NotASignature::Tag("bh")) }
    }

    fn selector(&self) -> Result<String, NotASignature> {
        let selector = self.required("s")?.to_ascii_lowercase();
        let is_name = selector.split('.').all(|label| {
            !label.is_empty()
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c) || !c.is_ascii())
        });
        if is_name { Ok(selector) } else { Err(NotASignature::Tag("s")) }
    }

    fn signed_headers(&self) -> Result<Vec<String>, NotASignature> {
        let names = self.required("h")?.split(':').map(|name| {
            let name = name.trim_matches(is_fws);
            // RFC 5322 §3.6.8: printable ASCII without the colon.
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
            is_name.then(|| name.to_ascii_lowercase()).ok_or(NotASignature::Tag("h"))
        });
        names.collect()
    }

    /// RFC 6376 §3.5: the domain of `i=` must be that of `d=` or below it.
    fn identity_domain(&self, domain: &str) -> Result<String, NotASignature> {
        let Some(identity) = self.find("i") else {
            return Ok(domain.to_owned());
        };
        identity
            .rsplit_once('@')
            .and_then(|(_, identity)| domain_name(identity).ok())
            .filter(|identity| is_within(identity, domain))
            .ok_or(NotASignature::Tag("i"))
    }

    fn number(&self, name: &'static str) -> Result<Option<u64>, NotASignature> {
        let Some(value) = self.find(name) else {
            return Ok(None);
        };
        // `parse` alone would take a sign.
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        let number = value.parse().ok().filter(|_| digits);
        number.map(Some).ok_or(NotASignature::Tag(name))
    }

    fn moment(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, NotASignature> {
        let Some(seconds) = self.number(name)? else {
            return Ok(None);
        };
        let moment =
            i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        moment.map(Some).ok_or(NotASignature::Tag(name))
    }
}

/// Folding white space, folded or not.
fn is_fws(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn read(value: &str) -> Result<DkimSignature, NotASignature> {
        let headers = [
            Header { name: "From".to_owned(), value: "x".to_owned() },
            Header { name: "DKIM-SIGNATURE".to_owned(), value: value.to_owned() },
        ];
        let [field] = dkim_signatures(&headers).try_into().unwrap();
        assert_eq!(field.position, 1);
        field.signature
    }

    /// A good field with one tag replaced, added, or (value None) removed.
    fn with(name: &str, value: Option<&str>) -> Result<DkimSignature, NotASignature> {
        let mut tags = vec![
            ("v", "1"),
            ("a", "rsa-sha256"),
            ("d", "corp.example"),
            ("s", "s1"),
            ("h", "from:to"),
            ("bh", HASH),
            ("b", "AbCd"),
        ];
        tags.retain(|(tag, _)| *tag != name);
        tags.extend(value.map(|value| (name, value)));
        let tags: Vec<String> =
            tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        read(&tags.join("; "))
    }

    #[test]
    fn a_whole_field_is_read() {
        let value = format!(
            "v=1; a=RSA-SHA256; c=relaxed/simple; d=Corp.Example;\r\n\ts=S1.mail; t=1700000000; x=1700600000;\
             i=ana@eu.corp.example; l=10; q=dns/txt; z=x|y; h=From : To:\r\n to; bh={}; b=Ab\r\n\tCd==;",
            HASH.replace("+/", "\r\n +/")
        );
        assert_eq!(
            read(&value),
            Ok(DkimSignature {
                domain: "corp.example".to_owned(),
                selector: "s1.mail".to_owned(),
                algorithm: Algorithm::RsaSha256,
                signed_headers: vec!["from".to_owned(), "to".to_owned(), "to".to_owned()],
                body_length: Some(10),
                identity_domain: "eu.corp.example".to_owned(),
                signed_at: DateTime::from_timestamp(1_700_000_000, 0),
                expires_at: DateTime::from_timestamp(1_700_600_000, 0),
                signature: "AbCd==".to_owned(),
            })
        );
        let plain = with("b", Some("AbCd")).unwrap();
        assert_eq!((plain.body_length, plain.signed_at, plain.expires_at), (None, None, None));
        assert_eq!(plain.identity_domain, "corp.example");
    }

    #[test]
    fn a_missing_or_impossible_tag_is_named() {
        for name in ["v", "a", "d", "s", "h", "bh", "b"] {
            assert_eq!(with(name, None), Err(NotASignature::Tag(name)));
            assert_eq!(with(name, Some("")), Err(NotASignature::Tag(name)));
        }
        for (name, value) in [
            ("v", "2"),
            ("v", "01"),
            ("d", "corp"),
            ("d", "a b.example"),
            ("s", "a..b"),
            ("s", "a/b"),
            ("h", "from::to"),
            ("h", ":from"),
            ("h", "from:t o"),
            ("bh", "AAAA"),
            ("bh", "#"),
            ("b", "A*"),
            ("l", "-1"),
            ("l", "+1"),
            ("l", ""),
            ("l", "1x"),
            ("l", "99999999999999999999999"),
            ("t", "now"),
            ("x", "18446744073709551615"),
            ("x", "9223372036854775807"),
            ("i", "corp.example"),
            ("i", "@evil.example"),
            ("i", "@evilcorp.example"),
            ("i", "@example"),
        ] {
            assert_eq!(with(name, Some(value)), Err(NotASignature::Tag(name)), "{name}={value}");
        }
        assert_eq!(with("x", Some("5; t=5")), Err(NotASignature::Tag("x")));
        assert!(with("x", Some("6; t=5")).is_ok());
    }

    #[test]
    fn algorithms_are_told_apart() {
        let sha1 = "2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
        assert_eq!(
            with("a", Some(&format!("rsa-sha1; bh={sha1}"))),
            Err(NotASignature::RepeatedTag)
        );
        let rest = "v=1; d=corp.example; s=s; h=from; b=AA==";
        let algorithm =
            |a, hash| read(&format!("{rest}; a={a}; bh={hash}")).map(|read| read.algorithm);
        assert_eq!(algorithm("rsa-sha1", sha1), Ok(Algorithm::RsaSha1));
        assert_eq!(algorithm("rsa-sha1", HASH), Err(NotASignature::Tag("bh")));
        assert_eq!(algorithm("ed25519-sha256", HASH), Ok(Algorithm::Ed25519Sha256));
        assert_eq!(algorithm("rsa-sha512", HASH), Ok(Algorithm::Other));
    }

    #[test]
    fn what_two_parsers_could_read_in_two_ways_is_refused() {
        assert_eq!(with("x", Some("9; d=evil.example")), Err(NotASignature::RepeatedTag));
        assert_eq!(with("x", Some("9; l=1; l=1")), Err(NotASignature::RepeatedTag));
        // Names differ by case; this is an unknown tag, not a second `d`.
        assert_eq!(with("D", Some("evil.example")).unwrap().domain, "corp.example");
        for value in
            ["", ";", "v=1;;a=b", "v=1; a", "=1", "1v=1", "v =1; \u{0}=2", "v=1; a=b\u{0}c"]
        {
            assert_eq!(read(value), Err(NotASignature::NoTagList), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(value in "([vadshbltxi]|bh|=|;|:|@|1|corp\\.example|from| |.){0,60}") {
            let _ = read(&value);
        }
    }
}

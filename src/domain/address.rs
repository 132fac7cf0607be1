//! An e-mail address, parsed once, at the door.
//!
//! What is accepted is the part of RFC 5322 §3.4.1 that real mailboxes use: a
//! dot-atom local part and a domain name. Quoted local parts, source routes,
//! comments and address literals are refused on purpose: they exist in forged
//! mail, not in address books, and each has fooled a parser somewhere.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An address that a mail can be sent to. The domain is held as A-labels in
/// lower case; the local part as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Why something is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    #[error("an address has exactly one `@`")]
    NotOneAt,
    #[error(
        "the part before the `@` is empty, too long, or has a character that does not belong there"
    )]
    LocalPart,
    #[error("the part after the `@` is not a domain name")]
    Domain,
    #[error("the address is longer than 254 octets")]
    TooLong,
}

impl EmailAddress {
    /// RFC 5321 §4.5.3.1.1.
    pub const LOCAL_OCTETS_MAX: usize = 64;
    /// RFC 5321 §4.5.3.1.3, less the angle brackets.
    pub const OCTETS_MAX: usize = 254;

    /// Reads what a person typed or a header carried; the only way to get one.
    pub fn parse(typed: &str) -> Result<Self, NotAnAddress> {
        let typed = typed.trim_matches([' ', '\t']);
        let (local, domain) = typed.split_once('@').ok_or(NotAnAddress::NotOneAt)?;
        if domain.contains('@') {
            return Err(NotAnAddress::NotOneAt);
        }
        if !is_dot_atom(local) || local.len() > Self::LOCAL_OCTETS_MAX {
            return Err(NotAnAddress::LocalPart);
        }
        let domain = domain_name(domain)?;
        if local.len() + 1 + domain.len() > Self::OCTETS_MAX {
            return Err(NotAnAddress::TooLong);
        }
        Ok(Self { local: local.to_owned(), domain })
    }

    pub fn local(&self) -> &str {
        &self.local
    }

    /// A-labels, lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What two spellings of one mailbox have in common: the local part is
    /// compared without regard to case, nothing else is folded (no dots, no
    /// plus part), because only the mailbox's own server knows what they mean.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_ascii_lowercase(), self.domain)
    }

    pub fn is_same_mailbox(&self, other: &Self) -> bool {
        self.domain == other.domain && self.local.eq_ignore_ascii_case(&other.local)
    }

    /// The same mailbox under a sub-address (RFC 5233): `base+detail@domain`.
    /// None where the local part would grow past 64 octets.
    pub fn with_detail(&self, separator: &str, detail: &str) -> Option<Self> {
        let local = format!("{}{separator}{detail}", self.local);
        (local.len() <= Self::LOCAL_OCTETS_MAX).then(|| Self { local, domain: self.domain.clone() })
    }

    /// What stands between `base`'s local part with `separator` and the `@`,
    /// if this is a sub-address of `base`.
    pub fn detail_of<'a>(&'a self, base: &Self, separator: &str) -> Option<&'a str> {
        if self.domain != base.domain {
            return None;
        }
        let (head, rest) = self.local.split_at_checked(base.local.len())?;
        if !head.eq_ignore_ascii_case(&base.local) {
            return None;
        }
        rest.strip_prefix(separator).filter(|detail| !detail.is_empty())
    }
}

/// A domain name as lower-case A-labels (RFC 5890), with at least two labels
/// or the single label `localhost`.
pub fn domain_name(written: &str) -> Result<String, NotAnAddress> {
    let ascii = idna::domain_to_ascii_strict(written).map_err(|_| NotAnAddress::Domain)?;
    let labels_fit = ascii.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    });
    let is_name = labels_fit && ascii.len() <= 253 && (ascii.contains('.') || ascii == "localhost");
    let is_number = ascii.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_name && !is_number { Ok(ascii) } else { Err(NotAnAddress::Domain) }
}

/// RFC 5322 §3.2.3, ASCII only.
fn is_dot_atom(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        })
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{self}>")
    }
}

impl FromStr for EmailAddress {
    type Err = NotAnAddress;
    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        Self::parse(typed)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a caller is told an address looks like: a part of what is accepted,
/// so that whatever fits this is an address.
impl utoipa::PartialSchema for EmailAddress {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        const PATTERN: &str =
            "^[A-Za-z0-9]{1,20}([._+-][A-Za-z0-9]{1,10}){0,2}@([a-z0-9]{1,20}[.]){1,2}[a-z]{2,8}$";
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some(PATTERN))
            .max_length(Some(Self::OCTETS_MAX))
            .examples(["ana@corp.example"])
            .into()
    }
}

impl utoipa::ToSchema for EmailAddress {}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = String::deserialize(deserializer)?;
        Self::parse(&typed).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expected: Result<&str, NotAnAddress>) {
        let got = EmailAddress::parse(typed).map(|address| address.to_string());
        assert_eq!(got, expected.map(str::to_owned), "{typed:?}");
    }

    #[test]
    fn ordinary_addresses_are_kept_as_written_with_the_domain_folded() {
        check("Ana.Silva@Corp.Example", Ok("Ana.Silva@corp.example"));
        check(" a+b@x.test ", Ok("a+b@x.test"));
        check("ana@bücher.example", Ok("ana@xn--bcher-kva.example"));
        check("root@localhost", Ok("root@localhost"));
    }

    #[test]
    fn what_fools_parsers_is_refused() {
        check("a@b@c.example", Err(NotAnAddress::NotOneAt));
        check("nobody", Err(NotAnAddress::NotOneAt));
        check("\"a b\"@x.test", Err(NotAnAddress::LocalPart));
        check("a..b@x.test", Err(NotAnAddress::LocalPart));
        check("a\u{200b}b@x.test", Err(NotAnAddress::LocalPart));
        check("a\r\nBcc: x@x.test", Err(NotAnAddress::LocalPart));
        check("a@[127.0.0.1]", Err(NotAnAddress::Domain));
        check("a@127.0.0.1", Err(NotAnAddress::Domain));
        check("a@x..test", Err(NotAnAddress::Domain));
        check("a@", Err(NotAnAddress::Domain));
        check(&format!("{}@x.test", "a".repeat(65)), Err(NotAnAddress::LocalPart));
    }

    #[test]
    fn a_sub_address_gives_its_detail_back() {
        let base = EmailAddress::parse("access@x.test").unwrap();
        let sub = base.with_detail("+", "tok").unwrap();
        assert_eq!(sub.to_string(), "access+tok@x.test");
        assert_eq!(sub.detail_of(&base, "+"), Some("tok"));
        assert_eq!(base.detail_of(&base, "+"), None);
        assert_eq!(base.with_detail("+", &"x".repeat(60)), None);
    }
}

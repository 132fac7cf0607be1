//! What a signature covers, and whose it is.

use std::collections::HashMap;

use crate::domain::{
    message::{
        authentication::{Algorithm, DkimSignature, is_within},
        header::Header,
    },
    token::Carrier,
};

/// How often each field stands in the header.
pub(super) struct FieldCounts(HashMap<String, usize>);

impl FieldCounts {
    pub(super) fn of(headers: &[Header]) -> Self {
        let mut counts = HashMap::new();
        for header in headers {
            *counts.entry(header.name.trim_end().to_ascii_lowercase()).or_insert(0) += 1;
        }
        Self(counts)
    }

    /// `name` in lower case.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Whether every signed field is signed as often as it stands there. A
    /// signature takes fields from the bottom up (RFC 6376 §5.4.2), and readers
    /// mostly take the topmost: one field more, put on top, is read unsigned
    /// while the signature still holds (§8.15).
    pub(super) fn are_all_signed(&self, signature: &DkimSignature) -> bool {
        let mut signed: HashMap<&str, usize> = HashMap::new();
        for name in &signature.signed_headers {
            *signed.entry(name).or_insert(0) += 1;
        }
        signed.into_iter().all(|(name, times)| self.count(name) <= times)
    }
}

/// Whether a domain speaks for the author's: they are the same, or one lies
/// below the other.
///
/// This is narrower than DMARC's relaxed alignment (RFC 7489 §3.1): siblings
/// below one organisation are not aligned, since without a list of public
/// suffixes nobody can tell `a.corp.example` and `b.corp.example` from
/// `corp1.co.uk` and `corp2.co.uk`. It is wider in one place: an author at a
/// suffix below which strangers register names (a dynamic DNS provider) could
/// be spoken for by those strangers. Such an author needs `strict`.
pub(super) fn is_aligned(domain: &str, author: &str) -> bool {
    let shorter = if domain.len() < author.len() { domain } else { author };
    domain == author
        || (shorter.contains('.') && (is_within(domain, author) || is_within(author, domain)))
}

pub(super) fn is_strong(algorithm: Algorithm) -> bool {
    match algorithm {
        Algorithm::RsaSha256 | Algorithm::Ed25519Sha256 => true,
        Algorithm::RsaSha1 | Algorithm::Other => false,
    }
}

pub(super) fn signs(signature: &DkimSignature, name: &str) -> bool {
    signature.signed_headers.iter().any(|signed| signed == name)
}

/// Whether the place the token was read from is signed. The body always is:
/// every signature has a body hash, and one with `l=` is refused altogether,
/// since the words stand in the body wherever the token stands. What others
/// wrote is signed as well, but a mail to them can be sent on to us.
pub(super) fn signs_carrier(signature: &DkimSignature, carrier: Carrier) -> bool {
    carrier != Carrier::BodyOfOthers && carrier.field().is_none_or(|name| signs(signature, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_domain_or_a_line_of_descent_is_aligned() {
        for (domain, author, expected) in [
            ("corp.example", "corp.example", true),
            ("mail.corp.example", "corp.example", true),
            ("corp.example", "eu.corp.example", true),
            ("a.b.c.corp.example", "corp.example", true),
            ("a.corp.example", "b.corp.example", false),
            ("evilcorp.example", "corp.example", false),
            ("corp.example", "evilcorp.example", false),
            ("corp.example.evil.example", "corp.example", false),
            ("example", "corp.example", false),
            ("corp.example", "example", false),
            (".corp.example", "corp.example", false),
            ("localhost", "localhost", true),
            ("x.localhost", "localhost", false),
            ("", "corp.example", false),
        ] {
            assert_eq!(is_aligned(domain, author), expected, "{domain} {author}");
        }
    }
}

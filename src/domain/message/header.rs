//! One header field of a mail, as it stood.

/// A field in the order of the mail, topmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// As written; compare without regard to case.
    pub name: String,
    /// Unfolded (RFC 5322 §2.2.3), otherwise as written: encoded words are
    /// still encoded, 8-bit bytes that are no UTF-8 are replaced.
    pub value: String,
}

impl Header {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The values of every field of that name, topmost first.
pub fn values<'a>(headers: &'a [Header], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.iter().filter(move |header| header.is(name)).map(|header| header.value.as_str())
}

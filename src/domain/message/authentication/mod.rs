//! The evidence a mail carries about its sender: parsing only.
//!
//! Two kinds of header field vouch for a sender. An Authentication-Results
//! field (RFC 8601) says what some server found out; anybody can write one,
//! so [`trusted`] keeps only those our own server can have added. A
//! DKIM-Signature field (RFC 6376) says which parts of the mail a domain has
//! signed; [`dkim_signatures`] reads what it *claims*.
//!
//! | file | what it knows |
//! |---|---|
//! | `scan` | the lexical rules: comments, quoted strings, keywords |
//! | `results` | one Authentication-Results field |
//! | `trusted` | which of them count, and what they say |
//! | `signature` | one DKIM-Signature field |
//!
//! Not here: cryptography and DNS (`net`), and what the evidence amounts to
//! (`decision::proof`). ARC is not read at all.

mod results;
mod scan;
mod signature;
mod trusted;

pub use results::{
    AuthenticationResults, MethodResult, Property, ResultWord, authentication_results,
};
pub use signature::{Algorithm, DkimSignature, NotASignature, SignatureField, dkim_signatures};
pub use trusted::{DkimSaid, DmarcSaid, SpfSaid, Trusted, TrustedField, trusted};

/// Whether a domain is another one or lies below it. Both as
/// `address::domain_name` gives them: lower-case A-labels.
pub fn is_within(domain: &str, parent: &str) -> bool {
    domain == parent
        || domain.strip_suffix(parent).is_some_and(|head| head.ends_with('.') && head.len() > 1)
}

//! How well the sender of a mail is proven, for a token found in one place.
//!
//! A domain's signature, or our own server's verdict, proves that the mail is
//! the domain's; it does not yet prove that *this token* was sent in it. An old
//! correspondent holds a genuinely signed "Approved, thanks!" and may put any
//! token on it that the signature leaves out. So proof is always about one
//! [`Carrier`], and the carrier must be covered.
//!
//! | file | what it knows |
//! |---|---|
//! | here | the two roads to proof joined, and what bars both |
//! | `local` | signatures we verified ourselves |
//! | `server` | what our own mail server says |
//! | `coverage` | what a signature covers, and whose it is |
//! | `shortfall` | the reasons, in order |
//!
//! Not here: who may answer (an exact address, or a delegation) and the policy
//! that says which level is asked for.

mod coverage;
mod local;
mod server;
mod shortfall;

use chrono::{DateTime, Utc};

pub use local::{LocalDkim, LocalResult};
pub use shortfall::Shortfall;

use super::policy::Proof;
use crate::domain::{
    address::EmailAddress,
    message::{
        authentication::{ResultWord, SignatureField, Trusted, dkim_signatures, trusted},
        header::{Header, values},
    },
    token::Carrier,
};
use coverage::FieldCounts;

/// More signatures than an honest mail has; each costs DNS and arithmetic.
pub const SIGNATURES_MAX: usize = 10;

/// Everything a mail shows for its sender, gathered once, asked per carrier.
pub struct Evidence<'a> {
    from: &'a EmailAddress,
    senders: Vec<&'a str>,
    fields: FieldCounts,
    signatures: Vec<SignatureField>,
    has_trusted_ids: bool,
    trusted: Trusted,
    local: &'a [LocalDkim],
    at: DateTime<Utc>,
}

/// How far the sender is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    pub level: Proof,
    /// What proved it; none at `token_only`.
    pub by: Option<Means>,
    /// Why it is not more, the most telling first; empty at `strict`.
    pub shortfalls: Vec<Shortfall>,
}

/// What proved the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// Our verification of the n-th DKIM-Signature field, topmost is 0.
    LocalDkim { signature: usize },
    /// A trusted dmarc=pass with an aligned spf=pass; the header's index.
    TrustedSpf { position: usize },
    /// A trusted dmarc=pass that names a covering signature; the header's index.
    TrustedDkim { position: usize },
}

impl<'a> Evidence<'a> {
    /// `from` is the mail's one author; `local` is empty where nothing was
    /// verified by ourselves; `at` is when we first saw the mail.
    pub fn gather(
        headers: &'a [Header],
        from: &'a EmailAddress,
        trusted_authserv_ids: &[String],
        local: &'a [LocalDkim],
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            from,
            senders: values(headers, "Sender").collect(),
            fields: FieldCounts::of(headers),
            signatures: dkim_signatures(headers),
            has_trusted_ids: !trusted_authserv_ids.is_empty(),
            trusted: trusted(headers, trusted_authserv_ids),
            local,
            at,
        }
    }

    /// What no signature and no verdict can outweigh.
    fn obstacle(&self, carrier: Carrier) -> Option<Shortfall> {
        let dmarc_failed = self
            .trusted
            .fields
            .iter()
            .flat_map(|field| &field.dmarc)
            .any(|said| said.result == ResultWord::Fail);
        // RFC 5322 §3.6 and RFC 2045 §3: once each. Which of two counts is for
        // the reader to choose, and another reader has signed the other.
        let content = ["content-type", "content-transfer-encoding", "mime-version"];
        let content_repeated = content.iter().any(|name| self.fields.count(name) > 1);
        let carrier_unclear = carrier.field().is_some_and(|name| self.fields.count(name) != 1);
        [
            (dmarc_failed, Shortfall::DmarcFailed),
            (self.fields.count("from") != 1, Shortfall::FromNotSingle),
            (carrier_unclear, Shortfall::CarrierNotSingle),
            (content_repeated, Shortfall::ContentFieldRepeated),
        ]
        .into_iter()
        .find_map(|(holds, shortfall)| holds.then_some(shortfall))
    }

    /// RFC 5322 §3.6.2: a Sender names who sent the mail where that is not the
    /// author. Anything but the author's plain address is taken for another.
    fn is_sent_by_author(&self) -> bool {
        match self.senders.as_slice() {
            [] => true,
            [sender] => mailbox(sender).is_some_and(|sender| sender.is_same_mailbox(self.from)),
            _ => false,
        }
    }
}

/// The level that the mail's sender reaches for a token found in this carrier.
pub fn proof(evidence: &Evidence, carrier: Carrier) -> Proven {
    if let Some(obstacle) = evidence.obstacle(carrier) {
        return Proven::unproven(vec![obstacle]);
    }
    let local = local::judged(evidence, carrier);
    if let Some(means) = local.strict {
        return Proven { level: Proof::Strict, by: Some(means), shortfalls: Vec::new() };
    }
    let server = server::judged(evidence, carrier);
    let mut shortfalls = local.shortfalls;
    if let Some(means) = local.standard.or(server.ok()) {
        return Proven { level: Proof::Standard, by: Some(means), shortfalls };
    }
    shortfalls.extend(server.err());
    Proven::unproven(shortfalls)
}

impl Proven {
    /// Why a needed level is not reached: the most telling reason.
    pub fn reason_below(&self, needed: Proof) -> Option<Shortfall> {
        (self.level < needed).then(|| self.shortfalls.first().copied()).flatten()
    }

    /// Whether asking the DNS again may raise it to the needed level.
    pub fn is_undecided(&self, needed: Proof) -> bool {
        self.level < needed && self.shortfalls.contains(&Shortfall::LocalDkimTempError)
    }

    fn unproven(mut shortfalls: Vec<Shortfall>) -> Self {
        shortfalls.sort_unstable();
        shortfalls.dedup();
        Self { level: Proof::TokenOnly, by: None, shortfalls }
    }
}

impl Means {
    /// The stored form.
    pub fn code(self) -> &'static str {
        match self {
            Self::LocalDkim { .. } => "local_dkim",
            Self::TrustedSpf { .. } => "trusted_spf",
            Self::TrustedDkim { .. } => "trusted_dkim",
        }
    }
}

/// `address` or `name <address>`, without comments; what is harder to read is
/// nobody's.
fn mailbox(value: &str) -> Option<EmailAddress> {
    let address = match value.split_once('<') {
        Some((_, rest)) => rest.trim_end().strip_suffix('>')?,
        None => value,
    };
    EmailAddress::parse(address.trim()).ok()
}

#[cfg(test)]
mod tests;

//! The append-only, hash-chained list of everything that happened.
//!
//! An entry holds its sequence number, time, kind, ids and facts without
//! personal data, and the digest of (random salt, private JSON). The private
//! JSON and its salt stand in a table of their own that retention may erase:
//! the chain still proves itself afterwards, and what is left can still be
//! checked against the digest while it exists.

pub mod chain;
pub mod replay;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::AccessRequestId;

/// What happened. The words are stable: they are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LedgerKind)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    InstanceStarted,
    EpochRaised,
    RequestSubmitted,
    NotificationEnqueued,
    MessageJudged,
    DecisionRecorded,
    ConfirmationAwaited,
    LevelReached,
    RequestClosed,
    ApproverAdded,
    ApproverRemoved,
    DeliverySettled,
    AccountChanged,
    CredentialChanged,
    PersonChanged,
    SettingsChanged,
    LexiconChanged,
    KeyRotated,
    TokenIssued,
    TokenRevoked,
    RawDownloaded,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::InstanceStarted,
        Self::EpochRaised,
        Self::RequestSubmitted,
        Self::NotificationEnqueued,
        Self::MessageJudged,
        Self::DecisionRecorded,
        Self::ConfirmationAwaited,
        Self::LevelReached,
        Self::RequestClosed,
        Self::ApproverAdded,
        Self::ApproverRemoved,
        Self::DeliverySettled,
        Self::AccountChanged,
        Self::CredentialChanged,
        Self::PersonChanged,
        Self::SettingsChanged,
        Self::LexiconChanged,
        Self::KeyRotated,
        Self::TokenIssued,
        Self::TokenRevoked,
        Self::RawDownloaded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceStarted => "instance_started",
            Self::EpochRaised => "epoch_raised",
            Self::RequestSubmitted => "request_submitted",
            Self::NotificationEnqueued => "notification_enqueued",
            Self::MessageJudged => "message_judged",
            Self::DecisionRecorded => "decision_recorded",
            Self::ConfirmationAwaited => "confirmation_awaited",
            Self::LevelReached => "level_reached",
            Self::RequestClosed => "request_closed",
            Self::ApproverAdded => "approver_added",
            Self::ApproverRemoved => "approver_removed",
            Self::DeliverySettled => "delivery_settled",
            Self::AccountChanged => "account_changed",
            Self::CredentialChanged => "credential_changed",
            Self::PersonChanged => "person_changed",
            Self::SettingsChanged => "settings_changed",
            Self::LexiconChanged => "lexicon_changed",
            Self::KeyRotated => "key_rotated",
            Self::TokenIssued => "token_issued",
            Self::TokenRevoked => "token_revoked",
            Self::RawDownloaded => "raw_downloaded",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }
}

/// What an action wants written; it gets its place in the chain at the end of
/// the transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub access_request_id: Option<AccessRequestId>,
    /// Ids and facts without personal data; an object.
    pub facts: Value,
    /// Names, addresses, words; erasable. None where there are none.
    pub private: Option<Value>,
    /// 16 random octets, so that a digest cannot be guessed back; all zero
    /// where `private` is none.
    pub salt: [u8; 16],
}

/// An entry as it stands in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// From 1, without gaps.
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub access_request_id: Option<AccessRequestId>,
    pub facts: Value,
    /// SHA-256 over salt and private JSON; none where there was none.
    pub private_digest: Option<[u8; 32]>,
    /// The hash of the entry before; all zero before the first.
    pub previous: [u8; 32],
    pub hash: [u8; 32],
}

/// The erasable half of an entry, while it exists.
#[derive(Debug, Clone, PartialEq)]
pub struct PrivatePart {
    pub salt: [u8; 16],
    pub body: Value,
}

//! A mail that is owed to one recipient, until it is settled.
//!
//! The mail is composed and its Message-ID fixed when it is enqueued, in the
//! transaction of its cause; it may be sent twice (with the same Message-ID),
//! it is never lost.

pub mod outcome;
pub mod schedule;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    address::EmailAddress,
    ids::{AccessRequestId, ApproverId, OutboxMessageId, SmtpAccountId},
};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
        )]
        $(#[$doc])*
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    #[schema(as = OutboxState)]
    State {
        Queued = "queued",
        /// Claimed by a worker until its lease ends.
        Sending = "sending",
        Sent = "sent",
        /// A passing refusal; tried again at `due_at`.
        Deferred = "deferred",
        Failed = "failed",
        Bounced = "bounced",
        /// No reply after the final dot: perhaps sent; tried again.
        Unknown = "unknown",
        /// Not sent in time to be of use.
        Expired = "expired",
        Cancelled = "cancelled",
    }
}

words! {
    /// What the mail is for.
    #[schema(as = OutboxKind)]
    Kind {
        /// Asks an approver.
        ApprovalRequest = "approval_request",
        /// Asks an approver for plainer words.
        Clarification = "clarification",
        /// Tells an approver what was recorded.
        Receipt = "receipt",
        /// Reminds an approver before expiry.
        Reminder = "reminder",
        /// Tells the requester how it ended.
        Outcome = "outcome",
        /// Tells the requester that a level was passed.
        LevelReached = "level_reached",
        /// Asks an approver to confirm on the web.
        Confirmation = "confirmation",
        /// A test an admin sends.
        Test = "test",
        /// Tells admins that something needs them.
        Alert = "alert",
        /// A mail another module handed in.
        Module = "module",
    }
}

impl State {
    /// Nothing more will be tried.
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Sending | Self::Deferred | Self::Unknown)
    }
}

/// A mail to be written into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutboxMessage {
    pub id: OutboxMessageId,
    pub kind: Kind,
    /// None: whichever account is the default when it is sent.
    pub smtp_account_id: Option<SmtpAccountId>,
    pub access_request_id: Option<AccessRequestId>,
    pub approver_id: Option<ApproverId>,
    pub recipient: EmailAddress,
    /// The envelope sender; none: the null path, so no error ever comes back.
    pub mail_from: Option<EmailAddress>,
    pub subject: String,
    /// Without angle brackets; never changes.
    pub message_id: String,
    /// The whole mail, headers and all, CRLF.
    pub raw: Vec<u8>,
    /// What stands in the text part, to know it again when it comes back quoted.
    pub text: String,
    pub due_at: DateTime<Utc>,
    /// After this it is of no use and is not sent.
    pub not_after: Option<DateTime<Utc>>,
    pub enqueued_at: DateTime<Utc>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    pub at: DateTime<Utc>,
    /// Where it ended: `connect`, `auth`, `rcpt`, `data`, …
    pub step: String,
    /// The SMTP reply code, where there was one.
    pub code: Option<i64>,
    /// The server's words.
    pub text: String,
}

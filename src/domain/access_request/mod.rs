//! Somebody asks for access to a resource; approvers, in levels, answer.
//!
//! What a request is and what an event makes of it. Not here: whether a mail
//! may count as an answer (`decision`), who is told (`notification`).

#[cfg(test)]
pub mod samples;
pub mod state;
pub mod submission;

use std::{collections::BTreeSet, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    address::EmailAddress,
    decision::policy::{ByMail, Proof},
    ids::{AccessRequestId, ApproverId, DecisionId, PersonId, SmtpAccountId},
};

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pending,
    Approved,
    Denied,
    Expired,
    Cancelled,
    /// A deny came after the approval and before the access ended.
    Conflict,
}

/// How many distinct persons of a level must approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quorum {
    Any,
    All,
    AtLeast(u32),
}

/// Where an approver stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApproverState {
    /// His level has not been reached; he has no token yet.
    Waiting,
    /// A notification was enqueued.
    Notified,
    /// An approve by mail waits to be confirmed on the web.
    AwaitingConfirmation,
    Approved,
    Denied,
    /// Taken off the list while the request was pending.
    Removed,
}

macro_rules! written_as {
    ($($name:ident { $($variant:ident = $text:literal),+ $(,)? })+) => {$(
        impl $name {
            /// The stable word for it, in the API and in the store.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

written_as! {
    Status {
        Pending = "pending", Approved = "approved", Denied = "denied",
        Expired = "expired", Cancelled = "cancelled", Conflict = "conflict",
    }
    ApproverState {
        Waiting = "waiting", Notified = "notified", AwaitingConfirmation = "awaiting_confirmation",
        Approved = "approved", Denied = "denied", Removed = "removed",
    }
    Vote { Approve = "approve", Deny = "deny" }
}

impl Quorum {
    /// How many of `persons` distinct persons must approve.
    pub fn needed_of(self, persons: usize) -> usize {
        match self {
            Self::Any => 1,
            Self::All => persons,
            Self::AtLeast(n) => n as usize,
        }
    }
}

/// One person's place in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    pub id: ApproverId,
    pub person: PersonId,
    /// The address the notification goes to.
    pub address: EmailAddress,
    pub name: Option<String>,
    /// BCP 47, such as `pt-BR`; the language of the notification.
    pub locale: String,
    /// Lowest first.
    pub level: i64,
    pub state: ApproverState,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    pub person: PersonId,
    pub email: EmailAddress,
    pub name: Option<String>,
    /// Further addresses of his; they only widen four eyes.
    pub aliases: Vec<EmailAddress>,
}

/// An access request with its approvers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessRequest {
    pub id: AccessRequestId,
    /// What people call it by; written `AR-<number>`.
    pub number: i64,
    /// What the PAM system calls it by.
    pub external_id: Option<String>,
    pub requester: Requester,
    pub resource: String,
    pub justification: Option<String>,
    pub access_starts_at: Option<DateTime<Utc>>,
    pub access_ends_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    pub quorum: Quorum,
    pub proof: Option<Proof>,
    pub by_mail: Option<ByMail>,
    pub smtp_account_id: Option<SmtpAccountId>,
    pub metadata: serde_json::Value,
    pub status: Status,
    /// The level that is being asked.
    pub level: i64,
    pub submitted_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub version: i64,
    pub approvers: Vec<Approver>,
}

/// An answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    Approve,
    Deny,
}

/// A decision that has not been superseded; at most one per approver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveDecision {
    pub id: DecisionId,
    pub approver: ApproverId,
    pub person: PersonId,
    pub vote: Vote,
}

impl AccessRequest {
    pub fn reference(&self) -> String {
        format!("AR-{}", self.number)
    }

    pub fn approver(&self, id: ApproverId) -> Option<&Approver> {
        self.approvers.iter().find(|approver| approver.id == id)
    }

    /// The approvers of a level who were not taken off the list.
    pub fn at_level(&self, level: i64) -> impl Iterator<Item = &Approver> {
        self.approvers.iter().filter(move |a| a.level == level && a.state != ApproverState::Removed)
    }

    /// The level after `level` that has anybody on it.
    pub fn level_after(&self, level: i64) -> Option<i64> {
        self.approvers
            .iter()
            .filter(|a| a.level > level && a.state != ApproverState::Removed)
            .map(|a| a.level)
            .min()
    }

    /// Whether this address is one of the requester's own.
    pub fn is_requesters(&self, address: &EmailAddress) -> bool {
        std::iter::once(&self.requester.email)
            .chain(&self.requester.aliases)
            .any(|own| own.is_same_mailbox(address))
    }

    /// Whether the approvals so far, counted by distinct persons, suffice at
    /// the level that is being asked.
    pub fn level_is_met(&self, live: &[LiveDecision]) -> bool {
        let persons: BTreeSet<PersonId> = self.at_level(self.level).map(|a| a.person).collect();
        let approved = live
            .iter()
            .filter(|d| d.vote == Vote::Approve)
            .filter(|d| self.at_level(self.level).any(|a| a.id == d.approver))
            .map(|d| d.person)
            .collect::<BTreeSet<_>>()
            .len();
        !persons.is_empty() && approved >= self.quorum.needed_of(persons.len()).max(1)
    }
}

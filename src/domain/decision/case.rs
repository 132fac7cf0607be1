//! Everything known about one answer, loaded before anything is decided.

use chrono::{DateTime, Utc};

use super::policy::{Policy, Proof};
use crate::domain::{
    access_request::{AccessRequest, LiveDecision},
    address::EmailAddress,
    ids::ApproverId,
    message::origin::Origin,
    reply::wording::Answer,
    token::{Carrier, Purpose},
};

/// One answer and what it is about.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// When we first saw the answer, by the database's clock; what lies before
    /// `expires_at` is in time.
    pub first_seen_at: DateTime<Utc>,
    pub road: Road,
    /// None where no genuine token names one.
    pub request: Option<&'a AccessRequest>,
    /// Whom the token, the session or the caller names; nil where nobody.
    pub approver: ApproverId,
    /// False once the person was deactivated.
    pub approver_is_active: bool,
    pub live_decisions: &'a [LiveDecision],
    /// What the words say.
    pub answer: Answer,
}

/// How the answer came.
#[derive(Debug, Clone)]
pub enum Road {
    Mail(Box<MailFacts>),
    /// A caller whom the API has identified as this approver.
    Api,
    /// A page that a session or a one-time code has identified.
    Web,
}

/// What a mail is and what vouches for it.
#[derive(Debug, Clone)]
pub struct MailFacts {
    pub over_limit: bool,
    pub structure_is_ambiguous: bool,
    pub origin: Origin,
    /// The only mailbox of the only From; none where there is no such thing.
    pub from: Option<EmailAddress>,
    pub token: TokenFinding,
    /// The same bytes were judged before and came to something.
    pub same_bytes_judged: bool,
    pub sender: SenderRelation,
    /// A Sender header names somebody other than From.
    pub sender_header_differs: bool,
    /// The highest level this mail's evidence reaches for the carrier its
    /// token came in.
    pub proof: Proof,
    /// Whether the sender's domain vouches for the place the token stood in.
    pub token_is_covered: bool,
    /// The outermost quote names an author who is neither we nor the writer.
    pub answers_another: bool,
    /// DNS did not answer; it may yet.
    pub evidence_is_pending: bool,
    /// The stricter of all sources, fixed when the notification was enqueued,
    /// and of the account the mail arrived in.
    pub policy: Policy,
}

/// What was found of token shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFinding {
    /// No token, no Message-ID of ours, no `Ref:` line.
    Nothing,
    /// It answers a mail of ours and carries no token.
    MessageIdOnly,
    /// Of token shape, but we never made it (or another instance did).
    Unknown,
    /// Its lookup part is ours, its seal is not.
    Forged,
    WrongPurpose,
    DifferentApprovers,
    DifferentRequests,
    Genuine {
        purpose: Purpose,
        carriers: Vec<Carrier>,
        earlier_epoch: bool,
    },
}

/// Who the From is to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderRelation {
    /// The notified address, or the primary address of the person notified.
    Approver,
    Requester,
    Stranger,
}

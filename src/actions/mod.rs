//! Everything that can happen, one file each: load, decide, commit.
//!
//! An action reads what it needs, asks `domain` what follows, and writes all
//! of it in one transaction. It is where a mail, a page, an API call and a
//! command meet; none of them knows SQL, and none decides anything by itself.

pub mod accounts;
pub mod answer_request;
pub mod api_tokens;
pub mod approvers;
pub mod credentials;
pub mod explain;
pub mod forms;
pub mod instance;
pub mod judge;
pub mod ledger;
pub mod lexicon;
pub mod messages;
pub mod module_mail;
pub mod outbox;
pub mod people;
pub mod receive_message;
mod record_vote;
pub mod remind;
pub mod requests;
pub mod settings;
pub mod settle_delivery;
pub mod submit_request;
pub mod tell;
pub mod watch;

use serde_json::Value;

use crate::{
    domain::{
        access_request::submission::FieldProblem,
        decision::Reason,
        ids::AccessRequestId,
        ledger::{Kind, NewEntry},
        smtp_account::NoReplyRoad,
    },
    secret::SecretError,
    store::{StoreError, Tx},
};

pub use instance::Instance;

/// Why something did not happen; the variants differ by who can mend it.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    /// The caller's input; every problem at once.
    #[error("{}", sentences(.0))]
    Invalid(Vec<FieldProblem>),
    /// The state of things is against it.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else changed it in between.
    #[error("{what} `{name}` was changed by somebody else in between; read it again")]
    Changed { what: &'static str, name: String },
    /// An answer that `decide` did not count.
    #[error("the answer does not count: {}", .0.sentence())]
    NotCounted(Reason),
    #[error(transparent)]
    NoReplyRoad(#[from] NoReplyRoad),
    #[error("a secret could not be sealed or opened")]
    Secret(#[from] SecretError),
    #[error("the database could not be used")]
    Store(#[source] StoreError),
    /// Ours to mend.
    #[error("internal error: {0}")]
    Internal(String),
}

impl ActionError {
    pub fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }

    pub fn invalid(field: &str, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem::new(field, problem)])
    }
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken { what } => Self::Conflict(format!("{what} is already taken")),
            StoreError::InUse { what } => Self::Conflict(format!("it is still in use by {what}")),
            other => Self::Store(other),
        }
    }
}

fn sentences(problems: &[FieldProblem]) -> String {
    problems.iter().map(|p| format!("`{}` {}", p.field, p.problem)).collect::<Vec<_>>().join("; ")
}

/// Collects what a transaction has to tell, so that the chain's head, which
/// everybody waits for, is locked last.
#[derive(Debug, Default)]
pub struct Story(Vec<NewEntry>);

impl Story {
    /// `private` holds names, addresses and words; `facts` none of them.
    pub fn tell(
        &mut self,
        instance: &Instance,
        kind: Kind,
        request: Option<AccessRequestId>,
        facts: Value,
        private: Option<Value>,
    ) {
        let salt = if private.is_some() { instance.random.bytes() } else { [0; 16] };
        let at = instance.clock.now();
        self.0.push(NewEntry { at, kind, access_request_id: request, facts, private, salt });
    }

    pub fn absorb(&mut self, other: Story) {
        self.0.extend(other.0);
    }

    /// Appends to the chain and commits: nothing else may follow.
    pub async fn commit(self, mut tx: Tx) -> Result<(), ActionError> {
        if !self.0.is_empty() {
            crate::store::ledger::append(&mut tx, &self.0).await?;
        }
        Ok(tx.commit().await?)
    }
}

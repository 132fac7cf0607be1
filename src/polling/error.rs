//! Why a visit failed.

use std::{fmt, time::Duration};

use crate::{
    actions::ActionError,
    domain::inbox_account::InboxAccount,
    net::step::{Failure, NetError},
    store::StoreError,
};

/// Why a visit failed: which account, where, at which step, in whose words.
#[derive(Debug)]
pub struct VisitError {
    account: String,
    pub step: &'static str,
    text: String,
    pub is_refused_login: bool,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    is_stop: bool,
    /// Ours or the store's, not the server's.
    pub(super) action: Option<Box<ActionError>>,
}

impl VisitError {
    fn new(account: &InboxAccount, step: &'static str, text: String) -> Self {
        Self {
            account: account.name.clone(),
            step,
            text,
            is_refused_login: false,
            retry_after: None,
            is_stop: false,
            action: None,
        }
    }

    pub(super) fn of_net(account: &InboxAccount, error: NetError) -> Self {
        Self {
            is_refused_login: error.kind == Failure::LoginRefused,
            retry_after: match error.kind {
                Failure::ServerBusy { retry_after } => retry_after,
                _ => None,
            },
            ..Self::new(account, error.step.as_str(), error.to_string())
        }
    }

    pub(super) fn of_problem(account: &InboxAccount, step: &'static str, text: &str) -> Self {
        Self::new(account, step, text.to_owned())
    }

    pub(super) fn too_long(account: &InboxAccount, limit: Duration) -> Self {
        Self::new(
            account,
            "visit",
            format!("the visit took longer than {} s and was broken off", limit.as_secs()),
        )
    }

    pub(super) fn stopped(account: &InboxAccount) -> Self {
        Self { is_stop: true, ..Self::new(account, "visit", "the service is stopping".to_owned()) }
    }

    pub(super) fn lease_lost() -> Self {
        Self {
            account: String::new(),
            step: "lease",
            text: "another node has taken this account over".to_owned(),
            is_refused_login: false,
            retry_after: None,
            is_stop: true,
            action: None,
        }
    }

    /// Errors of the store do not know whose visit they ended.
    pub(super) fn named(mut self, account: &InboxAccount) -> Self {
        if self.account.is_empty() {
            self.account = account.name.clone();
        }
        self
    }

    pub(super) fn is_stop(&self) -> bool {
        self.is_stop
    }
}

impl fmt::Display for VisitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "inbox account `{}`: {}", self.account, self.text)
    }
}

impl std::error::Error for VisitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.action.as_ref().map(|error| error as _)
    }
}

impl From<ActionError> for VisitError {
    fn from(error: ActionError) -> Self {
        let is_stop = matches!(error, ActionError::Store(StoreError::LeaseLost));
        Self {
            account: String::new(),
            step: "store",
            text: error.to_string(),
            is_refused_login: false,
            retry_after: None,
            is_stop,
            action: Some(Box::new(error)),
        }
    }
}

impl From<StoreError> for VisitError {
    fn from(error: StoreError) -> Self {
        ActionError::from(error).into()
    }
}

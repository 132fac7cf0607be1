//! Waiting for mail (RFC 2177). One wait at a time, and never one without an
//! end: a session that idles behind a router that forgot it hears nothing.

use std::time::Duration;

use imap_proto::{MailboxDatum, Response, Status};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Imap, SLACK_OCTETS,
    command::{read_failed, told},
};
use crate::net::step::{Failure, NetError, StepName};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleOutcome {
    /// The server spoke of new messages; list again.
    News,
    /// Nothing happened.
    Quiet,
}

impl Imap {
    pub fn can_idle(&self) -> bool {
        self.capabilities.has("IDLE")
    }

    /// Waits for news, at most so long. News that came with an earlier answer
    /// since the last listing counts at once.
    pub async fn idle(&mut self, at_most: Duration) -> Result<IdleOutcome, NetError> {
        if std::mem::take(&mut self.has_news) {
            return Ok(IdleOutcome::News);
        }
        let step = StepName::List;
        let mut session = self.take_session(step)?;
        let (peer, allowance) = (&self.peer, &self.allowance);
        let (wait, stall) = (self.command_wait(), Some(self.timeouts.idle_bytes));
        let closed = || peer.error(step, Failure::Closed, "");
        let mut outcome = IdleOutcome::Quiet;

        allowance.grant(SLACK_OCTETS, stall);
        let beginning = async {
            let tag = session.run_command("IDLE").await.map_err(|error| told(peer, step, error))?;
            loop {
                let response =
                    session.read_response().await.map_err(|e| read_failed(peer, step, e))?;
                match response.ok_or_else(closed)?.parsed() {
                    Response::Continue(_) => return Ok(tag),
                    // A NO as well as a BAD: neither is followed by a `+`.
                    Response::Done { tag: of, outcome, .. } if *of == tag => {
                        let words = outcome.information.as_deref().unwrap_or_default();
                        return Err(peer.error(step, Failure::CommandRefused, words));
                    }
                    response if is_news(response) => outcome = IdleOutcome::News,
                    _ => {}
                }
            }
        };
        let tag = timeout(wait, beginning).await.map_err(|_| peer.timed_out(step, wait))??;

        // Silence is what is hoped for now, so no stall ends it; reading is
        // cancel-safe, and `at_most` is counted from here whatever is said.
        let until = Instant::now() + at_most;
        // One allowance for all of it, so chatter ends it.
        allowance.grant(SLACK_OCTETS, None);
        while outcome == IdleOutcome::Quiet {
            let Ok(response) = timeout_at(until, session.read_response()).await else {
                break;
            };
            let response = response.map_err(|error| read_failed(peer, step, error))?;
            match response.ok_or_else(closed)?.parsed() {
                Response::Data { status: Status::Bye, outcome } => {
                    let words = outcome.information.as_deref().unwrap_or_default();
                    return Err(peer.error(step, Failure::Closed, words));
                }
                response if is_news(response) => outcome = IdleOutcome::News,
                _ => {}
            }
        }

        allowance.grant(SLACK_OCTETS, stall);
        let ending = async {
            session.run_command_untagged("DONE").await.map_err(|error| told(peer, step, error))?;
            loop {
                let response =
                    session.read_response().await.map_err(|e| read_failed(peer, step, e))?;
                match response.ok_or_else(closed)?.parsed() {
                    Response::Done { tag: of, .. } if *of == tag => return Ok(()),
                    response if is_news(response) => outcome = IdleOutcome::News,
                    _ => {}
                }
            }
        };
        timeout(wait, ending).await.map_err(|_| peer.timed_out(step, wait))??;
        self.session = Some(session);
        Ok(outcome)
    }
}

fn is_news(response: &Response<'_>) -> bool {
    matches!(response, Response::MailboxData(MailboxDatum::Exists(_) | MailboxDatum::Recent(_)))
}

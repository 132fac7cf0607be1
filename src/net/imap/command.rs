//! One command, from its tag to the response with that tag. The library's own
//! methods take a tagged NO for an empty answer and a cut connection for a
//! short one, so only its framing and its parser are used.

use std::time::Duration;

use async_imap::{Session, error::Error as ImapError};
use imap_proto::{MailboxDatum, Response, ResponseCode, Status};
use tokio::time::{Instant, timeout};

use super::{Imap, SLACK_OCTETS, Stream};
use crate::{
    net::step::{Failure, NetError, Peer, StepName, printable},
    protocol::imap::is_temporary,
};

/// The tagged end of a command that was not refused, or was.
pub(super) struct Finished {
    pub status: Status,
    pub text: String,
    pub read_only: bool,
}

impl Imap {
    /// Runs a command whose refusal is an error.
    pub(super) async fn must(
        &mut self,
        step: StepName,
        command: &str,
        octets: u64,
        each: impl FnMut(&Response<'_>),
    ) -> Result<(), NetError> {
        let finished = self.command(step, command, octets, each).await?;
        if finished.status == Status::Ok { Ok(()) } else { Err(self.refused(step, &finished)) }
    }

    pub(super) fn refused(&self, step: StepName, finished: &Finished) -> NetError {
        let kind = match is_temporary(&finished.text) {
            true => Failure::ServerBusy { retry_after: None },
            false => Failure::CommandRefused,
        };
        self.peer.error(step, kind, &finished.text)
    }

    /// Runs a command: every untagged response goes to `each`, and the end is
    /// the response with our tag, whatever it says. `octets` is what the
    /// answer may have beyond the usual.
    pub(super) async fn command(
        &mut self,
        step: StepName,
        command: &str,
        octets: u64,
        mut each: impl FnMut(&Response<'_>),
    ) -> Result<Finished, NetError> {
        // Taken, so that a failure or a dropped future leaves no session behind.
        let mut session = self.take_session(step)?;
        let wait = if octets > 0 { self.timeouts.transfer } else { self.timeouts.command };
        self.allowance.grant(octets.saturating_add(SLACK_OCTETS), Some(self.timeouts.idle_bytes));
        let began = Instant::now();
        let peer = &self.peer;
        let mut news = false;
        let talk = async {
            let tag =
                session.run_command(command).await.map_err(|error| told(peer, step, error))?;
            loop {
                let response = session
                    .read_response()
                    .await
                    .map_err(|error| read_failed(peer, step, error))?;
                let response = response.ok_or_else(|| peer.error(step, Failure::Closed, ""))?;
                match response.parsed() {
                    Response::Done { tag: of, status, outcome } if *of == tag => {
                        break Ok(Finished::new(status, outcome));
                    }
                    // RFC 3501 §7.1.5; LOGOUT is answered so, too.
                    Response::Data { status: Status::Bye, outcome } if step != StepName::Quit => {
                        let words = outcome.information.as_deref().unwrap_or_default();
                        break Err(peer.error(step, Failure::Closed, words));
                    }
                    response => {
                        news |= matches!(response, Response::MailboxData(MailboxDatum::Exists(_)));
                        each(response);
                    }
                }
            }
        };
        let finished =
            timeout(wait, talk).await.map_err(|_| peer.timed_out(step, began.elapsed()))??;
        // SELECT tells how many there are; that is no news.
        self.has_news |= news && step != StepName::Select;
        self.session = Some(session);
        Ok(finished)
    }

    pub(super) fn take_session(&mut self, step: StepName) -> Result<Session<Stream>, NetError> {
        let words = "the session ended with an earlier failure";
        self.session.take().ok_or_else(|| self.peer.error(step, Failure::Closed, words))
    }

    /// Time for the short waits, e.g. of IDLE.
    pub(super) fn command_wait(&self) -> Duration {
        self.timeouts.command
    }
}

impl Finished {
    fn new(status: &Status, outcome: &imap_proto::Outcome<'_>) -> Self {
        let status = match status {
            Status::Ok => Status::Ok,
            Status::No => Status::No,
            _ => Status::Bad,
        };
        Self {
            status,
            text: outcome.information.as_deref().unwrap_or_default().to_owned(),
            read_only: outcome.code == Some(ResponseCode::ReadOnly),
        }
    }
}

pub(super) fn told(peer: &Peer, step: StepName, error: ImapError) -> NetError {
    match error {
        ImapError::Io(error) => read_failed(peer, step, error),
        ImapError::ConnectionLost => peer.error(step, Failure::Closed, ""),
        _ => peer.error(step, Failure::Protocol, ""),
    }
}

/// The parser's own complaint quotes all it had read, which may be a mail: it
/// is not passed on.
pub(super) fn read_failed(peer: &Peer, step: StepName, error: std::io::Error) -> NetError {
    let is_parser =
        error.kind() == std::io::ErrorKind::Other && Failure::of_io(&error) == Failure::Closed;
    if is_parser {
        return peer.error(step, Failure::Protocol, "a response cannot be parsed");
    }
    let words = error.get_ref().map(ToString::to_string).unwrap_or_default();
    NetError { words: printable(&words), ..peer.io_error(step, error) }
}

//! A POP3 client (RFC 1939). The conversation is [`protocol::pop3`]'s; here
//! are the socket, the waits and the order of things.
//!
//! A deletion counts only when the server has said `+OK` to QUIT (RFC 1939
//! §6): a session that is dropped, on purpose or not, has deleted nothing.
//! Message numbers mean nothing once the session is over.
//!
//! [`protocol::pop3`]: crate::protocol::pop3

mod talk;

use std::fmt;

use tokio::time::Instant;

use self::talk::Talk;
use super::{
    dial::{Link, Login, Timeouts, dial},
    step::{Failure, NetError, StepLog, StepName},
};
use crate::{
    domain::mail_server::{MailServer, Security},
    protocol::pop3::{Capabilities, Shape, Status, list, uidl},
};

/// Octets of UIDL or LIST: some hundred thousand messages.
const LISTING_OCTETS_MAX: usize = 32 * 1024 * 1024;
/// Octets of what TOP answers.
const TOP_OCTETS_MAX: usize = 1024 * 1024;

/// A session, logged in.
pub struct Pop3 {
    talk: Talk,
    capabilities: Capabilities,
    /// The answer to a LIST that was sent together with UIDL.
    listed: Option<Vec<(u32, u64)>>,
}

impl Pop3 {
    /// Connects and logs in.
    pub async fn open(
        server: &MailServer,
        login: &Login,
        timeouts: &Timeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let link = dial(server, timeouts, log).await?;
        Self::over(link, server, login, timeouts, log).await
    }

    async fn over(
        link: Link,
        server: &MailServer,
        login: &Login,
        timeouts: &Timeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let (mut encrypted, loopback) = (link.encrypted, link.loopback);
        let mut talk = Talk::over(link, timeouts);
        talk.greet(server, log).await?;
        if server.security == Security::Starttls {
            let link = talk.starttls(loopback).await?.encrypt(server, timeouts, log).await?;
            encrypted = link.encrypted;
            talk = Talk::over(link, timeouts);
        }
        let began = Instant::now();
        super::dial::may_login(&talk.peer, encrypted || loopback, server)?;
        let before = talk.capabilities().await?;
        let words = talk.login(login, &before).await?;
        log.add(StepName::Auth, began, &login.redacted(&words));
        // RFC 2449 §5: what is offered may differ once logged in; what is not
        // said again still holds.
        let after = talk.capabilities().await?;
        let capabilities =
            Capabilities { pipelining: before.pipelining || after.pipelining, ..after };
        Ok(Self { talk, capabilities, listed: None })
    }

    /// Number and unique id of each message; None where the server has no
    /// UIDL.
    pub async fn uidl(&mut self) -> Result<Option<Vec<(u32, String)>>, NetError> {
        let step = StepName::List;
        let shape = Shape::Lines { octets_max: LISTING_OCTETS_MAX };
        let commands: &[&str] =
            if self.capabilities.pipelining { &["UIDL", "LIST"] } else { &["UIDL"] };
        let mut replies = self.talk.ask_all(step, commands, shape).await?.into_iter();
        let ids = replies.next();
        // Kept for the `list` that usually follows.
        self.listed = replies.next().filter(|r| r.status == Status::Ok).and_then(|r| list(&r.body));
        match ids {
            Some(reply) if reply.status == Status::Ok => match uidl(&reply.body) {
                Some(ids) => Ok(Some(ids)),
                None => Err(self.talk.error(
                    step,
                    Failure::Protocol,
                    "the answer to UIDL is no listing",
                )),
            },
            _ => Ok(None),
        }
    }

    /// Number and octets of each message.
    pub async fn list(&mut self) -> Result<Vec<(u32, u64)>, NetError> {
        if let Some(listed) = self.listed.take() {
            return Ok(listed);
        }
        let shape = Shape::Lines { octets_max: LISTING_OCTETS_MAX };
        let reply = self.talk.must(StepName::List, "LIST", shape).await?;
        list(&reply.body).ok_or_else(|| {
            self.talk.error(StepName::List, Failure::Protocol, "the answer to LIST is no listing")
        })
    }

    /// The whole message: its final dot was seen.
    pub async fn retr(&mut self, number: u32, size_bytes_max: u64) -> Result<Vec<u8>, NetError> {
        let octets_max = usize::try_from(size_bytes_max).unwrap_or(usize::MAX);
        let shape = Shape::Lines { octets_max };
        Ok(self.talk.must(StepName::Fetch, &format!("RETR {number}"), shape).await?.body)
    }

    /// Its header section and so many lines of its body.
    pub async fn top(&mut self, number: u32, lines: u32) -> Result<Vec<u8>, NetError> {
        let shape = Shape::Lines { octets_max: TOP_OCTETS_MAX };
        Ok(self.talk.must(StepName::Fetch, &format!("TOP {number} {lines}"), shape).await?.body)
    }

    /// Takes back what RETR has left in the session. Dovecot, for one, sets
    /// `\Seen` at QUIT on what was read, unless RSET (RFC 1939 §5) comes in
    /// between. It takes deletions back as well, so it comes before them; a
    /// server that refuses it has no harm done.
    pub async fn reset(&mut self) -> Result<(), NetError> {
        self.talk.ask_all(StepName::Fetch, &["RSET"], Shape::Line).await.map(|_| ())
    }

    /// Marks a message; QUIT deletes it.
    pub async fn dele(&mut self, number: u32) -> Result<(), NetError> {
        self.talk.must(StepName::Delete, &format!("DELE {number}"), Shape::Line).await.map(|_| ())
    }

    /// Ends the session. Only with `Ok` are the marked messages deleted.
    pub async fn quit(mut self) -> Result<(), NetError> {
        self.talk.must(StepName::Quit, "QUIT", Shape::Line).await.map(|_| ())
    }
}

/// Names the server; a session is not to be looked into.
impl fmt::Debug for Pop3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pop3({})", self.talk.peer)
    }
}

#[cfg(test)]
mod tests;

//! An SMTP client for one recipient a message (RFC 5321).
//!
//! Greeting, STARTTLS and EHLO are ours, for the reasons told in
//! `handover`; the library speaks from then on. What matters
//! most is to know *when* a session broke: before the final dot the message is
//! certainly not accepted, after it nobody knows, and the outbox must treat
//! the two differently.

mod opening;

use std::{fmt, sync::Arc, time::Duration};

use lettre::transport::smtp::{
    Error as SmtpError, client::AsyncSmtpConnection, response::Response,
};
use tokio::time::{Instant, timeout};

use self::opening::{Name, Opening};
use super::{
    dial::{Link, Login, Timeouts, dial},
    step::{Failure, NetError, Peer, StepLog, StepName, printable},
    wire::Allowance,
};
use crate::{
    domain::{
        address::EmailAddress,
        mail_server::{MailServer, Security},
    },
    protocol::smtp::{Extensions, enhanced_code, octets_on_wire, with_crlf},
};

/// Octets of one reply.
const REPLY_OCTETS_MAX: u64 = 256 * 1024;

/// How long each wait may be (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmtpTimeouts {
    /// Name resolution and TCP, each.
    pub connect: Duration,
    pub tls: Duration,
    /// Greeting, EHLO, AUTH, RSET, NOOP, QUIT.
    pub command: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    /// For the answer to DATA.
    pub data: Duration,
    /// While the message is written, for any progress.
    pub block: Duration,
    /// For the answer to the final dot.
    pub after_dot: Duration,
}

impl Default for SmtpTimeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            connect: seconds(30),
            tls: seconds(30),
            command: seconds(60),
            mail: seconds(300),
            rcpt: seconds(300),
            data: seconds(120),
            block: seconds(180),
            after_dot: seconds(600),
        }
    }
}

impl SmtpTimeouts {
    fn for_dialling(&self) -> Timeouts {
        let Self { connect, tls, command, .. } = *self;
        Timeouts { connect, tls, command, idle_bytes: command, ..Timeouts::default() }
    }
}

/// What became of one message.
#[derive(Debug)]
pub struct Sent {
    /// The last step that was taken.
    pub step: StepName,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    Accepted {
        code: u16,
        text: String,
    },
    /// The server said no, or we did on its behalf (size, 8-bit).
    Refused {
        step: StepName,
        code: u16,
        /// RFC 3463, where the text begins with one.
        enhanced: Option<String>,
        text: String,
    },
    /// The final dot went out and no answer came: it may or may not be sent.
    NoReplyAfterData,
    /// The session broke before the final dot: it is not sent.
    Broken(NetError),
}

/// A session, greeted, encrypted and logged in as the account wants.
pub struct Smtp {
    /// None once something failed.
    connection: Option<AsyncSmtpConnection>,
    extensions: Extensions,
    allowance: Arc<Allowance>,
    peer: Peer,
    timeouts: SmtpTimeouts,
}

impl Smtp {
    /// Connects, and logs in where there is a login. `helo_name` is our name.
    pub async fn open(
        server: &MailServer,
        login: Option<&Login>,
        helo_name: &str,
        timeouts: &SmtpTimeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let link = dial(server, &timeouts.for_dialling(), log).await?;
        Self::over(link, server, login, helo_name, (timeouts, log)).await
    }

    async fn over(
        link: Link,
        server: &MailServer,
        login: Option<&Login>,
        helo_name: &str,
        (timeouts, log): (&SmtpTimeouts, &mut StepLog),
    ) -> Result<Self, NetError> {
        let name = Name::of(helo_name);
        let mut opening = Opening::over(link, timeouts);
        opening.greeting(server, log).await?;
        let mut extensions = opening.ehlo(&name).await?;
        if server.security == Security::Starttls {
            let link = opening.starttls(&extensions).await?;
            let link = link.encrypt(server, &timeouts.for_dialling(), log).await?;
            opening = Opening::over(link, timeouts);
            // RFC 3207 §4.2: what was said before TLS is forgotten.
            extensions = opening.ehlo(&name).await?;
        }
        if let Some(login) = login {
            let began = Instant::now();
            super::dial::may_login(&opening.peer, opening.encrypted || opening.loopback, server)?;
            let words = opening.login(login, &extensions).await?;
            log.add(StepName::Auth, began, &login.redacted(&words));
        }
        opening.into_session(extensions).await
    }

    /// Sends `message` to one recipient. `mail_from` None is the empty return
    /// path of mails that must not bounce. Who drops this future half-way
    /// knows as little as after [`Outcome::NoReplyAfterData`].
    pub async fn send(
        &mut self,
        mail_from: Option<&EmailAddress>,
        recipient: &EmailAddress,
        message: &[u8],
    ) -> Sent {
        self.send_logged(mail_from, recipient, message, &mut StepLog::default()).await
    }

    /// The same, with each step and the server's words to it written down.
    pub async fn send_logged(
        &mut self,
        mail_from: Option<&EmailAddress>,
        recipient: &EmailAddress,
        message: &[u8],
        log: &mut StepLog,
    ) -> Sent {
        let message = with_crlf(message);
        if let Some((code, enhanced, text)) = self.cannot_carry(&message) {
            let step = StepName::Mail;
            let enhanced = Some(enhanced.to_owned());
            return Sent { step, outcome: Outcome::Refused { step, code, enhanced, text } };
        }
        let sender = mail_from.map(ToString::to_string).unwrap_or_default();
        let size =
            if self.extensions.size { format!(" SIZE={}", message.len()) } else { String::new() };
        let body = if message.is_ascii() { "" } else { " BODY=8BITMIME" };
        let steps = [
            (StepName::Mail, format!("MAIL FROM:<{sender}>{size}{body}"), self.timeouts.mail, 2),
            (StepName::Rcpt, format!("RCPT TO:<{recipient}>"), self.timeouts.rcpt, 2),
            (StepName::Data, "DATA".to_owned(), self.timeouts.data, 3),
        ];
        for (step, command, wait, class) in steps {
            let began = Instant::now();
            match self.command(step, &command, wait, class).await {
                // DATA is told with the answer to the final dot.
                Ok(_) if step == StepName::Data => {}
                Ok(reply) => {
                    log.add(step, began, &format!("{} {}", reply.code(), text_of(&reply)));
                }
                Err(NotDone::Refused { code, text }) => {
                    log.add(step, began, &format!("{code} {text}"));
                    self.clear(code).await;
                    return Sent { step, outcome: refused(step, code, &text) };
                }
                Err(NotDone::Broken(error)) => {
                    return Sent { step, outcome: Outcome::Broken(error) };
                }
            }
        }
        let began = Instant::now();
        let outcome = self.content(&message).await;
        if let Outcome::Accepted { code, text } | Outcome::Refused { code, text, .. } = &outcome {
            log.add(StepName::Data, began, &format!("{code} {text}"));
        }
        Sent { step: StepName::Data, outcome }
    }

    /// Whether the server still listens (NOOP).
    pub async fn is_alive(&mut self) -> bool {
        self.command(StepName::Greeting, "NOOP", self.timeouts.command, 2).await.is_ok()
    }

    /// Says goodbye. Nothing depends on the answer.
    pub async fn quit(mut self) {
        let _ = self.command(StepName::Quit, "QUIT", self.timeouts.command, 2).await;
    }

    /// Why this message need not be offered to this server.
    fn cannot_carry(&self, message: &[u8]) -> Option<(u16, &'static str, String)> {
        let octets = message.len() as u64;
        match self.extensions.size_max {
            Some(max) if octets > max => Some((
                552,
                "5.3.4",
                format!("the server takes {max} octets at most, the message has {octets}"),
            )),
            _ if !self.extensions.eight_bit_mime && !message.is_ascii() => Some((
                554,
                "5.6.3",
                "the message is 8-bit and the server takes only 7-bit".to_owned(),
            )),
            _ => None,
        }
    }

    /// Writes the message and its final dot, and waits for the verdict.
    async fn content(&mut self, message: &[u8]) -> Outcome {
        let step = StepName::Data;
        let Some(mut connection) = self.connection.take() else {
            return Outcome::Broken(self.ended(step));
        };
        // The library ends with CRLF, dot, CRLF by itself.
        let content = message.strip_suffix(b"\r\n").unwrap_or(message);
        let whole = self.allowance.written() + octets_on_wire(content);
        self.allowance.grant(REPLY_OCTETS_MAX, Some(self.timeouts.after_dot));
        // Each part of it is limited: a block by the stall of the stream, the
        // wait at the end by this. A server that takes a byte now and then is
        // ended by the sum.
        let wait = self.timeouts.after_dot + blocks(content.len(), self.timeouts.block);
        let result = timeout(wait, connection.message(content)).await;
        let is_dot_out = self.allowance.written() >= whole;
        let error = match result {
            Ok(Ok(response)) if class(&response) == 2 => {
                self.connection = Some(connection);
                return Outcome::Accepted {
                    code: response.code().into(),
                    text: text_of(&response),
                };
            }
            Ok(Ok(_)) => self.peer.error(
                step,
                Failure::Protocol,
                "the message was answered with an intermediate reply",
            ),
            Ok(Err(error)) => match not_done(&self.peer, step, error) {
                NotDone::Refused { code, text } => {
                    if code != 421 {
                        self.connection = Some(connection);
                    }
                    return refused(step, code, &text);
                }
                NotDone::Broken(error) => error,
            },
            Err(_) => self.peer.timed_out(step, wait),
        };
        if is_dot_out { Outcome::NoReplyAfterData } else { Outcome::Broken(error) }
    }

    /// Makes the session fit for the next message after a refusal.
    async fn clear(&mut self, code: u16) {
        // RFC 5321 §3.8: after 421 the server hangs up.
        if code == 421
            || self.command(StepName::Mail, "RSET", self.timeouts.command, 2).await.is_err()
        {
            self.connection = None;
        }
    }

    async fn command(
        &mut self,
        step: StepName,
        command: &str,
        wait: Duration,
        wanted_class: u16,
    ) -> Result<Response, NotDone> {
        // Taken, so that a failure or a dropped future leaves no session behind.
        let mut connection =
            self.connection.take().ok_or_else(|| NotDone::Broken(self.ended(step)))?;
        self.allowance.grant(REPLY_OCTETS_MAX, Some(wait));
        let result = timeout(wait, connection.command(Line(command)))
            .await
            .map_err(|_| NotDone::Broken(self.peer.timed_out(step, wait)))?;
        match result {
            Ok(response) if class(&response) == wanted_class => {
                self.connection = Some(connection);
                Ok(response)
            }
            Ok(response) => {
                let words = format!("unexpected reply {}", response.code());
                Err(NotDone::Broken(self.peer.error(step, Failure::Protocol, &words)))
            }
            Err(error) => {
                let not_done = not_done(&self.peer, step, error);
                if matches!(not_done, NotDone::Refused { .. }) {
                    self.connection = Some(connection);
                }
                Err(not_done)
            }
        }
    }

    fn ended(&self, step: StepName) -> NetError {
        self.peer.error(step, Failure::Closed, "the session ended with an earlier failure")
    }
}

/// A command as the library sends it.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\r\n", self.0)
    }
}

/// Why a command did not do what it should.
enum NotDone {
    Refused { code: u16, text: String },
    Broken(NetError),
}

fn not_done(peer: &Peer, step: StepName, error: SmtpError) -> NotDone {
    use std::error::Error as _;
    if let Some(code) = error.status() {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        return NotDone::Refused { code: code.into(), text: printable(&text) };
    }
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    let kind = match io {
        Some(io) => Failure::of_io(io),
        // The library knows two ends of a session without an I/O error.
        None if error.to_string().contains("incomplete response") => Failure::Closed,
        None => Failure::Protocol,
    };
    NotDone::Broken(NetError { source: Some(Box::new(error)), ..peer.error(step, kind, "") })
}

fn refused(step: StepName, code: u16, text: &str) -> Outcome {
    Outcome::Refused { step, code, enhanced: enhanced_code(code, text), text: text.to_owned() }
}

fn class(response: &Response) -> u16 {
    u16::from(response.code()) / 100
}

fn text_of(response: &Response) -> String {
    printable(&response.message().collect::<Vec<_>>().join(" "))
}

/// The least speed we wait for: 64 kB within the wait for one block.
fn blocks(octets: usize, block: Duration) -> Duration {
    block.saturating_mul(u32::try_from(octets / (64 * 1024) + 1).unwrap_or(u32::MAX))
}

/// Names the server; a session is not to be looked into.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({})", self.peer)
    }
}

#[cfg(test)]
mod tests;

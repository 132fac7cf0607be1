//! Asking and being answered: the socket and the waits of a POP3 session, and
//! the part of it in which a password is in the air.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use crate::{
    domain::mail_server::MailServer,
    net::{
        dial::{Link, Login, Secret, Timeouts, greeting_wait, silent_greeting},
        step::{Failure, NetError, Peer, StepLog, StepName},
        wire::{Allowance, Wire},
    },
    protocol::{
        pop3::{Broken, Capabilities, Conversation, Refusal, Reply, Shape, Status},
        sasl::{self, Mechanism},
    },
};

/// Octets a server may send beside what was asked for.
const SLACK_OCTETS: u64 = 256 * 1024;

/// The conversation and its stream.
pub(super) struct Talk {
    /// None once something failed.
    wire: Option<Wire>,
    conversation: Conversation,
    allowance: Arc<Allowance>,
    pub(super) peer: Peer,
    timeouts: Timeouts,
}

impl Talk {
    pub(super) fn over(link: Link, timeouts: &Timeouts) -> Self {
        Self {
            wire: Some(link.wire),
            conversation: Conversation::default(),
            allowance: link.allowance,
            peer: link.peer,
            timeouts: *timeouts,
        }
    }

    pub(super) async fn greet(
        &mut self,
        server: &MailServer,
        log: &mut StepLog,
    ) -> Result<(), NetError> {
        let (began, step) = (Instant::now(), StepName::Greeting);
        let wait = greeting_wait(server, &self.timeouts);
        self.conversation.expect(Shape::Line);
        let reply =
            self.replies(step, b"", 1, 0, wait).await.map_err(|error| match error.kind {
                Failure::TimedOut => silent_greeting(&self.peer, server, wait),
                Failure::Protocol => self.error(step, Failure::Protocol, "this is no POP3 server"),
                _ => error,
            })?;
        let reply = first(reply);
        if reply.status != Status::Ok {
            let kind = match Refusal::of(&reply.text) {
                Refusal::SysPerm => Failure::Rejected,
                _ => Failure::ServerBusy { retry_after: None },
            };
            return Err(self.error(step, kind, &reply.text));
        }
        log.add(step, began, &reply.text);
        Ok(())
    }

    /// RFC 2595 §4.
    pub(super) async fn starttls(mut self, loopback: bool) -> Result<Link, NetError> {
        let step = StepName::Tls;
        let reply = self.ask(step, "STLS", Shape::Line).await?;
        if reply.status != Status::Ok {
            return Err(self.error(step, Failure::StarttlsUnavailable, &reply.text));
        }
        if self.conversation.has_leftover() {
            return Err(self.error(step, Failure::InjectedBytes, ""));
        }
        let wire = self.wire.take().ok_or_else(|| self.error(step, Failure::Closed, ""))?;
        Ok(Link { wire, allowance: self.allowance, peer: self.peer, encrypted: false, loopback })
    }

    /// A server without CAPA can do what RFC 1939 says and nothing more.
    pub(super) async fn capabilities(&mut self) -> Result<Capabilities, NetError> {
        let shape = Shape::Lines { octets_max: 64 * 1024 };
        let reply = self.ask(StepName::Auth, "CAPA", shape).await?;
        Ok(if reply.status == Status::Ok {
            Capabilities::of(&reply.body)
        } else {
            Capabilities::default()
        })
    }

    pub(super) async fn login(
        &mut self,
        login: &Login,
        offered: &Capabilities,
    ) -> Result<String, NetError> {
        let Secret::Password(password) = &login.secret;
        let step = StepName::Auth;
        let refused = |talk: &Self, words: &str| talk.error(step, Failure::LoginRefused, words);
        let messages: Vec<Zeroizing<String>> = match Mechanism::for_password(&offered.sasl) {
            // On lines of their own: RFC 5034 §4 has 255 octets for a command.
            Some(Mechanism::Plain) => {
                let message = sasl::plain(&login.username, password).ok_or_else(|| {
                    refused(self, "the name or the password contains a NUL character")
                })?;
                vec![Zeroizing::new("AUTH PLAIN".into()), message]
            }
            // USER where it is offered, or where nothing is: it was there first.
            Some(Mechanism::Login) if !offered.user => {
                let [name, password] = sasl::login(&login.username, password);
                vec![Zeroizing::new("AUTH LOGIN".into()), name, password]
            }
            _ => {
                let fits = |text: &str| !text.contains(['\r', '\n', '\0']);
                if !fits(&login.username) || !fits(password) {
                    return Err(refused(self, "the name or the password contains a line break"));
                }
                vec![
                    Zeroizing::new(format!("USER {}", login.username)),
                    Zeroizing::new(format!("PASS {}", password.as_str())),
                ]
            }
        };
        let last = messages.len().saturating_sub(1);
        for (nth, message) in messages.iter().enumerate() {
            let reply = self.ask(step, message, Shape::Challenge).await?;
            match reply.status {
                Status::Ok if nth == last => return Ok(reply.text),
                Status::Ok | Status::Continue if nth < last => {}
                Status::Err => {
                    let words = login.redacted(&reply.text);
                    return Err(self.error(step, login_failure(&reply.text, offered), &words));
                }
                _ => {
                    return Err(self.error(
                        step,
                        Failure::Protocol,
                        "the login asks for more than name and password",
                    ));
                }
            }
        }
        Err(self.error(step, Failure::Protocol, ""))
    }

    /// A command whose refusal is an error.
    pub(super) async fn must(
        &mut self,
        step: StepName,
        command: &str,
        shape: Shape,
    ) -> Result<Reply, NetError> {
        let reply = self.ask(step, command, shape).await?;
        if reply.status == Status::Ok {
            return Ok(reply);
        }
        let kind = match Refusal::of(&reply.text) {
            Refusal::SysTemp | Refusal::InUse => Failure::ServerBusy { retry_after: None },
            _ => Failure::CommandRefused,
        };
        Err(self.error(step, kind, &reply.text))
    }

    async fn ask(
        &mut self,
        step: StepName,
        command: &str,
        shape: Shape,
    ) -> Result<Reply, NetError> {
        self.ask_all(step, &[command], shape).await.map(first)
    }

    /// Sends the commands in a row and waits for all replies, each of `shape`.
    pub(super) async fn ask_all(
        &mut self,
        step: StepName,
        commands: &[&str],
        shape: Shape,
    ) -> Result<Vec<Reply>, NetError> {
        let mut said = Zeroizing::new(Vec::new());
        for command in commands {
            said.extend_from_slice(command.as_bytes());
            said.extend_from_slice(b"\r\n");
            self.conversation.expect(shape);
        }
        let (octets, wait) = match shape {
            Shape::Lines { octets_max } => (octets_max, self.timeouts.transfer),
            Shape::Line | Shape::Challenge => (0, self.timeouts.command),
        };
        // Stuffed dots: a mail may double at worst.
        let octets = octets.saturating_mul(2).saturating_mul(commands.len());
        self.replies(step, &said, commands.len(), octets as u64, wait).await
    }

    async fn replies(
        &mut self,
        step: StepName,
        said: &[u8],
        count: usize,
        octets: u64,
        wait: Duration,
    ) -> Result<Vec<Reply>, NetError> {
        // Taken, so that a failure or a dropped future leaves no stream behind.
        let words = "the session ended with an earlier failure";
        let mut wire = self.wire.take().ok_or_else(|| self.error(step, Failure::Closed, words))?;
        self.allowance.grant(octets.saturating_add(SLACK_OCTETS), Some(self.timeouts.idle_bytes));
        let Self { conversation, peer, .. } = self;
        let talk = async {
            let failed = |error| peer.io_error(step, error);
            if !said.is_empty() {
                wire.write_all(said).await.map_err(failed)?;
                wire.flush().await.map_err(failed)?;
            }
            let mut replies = Vec::new();
            let mut buffer = vec![0; 16 * 1024];
            loop {
                while replies.len() < count {
                    match conversation
                        .next_reply()
                        .map_err(|broken| not_pop3(peer, step, broken))?
                    {
                        Some(reply) => replies.push(reply),
                        None => break,
                    }
                }
                if replies.len() == count {
                    return Ok(replies);
                }
                let read = wire.read(&mut buffer).await.map_err(failed)?;
                if read == 0 {
                    return Err(peer.error(step, Failure::Closed, ""));
                }
                conversation.feed(buffer.get(..read).unwrap_or_default());
            }
        };
        let replies = timeout(wait, talk).await.map_err(|_| peer.timed_out(step, wait))??;
        self.wire = Some(wire);
        Ok(replies)
    }

    pub(super) fn error(&self, step: StepName, kind: Failure, words: &str) -> NetError {
        self.peer.error(step, kind, words)
    }
}

/// One reply was asked for and `replies` gives exactly as many.
fn first(replies: Vec<Reply>) -> Reply {
    let none = || Reply { status: Status::Err, text: String::new(), body: Vec::new() };
    replies.into_iter().next().unwrap_or_else(none)
}

fn not_pop3(peer: &Peer, step: StepName, broken: Broken) -> NetError {
    let kind = match broken {
        Broken::LineTooLong | Broken::BodyTooLarge { .. } => Failure::TooLarge,
        Broken::NoStatus | Broken::OutOfTurn => Failure::Protocol,
    };
    peer.error(step, kind, &broken.to_string())
}

/// What a refused login means (RFC 2449 §8.1, RFC 3206 §4).
fn login_failure(text: &str, offered: &Capabilities) -> Failure {
    match Refusal::of(text) {
        Refusal::InUse => Failure::ServerBusy { retry_after: None },
        Refusal::LoginDelay => Failure::ServerBusy {
            retry_after: offered.login_delay_seconds.map(Duration::from_secs),
        },
        Refusal::SysTemp => Failure::LoginTemporarilyRefused,
        Refusal::Auth | Refusal::SysPerm | Refusal::Unsaid => Failure::LoginRefused,
    }
}

//! Greeting, EHLO, STARTTLS, login: the part of an SMTP session in which an
//! attacker may speak and a password is in the air. The library would take
//! bytes that came in clear before TLS for the answer to EHLO after it.

use std::{sync::Arc, time::Duration};

use lettre::transport::smtp::{client::AsyncSmtpConnection, extension::ClientId};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{REPLY_OCTETS_MAX, Smtp, SmtpTimeouts};
use crate::{
    domain::mail_server::MailServer,
    net::{
        dial::{Link, Login, Secret, greeting_wait, silent_greeting},
        handover::Handover,
        lines::Lines,
        step::{Failure, NetError, Peer, StepLog, StepName},
        wire::Allowance,
    },
    protocol::{
        sasl::{self, Mechanism},
        smtp::{Extensions, Reply, ReplyReader},
    },
};

/// Our name as EHLO wants it: a domain name, else an address literal.
pub(super) struct Name(pub(super) String);

impl Name {
    pub(super) fn of(name: &str) -> Self {
        let is_name = !name.is_empty()
            && name.len() <= 255
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.[]:".contains(&b));
        Self(if is_name { name.to_owned() } else { "[127.0.0.1]".to_owned() })
    }
}

/// The session until the library takes over.
pub(super) struct Opening {
    lines: Lines,
    allowance: Arc<Allowance>,
    pub(super) peer: Peer,
    pub(super) encrypted: bool,
    pub(super) loopback: bool,
    timeouts: SmtpTimeouts,
}

impl Opening {
    pub(super) fn over(link: Link, timeouts: &SmtpTimeouts) -> Self {
        let Link { wire, allowance, peer, encrypted, loopback } = link;
        Self { lines: Lines::new(wire), allowance, peer, encrypted, loopback, timeouts: *timeouts }
    }

    pub(super) async fn greeting(
        &mut self,
        server: &MailServer,
        log: &mut StepLog,
    ) -> Result<(), NetError> {
        let (began, step) = (Instant::now(), StepName::Greeting);
        let wait = greeting_wait(server, &self.timeouts.for_dialling());
        let reply = match self.reply(step, "", wait).await {
            Err(error) if error.kind == Failure::TimedOut => {
                return Err(silent_greeting(&self.peer, server, wait));
            }
            reply => reply?,
        };
        match reply.code / 100 {
            2 => log.add(step, began, &reply.text()),
            4 => return Err(self.error(step, Failure::ServerBusy { retry_after: None }, &reply)),
            5 => return Err(self.error(step, Failure::Rejected, &reply)),
            _ => return Err(self.error(step, Failure::Protocol, &reply)),
        }
        Ok(())
    }

    pub(super) async fn ehlo(&mut self, name: &Name) -> Result<Extensions, NetError> {
        let step = StepName::Greeting;
        let reply = self.command(step, &format!("EHLO {}", name.0)).await?;
        if reply.is_class(2) {
            return Ok(Extensions::of(&reply));
        }
        if reply.is_class(4) {
            return Err(self.error(step, Failure::ServerBusy { retry_after: None }, &reply));
        }
        // §3.2: a server that does not know EHLO knows HELO, and no extension.
        let reply = self.command(step, &format!("HELO {}", name.0)).await?;
        if reply.is_class(2) {
            Ok(Extensions::default())
        } else {
            Err(self.error(step, Failure::Rejected, &reply))
        }
    }

    pub(super) async fn starttls(mut self, extensions: &Extensions) -> Result<Link, NetError> {
        let step = StepName::Tls;
        if !extensions.starttls {
            return Err(self.peer.error(step, Failure::StarttlsUnavailable, ""));
        }
        let reply = self.command(step, "STARTTLS").await?;
        if !reply.is_class(2) {
            return Err(self.error(step, Failure::StarttlsUnavailable, &reply));
        }
        if self.lines.has_leftover() {
            return Err(self.peer.error(step, Failure::InjectedBytes, ""));
        }
        let Self { lines, allowance, peer, encrypted, loopback, .. } = self;
        Ok(Link { wire: lines.into_parts().0, allowance, peer, encrypted, loopback })
    }

    pub(super) async fn login(
        &mut self,
        login: &Login,
        extensions: &Extensions,
    ) -> Result<String, NetError> {
        let Secret::Password(password) = &login.secret;
        let step = StepName::Auth;
        let peer = self.peer.clone();
        let impossible = |words: &str| peer.error(step, Failure::LoginRefused, words);
        let mut messages = match Mechanism::for_password(&extensions.auth) {
            Some(Mechanism::Plain) => {
                let message = sasl::plain(&login.username, password).ok_or_else(|| {
                    impossible("the name or the password contains a NUL character")
                })?;
                vec![Zeroizing::new(format!("AUTH PLAIN {}", message.as_str()))]
            }
            Some(mechanism) => {
                let [name, password] = sasl::login(&login.username, password);
                vec![Zeroizing::new(format!("AUTH {}", mechanism.name())), name, password]
            }
            None => {
                let offered = extensions.auth.join(" ");
                let words =
                    format!("the server offers no login with a password (it offers: `{offered}`)");
                return Err(impossible(&words));
            }
        }
        .into_iter();
        while let Some(message) = messages.next() {
            let reply = self.command(step, &message).await?;
            let kind = match reply.code {
                334 if messages.len() > 0 => continue,
                code if code / 100 == 2 => return Ok(reply.text()),
                code if code / 100 == 4 => Failure::LoginTemporarilyRefused,
                code if code / 100 == 5 => Failure::LoginRefused,
                _ => Failure::Protocol,
            };
            let words = format!("{} {}", reply.code, login.redacted(&reply.text()));
            return Err(self.peer.error(step, kind, &words));
        }
        Err(impossible(""))
    }

    pub(super) async fn into_session(self, extensions: Extensions) -> Result<Smtp, NetError> {
        let Self { lines, allowance, peer, timeouts, .. } = self;
        let step = StepName::Greeting;
        if lines.has_leftover() {
            return Err(peer.error(step, Failure::Protocol, "the server spoke out of turn"));
        }
        allowance.set_write_stall(timeouts.block);
        let stream = Box::new(Handover::to_smtp(lines.into_parts().0));
        // Answered by the handover; see there.
        let name = ClientId::Domain("countersign".to_owned());
        let taking_over = AsyncSmtpConnection::connect_with_transport(stream, &name);
        let connection = timeout(timeouts.command, taking_over)
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| peer.error(step, Failure::Protocol, "after the login"))?;
        Ok(Smtp { connection: Some(connection), extensions, allowance, peer, timeouts })
    }

    async fn command(&mut self, step: StepName, command: &str) -> Result<Reply, NetError> {
        self.reply(step, command, self.timeouts.command).await
    }

    /// Sends a command, if it is not empty, and waits for the reply.
    async fn reply(
        &mut self,
        step: StepName,
        command: &str,
        wait: Duration,
    ) -> Result<Reply, NetError> {
        self.allowance.grant(REPLY_OCTETS_MAX, Some(wait));
        let Self { lines, peer, .. } = self;
        let talk = async {
            if !command.is_empty() {
                let line = Zeroizing::new(format!("{command}\r\n"));
                lines.write(line.as_bytes()).await.map_err(|error| peer.io_error(step, error))?;
            }
            let mut reader = ReplyReader::default();
            loop {
                let line = lines.line().await.map_err(|error| peer.io_error(step, error))?;
                match reader.take(&line) {
                    Ok(Some(reply)) => return Ok(reply),
                    Ok(None) => {}
                    Err(no_reply) => {
                        let words = format!("{no_reply}: {}", String::from_utf8_lossy(&line));
                        return Err(peer.error(step, Failure::Protocol, &words));
                    }
                }
            }
        };
        timeout(wait, talk).await.map_err(|_| peer.timed_out(step, wait))?
    }

    fn error(&self, step: StepName, kind: Failure, reply: &Reply) -> NetError {
        self.peer.error(step, kind, &format!("{} {}", reply.code, reply.text()))
    }
}

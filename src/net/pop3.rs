//! A POP3 client (RFC 1939). The conversation is [`protocol::pop3`]'s; here
//! are the socket, the waits and the order of things.
//!
//! A deletion counts only when the server has said `+OK` to QUIT (RFC 1939
//! §6): a session that is dropped, on purpose or not, has deleted nothing.
//! Message numbers mean nothing once the session is over.
//!
//! [`protocol::pop3`]: crate::protocol::pop3

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};
use zeroize::Zeroizing;

use super::{
    dial::{Link, Login, Secret, Timeouts, dial, greeting_wait, silent_greeting},
    step::{Failure, NetError, Peer, StepLog, StepName},
    wire::{Allowance, Wire},
};
use crate::{
    domain::mail_server::{MailServer, Security},
    protocol::{
        pop3::{Broken, Capabilities, Conversation, Refusal, Reply, Shape, Status, list, uidl},
        sasl::{self, Mechanism},
    },
};

/// Octets a server may send beside what was asked for.
const SLACK_OCTETS: u64 = 256 * 1024;
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

/// The conversation and its stream.
struct Talk {
    /// None once something failed.
    wire: Option<Wire>,
    conversation: Conversation,
    allowance: Arc<Allowance>,
    peer: Peer,
    timeouts: Timeouts,
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

    /// Marks a message; QUIT deletes it.
    pub async fn dele(&mut self, number: u32) -> Result<(), NetError> {
        self.talk.must(StepName::Delete, &format!("DELE {number}"), Shape::Line).await.map(|_| ())
    }

    /// Ends the session. Only with `Ok` are the marked messages deleted.
    pub async fn quit(mut self) -> Result<(), NetError> {
        self.talk.must(StepName::Quit, "QUIT", Shape::Line).await.map(|_| ())
    }
}

impl Talk {
    fn over(link: Link, timeouts: &Timeouts) -> Self {
        Self {
            wire: Some(link.wire),
            conversation: Conversation::default(),
            allowance: link.allowance,
            peer: link.peer,
            timeouts: *timeouts,
        }
    }

    async fn greet(&mut self, server: &MailServer, log: &mut StepLog) -> Result<(), NetError> {
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
    async fn starttls(mut self, loopback: bool) -> Result<Link, NetError> {
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
    async fn capabilities(&mut self) -> Result<Capabilities, NetError> {
        let shape = Shape::Lines { octets_max: 64 * 1024 };
        let reply = self.ask(StepName::Auth, "CAPA", shape).await?;
        Ok(if reply.status == Status::Ok {
            Capabilities::of(&reply.body)
        } else {
            Capabilities::default()
        })
    }

    async fn login(&mut self, login: &Login, offered: &Capabilities) -> Result<String, NetError> {
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
    async fn must(
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
    async fn ask_all(
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

    fn error(&self, step: StepName, kind: Failure, words: &str) -> NetError {
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

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;
    use crate::net::{
        scripted,
        tls::tests::{self_signed, server},
    };

    const GREETED: &str = "S: +OK hi\nC: CAPA\nS: -ERR what?\nC: USER ana\nS: +OK\nC: PASS secret\nS: +OK in\n\
        C: CAPA\nS: -ERR what?\n";

    async fn open_with(
        script: &str,
        account: &MailServer,
        tls: Option<tokio_native_tls::TlsAcceptor>,
    ) -> (Result<Pop3, NetError>, JoinHandle<()>) {
        let timeouts = Timeouts::default();
        let (stream, server) = scripted::server(script, tls);
        let peer = Peer { host: "localhost".into(), port: account.port };
        let link = Link { peer, ..Link::over(stream, &timeouts) };
        let login = Login::password("ana", "secret");
        let pop3 = Pop3::over(link, account, &login, &timeouts, &mut StepLog::default()).await;
        (pop3, server)
    }

    async fn session(script: &str) -> (Pop3, JoinHandle<()>) {
        let (pop3, task) =
            open_with(&format!("{GREETED}{script}"), &server(110, Security::None), None).await;
        (pop3.unwrap(), task)
    }

    async fn check_not_opened(
        script: &str,
        account: &MailServer,
        kind: Failure,
        step: StepName,
    ) -> NetError {
        let error = open_with(script, account, None).await.0.err().expect("no session");
        assert_eq!((error.kind, error.step), (kind, step), "{error}");
        error
    }

    #[tokio::test]
    async fn a_whole_session_is_understood() {
        let script = include_str!("../../fixtures/transcripts/pop3-client.txt");
        let (pop3, task) = open_with(script, &server(110, Security::None), None).await;
        let mut pop3 = pop3.unwrap();
        let ids = pop3.uidl().await.unwrap().unwrap();
        assert_eq!(ids, [(1, "aa".to_owned()), (2, "bb".to_owned())]);
        assert_eq!(pop3.list().await.unwrap(), [(1, 20), (2, 2000)]);
        assert_eq!(pop3.retr(1, 100).await.unwrap(), b"Subject: a\r\n\r\n.\r\n.b\r\n");
        assert_eq!(pop3.top(2, 0).await.unwrap(), b"Subject: b\r\n\r\n");
        pop3.dele(1).await.unwrap();
        pop3.quit().await.unwrap();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn deletions_count_only_when_quit_is_answered() {
        for (answer, kind) in [
            ("S: -ERR [SYS/TEMP] not all", Failure::ServerBusy { retry_after: None }),
            ("", Failure::Closed),
        ] {
            let (mut pop3, _task) =
                session(&format!("C: DELE 1\nS: +OK\nC: QUIT\n{answer}\n")).await;
            pop3.dele(1).await.unwrap();
            assert_eq!(pop3.quit().await.unwrap_err().kind, kind);
        }
    }

    #[tokio::test]
    async fn a_server_without_uidl_is_no_error() {
        let (mut pop3, _task) =
            session("C: UIDL\nS: -ERR what?\nC: LIST\nS: +OK\nS: 1 5\nS: .\n").await;
        assert_eq!(pop3.uidl().await.unwrap(), None);
        assert_eq!(pop3.list().await.unwrap(), [(1, 5)]);
    }

    async fn check_retr_fails(answer: &str, expected: Failure) {
        let (mut pop3, _task) = session(&format!("C: RETR 1\n{answer}\n")).await;
        let error = pop3.retr(1, 1_000).await.unwrap_err();
        assert_eq!(error.kind, expected, "{error}");
    }

    #[tokio::test]
    async fn a_message_is_whole_or_an_error() {
        check_retr_fails("S: -ERR no such message", Failure::CommandRefused).await;
        check_retr_fails("S: +OK\nS: Subject: cut", Failure::Closed).await;
        check_retr_fails("S: +OK\nFLOOD aaaaaaaaaaaaaaaaaaaaaaaa", Failure::TooLarge).await;
        check_retr_fails("FLOOD +OKaaaaaaaaaaaaaaaaaaaaaaaa", Failure::TooLarge).await;
        check_retr_fails("S: 250 mail", Failure::Protocol).await;
        let (mut pop3, _task) = session("C: RETR 1\nS: +OK\nS: cut\n").await;
        pop3.retr(1, 1_000).await.unwrap_err();
        assert_eq!(pop3.dele(1).await.unwrap_err().kind, Failure::Closed);
    }

    #[tokio::test]
    async fn a_login_that_fails_says_how() {
        let plain = server(110, Security::None);
        let busy = |seconds: Option<u64>| Failure::ServerBusy {
            retry_after: seconds.map(Duration::from_secs),
        };
        for (answer, kind) in [
            ("-ERR [AUTH] secret is wrong", Failure::LoginRefused),
            ("-ERR no", Failure::LoginRefused),
            ("-ERR [IN-USE] locked", busy(None)),
            ("-ERR [LOGIN-DELAY] too soon", busy(Some(10))),
            ("-ERR [SYS/TEMP] later", Failure::LoginTemporarilyRefused),
            ("-ERR [SYS/PERM] never", Failure::LoginRefused),
        ] {
            let script = format!(
                "S: +OK hi\nC: CAPA\nS: +OK\nS: USER\nS: LOGIN-DELAY 10\nS: .\nC: USER ana\nS: +OK\nC: PASS secret\nS: {answer}"
            );
            let error = check_not_opened(&script, &plain, kind, StepName::Auth).await;
            assert!(!error.to_string().contains("secret "), "{error}");
        }
        let greeting = StepName::Greeting;
        check_not_opened("S: -ERR [SYS/PERM] go away", &plain, Failure::Rejected, greeting).await;
        check_not_opened("S: -ERR full", &plain, busy(None), greeting).await;
        let error = check_not_opened("S: * OK IMAP", &plain, Failure::Protocol, greeting).await;
        assert!(error.words.contains("no POP3 server"), "{error}");
    }

    #[tokio::test]
    async fn sasl_is_spoken_in_the_form_for_long_secrets() {
        for script in [
            "C: AUTH PLAIN\nS: + \nC: AGFuYQBzZWNyZXQ=\nS: +OK in",
            "C: AUTH PLAIN\nS: + \nC: AGFuYQBzZWNyZXQ=\nS: -ERR [AUTH] no",
        ] {
            let script = format!(
                "S: +OK hi\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\n{script}\nC: CAPA\nS: -ERR\n"
            );
            let (pop3, task) = open_with(&script, &server(110, Security::None), None).await;
            let is_refused = script.contains("[AUTH]");
            assert_eq!(pop3.is_err(), is_refused);
            drop(pop3);
            assert_eq!(task.await.is_err(), is_refused, "after a refusal nothing more is said");
        }
    }

    #[tokio::test]
    async fn starttls_forgets_what_was_said_before() {
        let shown = self_signed("localhost", 2090);
        let account =
            MailServer { ca_pem: Some(shown.pem.clone()), ..server(110, Security::Starttls) };
        let script = "S: +OK hi\nC: STLS\nS: +OK go\nTLS\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER ana\nS: +OK\n\
            C: PASS secret\nS: +OK in\nC: CAPA\nS: -ERR\nC: QUIT\nS: +OK\n";
        let (pop3, task) = open_with(script, &account, Some(shown.acceptor)).await;
        pop3.unwrap().quit().await.unwrap();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn starttls_fails_closed() {
        let account = server(110, Security::Starttls);
        let injected = "S: +OK hi\nC: STLS\nS: +OK go\nS: +OK injected";
        check_not_opened(injected, &account, Failure::InjectedBytes, StepName::Tls).await;
        let refused = "S: +OK hi\nC: STLS\nS: -ERR what?";
        check_not_opened(refused, &account, Failure::StarttlsUnavailable, StepName::Tls).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_never_answers_costs_a_bounded_wait() {
        let began = Instant::now();
        check_not_opened(
            "HANG",
            &server(110, Security::None),
            Failure::TimedOut,
            StepName::Greeting,
        )
        .await;
        check_not_opened(
            "HANG",
            &server(995, Security::None),
            Failure::SecurityMixUp,
            StepName::Greeting,
        )
        .await;
        let (mut pop3, _task) = session("C: RETR 1\nS: +OK\nS: begun\nHANG\n").await;
        assert_eq!(pop3.retr(1, 1_000).await.unwrap_err().kind, Failure::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(140));
    }
}

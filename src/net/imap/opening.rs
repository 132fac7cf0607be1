//! Greeting, STARTTLS, capabilities, login: the part of an IMAP session in
//! which an attacker may speak and a password is in the air (RFC 3501 §6.1
//! and §6.2). Written by hand, because the library would take what was sent
//! before TLS for an answer after it, and prints what it sends when traced.

use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use crate::{
    domain::mail_server::{MailServer, Security},
    net::{
        dial::{Link, Login, Secret, Timeouts, greeting_wait, silent_greeting},
        lines::Lines,
        step::{Failure, NetError, Peer, StepLog, StepName},
    },
    protocol::{
        imap::{Capabilities, Line, Status, is_temporary, quoted},
        sasl::{self, Mechanism},
    },
};

/// Lines a server may send before it answers a command of this part.
const LINES_MAX: usize = 200;
/// Octets of one answer of this part.
const ANSWER_OCTETS_MAX: u64 = 256 * 1024;

/// A session that is logged in.
pub(super) struct Opened {
    pub lines: Lines,
    pub capabilities: Capabilities,
    pub peer: Peer,
}

pub(super) async fn open(
    link: Link,
    server: &MailServer,
    login: &Login,
    timeouts: &Timeouts,
    log: &mut StepLog,
) -> Result<Opened, NetError> {
    let mut opening = Opening::over(link, timeouts);
    let mut is_logged_in = opening.greeting(server, log).await?;
    if server.security == Security::Starttls {
        let link = opening.starttls(is_logged_in).await?;
        opening = Opening::over(link.encrypt(server, timeouts, log).await?, timeouts);
        is_logged_in = false;
    }
    let began = Instant::now();
    let words = if is_logged_in {
        "the server logged us in by itself".to_owned()
    } else {
        opening.link.may_login(server)?;
        opening.login(login).await?
    };
    log.add(StepName::Auth, began, &login.redacted(without_code(&words)));
    let capabilities = opening.capabilities().await?;
    Ok(Opened { lines: opening.lines, capabilities, peer: opening.link.peer })
}

/// All of a [`Link`] but its stream.
struct Known {
    peer: Peer,
    allowance: std::sync::Arc<crate::net::wire::Allowance>,
    encrypted: bool,
    loopback: bool,
}

struct Opening<'a> {
    link: Known,
    lines: Lines,
    timeouts: &'a Timeouts,
    tag: u32,
    capabilities: Option<Capabilities>,
}

/// The tagged end of a command.
struct Answer {
    status: Status,
    text: String,
}

impl<'a> Opening<'a> {
    fn over(link: Link, timeouts: &'a Timeouts) -> Self {
        let Link { wire, allowance, peer, encrypted, loopback } = link;
        let link = Known { peer, allowance, encrypted, loopback };
        Self { link, lines: Lines::new(wire), timeouts, tag: 0, capabilities: None }
    }

    /// True where the server says that we are logged in already.
    async fn greeting(&mut self, server: &MailServer, log: &mut StepLog) -> Result<bool, NetError> {
        let began = Instant::now();
        let wait = greeting_wait(server, self.timeouts);
        self.allow();
        let line = timeout(wait, self.lines.line())
            .await
            .map_err(|_| silent_greeting(&self.link.peer, server, wait))?
            .map_err(|error| self.link.peer.io_error(StepName::Greeting, error))?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let fail = |kind, words: &str| Err(self.link.peer.error(StepName::Greeting, kind, words));
        let parsed = Line::parse(&line);
        let is_logged_in = match &parsed {
            Some(Line::Untagged { status: Status::Ok, .. }) => false,
            Some(Line::Untagged { status: Status::PreAuth, .. }) => true,
            Some(Line::Untagged { status: Status::Bye, text }) => {
                return fail(Failure::ServerBusy { retry_after: None }, text);
            }
            _ => {
                return fail(Failure::Protocol, &format!("this is no IMAP server: {line}"));
            }
        };
        self.capabilities = parsed.and_then(|line| line.capabilities()).map(Capabilities::parse);
        log.add(StepName::Greeting, began, without_code(line.strip_prefix("* ").unwrap_or(&line)));
        Ok(is_logged_in)
    }

    /// RFC 3501 §6.2.1. What was announced before is forgotten with `self`.
    async fn starttls(mut self, is_logged_in: bool) -> Result<Link, NetError> {
        let fail = |opening: &Self, kind, words: &str| {
            Err(opening.link.peer.error(StepName::Tls, kind, words))
        };
        if is_logged_in {
            // Somebody in between can greet with PREAUTH to make TLS impossible.
            let words = "the server greets with PREAUTH, after which there is no STARTTLS";
            return fail(&self, Failure::StarttlsUnavailable, words);
        }
        let answer = self.command(StepName::Tls, "STARTTLS").await?;
        if answer.status != Status::Ok {
            return fail(&self, Failure::StarttlsUnavailable, &answer.text);
        }
        if self.lines.has_leftover() {
            return fail(&self, Failure::InjectedBytes, "");
        }
        let Known { peer, allowance, loopback, .. } = self.link;
        let (wire, _) = self.lines.into_parts();
        Ok(Link { wire, allowance, peer, encrypted: false, loopback })
    }

    async fn capabilities(&mut self) -> Result<Capabilities, NetError> {
        if self.capabilities.is_none() {
            let answer = self.command(StepName::Auth, "CAPABILITY").await?;
            if answer.status != Status::Ok {
                return Err(self.link.peer.error(StepName::Auth, Failure::Protocol, &answer.text));
            }
        }
        Ok(self.capabilities.clone().unwrap_or_default())
    }

    async fn login(&mut self, login: &Login) -> Result<String, NetError> {
        let capabilities = self.capabilities().await?;
        let (first, answers) = messages(login, &capabilities)
            .map_err(|words| self.link.peer.error(StepName::Auth, Failure::LoginRefused, words))?;
        // Logged in, a server may be able to do other things.
        self.capabilities = None;
        let answer = self.exchange(StepName::Auth, &first, &answers).await?;
        if answer.status == Status::Ok {
            return Ok(answer.text);
        }
        let kind = if is_temporary(&answer.text) {
            Failure::LoginTemporarilyRefused
        } else {
            Failure::LoginRefused
        };
        Err(self.link.peer.error(StepName::Auth, kind, &login.redacted(&answer.text)))
    }

    async fn command(&mut self, step: StepName, command: &str) -> Result<Answer, NetError> {
        self.exchange(step, command.as_bytes(), &[]).await
    }

    /// Sends `first` under a new tag and, each time the server asks for more,
    /// one of `more`.
    async fn exchange(
        &mut self,
        step: StepName,
        first: &[u8],
        more: &[Zeroizing<Vec<u8>>],
    ) -> Result<Answer, NetError> {
        self.tag += 1;
        let tag = format!("c{}", self.tag);
        self.allow();
        let wait = self.timeouts.command;
        match timeout(wait, self.unbounded_exchange(step, &tag, first, more)).await {
            Ok(answer) => answer,
            Err(_) => Err(self.link.peer.timed_out(step, wait)),
        }
    }

    async fn unbounded_exchange(
        &mut self,
        step: StepName,
        tag: &str,
        first: &[u8],
        more: &[Zeroizing<Vec<u8>>],
    ) -> Result<Answer, NetError> {
        let Self { lines, link, capabilities, .. } = self;
        let peer = &link.peer;
        let failed = |error| peer.io_error(step, error);
        let whole = Zeroizing::new([tag.as_bytes(), b" ", first, b"\r\n"].concat());
        lines.write(&whole).await.map_err(failed)?;
        let mut more = more.iter();
        for _ in 0..LINES_MAX {
            let line = lines.line().await.map_err(failed)?;
            let line = String::from_utf8_lossy(&line);
            let parsed = Line::parse(&line);
            if let Some(words) = parsed.as_ref().and_then(Line::capabilities) {
                *capabilities = Some(Capabilities::parse(words));
            }
            match parsed {
                Some(Line::Tagged { tag: of, status, text }) if of == tag => {
                    return Ok(Answer { status, text: text.to_owned() });
                }
                Some(Line::Continue(_)) => {
                    // RFC 3501 §6.2.2: `*` ends an exchange we have no answer for.
                    let answer = more.next().map_or(b"*".as_slice(), |answer| answer.as_slice());
                    let whole = Zeroizing::new([answer, b"\r\n"].concat());
                    lines.write(&whole).await.map_err(failed)?;
                }
                Some(Line::Untagged { status: Status::Bye, text }) => {
                    return Err(peer.error(step, Failure::ServerBusy { retry_after: None }, text));
                }
                Some(_) => {}
                None => return Err(peer.error(step, Failure::Protocol, &line)),
            }
        }
        Err(peer.error(step, Failure::TooLarge, "too many lines before the answer"))
    }

    fn allow(&self) {
        self.link.allowance.grant(ANSWER_OCTETS_MAX, Some(self.timeouts.idle_bytes));
    }
}

impl Known {
    fn may_login(&self, server: &MailServer) -> Result<(), NetError> {
        crate::net::dial::may_login(&self.peer, self.encrypted || self.loopback, server)
    }
}

/// A server's words without the response code before them: for people, who do
/// not read lists of capabilities.
fn without_code(text: &str) -> &str {
    let text = text.strip_prefix("OK ").unwrap_or(text);
    let rest = text.strip_prefix('[').and_then(|code| code.split_once(']'));
    rest.map_or(text, |(_, words)| words).trim_start()
}

type Messages = (Zeroizing<Vec<u8>>, Vec<Zeroizing<Vec<u8>>>);

/// The command to log in with, and what to answer when the server asks on.
/// LOGIN where quoting can carry name and password; AUTHENTICATE for the rest,
/// because only there the character set is settled (RFC 4616: UTF-8).
fn messages(login: &Login, capabilities: &Capabilities) -> Result<Messages, &'static str> {
    let Secret::Password(password) = &login.secret;
    let bytes = |text: String| Zeroizing::new(text.into_bytes());
    let mechanism = Mechanism::for_password(&capabilities.mechanisms());
    let may_use_login = !capabilities.has("LOGINDISABLED");
    if let (true, Some(name), Some(quoted)) =
        (may_use_login, quoted(&login.username), quoted(password))
    {
        let quoted = Zeroizing::new(quoted);
        return Ok((bytes(format!("LOGIN {name} {}", quoted.as_str())), Vec::new()));
    }
    match mechanism {
        Some(Mechanism::Plain) => {
            let message = sasl::plain(&login.username, password)
                .ok_or("the name or the password contains a NUL character")?;
            // RFC 4959: the message may go with the command.
            if capabilities.has("SASL-IR") {
                return Ok((bytes(format!("AUTHENTICATE PLAIN {}", message.as_str())), Vec::new()));
            }
            Ok((bytes("AUTHENTICATE PLAIN".into()), vec![bytes(message.to_string())]))
        }
        Some(mechanism) => {
            let answers =
                sasl::login(&login.username, password).map(|answer| bytes(answer.to_string()));
            Ok((bytes(format!("AUTHENTICATE {}", mechanism.name())), answers.into()))
        }
        None if may_use_login => {
            // A literal carries anything (RFC 3501 §4.3).
            let first = format!("LOGIN {{{}}}", login.username.len());
            let second = format!("{} {{{}}}", login.username, password.len());
            Ok((bytes(first), vec![bytes(second), bytes(password.to_string())]))
        }
        None => Err("the server offers no way to log in with a password here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(login: &Login, capabilities: &str, expected: Result<&[&str], &str>) {
        let got = messages(login, &Capabilities::parse(capabilities)).map(|(first, more)| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            [text(&first)].into_iter().chain(more.iter().map(|m| text(m))).collect::<Vec<_>>()
        });
        let expected = expected.map(|lines| lines.iter().map(|l| (*l).to_owned()).collect());
        assert_eq!(got, expected);
    }

    #[test]
    fn people_read_words_not_codes() {
        assert_eq!(without_code("OK [CAPABILITY IMAP4rev1] ready"), "ready");
        assert_eq!(without_code("[CAPABILITY IMAP4rev1] logged in"), "logged in");
        assert_eq!(without_code("logged in [at last]"), "logged in [at last]");
    }

    #[test]
    fn the_way_to_log_in_is_one_that_carries_the_password() {
        let plain = Login::password("ana", "a\"b\\c");
        check(&plain, "IMAP4rev1", Ok(&[r#"LOGIN "ana" "a\"b\\c""#]));
        check(
            &plain,
            "LOGINDISABLED AUTH=PLAIN SASL-IR",
            Ok(&["AUTHENTICATE PLAIN AGFuYQBhImJcYw=="]),
        );
        check(&plain, "LOGINDISABLED AUTH=PLAIN", Ok(&["AUTHENTICATE PLAIN", "AGFuYQBhImJcYw=="]));
        check(&plain, "LOGINDISABLED AUTH=LOGIN", Ok(&["AUTHENTICATE LOGIN", "YW5h", "YSJiXGM="]));
        check(
            &plain,
            "LOGINDISABLED",
            Err("the server offers no way to log in with a password here"),
        );
        let odd = Login::password("ana", "pä");
        check(&odd, "AUTH=PLAIN", Ok(&["AUTHENTICATE PLAIN", "AGFuYQBww6Q="]));
        check(&odd, "IMAP4rev1", Ok(&["LOGIN {3}", "ana {3}", "pä"]));
    }
}

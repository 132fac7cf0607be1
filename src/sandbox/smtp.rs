//! SMTP in (RFC 5321): one port for those who log in and for the rest of the
//! world.

use std::io;

use super::{
    mailboxes::{Full, Mailboxes},
    report, sasl,
    stamp::{Arrival, stamped},
    talk::Talk,
};
use crate::domain::address::EmailAddress;

/// Octets of a mail.
const MAIL_OCTETS_MAX: usize = 30 * 1024 * 1024;
const RECIPIENTS_MAX: usize = 100;
/// Wrong passwords, and commands that are none, in one session.
const MISTAKES_MAX: usize = 20;
const GREETING: &str = "ESMTP countersign sandbox";

/// One session, to its end.
pub(super) async fn serve(talk: Talk, post: &Mailboxes) -> io::Result<()> {
    let session = Session {
        talk,
        post,
        helo: String::new(),
        author: None,
        envelope: None,
        mistakes: 0,
        accepted: 0,
    };
    session.run().await
}

struct Session<'a> {
    talk: Talk,
    post: &'a Mailboxes,
    helo: String,
    author: Option<EmailAddress>,
    envelope: Option<Envelope>,
    mistakes: usize,
    accepted: u64,
}

#[derive(Default)]
struct Envelope {
    /// None: the null path.
    from: Option<EmailAddress>,
    to: Vec<EmailAddress>,
}

impl Session<'_> {
    async fn run(mut self) -> io::Result<()> {
        self.talk.say(&format!("220 {} {GREETING}", self.post.authserv_id)).await?;
        while let Some(line) = self.talk.text().await? {
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let rest = rest.trim();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.ehlo(rest).await?,
                "HELO" => {
                    rest.clone_into(&mut self.helo);
                    self.talk.say(&format!("250 {}", self.post.authserv_id)).await?;
                }
                "AUTH" => self.auth(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.envelope = None;
                    self.talk.say("250 2.0.0 forgotten").await?;
                }
                "NOOP" => self.talk.say("250 2.0.0 still here").await?,
                "VRFY" => self.talk.say("252 2.5.2 try and see").await?,
                "QUIT" => return self.talk.say("221 2.0.0 goodbye").await,
                _ => self.mistake("500 5.5.2 unknown command").await?,
            }
            if self.mistakes >= MISTAKES_MAX {
                return self.talk.say("421 4.7.0 too many mistakes").await;
            }
        }
        Ok(())
    }

    async fn mistake(&mut self, words: &str) -> io::Result<()> {
        self.mistakes += 1;
        self.talk.say(words).await
    }

    async fn ehlo(&mut self, name: &str) -> io::Result<()> {
        name.clone_into(&mut self.helo);
        self.envelope = None;
        let server = &self.post.authserv_id;
        let answer = format!(
            "250-{server}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n\
            250-AUTH PLAIN LOGIN\r\n250 SIZE {MAIL_OCTETS_MAX}"
        );
        self.talk.say(&answer).await
    }

    /// RFC 4954; LOGIN as everybody does it.
    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        if self.author.is_some() {
            return self.mistake("503 5.5.1 already logged in").await;
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let initial = Some(initial.trim().to_owned()).filter(|initial| !initial.is_empty());
        let login = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let answer = self.answer_to("", initial).await?;
                sasl::plain(&answer)
            }
            "LOGIN" => {
                let user = self.answer_to("VXNlcm5hbWU6", initial).await?;
                let password = self.answer_to("UGFzc3dvcmQ6", None).await?;
                sasl::text(&user).zip(sasl::text(&password))
            }
            _ => return self.mistake("504 5.5.4 PLAIN or LOGIN").await,
        };
        let found = login.and_then(|(user, password)| self.post.log_in(&user, &password));
        match found {
            Some((_, address)) => {
                self.author = Some(address);
                self.talk.say("235 2.7.0 welcome").await
            }
            None => self.mistake("535 5.7.8 no such user and password").await,
        }
    }

    async fn answer_to(&mut self, challenge: &str, initial: Option<String>) -> io::Result<String> {
        if let Some(initial) = initial {
            return Ok(initial);
        }
        self.talk.say(&format!("334 {challenge}")).await?;
        self.talk.text().await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        if self.helo.is_empty() || self.envelope.is_some() {
            return self.mistake("503 5.5.1 not now").await;
        }
        let from = match path(rest, "FROM:") {
            Some("") => None,
            Some(written) => match EmailAddress::parse(written) {
                Ok(address) => Some(address),
                Err(_) => return self.mistake("553 5.1.7 that is no address").await,
            },
            None => return self.mistake("501 5.5.4 MAIL FROM:<address>").await,
        };
        self.envelope = Some(Envelope { from, to: Vec::new() });
        self.talk.say("250 2.1.0 sender taken").await
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        let Some(envelope) = &mut self.envelope else {
            return self.mistake("503 5.5.1 MAIL first").await;
        };
        let Some(Ok(to)) = path(rest, "TO:").map(EmailAddress::parse) else {
            return self.mistake("501 5.1.3 RCPT TO:<address>").await;
        };
        let answer = if envelope.to.len() >= RECIPIENTS_MAX {
            "452 4.5.3 too many recipients"
        } else if !self.post.is_local(&to) {
            // Only our users may send through us.
            if self.author.is_some() {
                envelope.to.push(to);
                "250 2.1.5 will try"
            } else {
                "550 5.7.1 no relaying"
            }
        } else if self.post.mailbox_of(&to).is_none() {
            "550 5.1.1 there is nobody of that name"
        } else {
            envelope.to.push(to);
            "250 2.1.5 recipient taken"
        };
        self.talk.say(answer).await
    }

    async fn data(&mut self) -> io::Result<()> {
        let Some(envelope) = self.envelope.take().filter(|envelope| !envelope.to.is_empty()) else {
            return self.mistake("503 5.5.1 RCPT first").await;
        };
        self.talk.say("354 go ahead, end with a lone dot").await?;
        let Some(raw) = self.talk.dotted(MAIL_OCTETS_MAX).await? else {
            return self.talk.say("552 5.3.4 the mail is too large").await;
        };
        self.accepted += 1;
        let mut result = Ok(());
        for to in &envelope.to {
            result = result.and(self.deliver(&raw, envelope.from.as_ref(), to));
        }
        match result {
            Ok(()) => self.talk.say("250 2.0.0 taken").await,
            Err(Full::OverQuota) => self.talk.say("452 4.2.2 the mailbox is full").await,
            Err(Full::NoSuchUser) => self.talk.say("550 5.1.1 the mailbox is gone").await,
        }
    }

    fn deliver(
        &self,
        raw: &[u8],
        from: Option<&EmailAddress>,
        to: &EmailAddress,
    ) -> Result<(), Full> {
        if !self.post.is_local(to) {
            self.bounce(raw, from, to);
            return Ok(());
        }
        let key = self.post.mailbox_of(to).ok_or(Full::NoSuchUser)?;
        let arrival = Arrival {
            mail_from: from,
            helo: &self.helo,
            author: self.author.as_ref(),
            at: self.post.now(),
        };
        self.post.put(&key, stamped(raw, &arrival, &self.post.authserv_id))
    }

    /// There is no world behind the sandbox: whatever leaves it comes back. A
    /// bounce of a bounce would go on for ever (RFC 5321 §6.1).
    fn bounce(&self, raw: &[u8], from: Option<&EmailAddress>, to: &EmailAddress) {
        let Some((from, key)) = from.and_then(|from| Some((from, self.post.mailbox_of(from)?)))
        else {
            return;
        };
        let server = &self.post.authserv_id;
        let at = self.post.now();
        let number = u64::try_from(at.timestamp_micros()).unwrap_or(0).wrapping_add(self.accepted);
        let report = report::undeliverable(raw, from, to, (server, number, at));
        let arrival = Arrival { mail_from: None, helo: server, author: None, at };
        // A full mailbox loses its reports: nobody is left to be told.
        let _ = self.post.put(&key, stamped(&report, &arrival, server));
    }
}

/// The address in `FROM:<address> PARAMETERS`; the parameters change nothing
/// here.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<&'a str> {
    let head = rest.get(..keyword.len())?;
    let tail = rest.get(keyword.len()..)?.trim_start();
    let inside = tail.strip_prefix('<')?;
    let end = inside.find('>')?;
    head.eq_ignore_ascii_case(keyword).then(|| inside.get(..end)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_in_brackets() {
        for (rest, expected) in [
            ("FROM:<ana@x.test>", Some("ana@x.test")),
            ("from: <ana@x.test> SIZE=12 BODY=8BITMIME", Some("ana@x.test")),
            ("FROM:<>", Some("")),
            ("FROM:ana@x.test", None),
            ("TO:<ana@x.test>", None),
            ("", None),
        ] {
            assert_eq!(path(rest, "FROM:"), expected, "{rest}");
        }
    }
}

//! POP3 out (RFC 1939, CAPA of RFC 2449). A session sees the mailbox as it was
//! at login; what it marked is deleted at QUIT and only then. The mailbox is
//! not locked meanwhile, since a demo has more than one reader.

use std::{collections::BTreeSet, io};

use super::{
    mailboxes::{Mail, Mailboxes},
    talk::{Talk, with_doubled_dots},
};

const MISTAKES_MAX: usize = 20;

/// One session, to its end.
pub(super) async fn serve(mut talk: Talk, post: &Mailboxes) -> io::Result<()> {
    talk.say("+OK countersign sandbox").await?;
    let mut user = None;
    let mut mistakes = 0;
    while let Some(line) = talk.text().await? {
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "CAPA" => talk.send(CAPABILITIES).await?,
            "USER" if !rest.is_empty() => {
                user = Some(rest.to_owned());
                talk.say("+OK and now PASS").await?;
            }
            "PASS" => {
                let found = user.as_deref().and_then(|user| post.log_in(user, rest));
                if let Some((key, _)) = found {
                    talk.say("+OK welcome").await?;
                    return Session::new(talk, post, key).run().await;
                }
                mistakes += 1;
                talk.say("-ERR [AUTH] no such user and password").await?;
            }
            "QUIT" => return talk.say("+OK goodbye").await,
            _ => {
                mistakes += 1;
                talk.say("-ERR log in first").await?;
            }
        }
        if mistakes >= MISTAKES_MAX {
            return talk.say("-ERR too many mistakes").await;
        }
    }
    Ok(())
}

const CAPABILITIES: &[u8] =
    b"+OK\r\nUSER\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n.\r\n";

struct Session<'a> {
    talk: Talk,
    post: &'a Mailboxes,
    key: String,
    mails: Vec<Mail>,
    /// UIDs that QUIT deletes.
    marked: BTreeSet<u32>,
}

impl<'a> Session<'a> {
    fn new(talk: Talk, post: &'a Mailboxes, key: String) -> Self {
        let mails = post.mails(&key);
        Self { talk, post, key, mails, marked: BTreeSet::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        while let Some(line) = self.talk.text().await? {
            let mut words = line.split_ascii_whitespace();
            let verb = words.next().unwrap_or_default().to_ascii_uppercase();
            let arguments: Vec<&str> = words.collect();
            match (verb.as_str(), arguments.as_slice()) {
                ("CAPA", _) => self.talk.send(CAPABILITIES).await?,
                ("NOOP", _) => self.talk.say("+OK").await?,
                ("STAT", _) => {
                    let octets: usize = self.present().map(|(_, mail)| mail.raw.len()).sum();
                    let answer = format!("+OK {} {octets}", self.present().count());
                    self.talk.say(&answer).await?;
                }
                ("LIST", rest) => self.listing(rest, |mail| mail.raw.len().to_string()).await?,
                ("UIDL", rest) => {
                    let validity = self.post.uid_validity;
                    self.listing(rest, |mail| format!("{validity}.{}", mail.uid)).await?;
                }
                ("RETR", [number]) => self.lines_of(number, None).await?,
                ("TOP", [number, lines]) => match lines.parse() {
                    Ok(lines) => self.lines_of(number, Some(lines)).await?,
                    Err(_) => self.talk.say("-ERR how many lines?").await?,
                },
                ("DELE", [number]) => match self.find(number).map(|mail| mail.uid) {
                    Some(uid) => {
                        self.marked.insert(uid);
                        self.talk.say("+OK marked").await?;
                    }
                    None => self.talk.say("-ERR no such message").await?,
                },
                ("RSET", _) => {
                    self.marked.clear();
                    self.talk.say("+OK nothing is marked").await?;
                }
                ("QUIT", _) => {
                    let marked = std::mem::take(&mut self.marked);
                    if !marked.is_empty() {
                        self.post.remove(&self.key, |mail| marked.contains(&mail.uid));
                    }
                    return self.talk.say("+OK goodbye").await;
                }
                _ => self.talk.say("-ERR unknown command").await?,
            }
        }
        Ok(()) // Hung up without QUIT: nothing is deleted (RFC 1939 §6).
    }

    /// The unmarked ones by their number.
    fn present(&self) -> impl Iterator<Item = (usize, &Mail)> {
        let numbered = self.mails.iter().enumerate().map(|(at, mail)| (at + 1, mail));
        numbered.filter(|(_, mail)| !self.marked.contains(&mail.uid))
    }

    fn find(&self, number: &str) -> Option<&Mail> {
        let at = number.parse::<usize>().ok()?.checked_sub(1)?;
        self.mails.get(at).filter(|mail| !self.marked.contains(&mail.uid))
    }

    async fn listing(&mut self, of: &[&str], fact: impl Fn(&Mail) -> String) -> io::Result<()> {
        let answer = match of {
            [] => {
                let lines: Vec<String> =
                    self.present().map(|(at, mail)| format!("{at} {}\r\n", fact(mail))).collect();
                format!("+OK\r\n{}.", lines.concat())
            }
            [number, ..] => match self.find(number) {
                Some(mail) => format!("+OK {number} {}", fact(mail)),
                None => "-ERR no such message".to_owned(),
            },
        };
        self.talk.say(&answer).await
    }

    async fn lines_of(&mut self, number: &str, lines: Option<usize>) -> io::Result<()> {
        let Some(raw) = self.find(number).map(|mail| mail.raw.clone()) else {
            return self.talk.say("-ERR no such message").await;
        };
        let text = match lines {
            Some(lines) => top(&raw, lines),
            None => &raw,
        };
        let mut answer = b"+OK\r\n".to_vec();
        answer.extend(with_doubled_dots(text));
        answer.extend_from_slice(b".\r\n");
        self.talk.send(&answer).await
    }
}

/// The header section and so many lines of the body.
fn top(raw: &[u8], lines: usize) -> &[u8] {
    let body = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
    let rest = raw.get(body..).unwrap_or_default();
    let wanted: usize =
        rest.split_inclusive(|&octet| octet == b'\n').take(lines).map(<[u8]>::len).sum();
    raw.get(..body + wanted).unwrap_or(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_gives_the_header_and_some_lines() {
        let raw = b"A: b\r\n\r\none\r\ntwo\r\n";
        assert_eq!(top(raw, 0), b"A: b\r\n\r\n");
        assert_eq!(top(raw, 1), b"A: b\r\n\r\none\r\n");
        assert_eq!(top(raw, 9), raw);
        assert_eq!(top(b"A: b", 9), b"A: b");
    }
}

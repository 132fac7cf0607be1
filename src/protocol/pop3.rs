//! POP3 (RFC 1939, 2449, 2595, 5034) as a machine: say which reply comes next,
//! feed it bytes, take replies out.
//!
//! A reply of several lines ends with a line of one dot, and dots at the
//! beginning of other lines were doubled by the server (RFC 1939 §3). Only
//! CRLF ends a line there: a mail with a bare LF before a dot must not end
//! early.

use std::collections::VecDeque;

/// A status line, or a line of a listing. RFC 2449 §4 says 512.
pub const LINE_OCTETS_MAX: usize = 64 * 1024;

/// The shape of the reply that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A status line alone.
    Line,
    /// A status line and, after `+OK`, lines up to the dot: at most so many
    /// octets of them.
    Lines { octets_max: usize },
    /// A status line, or a challenge (`+ …`, RFC 5034 §4).
    Challenge,
}

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: Status,
    /// The text after the status, response code included.
    pub text: String,
    /// What followed up to the dot, un-stuffed, CRLF kept. Empty for a
    /// reply of one line.
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    Err,
    /// `+ `: the server waits for the next part of a login.
    Continue,
}

/// Why the bytes are no POP3, or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("a line does not begin with `+OK` or `-ERR`")]
    NoStatus,
    #[error("a line is longer than {LINE_OCTETS_MAX} octets")]
    LineTooLong,
    #[error("the reply is larger than {octets_max} octets")]
    BodyTooLarge { octets_max: usize },
    #[error("the server spoke out of turn")]
    OutOfTurn,
}

/// The reading half of a session.
#[derive(Debug, Default)]
pub struct Conversation {
    awaited: VecDeque<Shape>,
    bytes: Vec<u8>,
    /// How far `bytes` has been searched for a line end.
    searched: usize,
    /// The status of a reply whose lines are still coming.
    open: Option<(String, usize)>,
    body: Vec<u8>,
}

impl Conversation {
    /// One more reply is due, of this shape. Several may be due: commands
    /// may be sent in a row where the server can PIPELINING (RFC 2449 §6.6).
    pub fn expect(&mut self, shape: Shape) {
        self.awaited.push_back(shape);
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that came and belong to no reply yet: before TLS there must be
    /// none (RFC 2595 §4 and every STARTTLS injection since).
    pub fn has_leftover(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next whole reply; None when more bytes are needed.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Broken> {
        let Some(shape) = self.awaited.front().copied() else {
            return if self.bytes.is_empty() { Ok(None) } else { Err(Broken::OutOfTurn) };
        };
        if self.open.is_none() {
            let Some(line) = self.line()? else {
                return Ok(None);
            };
            let (status, text) = status_of(&line, shape).ok_or(Broken::NoStatus)?;
            match (shape, status) {
                (Shape::Lines { octets_max }, Status::Ok) => self.open = Some((text, octets_max)),
                _ => {
                    self.awaited.pop_front();
                    return Ok(Some(Reply { status, text, body: Vec::new() }));
                }
            }
        }
        self.lines()
    }

    /// A status line without its end. A bare LF ends it too: some servers do.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let unsearched = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.bytes.len();
            return if self.searched > LINE_OCTETS_MAX {
                Err(Broken::LineTooLong)
            } else {
                Ok(None)
            };
        };
        let mut line: Vec<u8> = self.bytes.drain(..=self.searched + at).collect();
        self.searched = 0;
        if line.len() > LINE_OCTETS_MAX {
            return Err(Broken::LineTooLong);
        }
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// Takes the whole lines that have come; gives the reply at the dot. The
    /// lines of a mail have no limit of their own, only all of them together.
    fn lines(&mut self) -> Result<Option<Reply>, Broken> {
        let octets_max = self.open.as_ref().map_or(0, |(_, octets_max)| *octets_max);
        let mut begin = 0;
        let mut is_whole = false;
        for lf in memchr::memchr_iter(b'\n', self.bytes.get(self.searched..).unwrap_or_default()) {
            let end = self.searched + lf + 1;
            let line = self.bytes.get(begin..end).unwrap_or_default();
            if !line.ends_with(b"\r\n") {
                continue;
            }
            begin = end;
            if line == b".\r\n" {
                is_whole = true;
                break;
            }
            self.body.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        // Only what was used up is moved away, so one endless line costs no more than its length.
        self.bytes.drain(..begin);
        self.searched = if is_whole { 0 } else { self.bytes.len() };
        let pending = if is_whole { 0 } else { self.bytes.len() };
        if self.body.len() + pending > octets_max.saturating_add(3) {
            return Err(Broken::BodyTooLarge { octets_max });
        }
        if !is_whole {
            return Ok(None);
        }
        if self.body.len() > octets_max {
            return Err(Broken::BodyTooLarge { octets_max });
        }
        self.awaited.pop_front();
        let text = self.open.take().map(|(text, _)| text).unwrap_or_default();
        Ok(Some(Reply { status: Status::Ok, text, body: std::mem::take(&mut self.body) }))
    }
}

fn status_of(line: &[u8], shape: Shape) -> Option<(Status, String)> {
    let line = String::from_utf8_lossy(line);
    let (word, text) = line.split_once(' ').unwrap_or((&line, ""));
    let status = if word.eq_ignore_ascii_case("+OK") {
        Status::Ok
    } else if word.eq_ignore_ascii_case("-ERR") {
        Status::Err
    } else if word == "+" && shape == Shape::Challenge {
        Status::Continue
    } else {
        return None;
    };
    Some((status, text.to_owned()))
}

/// Why a server said `-ERR` (RFC 2449 §8, RFC 3206).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `[AUTH]`: wrong name or password.
    Auth,
    /// `[IN-USE]`: another session holds the mailbox.
    InUse,
    /// `[LOGIN-DELAY]`: too soon after the last login.
    LoginDelay,
    /// `[SYS/TEMP]`: will pass.
    SysTemp,
    /// `[SYS/PERM]`: will not pass without a person.
    SysPerm,
    /// No code, or one unknown to us.
    Unsaid,
}

impl Refusal {
    pub fn of(text: &str) -> Self {
        let code = text.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let code = code.map_or(String::new(), |(code, _)| code.to_ascii_uppercase());
        match code.split(' ').next().unwrap_or_default() {
            "AUTH" => Self::Auth,
            "IN-USE" => Self::InUse,
            "LOGIN-DELAY" => Self::LoginDelay,
            "SYS/TEMP" => Self::SysTemp,
            "SYS/PERM" => Self::SysPerm,
            _ => Self::Unsaid,
        }
    }
}

/// What CAPA announced (RFC 2449 §5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub stls: bool,
    pub user: bool,
    pub pipelining: bool,
    pub sasl: Vec<String>,
    /// The least seconds between two logins.
    pub login_delay_seconds: Option<u64>,
}

impl Capabilities {
    pub fn of(body: &[u8]) -> Self {
        let mut capabilities = Self::default();
        for line in String::from_utf8_lossy(body).lines() {
            let line = line.to_ascii_uppercase();
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STLS") => capabilities.stls = true,
                Some("USER") => capabilities.user = true,
                Some("PIPELINING") => capabilities.pipelining = true,
                Some("SASL") => capabilities.sasl = words.map(str::to_owned).collect(),
                Some("LOGIN-DELAY") => {
                    capabilities.login_delay_seconds = words.next().and_then(|s| s.parse().ok());
                }
                _ => {}
            }
        }
        capabilities
    }
}

/// The lines of UIDL: message number, unique id. None where a line is neither.
pub fn uidl(body: &[u8]) -> Option<Vec<(u32, String)>> {
    listing(body, |id| {
        // RFC 1939 §7 says 1 to 70 characters; a few servers write more.
        let fits = (1..=255).contains(&id.len()) && id.bytes().all(|b| (0x21..=0x7e).contains(&b));
        fits.then(|| id.to_owned())
    })
}

/// The lines of LIST: message number, octets.
pub fn list(body: &[u8]) -> Option<Vec<(u32, u64)>> {
    listing(body, |octets| octets.parse().ok())
}

fn listing<T>(body: &[u8], read: impl Fn(&str) -> Option<T>) -> Option<Vec<(u32, T)>> {
    std::str::from_utf8(body)
        .ok()?
        .lines()
        .map(|line| {
            // More words may follow in later versions of the protocol (§5, LIST).
            let mut words = line.split_ascii_whitespace();
            let number = words.next()?.parse().ok().filter(|number| *number > 0)?;
            Some((number, read(words.next()?)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: Shape = Shape::Lines { octets_max: 10_000 };

    /// The server's lines of a transcript, and the shapes of the client's.
    fn transcript(text: &str) -> (Vec<Shape>, Vec<u8>) {
        let mut shapes = vec![Shape::Line];
        let mut said = Vec::new();
        for line in text.lines() {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("S:", line) => said.extend([line.as_bytes(), b"\r\n"].concat()),
                ("C:", line) => shapes.push(match line.split(' ').next().unwrap() {
                    "CAPA" | "RETR" | "TOP" => LINES,
                    "UIDL" | "LIST" => LINES,
                    "AUTH" => Shape::Challenge,
                    _ => Shape::Line,
                }),
                _ => {}
            }
        }
        (shapes, said)
    }

    fn replies(text: &str, step: usize) -> Vec<Reply> {
        let (shapes, said) = transcript(text);
        let mut conversation = Conversation::default();
        shapes.into_iter().for_each(|shape| conversation.expect(shape));
        let mut replies = Vec::new();
        for bytes in said.chunks(step) {
            conversation.feed(bytes);
            while let Some(reply) = conversation.next_reply().unwrap() {
                replies.push(reply);
            }
        }
        assert!(!conversation.has_leftover());
        replies
    }

    #[test]
    fn a_session_reads_the_same_in_any_packets() {
        let text = include_str!("../../fixtures/transcripts/pop3-session.txt");
        let whole = replies(text, 1 << 20);
        for step in [1, 2, 3, 7, 64] {
            assert_eq!(replies(text, step), whole, "{step} octets at a time");
        }
        assert_eq!(whole.len(), 10);
        assert!(whole.iter().all(|reply| reply.status == Status::Ok));
        let capabilities = Capabilities::of(&whole[1].body);
        assert!(capabilities.stls && capabilities.user && capabilities.pipelining);
        assert_eq!(capabilities.sasl, ["PLAIN", "LOGIN"]);
        assert_eq!(capabilities.login_delay_seconds, Some(10));
        assert_eq!(
            uidl(&whole[4].body).unwrap(),
            [(1, "00000001abc".into()), (3, "x<>{}~!".into())]
        );
        assert_eq!(list(&whole[5].body).unwrap(), [(1, 120), (3, 4096)]);
        assert_eq!(whole[6].body, b"Subject: dots\r\n\r\n.\r\n..two\r\n.one\r\nend\r\n");
    }

    fn check(shape: Shape, bytes: &[u8], expected: Result<Option<&[u8]>, Broken>) {
        let mut conversation = Conversation::default();
        conversation.expect(shape);
        conversation.feed(bytes);
        let got = conversation.next_reply().map(|reply| reply.map(|reply| reply.body));
        assert_eq!(got, expected.map(|body| body.map(<[u8]>::to_vec)));
    }

    #[test]
    fn only_a_dot_between_crlfs_ends_a_mail() {
        check(LINES, b"+OK\r\na\n.\r\nb\r\n", Ok(None));
        check(LINES, b"+OK\r\na\n.\r\nb\r\n.\r\n", Ok(Some(b"a\n.\r\nb\r\n")));
        check(LINES, b"+OK\r\n.\n.\r\n", Ok(None));
        check(LINES, b"+OK\r\n.\r\n", Ok(Some(b"")));
        check(LINES, b"+OK\r\na\r\n.", Ok(None));
    }

    #[test]
    fn what_is_too_much_is_cut_off() {
        let small = Shape::Lines { octets_max: 4 };
        check(small, b"+OK\r\nab\r\n.\r\n", Ok(Some(b"ab\r\n")));
        check(small, b"+OK\r\nabc\r\n.\r\n", Err(Broken::BodyTooLarge { octets_max: 4 }));
        check(small, b"+OK\r\nabcdefgh", Err(Broken::BodyTooLarge { octets_max: 4 }));
        check(Shape::Line, &[b'+'; LINE_OCTETS_MAX + 1], Err(Broken::LineTooLong));
    }

    #[test]
    fn a_refusal_has_no_lines() {
        check(LINES, b"-ERR no such message\r\n", Ok(Some(b"")));
    }

    #[test]
    fn another_protocol_is_noticed() {
        check(Shape::Line, b"* OK IMAP4rev1\r\n", Err(Broken::NoStatus));
        check(Shape::Line, b"+ \r\n", Err(Broken::NoStatus));
        check(Shape::Line, b"+OKAY\r\n", Err(Broken::NoStatus));
    }

    #[test]
    fn nobody_speaks_out_of_turn() {
        let mut conversation = Conversation::default();
        conversation.feed(b"+OK\r\n");
        assert_eq!(conversation.next_reply(), Err(Broken::OutOfTurn));
    }

    #[test]
    fn refusals_are_told_apart() {
        assert_eq!(Refusal::of("[AUTH] wrong"), Refusal::Auth);
        assert_eq!(Refusal::of("[in-use] busy"), Refusal::InUse);
        assert_eq!(Refusal::of("[LOGIN-DELAY] wait"), Refusal::LoginDelay);
        assert_eq!(Refusal::of("[SYS/TEMP] later"), Refusal::SysTemp);
        assert_eq!(Refusal::of("[SYS/PERM] never"), Refusal::SysPerm);
        assert_eq!(Refusal::of("wrong [AUTH]"), Refusal::Unsaid);
    }

    #[test]
    fn a_listing_that_is_none_is_refused() {
        assert_eq!(uidl(b"1\r\n"), None);
        assert_eq!(uidl(b"0 a\r\n"), None);
        assert_eq!(uidl(b"x a\r\n"), None);
        assert_eq!(uidl("1 ä\r\n".as_bytes()), None);
        assert_eq!(list(b"1 -5\r\n"), None);
        assert_eq!(list(b""), Some(vec![]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_machine(bytes: Vec<u8>, step in 1_usize..9) {
            for shape in [Shape::Line, LINES, Shape::Challenge] {
                let mut conversation = Conversation::default();
                conversation.expect(shape);
                for part in [b"+OK\r\n".as_slice(), &bytes].concat().chunks(step) {
                    conversation.feed(part);
                    if conversation.next_reply().is_err() {
                        break;
                    }
                }
            }
            let _ = (uidl(&bytes), list(&bytes), Capabilities::of(&bytes));
        }

        #[test]
        fn every_mail_comes_back_as_it_was(lines: Vec<String>) {
            let mail: String = lines.iter().map(|line| format!("{}\r\n", line.replace('\r', ""))).collect();
            let stuffed: String = mail.split_inclusive("\r\n").map(|line| {
                if line.starts_with('.') { format!(".{line}") } else { line.to_owned() }
            }).collect();
            let mut conversation = Conversation::default();
            conversation.expect(Shape::Lines { octets_max: mail.len() });
            conversation.feed(format!("+OK\r\n{stuffed}.\r\n").as_bytes());
            let reply = conversation.next_reply().unwrap().unwrap();
            proptest::prop_assert_eq!(reply.body, mail.as_bytes());
        }
    }
}

//! SMTP's replies and the shape of a message on the wire (RFC 5321): what the
//! library leaves to us, because we greet, say EHLO and start TLS ourselves.

use std::borrow::Cow;

/// RFC 5321 §4.5.3.1.5 says 512; servers with long greetings exist.
pub const REPLY_LINE_OCTETS_MAX: usize = 2_048;
/// A reply with more lines is no reply.
pub const REPLY_LINES_MAX: usize = 100;

/// A whole reply, of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The text of each line, without code.
    pub lines: Vec<String>,
}

/// Why a line is no SMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReply {
    #[error("the line does not begin with a reply code")]
    NoCode,
    #[error("the lines of one reply differ in their code")]
    CodesDiffer,
    #[error("the reply is too long")]
    TooLong,
}

/// Gathers the lines of a reply.
#[derive(Debug, Default)]
pub struct ReplyReader {
    code: Option<u16>,
    lines: Vec<String>,
}

impl ReplyReader {
    /// Takes a line without its CRLF; gives the reply when it was the last one.
    pub fn take(&mut self, line: &[u8]) -> Result<Option<Reply>, NotAReply> {
        if line.len() > REPLY_LINE_OCTETS_MAX || self.lines.len() >= REPLY_LINES_MAX {
            return Err(NotAReply::TooLong);
        }
        let (digits, rest) = line.split_at_checked(3).ok_or(NotAReply::NoCode)?;
        let code = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u16>().ok())
            .filter(|code| (200..600).contains(code))
            .ok_or(NotAReply::NoCode)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(NotAReply::CodesDiffer);
        }
        // §4.2: a reply of the code alone is to be borne with.
        let (is_last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(NotAReply::NoCode),
        };
        self.code = Some(code);
        self.lines.push(String::from_utf8_lossy(text).into_owned());
        if !is_last {
            return Ok(None);
        }
        self.code = None;
        Ok(Some(Reply { code, lines: std::mem::take(&mut self.lines) }))
    }
}

impl Reply {
    pub fn is_class(&self, class: u16) -> bool {
        self.code / 100 == class
    }

    /// All lines, joined by spaces.
    pub fn text(&self) -> String {
        self.lines.join(" ")
    }
}

/// The enhanced status code (RFC 3463) a reply's text begins with, if it is
/// one and of the same class as `code` (RFC 2034 §4).
pub fn enhanced_code(code: u16, text: &str) -> Option<String> {
    let word = text.split_ascii_whitespace().next()?;
    let mut parts = word.split('.');
    let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number =
        |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fits = parts.next().is_none()
        && class == (code / 100).to_string()
        && is_number(subject)
        && is_number(detail);
    fits.then(|| word.to_owned())
}

/// What a server said to EHLO (RFC 5321 §4.1.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    pub starttls: bool,
    pub eight_bit_mime: bool,
    /// RFC 1870: octets a message may have, where the server says.
    pub size_max: Option<u64>,
    /// RFC 1870 is spoken at all, so MAIL may carry SIZE.
    pub size: bool,
    /// SASL mechanisms, upper case.
    pub auth: Vec<String>,
}

impl Extensions {
    pub fn of(ehlo: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in ehlo.lines.iter().skip(1) {
            // `AUTH=LOGIN` is how some wrote it before RFC 2554 was settled.
            let line = line.to_ascii_uppercase().replacen("AUTH=", "AUTH ", 1);
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => extensions.starttls = true,
                Some("8BITMIME") => extensions.eight_bit_mime = true,
                Some("SIZE") => {
                    extensions.size = true;
                    // Zero means no fixed limit.
                    extensions.size_max = words
                        .next()
                        .and_then(|octets| octets.parse().ok())
                        .filter(|octets| *octets > 0);
                }
                Some("AUTH") => extensions.auth.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        extensions
    }
}

/// The message with CRLF at the end of every line and nowhere a bare CR or LF
/// (RFC 5321 §2.3.8): a server that takes a bare LF for a line end could be
/// made to read a second message out of the first.
pub fn with_crlf(message: &[u8]) -> Cow<'_, [u8]> {
    if !has_bare_ends(message) {
        return Cow::Borrowed(message);
    }
    let mut mended = Vec::with_capacity(message.len() + message.len() / 16);
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                mended.extend_from_slice(b"\r\n");
            }
            b'\n' => mended.extend_from_slice(b"\r\n"),
            _ => mended.push(byte),
        }
    }
    Cow::Owned(mended)
}

fn has_bare_ends(message: &[u8]) -> bool {
    let mut before = None;
    for &byte in message {
        if (before == Some(b'\r')) != (byte == b'\n') {
            return true;
        }
        before = Some(byte);
    }
    before == Some(b'\r')
}

/// Octets that a message of CRLF lines has on the wire after DATA: itself, the
/// dots added to lines that begin with one, and the end (§4.5.2).
pub fn octets_on_wire(message: &[u8]) -> u64 {
    let inner = memchr::memmem::find_iter(message, b"\r\n.").count();
    let first = usize::from(message.first() == Some(&b'.'));
    (message.len() + inner + first + b"\r\n.\r\n".len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Result<(u16, &str), NotAReply>) {
        let mut reader = ReplyReader::default();
        let mut got = Ok(None);
        for line in lines {
            got = reader.take(line.as_bytes());
        }
        let got = got.map(|reply| reply.map(|reply| (reply.code, reply.text())));
        assert_eq!(got, expected.map(|(code, text)| Some((code, text.to_owned()))), "{lines:?}");
    }

    #[test]
    fn replies_are_gathered() {
        check(&["220 mail.x.test ESMTP"], Ok((220, "mail.x.test ESMTP")));
        check(&["250-mail.x.test", "250-SIZE 10", "250 OK"], Ok((250, "mail.x.test SIZE 10 OK")));
        check(&["354"], Ok((354, "")));
        check(&["250"], Ok((250, "")));
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        check(&["* OK IMAP4rev1"], Err(NotAReply::NoCode));
        check(&["+OK"], Err(NotAReply::NoCode));
        check(&["199 x"], Err(NotAReply::NoCode));
        check(&["2500 x"], Err(NotAReply::NoCode));
        check(&[""], Err(NotAReply::NoCode));
        check(&["250-a", "251 b"], Err(NotAReply::CodesDiffer));
        check(&["250-a"; 101], Err(NotAReply::TooLong));
        check(&[&format!("250 {}", "a".repeat(3_000))], Err(NotAReply::TooLong));
    }

    #[test]
    fn extensions_are_read() {
        let lines = [
            "x.test hello",
            "SIZE 1000",
            "auth PLAIN",
            "AUTH=LOGIN",
            "8BITMIME",
            "STARTTLS",
            "   ",
            "",
        ];
        let ehlo = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        let extensions = Extensions::of(&ehlo);
        assert_eq!(extensions.size_max, Some(1000));
        assert_eq!(extensions.auth, ["PLAIN", "LOGIN"]);
        assert!(extensions.starttls && extensions.eight_bit_mime && extensions.size);
        let none =
            Extensions::of(&Reply { code: 250, lines: vec!["STARTTLS".into(), "SIZE 0".into()] });
        assert!(!none.starttls && none.size && none.size_max.is_none());
    }

    #[test]
    fn an_enhanced_code_agrees_with_its_reply() {
        assert_eq!(enhanced_code(550, "5.1.1 no such user").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced_code(550, "4.1.1 no such user"), None);
        assert_eq!(enhanced_code(550, "5.1 no such user"), None);
        assert_eq!(enhanced_code(550, "5.1.1.1 no"), None);
        assert_eq!(enhanced_code(550, ""), None);
    }

    #[test]
    fn line_ends_are_crlf_and_nothing_else() {
        assert!(matches!(with_crlf(b"a\r\nb\r\n"), Cow::Borrowed(_)));
        for (given, mended) in [
            (b"a\nb".as_slice(), b"a\r\nb".as_slice()),
            (b"a\rb", b"a\r\nb"),
            (b"a\r\r\nb", b"a\r\n\r\nb"),
            (b"\n.\n", b"\r\n.\r\n"),
            (b"a\r", b"a\r\n"),
            (b"\n", b"\r\n"),
        ] {
            assert_eq!(with_crlf(given), mended, "{given:?}");
            assert!(!has_bare_ends(mended));
        }
    }

    #[test]
    fn the_octets_on_the_wire_are_counted_with_their_dots() {
        assert_eq!(octets_on_wire(b""), 5);
        assert_eq!(octets_on_wire(b".\r\n.a\r\nb."), 9 + 2 + 5);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_stop_the_reader(lines: Vec<Vec<u8>>, message: Vec<u8>) {
            let mut reader = ReplyReader::default();
            for line in &lines {
                let _ = reader.take(line);
            }
            let mended = with_crlf(&message);
            proptest::prop_assert!(!has_bare_ends(&mended));
            proptest::prop_assert!(octets_on_wire(&mended) >= mended.len() as u64 + 5);
        }
    }
}

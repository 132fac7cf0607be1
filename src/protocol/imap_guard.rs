//! What an IMAP server may say before we let a parser read it.
//!
//! The parser we use reads a response from its start whenever more of it
//! arrives, descends into brackets without a limit, stops the program at a
//! date that is NIL or a METADATA name that is not UTF-8, and the session at a
//! response it does not know. All of this is fine with the servers it was tried
//! with and none of it with a hostile one. So the bytes pass this gate first.
//! It leaves out untagged responses that nobody asked for and changes nothing
//! else; and it says when to hang up: a response may hold 64 kB outside its
//! literals, few brackets inside each other, and a literal no larger than what
//! we asked for.

use std::fmt;

/// Octets of one response, literals not counted.
pub const RESPONSE_OCTETS_MAX: usize = 64 * 1024;

/// A FETCH of what we ask for nests two deep.
pub const BRACKETS_DEEP_MAX: usize = 4;

/// Why a server's bytes go no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hostile {
    LineTooLong,
    TooDeep,
    LiteralTooLarge { octets: u64 },
    BrokenQuote,
    NoDate,
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong => {
                write!(f, "a response is longer than {RESPONSE_OCTETS_MAX} octets")
            }
            Self::TooDeep => write!(f, "a response nests more than {BRACKETS_DEEP_MAX} brackets"),
            Self::LiteralTooLarge { octets } => {
                write!(f, "a literal of {octets} octets is more than was asked for")
            }
            Self::BrokenQuote => f.write_str("a line ends inside a quoted string"),
            Self::NoDate => f.write_str("a message has no internal date"),
        }
    }
}

impl std::error::Error for Hostile {}

/// Watches the bytes of one session go by.
#[derive(Debug, Default)]
pub struct Guard {
    /// Octets of the present response outside literals.
    octets: usize,
    /// Octets of the present literal still to come.
    literal: u64,
    depth: usize,
    /// The first words of the response, held back until its kind is known.
    head: Vec<u8>,
    kind: Kind,
    quote: Quote,
    /// How much of [`NO_DATE`] the last bytes match.
    no_date: usize,
    brace: Brace,
    last_was_cr: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    /// Free text follows: no literals, no quotes.
    Text,
    Data,
    /// Not asked for, not understood, not passed on.
    Unwanted,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Quote {
    #[default]
    Outside,
    Inside,
    Escaped,
}

/// The `{123}` at the end of a line that announces a literal.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Brace {
    #[default]
    None,
    Open(u64),
    Closed(u64),
}

const NO_DATE: &[u8] = b"INTERNALDATE NIL";
/// `* 4294967295 FETCH` and the like; longer first words are data.
const HEAD_OCTETS_MAX: usize = 64;

impl Guard {
    /// Passes `bytes` on to `out`; a literal may have up to `literal_max`
    /// octets.
    pub fn pass(
        &mut self,
        bytes: &[u8],
        literal_max: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Hostile> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.literal > 0 {
                let count = usize::try_from(self.literal).unwrap_or(usize::MAX).min(rest.len());
                let (taken, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                if self.kind != Kind::Unwanted {
                    out.extend_from_slice(taken);
                }
                self.literal -= taken.len() as u64;
                rest = after;
                continue;
            }
            self.octets += 1;
            if self.octets > RESPONSE_OCTETS_MAX {
                return Err(Hostile::LineTooLong);
            }
            self.emit(byte, out);
            if byte == b'\n' {
                self.line_end(literal_max)?;
            } else {
                self.byte(byte)?;
            }
            rest = after;
        }
        Ok(())
    }

    fn emit(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Unwanted => {}
            Kind::Text | Kind::Data => out.push(byte),
            Kind::Unknown => {
                self.head.push(byte);
                self.kind = kind_of(&self.head);
                if matches!(self.kind, Kind::Text | Kind::Data) {
                    out.append(&mut self.head);
                }
            }
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), Hostile> {
        // A CR belongs to the line end; the brace before it still counts.
        self.last_was_cr = byte == b'\r';
        if byte == b'\r' {
            return Ok(());
        }
        if self.kind == Kind::Text {
            return Ok(());
        }
        match (self.quote, byte) {
            (Quote::Inside, b'\\') => self.quote = Quote::Escaped,
            (Quote::Inside, b'"') => self.quote = Quote::Outside,
            (Quote::Escaped, _) => self.quote = Quote::Inside,
            (Quote::Inside, _) => {}
            (Quote::Outside, b'"') => self.quote = Quote::Inside,
            (Quote::Outside, b'(') => self.depth += 1,
            (Quote::Outside, b')') => self.depth = self.depth.saturating_sub(1),
            (Quote::Outside, _) => {}
        }
        if self.depth > BRACKETS_DEEP_MAX {
            return Err(Hostile::TooDeep);
        }
        self.brace = match (self.brace, byte) {
            (_, b'{') => Brace::Open(0),
            (Brace::Open(octets), b'0'..=b'9') => {
                Brace::Open(octets.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
            }
            // RFC 7888: a non-synchronising literal; no server sends one, none may hide behind it.
            (Brace::Open(octets), b'+') => Brace::Open(octets),
            (Brace::Open(octets), b'}') => Brace::Closed(octets),
            _ => Brace::None,
        };
        self.watch_date(byte)
    }

    fn watch_date(&mut self, byte: u8) -> Result<(), Hostile> {
        let byte = byte.to_ascii_uppercase();
        // Within the needle only the `I` of NIL may be a new beginning.
        if self.no_date == NO_DATE.len() - 1 && byte == b'N' {
            self.no_date = 1;
        }
        self.no_date = match NO_DATE.get(self.no_date) {
            Some(&next) if next == byte => self.no_date + 1,
            _ if NO_DATE.first() == Some(&byte) => 1,
            _ => 0,
        };
        if self.no_date == NO_DATE.len() { Err(Hostile::NoDate) } else { Ok(()) }
    }

    fn line_end(&mut self, literal_max: u64) -> Result<(), Hostile> {
        if self.kind != Kind::Text {
            if self.quote != Quote::Outside {
                return Err(Hostile::BrokenQuote);
            }
            if let (Brace::Closed(octets), true) = (self.brace, self.last_was_cr) {
                if octets > literal_max {
                    return Err(Hostile::LiteralTooLarge { octets });
                }
                // The response goes on after the literal: its count does too.
                self.literal = octets;
                self.brace = Brace::None;
                self.no_date = 0;
                self.last_was_cr = false;
                return Ok(());
            }
        }
        *self = Self { head: std::mem::take(&mut self.head), ..Self::default() };
        self.head.clear();
        Ok(())
    }
}

/// The kind, as soon as the first words tell it: `+ …`, `* OK …` and `tag OK …`
/// are text; of the rest, what belongs to a command of ours or is news of the
/// folder is data.
fn kind_of(head: &[u8]) -> Kind {
    if head.first() == Some(&b'+') {
        return Kind::Text;
    }
    let is_line_end = head.last() == Some(&b'\n');
    let mut words = head.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).collect::<Vec<_>>();
    // The last word may still grow.
    words.pop();
    let is_one_of = |word: &[u8], names: &[&str]| {
        names.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    match words.as_slice() {
        [_, status, ..] if is_one_of(status, &["OK", "NO", "BAD", "BYE", "PREAUTH"]) => Kind::Text,
        [b"*", number, what, ..] if number.iter().all(u8::is_ascii_digit) => {
            let news = ["EXISTS", "RECENT", "EXPUNGE", "FETCH"];
            if is_one_of(what, &news) { Kind::Data } else { Kind::Unwanted }
        }
        [b"*", number] if number.iter().all(u8::is_ascii_digit) && !is_line_end => Kind::Unknown,
        [b"*", what, ..] => {
            let asked = ["CAPABILITY", "FLAGS", "LIST", "SEARCH"];
            if is_one_of(what, &asked) { Kind::Data } else { Kind::Unwanted }
        }
        // No IMAP, or a tagged line without a status: the parser shall complain.
        [_, _, ..] => Kind::Data,
        _ if is_line_end || head.len() >= HEAD_OCTETS_MAX => Kind::Data,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same verdict whole and byte by byte: a server chooses its packets.
    fn check(bytes: &[u8], expected: Result<(), Hostile>) {
        let mut whole = Vec::new();
        assert_eq!(Guard::default().pass(bytes, 100, &mut whole), expected, "whole");
        let (mut guard, mut singly) = (Guard::default(), Vec::new());
        let verdict = bytes.iter().try_for_each(|byte| guard.pass(&[*byte], 100, &mut singly));
        assert_eq!(verdict, expected, "byte by byte");
        assert_eq!(whole, singly);
    }

    fn check_passed(bytes: &str, expected: &str) {
        let mut out = Vec::new();
        Guard::default().pass(bytes.as_bytes(), 100, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        check(bytes.as_bytes(), Ok(()));
    }

    #[test]
    fn what_nobody_asked_for_is_left_out() {
        for unwanted in [
            "* METADATA \"\u{fffd}\" (/shared/x {3}\r\nabc)\r\n",
            "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n",
            "* ID (\"a\" {6}\r\n* 1 OK)\r\n",
            "* 7 FROBNICATED\r\n",
            "* VANISHED 1:7\r\n",
            "* 7\r\n",
            "*  \r\n",
            "* \r\n",
        ] {
            check_passed(
                &format!("* 1 EXISTS\r\n{unwanted}a1 OK done\r\n"),
                "* 1 EXISTS\r\na1 OK done\r\n",
            );
        }
    }

    #[test]
    fn what_is_needed_passes_as_it_is() {
        for needed in [
            "* 1 EXISTS\r\n",
            "* 1 fetch (FLAGS ())\r\n",
            "* 1 FETCH (BODY[] {4}\r\n* \r\n FLAGS ())\r\n",
            "* list () NIL INBOX\r\n",
            "* SEARCH\r\n",
            "* OK\r\n",
            "+\r\n",
            "a1 OK\r\n",
            "220 other protocol\r\n",
            "+OK other protocol\r\n",
            "\r\n",
        ] {
            check_passed(needed, needed);
        }
    }

    #[test]
    fn an_honest_session_passes() {
        check(
            b"* OK [CAPABILITY IMAP4rev1] ready (((((((((\r\n\
              * LIST (\\HasNoChildren) \"/\" \"a \\\" ( {9}\"\r\n\
              * 1 FETCH (UID 7 RFC822.SIZE 5 INTERNALDATE \"17-Jul-2026 02:44:25 -0700\")\r\n\
              * 1 FETCH (UID 7 BODY[] {12}\r\n((((((\"\r\n\"((( FLAGS (\\Seen))\r\n\
              a1 OK done {900}\r\n* SEARCH\r\n+ idling\r\n",
            Ok(()),
        );
    }

    #[test]
    fn a_line_without_end_is_cut_off() {
        check(&[b"* 1 FETCH (X ".as_slice(), &[b'a'; 70_000]].concat(), Err(Hostile::LineTooLong));
        check(&[b'+'; 70_000], Err(Hostile::LineTooLong));
    }

    #[test]
    fn literals_do_not_lengthen_a_response_for_free() {
        let many = b"X {1}\r\ny ".repeat(9_000);
        check(&[b"* 1 FETCH (".as_slice(), &many].concat(), Err(Hostile::LineTooLong));
    }

    #[test]
    fn a_literal_may_be_as_large_as_asked_for() {
        check(b"* 1 FETCH (BODY[] {100}\r\n", Ok(()));
        check(b"* 1 FETCH (BODY[] {101}\r\n", Err(Hostile::LiteralTooLarge { octets: 101 }));
        check(
            b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
            Err(Hostile::LiteralTooLarge { octets: u64::MAX }),
        );
    }

    #[test]
    fn text_that_looks_like_a_literal_hides_nothing() {
        let hidden = [b"* OK text {100}\r\n* 1 FETCH ".as_slice(), b"(((((", b"\r\n"].concat();
        check(&hidden, Err(Hostile::TooDeep));
    }

    #[test]
    fn brackets_nest_only_so_deep() {
        check(b"* 1 FETCH (BODYSTRUCTURE ((((\"TEXT\"", Err(Hostile::TooDeep));
    }

    #[test]
    fn what_would_stop_the_parser_is_stopped_here() {
        check(b"* 1 FETCH (IINTERNALDATE nil)\r\n", Err(Hostile::NoDate));
        check(b"* 1 FETCH (INTERNALDATE NINTERNALDATE NIL)\r\n", Err(Hostile::NoDate));
        check(b"* 1 FETCH (UID 1 \"abc\r\n", Err(Hostile::BrokenQuote));
    }
}

//! Addresses in header fields (RFC 5322 §3.4), read strictly for the sender.
//!
//! Who decides is named by From, so a From that could name two people names
//! nobody. Everything that has fooled a parser is refused by its own name.

use super::{encoded_word, header, header::Header};
use crate::domain::address::EmailAddress;

/// One mailbox. The name is decoded and never identifies anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: EmailAddress,
}

/// Why the mail does not say who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromProblem {
    Missing,
    SeveralHeaders,
    SeveralMailboxes,
    Group,
    SourceRoute,
    ControlOrFormatCharacter,
    /// The name beside the address looks like another address.
    SecondAddress,
    NotAnAddress,
}

impl FromProblem {
    /// Stable, snake_case.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "from_missing",
            Self::SeveralHeaders => "from_several_headers",
            Self::SeveralMailboxes => "from_several_mailboxes",
            Self::Group => "from_group",
            Self::SourceRoute => "from_source_route",
            Self::ControlOrFormatCharacter => "from_control_or_format_character",
            Self::SecondAddress => "from_second_address",
            Self::NotAnAddress => "from_not_an_address",
        }
    }
}

/// The one writer of the mail.
pub(super) fn from(headers: &[Header]) -> Result<Mailbox, FromProblem> {
    let mut fields = header::values(headers, "From");
    let field = fields.next().ok_or(FromProblem::Missing)?;
    if fields.next().is_some() {
        return Err(FromProblem::SeveralHeaders);
    }
    one(field)
}

/// The one mailbox of a field.
pub(super) fn one(field: &str) -> Result<Mailbox, FromProblem> {
    if field.chars().any(is_control_or_format) {
        return Err(FromProblem::ControlOrFormatCharacter);
    }
    let list = List::parse(field);
    if list.has_group {
        return Err(FromProblem::Group);
    }
    let mut entries = list.entries.iter();
    match (entries.next(), entries.next()) {
        (None, _) => Err(FromProblem::Missing),
        (Some(_), Some(_)) => Err(FromProblem::SeveralMailboxes),
        (Some(entry), None) => entry.mailbox(),
    }
}

/// The readable mailboxes of a field that may hold many, in order.
pub(super) fn many(field: &str) -> Vec<Mailbox> {
    List::parse(field).entries.iter().filter_map(|entry| entry.mailbox().ok()).collect()
}

/// C0, C1 and the format characters (general category Cf) that draw nothing
/// or turn the direction of writing.
pub(super) fn is_control_or_format(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}')
}

#[derive(Default)]
struct List {
    entries: Vec<Entry>,
    has_group: bool,
}

/// What stands between two commas.
#[derive(Default)]
struct Entry {
    /// Outside quotes, brackets and comments.
    bare: String,
    /// Inside quotes.
    quoted: String,
    comment: String,
    angle: Option<String>,
    /// Text behind the `>`, a second pair of brackets, or one without an end:
    /// where that ends, readers differ.
    has_junk: bool,
    /// A quoted piece stands directly beside an `@`.
    has_quoted_local: bool,
}

impl List {
    fn parse(field: &str) -> Self {
        let mut list = Self::default();
        let mut entry = Entry::default();
        let mut chars = field.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' => {
                    if !entry.quoted.is_empty() {
                        entry.quoted.push(' ');
                    }
                    let (inside, is_closed) = quoted(&mut chars);
                    entry.quoted.push_str(&inside);
                    entry.has_junk |= !is_closed;
                    entry.has_quoted_local |= matches!(chars.peek(), Some('@'));
                }
                '(' => {
                    // `ana@x.test(.y.test)` is one address to some, another to others.
                    let is_glued = entry.bare.contains('@')
                        && entry.bare.ends_with(|c: char| !c.is_whitespace());
                    let (inside, is_closed) = comment(&mut chars);
                    entry.comment = inside;
                    entry.has_junk |= !is_closed || is_glued;
                }
                '<' => {
                    let (inside, is_closed) = angle(&mut chars);
                    entry.has_junk |= entry.angle.is_some() || !is_closed;
                    entry.angle.get_or_insert(inside);
                }
                ',' | ';' => {
                    list.has_group |= c == ';';
                    list.close(&mut entry);
                }
                ':' => {
                    list.has_group = true;
                    entry = Entry::default();
                }
                c => {
                    entry.has_junk |= entry.angle.is_some() && !c.is_whitespace();
                    entry.bare.push(c);
                }
            }
        }
        list.close(&mut entry);
        list
    }

    fn close(&mut self, entry: &mut Entry) {
        let entry = std::mem::take(entry);
        if entry.angle.is_some() || !entry.bare.trim().is_empty() || !entry.quoted.is_empty() {
            self.entries.push(entry);
        }
    }
}

impl Entry {
    fn mailbox(&self) -> Result<Mailbox, FromProblem> {
        if self.has_junk || self.has_quoted_local {
            return Err(FromProblem::NotAnAddress);
        }
        let bare = self.bare.trim();
        let Some(angle) = &self.angle else {
            if !self.quoted.is_empty() {
                return Err(FromProblem::NotAnAddress);
            }
            let address = EmailAddress::parse(bare).map_err(|_| FromProblem::NotAnAddress)?;
            return Ok(Mailbox { name: name_of(&self.comment), address });
        };
        let angle = angle.trim();
        if angle.starts_with('@') {
            return Err(FromProblem::SourceRoute);
        }
        let address = EmailAddress::parse(angle).map_err(|_| FromProblem::NotAnAddress)?;
        // `ana@x.test <ana@x.test>` is written by honest programs; a parser
        // that takes the first of two different addresses is fooled.
        let repeats = EmailAddress::parse(bare).is_ok_and(|named| named.is_same_mailbox(&address));
        if bare.contains('@') && !repeats {
            return Err(FromProblem::SecondAddress);
        }
        let name =
            [self.quoted.as_str(), bare, self.comment.as_str()].into_iter().find_map(name_of);
        Ok(Mailbox { name, address })
    }
}

fn name_of(written: &str) -> Option<String> {
    let name = encoded_word::decode(written.trim());
    (!name.is_empty()).then_some(name)
}

/// What stands inside, and whether it ends.
fn quoted(chars: &mut impl Iterator<Item = char>) -> (String, bool) {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => return (text, true),
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    (text, false)
}

fn comment(chars: &mut impl Iterator<Item = char>) -> (String, bool) {
    let mut text = String::new();
    let mut depth = 1_usize;
    while let Some(c) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return (text, true);
                }
            }
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    (text, false)
}

/// What stands between the brackets; a quoted part keeps its quotes, so that
/// it is refused as an address rather than read as a plain one.
fn angle(chars: &mut impl Iterator<Item = char>) -> (String, bool) {
    let mut text = String::new();
    let mut is_quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '>' if !is_quoted => return (text, true),
            '\\' if is_quoted => {
                text.push(c);
                text.extend(chars.next());
            }
            c => {
                is_quoted ^= c == '"';
                text.push(c);
            }
        }
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: Result<(&str, Option<&str>), FromProblem>) {
        let got = one(field);
        let got = got.as_ref().map(|m| (m.address.to_string(), m.name.as_deref())).map_err(|p| *p);
        assert_eq!(got, expected.map(|(a, n)| (a.to_owned(), n)), "{field:?}");
    }

    #[test]
    fn ordinary_senders_are_read() {
        check("ana@x.test", Ok(("ana@x.test", None)));
        check("Ana Silva <ana@x.test>", Ok(("ana@x.test", Some("Ana Silva"))));
        check("\"Silva, Ana\" <ana@X.test>", Ok(("ana@x.test", Some("Silva, Ana"))));
        check("\"ana@x.test\" <ana@x.test>", Ok(("ana@x.test", Some("ana@x.test"))));
        check("ana@x.test <ana@x.test>", Ok(("ana@x.test", Some("ana@x.test"))));
        check("ana@x.test (Ana)", Ok(("ana@x.test", Some("Ana"))));
        check("=?utf-8?Q?Jos=C3=A9?= <jose@x.test>", Ok(("jose@x.test", Some("Jos\u{e9}"))));
        check("<ana@x.test>", Ok(("ana@x.test", None)));
    }

    #[test]
    fn a_sender_that_could_be_two_people_is_nobody() {
        check("", Err(FromProblem::Missing));
        check("a@x.test, b@x.test", Err(FromProblem::SeveralMailboxes));
        check("Silva, Ana <ana@x.test>", Err(FromProblem::SeveralMailboxes));
        check("all: a@x.test;", Err(FromProblem::Group));
        check("<@b.test:a@x.test>", Err(FromProblem::SourceRoute));
        check("a@x.test <b@x.test>", Err(FromProblem::SecondAddress));
        check("Ana <a@x.test> b@x.test", Err(FromProblem::NotAnAddress));
        check("<a@x.test> <b@x.test>", Err(FromProblem::NotAnAddress));
        check("\"a\"@x.test", Err(FromProblem::NotAnAddress));
        check("<\"a@x.test>\"@y.test>", Err(FromProblem::NotAnAddress));
        check("<a@x.test@y.test>", Err(FromProblem::NotAnAddress));
        check("Ana <a\u{200b}@x.test>", Err(FromProblem::ControlOrFormatCharacter));
        check("Ana\u{202e} <a@x.test>", Err(FromProblem::ControlOrFormatCharacter));
        check("Ana", Err(FromProblem::NotAnAddress));
        check("Ana <a@x.test", Err(FromProblem::NotAnAddress));
        check("\"Ana <a@x.test>", Err(FromProblem::NotAnAddress));
        check("<a@x.test> (Ana", Err(FromProblem::NotAnAddress));
        check("a@x.test(.y.test)", Err(FromProblem::NotAnAddress));
        check("<>", Err(FromProblem::NotAnAddress));
    }

    #[test]
    fn lists_give_what_can_be_read() {
        let list = many("Ana <a@x.test>, nobody, \"B, b\" <b@x.test>, team: c@x.test, d@x.test;");
        let got: Vec<_> = list.iter().map(|m| m.address.to_string()).collect();
        assert_eq!(got, ["a@x.test", "b@x.test", "c@x.test", "d@x.test"]);
        assert!(many("undisclosed-recipients:;").is_empty());
    }
}

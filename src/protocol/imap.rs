//! IMAP's own spellings: folder names in modified UTF-7 (RFC 3501 §5.1.3),
//! strings as a command may carry them (§4.3), sets of UIDs (§9), and the
//! lines a server speaks before anybody is logged in.

use std::fmt::Write as _;

use base64::{Engine, alphabet, engine::general_purpose};

/// Modified base64: `,` for `/`, no padding.
const BASE64: general_purpose::GeneralPurpose =
    general_purpose::GeneralPurpose::new(&alphabet::IMAP_MUTF7, general_purpose::NO_PAD);

/// A folder name as people read it, from how the server writes it. A name
/// that is not modified UTF-7 is taken as it stands: some servers send plain
/// UTF-8, and a folder that cannot be named cannot be chosen.
pub fn folder_from_wire(written: &str) -> String {
    decode(written).unwrap_or_else(|| written.to_owned())
}

fn decode(written: &str) -> Option<String> {
    let mut name = String::with_capacity(written.len());
    let mut rest = written;
    while let Some((plain, after)) = rest.split_once('&') {
        name.push_str(plain);
        let (shifted, remaining) = after.split_once('-')?;
        if shifted.is_empty() {
            name.push('&');
        } else {
            let bytes = BASE64.decode(shifted).ok()?;
            let units: Vec<u16> = bytes
                .chunks(2)
                .map(|pair| <[u8; 2]>::try_from(pair).map(u16::from_be_bytes))
                .collect::<Result<_, _>>()
                .ok()?;
            name.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = remaining;
    }
    name.push_str(rest);
    Some(name)
}

/// A folder name as the server wants it written: printable ASCII stands for
/// itself, `&` becomes `&-`, all else is UTF-16 in modified base64.
pub fn folder_to_wire(name: &str) -> String {
    let mut written = String::with_capacity(name.len());
    let mut shifted: Vec<u8> = Vec::new();
    for letter in name.chars() {
        if matches!(letter, ' '..='~') {
            unshift(&mut shifted, &mut written);
            written.push(letter);
            if letter == '&' {
                written.push('-');
            }
        } else {
            let mut units = [0; 2];
            shifted
                .extend(letter.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    unshift(&mut shifted, &mut written);
    written
}

fn unshift(shifted: &mut Vec<u8>, written: &mut String) {
    if !shifted.is_empty() {
        written.push('&');
        BASE64.encode_string(&*shifted, written);
        written.push('-');
        shifted.clear();
    }
}

/// `text` as a quoted string (RFC 3501 §4.3). None where quoting cannot carry
/// it (a control character, anything beyond ASCII); it then needs a literal.
pub fn quoted(text: &str) -> Option<String> {
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// The UIDs as a sequence set with ranges: `4:6,9`. They need not be sorted.
pub fn uid_set(uids: &[u32]) -> String {
    let mut sorted = uids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut set = String::new();
    let mut rest = sorted.as_slice();
    while let Some(first) = rest.first().copied() {
        let follows = |(uid, nth): &(&u32, u32)| first.checked_add(*nth) == Some(**uid);
        let run = rest.iter().zip(0..).take_while(follows).count().max(1);
        let (range, after) = rest.split_at(run);
        let comma = if set.is_empty() { "" } else { "," };
        let last = range.last().copied().unwrap_or(first);
        // Writing to a String cannot fail.
        let _ = if last == first {
            write!(set, "{comma}{first}")
        } else {
            write!(set, "{comma}{first}:{last}")
        };
        rest = after;
    }
    set
}

/// A status word of RFC 3501 §7.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok,
    No,
    Bad,
    PreAuth,
    Bye,
}

/// One line of a server before login, as far as it matters then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// `tag OK text`
    Tagged { tag: &'a str, status: Status, text: &'a str },
    /// `* OK text`, also `* PREAUTH` and `* BYE`
    Untagged { status: Status, text: &'a str },
    /// `* CAPABILITY …`: the words after it
    Capability(&'a str),
    /// `+ text`
    Continue(&'a str),
    /// Something else after `*`; to be passed over.
    Other,
}

impl<'a> Line<'a> {
    /// None where the line is no IMAP at all.
    pub fn parse(line: &'a str) -> Option<Self> {
        if let Some(text) = line.strip_prefix('+') {
            return Some(Self::Continue(text.trim_start()));
        }
        let (tag, rest) = line.split_once(' ')?;
        let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = Status::parse(word);
        match (tag, status) {
            ("*", Some(status)) => Some(Self::Untagged { status, text }),
            ("*", None) if word.eq_ignore_ascii_case("CAPABILITY") => Some(Self::Capability(text)),
            ("*", None) => Some(Self::Other),
            (_, Some(status)) => Some(Self::Tagged { tag, status, text }),
            (_, None) => None,
        }
    }

    /// The capabilities this line announces, in a response code or by itself.
    pub fn capabilities(&self) -> Option<&'a str> {
        match self {
            Self::Capability(words) => Some(words),
            Self::Tagged { text, .. } | Self::Untagged { text, .. } => {
                let (code, _) = text.strip_prefix('[')?.split_once(']')?;
                let (name, words) = code.split_once(' ')?;
                name.eq_ignore_ascii_case("CAPABILITY").then_some(words)
            }
            Self::Continue(_) | Self::Other => None,
        }
    }
}

impl Status {
    fn parse(word: &str) -> Option<Self> {
        [
            ("OK", Self::Ok),
            ("NO", Self::No),
            ("BAD", Self::Bad),
            ("PREAUTH", Self::PreAuth),
            ("BYE", Self::Bye),
        ]
        .into_iter()
        .find_map(|(name, status)| word.eq_ignore_ascii_case(name).then_some(status))
    }
}

/// What a server said it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities(Vec<String>);

impl Capabilities {
    pub fn parse(words: &str) -> Self {
        Self(words.split_ascii_whitespace().map(str::to_ascii_uppercase).collect())
    }

    /// `name` in upper case, e.g. `UIDPLUS` or `AUTH=PLAIN`.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|capability| capability == name)
    }

    /// The SASL mechanisms offered.
    pub fn mechanisms(&self) -> Vec<&str> {
        self.0.iter().filter_map(|capability| capability.strip_prefix("AUTH=")).collect()
    }
}

/// True where the words of a NO say that trying again later may help: the
/// response codes of RFC 5530 §3.
pub fn is_temporary(text: &str) -> bool {
    let code = text.trim_start().strip_prefix('[').and_then(|rest| rest.split([']', ' ']).next());
    ["UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"]
        .iter()
        .any(|name| code.is_some_and(|code| code.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, wire: &str) {
        assert_eq!(folder_to_wire(name), wire, "{name:?} to the wire");
        assert_eq!(folder_from_wire(wire), name, "{wire:?} from the wire");
    }

    #[test]
    fn folder_names_survive_the_wire() {
        check("INBOX", "INBOX");
        check("Entwürfe", "Entw&APw-rfe");
        check("R&D", "R&-D");
        check("台北", "&U,BTFw-");
        check("日本語", "&ZeVnLIqe-");
        check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        check("a😀b", "a&2D3eAA-b");
        check("", "");
    }

    #[test]
    fn a_name_that_is_not_modified_utf_7_is_taken_as_it_stands() {
        for odd in ["Entwürfe", "a&b", "&!!!-", "&AA-", "&2D0-"] {
            assert_eq!(folder_from_wire(odd), odd);
        }
    }

    #[test]
    fn a_string_is_quoted_or_needs_a_literal() {
        assert_eq!(quoted(r#"a"b\c"#).as_deref(), Some(r#""a\"b\\c""#));
        assert_eq!(quoted("").as_deref(), Some("\"\""));
        assert_eq!(quoted("zoë"), None);
        assert_eq!(quoted("a\r\nb"), None);
    }

    #[test]
    fn uids_are_written_as_ranges() {
        assert_eq!(uid_set(&[9, 4, 5, 6, 5]), "4:6,9");
        assert_eq!(uid_set(&[u32::MAX, u32::MAX - 1]), "4294967294:4294967295");
        assert_eq!(uid_set(&[1, 3]), "1,3");
        assert_eq!(uid_set(&[]), "");
    }

    #[test]
    fn a_line_before_login_is_told_apart() {
        let line = Line::parse("a1 OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] done").unwrap();
        assert_eq!(line.capabilities(), Some("IMAP4rev1 AUTH=PLAIN"));
        assert_eq!(
            Line::parse("* PREAUTH hi"),
            Some(Line::Untagged { status: Status::PreAuth, text: "hi" })
        );
        assert_eq!(Line::parse("* capability X Y"), Some(Line::Capability("X Y")));
        assert_eq!(Line::parse("* 3 EXISTS"), Some(Line::Other));
        assert_eq!(Line::parse("+ "), Some(Line::Continue("")));
        assert_eq!(Line::parse("220 mail.x.test ESMTP"), None);
        assert_eq!(Line::parse(""), None);
    }

    #[test]
    fn capabilities_are_read_without_regard_to_case() {
        let capabilities = Capabilities::parse("IMAP4rev1 UidPlus AUTH=plain");
        assert!(capabilities.has("UIDPLUS") && !capabilities.has("IDLE"));
        assert_eq!(capabilities.mechanisms(), ["PLAIN"]);
    }

    #[test]
    fn some_refusals_are_temporary() {
        assert!(is_temporary("[UNAVAILABLE] try later"));
        assert!(is_temporary("[INUSE]"));
        assert!(!is_temporary("[AUTHENTICATIONFAILED] no"));
        assert!(!is_temporary("UNAVAILABLE"));
    }

    proptest::proptest! {
        #[test]
        fn every_folder_name_comes_back_as_it_was(name: String) {
            proptest::prop_assert_eq!(folder_from_wire(&folder_to_wire(&name)), name);
        }

        #[test]
        fn no_line_stops_the_reader(line: String) {
            let _ = (folder_from_wire(&line), Line::parse(&line).map(|line| line.capabilities().is_some()));
        }

        #[test]
        fn a_set_holds_its_uids_and_no_other(uids: std::collections::BTreeSet<u8>) {
            let uids: Vec<u32> = uids.into_iter().map(u32::from).collect();
            let held: Vec<u32> = uid_set(&uids).split(',').filter(|part| !part.is_empty()).flat_map(|part| {
                let (first, last) = part.split_once(':').unwrap_or((part, part));
                first.parse::<u32>().unwrap()..=last.parse().unwrap()
            }).collect();
            proptest::prop_assert_eq!(held, uids);
        }
    }
}

//! Where a mail carries a token and how it is found there.
//!
//! Three roads bring a token back, because each one fails somewhere: some
//! servers have no sub-addresses, relays rewrite Message-IDs, phones drop
//! References, and people trim quotes. Each alone must work, where the
//! sender's signature covers it; [`Carrier`] says which road it was.
//!
//! A token stands alone: a run of 39 letters and digits inside a longer run
//! is none. All searches read the text once; look-aheads have a fixed limit.

use super::Token;

/// How far after `Ref` its value may start, in octets: some markup, not a page.
const REF_GAP_OCTETS_MAX: usize = 256;
/// The longest piece of markup that is stepped over as one.
const TAG_OCTETS_MAX: usize = 128;
/// How far after a token the `@` of its Message-ID may stand, in octets.
const ID_REST_OCTETS_MAX: usize = 64;

/// The place in the mail that a token was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The sub-address the answer went to, read from the To field.
    ReplyToAddress,
    /// Our own Message-ID, in In-Reply-To.
    InReplyTo,
    /// Our own Message-ID, in References.
    References,
    /// The `Ref:` line.
    Body,
    /// A `Ref:` line in a mail that was not written to us, or in a quote of
    /// somebody else's mail: the sender has signed it, but as others' words.
    BodyOfOthers,
}

/// A token and where in the text it stands, in octets: `text[start..end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub token: Token,
    pub start: usize,
    pub end: usize,
}

impl Carrier {
    /// The stored form.
    pub fn code(self) -> &'static str {
        match self {
            Self::ReplyToAddress => "reply_to_address",
            Self::InReplyTo => "in_reply_to",
            Self::References => "references",
            Self::Body => "body",
            Self::BodyOfOthers => "body_of_others",
        }
    }

    /// The header field that a signature must cover; none for the body.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::ReplyToAddress => Some("to"),
            Self::InReplyTo => Some("in-reply-to"),
            Self::References => Some("references"),
            Self::Body | Self::BodyOfOthers => None,
        }
    }
}

/// Every token-shaped run in a text, in order.
pub fn find(text: &str) -> Vec<Found> {
    words(text).filter_map(|(start, end)| token_at(text, start, end)).collect()
}

/// The text with every token-shaped run masked: for lists, logs and exports.
pub fn mask_all(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for Found { token, start, end } in find(text) {
        masked.push_str(text.get(from..start).unwrap_or_default());
        masked.push_str(&token.masked());
        from = end;
    }
    masked.push_str(text.get(from..).unwrap_or_default());
    masked
}

/// The Message-ID of a notification, angle brackets included.
pub fn message_id_for(token: &Token, host: &str) -> String {
    format!("<countersign.{}@{host}>", token.text())
}

/// The tokens in a Message-ID, In-Reply-To or References value: those that
/// stand left of an `@`. What stands right of it is a host's name.
pub fn in_message_id(value: &str) -> Vec<Found> {
    let is_left_of_at = |found: &Found| {
        let rest = value.get(found.end..).unwrap_or_default();
        rest.bytes()
            .take(ID_REST_OCTETS_MAX)
            .find(|b| b"@<>, \t\r\n".contains(b))
            .is_some_and(|b| b == b'@')
    };
    find(value).into_iter().filter(is_left_of_at).collect()
}

/// The line of a notification's body that carries the token.
pub fn ref_line(token: &Token) -> String {
    format!("Ref: {}", token.text())
}

/// The tokens behind a `Ref:`, wherever quoting, reflowing and lost markup
/// have left it: `> | Ref:`, `*REF:*`, `<b>Ref:</b>`, with no-break spaces, or
/// with the value on the next line.
pub fn find_ref_line(text: &str) -> Vec<Found> {
    words(text)
        .filter(|&(start, end)| {
            text.get(start..end).is_some_and(|word| word.eq_ignore_ascii_case("ref"))
        })
        .filter_map(|(_, end)| {
            let start = end + value_offset(text.get(end..)?)?;
            let (_, end) = words(text.get(start..)?).next()?;
            token_at(text, start, start + end)
        })
        .collect()
}

/// Runs of letters and digits of any script, as octet ranges.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = text.char_indices();
    std::iter::from_fn(move || {
        let (start, _) = rest.find(|(_, c)| c.is_alphanumeric())?;
        let end = rest.find(|(_, c)| !c.is_alphanumeric()).map_or(text.len(), |(at, _)| at);
        Some((start, end))
    })
}

fn token_at(text: &str, start: usize, end: usize) -> Option<Found> {
    let token = Token::parse(text.get(start..end)?)?;
    Some(Found { token, start, end })
}

/// How many octets after the word `Ref` its value starts: past one colon and
/// what quoting and markup leave behind. None if there is no colon.
fn value_offset(rest: &str) -> Option<usize> {
    let mut at = 0;
    let mut colon = false;
    while at <= REF_GAP_OCTETS_MAX {
        let tail = rest.get(at..)?;
        let c = tail.chars().next()?;
        at += match c {
            ':' | '\u{ff1a}' if !colon => {
                colon = true;
                c.len_utf8()
            }
            '<' => tag_octets(tail).unwrap_or(1),
            '&' => entity_octets(tail)?,
            _ if is_leftover(c) => c.len_utf8(),
            _ => return colon.then_some(at),
        };
    }
    None
}

fn is_leftover(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '>' | '|' | '*' | '_' | '~' | '`' | '[' | '(' | '"' | '\'')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The length of `<b>`, `</span>` or the like at the start of a text.
fn tag_octets(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('<')?;
    let opens = inside.starts_with(|c: char| c == '/' || c.is_ascii_alphabetic());
    let close = inside.bytes().take(TAG_OCTETS_MAX).position(|b| b == b'>')?;
    opens.then_some(close + 2)
}

/// The length of a no-break space that was left as HTML wrote it.
fn entity_octets(text: &str) -> Option<usize> {
    ["&nbsp;", "&#160;", "&#xa0;"]
        .iter()
        .find(|entity| {
            text.get(..entity.len()).is_some_and(|head| head.eq_ignore_ascii_case(entity))
        })
        .map(|entity| entity.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfy";
    const B: &str = "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6a";

    fn check(search: impl Fn(&str) -> Vec<Found>, text: &str, expected: &[&str]) {
        let text = text.replace("{A}", A).replace("{B}", B);
        let found = search(&text);
        let tokens: Vec<String> = found.iter().map(|found| found.token.text()).collect();
        let expected: Vec<String> = expected.iter().map(|e| (*e).to_owned()).collect();
        assert_eq!(tokens, expected, "{text:?}");
        for Found { token, start, end } in found {
            assert_eq!(Token::parse(&text[start..end]), Some(token), "{text:?}");
        }
    }

    #[test]
    fn a_token_stands_alone() {
        check(find, "{A}", &[A]);
        check(find, "access+{A}@corp.example", &[A]);
        check(find, "access-{A}@corp.example, =?x?{B}?=", &[A, B]);
        check(find, "\u{201c}{A}\u{201d}\u{a0}{B}\u{3002}", &[A, B]);
        check(find, &A.to_uppercase(), &[A]);
        check(find, "{A}{B}", &[]);
        check(find, "x{A}", &[]);
        check(find, "{A}9", &[]);
        check(find, "{A}\u{e9}", &[]);
        check(find, "\u{434}{A}", &[]);
        check(find, &A[1..], &[]);
        check(find, "", &[]);
        check(find, "{A} {A}", &[A, A]);
    }

    #[test]
    fn our_message_id_brings_its_token_back() {
        let token = Token::parse(A).unwrap();
        assert_eq!(
            message_id_for(&token, "corp.example"),
            format!("<countersign.{A}@corp.example>")
        );
        check(in_message_id, &message_id_for(&token, "corp.example"), &[A]);
        check(in_message_id, "<x@y>\t<countersign.{A}@h> <countersign.{B}@h>", &[A, B]);
        check(in_message_id, "countersign.{A}@h", &[A]);
        check(in_message_id, "<COUNTERSIGN.{A}.1@h>", &[A]);
        check(in_message_id, "<x@{A}.example>", &[]);
        check(in_message_id, "<{A}> <x@y>", &[]);
        check(in_message_id, "<{A}", &[]);
    }

    #[test]
    fn the_ref_line_is_found_through_quoting_and_lost_markup() {
        let token = Token::parse(A).unwrap();
        check(find_ref_line, &ref_line(&token), &[A]);
        for line in [
            "> Ref: {A}",
            "> > | Ref: {A}",
            ">>Ref:{A}\r\n",
            "REF:   {A} ",
            "ref : {A}",
            "*Ref:* {A}",
            "**Ref**: `{A}`",
            "_Ref:_\u{a0}{A}",
            "\u{a0}Ref:\u{a0}{A}",
            "Ref:&nbsp;{A}",
            "<b>Ref:</b> <span style=\"color:grey\">{A}</span>",
            "Ref:\u{200b}{A}",
            "Ref\u{ff1a}{A}",
            "> Ref:\n> {A}",
            "keep this line. Ref: {A} (do not change it)",
            "| Ref: [{A}]",
        ] {
            check(find_ref_line, line, &[A]);
        }
        check(find_ref_line, "Ref: {A}\n> Ref: {B}", &[A, B]);
        check(find_ref_line, &ref_line(&token).to_uppercase(), &[A]);
    }

    #[test]
    fn what_is_no_ref_line_is_none() {
        for line in [
            "{A}",
            "Ref {A}",
            "Ref: see {A}",
            "Pref: {A}",
            "Reference: {A}",
            "Ref:: {A}",
            "Ref: x{A}",
            "Ref: #{A}",
            "Ref: {A}{B}",
            "Ref: &amp;{A}",
            "Ref:",
            "Ref: <b",
            "Ref",
        ] {
            check(find_ref_line, line, &[]);
        }
        check(find_ref_line, &format!("Ref:{}{A}", " ".repeat(300)), &[]);
    }

    #[test]
    fn a_text_that_is_all_labels_takes_no_longer_than_its_length() {
        for piece in ["Ref: ", "Ref:<", "Ref:<a ", "Ref:&nbsp;", "ref\u{a0}"] {
            assert_eq!(find_ref_line(&piece.repeat(200_000)), []);
        }
    }

    #[test]
    fn a_masked_text_keeps_all_but_the_tokens() {
        let text = format!("access+{A}@h, {B}");
        assert_eq!(mask_all(&text), "access+aaaq\u{2026}@h, mfrg\u{2026}");
        assert_eq!(mask_all("no token"), "no token");
    }

    #[test]
    fn each_carrier_names_its_field() {
        assert_eq!(
            [Carrier::ReplyToAddress, Carrier::InReplyTo, Carrier::References, Carrier::Body]
                .map(|carrier| (carrier.code(), carrier.field())),
            [
                ("reply_to_address", Some("to")),
                ("in_reply_to", Some("in-reply-to")),
                ("references", Some("references")),
                ("body", None),
            ]
        );
    }

    proptest! {
        #[test]
        fn searching_never_panics(text in "(Ref|ref: |<|>|@|&nbsp;|\u{a0}|[a-z2-7]{39}|.){0,40}") {
            for search in [find, find_ref_line, in_message_id] {
                for Found { token, start, end } in search(&text) {
                    prop_assert_eq!(text.get(start..end).and_then(Token::parse), Some(token));
                }
            }
            prop_assert!(find(&mask_all(&text)).is_empty());
        }
    }
}

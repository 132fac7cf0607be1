//! Encoded words in header fields (RFC 2047).
//!
//! Read generously, since a subject or a display name never decides anything:
//! words longer than allowed, and letters cut in two between words, occur in
//! honest mail.

use super::{charset, transfer::Encoding};

/// The field as a person sees it.
pub(super) fn decode(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    // Words of one charset in a row are one run of bytes: some programs cut
    // a letter in two between them.
    let mut run: Option<(String, Vec<u8>)> = None;
    let mut rest = field;
    while let Some(at) = rest.find("=?") {
        let (before, from_mark) = rest.split_at(at);
        let Some((word, after)) = Word::parse(from_mark) else {
            close(&mut run, &mut text);
            text.push_str(before);
            text.push_str("=?");
            rest = &from_mark[2..];
            continue;
        };
        // §6.2: white space between two words is not shown.
        if run.is_none() || !before.chars().all(char::is_whitespace) {
            close(&mut run, &mut text);
            text.push_str(before);
        }
        match &mut run {
            Some((charset, bytes)) if *charset == word.charset => bytes.extend(word.bytes),
            _ => {
                close(&mut run, &mut text);
                run = Some((word.charset, word.bytes));
            }
        }
        rest = after;
    }
    close(&mut run, &mut text);
    text.push_str(rest);
    text
}

/// Whether an encoded word smuggles in what a header cannot hold: a line end,
/// a NUL, an escape.
pub(super) fn hides_control(field: &str) -> bool {
    field.contains("=?") && decode(field).chars().any(|c| c.is_control() && c != '\t')
}

fn close(run: &mut Option<(String, Vec<u8>)>, text: &mut String) {
    if let Some((charset, bytes)) = run.take() {
        text.push_str(&charset::decode(&bytes, Some(&charset)).text);
    }
}

struct Word {
    charset: String,
    bytes: Vec<u8>,
}

impl Word {
    /// Reads `=?charset*language?B|Q?text?=` and returns what follows it. Each
    /// search stops at the next `?`, so the whole field is read once.
    fn parse(marked: &str) -> Option<(Self, &str)> {
        let (charset, rest) = marked.strip_prefix("=?")?.split_once('?')?;
        let (encoding, rest) = rest.split_once('?')?;
        let (text, rest) = rest.split_once('?')?;
        let after = rest.strip_prefix('=')?;
        let charset = charset.split('*').next().unwrap_or_default();
        if charset.is_empty() || charset.contains([' ', '\t']) {
            return None;
        }
        let bytes = match encoding {
            "B" | "b" => Encoding::Base64.decode(text.as_bytes()).0,
            // §4.2: `_` is a space; the rest is quoted-printable on one line.
            "Q" | "q" => {
                let text = text.replace(['_', ' '], "=20");
                Encoding::QuotedPrintable.decode(text.as_bytes()).0
            }
            _ => return None,
        };
        Some((Self { charset: charset.to_ascii_lowercase(), bytes }, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, text: &str) {
        assert_eq!(decode(field), text, "{field}");
    }

    #[test]
    fn words_are_read_and_the_rest_is_kept() {
        check("plain", "plain");
        check("Re: =?UTF-8?Q?Gr=C3=BC=C3=9Fe_an?= alle", "Re: Gr\u{fc}\u{df}e an alle");
        check("=?utf-8?B?w6k=?= =?utf-8?B?w6g=?=", "\u{e9}\u{e8}");
        check("=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "\u{e9}");
        check("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c");
        check("=?iso-8859-1*fr?Q?=E9?=", "\u{e9}");
        check("=?utf-8?X?abc?= =? =?=", "=?utf-8?X?abc?= =? =?=");
    }

    #[test]
    fn hidden_line_ends_are_noticed() {
        assert!(hides_control("=?utf-8?Q?a=0D=0ABcc:?="));
        assert!(!hides_control("=?utf-8?Q?a=C3=BC?= b"));
    }
}

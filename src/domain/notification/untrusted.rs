//! Other people's words, made harmless before they enter a mail of ours.
//!
//! A requester writes the resource and the justification, and names the
//! approvers; whatever he writes is read by an approver's mail program and,
//! quoted back, by our own reply parser. So: no control, bidirectional,
//! zero-width or private character survives; a run that could pass for a
//! token is broken; `Ref:` loses its colon; and the length is capped. Text of
//! several lines is shown with [`PREFIX`] before each, which is the renderers'
//! part.

use std::iter;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Stands before each line somebody else wrote, in both parts of a mail, so
/// that no such line begins with a word, a delimiter or a label.
pub const PREFIX: &str = "| ";

/// Most lines of one text that are shown.
pub const LINES_MAX: usize = 40;
/// Most characters of one text that are shown.
pub const CHARS_MAX: usize = 2_000;
/// A token is 39 characters of base32; a run of letters and digits this long
/// or longer is broken.
const RUN_MIN: usize = 24;
/// Where it is broken.
const RUN_STEP: usize = 12;
/// Marks on one letter beyond which they only smear over other lines.
const MARKS_MAX: usize = 4;

/// Several lines of somebody else's, without prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    pub lines: Vec<String>,
    /// There was more.
    pub is_shortened: bool,
}

/// One line: a name, a resource, an address.
pub fn inline(text: &str, chars_max: usize) -> String {
    let mut kept = String::new();
    let mut room = chars_max;
    // Never looks at more than a few times what it keeps.
    let mut shown = visible(text.chars().take(chars_max.saturating_mul(8))).peekable();
    let mut pending_space = false;
    while let Some(c) = shown.next() {
        if c.is_whitespace() {
            pending_space = !kept.is_empty();
            continue;
        }
        let wanted = 1 + usize::from(pending_space);
        if room < wanted || (room == wanted && shown.peek().is_some()) {
            kept.push('…');
            break;
        }
        if pending_space {
            kept.push(' ');
        }
        kept.push(c);
        room -= wanted;
        pending_space = false;
    }
    defused(&kept)
}

/// A text of several lines.
pub fn quoted(text: &str) -> Quoted {
    let head: Vec<char> = visible(text.chars().take(CHARS_MAX * 4)).take(CHARS_MAX + 1).collect();
    let unread = head.len() > CHARS_MAX || text.chars().nth(CHARS_MAX * 4).is_some();
    let head: String = head.into_iter().take(CHARS_MAX).collect();
    let all: Vec<&str> = head.lines().map(str::trim_end).collect();
    let lines: Vec<String> = all
        .iter()
        .skip_while(|line| line.is_empty())
        .take(LINES_MAX)
        .map(|line| defused(line))
        .collect();
    let is_shortened = unread || all.len() > LINES_MAX;
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let mut lines: Vec<String> = lines.into_iter().take(end).collect();
    if lines.is_empty() && is_shortened {
        lines.push("…".to_owned());
    }
    Quoted { lines, is_shortened }
}

/// Every way to end a line becomes LF, every other control a space, and what
/// cannot be seen goes.
fn visible(chars: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    let mut after_cr = false;
    let mut marks = 0;
    chars.filter_map(move |c| {
        let follows_cr = std::mem::replace(&mut after_cr, c == '\r');
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        match c {
            '\n' if follows_cr => None,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
            _ if c.is_control() => Some(' '),
            _ if is_invisible(c) || marks > MARKS_MAX => None,
            _ => Some(c),
        }
    })
}

/// Format characters (Unicode category Cf), fillers, variation selectors,
/// tags, private use and noncharacters: seen by programs, not by people.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{10ffff}')
        || (c as u32) & 0xfffe == 0xfffe
}

/// Breaks what could pass for a token or for the label before one. Letters in
/// disguise (full width, mathematical) count as what they stand for, because
/// somebody down the road may fold them.
fn defused(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    let mut previous: Option<char> = None;
    while let Some((&c, tail)) = rest.split_first() {
        let run = rest.iter().take_while(|&&c| is_ascii_in_disguise(c)).count();
        if run == 0 {
            out.push(c);
            previous = Some(c);
            rest = tail;
            continue;
        }
        let (word, after) = rest.split_at(run);
        push_broken(&mut out, word);
        rest = after;
        let spaces = after.iter().take_while(|c| c.is_whitespace()).count();
        let colon = after.get(spaces).copied().filter(|&c| is_colon(c));
        let starts_a_word = previous.is_none_or(|c| !c.is_alphanumeric());
        previous = word.last().copied();
        if colon.is_some() && starts_a_word && folded(word) == "ref" {
            out.push_str(" -");
            previous = Some('-');
            rest = after.get(spaces + 1..).unwrap_or_default();
        }
    }
    out
}

fn push_broken(out: &mut String, run: &[char]) {
    if run.len() < RUN_MIN {
        out.extend(run);
        return;
    }
    for (nth, piece) in run.chunks(RUN_STEP).enumerate() {
        if nth > 0 {
            out.push('·');
        }
        out.extend(piece);
    }
}

fn is_ascii_in_disguise(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || (!c.is_ascii() && iter::once(c).nfkc().all(|plain| plain.is_ascii_alphanumeric()))
}

fn is_colon(c: char) -> bool {
    matches!(c, ':' | '\u{2236}' | '\u{a789}' | '\u{fe13}' | '\u{fe55}' | '\u{ff1a}' | '\u{2d0}')
}

fn folded(word: &[char]) -> String {
    word.iter().take(8).copied().nfkc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &str, expected: &str) {
        assert_eq!(inline(written, 60), expected, "{written:?}");
    }

    #[test]
    fn one_line_stays_one_line_and_loses_what_cannot_be_seen() {
        check("root on db1", "root on db1");
        check("  root\t on\r\n db1 ", "root on db1");
        check("a\r\nBcc: eve@x.test", "a Bcc: eve@x.test");
        check("ro\u{200b}ot \u{202e}evil\u{202c}", "root evil");
        check("tag\u{e0041}s \u{0}\u{7f}end", "tags end");
        check("naïve 数据库 أمين", "naïve 数据库 أمين");
        check(&format!("a{}b", "\u{301}".repeat(50)), &format!("a{}b", "\u{301}".repeat(4)));
        check("\u{2028}x\u{85}y", "x y");
        check("", "");
    }

    #[test]
    fn a_long_line_is_cut_where_its_room_ends() {
        assert_eq!(inline("abc def", 7), "abc def");
        assert_eq!(inline("abc def", 6), "abc de…".replace("de…", "d…"));
        assert_eq!(inline("abc def", 4), "abc…");
        assert!(inline(&"ab ".repeat(50_000), 80).chars().count() <= 81);
    }

    #[test]
    fn what_could_pass_for_a_token_is_broken() {
        let token = "abcdefghijklmnopqrstuvwxyz234567abcdefg";
        assert_eq!(inline(token, 60), "abcdefghijkl·mnopqrstuvwx·yz234567abcd·efg");
        let wide: String =
            token.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
        assert!(inline(&wide, 60).contains('·'));
        check(
            "数据库数据库数据库数据库数据库数据库数据库数据库数据库",
            "数据库数据库数据库数据库数据库数据库数据库数据库数据库",
        );
    }

    #[test]
    fn the_label_before_a_token_loses_its_colon() {
        check("Ref: abc", "Ref - abc");
        check("ref : abc, REF:x", "ref - abc, REF -x");
        check("Ｒｅｆ：abc", "Ｒｅｆ -abc");
        check("R\u{200b}ef: abc", "Ref - abc");
        check("xref: abc", "xref: abc");
        check("Reference: abc", "Reference: abc");
    }

    #[test]
    fn lines_are_kept_and_capped() {
        let quote = quoted("\n\none\r\ntwo\r\rfour\u{b}five\n\n");
        assert_eq!(quote.lines, ["one", "two", "", "four", "five"]);
        assert!(!quote.is_shortened);
        let long = quoted(&"yes\n".repeat(25_000));
        assert!(long.is_shortened);
        assert_eq!(long.lines.len(), 40);
        let wide = quoted(&"x".repeat(100_000));
        assert!(wide.is_shortened && wide.lines[0].chars().count() < 2 * CHARS_MAX);
        assert_eq!(quoted("").lines.len(), 0);
        let veiled = quoted(&format!("{}seen", "\u{200b}".repeat(900)));
        assert_eq!((veiled.lines, veiled.is_shortened), (vec!["seen".to_owned()], false));
        let buried = quoted(&format!("{}seen", "\u{200b}".repeat(9_000)));
        assert_eq!((buried.lines, buried.is_shortened), (vec!["…".to_owned()], true));
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_written_one_line_is_one_plain_line(written in "\\PC{0,80}|.{0,80}|[a-zA-Z2-7Ref: \\r\\n]{0,80}") {
            let line = inline(&written, 60);
            assert!(line.chars().all(|c| !c.is_control() && !is_invisible(c)), "{line:?}");
            assert!(!line.starts_with(' ') && !line.ends_with(' '), "{line:?}");
            assert!(!line.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
                .any(|word| word.starts_with("ref:")), "{line:?}");
            for line in quoted(&written).lines {
                assert!(line.split(|c: char| !c.is_ascii_alphanumeric()).all(|run| run.len() < RUN_MIN));
                assert!(!line.contains(['\n', '\r']), "{line:?}");
            }
        }
    }
}

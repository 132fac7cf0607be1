//! The block that Notes puts above a quote: a name, a date on its own line, then
//! To, cc, Subject.

use std::sync::LazyLock;

use regex::Regex;

use super::header_block::{Label, REACH, Seen, label};
use super::{Line, Trace};

static NOTES_DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^\s*(.{0,120}?)\s*(?:\bon\s+)?(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}[/.-]\d{1,2}[/.-]\d{1,2}|\d{1,2}[. ]\p{L}{3,9}[. ]\d{2,4})[\s,]+(?:at\s+)?\d{1,2}:\d{2}(?::\d{2})?\s*(?:[ap]\.?m\.?)?(?:\s+[A-Z]{2,4})?\s*$",
    )
    .expect("the pattern is fixed and tested")
});

/// The block that begins on this line.
pub(crate) fn find(lines: &[Line], at: usize) -> Option<Trace> {
    if lines.get(at).is_none_or(|line| !line.is_open() || line.is_blank()) {
        return None;
    }
    let timed = |line: &Line| {
        line.text.contains(':') && line.text.bytes().any(|byte| byte.is_ascii_digit())
    };
    let first = lines.get(at).map_or("", |line| line.text.as_str());
    let opens = is_notes_name(first) || first.contains(':') || first.contains("respond to");
    if !opens || !lines.iter().skip(at).take(7).any(timed) {
        return None;
    }
    let mut date = None;
    let mut named = false;
    for (index, line) in lines.iter().enumerate().skip(at).take(6) {
        if !line.is_open() {
            return None;
        }
        if line.is_blank() {
            // Only the company's name may stand apart above the block.
            continue;
        }
        if let Some(last) = notes_date(lines, index, &mut named) {
            date = Some(last);
            break;
        }
        let gap = lines.get(index + 1).is_some_and(Line::is_blank);
        let helper = label(&line.text).is_some() || line.text.contains("respond to");
        if !helper && (named || gap || !is_notes_name(&line.text)) {
            return None;
        }
        named = true;
    }
    let date = date?;
    if !named {
        return None;
    }
    let mut seen = Seen::default();
    let mut last = date;
    let (mut strays, mut blanks) = (0, 0);
    for (index, line) in lines.iter().enumerate().skip(date + 1).take(REACH) {
        if line.is_blank() {
            blanks += 1;
            if blanks > 3 && seen.lines == 0 {
                break;
            }
            continue;
        }
        match label(&line.text) {
            Some((kinds, value)) => {
                seen.add(kinds, value);
                last = index;
                strays = 0;
            }
            None if seen.lines == 0 && !line.text.contains("respond to") => break,
            None if strays < 8 => strays += 1,
            None => break,
        }
    }
    let heads = seen.has(Label::To) && (seen.has(Label::Copy) || seen.has(Label::Subject));
    heads.then(|| Trace::new("quote_notes_header", last - at + 1))
}

/// The last line of the date that begins on this line; the name may stand before it.
fn notes_date(lines: &[Line], at: usize, named: &mut bool) -> Option<usize> {
    let first = lines.get(at)?.text.trim();
    let joined = lines.get(at + 1).map(|next| format!("{first} {}", next.text.trim()));
    let whole = joined.as_deref().unwrap_or(first);
    if !whole.contains(':') || !NOTES_DATE.is_match(first) && !NOTES_DATE.is_match(whole) {
        return None;
    }
    let (found, last) = match NOTES_DATE.captures(first) {
        Some(found) => (found, at),
        None => (NOTES_DATE.captures(joined.as_deref()?)?, at + 1),
    };
    let before = found.get(1).map_or("", |name| name.as_str().trim());
    let name = before.trim_end_matches(" on").trim_end_matches(" at").trim();
    let is_person = is_notes_name(name) || name.contains('<') || label(name).is_some();
    if !name.is_empty() && !is_person {
        return None;
    }
    *named |= !name.is_empty();
    Some(last)
}

/// A name as Notes writes it: "Ann Lee", "Ann Lee/OPS/ACME@ACME", `"Ann" <a@b>`.
fn is_notes_name(text: &str) -> bool {
    let text = text.trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    let marked = text.contains(['@', '<', '/', '"']);
    let capital =
        |word: &&str| word.chars().next().is_some_and(|c| c.is_uppercase() || !c.is_alphabetic());
    text.chars().count() <= 120
        && !text.ends_with(['.', '!', '?', ',', ':', ';'])
        && (marked && words.len() <= 10
            || (2..=5).contains(&words.len()) && words.iter().all(capital))
}

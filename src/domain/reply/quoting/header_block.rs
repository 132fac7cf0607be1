//! From, Sent, To, Subject: what Outlook and Notes put above a quote instead of
//! marking its lines.
//!
//! A person can write "From: Monday, to: Friday" too, so two labels alone are a
//! block only when one of them carries an address or a date.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

use super::separator::is_ruler;
use super::table::{alternation, fold, words};
use super::{Line, Trace};

/// How far below its first line a block can reach.
pub(super) const REACH: usize = 16;
const LABEL_CHARS_MAX: usize = 40;

/// A line of the block by what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Label {
    From = 1,
    Date = 2,
    To = 4,
    Copy = 8,
    Subject = 16,
    Other = 32,
}

/// A word can be two labels: `a` is "to" in Spanish, `data` a date in four
/// languages. All its meanings are kept as bits.
static LABELS: LazyLock<HashMap<String, u8>> = LazyLock::new(|| {
    let mut labels: HashMap<String, u8> = HashMap::new();
    for (kind, word) in words(include_str!("header_labels.txt")) {
        let label = match kind {
            "from" => Label::From,
            "date" => Label::Date,
            "to" => Label::To,
            "cc" => Label::Copy,
            "subject" => Label::Subject,
            _ => Label::Other,
        };
        *labels.entry(word).or_default() |= label as u8;
    }
    labels
});

static IN_ONE_LINE: LazyLock<Regex> = LazyLock::new(|| {
    let labels =
        alternation(LABELS.keys().filter(|key| key.chars().count() > 1).map(String::as_str));
    Regex::new(&format!(r"(?:^|[\s*>\d])({labels})\s?\**[:：]"))
        .expect("tables are fixed and tested")
});
/// The block that begins on this line.
pub(crate) fn find(lines: &[Line], at: usize) -> Option<Trace> {
    let line = lines.get(at)?;
    if !line.is_open() || line.is_blank() {
        return None;
    }
    outlook(lines, at)
}

/// The label a line begins with, and its value.
pub(crate) fn label(text: &str) -> Option<(u8, &str)> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || "*_|>•".contains(c));
    let at = text.find([':', '：'])?;
    let (label, value) = text.split_at_checked(at)?;
    if label.len() > 4 * LABEL_CHARS_MAX {
        return None;
    }
    let label = fold(label.trim_matches(|c: char| c.is_whitespace() || "*_".contains(c)));
    let value = value.trim_start_matches([':', '：', '*', '_', ' ', '\t']);
    Some((*LABELS.get(&label)?, value))
}

fn outlook(lines: &[Line], at: usize) -> Option<Trace> {
    let first = lines.get(at)?;
    let (kinds, value) = label(&first.text)?;
    if kinds == Label::Other as u8 {
        return None;
    }
    if let Some(trace) = in_one_line(&first.text) {
        return Some(trace);
    }
    let mut seen = Seen::default();
    seen.add(kinds, value);
    let mut last = at;
    let (mut strays, mut blanks) = (0, 0);
    for (index, line) in lines.iter().enumerate().skip(at + 1).take(REACH) {
        if !line.is_open() {
            break;
        }
        if line.is_blank() {
            blanks += 1;
            if blanks > 3 {
                break;
            }
            continue;
        }
        match label(&line.text) {
            Some((kinds, value)) => {
                seen.add(kinds, value);
                last = index;
                (strays, blanks) = (0, 0);
            }
            // A long list of recipients is wrapped, but not over a gap.
            None if blanks == 0 && strays < 6 => strays += 1,
            None => break,
        }
    }
    seen.is_block().then(|| Trace::new("quote_header_block", last - at + 1))
}

/// What the labels found so far amount to. A word with two meanings counts for
/// the one that is still missing.
#[derive(Default)]
pub(super) struct Seen {
    kinds: u8,
    pub lines: u32,
    address: bool,
    /// A date with a year or an hour, as no traveller writes it.
    moment: bool,
}

impl Seen {
    pub fn add(&mut self, kinds: u8, value: &str) {
        let new = kinds & !self.kinds;
        // The lowest bit that is new.
        self.kinds |= if new == 0 { kinds } else { new & new.wrapping_neg() };
        self.lines += 1;
        self.address |= value.contains('@');
        if kinds & Label::Date as u8 != 0 {
            let digits = |run: &&str| run.chars().filter(|c| c.is_numeric()).count();
            self.moment |= value
                .split(|c: char| !c.is_numeric() && c != ':')
                .any(|run| digits(&run) >= 4 || run.contains(':') && digits(&run) >= 3);
        }
    }

    pub fn has(&self, label: Label) -> bool {
        self.kinds & label as u8 != 0
    }

    fn is_block(&self) -> bool {
        let main = [Label::From, Label::Date, Label::To, Label::Subject];
        let count = main.iter().filter(|label| self.has(**label)).count();
        match count {
            0 | 1 => false,
            2 => self.lines >= 2 && (self.address || self.moment),
            // "From: Hamburg / To: Lyon / Date: 12 March" is a journey.
            _ => self.has(Label::Subject) || self.address || self.moment,
        }
    }
}

/// A block that lost its line breaks.
fn in_one_line(text: &str) -> Option<Trace> {
    let labels = text.matches([':', '：']).take(2).count();
    if text.len() > 2_000 || labels < 2 {
        return None;
    }
    let text = fold(text);
    let mut seen = Seen::default();
    for found in IN_ONE_LINE.captures_iter(&text).take(12) {
        let kinds = found.get(1).and_then(|word| LABELS.get(word.as_str())).copied();
        seen.add(kinds.unwrap_or_default(), "");
    }
    let main = [Label::From, Label::Date, Label::To, Label::Subject];
    let count = main.iter().filter(|label| seen.has(**label)).count();
    let pair = seen.has(Label::From) && seen.has(Label::Date) && text.contains('@');
    (count >= 3 && seen.lines >= 3 || pair)
        .then(|| Trace { holds_text: true, ..Trace::new("quote_header_block", 1) })
}

/// How many lines above a block are drawn lines that belong to it.
pub(crate) fn rulers_above(lines: &[Line], at: usize) -> usize {
    let mut start = at;
    for (index, line) in lines.iter().enumerate().take(at).rev() {
        if !line.is_open() {
            break;
        }
        if line.is_blank() {
            if at - index > 3 {
                break;
            }
            continue;
        }
        if !is_ruler(&line.text) {
            break;
        }
        start = index;
    }
    at - start
}

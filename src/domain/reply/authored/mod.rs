//! What the person wrote himself.
//!
//! A reply carries our own question, his signature, his company's disclaimer
//! and the words "approve" and "deny" many times over; only what he typed may
//! count. Each view of the mail is split into lines, every line gets one fate,
//! and each cut names its rule so that `explain` can show it.
//!
//! Cutting too little lets a quoted instruction decide, cutting too much loses
//! the answer. Where the split cannot be known, [`Authored::uncertain`] says so,
//! and a decision word near it must make the answer unclear.
//!
//! | kind | rules |
//! |---|---|
//! | `quote` | `quote_angle`, `quote_markup`, `quote_attribution`, `quote_attribution_with_text`, `quote_original_message`, `quote_forwarded`, `quote_header_block`, `quote_notes_header`, `quote_block`, `quote_unmarked`, `quote_wrapped`, `quote_reply_line` |
//! | `signature` | `signature_dashes`, `signature_ruler`, `signature_closing`, `signature_name`, `signature_markup`, `signature_apart` |
//! | `footer` | `footer_device`, `footer_list` |
//! | `disclaimer` | `disclaimer_notice` |
//! | `banner` | `banner_external_sender` |
//! | `our` | `our_text` |
//!
//! Doubts: `attribution_with_text`, `quote_without_marks`, `quote_partly_marked`,
//! `quote_wrapped`, `words_below_signature`, `words_in_signature`,
//! `words_below_banner`, `words_in_our_text`, `block_quote_unannounced`, `direction_override`, `too_many_lines`,
//! `document_too_large`.
//!
//! Not here: what the words mean (`wording`), and how a quote is recognised
//! (`quoting`).

mod boilerplate;
mod decision_stem;
mod ours;
mod quotes;
mod signature;
mod split;

use crate::domain::message::html::{self, Hidden, Tree};
use crate::domain::reply::quoting::{Line, attribution, header_block, markup};

pub use ours::OurText;

/// Characters that make the eye read another order than the machine.
const OVERRIDES: [char; 2] = ['\u{202d}', '\u{202e}'];

/// Lines past this are not read: no person types so many.
const LINES_MAX: usize = 40_000;
/// In how many lines of a quote a header block of it is looked for.
const COLON_HEADER_LINES_MAX: usize = 6;

/// The person's own words in one view of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authored {
    /// No quotes, no signature.
    pub text: String,
    /// No quotes, but the signature and the notices that go out with it.
    pub with_signature: String,
    /// What was taken out, in the order of the view.
    pub cuts: Vec<Cut>,
    /// What was in the mail but not to be seen.
    pub hidden: Vec<Hidden>,
    /// The split is uncertain: a rule code. A decision word then must not decide.
    pub uncertain: Option<&'static str>,
}

/// A piece of the view that is not the person's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// A stable code; its first word is the kind.
    pub rule: &'static str,
    /// Bytes of the view: the text as given, or [`html::visible`] of the source.
    pub start: usize,
    pub end: usize,
}

impl Cut {
    /// `quote`, `signature`, `footer`, `disclaimer`, `banner` or `our` (text).
    pub fn kind(&self) -> &'static str {
        self.rule.split('_').next().unwrap_or(self.rule)
    }
}

/// Reads the plain text alternative.
pub fn from_text(plain: &str, ours: &OurText) -> Authored {
    let mut hidden = Vec::new();
    let mut lines = Vec::new();
    let mut start = 0;
    let half_decoded = is_half_decoded(plain);
    for raw in plain.split('\n') {
        if lines.len() >= LINES_MAX {
            break;
        }
        let end = start + raw.len();
        let text = html::without_shapeless(raw.trim_end(), &mut hidden);
        let (text, as_written) =
            if half_decoded { (without_residue(&text), Some(text)) } else { (text, None) };
        let reversed = !raw.is_ascii() && raw.contains(OVERRIDES);
        push_line(&mut lines, Line { text, as_written, start, end, reversed, ..Line::default() });
        start = end + 1;
    }
    let too_long = start < plain.len();
    unmark_escaped_lines(&mut lines);
    let doubtful = mark_colon_quotes(&mut lines);
    let doubt = too_long.then_some("too_many_lines");
    split::split(&lines, ours, hidden, doubt.or(doubtful.then_some("quote_partly_marked")))
}

/// Quoted-printable that some relay has undone only for itself: the blanks and
/// tabs of a quoted header stand there in code, and no line looks like itself.
fn is_half_decoded(plain: &str) -> bool {
    const LINES_MIN: usize = 3;
    let coded = |line: &&str| line.starts_with("=09") || line.trim_end().ends_with("=20");
    plain.split('\n').take(LINES_MAX).filter(coded).take(LINES_MIN).count() == LINES_MIN
}

/// The line with those codes undone.
fn without_residue(line: &str) -> String {
    let line = line.replace("=09", "\t");
    let line = line.strip_suffix("=20").or_else(|| line.strip_suffix('=')).unwrap_or(&line);
    line.replace("=20", " ").trim_end().to_owned()
}

/// Reads the HTML alternative.
pub fn from_html(source: &str, ours: &OurText) -> Authored {
    let tree = Tree::read(source);
    let rendered = html::render(&tree);
    let marks = markup::marks(&tree, &rendered.lines);
    // The layout does not say which line held the character.
    let reversed =
        rendered.hidden.iter().any(|hidden| matches!(hidden.text.as_str(), "U+202D" | "U+202E"));
    let mut lines = Vec::new();
    let mut start = 0;
    for line in rendered.lines.iter().take(LINES_MAX) {
        let end = start + line.text.len();
        let mark = marks.get(line.node).copied().unwrap_or_default();
        push_line(
            &mut lines,
            Line {
                text: line.text.clone(),
                start,
                end,
                marked: mark.rule,
                bare_quote: mark.bare_quote,
                reversed,
                angled: false,
                as_written: None,
            },
        );
        start = end + 1;
    }
    let doubt = if rendered.lines.len() > LINES_MAX || rendered.is_cut {
        Some("document_too_large")
    } else {
        None
    };
    split::split(&lines, ours, rendered.hidden, doubt)
}

/// Adds a line; where own words and an attribution share one, adds two.
fn push_line(lines: &mut Vec<Line>, mut line: Line) {
    line.angled = is_angled(&line.text);
    if line.is_open()
        && let Some(at) = attribution::split_at(&line.text)
        && let Some((own, attribution)) = line.text.split_at_checked(at)
    {
        // With shapeless characters gone the offset can only be too small.
        let middle = (line.start + at).min(line.end);
        let own = own.trim_end_matches(['-', ' ']).to_owned();
        let attribution = attribution.to_owned();
        lines.push(Line { text: own, as_written: None, end: middle, ..line.clone() });
        lines.push(Line { text: attribution, as_written: None, start: middle, ..line });
        return;
    }
    lines.push(line);
}

/// Some old programs quote with a colon: three such lines in a row below the
/// line that names the author, or with a header among them, are a quote. Says
/// whether an answer could stand in other such lines.
fn mark_colon_quotes(lines: &mut [Line]) -> bool {
    let colon = |line: &Line| line.text.starts_with(": ") || line.text == ":";
    let mut doubtful = false;
    let mut announced = false;
    let mut at = 0;
    while at < lines.len() {
        let run = lines.iter().skip(at).take_while(|line| colon(line)).count();
        let quoted = lines.get(at..at + run).unwrap_or_default();
        if run >= 3 {
            let headed = |line: &Line| {
                header_block::label(line.text.trim_start_matches([':', ' '])).is_some()
            };
            let named = |line: &Line| line.is_blank() || !line.is_open();
            let above = lines.iter().take(at).rposition(|line| !named(line));
            announced |= quoted.iter().take(COLON_HEADER_LINES_MAX).any(headed)
                || above.is_some_and(|above| {
                    (above.saturating_sub(2)..=above)
                        .any(|at| attribution::find(lines, at).is_some_and(|trace| !trace.weak))
                });
            if announced {
                for line in lines.iter_mut().skip(at).take(run) {
                    line.angled = true;
                }
            } else {
                doubtful |= quoted.iter().any(|line| decision_stem::occurs_in(&line.text));
            }
        }
        at += run.max(1);
    }
    doubtful
}

/// A mailbox file wants "From " at the beginning of a line changed to ">From "
/// (RFC 4155): such a line by itself is no quote.
fn unmark_escaped_lines(lines: &mut [Line]) {
    let marked: Vec<bool> = lines.iter().map(|line| line.angled).collect();
    let is_marked =
        |at: Option<usize>| at.and_then(|at| marked.get(at)).is_some_and(|marked| *marked);
    for (at, line) in lines.iter_mut().enumerate() {
        let alone = !is_marked(at.checked_sub(1)) && !is_marked(Some(at + 1));
        if alone && line.text.starts_with(">From ") {
            line.angled = false;
        }
    }
}

/// `>` before the words, also after blanks or initials ("AB> ").
fn is_angled(text: &str) -> bool {
    let text = text.trim_start();
    if text.starts_with('>') || text.starts_with('＞') {
        return true;
    }
    let rest = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let initials = text.len() - rest.len();
    (2..=4).contains(&initials) && rest.starts_with('>') && !rest.starts_with(">=")
}

#[cfg(test)]
mod tests;

//! The line above a quote that names its author: "On … wrote:".
//!
//! The languages differ in the verb and its place, so the line is known by what
//! all of them share: a date or an address, the verb, a colon at the end. It may
//! be wrapped over several lines.

use std::sync::LazyLock;

use regex::Regex;

use super::table::{alternation, fold, words};
use super::{Line, Trace};

/// Longer is prose.
const CHARS_MAX: usize = 420;
/// "Ann Lee wrote:" holds no more.
const SHORT_WORDS_MAX: usize = 5;
/// Over how many lines a program wraps it.
const LINES_MAX: usize = 5;

static VERBS: LazyLock<Vec<(&str, String)>> =
    LazyLock::new(|| words(include_str!("attribution_verbs.txt")).collect());

/// Scripts that put no blank between words.
fn runs_together(language: &str) -> bool {
    matches!(language, "zh" | "ja" | "ko" | "th" | "he" | "hi")
}

fn verbs(together: bool) -> String {
    let chosen = VERBS.iter().filter(|(language, _)| runs_together(language) == together);
    alternation(chosen.map(|(_, verb)| verb.as_str()))
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern and its tables are fixed and tested")
}

static VERB_LAST: LazyLock<Regex> = LazyLock::new(|| {
    let (apart, together) = (verbs(false), verbs(true));
    compiled(&format!(
        r"(?:(?:^|[^\p{{L}}])(?:{apart})|(?:{together}))\s*(?:\([^()]{{0,40}}\)\s*)?[:：]?[\s*_\]>-]*$"
    ))
});
static VERB_ANYWHERE: LazyLock<Regex> = LazyLock::new(|| {
    let (apart, together) = (verbs(false), verbs(true));
    compiled(&format!(r"(?:^|[^\p{{L}}])(?:{apart})(?:[^\p{{L}}]|$)|(?:{together})"))
});
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    let openings: Vec<String> =
        words(include_str!("attribution_openings.txt")).map(|(_, word)| word).collect();
    let openings = alternation(openings.iter().map(String::as_str));
    compiled(&format!(r"^[\s*_\[-]*(?:{openings})[\s,:*]"))
});
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"\p{Nd}{1,4}\s?[./-]\s?(?:\p{Nd}{1,2}|\p{L}{3,9}\.?)\s?[./-]\s?\p{Nd}{2,4}|\p{Nd}{1,2}[:.h]\p{Nd}{2}(?:\D|$)|(?:^|\D)(?:19|20|[٠-٩]{2}|[۰-۹]{2})\p{Nd}{2}(?:\D|$)|\p{Nd}\s?[年년월月]|\p{Nd}{1,2}\.?\s(?:de\s)?\p{L}{3,}",
    )
});
/// A line that opens with a date: digits, or a short weekday and digits.
static DATE_FIRST: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"^[\s*_\[-]*(?:\p{L}{2,12}[.,]{0,2}\s+){0,2}\p{Nd}{1,4}(?:[\s./:,年월日-]|\p{L})")
});
static MAIL: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"[^\s<>()@,;:]{1,100}@[^\s<>()@,;:]{1,100}\.\p{L}{2,}"));
static MAIL_LAST: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?:[<(\[]\s?[^\s<>()]{1,100}@[^\s<>()]{1,200}(?:\]\(mailto:[^\s()]{1,200}\))?[>)\]]+|[^\s<>()]{1,100}@[^\s<>()]{1,100})['"]?\s*[:：]?[\s*_]*$"#,
    )
});
/// A program that puts the quote on the same line: everything up to the verb
/// must be an attribution by itself.
static HEAD_WITH_TEXT: LazyLock<Regex> = LazyLock::new(|| {
    let apart = verbs(false);
    compiled(&format!(r"^(.{{10,220}}?[^\p{{L}}](?:{apart})\s?[:：])\s*\S"))
});
/// Own words and the attribution on one line, as flattened HTML has them.
static TAIL: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?:\s|---+\s?)(on\s(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|\d{1,4}[./-]\d|\d{1,2}\s\p{L}{3})[^\n]{5,200}\swrote:)[>\s]*$",
    )
});

/// Prose that goes on behind a full stop; months and titles are cut shorter.
static SENTENCE_END: LazyLock<Regex> = LazyLock::new(|| compiled(r"[a-z]{5,}[.!?]\s+[a-z]+[\s,]"));

/// How sure a text is an attribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    Strong,
    Weak,
}

/// The attribution that begins on this line.
pub(crate) fn find(lines: &[Line], at: usize) -> Option<Trace> {
    let first = lines.get(at)?;
    if !first.is_open() || first.is_blank() {
        return None;
    }
    let marked = first.text.contains(|c: char| c.is_numeric() || "@:：<(".contains(c));
    let short = first.text.split_whitespace().nth(SHORT_WORDS_MAX).is_none();
    if !marked && !short && !OPENING.is_match(&fold(&first.text)) {
        return None;
    }
    let mut joined = String::new();
    let mut weak = None;
    for (count, line) in lines.iter().skip(at).take(LINES_MAX).enumerate() {
        // "On … <a@b>" / "> wrote:": wrapped after it was quoted.
        if count > 0 && line.angled && may_continue(&first.text) {
            let rest = line.text.trim_start_matches(['>', ' ']);
            let whole = fold(&format!("{joined} {rest}"));
            let short = rest.split_whitespace().count() <= 4;
            let complete = short && strength(&whole) == Some(Strength::Strong);
            if complete {
                return Some(Trace::new("quote_attribution", count));
            }
            break;
        }
        if line.is_blank() || !line.is_open() || joined.len() + line.text.len() > 4 * CHARS_MAX {
            break;
        }
        if count > 0 {
            if !may_continue(&first.text) {
                break;
            }
            joined.push(' ');
        }
        joined.push_str(line.text.trim());
        match strength(&fold(&joined)) {
            Some(Strength::Strong) if count > 0 && stands_without_first(lines, at, count) => {
                // What looked like its beginning is the end of the person's words.
                return None;
            }
            Some(Strength::Strong) => return Some(Trace::new("quote_attribution", count + 1)),
            Some(Strength::Weak) if count == 0 => weak = Some(count + 1),
            _ => {}
        }
        // The next line belongs to this one only if this one is unfinished.
        if joined.ends_with([':', '!', '?']) {
            break;
        }
    }
    if let Some(lines) = weak {
        return Some(Trace { weak: true, ..Trace::new("quote_attribution", lines) });
    }
    // Asking first is cheaper: only a capture needs the slow engine.
    let text = fold(&first.text);
    if !text.contains([':', '：']) || !HEAD_WITH_TEXT.is_match(&text) {
        return None;
    }
    let head = HEAD_WITH_TEXT.captures(&text)?.get(1)?.as_str();
    let dated = DATE.is_match(head) && OPENING.is_match(head) || MAIL.is_match(head);
    let complete = dated && strength(head) == Some(Strength::Strong);
    complete.then(|| Trace { holds_text: true, ..Trace::new("quote_attribution_with_text", 1) })
}

/// Where own words end and an attribution on the same line begins.
pub(crate) fn split_at(line: &str) -> Option<usize> {
    if line.len() > 2_000 || !line.trim_end().ends_with(':') {
        return None;
    }
    TAIL.captures(line)?.get(1).map(|found| found.start()).filter(|at| *at > 0)
}

/// Whether the lines up to `at + last` are an attribution without the first.
fn stands_without_first(lines: &[Line], at: usize, last: usize) -> bool {
    let first = fold(lines.get(at).map_or("", |line| &line.text));
    if OPENING.is_match(&first) && DATE.is_match(&first) {
        return false;
    }
    (at + 1..=at + last).any(|start| {
        let joined: Vec<&str> = lines
            .get(start..=at + last)
            .unwrap_or_default()
            .iter()
            .map(|line| line.text.trim())
            .collect();
        let joined = fold(&joined.join(" "));
        (OPENING.is_match(&joined) || DATE_FIRST.is_match(&joined))
            && strength(&joined) == Some(Strength::Strong)
    })
}

/// A wrapped attribution opens like one; prose that happens to stand above a
/// line with an address must not be drawn into it.
fn may_continue(first: &str) -> bool {
    let first = fold(first);
    OPENING.is_match(&format!("{first} "))
        || DATE_FIRST.is_match(&first)
        || first.ends_with(['<', '('])
        || MAIL.is_match(&first)
}

fn strength(text: &str) -> Option<Strength> {
    let is_prose = || SENTENCE_END.is_match(text) && !OPENING.is_match(text);
    if text.chars().count() > CHARS_MAX || is_prose() {
        return None;
    }
    let bare = text.trim_end_matches(|c: char| c.is_whitespace() || "*_>]-".contains(c));
    let colon = bare.ends_with([':', '：']);
    let (date, mail) = (DATE.is_match(text), MAIL.is_match(text));
    if !colon && !date && !mail {
        let short = text.split(' ').count() <= SHORT_WORDS_MAX;
        return (short && VERB_LAST.is_match(text)).then_some(Strength::Weak);
    }
    let opening = OPENING.is_match(text) || DATE_FIRST.is_match(text);
    if VERB_LAST.is_match(text) {
        return match (date || mail, colon) {
            (true, _) if opening && (colon || date) => Some(Strength::Strong),
            (true, true) if mail => Some(Strength::Strong),
            (true, _) | (false, true) => Some(Strength::Weak),
            (false, false) => None,
        };
    }
    if colon && VERB_ANYWHERE.is_match(text) && date {
        let words_before = VERB_ANYWHERE
            .find(text)
            .map_or(0, |found| text.get(..found.start()).unwrap_or("").split(' ').count());
        if mail || opening || words_before <= 6 {
            return Some(Strength::Strong);
        }
    }
    if !colon && date && opening && VERB_ANYWHERE.is_match(text) {
        return Some(Strength::Weak);
    }
    if colon && date && MAIL_LAST.is_match(text) {
        return Some(Strength::Strong);
    }
    // A language we do not know: the marks below must say that it is one.
    let unknown = colon && (mail || date) || date && MAIL_LAST.is_match(text);
    unknown.then_some(Strength::Weak)
}

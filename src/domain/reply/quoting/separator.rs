//! Words between dashes: "-----Original Message-----", and what stands above a
//! forwarded mail.

use std::sync::LazyLock;

use regex::Regex;

use super::table::{alternation, fold, words};
use super::{Line, Trace};

const CHARS_MAX: usize = 400;

static PHRASES: LazyLock<Vec<(&str, String)>> =
    LazyLock::new(|| words(include_str!("separators.txt")).collect());

fn phrases(kind: &str) -> String {
    alternation(PHRASES.iter().filter(|(k, _)| *k == kind).map(|(_, phrase)| phrase.as_str()))
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern and its tables are fixed and tested")
}

static QUOTE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"^[\s*]*[-_=*~–—]{{2,}}\s*(?:{})(?:\s+(?:from|von|de|da|van|fra|från|od)\s[^-]{{1,80}})?\s?[:：]?\s*[-_=*~–—]{{2,}}",
        phrases("quote")
    ))
});
/// Some programs leave the dashes out; then the line must hold nothing else.
static QUOTE_BARE: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"^[\s*_]*(?:{})[\s*_]*[:：][\s*_]*$", phrases("quote"))));
static FORWARD: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"^[\s*]*[-_=*~–—]{{2,}}\s*(?:{0})(?:[\s:：]|[-_=*~–—]{{2,}}|$)|^[\s*_]*(?:{0})[\s*_]*[:：][\s*_]*$",
        phrases("forward")
    ))
});
/// "---- John Smith wrote ----" and "---- On … wrote ----".
static WROTE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"^[\s*]*-{2,}\s*\S.{2,200}\s(?:wrote|schrieb|a écrit|escribió|escreveu|ha scritto|skrev|napisał\(a\)|写道)\s*:?\s*-{2,}\s*:?$",
    )
});

/// GroupWise: ">>> Ann Lee 12/11/26 03:54PM >>>".
static ARROWS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"^\s*>>>\s?\S.{2,120}\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}.{0,40}>>>\s*$")
});

/// "##- Please write your answer above this line -##", as help desks do, and we.
static REPLY_LINE: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"^[\s*]*##-\s?\S.{4,160}-##[\s*]*$"));

/// The separator on this line.
pub(crate) fn find(lines: &[Line], at: usize) -> Option<Trace> {
    let line = lines.get(at)?;
    if line.is_blank() || line.text.len() > CHARS_MAX {
        return None;
    }
    if line.angled && line.marked.is_none() && ARROWS.is_match(&line.text) {
        return Some(Trace::new("quote_original_message", 1));
    }
    if !line.is_open() || !is_drawn_or_ends_open(&line.text) {
        return None;
    }
    // QQ leaves the code of its blanks in the plain text.
    let text = fold(&line.text.replace("&nbsp;", " "));
    if REPLY_LINE.is_match(&text) {
        return Some(Trace::new("quote_reply_line", 1));
    }
    if FORWARD.is_match(&text) {
        return Some(Trace::new("quote_forwarded", 1));
    }
    if WROTE.is_match(&text) {
        return Some(Trace::new("quote_attribution", 1));
    }
    (QUOTE.is_match(&text) || QUOTE_BARE.is_match(&text))
        .then(|| Trace::new("quote_original_message", 1))
}

/// What all separators share: they open with what is drawn, or end with a colon.
fn is_drawn_or_ends_open(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(['-', '_', '=', '*', '~', '–', '—', '#'])
        || text.trim_end_matches([' ', '*', '_']).ends_with([':', '：'])
}

/// A line of nothing but dashes, underscores or stars.
pub(crate) fn is_ruler(text: &str) -> bool {
    let text = text.trim();
    let drawn = |c: char| {
        matches!(c, '.' if text.contains(". . ."))
            || matches!(c, '-' | '_' | '=' | '*' | '~' | '–' | '—' | '─' | '━' | ' ')
    };
    text.chars().all(drawn) && text.chars().filter(|c| *c != ' ').count() >= 3
}

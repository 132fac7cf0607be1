//! Lines that stand in many mails and were typed by nobody: phone footers,
//! disclaimers, warnings about external senders.

use std::sync::LazyLock;

use regex::{Regex, RegexSet, RegexSetBuilder};

use super::decision_stem;
use crate::domain::reply::quoting::table::fold;

/// With less room the tables are searched by a method many times slower.
const DFA_BYTES_MAX: usize = 16 << 20;

fn set(table: &'static str) -> RegexSet {
    let patterns: Vec<&str> = table
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    RegexSetBuilder::new(patterns)
        .dfa_size_limit(DFA_BYTES_MAX)
        .build()
        .expect("the table is fixed and tested")
}

static FOOTERS: LazyLock<RegexSet> = LazyLock::new(|| set(include_str!("footers.txt")));
static DISCLAIMERS: LazyLock<RegexSet> = LazyLock::new(|| set(include_str!("disclaimers.txt")));
static BANNERS: LazyLock<RegexSet> = LazyLock::new(|| set(include_str!("banners.txt")));
static LINK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\s*[<(\[]\s*https?://[^\s<>]*[>)\]]").expect("the pattern is fixed and tested")
});

/// A footer is one short line.
const FOOTER_CHARS_MAX: usize = 160;
/// A footer may excuse itself, in a few words.
const SENTENCE_WORDS_MIN: usize = 18;
const PROSE_BYTES_MAX: usize = 6_000;

/// The rule by which a line begins what nobody typed: "Sent from my phone", in
/// whatever language, or a confidentiality notice.
pub(super) fn begins(line: &str) -> Option<&'static str> {
    let folded = fold(beginning(line));
    if is_footer(line, &folded) {
        return Some("footer_device");
    }
    is_disclaimer(&folded).then_some("disclaimer_notice")
}

fn is_footer(line: &str, folded: &str) -> bool {
    if line.len() > 8 * FOOTER_CHARS_MAX {
        return false;
    }
    let without_links = line.contains("://").then(|| fold(&LINK.replace_all(line, "")));
    let text = without_links.as_deref().unwrap_or(folded);
    let text = text.trim_matches(|c: char| "*_-–—|~[]().,!\" ".contains(c));
    // "Sent from my desk, which is easier" is a sentence.
    let sentence = || {
        text.contains(',')
            && (text.contains(" is ")
                || text.contains(" was ")
                || text.split(' ').count() >= SENTENCE_WORDS_MIN)
    };
    // "Sent from my side: approved".
    let answers = || {
        text.split_once([':', '!', '?', ';'])
            .is_some_and(|(_, after)| decision_stem::occurs_in(after))
    };
    !text.is_empty()
        && text.chars().count() <= FOOTER_CHARS_MAX
        && FOOTERS.is_match(text)
        && !sentence()
        && !answers()
}

/// The beginning of a confidentiality notice or the like.
pub(super) fn begins_disclaimer(line: &str) -> bool {
    is_disclaimer(&fold(beginning(line)))
}

fn is_disclaimer(folded: &str) -> bool {
    let text = folded.trim_matches(|c: char| "*_-–—|~[](). ".contains(c));
    text.len() >= 12 && DISCLAIMERS.is_match(text)
}

fn beginning(line: &str) -> &str {
    line.get(..line.floor_char_boundary(PROSE_BYTES_MAX)).unwrap_or_default()
}

/// A warning that a mail server puts above a mail.
pub(super) fn is_banner(line: &str) -> bool {
    if line.len() > PROSE_BYTES_MAX {
        return false;
    }
    let text = fold(line);
    let text = text.trim_matches(|c: char| "*_-–—|~[]().!⚠️ ".contains(c));
    text.len() >= 6 && BANNERS.is_match(text)
}

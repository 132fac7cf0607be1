//! Turns of phrase that only programs use, in the languages they speak.
//!
//! Compared folded: no accents, no capitals, one space between words. A
//! phrase of letters with spaces between words must end where a word ends;
//! Chinese, Japanese, Korean and Thai have no such ends.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A list of phrases, folded once, and all of them as one machine.
pub(super) struct Phrases {
    list: LazyLock<Vec<String>>,
    anywhere: OnceLock<AhoCorasick>,
}

impl Phrases {
    /// The phrases of a file: `|` or a line end between them, `#` begins a
    /// comment.
    pub(super) const fn listed_in(file: fn() -> Vec<String>) -> Self {
        Self { list: LazyLock::new(file), anywhere: OnceLock::new() }
    }

    /// What follows, if `folded` begins with one of the phrases.
    pub(super) fn begin<'a>(&self, folded: &'a str) -> Option<&'a str> {
        self.list.iter().find_map(|phrase| {
            let rest = folded.strip_prefix(phrase.as_str())?;
            ends_a_word(phrase, rest).then_some(rest)
        })
    }

    /// Whether one of the phrases stands anywhere in `folded`.
    pub(super) fn stand_in(&self, folded: &str) -> bool {
        let anywhere = self.anywhere.get_or_init(|| {
            AhoCorasick::new(self.list.iter()).expect("the lists are fixed and tested")
        });
        anywhere.find_overlapping_iter(folded).any(|found| {
            let phrase = self.list.get(found.pattern().as_usize()).map_or("", String::as_str);
            folded.get(found.end()..).is_some_and(|rest| ends_a_word(phrase, rest))
        })
    }
}

/// Reads a file of phrases at its first use.
macro_rules! phrases {
    ($file:literal) => {
        $crate::domain::message::phrases::Phrases::listed_in(|| {
            $crate::domain::message::phrases::list(include_str!(concat!("phrases/", $file)))
        })
    };
}
pub(super) use phrases;

pub(super) fn list(file: &str) -> Vec<String> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let phrases = lines.flat_map(|line| line.split(" | "));
    // A space at the beginning is meant: the phrase follows a word.
    phrases.map(fold_inside).filter(|phrase| !phrase.trim().is_empty()).collect()
}

fn ends_a_word(phrase: &str, rest: &str) -> bool {
    let has_word_ends = |c: char| c.is_alphanumeric() && c < '\u{e00}';
    !(phrase.ends_with(has_word_ends) && rest.starts_with(has_word_ends))
}

/// The form in which phrases are compared.
pub(super) fn fold(text: &str) -> String {
    fold_inside(text.trim_start())
}

fn fold_inside(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        for c in text.chars() {
            match c {
                '`' => folded.push('\''),
                c if c.is_whitespace() => {
                    if !folded.ends_with(' ') {
                        folded.push(' ');
                    }
                }
                c => folded.push(c.to_ascii_lowercase()),
            }
        }
        return folded;
    }
    let letters = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    for c in letters {
        match c {
            '\u{2018}' | '\u{2019}' | '\u{b4}' | '`' | '\u{2bc}' => folded.push('\''),
            '\u{2010}'..='\u{2015}' => folded.push('-'),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
            c if c.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            c => folded.push(c),
        }
    }
    folded
}

/// The beginning of a text.
pub(super) fn beginning(text: &str, chars_max: usize) -> &str {
    text.char_indices().nth(chars_max).map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    static SOME: Phrases =
        Phrases::listed_in(|| list("# some\nRéponse automatique | 自動応答\nauto:\n"));

    #[test]
    fn folding_takes_away_what_writers_vary() {
        assert_eq!(fold("  R\u{c9}PONSE\u{a0} auto\tmatique\u{2019}s"), "reponse auto matique's");
    }

    #[test]
    fn a_phrase_ends_where_a_word_ends() {
        assert_eq!(SOME.begin("reponse automatique: re"), Some(": re"));
        assert_eq!(SOME.begin("reponse automatiques"), None);
        assert_eq!(SOME.begin(&fold("自動応答中")), Some("中"));
        assert_eq!(SOME.begin("auto:x"), Some("x"));
        assert!(SOME.stand_in("une reponse automatique."));
        assert!(!SOME.stand_in("reponse manuelle"));
    }
}

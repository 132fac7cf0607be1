//! Turns of phrase that only programs use, in the languages they speak.
//!
//! Compared folded: no accents, no capitals, one space between words. A
//! phrase of letters with spaces between words must end where a word ends;
//! Chinese, Japanese, Korean and Thai have no such ends.

use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A list of phrases, folded once.
pub(super) struct Phrases(LazyLock<Vec<String>>);

impl Phrases {
    /// The phrases of a file: `|` or a line end between them, `#` begins a
    /// comment.
    pub(super) const fn listed_in(file: fn() -> Vec<String>) -> Self {
        Self(LazyLock::new(file))
    }

    /// What follows, if `folded` begins with one of the phrases.
    pub(super) fn begin<'a>(&self, folded: &'a str) -> Option<&'a str> {
        self.0.iter().find_map(|phrase| {
            let rest = folded.strip_prefix(phrase.as_str())?;
            ends_a_word(phrase, rest).then_some(rest)
        })
    }

    /// Whether one of the phrases stands anywhere in `folded`.
    pub(super) fn stand_in(&self, folded: &str) -> bool {
        self.0.iter().any(|phrase| {
            memchr::memmem::find_iter(folded.as_bytes(), phrase.as_bytes()).any(|at| {
                folded.get(at + phrase.len()..).is_some_and(|rest| ends_a_word(phrase, rest))
            })
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

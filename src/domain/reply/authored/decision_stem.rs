//! Words that could be an answer, in rough: never to decide, only so that a
//! guess ("this last line looks like a name") does not throw an answer away.

use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::domain::reply::quoting::table::{fold, words};

struct Stems {
    /// Whole words and beginnings of words, by their first two letters.
    by_start: HashMap<[char; 2], Vec<Stem>>,
    anywhere: AhoCorasick,
}

struct Stem {
    letters: String,
    whole: bool,
}

/// The first two letters; words of one have a blank for the second.
fn start(word: &str) -> [char; 2] {
    let mut letters = word.chars();
    [letters.next().unwrap_or(' '), letters.next().unwrap_or(' ')]
}

static STEMS: LazyLock<Stems> = LazyLock::new(|| {
    let mut by_start: HashMap<[char; 2], Vec<Stem>> = HashMap::new();
    let mut anywhere = Vec::new();
    for (kind, letters) in words(include_str!("decision_stems.txt")) {
        if kind == "anywhere" {
            anywhere.push(letters);
            continue;
        }
        let stem = Stem { whole: kind == "whole", letters };
        by_start.entry(start(&stem.letters)).or_default().push(stem);
    }
    let anywhere = AhoCorasick::new(anywhere).expect("the table is fixed and tested");
    Stems { by_start, anywhere }
});

/// Whether the text could hold an answer.
pub(super) fn occurs_in(text: &str) -> bool {
    let text = fold(text);
    let stems = &*STEMS;
    let is_stem = |word: &str| {
        stems.by_start.get(&start(word)).is_some_and(|known| {
            known.iter().any(|stem| match stem.whole {
                true => word == stem.letters,
                false => word.starts_with(&stem.letters),
            })
        })
    };
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '+');
    words.filter(|word| !word.is_empty()).any(is_stem)
        || !text.is_ascii() && stems.anywhere.is_match(&text)
}

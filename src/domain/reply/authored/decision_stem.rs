//! Words that could be an answer, in rough: never to decide, only so that a
//! guess ("this last line looks like a name") does not throw an answer away.

use std::sync::LazyLock;

use crate::domain::reply::quoting::table::{fold, words};

struct Stems {
    whole: Vec<String>,
    beginnings: Vec<String>,
    anywhere: Vec<String>,
}

static STEMS: LazyLock<Stems> = LazyLock::new(|| {
    let mut stems = Stems { whole: Vec::new(), beginnings: Vec::new(), anywhere: Vec::new() };
    for (kind, word) in words(include_str!("decision_stems.txt")) {
        match kind {
            "whole" => stems.whole.push(word),
            "beginning" => stems.beginnings.push(word),
            _ => stems.anywhere.push(word),
        }
    }
    stems.whole.sort_unstable();
    stems
});

/// Whether the text could hold an answer.
pub(super) fn occurs_in(text: &str) -> bool {
    let text = fold(text);
    let stems = &*STEMS;
    text.split(|c: char| !c.is_alphanumeric() && c != '+').any(|word| {
        stems.whole.binary_search_by(|known| known.as_str().cmp(word)).is_ok()
            || stems.beginnings.iter().any(|stem| word.starts_with(stem.as_str()))
    }) || !text.is_ascii() && stems.anywhere.iter().any(|stem| text.contains(stem.as_str()))
}

//! How a phrase is written down in the lexicon.
//!
//! ```text
//! i (do|) approve     one phrase for each alternative; an empty one may be absent
//! approv*             any word that begins so
//! for # hours         `#` is any number
//! ^why                only where a clause opens
//! later$              only where a clause ends
//! ```
//!
//! Folding is the text's own (see [`super::words`]), so accents, case and
//! apostrophes may be written as a person would.

use super::words::{Kind, Words};

/// One place of a phrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    Word(Box<str>),
    Prefix(Box<str>),
    Number,
}

/// A phrase with its alternatives resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    pub places: Vec<Place>,
    pub opens: bool,
    pub ends: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    #[error("the pattern has no word")]
    Empty,
    #[error("the pattern is longer than {CHARS_MAX} characters or {PLACES_MAX} words")]
    TooLong,
    #[error("the pattern has an open bracket")]
    Bracket,
    #[error("the pattern stands for more than {PHRASES_MAX} phrases")]
    TooMany,
    #[error("`*` stands behind too few letters")]
    ShortPrefix,
}

const CHARS_MAX: usize = 1000;
/// Also bounds how far the matcher looks ahead.
pub const PLACES_MAX: usize = 16;
const PHRASES_MAX: usize = 2048;

/// All phrases a pattern stands for.
pub fn phrases(pattern: &str) -> Result<Vec<Phrase>, BadPattern> {
    if pattern.chars().count() > CHARS_MAX {
        return Err(BadPattern::TooLong);
    }
    expand(pattern)?.iter().map(|plain| phrase(plain)).collect()
}

fn expand(pattern: &str) -> Result<Vec<String>, BadPattern> {
    let mut done = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('(') {
        let (choices, after) = after.split_once(')').ok_or(BadPattern::Bracket)?;
        let choices: Vec<&str> = choices.split('|').collect();
        if done.len() * choices.len() > PHRASES_MAX {
            return Err(BadPattern::TooMany);
        }
        done = done
            .iter()
            .flat_map(|d| choices.iter().map(move |choice| format!("{d}{before}{choice}")))
            .collect();
        rest = after;
    }
    if rest.contains(')') {
        return Err(BadPattern::Bracket);
    }
    for one in &mut done {
        one.push_str(rest);
    }
    Ok(done)
}

fn phrase(plain: &str) -> Result<Phrase, BadPattern> {
    let plain = plain.trim();
    let (opens, plain) = plain.strip_prefix('^').map_or((false, plain), |rest| (true, rest));
    let (ends, plain) = plain.strip_suffix('$').map_or((false, plain), |rest| (true, rest));
    let mut places = Vec::new();
    for piece in plain.split_whitespace() {
        if piece == "#" {
            places.push(Place::Number);
            continue;
        }
        let (piece, open_ended) =
            piece.strip_suffix('*').map_or((piece, false), |stem| (stem, true));
        let words = Words::of(piece);
        let last = words.list.len().saturating_sub(1);
        for (i, word) in words.list.iter().enumerate() {
            let folded = words.folded(word);
            let prefix = open_ended && i == last && word.kind == Kind::Word;
            if prefix && folded.len() < 2 {
                return Err(BadPattern::ShortPrefix);
            }
            places.push(if prefix {
                Place::Prefix(folded.into())
            } else {
                Place::Word(folded.into())
            });
        }
    }
    match places.len() {
        0 => Err(BadPattern::Empty),
        n if n > PLACES_MAX => Err(BadPattern::TooLong),
        _ => Ok(Phrase { places, opens, ends }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Result<usize, BadPattern>) {
        assert_eq!(phrases(pattern).map(|all| all.len()), expected, "{pattern}");
    }

    #[test]
    fn alternatives_multiply_and_are_bounded() {
        check("(i|we) (do|) approve", Ok(4));
        check(
            "(a|b)(c|d)(e|f)(g|h)(i|j)(k|l)(m|n)(o|p)(q|r)(s|t)(u|v)(w|x)",
            Err(BadPattern::TooMany),
        );
        check("(a", Err(BadPattern::Bracket));
        check("...", Err(BadPattern::Empty));
        check("a*", Err(BadPattern::ShortPrefix));
    }

    #[test]
    fn a_pattern_is_folded_like_the_text() {
        let all = phrases("^Don't aprov* # $").unwrap();
        assert!(all[0].opens && all[0].ends);
        assert_eq!(
            all[0].places,
            [
                Place::Word("don".into()),
                Place::Word("t".into()),
                Place::Prefix("aprov".into()),
                Place::Number
            ]
        );
    }
}

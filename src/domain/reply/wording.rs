//! From a person's own words to an answer.
//!
//! The whole text is judged. A decision must be *stated* (see [`clause`]), and
//! everything beside an approval can only take it away: a condition, a smaller
//! scope, a question, the opposite word, or words we cannot read. When in doubt
//! the answer is unclear: that costs minutes, a false approval costs root.
//!
//! What is *not* here: which words are the person's own ([`super::authored`]),
//! who the person is, and what the answer does.

mod clause;
mod verdict;

use serde::{Deserialize, Serialize};

use super::lexicon::Lexicon;
pub use super::lexicon::Role;

/// What a text answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Approve,
    Deny,
    Unclear,
}

/// Why it answers so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A decision word on a line of its own.
    Keyword,
    PlainWords,
    Empty,
    NoKnownWord,
    /// An approval and a denial, both standing.
    Both,
    Condition,
    ChangeOfScope,
    /// "but", "sorry": what follows may take back anything.
    Contrast,
    Question,
    Postponement,
    Delegation,
    Hearsay,
    Retraction,
    Future,
    Doubt,
    /// "please approve", said to somebody else.
    RequestToOthers,
    /// "do not deny", or a "not" that belongs to no decision.
    Negation,
    /// A decision word that states no decision: "the approved list".
    Mention,
    /// Too much of the text is in words we do not know.
    UnknownWords,
    /// The words mean different things in different languages.
    LanguagesDisagree,
    /// Plain text and HTML say different things.
    ViewsDisagree,
    /// Where the person's words end is uncertain, and a decision stands there.
    UncertainSplit,
}

impl Why {
    /// Stable, for logs, the API and `docs/REASONS.md`.
    pub fn code(self) -> &'static str {
        match self {
            Why::Keyword => "keyword",
            Why::PlainWords => "plain_words",
            Why::Empty => "empty",
            Why::NoKnownWord => "no_known_word",
            Why::Both => "both",
            Why::Condition => "condition",
            Why::ChangeOfScope => "change_of_scope",
            Why::Contrast => "contrast",
            Why::Question => "question",
            Why::Postponement => "postponement",
            Why::Delegation => "delegation",
            Why::Hearsay => "hearsay",
            Why::Retraction => "retraction",
            Why::Future => "future",
            Why::Doubt => "doubt",
            Why::RequestToOthers => "request_to_others",
            Why::Negation => "negation",
            Why::Mention => "mention",
            Why::UnknownWords => "unknown_words",
            Why::LanguagesDisagree => "languages_disagree",
            Why::ViewsDisagree => "views_disagree",
            Why::UncertainSplit => "uncertain_split",
        }
    }
}

/// Words that bore on the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Bytes of the text that was read.
    pub start: usize,
    pub end: usize,
    pub words: String,
    pub role: Role,
    /// ISO 639-1 code.
    pub language: String,
}

/// A text and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub answer: Answer,
    /// Of the deciding words, such as `pt`.
    pub language: Option<String>,
    pub reason: Why,
    /// The rest of the text: the stated reason.
    pub comment: String,
    pub evidence: Vec<Evidence>,
}

impl Reading {
    /// A reading that decides nothing.
    pub fn unclear(reason: Why, comment: &str) -> Reading {
        Reading {
            answer: Answer::Unclear,
            language: None,
            reason,
            comment: comment.trim().to_owned(),
            evidence: Vec::new(),
        }
    }
}

/// Reads a person's own words. `locale` is the approver's, such as `pt-BR`; it
/// decides where a word means different things in different languages.
pub fn read(text: &str, locale: Option<&str>, lexicon: &Lexicon) -> Reading {
    verdict::reading(text, locale, lexicon)
}

/// Joins the readings of one message's views (plain text, HTML): they must all
/// say the same. Empty views say nothing.
pub fn together(views: &[Reading]) -> Reading {
    let mut speaking = views.iter().filter(|view| view.reason != Why::Empty);
    let Some(first) = speaking.next() else {
        return Reading::unclear(Why::Empty, "");
    };
    if speaking.all(|view| view.answer == first.answer) {
        return first.clone();
    }
    Reading {
        evidence: first.evidence.clone(),
        ..Reading::unclear(Why::ViewsDisagree, &first.comment)
    }
}

#[cfg(test)]
mod blind;
#[cfg(test)]
mod tests;

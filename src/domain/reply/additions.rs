//! Words that an admin adds for one instance, checked before they are taken.
//!
//! An addition must not turn a text whose meaning is known: all tables of
//! `fixtures/wording` are read with it, and one that comes out otherwise refuses
//! it. What a table leaves open on purpose an admin may settle: a bare "ok", an
//! emoji.

use std::sync::LazyLock;

use serde::Deserialize;

use super::lexicon::words::{Kind, Words};
use super::lexicon::{Addition, Lexicon, RefusedAddition, Role};
use super::wording::{Answer, read};

/// A text and what it answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KnownCase {
    pub text: String,
    pub answer: Answer,
    /// For words that only a locale can settle.
    #[serde(default)]
    pub locale: Option<String>,
}

/// Why additions were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The addition at this place of the list.
    #[error("{source}")]
    Addition { index: usize, source: RefusedAddition },
    /// Together they would misread a text.
    #[error("with it, {text:?} would be read as {read} instead of {expected}")]
    TurnsCase { index: usize, text: String, expected: &'static str, read: &'static str },
}

impl Refused {
    /// Which of the additions is to blame.
    pub fn index(&self) -> usize {
        match self {
            Self::Addition { index, .. } | Self::TurnsCase { index, .. } => *index,
        }
    }
}

macro_rules! tables {
    ($($language:literal $($table:literal)+;)+) => {
        /// The tables of each language.
        const TABLES: &[(&str, &[&str])] = &[$((
            $language,
            &[$(include_str!(concat!("../../../fixtures/wording/", $table, ".jsonl"))),+],
        )),+];
    };
}
tables! {
    "en" "en" "blind/en"; "pt" "pt" "blind/pt"; "es" "es" "blind/es"; "de" "de" "blind/de";
    "fr" "fr" "blind/fr"; "it" "it" "blind/it"; "nl" "nl" "blind/nl"; "sv" "sv" "blind/sv";
    "pl" "pl" "blind/pl"; "ru" "ru" "blind/ru"; "ja" "ja" "blind/ja"; "ko" "ko" "blind/ko";
    "zh" "zh" "blind/zh"; "tr" "blind/tr"; "da" "blind/da"; "no" "blind/no"; "fi" "blind/fi";
    "cs" "blind/cs"; "sk" "blind/sk"; "uk" "blind/uk"; "bg" "blind/bg"; "ro" "blind/ro";
    "hu" "blind/hu"; "el" "blind/el"; "he" "blind/he"; "ar" "blind/ar"; "fa" "blind/fa";
    "hi" "blind/hi"; "vi" "blind/vi"; "th" "blind/th"; "id" "blind/id"; "hr" "blind/hr";
}

/// The case, and the language of its table.
static CASES: LazyLock<Vec<(&str, KnownCase)>> = LazyLock::new(|| {
    let lines = TABLES.iter().flat_map(|(language, tables)| {
        tables.iter().flat_map(|table| table.lines()).map(|line| (*language, line))
    });
    lines
        .map(|(language, line)| {
            (language, serde_json::from_str(line).expect("the tables are read by a test"))
        })
        .collect()
});

/// The lexicon with the additions, if they turn nothing.
pub fn lexicon_with(additions: &[Addition]) -> Result<Lexicon, Refused> {
    let refused = |index, source| Refused::Addition { index, source };
    for (index, addition) in additions.iter().enumerate() {
        Lexicon::builtin()
            .with_additions(std::slice::from_ref(addition))
            .map_err(|source| refused(index, source))?;
    }
    let last = additions.len().saturating_sub(1);
    let lexicon =
        Lexicon::builtin().with_additions(additions).map_err(|source| refused(last, source))?;
    let Some(turned) = turned(&lexicon, additions) else {
        return Ok(lexicon);
    };
    // The first whose company makes the difference is told.
    let index = (0..additions.len())
        .find(|index| {
            let some = additions.get(..=*index).unwrap_or_default();
            Lexicon::builtin()
                .with_additions(some)
                .is_ok_and(|lexicon| misreads(&lexicon, additions, turned))
        })
        .unwrap_or(last);
    let (language, case) = turned;
    let answer = read(&case.text, locale(language, case), &lexicon).answer;
    Err(Refused::TurnsCase {
        index,
        text: case.text.clone(),
        expected: word(case.answer),
        read: word(answer),
    })
}

fn turned(lexicon: &Lexicon, additions: &[Addition]) -> Option<(&'static str, &'static KnownCase)> {
    let cases = CASES.iter().map(|(language, case)| (*language, case));
    cases.filter(|case| !additions.is_empty() && misreads(lexicon, additions, *case)).find(
        |(language, case)| {
            // What we misread ourselves is no measure.
            let own = read(&case.text, locale(language, case), Lexicon::builtin());
            own.answer == case.answer
        },
    )
}

/// Whether the case comes out wrong, and not because the admin wants it so.
fn misreads(
    lexicon: &Lexicon,
    additions: &[Addition],
    (language, case): (&str, &KnownCase),
) -> bool {
    let reading = read(&case.text, locale(language, case), lexicon);
    reading.answer != case.answer && !additions.iter().any(|addition| settles(addition, &case.text))
}

/// Whether the text is nothing but the added word, and a word that decides
/// nothing unless an admin says so.
fn settles(addition: &Addition, text: &str) -> bool {
    let bare = |text: &str| {
        let words = Words::of(text);
        words.list.iter().map(|word| words.folded(word).to_owned()).collect::<Vec<_>>()
    };
    let added = Words::of(&addition.pattern);
    let is_picture = !added.list.is_empty() && added.list.iter().all(|w| w.kind == Kind::Picture);
    let is_vague = Lexicon::builtin().has_role(&addition.pattern, &addition.language, Role::Vague);
    if is_picture {
        // Beside others of its kind it is still nothing but a picture.
        return Words::of(text).list.iter().all(|word| word.kind == Kind::Picture);
    }
    is_vague && bare(&addition.pattern) == bare(text)
}

fn locale<'a>(language: &'a str, case: &'a KnownCase) -> Option<&'a str> {
    Some(case.locale.as_deref().unwrap_or(language))
}

fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Approve => "approve",
        Answer::Deny => "deny",
        Answer::Unclear => "unclear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adding(language: &str, role: Role, pattern: &str) -> Result<Lexicon, Refused> {
        lexicon_with(&[Addition { language: language.into(), role, pattern: pattern.into() }])
    }

    #[test]
    fn a_table_of_every_claimed_language_guards() {
        let tables: Vec<&str> = TABLES.iter().map(|(language, _)| *language).collect();
        let mut claimed: Vec<&str> = Lexicon::builtin().languages().collect();
        claimed.sort_unstable();
        let mut sorted = tables.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, claimed);
        assert!(CASES.len() > 2_000);
    }

    #[test]
    fn words_of_the_house_are_taken() {
        let lexicon = adding("en", Role::Approve, "ship it").unwrap();
        assert_eq!(read("Ship it!", Some("en"), &lexicon).answer, Answer::Approve);
        assert_eq!(read("Ship it, but only today", Some("en"), &lexicon).answer, Answer::Unclear);
        let lexicon = adding("de", Role::Deny, "geht garnicht").unwrap();
        assert_eq!(read("Geht garnicht.", Some("de"), &lexicon).answer, Answer::Deny);
    }

    #[test]
    fn a_bare_ok_decides_where_an_admin_says_so() {
        let lexicon = adding("en", Role::Approve, "ok").unwrap();
        assert_eq!(read("ok", Some("en"), &lexicon).answer, Answer::Approve);
        assert_eq!(read("ok, I will look tomorrow", Some("en"), &lexicon).answer, Answer::Unclear);
        assert_eq!(adding("en", Role::Approve, "👍").err(), None);
    }

    #[test]
    fn an_addition_that_turns_a_known_text_is_refused_with_it() {
        for (language, role, pattern) in [
            ("en", Role::Approve, "thanks"),
            ("en", Role::Deny, "thank you"),
            ("pt", Role::No, "obrigado"),
        ] {
            let Err(Refused::TurnsCase { index: 0, text, .. }) = adding(language, role, pattern)
            else {
                panic!("{pattern} was taken")
            };
            assert!(!text.is_empty());
        }
        let refused = adding("en", Role::Approve, "rejected").unwrap_err();
        assert!(matches!(refused, Refused::Addition { index: 0, .. }), "{refused}");
    }

    #[test]
    fn the_one_to_blame_is_named() {
        let addition = |pattern: &str| Addition {
            language: "en".into(),
            role: Role::Approve,
            pattern: pattern.into(),
        };
        let refused = lexicon_with(&[addition("ship it"), addition("thanks")]).unwrap_err();
        assert_eq!(refused.index(), 1);
    }
}

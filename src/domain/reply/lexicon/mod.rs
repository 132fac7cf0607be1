//! The words people answer with, as data: one file for each language.
//!
//! What is *not* here: any judgement. The lexicon says what a phrase does
//! ([`Role`]); whether it counts where it stands is [`super::wording`]'s matter.

pub mod automaton;
pub mod pattern;
pub mod role;
pub mod words;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use automaton::{Automaton, EVERY_LANGUAGE, LanguageId};
use pattern::{BadPattern, Phrase};
pub use role::{Role, Roles};

/// The languages that are claimed. `und` holds signs that need no language.
const FILES: &[&str] = &[
    include_str!("und.toml"),
    include_str!("en.toml"),
    include_str!("pt.toml"),
    include_str!("es.toml"),
    include_str!("de.toml"),
    include_str!("fr.toml"),
    include_str!("it.toml"),
    include_str!("nl.toml"),
    include_str!("sv.toml"),
    include_str!("pl.toml"),
    include_str!("ru.toml"),
    include_str!("ja.toml"),
    include_str!("ko.toml"),
    include_str!("zh.toml"),
    include_str!("tr.toml"),
    include_str!("da.toml"),
    include_str!("no.toml"),
    include_str!("fi.toml"),
    include_str!("cs.toml"),
    include_str!("sk.toml"),
    include_str!("uk.toml"),
    include_str!("bg.toml"),
    include_str!("ro.toml"),
    include_str!("hu.toml"),
    include_str!("el.toml"),
    include_str!("he.toml"),
    include_str!("ar.toml"),
    include_str!("fa.toml"),
    include_str!("hi.toml"),
    include_str!("vi.toml"),
    include_str!("th.toml"),
    include_str!("id.toml"),
    include_str!("hr.toml"),
];

/// One language's file: patterns by role, one on a line or parted by `;`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    language: String,
    #[serde(default)]
    negation_follows: bool,
    roles: BTreeMap<Role, String>,
}

#[derive(Debug, Clone)]
struct Language {
    code: String,
    /// A negation may stand behind its verb ("genehmige ich nicht").
    negation_follows: bool,
    patterns: usize,
}

/// All phrases, ready to be found.
#[derive(Debug, Clone)]
pub struct Lexicon {
    languages: Vec<Language>,
    pub(super) automaton: Automaton,
}

/// A phrase that an admin adds for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Addition {
    /// A claimed language, such as `pt`.
    pub language: String,
    pub role: Role,
    /// As in the files, see [`pattern`].
    pub pattern: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddition {
    #[error("the language `{0}` is not one of ours")]
    UnknownLanguage(String),
    #[error("the pattern `{pattern}` cannot be read")]
    Unreadable { pattern: String, source: BadPattern },
    /// Such a word would make approvals of texts that say the opposite.
    #[error("`{pattern}` already means something else")]
    AlreadyMeans { pattern: String },
    /// A stem would approve by words nobody has thought of.
    #[error("`{pattern}` is too wide to approve by")]
    TooWide { pattern: String },
    #[error("more than {ADDITIONS_MAX} additions")]
    TooMany,
}

const ADDITIONS_MAX: usize = 1000;

impl Lexicon {
    /// The words we bring along.
    pub fn builtin() -> &'static Lexicon {
        static BUILTIN: LazyLock<Lexicon> =
            LazyLock::new(|| Lexicon::of(FILES).expect("the files are read by a test"));
        &BUILTIN
    }

    /// The words of other files, each in the form of ours.
    pub fn of(files: &[&str]) -> Result<Lexicon, String> {
        let mut lexicon = Lexicon { languages: Vec::new(), automaton: Automaton::new() };
        for text in files {
            let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
            lexicon.add_file(&file)?;
        }
        Ok(lexicon)
    }

    fn add_file(&mut self, file: &File) -> Result<(), String> {
        let language = if file.language == "und" {
            EVERY_LANGUAGE
        } else {
            self.languages.push(Language {
                code: file.language.clone(),
                negation_follows: file.negation_follows,
                patterns: 0,
            });
            LanguageId::try_from(self.languages.len() - 1).map_err(|e| e.to_string())?
        };
        for (role, patterns) in &file.roles {
            for pattern in patterns.split(['\n', ';']).map(str::trim).filter(|p| !p.is_empty()) {
                let phrases = pattern::phrases(pattern)
                    .map_err(|e| format!("{}: {pattern}: {e}", file.language))?;
                for phrase in &phrases {
                    self.automaton.add(phrase, language, *role);
                }
                if let Some(known) = self.languages.get_mut(usize::from(language)) {
                    known.patterns += 1;
                }
            }
        }
        Ok(())
    }

    /// The same words and some more.
    pub fn with_additions(&self, additions: &[Addition]) -> Result<Lexicon, RefusedAddition> {
        if additions.len() > ADDITIONS_MAX {
            return Err(RefusedAddition::TooMany);
        }
        let mut lexicon = self.clone();
        for addition in additions {
            let language = self
                .language_id(&addition.language)
                .ok_or_else(|| RefusedAddition::UnknownLanguage(addition.language.clone()))?;
            let pattern = addition.pattern.clone();
            let phrases = pattern::phrases(&pattern).map_err(|source| {
                RefusedAddition::Unreadable { pattern: pattern.clone(), source }
            })?;
            for phrase in &phrases {
                self.judge_addition(phrase, language, addition)?;
                lexicon.automaton.replace(
                    phrase,
                    language,
                    role_of_addition(phrase, addition.role),
                );
            }
        }
        Ok(lexicon)
    }

    fn judge_addition(
        &self,
        phrase: &Phrase,
        language: LanguageId,
        addition: &Addition,
    ) -> Result<(), RefusedAddition> {
        let pattern = addition.pattern.clone();
        let approves = Roles::APPROVING.has(addition.role) || addition.role == Role::Yes;
        let excuses = Roles::SKIPPED.has(addition.role);
        let known = self.automaton.roles_of(phrase, language);
        let guarded = Roles::TAKING.with(Roles::of(&[Role::Negation, Role::Deny, Role::No]));
        if (approves || excuses) && known.any(guarded) {
            return Err(RefusedAddition::AlreadyMeans { pattern });
        }
        let denies = addition.role == Role::Deny || addition.role == Role::No;
        if denies && known.any(Roles::APPROVING.with(Roles::of(&[Role::Yes]))) {
            return Err(RefusedAddition::AlreadyMeans { pattern });
        }
        let wide = phrase.places.iter().any(|p| !matches!(p, pattern::Place::Word(_)));
        if (approves || excuses) && wide {
            return Err(RefusedAddition::TooWide { pattern });
        }
        Ok(())
    }

    /// Whether a phrase has a role in a language, by our own files.
    pub fn has_role(&self, pattern: &str, language: &str, role: Role) -> bool {
        let Some(language) = self.language_id(language) else {
            return false;
        };
        pattern::phrases(pattern).is_ok_and(|phrases| {
            phrases.iter().all(|phrase| self.automaton.roles_of(phrase, language).has(role))
        })
    }

    /// Codes of the claimed languages.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(|l| l.code.as_str())
    }

    /// How many patterns a language has.
    pub fn pattern_count(&self, language: &str) -> usize {
        self.languages.iter().find(|l| l.code == language).map_or(0, |l| l.patterns)
    }

    /// The language of a locale such as `pt-BR`, if it is claimed.
    pub fn language_id(&self, locale: &str) -> Option<LanguageId> {
        let code = locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let code = match code.as_str() {
            "nb" | "nn" => "no",
            "iw" => "he",
            "in" => "id",
            other => other,
        };
        let index = self.languages.iter().position(|l| l.code == code)?;
        LanguageId::try_from(index).ok()
    }

    pub(super) fn code(&self, language: LanguageId) -> &str {
        self.languages.get(usize::from(language)).map_or("und", |l| l.code.as_str())
    }

    pub(super) fn negation_follows(&self, language: LanguageId) -> bool {
        self.languages.get(usize::from(language)).is_some_and(|l| l.negation_follows)
    }
}

/// One added word is a bare answer like `yes`; only a longer phrase is a
/// statement that may have a reason behind it.
fn role_of_addition(phrase: &Phrase, role: Role) -> Role {
    match role {
        Role::Approve | Role::Imperative if phrase.places.len() == 1 => Role::Yes,
        Role::Approved if phrase.places.len() == 1 => Role::Yes,
        Role::Approve | Role::Imperative => Role::Approved,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_reads_and_claims_no_language_with_few_words() {
        let lexicon = Lexicon::of(FILES).unwrap();
        for language in lexicon.languages() {
            assert!(lexicon.pattern_count(language) >= 60, "{language}");
        }
    }

    fn check(role: Role, pattern: &str, expected: Result<(), RefusedAddition>) {
        let addition = Addition { language: "en".into(), role, pattern: pattern.into() };
        assert_eq!(Lexicon::builtin().with_additions(&[addition]).map(|_| ()), expected);
    }

    #[test]
    fn an_addition_cannot_turn_a_word_round() {
        let means = |p: &str| Err(RefusedAddition::AlreadyMeans { pattern: p.into() });
        check(Role::Approve, "ok", Ok(()));
        check(Role::Approve, "👍", Ok(()));
        check(Role::Approve, "rejected", means("rejected"));
        check(Role::Approve, "if", means("if"));
        check(Role::Deny, "approved", means("approved"));
        check(Role::Neutral, "not", means("not"));
        check(Role::Approve, "appr*", Err(RefusedAddition::TooWide { pattern: "appr*".into() }));
    }
}

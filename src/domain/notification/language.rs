//! The languages notifications are written in. One file of words each in
//! `languages/`; a field that is missing there does not compile.

use chrono::{DateTime, Datelike, Offset, Utc};
use chrono_tz::Tz;

use super::languages;

/// A language that notifications can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    En,
    Pt,
    Es,
}

impl Language {
    pub const ALL: &[Self] = &[Self::En, Self::Pt, Self::Es];

    /// The language of a BCP 47 tag such as `pt-BR`, by its first subtag;
    /// English where we do not speak it.
    pub fn of_locale(locale: &str) -> Self {
        let subtag = locale.trim().split(['-', '_', '.']).next().unwrap_or_default();
        Self::ALL
            .iter()
            .copied()
            .find(|language| language.words().code.eq_ignore_ascii_case(subtag))
            .unwrap_or(Self::En)
    }

    /// BCP 47 primary subtag.
    pub fn code(self) -> &'static str {
        self.words().code
    }

    /// The words mails in this language ask for, approve and deny; the lexicon
    /// must know them.
    pub fn answer_words(self) -> (&'static str, &'static str) {
        (self.words().approve, self.words().deny)
    }

    pub(super) fn words(self) -> &'static Words {
        match self {
            Self::En => &languages::en::WORDS,
            Self::Pt => &languages::pt::WORDS,
            Self::Es => &languages::es::WORDS,
        }
    }
}

/// Everything a mail says in one language. `{name}` stands for what is filled
/// in. No text begins with a word that decides (`deciding`), because a reply
/// that quotes us without a quote mark would begin a line with it.
pub(super) struct Words {
    /// BCP 47 primary subtag.
    pub code: &'static str,
    /// The words an approver is told to write.
    pub approve: &'static str,
    pub deny: &'static str,
    /// Lower case; no line of a mail of ours begins with one.
    pub deciding: &'static [&'static str],
    pub months: [&'static str; 12],
    /// `{day}`, `{month}`, `{year}`, `{time}`.
    pub date: &'static str,
    /// Stands above everything that may be quoted.
    pub answer_above: &'static str,
    pub labels: Labels,
    pub sentences: Sentences,
    pub subjects: Subjects,
}

/// What stands before a colon.
pub(super) struct Labels {
    pub request: &'static str,
    pub who_asks: &'static str,
    pub access_to: &'static str,
    pub access_from: &'static str,
    pub access_until: &'static str,
    pub answer_by: &'static str,
    pub your_level: &'static str,
    /// `{level}`, `{levels}`.
    pub level_of: &'static str,
    /// `{level}`.
    pub level: &'static str,
    /// Whose answer it was.
    pub by: &'static str,
    pub your_answer: &'static str,
    pub recorded_at: &'static str,
    pub came_by: &'static str,
    pub message_id: &'static str,
    pub ended_at: &'static str,
    pub happened_at: &'static str,
}

/// Whole sentences and the words for what was done.
pub(super) struct Sentences {
    pub ask: &'static str,
    pub remind: &'static str,
    /// `{why}`, one of the next five.
    pub unclear: &'static str,
    pub unclear_empty: &'static str,
    pub unclear_no_decision: &'static str,
    pub unclear_contradiction: &'static str,
    pub unclear_condition: &'static str,
    pub unclear_two_requests: &'static str,
    pub reason: &'static str,
    pub reason_missing: &'static str,
    pub shortened: &'static str,
    /// `{approve}`, `{deny}`.
    pub how_to_answer: &'static str,
    /// That the English words work too; none in English.
    pub english_words: Option<&'static str>,
    pub must_confirm: &'static str,
    pub not_by_mail: &'static str,
    pub on_the_web: &'static str,
    /// `{deny}`.
    pub unexpected: &'static str,
    /// What the two links say; they must not begin with a deciding word.
    pub link_approve: &'static str,
    pub link_deny: &'static str,
    pub confirm: &'static str,
    pub recorded: &'static str,
    pub approved: &'static str,
    pub denied: &'static str,
    /// `{address}`.
    pub by_email: &'static str,
    pub by_web: &'static str,
    pub by_api: &'static str,
    pub replaces_earlier: &'static str,
    pub your_comment: &'static str,
    pub their_comment: &'static str,
    /// `{deny}`.
    pub not_you: &'static str,
    pub ended_approved: &'static str,
    pub ended_denied: &'static str,
    pub ended_expired: &'static str,
    pub ended_cancelled: &'static str,
    pub ended_conflict: &'static str,
    /// `{passed}`, `{next}`.
    pub level_reached: &'static str,
    /// `{account}`.
    pub test: &'static str,
    pub alert: &'static str,
    /// `{system}`.
    pub footer: &'static str,
}

/// Subjects; all but the last two have `{reference}`.
pub(super) struct Subjects {
    /// Also `{resource}`, as have the next two.
    pub ask: &'static str,
    pub remind: &'static str,
    pub unclear: &'static str,
    pub confirm: &'static str,
    pub receipt: &'static str,
    pub approved: &'static str,
    pub denied: &'static str,
    pub expired: &'static str,
    pub cancelled: &'static str,
    pub conflict: &'static str,
    /// Also `{passed}`.
    pub level_reached: &'static str,
    /// `{system}`.
    pub test: &'static str,
    /// `{headline}`.
    pub alert: &'static str,
}

impl Words {
    /// A moment in the reader's zone, so that nobody has to reckon:
    /// `21 November 2026, 14:30 (UTC-03:00, America/Sao_Paulo)`.
    pub fn moment(&self, at: DateTime<Utc>, zone: Tz) -> String {
        let local = at.with_timezone(&zone);
        let month = self.months.get(local.month0() as usize).copied().unwrap_or_default();
        let written = fill(
            self.date,
            &[
                ("day", &local.day().to_string()),
                ("month", month),
                ("year", &local.year().to_string()),
                ("time", &local.format("%H:%M").to_string()),
            ],
        );
        format!("{written} (UTC{}, {})", local.offset().fix(), zone.name())
    }

    /// Every text without a gap in it that may stand on a line of its own.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &'static str> {
        let s = &self.sentences;
        [
            s.ask,
            s.remind,
            s.reason,
            s.reason_missing,
            s.shortened,
            s.must_confirm,
            s.not_by_mail,
            s.on_the_web,
            s.link_approve,
            s.link_deny,
            s.confirm,
            s.recorded,
            s.replaces_earlier,
            s.your_comment,
            s.their_comment,
            s.ended_approved,
            s.ended_denied,
            s.ended_expired,
            s.ended_cancelled,
            s.ended_conflict,
            s.alert,
        ]
        .into_iter()
        .chain(s.english_words)
    }

    /// The sentences that hold nothing but the words to write, or why an answer
    /// was not understood.
    pub(super) fn filled(&self) -> Vec<String> {
        let s = &self.sentences;
        let asked = [s.how_to_answer, s.unexpected, s.not_you];
        let unclear = [
            s.unclear_empty,
            s.unclear_no_decision,
            s.unclear_contradiction,
            s.unclear_condition,
            s.unclear_two_requests,
        ];
        asked
            .iter()
            .map(|sentence| self.with_answers(sentence))
            .chain(unclear.iter().map(|why| self.unclear(why)))
            .collect()
    }

    /// That an answer was not understood, and why.
    pub fn unclear(&self, why: &str) -> String {
        fill(self.sentences.unclear, &[("why", why)])
    }

    /// Fills in the words an approver is told to write.
    pub fn with_answers(&self, sentence: &str) -> String {
        fill(sentence, &[("approve", self.approve), ("deny", self.deny)])
    }
}

/// Puts values in the place of `{name}`, in one pass, so that a value that
/// looks like a place is left alone.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, tail)| {
            Some((values.iter().find(|(known, _)| *known == name)?, tail))
        });
        rest = match place {
            Some(((_, value), tail)) => {
                filled.push_str(value);
                tail
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_names_a_language_and_the_unknown_is_english() {
        for (locale, expected) in [
            ("pt-BR", Language::Pt),
            ("pt_PT.UTF-8", Language::Pt),
            ("ES", Language::Es),
            ("es-419", Language::Es),
            ("en-GB", Language::En),
            ("ptx", Language::En),
            ("de", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::of_locale(locale), expected, "{locale}");
        }
    }

    #[test]
    fn a_moment_is_told_in_the_readers_zone_with_its_offset() {
        let at = "2026-07-01T23:30:00Z".parse().unwrap();
        for (language, zone, expected) in [
            (Language::En, Tz::UTC, "1 July 2026, 23:30 (UTC+00:00, UTC)"),
            (
                Language::Pt,
                Tz::America__Sao_Paulo,
                "1 de julho de 2026, 20:30 (UTC-03:00, America/Sao_Paulo)",
            ),
            (
                Language::Es,
                Tz::Europe__Madrid,
                "2 de julio de 2026, 01:30 (UTC+02:00, Europe/Madrid)",
            ),
        ] {
            assert_eq!(language.words().moment(at, zone), expected);
        }
        for end_of_time in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            for zone in [Tz::Pacific__Kiritimati, Tz::Pacific__Pago_Pago] {
                assert!(!Language::En.words().moment(end_of_time, zone).is_empty());
            }
        }
    }

    #[test]
    fn a_value_that_looks_like_a_place_is_left_alone() {
        assert_eq!(fill("{a} and {b}", &[("a", "{b}"), ("b", "x")]), "{b} and x");
        assert_eq!(fill("{unknown} {", &[]), "{unknown} {");
    }
}

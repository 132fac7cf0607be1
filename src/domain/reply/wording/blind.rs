//! The blind cases of `fixtures/wording/blind`: written from the rules alone,
//! by somebody who had not seen the lexicon. They measure what the tables of
//! `fixtures/wording` can only describe.
//!
//! `cargo run --example words -- LANGUAGE TABLE` prints a row of `docs/LANGUAGES.md`.

use super::*;

#[derive(Deserialize)]
struct Case {
    text: String,
    answer: Answer,
}

macro_rules! table {
    ($language:literal) => {
        (
            $language,
            include_str!(concat!("../../../../fixtures/wording/blind/", $language, ".jsonl")),
        )
    };
}

const TABLES: &[(&str, &str)] = &[
    table!("en"),
    table!("pt"),
    table!("es"),
    table!("de"),
    table!("fr"),
    table!("it"),
    table!("nl"),
    table!("sv"),
    table!("pl"),
    table!("ru"),
    table!("ja"),
    table!("ko"),
    table!("zh"),
    table!("tr"),
    table!("da"),
    table!("no"),
    table!("fi"),
    table!("cs"),
    table!("uk"),
    table!("ro"),
    table!("hu"),
    table!("el"),
    table!("he"),
    table!("ar"),
    table!("hi"),
    table!("vi"),
    table!("th"),
    table!("id"),
    table!("sk"),
    table!("bg"),
    table!("hr"),
    table!("fa"),
];

/// Share of the plain answers that must be understood, in per cent.
const BAR_ENGLISH: usize = 95;
const BAR: usize = 90;

#[derive(Default)]
struct Score {
    cases: usize,
    plain: usize,
    understood: usize,
    /// Of `plain`, without the approver's locale.
    understood_anywhere: usize,
    wrong_approvals: Vec<String>,
    wrong_denials: Vec<String>,
    missed: Vec<String>,
}

impl Score {
    fn of(language: &str, table: &str) -> Score {
        let mut score = Score::default();
        for line in table.lines() {
            let case: Case = serde_json::from_str(line).unwrap();
            score.add(&case, language);
        }
        score
    }

    fn add(&mut self, case: &Case, language: &str) {
        self.cases += 1;
        let at_home = read(&case.text, Some(language), Lexicon::builtin());
        let anywhere = read(&case.text, None, Lexicon::builtin());
        let said = |r: &Reading| format!("{:?} ({:?}, {:?})", case.text, r.reason, r.language);
        for reading in [&at_home, &anywhere] {
            if reading.answer != case.answer {
                match reading.answer {
                    Answer::Approve => self.wrong_approvals.push(said(reading)),
                    Answer::Deny => self.wrong_denials.push(said(reading)),
                    Answer::Unclear => {}
                }
            }
        }
        if case.answer != Answer::Unclear {
            self.plain += 1;
            self.understood += usize::from(at_home.answer == case.answer);
            self.understood_anywhere += usize::from(anywhere.answer == case.answer);
            if at_home.answer != case.answer {
                self.missed.push(said(&at_home));
            }
        }
    }

    fn percent(&self) -> usize {
        self.understood * 100 / self.plain.max(1)
    }

    fn row(&self, language: &str) -> String {
        format!(
            "| {language} | {} | {} | {} % | {} % | {} | {} |",
            self.cases,
            self.plain,
            self.percent(),
            self.understood_anywhere * 100 / self.plain.max(1),
            self.wrong_approvals.len(),
            self.wrong_denials.len()
        )
    }
}

#[test]
fn every_claimed_language_reaches_the_bar_on_blind_cases() {
    let mut report = String::from(
        "| language | cases | plain | understood | without locale | wrong approvals | wrong denials |\n",
    );
    let mut failures = Vec::new();
    for language in Lexicon::builtin().languages() {
        let (_, table) = TABLES.iter().find(|(l, _)| *l == language).expect("has blind cases");
        let score = Score::of(language, table);
        report.push_str(&format!("{}\n", score.row(language)));
        for text in &score.missed {
            report.push_str(&format!("    missed {text}\n"));
        }
        let bar = if language == "en" { BAR_ENGLISH } else { BAR };
        let wrong = score.wrong_approvals.iter().chain(&score.wrong_denials);
        failures.extend(wrong.map(|text| format!("{language} wrongly decided {text}")));
        if score.percent() < bar || score.cases < 40 {
            failures.push(format!("{language} understands {} %", score.percent()));
        }
    }
    assert!(failures.is_empty(), "{report}{failures:#?}");
}

#[derive(Deserialize)]
struct TakenAway {
    language: String,
    text: String,
}

/// Approvals with a condition, a smaller scope or a doubt, said as people say it.
#[test]
fn what_takes_an_approval_away_is_heard_in_every_language() {
    let table = include_str!("../../../../fixtures/wording/blind/taken_away.jsonl");
    let mut wrong = Vec::new();
    for line in table.lines() {
        let case: TakenAway = serde_json::from_str(line).unwrap();
        for locale in [Some(case.language.as_str()), None] {
            let reading = read(&case.text, locale, Lexicon::builtin());
            if reading.answer != Answer::Unclear {
                wrong.push(format!("{} {:?} -> {:?}", case.language, case.text, reading.answer));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

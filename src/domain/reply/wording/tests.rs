//! The tables of `fixtures/wording`, and what no change of spelling may do.

use super::*;

#[derive(Deserialize)]
struct Case {
    text: String,
    answer: Answer,
    /// For words that only a locale can settle.
    locale: Option<String>,
}

const TABLES: &[(&str, &str)] = &[
    ("en", include_str!("../../../../fixtures/wording/en.jsonl")),
    ("pt", include_str!("../../../../fixtures/wording/pt.jsonl")),
    ("es", include_str!("../../../../fixtures/wording/es.jsonl")),
];

fn cases(table: &str) -> Vec<Case> {
    table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read_in(text: &str, locale: Option<&str>) -> Reading {
    read(text, locale, Lexicon::builtin())
}

#[test]
fn every_table_reads_as_it_says() {
    let mut wrong = Vec::new();
    for (language, table) in TABLES {
        for case in cases(table) {
            let locale = case.locale.as_deref().unwrap_or(language);
            let reading = read_in(&case.text, Some(locale));
            if reading.answer != case.answer {
                wrong.push(format!(
                    "{language} {:?} -> {:?} {:?}\n   {:?}",
                    case.text,
                    reading.answer,
                    reading.reason,
                    reading.evidence.iter().map(|e| (&e.words, e.role)).collect::<Vec<_>>()
                ));
            }
            let nowhere = read_in(&case.text, None);
            if nowhere.answer != case.answer && nowhere.answer != Answer::Unclear {
                wrong.push(format!(
                    "{language} without locale {:?} -> {:?}",
                    case.text, nowhere.answer
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

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
    ("de", include_str!("../../../../fixtures/wording/de.jsonl")),
    ("fr", include_str!("../../../../fixtures/wording/fr.jsonl")),
    ("it", include_str!("../../../../fixtures/wording/it.jsonl")),
    ("nl", include_str!("../../../../fixtures/wording/nl.jsonl")),
    ("sv", include_str!("../../../../fixtures/wording/sv.jsonl")),
    ("pl", include_str!("../../../../fixtures/wording/pl.jsonl")),
    ("ru", include_str!("../../../../fixtures/wording/ru.jsonl")),
    ("ja", include_str!("../../../../fixtures/wording/ja.jsonl")),
    ("ko", include_str!("../../../../fixtures/wording/ko.jsonl")),
    ("zh", include_str!("../../../../fixtures/wording/zh.jsonl")),
    // Their blind cases are all they have.
    ("tr", include_str!("../../../../fixtures/wording/blind/tr.jsonl")),
    ("da", include_str!("../../../../fixtures/wording/blind/da.jsonl")),
    ("no", include_str!("../../../../fixtures/wording/blind/no.jsonl")),
    ("fi", include_str!("../../../../fixtures/wording/blind/fi.jsonl")),
    ("cs", include_str!("../../../../fixtures/wording/blind/cs.jsonl")),
    ("sk", include_str!("../../../../fixtures/wording/blind/sk.jsonl")),
    ("uk", include_str!("../../../../fixtures/wording/blind/uk.jsonl")),
    ("bg", include_str!("../../../../fixtures/wording/blind/bg.jsonl")),
    ("ro", include_str!("../../../../fixtures/wording/blind/ro.jsonl")),
    ("hu", include_str!("../../../../fixtures/wording/blind/hu.jsonl")),
    ("el", include_str!("../../../../fixtures/wording/blind/el.jsonl")),
    ("he", include_str!("../../../../fixtures/wording/blind/he.jsonl")),
    ("ar", include_str!("../../../../fixtures/wording/blind/ar.jsonl")),
    ("fa", include_str!("../../../../fixtures/wording/blind/fa.jsonl")),
    ("hi", include_str!("../../../../fixtures/wording/blind/hi.jsonl")),
    ("vi", include_str!("../../../../fixtures/wording/blind/vi.jsonl")),
    ("th", include_str!("../../../../fixtures/wording/blind/th.jsonl")),
    ("id", include_str!("../../../../fixtures/wording/blind/id.jsonl")),
    ("hr", include_str!("../../../../fixtures/wording/blind/hr.jsonl")),
];

/// Where the tables begin that were written without sight of the lexicon.
const BLIND_FROM: usize = 13;

fn cases(table: &str) -> Vec<Case> {
    table.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read_in(text: &str, locale: Option<&str>) -> Reading {
    read(text, locale, Lexicon::builtin())
}

#[test]
fn every_claimed_language_has_a_table() {
    let tables: Vec<&str> = TABLES.iter().map(|(language, _)| *language).collect();
    let claimed: Vec<&str> = Lexicon::builtin().languages().collect();
    assert_eq!(tables, claimed);
}

#[test]
fn every_table_reads_as_it_says() {
    let mut wrong = Vec::new();
    for (index, (language, table)) in TABLES.iter().enumerate() {
        assert!(cases(table).len() >= 40, "{language} has too few cases to be claimed");
        for case in cases(table) {
            let locale = case.locale.as_deref().unwrap_or(language);
            let reading = read_in(&case.text, Some(locale));
            // How many of the blind ones may be missed, `blind.rs` says.
            let missed = index >= BLIND_FROM && reading.answer == Answer::Unclear;
            if reading.answer != case.answer && !missed {
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

/// Texts that mean something else than their words.
#[test]
fn what_is_not_stated_is_not_approved() {
    let mut wrong = Vec::new();
    for text in [
        "Bob said: approved",
        "I was told it is approved",
        "Ana: approved",
        "I thought this was approved",
        "Bob has approved",
        "You said \"approved\"",
        "Approved requests go to the archive",
        "Bob thinks this\nis approved",
        "Not that I approve",
        "Approved access is logged",
        "If it were up to me, approved",
        "once approved I can log in",
        "Approved (not)",
        "Approved 👎",
        "Yes, but who is he?",
        "yes if he promises",
        "Yes, Bob called me about the other server",
        "Approved, ask Ana for the key",
        "Approved for read access only",
        "Approved, aga ainult täna õhtul kella kuueni",
        "Approved, pero solo hoy",
        "Approved, mas somente hoje",
        "I can approve this",
        "we should approve this",
        "Status: approved",
        "approved, rejected",
        "Approve? Deny? Your choice",
        "Unless I hear otherwise, approved",
        "Hello, I need this to be approved today",
        "Approving this would be a mistake",
        "Approved: no",
        "Do you approve",
        "I never said yes",
        "auto approved",
        "pre-approved",
        "see approve.example.com",
        "mail approve@example.com",
        "I would say yes",
        "yes for read access, no for root",
        "The change was approved",
        "Approve the first one, deny the second",
        "He got approved",
        "y",
        "1",
    ] {
        if read_in(text, Some("en")).answer == Answer::Approve {
            wrong.push(text);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn plain_words_count() {
    let mut wrong = Vec::new();
    for text in [
        "Approved. He is on call this week.",
        "Approved as discussed.",
        "approve it",
        "Approved – needed for the database migration of the second team",
        "I approve Bob's access to the database",
        "Hi Bob, approved, have fun!",
        "Good morning,\n\nI approve this request because the audit requires it.\n\nKind regards,\nJane Doe\nHead of IT",
        "Yes, because he is on call",
        "APPROVE\nthanks",
        "thanks for asking, approved",
        "\"Approve\"",
        "-- APPROVE --",
        "yes approved thanks",
        "APPROVED as manager",
        "Bob, approved.",
        "Approved\nSent by me",
        "approved by me",
    ] {
        let reading = read_in(text, Some("en"));
        if reading.answer != Answer::Approve {
            wrong.push((text, reading.reason));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names that the reader of mails has left in the text.
#[test]
fn a_block_of_names_behind_an_answer_takes_nothing_away() {
    let names = "\n\nAna Silva\nIT Manager\nCorp Ltd\n+351 912 345 678";
    for (language, yes) in [("en", "Yes"), ("pt", "Aprovado"), ("cs", "Ano"), ("tr", "Onaylandı")]
    {
        let text = format!("{yes}{names}");
        let reading = read_in(&text, Some(language));
        assert_eq!(reading.answer, Answer::Approve, "{text} {reading:?}");
    }
    for tail in ["\n\nAga ainult täna", "\n\nNot For Bob", "\n\nOnly Today", "\n\nWho Is He?"] {
        let text = format!("Yes{tail}");
        assert_eq!(read_in(&text, Some("en")).answer, Answer::Unclear, "{text}");
    }
}

#[test]
fn views_must_agree() {
    let (approve, deny) = (read_in("approved", None), read_in("denied", None));
    let (empty, thanks) = (read_in("", None), read_in("thanks", None));
    let said = |views: &[&Reading]| {
        let views: Vec<Reading> = views.iter().map(|view| (*view).clone()).collect();
        let reading = together(&views);
        (reading.answer, reading.reason)
    };
    assert_eq!(said(&[]), (Answer::Unclear, Why::Empty));
    assert_eq!(said(&[&approve, &empty]), (Answer::Approve, Why::Keyword));
    assert_eq!(said(&[&deny, &deny]), (Answer::Deny, Why::Keyword));
    assert_eq!(said(&[&approve, &deny]), (Answer::Unclear, Why::ViewsDisagree));
    assert_eq!(said(&[&approve, &thanks]), (Answer::Unclear, Why::ViewsDisagree));
}

#[test]
fn the_comment_is_the_rest_and_evidence_points_into_the_text() {
    let text = "Olá, aprovado. Preciso para a auditoria.";
    let reading = read_in(text, Some("pt-BR"));
    assert_eq!(reading.answer, Answer::Approve);
    assert_eq!(reading.language.as_deref(), Some("pt"));
    assert_eq!(reading.comment, "Olá, . Preciso para a auditoria.");
    let evidence = &reading.evidence[0];
    assert_eq!(&text[evidence.start..evidence.end], "aprovado");
    assert_eq!(read_in("Denied: too broad", None).comment, "too broad");
}

#[test]
fn added_words_decide_and_nothing_else_changes() {
    let ok = super::super::lexicon::Addition {
        language: "en".into(),
        role: Role::Approve,
        pattern: "ok".into(),
    };
    let lexicon = Lexicon::builtin().with_additions(&[ok]).unwrap();
    for (text, expected) in [
        ("ok", Answer::Approve),
        ("OK, thanks", Answer::Approve),
        ("not ok", Answer::Deny),
        ("ok?", Answer::Unclear),
        ("ok if Bob agrees", Answer::Unclear),
        ("fine", Answer::Unclear),
    ] {
        assert_eq!(read(text, Some("en"), &lexicon).answer, expected, "{text}");
    }
}

fn all_cases() -> Vec<(&'static str, Case)> {
    TABLES.iter().flat_map(|(l, table)| cases(table).into_iter().map(|c| (*l, c))).collect()
}

/// Twice the text may cost about twice the work; a quadratic reader would not
/// come back from these.
#[test]
fn long_hostile_texts_are_read() {
    for unit in [
        "approve ",
        "yes ",
        "denied ",
        "genehmigt ",
        "no ",
        "a.a.",
        "if ",
        "批准",
        "no, yes ",
        "a@",
        "\n",
        "?",
    ] {
        let text = unit.repeat(8_000);
        read_in(&text, None);
        read_in(&format!("{text}x"), Some("de"));
    }
}

/// One way to type the same text differently.
fn retyped(text: &str, how: usize) -> String {
    use unicode_normalization::UnicodeNormalization;
    match how {
        0 => text.to_uppercase(),
        1 => text.to_lowercase(),
        2 => text.nfd().filter(|c| !matches!(c, '\u{300}'..='\u{36F}')).collect(),
        3 => text
            .chars()
            .map(|c| match c {
                '!'..='~' => char::from_u32(c as u32 + 0xFEE0).unwrap_or(c),
                other => other,
            })
            .collect(),
        4 => format!("{text} \u{1F44D}"),
        5 => format!("\u{1F600} {text}"),
        6 => format!("{text}!!!"),
        7 => format!("*{text}*"),
        8 => format!("  \n{text}\n\n"),
        9 => format!("- {text} ..."),
        10 => text.nfd().collect(),
        11 => text.replace(' ', "  "),
        12 => text.replace('e', "e\u{200B}"),
        _ => format!("\"{text}\""),
    }
}

#[test]
fn no_spelling_makes_an_approval() {
    let mut wrong = Vec::new();
    for (language, case) in all_cases() {
        if case.answer == Answer::Approve {
            continue;
        }
        for how in 0..14 {
            let text = retyped(&case.text, how);
            if read_in(&text, Some(language)).answer == Answer::Approve {
                wrong.push((language, text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_appended_can_take_an_approval_away() {
    let mut wrong = Vec::new();
    let cases = all_cases();
    for (language, approval) in cases.iter().filter(|(_, c)| c.answer == Answer::Approve) {
        for (other, denial) in cases.iter().filter(|(_, c)| c.answer == Answer::Deny) {
            if language != other {
                continue;
            }
            for glue in ["\n", ". "] {
                let text = format!("{}{glue}{}", approval.text, denial.text);
                if read_in(&text, Some(language)).answer == Answer::Approve {
                    wrong.push(text);
                }
            }
        }
        for tail in [
            "?",
            "\nWhy?",
            "\nif he agrees",
            "\nAsk Ana.",
            "\nDENY",
            "\nNot yet",
            "\nnão",
            "\nbut only today",
        ] {
            let text = format!("{}{tail}", approval.text);
            if read_in(&text, Some(language)).answer == Answer::Approve {
                wrong.push(text);
            }
        }
    }
    assert!(wrong.is_empty(), "{} {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    fn words() -> Vec<String> {
        let mut words: Vec<String> = all_cases()
            .iter()
            .flat_map(|(_, c)| {
                c.text.split_inclusive([' ', '\n', ',']).map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        words.sort();
        words.dedup();
        words
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_panics_and_evidence_lies_in_the_text(text in ".{0,200}") {
            let reading = read_in(&text, Some("pt"));
            for e in reading.evidence {
                prop_assert_eq!(text.get(e.start..e.end), Some(e.words.as_str()));
            }
        }

        #[test]
        fn known_words_in_any_order_do_not_panic(
            picks in proptest::collection::vec(proptest::sample::select(words()), 0..30)
        ) {
            let text = picks.concat();
            let reading = read_in(&text, None);
            // A denial behind it always takes an approval away.
            let contradicted = format!("{text}\nDENY");
            prop_assert_ne!(read_in(&contradicted, None).answer, Answer::Approve);
            if reading.answer == Answer::Approve {
                prop_assert_ne!(read_in(&format!("{text}?"), None).answer, Answer::Approve);
            }
        }
    }
}

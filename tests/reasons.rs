//! `docs/REASONS.md` names every code there is, and none that there is not.
//!
//! An admin who meets a code in a log looks it up there; a page that is not
//! checked would be wrong within a month.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::domain::{
    decision::{Disposition, Reason, proof::Shortfall},
    outbox::{
        State,
        outcome::{SendResult, Step, Trial, outcome},
    },
    reply::wording::Why,
};

const PAGE: &str = include_str!("../docs/REASONS.md");

/// The rows of the table under a heading, each as its cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let start = PAGE.find(&format!("\n## {heading}\n")).expect("the page has this heading") + 1;
    let section = PAGE[start..].split("\n## ").next().unwrap_or_default();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|line| line.trim_end_matches('|').split(" | ").map(cell).collect())
        .collect();
    assert!(!rows.is_empty(), "there is no table under {heading}");
    rows
}

fn cell(text: &str) -> &str {
    text.trim().trim_matches('`')
}

/// The codes under a heading are exactly these, each once.
fn check<'a>(heading: &str, expected: impl IntoIterator<Item = &'a str>) {
    let named: Vec<&str> = rows(heading).iter().map(|row| row[0]).collect();
    let on_page: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(on_page.len(), named.len(), "{heading}: a code stands twice");
    let expected: BTreeSet<&str> = expected.into_iter().collect();
    let missing: Vec<_> = expected.difference(&on_page).collect();
    let invented: Vec<_> = on_page.difference(&expected).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "{heading}: missing on the page {missing:?}, not in the code {invented:?}"
    );
}

/// A list and a match without a wildcard: a variant that is not listed does
/// not compile.
macro_rules! all {
    ($name:ident { $($variant:ident),+ $(,)? }) => {{
        fn _is_whole(value: $name) {
            match value { $($name::$variant => {}),+ }
        }
        [$($name::$variant),+]
    }};
}

#[test]
fn every_disposition_is_on_the_page() {
    check("Dispositions", Disposition::ALL.iter().map(|it| it.as_str()));
}

#[test]
fn every_reason_is_on_the_page_with_its_disposition_and_sentence() {
    check("Reasons", Reason::ALL.iter().map(|it| it.as_str()));
    let in_order: Vec<&str> = Reason::ALL.iter().map(|it| it.as_str()).collect();
    let rows = rows("Reasons");
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), in_order);
    for row in rows {
        let reason = Reason::from_word(row[0]).unwrap();
        assert_eq!((row[1], row[2]), (reason.disposition().as_str(), reason.sentence()));
        assert!(row[3].ends_with('.') || row[3].ends_with(')'), "{}: what to do?", row[0]);
    }
}

#[test]
fn every_reading_of_words_is_on_the_page() {
    let all = all!(Why {
        Keyword,
        PlainWords,
        Empty,
        NoKnownWord,
        Both,
        Condition,
        ChangeOfScope,
        Contrast,
        Question,
        Postponement,
        Delegation,
        Hearsay,
        Retraction,
        Future,
        Doubt,
        RequestToOthers,
        Negation,
        Mention,
        UnknownWords,
        LanguagesDisagree,
        ViewsDisagree,
        UncertainSplit,
    });
    check("Words", all.iter().map(|it| it.code()));
}

#[test]
fn every_shortfall_of_proof_is_on_the_page() {
    check("Proof", Shortfall::ALL.iter().map(|it| it.code()));
}

#[test]
fn every_problem_of_a_from_is_on_the_page() {
    let source = include_str!("../src/domain/message/mailbox.rs");
    let found = literals(source, &["=>\"from_"]);
    check("From", found.iter().map(String::as_str));
}

#[test]
fn every_state_of_a_delivery_is_on_the_page() {
    check("Delivery states", State::ALL.iter().map(|it| it.as_str()));
}

/// What `outcome` can say, found by asking it everything; and the two reasons
/// that are given elsewhere.
#[test]
fn every_reason_of_a_delivery_is_on_the_page() {
    let mut found = BTreeSet::new();
    for sent in everything_a_server_can_say() {
        for trial in trials() {
            found.extend(outcome(&sent, trial, noon(), 0.0).reason);
        }
    }
    for (reason, source) in [
        ("not_sent_in_time", include_str!("../src/actions/settle_delivery.rs")),
        ("bounced", include_str!("../src/actions/receive_message.rs")),
    ] {
        assert!(source.contains(&format!("\"{reason}")), "{reason} is given no more");
        found.insert(reason);
    }
    check("Delivery reasons", found);
}

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_262_400, 0).expect("a moment of this century")
}

fn trials() -> [Trial; 3] {
    let first = Trial { attempts: 1, enqueued_at: noon(), not_after: None };
    [
        first,
        Trial { not_after: Some(noon() + TimeDelta::seconds(1)), ..first },
        Trial { enqueued_at: noon() - TimeDelta::days(5), ..first },
    ]
}

fn everything_a_server_can_say() -> Vec<SendResult> {
    let steps = all!(Step { Dns, Connector, Connect, Tls, Greeting, Ehlo, Auth, Mail, Rcpt, Data });
    let text = String::new;
    let mut all = vec![
        SendResult::Accepted { code: 250, text: text() },
        SendResult::NoReplyAfterData { text: text() },
    ];
    for step in steps {
        all.push(SendResult::Unreachable { step, text: text() });
        for code in [421, 450, 454, 500, 530, 535, 550, 552, 554] {
            for enhanced in
                [None, Some("4.7.1"), Some("5.1.1"), Some("5.2.2"), Some("5.2.3"), Some("5.7.1")]
            {
                let enhanced = enhanced.map(str::to_owned);
                all.push(SendResult::Refused { step, code, enhanced, text: text() });
            }
        }
    }
    all
}

/// These two tables belong to string literals in the code, so the source
/// itself is read.
#[test]
fn every_finding_and_origin_rule_is_on_the_page() {
    let sources = [
        include_str!("../src/domain/message/charset.rs"),
        include_str!("../src/domain/message/fields.rs"),
        include_str!("../src/domain/message/parse.rs"),
        include_str!("../src/domain/message/structure.rs"),
        include_str!("../src/domain/message/transfer.rs"),
        include_str!("../src/domain/message/views.rs"),
    ];
    let before = [
        ".fatal(\"",
        ".note(\"",
        ".add(\"",
        "spoilt(\"",
        "code:\"",
        "=>\"charset_",
        "\"charset_missing",
    ];
    check(
        "Structure",
        sources
            .into_iter()
            .flat_map(|source| literals(source, &before))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    );

    let sources = [
        include_str!("../src/domain/message/origin.rs"),
        include_str!("../src/domain/message/bounce.rs"),
    ];
    let before = [
        "because:\"",
        "Some(\"",
        "then_some(\"",
        "text,\"",
        "AutoReply,\"",
        "Loop,\"",
        "FeedbackReport,\"",
        "Person,\"",
    ];
    check(
        "Origin",
        sources
            .into_iter()
            .flat_map(|source| literals(source, &before))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str),
    );
}

/// The snake_case literals that follow one of `before`, tests left out.
/// `before` is written without white space, as the source is read.
fn literals(source: &str, before: &[&str]) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let dense: String = code.split_whitespace().collect();
    let mut found = BTreeSet::new();
    for opening in before {
        for (at, _) in dense.match_indices(opening) {
            let from = at + opening.find('"').expect("each opening holds a quote") + 1;
            let word: String = dense[from..].chars().take_while(|&c| c != '"').collect();
            if word.contains('_')
                || word == "reaction"
                || word == "calendar"
                || word == "precedence"
                || word == "encrypted"
            {
                found.insert(word);
            }
        }
    }
    found
}

#[test]
fn a_literal_is_found_across_lines_and_tests_are_left_out() {
    let source = "findings\n    .fatal(\n        \"a_b\", x);\n#[cfg(test)]\n.fatal(\"c_d\")";
    assert_eq!(literals(source, &[".fatal(\""]), BTreeSet::from(["a_b".to_owned()]));
}

//! Hostile mails against the whole service, each class beside honest mails
//! that look alike. One false approval is a failure of the product, and so is
//! an honest approval that is refused.
//!
//! | file | class |
//! |---|---|
//! | `from` | From values and fields |
//! | `results` | Authentication-Results |
//! | `signed` | DKIM: coverage and replay |
//! | `mime` | structure with two readings |
//! | `hidden` | what is in the mail but not to be seen |
//! | `tokens` | whose token, from where, for what |
//! | `machines` | mail that no person wrote |
//! | `words` | games with words, quotes and signatures |
//! | `sequences` | several mails, several persons, time |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod case;
mod from;
mod hidden;
mod machines;
mod mail;
mod mime;
mod requester;
mod results;
mod sequences;
mod signed;
mod tokens;
mod words;
mod world;

use case::{Case, check};

/// One test a class, over the class's table.
macro_rules! classes {
    ($($test:ident: $cases:path;)+) => {
        $(#[tokio::test]
        async fn $test() {
            check($cases()).await;
        })+

        fn all() -> Vec<(&'static str, Vec<Case>)> {
            vec![$((stringify!($test), $cases())),+]
        }
    };
}

classes! {
    from_values: from::values;
    from_fields: from::fields;
    authentication_results: results::cases;
    signatures: signed::cases;
    structure: mime::cases;
    hidden_text: hidden::cases;
    tokens: tokens::cases;
    requesters_text: tokens::requester_text;
    no_person: machines::cases;
    words_and_quotes: words::cases;
}

#[test]
fn there_are_enough_of_both_kinds_and_no_name_stands_twice() {
    let (mut attacks, mut honest) = (0, 0);
    for (class, cases) in all() {
        let of_class = cases.iter().filter(|case| case.want.is_honest()).count();
        println!("{class}: {} attacks, {of_class} honest", cases.len() - of_class);
        honest += of_class;
        attacks += cases.len() - of_class;
        let mut seen = std::collections::BTreeSet::new();
        for name in cases.iter().map(|case| &case.name) {
            assert!(seen.insert(name), "{class}: `{name}` stands twice");
        }
    }
    println!("all: {attacks} attacks, {honest} honest");
    assert!(attacks >= 600 && honest >= 150, "{attacks} attacks, {honest} honest");
}

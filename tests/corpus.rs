//! The mails of `fixtures/` come to what stands beside each of them.
//!
//! Every mail goes through the same function as `countersign explain`. The
//! file beside it names the trouble the mail shows and what must come out;
//! only the fields it names are compared.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use countersign::actions::explain::explain_alone;
use serde::Deserialize;

/// What stands beside a mail.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What is hard about this mail, in a few words.
    trouble: String,
    origin: Option<String>,
    answer: Option<String>,
    /// Any other answer will do.
    answer_is_not: Option<String>,
    language: Option<String>,
    disposition: Option<String>,
    reason: Option<String>,
    /// The own words, whatever the white space at their ends.
    reply_text: Option<String>,
    /// Each must be among what could not be checked.
    #[serde(default)]
    not_checked: Vec<String>,
    /// Rules by which something was found hidden.
    #[serde(default)]
    hidden: Vec<String>,
}

/// The mails of one directory, in the order of their names.
fn mails(room: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(room);
    let mut mails: Vec<PathBuf> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "eml"))
        .collect();
    mails.sort();
    mails
}

/// What is wrong with one mail's outcome.
fn complaints(mail: &Path) -> Vec<String> {
    let beside = fs::read_to_string(mail.with_extension("json")).unwrap_or_default();
    let expected: Expected = match serde_json::from_str(&beside) {
        Ok(expected) => expected,
        Err(error) => return vec![format!("what is expected cannot be read: {error}")],
    };
    let got = serde_json::to_value(explain_alone(&fs::read(mail).unwrap())).unwrap();
    let text = |name: &str| got[name].as_str().unwrap_or("none").trim().to_owned();
    let mut wrong = Vec::new();
    let named = [
        ("origin", &expected.origin),
        ("answer", &expected.answer),
        ("language", &expected.language),
        ("disposition", &expected.disposition),
        ("reason", &expected.reason),
        ("reply_text", &expected.reply_text),
    ];
    for (name, wanted) in named {
        if let Some(wanted) = wanted
            && text(name) != *wanted
        {
            wrong.push(format!("{name} is {:?}, not {wanted:?}", text(name)));
        }
    }
    if expected.answer_is_not.is_some_and(|answer| answer == text("answer")) {
        wrong.push(format!("answer is {}", text("answer")));
    }
    for part in expected.not_checked {
        let mut among = got["not_checked"].as_array().into_iter().flatten();
        if !among.any(|it| it == part.as_str()) {
            wrong.push(format!("{part} counts as checked"));
        }
    }
    for rule in expected.hidden {
        let mut found = got["hidden"].as_array().into_iter().flatten();
        if !found.any(|it| it["rule"] == rule.as_str()) {
            wrong.push(format!("nothing was hidden by {rule}"));
        }
    }
    if expected.trouble.trim().is_empty() {
        wrong.push("no trouble is named".to_owned());
    }
    if !wrong.is_empty() {
        wrong.push(format!("structure {}, cuts {}", got["structure"], got["cuts"]));
    }
    wrong
}

fn check(room: &str, mails_min: usize) {
    let mails = mails(room);
    assert!(mails.len() >= mails_min, "only {} mails in {room}", mails.len());
    let wrong: Vec<String> = mails
        .iter()
        .flat_map(|mail| {
            let name = mail.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            complaints(mail).into_iter().map(move |it| format!("{name}: {it}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} things in {room}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn replies_are_read_as_they_were_meant() {
    check("replies", 40);
}

#[test]
fn what_is_no_reply_decides_nothing() {
    check("not-replies", 25);
    for mail in mails("not-replies") {
        let got = explain_alone(&fs::read(&mail).unwrap());
        assert!(got.summary.disposition.as_str() != "decided", "{}", mail.display());
    }
}

#[test]
fn hostile_mails_do_not_get_their_way() {
    check("hostile", 40);
}

#[test]
fn line_ends_are_those_of_mail() {
    for room in ["replies", "not-replies", "hostile"] {
        for mail in mails(room) {
            let raw = fs::read(&mail).unwrap();
            let bare = raw.iter().enumerate().filter(|&(at, &byte)| {
                byte == b'\n' && at.checked_sub(1).and_then(|at| raw.get(at)) != Some(&b'\r')
            });
            assert_eq!(bare.count(), 0, "{} has bare line feeds", mail.display());
        }
    }
}

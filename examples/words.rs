//! How well the lexicons of the working tree read a table of texts, without
//! building anew after each change of a lexicon.
//!
//! ```text
//! cargo run --example words -- LANGUAGE TABLE.jsonl...
//! ```
//!
//! Each line of a table is `{"text": "...", "answer": "approve|deny|unclear"}`.
//! Prints what was read wrongly or missed, with the reason, and one line of sums.

use std::error::Error;
use std::fs;

use countersign::domain::reply::lexicon::Lexicon;
use countersign::domain::reply::wording::{Answer, read};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    text: String,
    answer: Answer,
}

const LEXICONS: &str = "src/domain/reply/lexicon";

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let language = arguments.next().ok_or("usage: words LANGUAGE TABLE.jsonl...")?;
    let lexicon = lexicon()?;
    let (mut cases, mut plain, mut understood, mut anywhere, mut wrong) = (0, 0, 0, 0, 0);
    for table in arguments {
        for line in fs::read_to_string(&table)?.lines().filter(|line| !line.trim().is_empty()) {
            let case: Case = serde_json::from_str(line)?;
            let home = read(&case.text, Some(&language), &lexicon);
            let abroad = read(&case.text, None, &lexicon);
            cases += 1;
            plain += usize::from(case.answer != Answer::Unclear);
            understood += usize::from(case.answer != Answer::Unclear && home.answer == case.answer);
            anywhere += usize::from(case.answer != Answer::Unclear && abroad.answer == case.answer);
            for (place, reading) in [("with locale", &home), ("without", &abroad)] {
                let missed = place == "with locale" && case.answer != Answer::Unclear;
                if reading.answer == case.answer || reading.answer == Answer::Unclear && !missed {
                    continue;
                }
                let kind = if reading.answer == Answer::Unclear { "missed" } else { "WRONG" };
                wrong += usize::from(kind == "WRONG");
                let heard: Vec<String> =
                    reading.evidence.iter().map(|e| format!("{:?}:{}", e.role, e.words)).collect();
                println!(
                    "{kind} {place}: {:?} is {:?}, read as {:?}: {} {heard:?}",
                    case.text,
                    case.answer,
                    reading.answer,
                    reading.reason.code()
                );
            }
        }
    }
    println!(
        "{language}: {cases} cases, {understood} of {plain} plain answers understood ({anywhere} without locale), {wrong} wrong"
    );
    Ok(())
}

fn lexicon() -> Result<Lexicon, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(LEXICONS)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(fs::read_to_string(path)?);
        }
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    Ok(Lexicon::of(&files)?)
}

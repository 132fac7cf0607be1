//! How many short answers one core reads in a second, and what the compiled
//! lexicon costs in memory. `cargo bench --bench wording` prints both.
//!
//! A plain `main`: the numbers are read by people, nothing fails by them.

#![expect(clippy::print_stdout, reason = "a bench speaks to the terminal")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use countersign::domain::reply::lexicon::Lexicon;
use countersign::domain::reply::wording::read;

const ENGLISH: &str = include_str!("../fixtures/wording/blind/en.jsonl");
const PORTUGUESE: &str = include_str!("../fixtures/wording/blind/pt.jsonl");
const JAPANESE: &str = include_str!("../fixtures/wording/blind/ja.jsonl");
const ARABIC: &str = include_str!("../fixtures/wording/blind/ar.jsonl");
const TURKISH: &str = include_str!("../fixtures/wording/blind/tr.jsonl");

const RUN: Duration = Duration::from_secs(2);

fn main() {
    let before = resident_kilobytes();
    let started = Instant::now();
    let lexicon = Lexicon::builtin();
    println!(
        "lexicon: {} languages, ready in {:?}",
        lexicon.languages().count(),
        started.elapsed()
    );
    match (before, resident_kilobytes()) {
        (Some(before), Some(after)) => {
            println!("lexicon: {} kB resident", after.saturating_sub(before))
        }
        _ => println!("lexicon: memory unknown on this system"),
    }
    for (language, table) in
        [("en", ENGLISH), ("pt", PORTUGUESE), ("ja", JAPANESE), ("ar", ARABIC), ("tr", TURKISH)]
    {
        measure(language, &texts(table), lexicon);
    }
}

fn measure(language: &str, texts: &[String], lexicon: &Lexicon) {
    let started = Instant::now();
    let mut done = 0_u64;
    while started.elapsed() < RUN {
        for text in texts {
            black_box(read(black_box(text), Some(language), lexicon));
            done += 1;
        }
    }
    let a_second = done as f64 / started.elapsed().as_secs_f64();
    println!("{language}: {a_second:.0} texts/s on one core");
}

fn texts(table: &str) -> Vec<String> {
    table
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|case| case.get("text")?.as_str().map(str::to_owned))
        .collect()
}

/// Of this process, on Linux.
fn resident_kilobytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

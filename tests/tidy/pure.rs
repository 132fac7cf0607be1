//! `src/domain` and `src/protocol` wait for nothing and ask nobody.

use crate::code;
use crate::tree::Tree;

const PURE: [&str; 2] = ["src/domain/", "src/protocol/"];
/// Beginnings of paths, groups written out.
const FORBIDDEN_PATHS: &[&str] = &[
    "tokio",
    "sqlx",
    "rand",
    "futures_util",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::os",
    "core::net",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::time::SystemTime",
    "std::time::Instant",
];
/// Words, wherever they stand.
const FORBIDDEN_WORDS: &[&str] = &[
    "async",
    ".await",
    "Utc::now",
    "Local::now",
    "SystemTime::now",
    "Instant::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
    "println!",
    "eprintln!",
    "static mut",
    "unsafe",
];

pub fn impure(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, code) in PURE.iter().flat_map(|folder| tree.product(folder)) {
        for named in code::paths(&code) {
            let named = named.join("::");
            let begins = |forbidden: &&&str| {
                named
                    .strip_prefix(**forbidden)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            if let Some(forbidden) = FORBIDDEN_PATHS.iter().find(begins) {
                complaints.push(format!("{path}: `{forbidden}` in a pure room"));
            }
        }
        for word in FORBIDDEN_WORDS.iter().filter(|word| code::names(&code, word)) {
            complaints.push(format!("{path}: `{word}` in a pure room"));
        }
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

#[test]
fn what_waits_or_asks_is_found() {
    let check = |text: &str, expected: Option<&str>| {
        let found = impure(&Tree::sample(&[("src/domain/a.rs", text)]));
        let expected: Vec<_> = expected
            .iter()
            .map(|word| format!("src/domain/a.rs: `{word}` in a pure room"))
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("use std::{fmt, net::IpAddr};", Some("std::net"));
    check("fn f() { std::fs::read(p) }", Some("std::fs"));
    check("use tokio::sync::Mutex;", Some("tokio"));
    check("async fn f() {}", Some("async"));
    check("let now = Utc::now();", Some("Utc::now"));
    check("let x = rand::rng();", Some("rand"));
    check("/// Unlike `tokio::fs`, async.\nfn f() { g(\"std::fs\") }", None);
    check("use crate::domain::random_looking; let asynchronous = 1;", None);
    check("#[cfg(test)]\nmod tests { use std::fs; }", None);
    let elsewhere = Tree::sample(&[("src/net/a.rs", "async fn f() { tokio::spawn(g) }")]);
    assert!(impure(&elsewhere).is_empty());
    let protocol = Tree::sample(&[("src/protocol/a.rs", "use std::net::TcpStream;")]);
    assert_eq!(impure(&protocol).len(), 1);
}

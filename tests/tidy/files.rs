//! What every file owes its reader, and what must agree with what.

use std::collections::BTreeSet;

use crate::code;
use crate::tree::{self, Tree};

/// A file longer than this holds more than one thing.
const LINES_MAX: usize = 700;
/// Files that are longer, with the number of lines they may have: a ratchet,
/// so an entry only ever goes down, and goes away.
const LONGER: &[(&str, usize)] = &[];
/// Places on one particular machine. None of them belongs into a program.
const PRIVATE_PATHS: &[&str] = &["/work", "/root", "/tmp", "/home"];
/// What stands for work not done, or for a test not run.
const UNDONE: &[&str] = &["todo!", "unimplemented!", "#[ignore"];
/// Folders that documents speak of, there or not.
const ROOTS: &[&str] = &[
    "src",
    "tests",
    "docs",
    "fixtures",
    "migrations",
    "scripts",
    ".ci",
    "benches",
    "fuzz",
    "examples",
];

pub fn migrations_out_of_step(tree: &Tree) -> Vec<String> {
    let names = |folder: &str| -> BTreeSet<String> {
        let files = tree.files.keys().filter_map(|path| path.strip_prefix(folder));
        files.map(str::to_owned).collect()
    };
    let sqlite = names("migrations/sqlite/");
    let postgres = names("migrations/postgres/");
    let only = |here: &BTreeSet<String>, there: &BTreeSet<String>, name: &str| -> Vec<String> {
        here.difference(there).map(|file| format!("migrations/{name}/{file} has no twin")).collect()
    };
    let mut complaints = only(&postgres, &sqlite, "postgres");
    complaints.extend(only(&sqlite, &postgres, "sqlite"));
    let mut numbers = BTreeSet::new();
    for name in sqlite.union(&postgres) {
        let number = name.split('_').next().unwrap_or_default();
        let well_named = number.len() == 4
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && name.ends_with(".sql");
        if !well_named {
            complaints.push(format!("migrations: `{name}` is not NNNN_name.sql"));
        } else if sqlite.contains(name) && !numbers.insert(number) {
            complaints.push(format!("migrations: the number {number} is taken twice"));
        }
    }
    complaints
}

/// Paths that a document names in backticks and that are not there.
pub fn dead_paths(tree: &Tree) -> Vec<String> {
    let is_document =
        |path: &str| path == "README.md" || (path.starts_with("docs/") && path.ends_with(".md"));
    let mut complaints = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| is_document(path)) {
        for named in spans_of_code(text) {
            if let Some(wanted) = repository_path(tree, named)
                && !tree.has(&wanted)
                && !tree.has(&format!("docs/{wanted}"))
            {
                complaints.push(format!("{path}: there is no `{named}`"));
            }
        }
    }
    complaints
}

/// What stands between single backticks, outside of fenced blocks.
fn spans_of_code(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut spans = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            spans.extend(line.split('`').skip(1).step_by(2));
        }
    }
    spans
}

/// The part of `named` that must exist, if it is a path of this repository.
/// What stands for something else (`*`, `<name>`, `NNNN`) is cut off with all
/// that follows, and so is a line number.
fn repository_path(tree: &Tree, named: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./*<>{},:#".contains(&byte);
    if named.is_empty() || !named.bytes().all(plain) || named.contains("::") {
        return None;
    }
    let named = named.split([':', '#']).next().unwrap_or_default();
    let named = named.strip_prefix("./").unwrap_or(named);
    let stands_for_itself =
        |part: &&str| !part.contains(['*', '<', '{', ',']) && !part.contains("NNNN");
    let parts: Vec<_> = named.split('/').take_while(stands_for_itself).collect();
    let wanted = parts.join("/");
    let root = *parts.first()?;
    let ours = named.contains('/')
        && (ROOTS.contains(&root)
            || tree.files.keys().any(|file| file.starts_with(&format!("{root}/"))));
    (ours || (!named.contains('/') && wanted.ends_with(".md"))).then_some(wanted)
}

pub fn too_long(tree: &Tree) -> Vec<String> {
    too_long_but_for(tree, LONGER)
}

fn too_long_but_for(tree: &Tree, longer: &[(&str, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.rust("src/") {
        let lines = text.lines().count();
        let excused = longer.iter().find(|(file, _)| *file == path).map(|(_, lines)| *lines);
        match excused {
            None if lines > LINES_MAX => {
                complaints.push(format!("{path}: {lines} lines, more than {LINES_MAX}"));
            }
            Some(most) if lines > most => {
                complaints.push(format!("{path}: grew from {most} to {lines} lines"));
            }
            Some(most) if lines < most => {
                complaints.push(format!(
                    "{path}: only {lines} lines now: lower its entry in {}",
                    file!()
                ));
            }
            _ => {}
        }
    }
    let gone = longer.iter().filter(|(path, _)| !tree.files.contains_key(*path));
    complaints.extend(gone.map(|(path, _)| format!("{path}: gone: drop its entry in {}", file!())));
    complaints
}

pub fn private_paths(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.rust("src/").filter(|(path, _)| !tree::is_test_file(path)) {
        let text = code::without_tests(&code::only(text), text);
        for private in PRIVATE_PATHS {
            let stands = text.match_indices(private).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + private.len()..].chars().next();
                let within_a_path = |c: char| c.is_alphanumeric() || "_-./}".contains(c);
                !before.is_some_and(within_a_path)
                    && !after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-')
            });
            if stands {
                complaints.push(format!("{path}: names `{private}`, a place on one machine"));
            }
        }
    }
    complaints
}

pub fn undone(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in tree.rust("src/").chain(tree.rust("tests/")) {
        let code = code::only(text);
        let close: String = code.split_ascii_whitespace().collect();
        for mark in UNDONE {
            let found =
                if mark.starts_with('#') { close.contains(mark) } else { code::names(&code, mark) };
            if found {
                complaints.push(format!("{path}: `{mark}` stands for work not done"));
            }
        }
    }
    complaints
}

pub fn without_an_opening(tree: &Tree) -> Vec<String> {
    let files = tree.rust("src/").chain(tree.rust("tests/"));
    let silent = files.filter(|(_, text)| !text.starts_with("//! ") && !text.starts_with("//!\n"));
    silent
        .map(|(path, _)| format!("{path}: does not open with `//!`, what it is and why"))
        .collect()
}

#[cfg(test)]
fn check(found: fn(&Tree) -> Vec<String>, files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(found(&Tree::sample(files)), expected, "{files:?}");
}

#[test]
fn a_migration_without_its_twin_is_found() {
    let check = |files: &[&str], expected: &[&str]| {
        let files: Vec<_> = files.iter().map(|file| (*file, "")).collect();
        check(migrations_out_of_step, &files, expected);
    };
    check(&[], &[]);
    check(&["migrations/sqlite/0001_a.sql", "migrations/postgres/0001_a.sql"], &[]);
    check(&["migrations/sqlite/0001_a.sql"], &["migrations/sqlite/0001_a.sql has no twin"]);
    check(
        &["migrations/sqlite/0001_a.sql", "migrations/postgres/0001_b.sql"],
        &["migrations/postgres/0001_b.sql has no twin", "migrations/sqlite/0001_a.sql has no twin"],
    );
    check(
        &[
            "migrations/sqlite/0001_a.sql",
            "migrations/postgres/0001_a.sql",
            "migrations/sqlite/0001_b.sql",
            "migrations/postgres/0001_b.sql",
        ],
        &["migrations: the number 0001 is taken twice"],
    );
    check(
        &["migrations/sqlite/first.sql", "migrations/postgres/first.sql"],
        &["migrations: `first.sql` is not NNNN_name.sql"],
    );
}

#[test]
fn a_path_that_is_not_there_is_found() {
    let check = |text: &str, expected: &[&str]| {
        let files = [("docs/A.md", text), ("src/net/dial.rs", ""), ("README.md", "")];
        check(dead_paths, &files, expected);
    };
    check("see `src/net/dial.rs` and `src/net/`, `src/net/*.rs`, `src/net/dial.rs:7`", &[]);
    check("see `src/net/gone.rs`", &["docs/A.md: there is no `src/net/gone.rs`"]);
    check("see `fixtures/gone/`", &["docs/A.md: there is no `fixtures/gone/`"]);
    check("see `src/gone/*.rs`", &["docs/A.md: there is no `src/gone/*.rs`"]);
    check("see `README.md`, `A.md`, `B.md`", &["docs/A.md: there is no `B.md`"]);
    check("`text/plain`, `a/b`, `target/release/x`, `src::net`, `config.toml`, src/gone.rs", &[]);
    check("```text\n`src/gone.rs`\n```\n", &[]);
}

#[test]
fn a_long_file_is_found_and_an_excuse_only_shrinks() {
    let lines = |count: usize| "//! x\n".repeat(count);
    let check = |count: usize, excuse: &[(&str, usize)], complains: bool| {
        let tree = Tree::sample(&[("src/a.rs", &lines(count))]);
        let found = too_long_but_for(&tree, excuse);
        assert_eq!(!found.is_empty(), complains, "{count} {excuse:?}: {found:?}");
    };
    check(LINES_MAX, &[], false);
    check(LINES_MAX + 1, &[], true);
    check(800, &[("src/a.rs", 800)], false);
    check(801, &[("src/a.rs", 800)], true);
    check(799, &[("src/a.rs", 800)], true);
    check(10, &[("src/gone.rs", 800)], true);
}

#[test]
fn a_private_path_is_found() {
    let check = |text: &str, found: bool| {
        let tree = Tree::sample(&[("src/a.rs", text)]);
        assert_eq!(!private_paths(&tree).is_empty(), found, "{text}");
    };
    check("let p = \"/tmp/x\";", true);
    check("// lies in /root", true);
    check("let p = \"/work/x\";", true);
    check("let p = \"/workers\"; let q = \"https://x.test/home\";", false);
    check("#[cfg(test)]\nmod tests { const P: &str = \"/tmp/x\"; }", false);
}

#[test]
fn work_not_done_is_found() {
    let check = |text: &str, found: bool| {
        let tree = Tree::sample(&[("src/a.rs", text)]);
        assert_eq!(!undone(&tree).is_empty(), found, "{text}");
    };
    check("fn f() { todo!() }", true);
    check("fn f() { unimplemented!(\"x\") }", true);
    check("#[test]\n#[ignore = \"slow\"]\nfn f() {}", true);
    check("# [ ignore ]", true);
    check("// todo!()\nfn f() { g(\"todo!\") }", false);
    check("fn ignore() {}", false);
}

#[test]
fn a_file_without_an_opening_is_found() {
    let check = |text: &str, found: bool| {
        let tree = Tree::sample(&[("src/a.rs", text)]);
        assert_eq!(!without_an_opening(&tree).is_empty(), found, "{text}");
    };
    check("//! What it is.\n", false);
    check("use std::fmt;\n//! late", true);
    check("// not a doc\n", true);
    check("", true);
}

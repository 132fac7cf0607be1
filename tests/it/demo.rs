//! `countersign demo`, as a newcomer runs it.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

/// The demo with a temporary directory of its own and nothing of ours in the
/// environment.
fn demo(temporary: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("demo")
        .args(arguments)
        .env_clear()
        .env("TMPDIR", temporary)
        .current_dir(temporary)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn left_in(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn everything_comes_as_the_script_expects_and_nothing_is_left() {
    let temporary = tempfile::tempdir().unwrap();
    let ended = demo(temporary.path(), &["--once"]).wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    let complaints = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{told}\n{complaints}");
    assert!(told.contains("15 of 15 cases came as expected"), "{told}");
    assert_eq!(complaints, "");
    assert_eq!(left_in(temporary.path()), Vec::<String>::new());
}

#[test]
fn an_interrupt_ends_it_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = demo(temporary.path(), &[]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let begun = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("answers (")));
    assert!(begun.is_some(), "nobody answered anything");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.unwrap().success());
    // Or it could block on a full pipe.
    lines.for_each(drop);
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{complaints}");
    assert_eq!(left_in(temporary.path()), Vec::<String>::new());
}

//! `countersign explain` as a program: what it prints, in which order, and
//! what it leaves alone.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

fn explain(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("explain")
        .args(arguments)
        .current_dir(dir)
        .env_remove("COUNTERSIGN_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that takes no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn mail(words: &str) -> String {
    format!("From: Ana <ana@x.test>\r\nSubject: Re: access\r\n\r\n{words}\r\n")
}

#[test]
fn lines_come_in_the_order_of_the_files_and_hold_what_is_promised() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("{n}.eml")).collect();
    for (n, name) in names.iter().enumerate() {
        std::fs::write(dir.path().join(name), mail(&format!("Approved.\r\n> number {n}"))).unwrap();
    }
    let arguments: Vec<&str> =
        ["--json"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let output = explain(dir.path(), &arguments, "");
    assert_eq!(output.status.code(), Some(0));
    let lines = lines(&output);
    let files: Vec<&str> = lines.iter().filter_map(|line| line["file"].as_str()).collect();
    assert_eq!(files, names);
    let mut fields: Vec<&str> = lines[0].as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "answer",
            "comment",
            "cuts",
            "disposition",
            "file",
            "hidden",
            "language",
            "not_checked",
            "origin",
            "reason",
            "reply_text",
            "reply_with_signature",
            "structure",
        ]
    );
}

#[test]
fn a_file_that_is_not_there_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let output = explain(dir.path(), &["--json", "nowhere.eml", "-"], &mail("I deny this."));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.eml"));
    assert_eq!(lines(&output)[0]["answer"], "deny");
}

#[test]
fn looking_makes_no_instance() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(explain(dir.path(), &["-"], &mail("Approved.")).status.code(), Some(0));
    assert_eq!(
        explain(dir.path(), &["--instance", "-"], &mail("Approved.")).status.code(),
        Some(2)
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn texts_are_read_line_by_line() {
    let dir = tempfile::tempdir().unwrap();
    let input = "{\"id\":1,\"text\":\"APPROVE\"}\n\nnot json\n{\"id\":\"b\",\"text\":\"no autorizo\",\"locale\":\"es\"}";
    let output = explain(dir.path(), &["--text", "--json"], input);
    assert_eq!(output.status.code(), Some(1));
    let expected = [
        json!({"id": 1, "answer": "approve", "language": "en", "reason": "keyword"}),
        json!({"id": "b", "answer": "deny", "language": "es"}),
    ];
    for (got, wanted) in lines(&output).iter().zip(&expected) {
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&got[field], value, "{got}");
        }
    }
    assert_eq!(lines(&output).len(), 2);
}

#[test]
fn a_mail_cannot_drive_the_screen() {
    let dir = tempfile::tempdir().unwrap();
    let output = explain(dir.path(), &["-"], &mail("Approved.\u{1b}[2J\u{7}"));
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(screen.contains("verdict"), "{screen}");
    assert!(!screen.contains(['\u{1b}', '\u{7}']), "{screen:?}");
}

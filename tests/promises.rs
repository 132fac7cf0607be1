//! The promises of the fuzzers, held against the mails of `fixtures/`, each bent
//! in many ways: the short form of `make fuzz`.

#[path = "../fuzz/targets/promises.rs"]
mod promises;

use std::fs;
use std::path::{Path, PathBuf};

/// How often each mail is bent.
const BENDS: u64 = 6;

fn mails() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut mails = Vec::new();
    for folder in ["replies", "not-replies", "hostile"] {
        for entry in fs::read_dir(root.join(folder)).expect("the fixtures are there") {
            let path = entry.expect("a folder can be listed").path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                let raw = fs::read(&path).expect("a fixture can be read");
                mails.push((path, raw));
            }
        }
    }
    assert!(mails.len() > 100);
    mails
}

/// A small generator: the same bends in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % end.max(1)
    }
}

/// Cuts, doubles, swaps and spoils a few places.
fn bent(raw: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bent = raw.to_vec();
    for _ in 0..1 + dice.below(6) {
        let from = dice.below(bent.len());
        let to = (from + dice.below(120)).min(bent.len());
        match dice.below(5) {
            0 => drop(bent.drain(from..to)),
            1 => {
                let piece = bent[from..to].to_vec();
                let at = dice.below(bent.len());
                bent.splice(at..at, piece);
            }
            2 => bent.truncate(to.max(1)),
            3 => bent[from..to].iter_mut().for_each(|byte| *byte ^= 0x80),
            _ => bent[from..to].reverse(),
        }
        if bent.is_empty() {
            bent.push(b'\n');
        }
    }
    bent
}

fn hold(promise: fn(&[u8])) {
    for (path, raw) in mails() {
        let mut dice = Dice(raw.len() as u64);
        for bend in 0..=BENDS {
            let bytes = if bend == 0 { raw.clone() } else { bent(&raw, &mut dice) };
            if std::panic::catch_unwind(|| promise(&bytes)).is_err() {
                panic!("{} does not hold, bend {bend}", path.display());
            }
        }
    }
}

#[test]
fn any_bytes_are_read_as_a_mail() {
    hold(promises::message);
}

#[test]
fn any_bytes_are_read_as_html() {
    hold(promises::html);
}

#[test]
fn any_bytes_are_read_as_text() {
    hold(promises::quoting);
}

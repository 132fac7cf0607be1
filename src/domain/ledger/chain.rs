//! Each entry seals the one before: its hash covers the hash of its
//! predecessor, so that nothing can be changed, dropped or put in between
//! without every later hash being wrong.
//!
//! What is hashed is written out by hand, field by field, each with its
//! length in front: two different entries can never look alike, and a JSON
//! library's taste in spaces cannot break a chain. JSON inside is in the
//! canonical form below.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Entry, NewEntry, PrivatePart};

const ENTRY_LABEL: &[u8] = b"countersign ledger entry 1";
const PRIVATE_LABEL: &[u8] = b"countersign ledger private 1";

/// Gives an entry its place behind `head` (its sequence number and hash; zero
/// and zeros before the first).
pub fn seal(new: &NewEntry, head: (i64, [u8; 32])) -> Entry {
    let mut entry = Entry {
        seq: head.0 + 1,
        at: new.at,
        kind: new.kind,
        access_request_id: new.access_request_id,
        facts: new.facts.clone(),
        private_digest: new.private.as_ref().map(|body| private_digest(&new.salt, body)),
        previous: head.1,
        hash: [0; 32],
    };
    entry.hash = hash(&entry);
    entry
}

/// What the entry's hash must be.
pub fn hash(entry: &Entry) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut field = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    field(ENTRY_LABEL);
    field(&entry.seq.to_be_bytes());
    field(&entry.at.timestamp_micros().to_be_bytes());
    field(entry.kind.as_str().as_bytes());
    field(entry.access_request_id.map(|id| *id.0.as_bytes()).as_ref().map_or(&[][..], |id| id));
    field(canonical(&entry.facts).as_bytes());
    field(entry.private_digest.as_ref().map_or(&[][..], |digest| digest));
    field(&entry.previous);
    hasher.finalize().into()
}

/// The digest that stands for the private part once that is erased.
pub fn private_digest(salt: &[u8; 16], body: &Value) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(PRIVATE_LABEL);
    hasher.update(salt);
    hasher.update(canonical(body).as_bytes());
    hasher.finalize().into()
}

/// JSON with sorted keys, no spaces, as serde_json writes strings and numbers.
/// Numbers are integers by construction here, so no float has two forms.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let members: Vec<String> = keys
                .into_iter()
                .map(|key| format!("{}:{}", Value::from(key.as_str()), canonical(&map[key])))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

/// The first thing wrong with a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Gap { expected: i64, found: i64 },
    #[error("entry {seq} does not follow from the one before it")]
    Unlinked { seq: i64 },
    #[error("entry {seq} was changed: its hash does not fit")]
    Changed { seq: i64 },
    #[error("the private part of entry {seq} was changed: its digest does not fit")]
    PrivateChanged { seq: i64 },
    #[error("the chain ends at entry {found}, but its head says {expected}: the end is missing")]
    CutShort { expected: i64, found: i64 },
}

/// Walks a chain entry by entry; remembers only the last link.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    seq: i64,
    hash: [u8; 32],
}

impl Verifier {
    pub fn next(&mut self, entry: &Entry, private: Option<&PrivatePart>) -> Result<(), Broken> {
        if entry.seq != self.seq + 1 {
            return Err(Broken::Gap { expected: self.seq + 1, found: entry.seq });
        }
        if entry.previous != self.hash {
            return Err(Broken::Unlinked { seq: entry.seq });
        }
        if hash(entry) != entry.hash {
            return Err(Broken::Changed { seq: entry.seq });
        }
        if let Some(part) = private
            && entry.private_digest != Some(private_digest(&part.salt, &part.body))
        {
            return Err(Broken::PrivateChanged { seq: entry.seq });
        }
        self.seq = entry.seq;
        self.hash = entry.hash;
        Ok(())
    }

    /// Compares the end of the walk with the chain's head row.
    pub fn finish(&self, head: (i64, [u8; 32])) -> Result<i64, Broken> {
        if self.seq != head.0 {
            return Err(Broken::CutShort { expected: head.0, found: self.seq });
        }
        if self.hash != head.1 {
            return Err(Broken::Unlinked { seq: head.0 });
        }
        Ok(self.seq)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::{access_request::samples::noon, ledger::Kind};

    fn chain(n: i64) -> Vec<Entry> {
        let mut head = (0, [0; 32]);
        (1..=n)
            .map(|i| {
                let new = NewEntry {
                    at: noon(),
                    kind: Kind::RequestSubmitted,
                    access_request_id: None,
                    facts: json!({"b": i, "a": [1, "x"]}),
                    private: Some(json!({"name": "Ana"})),
                    salt: [7; 16],
                };
                let entry = seal(&new, head);
                head = (entry.seq, entry.hash);
                entry
            })
            .collect()
    }

    fn check(entries: &[Entry], head: (i64, [u8; 32])) -> Result<i64, Broken> {
        let mut verifier = Verifier::default();
        for entry in entries {
            let part = PrivatePart { salt: [7; 16], body: json!({"name": "Ana"}) };
            verifier.next(entry, Some(&part))?;
        }
        verifier.finish(head)
    }

    #[test]
    fn a_whole_chain_holds() {
        let entries = chain(5);
        assert_eq!(check(&entries, (5, entries[4].hash)), Ok(5));
        assert_eq!(check(&[], (0, [0; 32])), Ok(0));
    }

    #[test]
    fn every_tampering_is_named() {
        let whole = chain(5);
        let head = (5, whole[4].hash);
        let mut changed = whole.clone();
        changed[2].facts = json!({"b": 4, "a": [1, "x"]});
        assert_eq!(check(&changed, head), Err(Broken::Changed { seq: 3 }));
        let mut resealed = changed.clone();
        resealed[2].hash = hash(&resealed[2]);
        assert_eq!(check(&resealed, head), Err(Broken::Unlinked { seq: 4 }));
        let mut dropped = whole.clone();
        dropped.remove(1);
        assert_eq!(check(&dropped, head), Err(Broken::Gap { expected: 2, found: 3 }));
        assert_eq!(check(&whole[..4], head), Err(Broken::CutShort { expected: 5, found: 4 }));
        assert_eq!(check(&whole, (5, [1; 32])), Err(Broken::Unlinked { seq: 5 }));
    }

    #[test]
    fn a_changed_private_part_is_named_and_an_erased_one_is_not_missed() {
        let entries = chain(1);
        let forged = PrivatePart { salt: [7; 16], body: json!({"name": "Bo"}) };
        assert_eq!(
            Verifier::default().next(&entries[0], Some(&forged)),
            Err(Broken::PrivateChanged { seq: 1 })
        );
        assert_eq!(Verifier::default().next(&entries[0], None), Ok(()));
    }

    #[test]
    fn the_canonical_form_does_not_depend_on_the_order_of_keys() {
        assert_eq!(
            canonical(&json!({"b": 1, "a": {"d": null, "c": "é\n"}})),
            r#"{"a":{"c":"é\n","d":null},"b":1}"#
        );
    }
}

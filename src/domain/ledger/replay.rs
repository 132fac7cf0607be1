//! Rebuilds where every request stands from the ledger alone. The state rows
//! in the store are a summary of this, and `countersign ledger replay`
//! compares the two.

use std::collections::BTreeMap;

use super::{Entry, Kind};
use crate::domain::{
    access_request::{Status, state::may_follow},
    ids::AccessRequestId,
};

/// A request as the ledger tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub status: Status,
    pub level: i64,
    /// Decisions recorded and not superseded.
    pub decisions: i64,
}

/// Why a ledger cannot be replayed although its chain may hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untellable {
    #[error("entry {seq} tells of request {request}, which was never submitted")]
    NeverSubmitted { seq: i64, request: AccessRequestId },
    #[error("entry {seq} takes request {request} from {from} to {to}, which cannot be")]
    Impossible { seq: i64, request: AccessRequestId, from: Status, to: Status },
    #[error("entry {seq} lacks `{fact}`")]
    FactMissing { seq: i64, fact: &'static str },
}

/// Takes entries in order and keeps the state of every request they tell of.
#[derive(Debug, Default)]
pub struct Replay {
    pub requests: BTreeMap<AccessRequestId, Told>,
}

impl Replay {
    pub fn take(&mut self, entry: &Entry) -> Result<(), Untellable> {
        let Some(request) = entry.access_request_id else {
            return Ok(());
        };
        if entry.kind == Kind::RequestSubmitted {
            let level = number(entry, "level")?;
            let told = Told { status: Status::Pending, level, decisions: 0 };
            self.requests.insert(request, told);
            return Ok(());
        }
        let changes_state =
            matches!(entry.kind, Kind::DecisionRecorded | Kind::LevelReached | Kind::RequestClosed);
        if !changes_state {
            return Ok(());
        }
        let told = self
            .requests
            .get_mut(&request)
            .ok_or(Untellable::NeverSubmitted { seq: entry.seq, request })?;
        match entry.kind {
            Kind::DecisionRecorded => {
                let replaces = entry.facts.get("supersedes").is_some_and(|id| !id.is_null());
                told.decisions += i64::from(!replaces);
            }
            Kind::LevelReached => told.level = number(entry, "level")?,
            Kind::RequestClosed => {
                let to = entry
                    .facts
                    .get("status")
                    .and_then(|word| word.as_str())
                    .and_then(Status::from_word)
                    .ok_or(Untellable::FactMissing { seq: entry.seq, fact: "status" })?;
                if !may_follow(told.status, to) {
                    let from = told.status;
                    return Err(Untellable::Impossible { seq: entry.seq, request, from, to });
                }
                told.status = to;
            }
            _ => {}
        }
        Ok(())
    }
}

fn number(entry: &Entry, fact: &'static str) -> Result<i64, Untellable> {
    entry
        .facts
        .get(fact)
        .and_then(serde_json::Value::as_i64)
        .ok_or(Untellable::FactMissing { seq: entry.seq, fact })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;
    use crate::domain::access_request::samples::noon;

    fn check(entries: &[(Kind, Value)], expected: Result<(Status, i64, i64), &str>) {
        let id = AccessRequestId(Uuid::from_u128(1));
        let mut replay = Replay::default();
        let mut told = Ok(());
        for (n, (kind, facts)) in entries.iter().enumerate() {
            told = told.and_then(|()| {
                replay.take(&Entry {
                    seq: n as i64 + 1,
                    at: noon(),
                    kind: *kind,
                    access_request_id: Some(id),
                    facts: facts.clone(),
                    private_digest: None,
                    previous: [0; 32],
                    hash: [0; 32],
                })
            });
        }
        let got = told.map(|()| {
            let told = &replay.requests[&id];
            (told.status, told.level, told.decisions)
        });
        assert_eq!(got.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn a_story_ends_where_it_says() {
        check(
            &[
                (Kind::RequestSubmitted, json!({"level": 1})),
                (Kind::NotificationEnqueued, json!({})),
                (Kind::DecisionRecorded, json!({"supersedes": null})),
                (Kind::LevelReached, json!({"level": 2})),
                (Kind::DecisionRecorded, json!({"supersedes": "x"})),
                (Kind::RequestClosed, json!({"status": "approved"})),
                (Kind::RequestClosed, json!({"status": "conflict"})),
            ],
            Ok((Status::Conflict, 2, 1)),
        );
    }

    #[test]
    fn what_cannot_have_happened_is_named() {
        check(
            &[
                (Kind::RequestSubmitted, json!({"level": 1})),
                (Kind::RequestClosed, json!({"status": "denied"})),
                (Kind::RequestClosed, json!({"status": "approved"})),
            ],
            Err(
                "entry 3 takes request 00000000-0000-0000-0000-000000000001 from denied to approved, which cannot be",
            ),
        );
        check(
            &[(Kind::RequestClosed, json!({"status": "denied"}))],
            Err(
                "entry 1 tells of request 00000000-0000-0000-0000-000000000001, which was never submitted",
            ),
        );
        check(&[(Kind::RequestSubmitted, json!({}))], Err("entry 1 lacks `level`"));
    }
}

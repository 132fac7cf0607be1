//! Proving the ledger: the chain holds, and the states in the store are the
//! ones it tells of.

use super::{ActionError, Instance};
use crate::{
    domain::{
        access_request::Status,
        ids::AccessRequestId,
        ledger::{
            chain::{Broken, Verifier},
            replay::{Replay, Untellable},
        },
    },
    store::{decisions, ledger, requests},
};

/// Entries read at a time.
const PAGE: i64 = 1000;

/// The number of entries of a chain that holds, or the first thing wrong.
pub async fn verify(instance: &Instance) -> Result<Result<i64, Broken>, ActionError> {
    let mut verifier = Verifier::default();
    let mut after = 0;
    let mut tx = instance.store.read().await?;
    // What is appended while we walk is not missed: the head is read first.
    let head = ledger::head(&mut tx).await?;
    loop {
        let page = ledger::list(&mut tx, after, PAGE).await?;
        let entries = page.iter().filter(|(entry, _)| entry.seq <= head.0);
        for (entry, private) in entries {
            if let Err(broken) = verifier.next(entry, private.as_ref()) {
                return Ok(Err(broken));
            }
        }
        match page.last() {
            Some((last, _)) if last.seq < head.0 => after = last.seq,
            _ => return Ok(verifier.finish(head)),
        }
    }
}

/// A request whose state row is not what the ledger tells.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub request: AccessRequestId,
    pub reference: String,
    pub told: String,
    pub stored: String,
}

/// What replaying came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Replayed {
    pub requests: usize,
    pub differences: Vec<Difference>,
}

/// Rebuilds the state of every request from the ledger and compares.
pub async fn replay(instance: &Instance) -> Result<Result<Replayed, Untellable>, ActionError> {
    let mut replay = Replay::default();
    let mut after = 0;
    // One transaction, so that both sides are of the same moment.
    let mut tx = instance.store.read().await?;
    loop {
        let page = ledger::list(&mut tx, after, PAGE).await?;
        for (entry, _) in &page {
            if let Err(untellable) = replay.take(entry) {
                return Ok(Err(untellable));
            }
        }
        match page.last() {
            Some((last, _)) => after = last.seq,
            None => break,
        }
    }
    let mut differences = Vec::new();
    let describe = |status: Status, level: i64, decisions: i64| {
        format!("{status}, level {level}, {decisions} live decisions")
    };
    for (&id, told) in &replay.requests {
        let told_text = describe(told.status, told.level, told.decisions);
        let (reference, stored_text) = match requests::find(&mut tx, id).await? {
            Some(request) => {
                let live = decisions::live(&mut tx, id).await?.len() as i64;
                (request.reference(), describe(request.status, request.level, live))
            }
            None => (String::new(), "no row".to_owned()),
        };
        if told_text != stored_text {
            differences.push(Difference {
                request: id,
                reference,
                told: told_text,
                stored: stored_text,
            });
        }
    }
    let untold = requests::count(&mut tx).await? - replay.requests.len() as i64;
    if untold > 0 {
        return Ok(Ok(Replayed {
            requests: replay.requests.len(),
            differences: {
                differences.push(Difference {
                    request: AccessRequestId(uuid::Uuid::nil()),
                    reference: String::new(),
                    told: "nothing".to_owned(),
                    stored: format!("{untold} requests the ledger does not know"),
                });
                differences
            },
        }));
    }
    Ok(Ok(Replayed { requests: replay.requests.len(), differences }))
}

//! The words an admin has added, kept as one JSON document: read whole,
//! changed whole.

use serde_json::Value;
use sqlx::types::Json;

use super::{StoreError, Tx, columns::RowOf, tx::*};
use crate::domain::reply::lexicon::Addition;

/// The additions and their version; version 0: none were ever made.
pub async fn find(tx: &mut Tx) -> Result<(Vec<Addition>, i64), StoreError> {
    let found = row!(tx, (Json<Value>, i64), "-- lexicon.find\nSELECT body, version FROM lexicon")?;
    match found {
        None => Ok((Vec::new(), 0)),
        Some((Json(body), version)) => Ok((RowOf::new("lexicon", &1).json("body", body)?, version)),
    }
}

/// The version alone: asked for each mail, to know whether the words are the same.
pub async fn version(tx: &mut Tx) -> Result<i64, StoreError> {
    let found = row!(tx, (i64,), "-- lexicon.version\nSELECT version FROM lexicon")?;
    Ok(found.map_or(0, |(version,)| version))
}

/// False where somebody else changed them since `expected_version` was read.
pub async fn update(
    tx: &mut Tx,
    additions: &[Addition],
    expected_version: i64,
) -> Result<bool, StoreError> {
    let count = if expected_version == 0 {
        changed!(
            tx,
            "-- lexicon.update: the first change makes the row
            INSERT INTO lexicon (singleton, body, version) VALUES (1, $1, 1)
            ON CONFLICT (singleton) DO NOTHING",
            Json(additions),
        )?
    } else {
        changed!(
            tx,
            "-- lexicon.update
            UPDATE lexicon SET body = $1, version = version + 1 WHERE version = $2",
            Json(additions),
            expected_version,
        )?
    };
    Ok(count == 1)
}

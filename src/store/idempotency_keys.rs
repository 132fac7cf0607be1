//! Answers to calls, to be given again when the same call comes again.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{
    StoreError, Tx,
    columns::{RowOf, holdable_json},
    tx::*,
};
use crate::domain::ids::ApiTokenId;

#[derive(Debug, Clone, PartialEq)]
pub struct IdempotencyKey {
    pub api_token_id: ApiTokenId,
    pub key: String,
    /// `POST /api/v1/access-requests`
    pub method_path: String,
    /// SHA-256 of the body: the same key with another body is a mistake.
    pub body_hash: [u8; 32],
    /// The HTTP status that was answered; 0 while the call is under way.
    pub status: i64,
    pub response: Value,
    pub created_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    api_token_id: ApiTokenId,
    key: String,
    method_path: String,
    body_hash: Vec<u8>,
    status: i64,
    response: Json<Value>,
    created_at: DateTime<Utc>,
}

/// In the transaction of what the call did. `Taken` where the key is.
pub async fn add(tx: &mut Tx, key: &IdempotencyKey) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- idempotency_keys.add
        INSERT INTO idempotency_key (api_token_id, key, method_path, body_hash, status, response,
            created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)",
        key.api_token_id,
        &key.key,
        &key.method_path,
        &key.body_hash[..],
        key.status,
        Json(holdable_json(&key.response)),
        key.created_at,
    )?;
    Ok(())
}

/// Puts the answer in the place of a reservation.
pub async fn answer(
    tx: &mut Tx,
    caller: ApiTokenId,
    key: &str,
    status: i64,
    response: &Value,
) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- idempotency_keys.answer
        UPDATE idempotency_key SET status = $3, response = $4 WHERE api_token_id = $1 AND key = $2",
        caller,
        key,
        status,
        Json(holdable_json(response)),
    )?;
    Ok(())
}

/// Gives a reservation back: the call changed nothing.
pub async fn remove(tx: &mut Tx, caller: ApiTokenId, key: &str) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- idempotency_keys.remove
        DELETE FROM idempotency_key WHERE api_token_id = $1 AND key = $2",
        caller,
        key,
    )?;
    Ok(())
}

/// Keys of different callers never meet.
pub async fn find(
    tx: &mut Tx,
    caller: ApiTokenId,
    key: &str,
) -> Result<Option<IdempotencyKey>, StoreError> {
    let found = row!(
        tx,
        Row,
        "-- idempotency_keys.find
        SELECT api_token_id, key, method_path, body_hash, status, response, created_at
        FROM idempotency_key WHERE api_token_id = $1 AND key = $2",
        caller,
        key,
    )?;
    let read = |row: Row| {
        let body_hash =
            RowOf::new("idempotency_key", &row.key).bytes("body_hash", &row.body_hash)?;
        Ok(IdempotencyKey {
            api_token_id: row.api_token_id,
            key: row.key,
            method_path: row.method_path,
            body_hash,
            status: row.status,
            response: row.response.0,
            created_at: row.created_at,
        })
    };
    found.map(read).transpose()
}

/// Forgets what is older. Gives how many there were.
pub async fn remove_older_than(tx: &mut Tx, moment: DateTime<Utc>) -> Result<u64, StoreError> {
    changed!(
        tx,
        "-- idempotency_keys.remove_older_than
        DELETE FROM idempotency_key WHERE created_at < $1",
        moment,
    )
}

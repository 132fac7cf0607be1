//! What ties replies to their notifications. A token itself is nowhere in the
//! database, only the hash of its lookup part.

use chrono::{DateTime, Utc};

use super::{
    StoreError, Tx,
    columns::{RowOf, word},
    tx::*,
};
use crate::domain::{
    decision::policy::{ByMail, Proof},
    ids::{AccessRequestId, ApproverId, OutboxMessageId},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of the lookup part.
    pub lookup_hash: [u8; 32],
    /// `reply`, `approve_by_address`, `deny_by_address`, `web_link`, `bounce`.
    pub purpose: String,
    pub access_request_id: Option<AccessRequestId>,
    pub approver_id: Option<ApproverId>,
    pub outbox_message_id: Option<OutboxMessageId>,
    pub channel: String,
    /// The token key that sealed it.
    pub key_id: String,
    pub epoch: i64,
    pub expires_at: DateTime<Utc>,
    /// The policy as it was when the notification was enqueued.
    pub proof: Proof,
    pub by_mail: ByMail,
    /// When a decision used it up.
    pub consumed_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    purpose: String,
    access_request_id: Option<AccessRequestId>,
    approver_id: Option<ApproverId>,
    outbox_message_id: Option<OutboxMessageId>,
    channel: String,
    key_id: String,
    epoch: i64,
    expires_at: DateTime<Utc>,
    proof: String,
    by_mail: String,
    consumed_at: Option<DateTime<Utc>>,
}

pub async fn add(tx: &mut Tx, token: &TokenRow) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- tokens.add
        INSERT INTO token (lookup_hash, purpose, access_request_id, approver_id, outbox_message_id,
            channel, key_id, epoch, expires_at, proof, by_mail, consumed_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        &token.lookup_hash[..],
        &token.purpose,
        token.access_request_id,
        token.approver_id,
        token.outbox_message_id,
        &token.channel,
        &token.key_id,
        token.epoch,
        token.expires_at,
        word(&token.proof),
        word(&token.by_mail),
        token.consumed_at,
    )?;
    Ok(())
}

/// The seal, the epoch and the expiry are the caller's to check.
pub async fn find(tx: &mut Tx, lookup_hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
    let found = row!(
        tx,
        Row,
        "-- tokens.find
        SELECT purpose, access_request_id, approver_id, outbox_message_id, channel, key_id, epoch,
            expires_at, proof, by_mail, consumed_at
        FROM token WHERE lookup_hash = $1",
        &lookup_hash[..],
    )?;
    let Some(found) = found else { return Ok(None) };
    // The hash names the row without giving the token away.
    let id = data_encoding::HEXLOWER.encode(lookup_hash);
    let row = RowOf::new("token", &id);
    Ok(Some(TokenRow {
        lookup_hash: *lookup_hash,
        purpose: found.purpose,
        access_request_id: found.access_request_id,
        approver_id: found.approver_id,
        outbox_message_id: found.outbox_message_id,
        channel: found.channel,
        key_id: found.key_id,
        epoch: found.epoch,
        expires_at: found.expires_at,
        proof: row.written("proof", &found.proof)?,
        by_mail: row.written("by_mail", &found.by_mail)?,
        consumed_at: found.consumed_at,
    }))
}

/// Uses a token up, in the transaction of its decision. False where it was
/// used before, or is none.
pub async fn consume(
    tx: &mut Tx,
    lookup_hash: &[u8; 32],
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- tokens.consume
        UPDATE token SET consumed_at = $2 WHERE lookup_hash = $1 AND consumed_at IS NULL",
        &lookup_hash[..],
        at,
    )?;
    Ok(count == 1)
}

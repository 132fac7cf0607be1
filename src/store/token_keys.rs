//! The keys that reply tokens are made with, sealed by a master key.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, tx::*};

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct TokenKey {
    pub id: String,
    /// The key, sealed; only `secret` opens it.
    pub sealed: Vec<u8>,
    /// The master key it is sealed by.
    pub key_id: String,
    pub created_at: DateTime<Utc>,
}

pub async fn add(tx: &mut Tx, key: &TokenKey) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- token_keys.add
        INSERT INTO token_key (id, sealed, key_id, created_at) VALUES ($1, $2, $3, $4)",
        &key.id,
        &key.sealed,
        &key.key_id,
        key.created_at,
    )?;
    Ok(())
}

/// All of them, the newest first: that one makes tokens, all of them check.
pub async fn list(tx: &mut Tx) -> Result<Vec<TokenKey>, StoreError> {
    rows!(
        tx,
        TokenKey,
        "-- token_keys.list
        SELECT id, sealed, key_id, created_at FROM token_key ORDER BY created_at DESC, id DESC"
    )
}

/// Puts a key under another master key.
pub async fn reseal(
    tx: &mut Tx,
    id: &str,
    sealed: &[u8],
    key_id: &str,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- token_keys.reseal
        UPDATE token_key SET sealed = $2, key_id = $3 WHERE id = $1",
        id,
        sealed,
        key_id,
    )?;
    Ok(count == 1)
}

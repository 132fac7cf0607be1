//! Who may call the API. A token itself is nowhere, only its hash.

use chrono::{DateTime, Utc};

use super::{StoreError, Tx, columns::RowOf, tx::*};
use crate::domain::ids::{ApiTokenId, PersonId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub name: String,
    /// `admin`, `auditor`, `requester` or `approver`.
    pub role: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Whom it speaks for: an approver, or a requester bound to one person.
    pub person_id: Option<PersonId>,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: ApiTokenId,
    name: String,
    role: String,
    hash: Vec<u8>,
    person_id: Option<PersonId>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<ApiToken, StoreError> {
        let hash = RowOf::new("api_token", &self.id).bytes("hash", &self.hash)?;
        Ok(ApiToken {
            id: self.id,
            name: self.name,
            role: self.role,
            hash,
            person_id: self.person_id,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- api_tokens\n\
            SELECT id, name, role, hash, person_id, created_at, expires_at, revoked_at, \
            last_used_at FROM api_token ",
            $rest
        )
    };
}

pub async fn add(tx: &mut Tx, token: &ApiToken) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- api_tokens.add
        INSERT INTO api_token (id, name, role, hash, person_id, created_at, expires_at, revoked_at,
            last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        token.id,
        &token.name,
        &token.role,
        &token.hash[..],
        token.person_id,
        token.created_at,
        token.expires_at,
        token.revoked_at,
        token.last_used_at,
    )?;
    Ok(())
}

/// The revoked and the expired too; whether it still counts is the caller's
/// to see.
pub async fn find_by_hash(tx: &mut Tx, hash: &[u8; 32]) -> Result<Option<ApiToken>, StoreError> {
    row!(tx, Row, select!("WHERE hash = $1"), &hash[..])?.map(Row::read).transpose()
}

pub async fn find(tx: &mut Tx, id: ApiTokenId) -> Result<Option<ApiToken>, StoreError> {
    row!(tx, Row, select!("WHERE id = $1"), id)?.map(Row::read).transpose()
}

/// All of them, the newest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<ApiToken>, StoreError> {
    rows!(tx, Row, select!("ORDER BY created_at DESC, id DESC"))?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// False where it is none or was revoked before.
pub async fn revoke(tx: &mut Tx, id: ApiTokenId, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- api_tokens.revoke
        UPDATE api_token SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        id,
        at,
    )?;
    Ok(count == 1)
}

/// Notes a use, at most once in `every`: a caller that calls a hundred times a
/// second must not cost a hundred writes.
pub async fn note_use(
    tx: &mut Tx,
    id: ApiTokenId,
    at: DateTime<Utc>,
    every: chrono::TimeDelta,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- api_tokens.note_use
        UPDATE api_token SET last_used_at = $2
        WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
        id,
        at,
        at - every,
    )?;
    Ok(count == 1)
}

//! Sealed secrets that accounts log in with.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{StoreError, Tx, tx::*};
use crate::domain::ids::CredentialId;

#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Credential {
    pub id: CredentialId,
    pub name: String,
    /// `password`.
    pub kind: String,
    pub username: String,
    /// The secret, sealed; only `secret` opens it.
    pub sealed: Vec<u8>,
    /// The master key it is sealed by.
    pub key_id: String,
    /// Counts the changes; an update names the one it saw.
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An account that logs in with a credential.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CredentialUser {
    /// `smtp_account` or `inbox_account`.
    pub kind: String,
    pub id: Uuid,
    pub name: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- credentials\n\
            SELECT id, name, kind, username, sealed, key_id, version, created_at, updated_at \
            FROM credential ",
            $rest
        )
    };
}

pub async fn add(tx: &mut Tx, credential: &Credential) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- credentials.add
        INSERT INTO credential
            (id, name, kind, username, sealed, key_id, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        credential.id,
        &credential.name,
        &credential.kind,
        &credential.username,
        &credential.sealed,
        &credential.key_id,
        credential.version,
        credential.created_at,
        credential.updated_at,
    )?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: CredentialId) -> Result<Option<Credential>, StoreError> {
    row!(tx, Credential, select!("WHERE id = $1"), id)
}

pub async fn find_by_name(tx: &mut Tx, name: &str) -> Result<Option<Credential>, StoreError> {
    row!(tx, Credential, select!("WHERE name = $1"), name)
}

/// All of them, by name.
pub async fn list(tx: &mut Tx) -> Result<Vec<Credential>, StoreError> {
    rows!(tx, Credential, select!("ORDER BY name"))
}

/// Those sealed by one master key, for its rotation.
pub async fn list_sealed_with(tx: &mut Tx, key_id: &str) -> Result<Vec<Credential>, StoreError> {
    rows!(tx, Credential, select!("WHERE key_id = $1 ORDER BY id"), key_id)
}

/// False where it is gone or somebody changed it since `credential.version`
/// was read.
pub async fn update(tx: &mut Tx, credential: &Credential) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- credentials.update
        UPDATE credential SET name = $3, kind = $4, username = $5, sealed = $6, key_id = $7,
            updated_at = $8, version = version + 1
        WHERE id = $1 AND version = $2",
        credential.id,
        credential.version,
        &credential.name,
        &credential.kind,
        &credential.username,
        &credential.sealed,
        &credential.key_id,
        credential.updated_at,
    )?;
    Ok(count == 1)
}

/// False where there is none; `InUse` while an account logs in with it.
pub async fn remove(tx: &mut Tx, id: CredentialId) -> Result<bool, StoreError> {
    let count = changed!(tx, "-- credentials.remove\nDELETE FROM credential WHERE id = $1", id)
        .map_err(|error| error.of_removal("an account"))?;
    Ok(count == 1)
}

/// The accounts that log in with it.
pub async fn users(tx: &mut Tx, id: CredentialId) -> Result<Vec<CredentialUser>, StoreError> {
    rows!(
        tx,
        CredentialUser,
        "-- credentials.users
        SELECT 'inbox_account' AS kind, id, name FROM inbox_account WHERE credential_id = $1
        UNION ALL
        SELECT 'smtp_account' AS kind, id, name FROM smtp_account WHERE credential_id = $1
        ORDER BY kind, name",
        id,
    )
}

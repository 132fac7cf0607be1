//! Mailboxes that are polled: their settings. How they are doing stands in
//! `inbox_state`.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{
    StoreError, Tx,
    columns::{RowOf, word},
    tx::*,
};
use crate::domain::{
    ids::{CredentialId, InboxAccountId},
    inbox_account::InboxAccount,
    mail_server::MailServer,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: InboxAccountId,
    name: String,
    enabled: bool,
    automatic_check: bool,
    keep_copy: bool,
    addresses: Json<Value>,
    sub_address: Option<String>,
    protocol: String,
    host: String,
    port: i64,
    security: String,
    allow_cleartext_login: bool,
    accept_invalid_certs: bool,
    ca_pem: Option<String>,
    pinned_sha256: Option<String>,
    credential_id: CredentialId,
    folder: String,
    schedule: String,
    timezone: String,
    idle: bool,
    import_existing: bool,
    max_size_bytes: i64,
    proof: String,
    by_mail: String,
    profile: String,
    trusted_authserv_ids: Json<Value>,
    trust_internaldate: bool,
    version: i64,
}

impl Row {
    fn read(self) -> Result<InboxAccount, StoreError> {
        let row = RowOf::new("inbox_account", &self.id);
        Ok(InboxAccount {
            id: self.id,
            enabled: self.enabled,
            automatic_check: self.automatic_check,
            keep_copy: self.keep_copy,
            addresses: row.json("addresses", self.addresses.0)?,
            sub_address: self.sub_address,
            protocol: row.written("protocol", &self.protocol)?,
            server: MailServer {
                port: row.number("port", self.port)?,
                security: row.written("security", &self.security)?,
                host: self.host,
                allow_cleartext_login: self.allow_cleartext_login,
                accept_invalid_certs: self.accept_invalid_certs,
                ca_pem: self.ca_pem,
                pinned_sha256: self.pinned_sha256,
            },
            credential_id: self.credential_id,
            folder: self.folder,
            schedule: self.schedule,
            timezone: self.timezone,
            idle: self.idle,
            import_existing: self.import_existing,
            max_size_bytes: self.max_size_bytes,
            proof: row.written("proof", &self.proof)?,
            by_mail: row.written("by_mail", &self.by_mail)?,
            profile: row.written("profile", &self.profile)?,
            trusted_authserv_ids: row.json("trusted_authserv_ids", self.trusted_authserv_ids.0)?,
            trust_internaldate: self.trust_internaldate,
            version: self.version,
            name: self.name,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- inbox_accounts\n\
            SELECT id, name, enabled, automatic_check, keep_copy, addresses, sub_address, \
            protocol, host, port, security, allow_cleartext_login, accept_invalid_certs, ca_pem, \
            pinned_sha256, credential_id, folder, schedule, timezone, idle, import_existing, \
            max_size_bytes, proof, by_mail, profile, trusted_authserv_ids, trust_internaldate, \
            version \
            FROM inbox_account ",
            $rest
        )
    };
}

/// Makes the account and its `inbox_state`, due at once. An enabled account's
/// baseline is this moment; a disabled one's waits until it is enabled.
pub async fn add(tx: &mut Tx, account: &InboxAccount, at: DateTime<Utc>) -> Result<(), StoreError> {
    let server = &account.server;
    changed!(
        tx,
        "-- inbox_accounts.add
        INSERT INTO inbox_account (id, name, enabled, automatic_check, keep_copy, addresses,
            sub_address, protocol, host, port, security, allow_cleartext_login,
            accept_invalid_certs, ca_pem, pinned_sha256, credential_id, folder, schedule, timezone,
            idle, import_existing, max_size_bytes, proof, by_mail, profile, trusted_authserv_ids,
            trust_internaldate, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $29)",
        account.id,
        &account.name,
        account.enabled,
        account.automatic_check,
        account.keep_copy,
        Json(&account.addresses),
        &account.sub_address,
        word(&account.protocol),
        &server.host,
        i64::from(server.port),
        word(&server.security),
        server.allow_cleartext_login,
        server.accept_invalid_certs,
        &server.ca_pem,
        &server.pinned_sha256,
        account.credential_id,
        &account.folder,
        &account.schedule,
        &account.timezone,
        account.idle,
        account.import_existing,
        account.max_size_bytes,
        word(&account.proof),
        word(&account.by_mail),
        word(&account.profile),
        Json(&account.trusted_authserv_ids),
        account.trust_internaldate,
        account.version,
        at,
    )?;
    changed!(
        tx,
        "-- inbox_accounts.add: its state
        INSERT INTO inbox_state (account_id, due_at, lease_epoch, baseline_at, baseline_taken,
            failures, refused_logins)
        VALUES ($1, $2, 0, CASE WHEN $3 THEN $2 END, FALSE, 0, 0)",
        account.id,
        at,
        account.enabled,
    )?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: InboxAccountId) -> Result<Option<InboxAccount>, StoreError> {
    row!(tx, Row, select!("WHERE id = $1"), id)?.map(Row::read).transpose()
}

pub async fn find_by_name(tx: &mut Tx, name: &str) -> Result<Option<InboxAccount>, StoreError> {
    row!(tx, Row, select!("WHERE name = $1"), name)?.map(Row::read).transpose()
}

/// All of them, by name.
pub async fn list(tx: &mut Tx) -> Result<Vec<InboxAccount>, StoreError> {
    rows!(tx, Row, select!("ORDER BY name"))?.into_iter().map(Row::read).collect()
}

/// Those that are enabled and have the automatic check on, by name: the ones
/// a reply road can end in.
pub async fn list_polled(tx: &mut Tx) -> Result<Vec<InboxAccount>, StoreError> {
    rows!(tx, Row, select!("WHERE enabled AND automatic_check ORDER BY name"))?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// False where it is gone or somebody changed it since `account.version` was
/// read. Enabling it for the first time sets its baseline.
pub async fn update(
    tx: &mut Tx,
    account: &InboxAccount,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let server = &account.server;
    let count = changed!(
        tx,
        "-- inbox_accounts.update
        UPDATE inbox_account SET name = $3, enabled = $4, automatic_check = $5, keep_copy = $6,
            addresses = $7, sub_address = $8, protocol = $9, host = $10, port = $11,
            security = $12, allow_cleartext_login = $13, accept_invalid_certs = $14, ca_pem = $15,
            pinned_sha256 = $16, credential_id = $17, folder = $18, schedule = $19, timezone = $20,
            idle = $21, import_existing = $22, max_size_bytes = $23, proof = $24, by_mail = $25,
            profile = $26, trusted_authserv_ids = $27, trust_internaldate = $28, updated_at = $29,
            version = version + 1
        WHERE id = $1 AND version = $2",
        account.id,
        account.version,
        &account.name,
        account.enabled,
        account.automatic_check,
        account.keep_copy,
        Json(&account.addresses),
        &account.sub_address,
        word(&account.protocol),
        &server.host,
        i64::from(server.port),
        word(&server.security),
        server.allow_cleartext_login,
        server.accept_invalid_certs,
        &server.ca_pem,
        &server.pinned_sha256,
        account.credential_id,
        &account.folder,
        &account.schedule,
        &account.timezone,
        account.idle,
        account.import_existing,
        account.max_size_bytes,
        word(&account.proof),
        word(&account.by_mail),
        word(&account.profile),
        Json(&account.trusted_authserv_ids),
        account.trust_internaldate,
        at,
    )?;
    if count == 1 && account.enabled {
        super::inbox_state::set_baseline(tx, account.id, at).await?;
    }
    Ok(count == 1)
}

/// False where there is none. Its state, place and copies go with it; the
/// messages that came through it stay and forget it.
pub async fn remove(tx: &mut Tx, id: InboxAccountId) -> Result<bool, StoreError> {
    let count =
        changed!(tx, "-- inbox_accounts.remove\nDELETE FROM inbox_account WHERE id = $1", id)
            .map_err(|error| error.of_removal("a message"))?;
    Ok(count == 1)
}

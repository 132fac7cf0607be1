//! Accounts that mail is sent through.

use chrono::{DateTime, Utc};

use super::{
    StoreError, Tx,
    columns::{RowOf, holdable, word},
    tx::*,
};
use crate::domain::{
    ids::{CredentialId, SmtpAccountId},
    mail_server::MailServer,
    smtp_account::SmtpAccount,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: SmtpAccountId,
    name: String,
    enabled: bool,
    is_default: bool,
    sender: String,
    reply_to: Option<String>,
    return_path: Option<String>,
    confirmation_to: Option<String>,
    request_read_receipt: bool,
    force_settings: bool,
    footer_enabled: bool,
    host: String,
    port: i64,
    security: String,
    allow_cleartext_login: bool,
    accept_invalid_certs: bool,
    ca_pem: Option<String>,
    pinned_sha256: Option<String>,
    authenticate: bool,
    credential_id: Option<CredentialId>,
    rate_per_minute: Option<i64>,
    max_connections: i64,
    paused_reason: Option<String>,
    version: i64,
}

impl Row {
    fn read(self) -> Result<SmtpAccount, StoreError> {
        let row = RowOf::new("smtp_account", &self.id);
        let optional = |column, found: &Option<String>| {
            found.as_deref().map(|found| row.address(column, found)).transpose()
        };
        Ok(SmtpAccount {
            id: self.id,
            enabled: self.enabled,
            default: self.is_default,
            sender: row.address("sender", &self.sender)?,
            reply_to: optional("reply_to", &self.reply_to)?,
            return_path: optional("return_path", &self.return_path)?,
            confirmation_to: optional("confirmation_to", &self.confirmation_to)?,
            request_read_receipt: self.request_read_receipt,
            force_settings: self.force_settings,
            footer_enabled: self.footer_enabled,
            server: MailServer {
                port: row.number("port", self.port)?,
                security: row.written("security", &self.security)?,
                host: self.host,
                allow_cleartext_login: self.allow_cleartext_login,
                accept_invalid_certs: self.accept_invalid_certs,
                ca_pem: self.ca_pem,
                pinned_sha256: self.pinned_sha256,
            },
            authenticate: self.authenticate,
            credential_id: self.credential_id,
            rate_per_minute: self.rate_per_minute,
            max_connections: self.max_connections,
            paused_reason: self.paused_reason,
            version: self.version,
            name: self.name,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- smtp_accounts\n\
            SELECT id, name, enabled, is_default, sender, reply_to, return_path, confirmation_to, \
            request_read_receipt, force_settings, footer_enabled, host, port, security, \
            allow_cleartext_login, accept_invalid_certs, ca_pem, pinned_sha256, authenticate, \
            credential_id, rate_per_minute, max_connections, paused_reason, version \
            FROM smtp_account ",
            $rest
        )
    };
}

/// `Taken` where the name, or the place of the default, is.
pub async fn add(tx: &mut Tx, account: &SmtpAccount, at: DateTime<Utc>) -> Result<(), StoreError> {
    let server = &account.server;
    changed!(
        tx,
        "-- smtp_accounts.add
        INSERT INTO smtp_account (id, name, enabled, is_default, sender, reply_to, return_path,
            confirmation_to, request_read_receipt, force_settings, footer_enabled, host, port,
            security, allow_cleartext_login, accept_invalid_certs, ca_pem, pinned_sha256,
            authenticate, credential_id, rate_per_minute, max_connections, paused_reason, version,
            created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $25)",
        account.id,
        &account.name,
        account.enabled,
        account.default,
        account.sender.to_string(),
        account.reply_to.as_ref().map(ToString::to_string),
        account.return_path.as_ref().map(ToString::to_string),
        account.confirmation_to.as_ref().map(ToString::to_string),
        account.request_read_receipt,
        account.force_settings,
        account.footer_enabled,
        &server.host,
        i64::from(server.port),
        word(&server.security),
        server.allow_cleartext_login,
        server.accept_invalid_certs,
        &server.ca_pem,
        &server.pinned_sha256,
        account.authenticate,
        account.credential_id,
        account.rate_per_minute,
        account.max_connections,
        &account.paused_reason,
        account.version,
        at,
    )?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: SmtpAccountId) -> Result<Option<SmtpAccount>, StoreError> {
    row!(tx, Row, select!("WHERE id = $1"), id)?.map(Row::read).transpose()
}

pub async fn find_by_name(tx: &mut Tx, name: &str) -> Result<Option<SmtpAccount>, StoreError> {
    row!(tx, Row, select!("WHERE name = $1"), name)?.map(Row::read).transpose()
}

/// The account for mail that names none.
pub async fn find_default(tx: &mut Tx) -> Result<Option<SmtpAccount>, StoreError> {
    row!(tx, Row, select!("WHERE is_default"))?.map(Row::read).transpose()
}

/// All of them, by name.
pub async fn list(tx: &mut Tx) -> Result<Vec<SmtpAccount>, StoreError> {
    rows!(tx, Row, select!("ORDER BY name"))?.into_iter().map(Row::read).collect()
}

/// Writes the settings, `default` and `paused_reason` excepted, which
/// [`make_default`], [`pause`] and [`resume`] change. False where it is gone
/// or somebody changed it since `account.version` was read.
pub async fn update(
    tx: &mut Tx,
    account: &SmtpAccount,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let server = &account.server;
    let count = changed!(
        tx,
        "-- smtp_accounts.update
        UPDATE smtp_account SET name = $3, enabled = $4, sender = $5, reply_to = $6,
            return_path = $7, confirmation_to = $8, request_read_receipt = $9,
            force_settings = $10, footer_enabled = $11, host = $12, port = $13, security = $14,
            allow_cleartext_login = $15, accept_invalid_certs = $16, ca_pem = $17,
            pinned_sha256 = $18, authenticate = $19, credential_id = $20, rate_per_minute = $21,
            max_connections = $22, updated_at = $23, version = version + 1
        WHERE id = $1 AND version = $2",
        account.id,
        account.version,
        &account.name,
        account.enabled,
        account.sender.to_string(),
        account.reply_to.as_ref().map(ToString::to_string),
        account.return_path.as_ref().map(ToString::to_string),
        account.confirmation_to.as_ref().map(ToString::to_string),
        account.request_read_receipt,
        account.force_settings,
        account.footer_enabled,
        &server.host,
        i64::from(server.port),
        word(&server.security),
        server.allow_cleartext_login,
        server.accept_invalid_certs,
        &server.ca_pem,
        &server.pinned_sha256,
        account.authenticate,
        account.credential_id,
        account.rate_per_minute,
        account.max_connections,
        at,
    )?;
    Ok(count == 1)
}

/// Moves the default here from wherever it was. False where there is no such
/// account. Counts as a change of both.
pub async fn make_default(
    tx: &mut Tx,
    id: SmtpAccountId,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    changed!(
        tx,
        "-- smtp_accounts.make_default: first taken away, for two may not be at any moment
        UPDATE smtp_account SET is_default = FALSE, updated_at = $2, version = version + 1
        WHERE is_default AND id <> $1",
        id,
        at,
    )?;
    let count = changed!(
        tx,
        "-- smtp_accounts.make_default
        UPDATE smtp_account SET is_default = TRUE, updated_at = $2,
            version = CASE WHEN is_default THEN version ELSE version + 1 END
        WHERE id = $1",
        id,
        at,
    )?;
    Ok(count == 1)
}

/// Sends nothing until somebody resumes it; its queue stays.
pub async fn pause(tx: &mut Tx, id: SmtpAccountId, reason: &str) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- smtp_accounts.pause: the first reason stays, and settings seen stay valid
        UPDATE smtp_account SET paused_reason = $2 WHERE id = $1 AND paused_reason IS NULL",
        id,
        holdable(reason),
    )?;
    Ok(count == 1)
}

/// False where it was not paused.
pub async fn resume(tx: &mut Tx, id: SmtpAccountId) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- smtp_accounts.resume
        UPDATE smtp_account SET paused_reason = NULL WHERE id = $1 AND paused_reason IS NOT NULL",
        id,
    )?;
    Ok(count == 1)
}

/// False where there is none. `InUse` while mail waits for it or an open
/// request goes out through it; what was settled stays and forgets it.
pub async fn remove(tx: &mut Tx, id: SmtpAccountId) -> Result<bool, StoreError> {
    // PostgreSQL: the lock keeps new mail from naming the account meanwhile.
    const LOCK: PerDatabase = PerDatabase {
        sqlite: "-- smtp_accounts.remove\nSELECT id FROM smtp_account WHERE id = $1",
        postgres: "-- smtp_accounts.remove\nSELECT id FROM smtp_account WHERE id = $1 FOR UPDATE",
    };
    if row!(tx, (SmtpAccountId,), LOCK, id)?.is_none() {
        return Ok(false);
    }
    let (waits, asks) = the_row!(
        tx,
        (bool, bool),
        "-- smtp_accounts.remove
        SELECT EXISTS (SELECT 1 FROM outbox_message WHERE smtp_account_id = $1
                AND state IN ('queued', 'sending', 'deferred', 'unknown')),
            EXISTS (SELECT 1 FROM access_request WHERE smtp_account_id = $1
                AND status = 'pending')",
        id,
    )?;
    if waits {
        return Err(StoreError::InUse { what: "mail that waits to be sent" });
    }
    if asks {
        return Err(StoreError::InUse { what: "a pending access request" });
    }
    let count = changed!(tx, "-- smtp_accounts.remove\nDELETE FROM smtp_account WHERE id = $1", id)
        .map_err(|error| error.of_removal("mail"))?;
    Ok(count == 1)
}

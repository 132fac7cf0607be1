//! What can go wrong with the store; the variants differ by what is done next.

use sqlx::error::{DatabaseError, ErrorKind};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Busy, locked, full, failing over or out of reach: nothing was changed,
    /// try again later.
    #[error("the database cannot be used at the moment")]
    Unavailable { source: sqlx::Error },
    /// Another row has this already; `what` names it for a person.
    #[error("the {what} is taken")]
    Taken { what: &'static str },
    /// It cannot be removed while `what` still uses it.
    #[error("it is in use by {what}")]
    InUse { what: &'static str },
    /// It names something that is not there.
    #[error("it names something that does not exist")]
    Missing { source: sqlx::Error },
    /// A row holds what no version of this program wrote.
    #[error("column `{column}` of `{table}` row `{id}` holds `{found}`, which means nothing")]
    Corrupt { table: &'static str, column: &'static str, id: String, found: String },
    /// Somebody else holds the lease now, or it ran out: stop, write nothing.
    #[error("the lease is lost")]
    LeaseLost,
    /// The list's cursor was not made by this program.
    #[error("the cursor is not one of ours")]
    BadCursor,
    /// Perhaps committed, perhaps not: read again by key before anything else.
    #[error("it is not known whether the commit happened")]
    CommitUnknown { source: sqlx::Error },
    /// An earlier statement of the transaction failed and was not rolled back
    /// to a savepoint; nothing of it is or will be committed.
    #[error("an earlier statement of this transaction failed")]
    Spoilt,
    /// The database is not as this program needs it; an operator must act.
    #[error("{0}")]
    Schema(String),
    /// A mistake in this program, or a database that breaks its promises.
    #[error("the database refused")]
    Other { source: sqlx::Error },
}

/// Every unique constraint: its name (what PostgreSQL reports), its columns
/// (what SQLite reports), and what a person calls it. A test keeps it whole.
pub const UNIQUE: &[(&str, &str, &str)] = &[
    ("credential_name_key", "credential.name", "credential name"),
    ("smtp_account_name_key", "smtp_account.name", "SMTP account name"),
    ("smtp_account_default", "smtp_account.is_default", "place of the default SMTP account"),
    ("inbox_account_name_key", "inbox_account.name", "inbox account name"),
    ("person_address_key", "person_address.address_key", "e-mail address"),
    (
        "person_address_position",
        "person_address.person_id, person_address.position",
        "position of the address",
    ),
    ("access_request_number_key", "access_request.number", "request number"),
    ("access_request_external_id_key", "access_request.external_id", "external_id"),
    (
        "approver_person_once",
        "approver.access_request_id, approver.person_id",
        "person's place in the request",
    ),
    (
        "approver_position",
        "approver.access_request_id, approver.position",
        "position of the approver",
    ),
    ("outbox_message_id_key", "outbox_message.message_id", "Message-ID"),
    ("token_lookup_hash_key", "token.lookup_hash", "token"),
    (
        "mailbox_copy_identity",
        "mailbox_copy.account_id, mailbox_copy.folder, mailbox_copy.validity, mailbox_copy.uid",
        "copy of the mail",
    ),
    (
        "decision_live",
        "decision.access_request_id, decision.approver_id",
        "approver's decision on the request",
    ),
    ("decision_inbound_message", "decision.inbound_message_id", "decision of the message"),
    ("ledger_entry_hash_key", "ledger_entry.hash", "place in the ledger"),
    ("api_token_name_key", "api_token.name", "API token name"),
    ("api_token_hash_key", "api_token.hash", "API token"),
    (
        "idempotency_key_once",
        "idempotency_key.api_token_id, idempotency_key.key",
        "idempotency key",
    ),
];

impl StoreError {
    /// Reads an error of a statement that was not a commit.
    pub(super) fn of_statement(error: sqlx::Error) -> Self {
        match error.as_database_error() {
            Some(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::Taken { what: taken(database) },
                ErrorKind::ForeignKeyViolation => Self::Missing { source: error },
                _ if passes(database) => Self::Unavailable { source: error },
                _ => Self::Other { source: error },
            },
            None if lost_connection(&error) => Self::Unavailable { source: error },
            None => Self::Other { source: error },
        }
    }

    /// Reads an error of a commit: where the answer got lost, nobody knows
    /// whether it happened.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        let unknown = match error.as_database_error() {
            Some(database) => {
                let code = database.code().unwrap_or_default();
                commit_may_have_happened(database, &code)
            }
            None => lost_connection(&error),
        };
        if unknown { Self::CommitUnknown { source: error } } else { Self::of_statement(error) }
    }

    /// A row that others point to was to be removed.
    pub(super) fn of_removal(self, what: &'static str) -> Self {
        match self {
            Self::Missing { .. } => Self::InUse { what },
            other => other,
        }
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

fn taken(error: &dyn DatabaseError) -> &'static str {
    let known = UNIQUE.iter().find(|(name, columns, _)| match error.constraint() {
        Some(constraint) => constraint == *name,
        None => error.message().ends_with(&format!(": {columns}")),
    });
    known.map_or("id", |(_, _, what)| what)
}

fn lost_connection(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed
    )
}

/// SQLite's primary result codes (<https://sqlite.org/rescode.html>) that heal
/// without us: busy, locked, no memory, read-only, interrupted, I/O error,
/// full, cannot open, protocol.
const SQLITE_PASSING: &[i32] = &[5, 6, 7, 8, 9, 10, 13, 14, 15];
const SQLITE_IO_ERROR: i32 = 10;

/// PostgreSQL's codes (appendix A) that heal without us, by class or whole:
/// connection, resources, operator intervention, rollback, lock not available,
/// object in use, read-only after a failover, idle in transaction.
const POSTGRES_PASSING: &[&str] =
    &["08", "53", "57", "58", "40", "55P03", "55006", "25006", "25P03", "25P04"];

fn sqlite_primary(error: &dyn DatabaseError, code: &str) -> Option<i32> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    // The low byte of an extended code is the primary one.
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}

fn passes(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match sqlite_primary(error, &code) {
        Some(primary) => SQLITE_PASSING.contains(&primary),
        None => POSTGRES_PASSING.iter().any(|known| code.starts_with(known)),
    }
}

/// An I/O error while SQLite synced, or PostgreSQL going away while it
/// committed (connection exception, crash or shutdown, 40003 statement
/// completion unknown).
fn commit_may_have_happened(error: &dyn DatabaseError, code: &str) -> bool {
    match sqlite_primary(error, code) {
        Some(primary) => primary == SQLITE_IO_ERROR,
        None => ["08", "57P", "40003", "58"].iter().any(|known| code.starts_with(known)),
    }
}

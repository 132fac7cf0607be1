//! How an inbox account is doing, who is reading it, and when to look again.
//!
//! A lease is (account, node, epoch, until) in database time. Claiming raises
//! the epoch, so a holder that slept through the end of its lease finds its
//! number stale and is refused, however late it wakes.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{StoreError, Tx, columns::holdable_json, columns::holdable_option, tx::*};
use crate::domain::ids::{InboxAccountId, NodeId};

/// The right to read one mailbox for a while. Good until `until`; every write
/// made under it goes through [`fence`] in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub account: InboxAccountId,
    pub node: NodeId,
    /// The fencing number.
    pub epoch: i64,
    pub until: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct InboxState {
    pub account_id: InboxAccountId,
    pub due_at: DateTime<Utc>,
    pub lease_node: Option<NodeId>,
    pub lease_epoch: i64,
    pub lease_until: Option<DateTime<Utc>>,
    /// The moment the account was first enabled; what came before is history.
    pub baseline_at: Option<DateTime<Utc>>,
    /// Whether the list of what lay there then was recorded (POP3).
    pub baseline_taken: bool,
    /// Visits in a row that ended in an error.
    pub failures: i64,
    /// Refused logins in a row.
    pub refused_logins: i64,
    pub paused_reason: Option<String>,
    pub last_started_at: Option<DateTime<Utc>>,
    pub last_success_at: Option<DateTime<Utc>>,
    pub last_error_step: Option<String>,
    pub last_error: Option<String>,
    pub last_error_at: Option<DateTime<Utc>>,
    #[sqlx(json(nullable))]
    pub last_summary: Option<Value>,
}

/// What a visit leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct AfterVisit {
    /// When to look again.
    pub due_at: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
    /// The step it ended at and what was said; none: a success.
    pub error: Option<(String, String)>,
    pub refused_login: bool,
    /// Not none: a person must act before the account is read again.
    pub paused_reason: Option<String>,
    pub summary: Value,
}

// PostgreSQL: two nodes that ask at once must not wait for each other's rows,
// nor get the same ones. SQLite has one writer at a time.
macro_rules! claim_due {
    ($lock:literal) => {
        concat!(
            "-- inbox_state.claim_due\n\
            WITH due AS (\
                SELECT s.account_id FROM inbox_state s \
                JOIN inbox_account a ON a.id = s.account_id \
                WHERE a.enabled AND a.automatic_check AND s.paused_reason IS NULL \
                    AND s.due_at <= $2 AND (s.lease_until IS NULL OR s.lease_until <= $2) \
                ORDER BY s.due_at, s.account_id LIMIT $4",
            $lock,
            ") UPDATE inbox_state SET lease_node = $1, lease_epoch = lease_epoch + 1, \
                lease_until = $3, last_started_at = $2 \
            FROM due WHERE inbox_state.account_id = due.account_id \
            RETURNING inbox_state.account_id, lease_epoch"
        )
    };
}

const CLAIM_DUE: PerDatabase =
    PerDatabase { sqlite: claim_due!(""), postgres: claim_due!(" FOR UPDATE OF s SKIP LOCKED") };

/// Leases up to `limit` accounts that are polled, due and free.
pub async fn claim_due(
    tx: &mut Tx,
    node: NodeId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Lease>, StoreError> {
    let claimed = rows!(tx, (InboxAccountId, i64), CLAIM_DUE, node, now, until, limit)?;
    let lease = |(account, epoch)| Lease { account, node, epoch, until };
    Ok(claimed.into_iter().map(lease).collect())
}

/// Leases one enabled account because somebody asks, due or not, paused or
/// not. None where it is disabled, gone, or leased.
pub async fn claim(
    tx: &mut Tx,
    account: InboxAccountId,
    node: NodeId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Lease>, StoreError> {
    let claimed = row!(
        tx,
        (i64,),
        "-- inbox_state.claim
        UPDATE inbox_state SET lease_node = $2, lease_epoch = lease_epoch + 1, lease_until = $4,
            last_started_at = $3
        WHERE account_id = $1 AND (lease_until IS NULL OR lease_until <= $3)
            AND EXISTS (SELECT 1 FROM inbox_account a WHERE a.id = $1 AND a.enabled)
        RETURNING lease_epoch",
        account,
        node,
        now,
        until,
    )?;
    Ok(claimed.map(|(epoch,)| Lease { account, node, epoch, until }))
}

/// Holds on until `until`. False where the lease was lost.
pub async fn renew(tx: &mut Tx, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let count = changed!(
        tx,
        "-- inbox_state.renew: what has run out is not renewed, for it may have been seen free
        UPDATE inbox_state SET lease_until = $5
        WHERE account_id = $1 AND lease_node = $2 AND lease_epoch = $3 AND lease_until > $4",
        lease.account,
        lease.node,
        lease.epoch,
        now,
        until,
    )?;
    Ok(count == 1)
}

/// Refuses to go on unless the lease is live; asked first in every transaction
/// that writes under it, and holds the row so that nobody claims it before
/// the commit.
pub async fn fence(tx: &mut Tx, lease: &Lease) -> Result<(), StoreError> {
    const FENCE: PerDatabase = PerDatabase {
        sqlite: "-- inbox_state.fence: this is the only writer
            SELECT lease_until FROM inbox_state
            WHERE account_id = $1 AND lease_node = $2 AND lease_epoch = $3 AND lease_until > $4",
        postgres: "-- inbox_state.fence: FOR UPDATE, or another node could claim it meanwhile
            SELECT lease_until FROM inbox_state
            WHERE account_id = $1 AND lease_node = $2 AND lease_epoch = $3 AND lease_until > $4
            FOR UPDATE",
    };
    let now = tx.now().await?;
    let held = row!(tx, (DateTime<Utc>,), FENCE, lease.account, lease.node, lease.epoch, now)?;
    held.map(drop).ok_or(StoreError::LeaseLost)
}

/// Ends a visit: writes down how it went and gives the lease back. False, and
/// nothing written, where somebody else holds it by now.
pub async fn release(tx: &mut Tx, lease: &Lease, after: &AfterVisit) -> Result<bool, StoreError> {
    let failed = after.error.is_some();
    let (step, text) = after.error.clone().unzip();
    let count = changed!(
        tx,
        "-- inbox_state.release: a lease that ran out is still ours to end while nobody took it
        UPDATE inbox_state SET lease_node = NULL, lease_until = NULL, due_at = $4,
            last_started_at = $5,
            last_success_at = CASE WHEN $6 THEN last_success_at ELSE $7 END,
            failures = CASE WHEN $6 THEN failures + 1 ELSE 0 END,
            refused_logins = CASE WHEN $8 THEN refused_logins + 1 WHEN $6 THEN refused_logins
                ELSE 0 END,
            last_error_step = CASE WHEN $6 THEN $9 ELSE last_error_step END,
            last_error = CASE WHEN $6 THEN $10 ELSE last_error END,
            last_error_at = CASE WHEN $6 THEN $7 ELSE last_error_at END,
            paused_reason = coalesce($11, paused_reason), last_summary = $12
        WHERE account_id = $1 AND lease_node = $2 AND lease_epoch = $3",
        lease.account,
        lease.node,
        lease.epoch,
        after.due_at,
        after.started_at,
        failed,
        after.ended_at,
        after.refused_login,
        holdable_option(&step),
        holdable_option(&text),
        holdable_option(&after.paused_reason),
        Json(holdable_json(&after.summary)),
    )?;
    Ok(count == 1)
}

/// A node gives back all it holds when it stops. Gives how many there were.
pub async fn release_all(tx: &mut Tx, node: NodeId) -> Result<u64, StoreError> {
    changed!(
        tx,
        "-- inbox_state.release_all
        UPDATE inbox_state SET lease_node = NULL, lease_until = NULL WHERE lease_node = $1",
        node,
    )
}

pub async fn find(tx: &mut Tx, account: InboxAccountId) -> Result<Option<InboxState>, StoreError> {
    row!(
        tx,
        InboxState,
        "-- inbox_state.find
        SELECT account_id, due_at, lease_node, lease_epoch, lease_until, baseline_at,
            baseline_taken, failures, refused_logins, paused_reason, last_started_at,
            last_success_at, last_error_step, last_error, last_error_at, last_summary
        FROM inbox_state WHERE account_id = $1",
        account,
    )
}

/// Sets when to look again.
pub async fn schedule(
    tx: &mut Tx,
    account: InboxAccountId,
    due_at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbox_state.schedule
        UPDATE inbox_state SET due_at = $2 WHERE account_id = $1",
        account,
        due_at,
    )?;
    Ok(count == 1)
}

/// Sets the baseline, once: false where there is one already.
pub async fn set_baseline(
    tx: &mut Tx,
    account: InboxAccountId,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbox_state.set_baseline
        UPDATE inbox_state SET baseline_at = $2 WHERE account_id = $1 AND baseline_at IS NULL",
        account,
        at,
    )?;
    Ok(count == 1)
}

/// The list of what lay in the mailbox at the baseline has been recorded.
pub async fn set_baseline_taken(tx: &mut Tx, account: InboxAccountId) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbox_state.set_baseline_taken
        UPDATE inbox_state SET baseline_taken = TRUE WHERE account_id = $1",
        account,
    )?;
    Ok(count == 1)
}

/// Somebody mended something: an account that failed or was paused is due at
/// once, with the failures forgotten. False where nothing was wrong.
pub async fn resume(
    tx: &mut Tx,
    account: InboxAccountId,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbox_state.resume
        UPDATE inbox_state SET paused_reason = NULL, failures = 0, refused_logins = 0, due_at = $2
        WHERE account_id = $1 AND (paused_reason IS NOT NULL OR failures > 0)",
        account,
        now,
    )?;
    Ok(count == 1)
}

/// When the next account becomes claimable; none where none ever will by itself.
pub async fn next_due(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (due,) = the_row!(
        tx,
        (Option<DateTime<Utc>>,),
        "-- inbox_state.next_due: a leased account is not due before its lease ends
        SELECT min(CASE WHEN s.lease_until > s.due_at THEN s.lease_until ELSE s.due_at END)
        FROM inbox_state s JOIN inbox_account a ON a.id = s.account_id
        WHERE a.enabled AND a.automatic_check AND s.paused_reason IS NULL"
    )?;
    Ok(due)
}

//! Claiming what is due, and settling it.
//!
//! The unsettled states are written out, the same four in the same order, in
//! every condition: SQLite uses a partial index only where its condition stands
//! in the question word for word.

use chrono::{DateTime, Utc};

use super::super::{
    StoreError, Tx,
    columns::{RowOf, holdable, holdable_option},
    tx::*,
};
use crate::domain::{
    address::EmailAddress,
    ids::{AccessRequestId, ApproverId, NodeId, OutboxMessageId, SmtpAccountId},
    outbox::{DeliveryAttempt, Kind, State},
};

/// Why mail waits that names no account while none is the default.
pub const NO_DEFAULT_ACCOUNT: &str = "no_default_account";

/// A message under lease, with all that is needed to send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    pub id: OutboxMessageId,
    pub kind: Kind,
    /// The account to send it through: its own, or the default of now.
    pub smtp_account_id: SmtpAccountId,
    pub access_request_id: Option<AccessRequestId>,
    pub approver_id: Option<ApproverId>,
    pub recipient: EmailAddress,
    /// The envelope sender; none: the null path.
    pub mail_from: Option<EmailAddress>,
    pub message_id: String,
    pub raw: Vec<u8>,
    pub enqueued_at: DateTime<Utc>,
    pub not_after: Option<DateTime<Utc>>,
    /// Tries begun, this one among them.
    pub attempts: i64,
    pub node: NodeId,
    /// The fencing number.
    pub lease_epoch: i64,
    /// When the lease ends.
    pub until: DateTime<Utc>,
}

/// What a settlement names its claim by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedRef {
    pub id: OutboxMessageId,
    pub node: NodeId,
    pub lease_epoch: i64,
}

impl Claimed {
    pub fn reference(&self) -> ClaimedRef {
        ClaimedRef { id: self.id, node: self.node, lease_epoch: self.lease_epoch }
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub state: State,
    pub reason: Option<String>,
    /// When to try again, in an unsettled state.
    pub due_at: DateTime<Utc>,
    pub attempt: DeliveryAttempt,
    /// Must be there where `state` is `Sent`.
    pub sent_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: OutboxMessageId,
    kind: String,
    access_request_id: Option<AccessRequestId>,
    approver_id: Option<ApproverId>,
    recipient: String,
    mail_from: Option<String>,
    message_id: String,
    enqueued_at: DateTime<Utc>,
    not_after: Option<DateTime<Utc>>,
    attempts: i64,
    lease_epoch: i64,
}

/// Leases up to `limit` messages that are due and whose account can send. The
/// accounts share the limit, so one with a long queue does not stop another;
/// a paused or disabled account's mail is not even looked at.
pub async fn claim_due(
    tx: &mut Tx,
    node: NodeId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    note_missing_default(tx, now).await?;
    let queues = queues_with_due(tx, now).await?;
    let mut claimed = Vec::new();
    let mut left = limit;
    for (index, (account, is_default)) in queues.iter().enumerate() {
        let share = share_of(left, queues.len() - index);
        let own = claim_of_account(tx, (*account, *is_default), (node, now, until), share).await?;
        left -= i64::try_from(own.len()).unwrap_or(left);
        claimed.extend(own);
    }
    Ok(claimed)
}

/// What one of `queues` queues may take of what is left: rounded up, so that
/// even a limit smaller than their number is used.
fn share_of(left: i64, queues: usize) -> i64 {
    let queues = i64::try_from(queues).unwrap_or(i64::MAX).max(1);
    let left = left.max(0);
    left / queues + i64::from(left % queues != 0)
}

/// The accounts that can send and have something due, the longest waiting
/// first, so that in a full house the first is not always the same.
async fn queues_with_due(
    tx: &mut Tx,
    now: DateTime<Utc>,
) -> Result<Vec<(SmtpAccountId, bool)>, StoreError> {
    rows!(
        tx,
        (SmtpAccountId, bool),
        "-- outbox.claim_due: which accounts
        SELECT q.id, q.is_default FROM (
            SELECT a.id, a.is_default,
                (SELECT min(m.due_at) FROM outbox_message m WHERE m.smtp_account_id = a.id
                    AND m.state IN ('queued', 'sending', 'deferred', 'unknown')) AS own_due,
                CASE WHEN a.is_default THEN
                    (SELECT min(m.due_at) FROM outbox_message m WHERE m.smtp_account_id IS NULL
                        AND m.state IN ('queued', 'sending', 'deferred', 'unknown'))
                END AS default_due
            FROM smtp_account a WHERE a.enabled AND a.paused_reason IS NULL
        ) AS q
        WHERE q.own_due <= $1 OR q.default_due <= $1
        ORDER BY CASE WHEN q.default_due IS NULL OR q.own_due < q.default_due THEN q.own_due
            ELSE q.default_due END, q.id",
        now,
    )
}

// PostgreSQL: two nodes that ask at once must not wait for each other's rows,
// nor get the same ones. SQLite has one writer at a time.
macro_rules! claim_where {
    ($condition:literal, $lock:literal) => {
        concat!(
            "-- outbox.claim: due_at becomes the end of the lease, so a crash needs no clean-up\n\
            WITH due AS (\
                SELECT m.id FROM outbox_message m WHERE ",
            $condition,
            " AND m.state IN ('queued', 'sending', 'deferred', 'unknown') AND m.due_at <= $3 \
                ORDER BY m.due_at, m.id LIMIT $5",
            $lock,
            ") UPDATE outbox_message SET state = 'sending', reason = NULL, lease_node = $2, \
                lease_epoch = lease_epoch + 1, due_at = $4, attempts = attempts + 1, \
                sent_through_id = $1 \
            FROM due WHERE outbox_message.id = due.id \
            RETURNING outbox_message.id, kind, access_request_id, approver_id, recipient, \
                mail_from, message_id, enqueued_at, not_after, attempts, lease_epoch"
        )
    };
    ($condition:literal) => {
        PerDatabase {
            sqlite: claim_where!($condition, ""),
            postgres: claim_where!($condition, " FOR UPDATE OF m SKIP LOCKED"),
        }
    };
}

const CLAIM_OWN: PerDatabase = claim_where!("m.smtp_account_id = $1");
const CLAIM_UNNAMED: PerDatabase = claim_where!("m.smtp_account_id IS NULL");

async fn claim_of_account(
    tx: &mut Tx,
    (account, is_default): (SmtpAccountId, bool),
    (node, now, until): (NodeId, DateTime<Utc>, DateTime<Utc>),
    limit: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let mut found = rows!(tx, Row, CLAIM_OWN, account, node, now, until, limit)?;
    let left = limit - i64::try_from(found.len()).unwrap_or(limit);
    if is_default && left > 0 {
        found.extend(rows!(tx, Row, CLAIM_UNNAMED, account, node, now, until, left)?);
    }
    let mut claimed = Vec::with_capacity(found.len());
    for row in found {
        claimed.push(row.with_mail(tx, account, node, until).await?);
    }
    Ok(claimed)
}

impl Row {
    async fn with_mail(
        self,
        tx: &mut Tx,
        account: SmtpAccountId,
        node: NodeId,
        until: DateTime<Utc>,
    ) -> Result<Claimed, StoreError> {
        let raw = super::raw(tx, self.id).await?;
        let row = RowOf::new("outbox_message", &self.id);
        let mail_from = self.mail_from.as_deref();
        Ok(Claimed {
            id: self.id,
            kind: row.word("kind", &self.kind, Kind::from_word)?,
            smtp_account_id: account,
            access_request_id: self.access_request_id,
            approver_id: self.approver_id,
            recipient: row.address("recipient", &self.recipient)?,
            mail_from: mail_from.map(|found| row.address("mail_from", found)).transpose()?,
            raw: raw.ok_or_else(|| row.corrupt("raw", "nothing"))?,
            message_id: self.message_id,
            enqueued_at: self.enqueued_at,
            not_after: self.not_after,
            attempts: self.attempts,
            node,
            lease_epoch: self.lease_epoch,
            until,
        })
    }
}

/// Says why mail waits that names no account while none is the default.
async fn note_missing_default(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- outbox.claim_due: changes each message once, not at every look
        UPDATE outbox_message SET reason = $1
        WHERE smtp_account_id IS NULL AND state <> 'sending'
            AND state IN ('queued', 'sending', 'deferred', 'unknown')
            AND due_at <= $2 AND reason IS DISTINCT FROM $1
            AND NOT EXISTS (SELECT 1 FROM smtp_account WHERE is_default AND enabled)",
        NO_DEFAULT_ACCOUNT,
        now,
    )?;
    Ok(())
}

/// Leases one message because somebody waits for it: due or not, its account
/// paused or not. None where it is settled, being sent, or has no enabled
/// account.
pub async fn claim(
    tx: &mut Tx,
    id: OutboxMessageId,
    node: NodeId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<Claimed>, StoreError> {
    let account = row!(
        tx,
        (SmtpAccountId,),
        "-- outbox.claim: its account
        SELECT a.id FROM outbox_message m
        JOIN smtp_account a
            ON a.id = m.smtp_account_id OR (m.smtp_account_id IS NULL AND a.is_default)
        WHERE m.id = $1 AND a.enabled",
        id,
    )?;
    let Some((account,)) = account else { return Ok(None) };
    let found = row!(
        tx,
        Row,
        "-- outbox.claim
        UPDATE outbox_message SET state = 'sending', reason = NULL, lease_node = $2,
            lease_epoch = lease_epoch + 1, due_at = $4, attempts = attempts + 1,
            sent_through_id = $5
        WHERE id = $1 AND (state IN ('queued', 'deferred', 'unknown')
            OR (state = 'sending' AND due_at <= $3))
        RETURNING id, kind, access_request_id, approver_id, recipient, mail_from, message_id,
            enqueued_at, not_after, attempts, lease_epoch",
        id,
        node,
        now,
        until,
        account,
    )?;
    match found {
        Some(row) => row.with_mail(tx, account, node, until).await.map(Some),
        None => Ok(None),
    }
}

/// Writes down how a try ended and gives the lease back. False, and nothing
/// written, where the lease was lost.
pub async fn settle(
    tx: &mut Tx,
    claimed: &ClaimedRef,
    settlement: &Settlement,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- outbox.settle: a lease that ran out is still ours to end while nobody took it
        UPDATE outbox_message SET state = $4, reason = $5, due_at = $6, sent_at = $7,
            lease_node = NULL
        WHERE id = $1 AND state = 'sending' AND lease_node = $2 AND lease_epoch = $3",
        claimed.id,
        claimed.node,
        claimed.lease_epoch,
        settlement.state.as_str(),
        holdable_option(&settlement.reason),
        settlement.due_at,
        settlement.sent_at,
    )?;
    if count == 0 {
        return Ok(false);
    }
    let attempt = &settlement.attempt;
    changed!(
        tx,
        "-- outbox.settle: the try
        INSERT INTO delivery_attempt (outbox_message_id, lease_epoch, at, step, code, text)
        VALUES ($1, $2, $3, $4, $5, $6)",
        claimed.id,
        claimed.lease_epoch,
        attempt.at,
        holdable(&attempt.step),
        attempt.code,
        holdable(&attempt.text),
    )?;
    Ok(true)
}

/// Gives back what was claimed and not tried; due at once. False where the
/// lease was lost.
pub async fn release(tx: &mut Tx, claimed: &ClaimedRef) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    let count = changed!(
        tx,
        "-- outbox.release: as if it had not been claimed
        UPDATE outbox_message SET state = 'queued', due_at = $4, attempts = attempts - 1,
            lease_node = NULL
        WHERE id = $1 AND state = 'sending' AND lease_node = $2 AND lease_epoch = $3",
        claimed.id,
        claimed.node,
        claimed.lease_epoch,
        now,
    )?;
    Ok(count == 1)
}

/// Gives back everything this node still holds: it was broken off while it was
/// sending, so whether the server took it is not known. Gives how many.
pub async fn release_all(tx: &mut Tx, node: NodeId) -> Result<u64, StoreError> {
    let now = tx.now().await?;
    changed!(
        tx,
        "-- outbox.release_all: due at once, for the node ends and nobody else is at it
        UPDATE outbox_message SET state = 'unknown', reason = 'broken_off', due_at = $2,
            lease_node = NULL
        WHERE state = 'sending' AND lease_node = $1",
        node,
        now,
    )
}

/// Holds on to a claim until `until`. False where the lease was lost.
pub async fn renew(
    tx: &mut Tx,
    claimed: &ClaimedRef,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- outbox.renew
        UPDATE outbox_message SET due_at = $4
        WHERE id = $1 AND state = 'sending' AND lease_node = $2 AND lease_epoch = $3",
        claimed.id,
        claimed.node,
        claimed.lease_epoch,
        until,
    )?;
    Ok(count == 1)
}

/// When the next message falls due that an account can send; none where there
/// is nothing to wait for.
pub async fn next_due(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (due,) = the_row!(
        tx,
        (Option<DateTime<Utc>>,),
        "-- outbox.next_due: account by account, so that a paused queue is not walked
        SELECT min(q.due) FROM (
            SELECT (SELECT min(m.due_at) FROM outbox_message m WHERE m.smtp_account_id = a.id
                AND m.state IN ('queued', 'sending', 'deferred', 'unknown')) AS due
            FROM smtp_account a WHERE a.enabled AND a.paused_reason IS NULL
            UNION ALL
            SELECT (SELECT min(m.due_at) FROM outbox_message m WHERE m.smtp_account_id IS NULL
                AND m.state IN ('queued', 'sending', 'deferred', 'unknown')) AS due
            FROM smtp_account a WHERE a.enabled AND a.paused_reason IS NULL AND a.is_default
        ) AS q"
    )?;
    Ok(due)
}

/// Everything that waits for this account, and was not handed to a server just
/// now, is due at once: it was mended. Gives how many there were.
pub async fn wake_account(tx: &mut Tx, account: SmtpAccountId) -> Result<u64, StoreError> {
    let now = tx.now().await?;
    changed!(
        tx,
        "-- outbox.wake_account: an `unknown` one keeps its distance, for it may have arrived
        UPDATE outbox_message SET due_at = $2
        WHERE state IN ('queued', 'sending', 'deferred', 'unknown')
            AND state IN ('queued', 'deferred') AND due_at > $2 AND (smtp_account_id = $1
            OR (smtp_account_id IS NULL
                AND EXISTS (SELECT 1 FROM smtp_account a WHERE a.id = $1 AND a.is_default)))",
        account,
        now,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shared_without_waste() {
        for (left, queues, expected) in [(10, 3, 4), (6, 2, 3), (3, 1, 3), (1, 5, 1), (0, 2, 0)] {
            assert_eq!(share_of(left, queues), expected, "{left} among {queues}");
        }
    }
}

//! Mail that is owed to one recipient, until it is settled.
//!
//! A claimed message is `sending`, and its `due_at` is the end of the lease:
//! after a crash it falls due again by itself, and no clean-up is needed. The
//! lease's epoch fences the settlement of whoever slept too long.

mod sending;

use chrono::{DateTime, Utc};

pub use sending::{
    Claimed, ClaimedRef, NO_DEFAULT_ACCOUNT, Settlement, claim, claim_due, next_due, release,
    release_all, renew, settle, wake_account,
};

use super::{
    Listed, Page, StoreError, Tx,
    columns::{RowOf, holdable},
    listing::Conditions,
    tx::*,
};
use crate::domain::{
    address::EmailAddress,
    ids::{AccessRequestId, ApproverId, OutboxMessageId, SmtpAccountId},
    outbox::{DeliveryAttempt, Kind, NewOutboxMessage, State},
};

/// A message as it stands, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMessage {
    pub id: OutboxMessageId,
    pub kind: Kind,
    /// None: whichever account is the default when it is sent.
    pub smtp_account_id: Option<SmtpAccountId>,
    /// The account of the last try.
    pub sent_through_id: Option<SmtpAccountId>,
    pub access_request_id: Option<AccessRequestId>,
    pub approver_id: Option<ApproverId>,
    pub recipient: EmailAddress,
    /// The envelope sender; none: the null path.
    pub mail_from: Option<EmailAddress>,
    pub subject: String,
    /// Without angle brackets.
    pub message_id: String,
    pub state: State,
    /// Why it is in that state, where there is more to say.
    pub reason: Option<String>,
    /// When it is tried next; while `sending`, when the lease ends.
    pub due_at: DateTime<Utc>,
    pub not_after: Option<DateTime<Utc>>,
    /// Tries begun.
    pub attempts: i64,
    pub enqueued_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
}

/// Which messages are wanted; what is none does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    pub state: Option<State>,
    pub account: Option<SmtpAccountId>,
    pub request: Option<AccessRequestId>,
    pub recipient: Option<EmailAddress>,
    pub kind: Option<Kind>,
    /// Enqueued at or after.
    pub since: Option<DateTime<Utc>>,
    /// Enqueued before.
    pub until: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: OutboxMessageId,
    kind: String,
    smtp_account_id: Option<SmtpAccountId>,
    sent_through_id: Option<SmtpAccountId>,
    access_request_id: Option<AccessRequestId>,
    approver_id: Option<ApproverId>,
    recipient: String,
    mail_from: Option<String>,
    subject: String,
    message_id: String,
    state: String,
    reason: Option<String>,
    due_at: DateTime<Utc>,
    not_after: Option<DateTime<Utc>>,
    attempts: i64,
    enqueued_at: DateTime<Utc>,
    sent_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<OutboxMessage, StoreError> {
        let row = RowOf::new("outbox_message", &self.id);
        let mail_from = self.mail_from.as_deref();
        Ok(OutboxMessage {
            id: self.id,
            kind: row.word("kind", &self.kind, Kind::from_word)?,
            smtp_account_id: self.smtp_account_id,
            sent_through_id: self.sent_through_id,
            access_request_id: self.access_request_id,
            approver_id: self.approver_id,
            recipient: row.address("recipient", &self.recipient)?,
            mail_from: mail_from.map(|found| row.address("mail_from", found)).transpose()?,
            subject: self.subject,
            message_id: self.message_id,
            state: row.word("state", &self.state, State::from_word)?,
            reason: self.reason,
            due_at: self.due_at,
            not_after: self.not_after,
            attempts: self.attempts,
            enqueued_at: self.enqueued_at,
            sent_at: self.sent_at,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- outbox\n\
            SELECT id, kind, smtp_account_id, sent_through_id, access_request_id, approver_id, \
            recipient, mail_from, subject, message_id, state, reason, due_at, not_after, \
            attempts, enqueued_at, sent_at \
            FROM outbox_message",
            $rest
        )
    };
}

/// Owes a mail, in the transaction of its cause.
pub async fn add(tx: &mut Tx, message: &NewOutboxMessage) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- outbox.add
        INSERT INTO outbox_message (id, kind, smtp_account_id, access_request_id, approver_id,
            recipient, recipient_key, mail_from, subject, message_id, state, due_at, not_after,
            lease_epoch, attempts, enqueued_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', $11, $12, 0, 0, $13)",
        message.id,
        message.kind.as_str(),
        message.smtp_account_id,
        message.access_request_id,
        message.approver_id,
        message.recipient.to_string(),
        message.recipient.key(),
        message.mail_from.as_ref().map(ToString::to_string),
        holdable(&message.subject),
        &message.message_id,
        message.due_at,
        message.not_after,
        message.enqueued_at,
    )?;
    changed!(
        tx,
        "-- outbox.add: the mail itself
        INSERT INTO outbox_body (outbox_message_id, raw, text) VALUES ($1, $2, $3)",
        message.id,
        &message.raw,
        holdable(&message.text),
    )?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: OutboxMessageId) -> Result<Option<OutboxMessage>, StoreError> {
    row!(tx, Row, select!(" WHERE id = $1"), id)?.map(Row::read).transpose()
}

/// By the Message-ID we gave it, without angle brackets.
pub async fn find_by_message_id(
    tx: &mut Tx,
    message_id: &str,
) -> Result<Option<OutboxMessage>, StoreError> {
    // It comes out of somebody's mail, and PostgreSQL takes no U+0000.
    row!(tx, Row, select!(" WHERE message_id = $1"), holdable(message_id))?
        .map(Row::read)
        .transpose()
}

/// The mail as it goes out.
pub async fn raw(tx: &mut Tx, id: OutboxMessageId) -> Result<Option<Vec<u8>>, StoreError> {
    let found = row!(
        tx,
        (Vec<u8>,),
        "-- outbox.raw\nSELECT raw FROM outbox_body WHERE outbox_message_id = $1",
        id,
    )?;
    Ok(found.map(|(raw,)| raw))
}

/// Its text part, to know it again when it comes back quoted.
pub async fn text(tx: &mut Tx, id: OutboxMessageId) -> Result<Option<String>, StoreError> {
    let found = row!(
        tx,
        (String,),
        "-- outbox.text\nSELECT text FROM outbox_body WHERE outbox_message_id = $1",
        id,
    )?;
    Ok(found.map(|(text,)| text))
}

/// Every try, in order.
pub async fn attempts(
    tx: &mut Tx,
    id: OutboxMessageId,
) -> Result<Vec<DeliveryAttempt>, StoreError> {
    let found = rows!(
        tx,
        (DateTime<Utc>, String, Option<i64>, String),
        "-- outbox.attempts
        SELECT at, step, code, text FROM delivery_attempt
        WHERE outbox_message_id = $1 ORDER BY lease_epoch",
        id,
    )?;
    let read = |(at, step, code, text)| DeliveryAttempt { at, step, code, text };
    Ok(found.into_iter().map(read).collect())
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &OutboxFilter,
    page: &Page,
) -> Result<Listed<OutboxMessage>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.text("state = ", filter.state.map(State::as_str));
    conditions.id("smtp_account_id = ", filter.account.map(|id| id.0));
    conditions.id("access_request_id = ", filter.request.map(|id| id.0));
    conditions.text("recipient_key = ", filter.recipient.as_ref().map(EmailAddress::key));
    conditions.text("kind = ", filter.kind.map(Kind::as_str));
    conditions.time("enqueued_at >= ", filter.since);
    conditions.time("enqueued_at < ", filter.until);
    conditions.behind("(enqueued_at, id) < (", page)?;
    let order = "enqueued_at DESC, id DESC";
    let found = listed!(tx, Row, select!(""), conditions, order, page)?;
    let items = found.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Listed::cut(items, page, |message| (message.enqueued_at, message.id.0)))
}

/// Moves a message by hand (cancel, retry) or because a bounce came. False
/// where it is in none of the states `from`. Whoever is sending it just now
/// can no longer settle it; into an unsettled state, it is due at once. Only a
/// claim leads into `sending`.
pub async fn set_state(
    tx: &mut Tx,
    id: OutboxMessageId,
    from: &[State],
    to: State,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    let now = tx.now().await?;
    for state in from {
        let count = changed!(
            tx,
            "-- outbox.set_state
            UPDATE outbox_message SET state = $3, reason = $4, lease_node = NULL,
                lease_epoch = lease_epoch + 1, due_at = CASE WHEN $5 THEN due_at ELSE $6 END,
                sent_at = CASE WHEN $7 THEN coalesce(sent_at, $6) ELSE sent_at END
            WHERE id = $1 AND state = $2",
            id,
            state.as_str(),
            to.as_str(),
            reason.map(holdable),
            to.is_settled(),
            now,
            to == State::Sent,
        )?;
        if count == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many messages of a kind an approver got about a request.
pub async fn count_kind(
    tx: &mut Tx,
    request: AccessRequestId,
    approver: ApproverId,
    kind: Kind,
) -> Result<i64, StoreError> {
    let (count,) = the_row!(
        tx,
        (i64,),
        "-- outbox.count_kind
        SELECT count(*) FROM outbox_message
        WHERE access_request_id = $1 AND approver_id = $2 AND kind = $3",
        request,
        approver,
        kind.as_str(),
    )?;
    Ok(count)
}

/// How many messages are in each state, the empty ones left out.
pub async fn counts_by_state(tx: &mut Tx) -> Result<Vec<(State, i64)>, StoreError> {
    let found = rows!(
        tx,
        (String, i64),
        "-- outbox.counts_by_state
        SELECT state, count(*) FROM outbox_message GROUP BY state ORDER BY state"
    )?;
    let read = |(word, count): (String, i64)| {
        let row = RowOf::new("outbox_message", &"(any)");
        Ok((row.word("state", &word, State::from_word)?, count))
    };
    found.into_iter().map(read).collect()
}

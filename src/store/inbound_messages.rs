//! Mail that came, and what it turned out to be.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{
    Listed, Page, StoreError, Tx,
    columns::{RowOf, holdable_json, holdable_option},
    listing::{Bound, Conditions},
    tx::*,
};
use crate::domain::{
    address::EmailAddress,
    decision::{Disposition, Reason},
    ids::{AccessRequestId, ApproverId, InboundMessageId, InboxAccountId, OutboxMessageId},
};

/// What a message turned out to be, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub disposition: Disposition,
    /// `approve`, `deny` or `unclear`, as read from the words; none where none
    /// were read.
    pub answer: Option<String>,
    pub reason: Reason,
    /// Every step on the way, for a person.
    pub explanation: Value,
    pub access_request_id: Option<AccessRequestId>,
    pub approver_id: Option<ApproverId>,
    /// The notification, or other mail of ours, it answers or reports on.
    pub outbox_message_id: Option<OutboxMessageId>,
    /// What the person wrote.
    pub reply_text: Option<String>,
    /// What of it is not the answer itself.
    pub comment: Option<String>,
    /// The evidence about the sender.
    pub authentication: Value,
    pub judged_at: DateTime<Utc>,
    /// When a deferred one is judged again; none for all others.
    pub retry_at: Option<DateTime<Utc>>,
    pub tries: i64,
}

/// A message to be kept. Its header fields are information; identity is the
/// mailbox copy and `sha256`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewInbound {
    pub id: InboundMessageId,
    pub account_id: InboxAccountId,
    pub first_seen_at: DateTime<Utc>,
    /// IMAP's INTERNALDATE.
    pub internal_date: Option<DateTime<Utc>>,
    /// The only mailbox of the only From.
    pub from_address: Option<EmailAddress>,
    pub from_header: Option<String>,
    pub to_header: Option<String>,
    pub return_path: Option<String>,
    pub subject: Option<String>,
    pub message_id: Option<String>,
    /// As the server announced it; of `raw`, where that is whole.
    pub size_bytes: i64,
    /// Of `raw`.
    pub sha256: [u8; 32],
    pub raw: Vec<u8>,
    /// False: `raw` is the headers only.
    pub is_whole: bool,
    pub judgement: Judgement,
}

/// A message as it was kept, without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundMessage {
    pub id: InboundMessageId,
    /// None once the account was removed.
    pub account_id: Option<InboxAccountId>,
    pub first_seen_at: DateTime<Utc>,
    pub internal_date: Option<DateTime<Utc>>,
    pub from_address: Option<EmailAddress>,
    pub from_header: Option<String>,
    pub to_header: Option<String>,
    pub return_path: Option<String>,
    pub subject: Option<String>,
    pub message_id: Option<String>,
    pub size_bytes: i64,
    pub sha256: [u8; 32],
    pub is_whole: bool,
    pub judgement: Judgement,
    /// When retention erased the bytes.
    pub raw_erased_at: Option<DateTime<Utc>>,
}

/// Which messages are wanted; what is none does not narrow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InboundFilter {
    pub account: Option<InboxAccountId>,
    pub disposition: Option<Disposition>,
    pub reason: Option<Reason>,
    pub request: Option<AccessRequestId>,
    /// The From's address, in any case.
    pub sender: Option<String>,
    /// Part of the subject, in any case (of ASCII letters).
    pub subject: Option<String>,
    /// Only those about whose handling something went wrong: quarantined or deferred.
    pub with_error: bool,
    /// First seen at or after.
    pub since: Option<DateTime<Utc>>,
    /// First seen before.
    pub until: Option<DateTime<Utc>>,
}

/// What I2 counts: every message fetched reached one disposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Messages kept.
    pub messages: i64,
    /// How many of them are what.
    pub by_disposition: Vec<(Disposition, i64)>,
    /// Copies whose state says that they were fetched and committed.
    pub copies_fetched: i64,
    /// Of those, the ones that name no message.
    pub copies_without_message: i64,
    /// Whole messages whose bytes are gone though retention did not erase them.
    pub messages_without_bytes: i64,
}

impl Reconciliation {
    pub fn is_balanced(&self) -> bool {
        let judged: i64 = self.by_disposition.iter().map(|(_, count)| count).sum();
        self.messages == judged
            && self.copies_without_message == 0
            && self.messages_without_bytes == 0
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: InboundMessageId,
    account_id: Option<InboxAccountId>,
    first_seen_at: DateTime<Utc>,
    internal_date: Option<DateTime<Utc>>,
    from_address: Option<String>,
    from_header: Option<String>,
    to_header: Option<String>,
    return_path: Option<String>,
    subject: Option<String>,
    message_id: Option<String>,
    size_bytes: i64,
    sha256: Vec<u8>,
    is_whole: bool,
    disposition: String,
    answer: Option<String>,
    reason: String,
    explanation: Json<Value>,
    access_request_id: Option<AccessRequestId>,
    approver_id: Option<ApproverId>,
    outbox_message_id: Option<OutboxMessageId>,
    reply_text: Option<String>,
    comment: Option<String>,
    authentication: Json<Value>,
    judged_at: DateTime<Utc>,
    retry_at: Option<DateTime<Utc>>,
    tries: i64,
    raw_erased_at: Option<DateTime<Utc>>,
}

impl Row {
    fn read(self) -> Result<InboundMessage, StoreError> {
        let row = RowOf::new("inbound_message", &self.id);
        let from = self.from_address.as_deref();
        Ok(InboundMessage {
            id: self.id,
            account_id: self.account_id,
            first_seen_at: self.first_seen_at,
            internal_date: self.internal_date,
            from_address: from.map(|found| row.address("from_address", found)).transpose()?,
            from_header: self.from_header,
            to_header: self.to_header,
            return_path: self.return_path,
            subject: self.subject,
            message_id: self.message_id,
            size_bytes: self.size_bytes,
            sha256: row.bytes("sha256", &self.sha256)?,
            is_whole: self.is_whole,
            judgement: Judgement {
                disposition: row.word("disposition", &self.disposition, Disposition::from_word)?,
                answer: self.answer,
                reason: row.word("reason", &self.reason, Reason::from_word)?,
                explanation: self.explanation.0,
                access_request_id: self.access_request_id,
                approver_id: self.approver_id,
                outbox_message_id: self.outbox_message_id,
                reply_text: self.reply_text,
                comment: self.comment,
                authentication: self.authentication.0,
                judged_at: self.judged_at,
                retry_at: self.retry_at,
                tries: self.tries,
            },
            raw_erased_at: self.raw_erased_at,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- inbound_messages\n\
            SELECT id, account_id, first_seen_at, internal_date, from_address, from_header, \
            to_header, return_path, subject, message_id, size_bytes, sha256, is_whole, \
            disposition, answer, reason, explanation, access_request_id, approver_id, \
            outbox_message_id, reply_text, comment, authentication, judged_at, retry_at, tries, \
            raw_erased_at \
            FROM inbound_message",
            $rest
        )
    };
}

/// Keeps a message, its bytes and its judgement.
pub async fn add(tx: &mut Tx, message: &NewInbound) -> Result<(), StoreError> {
    let judgement = &message.judgement;
    changed!(
        tx,
        "-- inbound_messages.add
        INSERT INTO inbound_message (id, account_id, first_seen_at, internal_date, from_address,
            from_key, from_header, to_header, return_path, subject, message_id, size_bytes, sha256,
            is_whole, disposition, answer, reason, explanation, access_request_id, approver_id,
            outbox_message_id, reply_text, comment, authentication, judged_at, retry_at, tries)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27)",
        message.id,
        message.account_id,
        message.first_seen_at,
        message.internal_date,
        message.from_address.as_ref().map(ToString::to_string),
        message.from_address.as_ref().map(EmailAddress::key),
        holdable_option(&message.from_header),
        holdable_option(&message.to_header),
        holdable_option(&message.return_path),
        holdable_option(&message.subject),
        holdable_option(&message.message_id),
        message.size_bytes,
        &message.sha256[..],
        message.is_whole,
        judgement.disposition.as_str(),
        &judgement.answer,
        judgement.reason.as_str(),
        Json(holdable_json(&judgement.explanation)),
        judgement.access_request_id,
        judgement.approver_id,
        judgement.outbox_message_id,
        holdable_option(&judgement.reply_text),
        holdable_option(&judgement.comment),
        Json(holdable_json(&judgement.authentication)),
        judgement.judged_at,
        judgement.retry_at,
        judgement.tries,
    )?;
    changed!(
        tx,
        "-- inbound_messages.add: the bytes
        INSERT INTO inbound_raw (inbound_message_id, raw) VALUES ($1, $2)",
        message.id,
        &message.raw,
    )?;
    Ok(())
}

/// Judges a message anew: a deferred one whose evidence came, or one that is
/// processed again. False where there is none.
pub async fn judge(
    tx: &mut Tx,
    id: InboundMessageId,
    judgement: &Judgement,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbound_messages.judge
        UPDATE inbound_message SET disposition = $2, answer = $3, reason = $4, explanation = $5,
            access_request_id = $6, approver_id = $7, outbox_message_id = $8, reply_text = $9,
            comment = $10, authentication = $11, judged_at = $12, retry_at = $13, tries = $14
        WHERE id = $1",
        id,
        judgement.disposition.as_str(),
        &judgement.answer,
        judgement.reason.as_str(),
        Json(holdable_json(&judgement.explanation)),
        judgement.access_request_id,
        judgement.approver_id,
        judgement.outbox_message_id,
        holdable_option(&judgement.reply_text),
        holdable_option(&judgement.comment),
        Json(holdable_json(&judgement.authentication)),
        judgement.judged_at,
        judgement.retry_at,
        judgement.tries,
    )?;
    Ok(count == 1)
}

pub async fn find(tx: &mut Tx, id: InboundMessageId) -> Result<Option<InboundMessage>, StoreError> {
    row!(tx, Row, select!(" WHERE id = $1"), id)?.map(Row::read).transpose()
}

/// The message of an account with these bytes, the earliest.
pub async fn find_by_hash(
    tx: &mut Tx,
    account: InboxAccountId,
    sha256: &[u8; 32],
) -> Result<Option<InboundMessage>, StoreError> {
    row!(
        tx,
        Row,
        select!(" WHERE account_id = $1 AND sha256 = $2 ORDER BY first_seen_at, id LIMIT 1"),
        account,
        &sha256[..],
    )?
    .map(Row::read)
    .transpose()
}

/// The bytes as they came; none once retention erased them.
pub async fn raw(tx: &mut Tx, id: InboundMessageId) -> Result<Option<Vec<u8>>, StoreError> {
    let found = row!(
        tx,
        (Vec<u8>,),
        "-- inbound_messages.raw
        SELECT raw FROM inbound_raw WHERE inbound_message_id = $1",
        id,
    )?;
    Ok(found.map(|(raw,)| raw))
}

/// Erases the bytes; the judgement and the hash stay. False where they were
/// gone already.
pub async fn erase_raw(
    tx: &mut Tx,
    id: InboundMessageId,
    at: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- inbound_messages.erase_raw
        DELETE FROM inbound_raw WHERE inbound_message_id = $1",
        id,
    )?;
    if count == 1 {
        changed!(
            tx,
            "-- inbound_messages.erase_raw: so that nobody takes it for a loss
            UPDATE inbound_message SET raw_erased_at = $2 WHERE id = $1",
            id,
            at,
        )?;
    }
    Ok(count == 1)
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &InboundFilter,
    page: &Page,
) -> Result<Listed<InboundMessage>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.id("account_id = ", filter.account.map(|id| id.0));
    conditions.text("disposition = ", filter.disposition.map(Disposition::as_str));
    conditions.text("reason = ", filter.reason.map(Reason::as_str));
    conditions.id("access_request_id = ", filter.request.map(|id| id.0));
    conditions.text("from_key = ", filter.sender.as_ref().map(|sender| sender.to_lowercase()));
    if filter.with_error {
        let word = Bound::Text("deferred".to_owned());
        conditions.0.push(("disposition IN ('quarantined', ", word, ")"));
    }
    conditions.contains("lower(subject) LIKE lower(", filter.subject.as_deref());
    conditions.time("first_seen_at >= ", filter.since);
    conditions.time("first_seen_at < ", filter.until);
    conditions.behind("(first_seen_at, id) < (", page)?;
    let order = "first_seen_at DESC, id DESC";
    let found = listed!(tx, Row, select!(""), conditions, order, page)?;
    let items = found.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Listed::cut(items, page, |message| (message.first_seen_at, message.id.0)))
}

/// Whether another message of the same bytes was judged before and came to
/// something (a decision, a wait for one, a question back, or a duplicate of
/// such), in whatever account it came.
pub async fn same_bytes_judged(
    tx: &mut Tx,
    sha256: &[u8; 32],
    except: Option<InboundMessageId>,
) -> Result<bool, StoreError> {
    let (exists,) = the_row!(
        tx,
        (bool,),
        "-- inbound_messages.same_bytes_judged
        SELECT EXISTS (SELECT 1 FROM inbound_message WHERE sha256 = $1
            AND ($2 IS NULL OR id <> $2)
            AND disposition IN ('decided', 'awaiting_confirmation', 'unclear', 'duplicate'))",
        &sha256[..],
        except,
    )?;
    Ok(exists)
}

/// Deferred messages whose time has come, the longest due first.
pub async fn due_deferred(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<InboundMessageId>, StoreError> {
    let found = rows!(
        tx,
        (InboundMessageId,),
        "-- inbound_messages.due_deferred
        SELECT id FROM inbound_message WHERE disposition = 'deferred' AND retry_at <= $1
        ORDER BY retry_at, id LIMIT $2",
        now,
        limit,
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// How many messages are what, those that are none left out.
pub async fn count_by_disposition(
    tx: &mut Tx,
    account: Option<InboxAccountId>,
    since: Option<DateTime<Utc>>,
) -> Result<Vec<(Disposition, i64)>, StoreError> {
    let found = rows!(
        tx,
        (String, i64),
        "-- inbound_messages.count_by_disposition
        SELECT disposition, count(*) FROM inbound_message
        WHERE ($1 IS NULL OR account_id = $1) AND ($2 IS NULL OR first_seen_at >= $2)
        GROUP BY disposition ORDER BY disposition",
        account,
        since,
    )?;
    let read = |(word, count): (String, i64)| {
        let row = RowOf::new("inbound_message", &"(any)");
        Ok((row.word("disposition", &word, Disposition::from_word)?, count))
    };
    found.into_iter().map(read).collect()
}

/// Counts what came against what became of it (I2).
pub async fn reconcile(tx: &mut Tx) -> Result<Reconciliation, StoreError> {
    let by_disposition = count_by_disposition(tx, None, None).await?;
    let (messages, copies_fetched, copies_without_message, messages_without_bytes) = the_row!(
        tx,
        (i64, i64, i64, i64),
        "-- inbound_messages.reconcile
        SELECT (SELECT count(*) FROM inbound_message),
            (SELECT count(*) FROM mailbox_copy
                WHERE state IN ('kept', 'deferred', 'to_delete', 'deleted')),
            (SELECT count(*) FROM mailbox_copy
                WHERE state IN ('kept', 'deferred', 'to_delete', 'deleted')
                AND inbound_message_id IS NULL),
            (SELECT count(*) FROM inbound_message m
                LEFT JOIN inbound_raw r ON r.inbound_message_id = m.id
                WHERE r.inbound_message_id IS NULL AND m.raw_erased_at IS NULL)"
    )?;
    Ok(Reconciliation {
        messages,
        by_disposition,
        copies_fetched,
        copies_without_message,
        messages_without_bytes,
    })
}

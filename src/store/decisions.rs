//! Answers that counted.

use chrono::{DateTime, Utc};

use super::{
    Listed, Page, StoreError, Tx,
    columns::{RowOf, holdable_option},
    listing::Conditions,
    tx::*,
};
use crate::domain::{
    access_request::{LiveDecision, Vote},
    address::EmailAddress,
    ids::{
        AccessRequestId, ApiTokenId, ApproverId, DecisionId, InboundMessageId, InboxAccountId,
        PersonId,
    },
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub id: DecisionId,
    pub access_request_id: AccessRequestId,
    pub approver_id: ApproverId,
    pub person_id: PersonId,
    pub answer: Vote,
    pub comment: Option<String>,
    /// `email`, `web` or `api`.
    pub channel: String,
    pub inbound_message_id: Option<InboundMessageId>,
    pub decided_at: DateTime<Utc>,
    /// The same approver's later decision that replaced this one.
    pub superseded_by: Option<DecisionId>,
}

/// A decision with what people know its request and its approver by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDecision {
    pub decision: Decision,
    /// `AR-<number>`.
    pub reference: String,
    pub external_id: Option<String>,
    pub approver: EmailAddress,
}

/// Which decisions are wanted; what is none does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    pub request: Option<AccessRequestId>,
    /// The address that was notified.
    pub approver: Option<EmailAddress>,
    pub answer: Option<Vote>,
    pub channel: Option<String>,
    /// The inbox account the answer came in.
    pub account: Option<InboxAccountId>,
    /// On a request that this API token submitted.
    pub submitted_by: Option<ApiTokenId>,
    /// By this person.
    pub person: Option<PersonId>,
    /// Decided at or after.
    pub since: Option<DateTime<Utc>>,
    /// Decided before.
    pub until: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: DecisionId,
    access_request_id: AccessRequestId,
    approver_id: ApproverId,
    person_id: PersonId,
    answer: String,
    comment: Option<String>,
    channel: String,
    inbound_message_id: Option<InboundMessageId>,
    decided_at: DateTime<Utc>,
    superseded_by: Option<DecisionId>,
    number: i64,
    external_id: Option<String>,
    address: String,
}

impl Row {
    fn read(self) -> Result<ListedDecision, StoreError> {
        let row = RowOf::new("decision", &self.id);
        Ok(ListedDecision {
            reference: format!("AR-{}", self.number),
            approver: row.address("address", &self.address)?,
            decision: Decision {
                id: self.id,
                access_request_id: self.access_request_id,
                approver_id: self.approver_id,
                person_id: self.person_id,
                answer: row.word("answer", &self.answer, Vote::from_word)?,
                comment: self.comment,
                channel: self.channel,
                inbound_message_id: self.inbound_message_id,
                decided_at: self.decided_at,
                superseded_by: self.superseded_by,
            },
            external_id: self.external_id,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- decisions\n\
            SELECT d.id, d.access_request_id, d.approver_id, d.person_id, d.answer, d.comment, \
            d.channel, d.inbound_message_id, d.decided_at, d.superseded_by, r.number, \
            r.external_id, a.address \
            FROM decision d \
            JOIN access_request r ON r.id = d.access_request_id \
            JOIN approver a ON a.id = d.approver_id",
            $rest
        )
    };
}

/// `Taken` where the approver has a live decision on the request: supersede it
/// first.
pub async fn add(tx: &mut Tx, decision: &Decision) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- decisions.add
        INSERT INTO decision (id, access_request_id, approver_id, person_id, answer, comment,
            channel, inbound_message_id, decided_at, superseded_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        decision.id,
        decision.access_request_id,
        decision.approver_id,
        decision.person_id,
        decision.answer.as_str(),
        holdable_option(&decision.comment),
        &decision.channel,
        decision.inbound_message_id,
        decision.decided_at,
        decision.superseded_by,
    )?;
    Ok(())
}

/// Ends the life of a decision in favour of `new`, which may be added after it
/// in the same transaction. False where `old` is not live.
pub async fn supersede(tx: &mut Tx, old: DecisionId, new: DecisionId) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- decisions.supersede
        UPDATE decision SET superseded_by = $2 WHERE id = $1 AND superseded_by IS NULL",
        old,
        new,
    )?;
    Ok(count == 1)
}

/// The decisions of a request that stand, in order.
pub async fn live(tx: &mut Tx, request: AccessRequestId) -> Result<Vec<LiveDecision>, StoreError> {
    let found = rows!(
        tx,
        (DecisionId, ApproverId, PersonId, String),
        "-- decisions.live
        SELECT id, approver_id, person_id, answer FROM decision
        WHERE access_request_id = $1 AND superseded_by IS NULL ORDER BY decided_at, id",
        request,
    )?;
    let read = |(id, approver, person, answer): (DecisionId, ApproverId, PersonId, String)| {
        let vote = RowOf::new("decision", &id).word("answer", &answer, Vote::from_word)?;
        Ok(LiveDecision { id, approver, person, vote })
    };
    found.into_iter().map(read).collect()
}

pub async fn find(tx: &mut Tx, id: DecisionId) -> Result<Option<ListedDecision>, StoreError> {
    row!(tx, Row, select!(" WHERE d.id = $1"), id)?.map(Row::read).transpose()
}

/// The decision a mail led to.
pub async fn find_by_inbound_message(
    tx: &mut Tx,
    message: InboundMessageId,
) -> Result<Option<ListedDecision>, StoreError> {
    row!(tx, Row, select!(" WHERE d.inbound_message_id = $1"), message)?.map(Row::read).transpose()
}

/// Newest first, the superseded too.
pub async fn list(
    tx: &mut Tx,
    filter: &DecisionFilter,
    page: &Page,
) -> Result<Listed<ListedDecision>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.id("d.access_request_id = ", filter.request.map(|id| id.0));
    conditions.text("a.address_key = ", filter.approver.as_ref().map(EmailAddress::key));
    conditions.text("d.answer = ", filter.answer.map(Vote::as_str));
    conditions.text("d.channel = ", filter.channel.as_deref());
    conditions.id(
        "(SELECT m.account_id FROM inbound_message m WHERE m.id = d.inbound_message_id) = ",
        filter.account.map(|id| id.0),
    );
    conditions.id("r.submitted_by = ", filter.submitted_by.map(|id| id.0));
    conditions.id("d.person_id = ", filter.person.map(|id| id.0));
    conditions.time("d.decided_at >= ", filter.since);
    conditions.time("d.decided_at < ", filter.until);
    conditions.behind("(d.decided_at, d.id) < (", page)?;
    let order = "d.decided_at DESC, d.id DESC";
    let found = listed!(tx, Row, select!(""), conditions, order, page)?;
    let items = found.into_iter().map(Row::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Listed::cut(items, page, |item| (item.decision.decided_at, item.decision.id.0)))
}

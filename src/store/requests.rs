//! Access requests and their approvers. The rows are a summary; the ledger is
//! what happened.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;

use super::{
    Listed, Page, StoreError, Tx,
    columns::{RowOf, holdable, holdable_json, holdable_option, word},
    listing::{Bound, Conditions},
    tx::*,
};
use crate::domain::{
    access_request::{AccessRequest, Approver, ApproverState, Quorum, Requester, Status},
    address::EmailAddress,
    ids::{AccessRequestId, ApiTokenId, ApproverId, PersonId, SmtpAccountId},
};

/// Which requests are wanted; what is none does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    pub status: Option<Status>,
    pub requester: Option<EmailAddress>,
    pub external_id: Option<String>,
    /// Submitted by this API token.
    pub submitted_by: Option<ApiTokenId>,
    /// A person who stands in its list and was not taken off.
    pub approver: Option<PersonId>,
    /// Submitted at or after.
    pub since: Option<DateTime<Utc>>,
    /// Submitted before.
    pub until: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: AccessRequestId,
    number: i64,
    external_id: Option<String>,
    requester_person_id: PersonId,
    requester_email: String,
    requester_name: Option<String>,
    requester_aliases: Json<Value>,
    resource: String,
    justification: Option<String>,
    access_starts_at: Option<DateTime<Utc>>,
    access_ends_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    quorum_kind: String,
    quorum_count: Option<i64>,
    proof: Option<String>,
    by_mail: Option<String>,
    smtp_account_id: Option<SmtpAccountId>,
    metadata: Json<Value>,
    status: String,
    level: i64,
    submitted_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    version: i64,
}

impl Row {
    fn read(self, approvers: Vec<Approver>) -> Result<AccessRequest, StoreError> {
        let row = RowOf::new("access_request", &self.id);
        let quorum = match (self.quorum_kind.as_str(), self.quorum_count) {
            ("any", None) => Quorum::Any,
            ("all", None) => Quorum::All,
            ("at_least", Some(count)) => Quorum::AtLeast(row.number("quorum_count", count)?),
            (kind, _) => return Err(row.corrupt("quorum_kind", kind)),
        };
        Ok(AccessRequest {
            id: self.id,
            number: self.number,
            external_id: self.external_id,
            requester: Requester {
                person: self.requester_person_id,
                email: row.address("requester_email", &self.requester_email)?,
                name: self.requester_name,
                aliases: row.json("requester_aliases", self.requester_aliases.0)?,
            },
            resource: self.resource,
            justification: self.justification,
            access_starts_at: self.access_starts_at,
            access_ends_at: self.access_ends_at,
            expires_at: self.expires_at,
            quorum,
            proof: self.proof.map(|found| row.written("proof", &found)).transpose()?,
            by_mail: self.by_mail.map(|found| row.written("by_mail", &found)).transpose()?,
            smtp_account_id: self.smtp_account_id,
            metadata: self.metadata.0,
            status: row.word("status", &self.status, Status::from_word)?,
            level: self.level,
            submitted_at: self.submitted_at,
            closed_at: self.closed_at,
            version: self.version,
            approvers,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ApproverRow {
    id: ApproverId,
    access_request_id: AccessRequestId,
    person_id: PersonId,
    address: String,
    name: Option<String>,
    locale: String,
    level: i64,
    state: String,
}

impl ApproverRow {
    fn read(self) -> Result<Approver, StoreError> {
        let row = RowOf::new("approver", &self.id);
        Ok(Approver {
            id: self.id,
            person: self.person_id,
            address: row.address("address", &self.address)?,
            name: self.name,
            state: row.word("state", &self.state, ApproverState::from_word)?,
            locale: self.locale,
            level: self.level,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "-- requests\n\
            SELECT id, number, external_id, requester_person_id, requester_email, \
            requester_name, requester_aliases, resource, justification, access_starts_at, \
            access_ends_at, expires_at, quorum_kind, quorum_count, proof, by_mail, \
            smtp_account_id, metadata, status, level, submitted_at, closed_at, version \
            FROM access_request",
            $rest
        )
    };
}

/// The number the next request is called by; from 1001, without gaps.
pub async fn next_number(tx: &mut Tx) -> Result<i64, StoreError> {
    let (number,) = the_row!(
        tx,
        (i64,),
        "-- requests.next_number
        UPDATE request_number SET next_number = next_number + 1 RETURNING next_number - 1"
    )?;
    Ok(number)
}

/// Writes a request with its approvers. `Taken` where the external id is, or
/// where a person stands in it twice.
pub async fn add(tx: &mut Tx, request: &AccessRequest) -> Result<(), StoreError> {
    let (kind, count) = match request.quorum {
        Quorum::Any => ("any", None),
        Quorum::All => ("all", None),
        Quorum::AtLeast(n) => ("at_least", Some(i64::from(n))),
    };
    changed!(
        tx,
        "-- requests.add
        INSERT INTO access_request (id, number, external_id, requester_person_id, requester_email,
            requester_email_key, requester_name, requester_aliases, resource, justification,
            access_starts_at, access_ends_at, expires_at, quorum_kind, quorum_count, proof,
            by_mail, smtp_account_id, metadata, status, level, submitted_at, closed_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24)",
        request.id,
        request.number,
        holdable_option(&request.external_id),
        request.requester.person,
        request.requester.email.to_string(),
        request.requester.email.key(),
        holdable_option(&request.requester.name),
        Json(&request.requester.aliases),
        holdable(&request.resource),
        holdable_option(&request.justification),
        request.access_starts_at,
        request.access_ends_at,
        request.expires_at,
        kind,
        count,
        request.proof.as_ref().map(word),
        request.by_mail.as_ref().map(word),
        request.smtp_account_id,
        Json(holdable_json(&request.metadata)),
        request.status.as_str(),
        request.level,
        request.submitted_at,
        request.closed_at,
        request.version,
    )?;
    for approver in &request.approvers {
        add_approver(tx, request.id, approver).await?;
    }
    Ok(())
}

/// Puts one more approver at the end of the list. `Taken` where the person
/// stands in the request already.
pub async fn add_approver(
    tx: &mut Tx,
    request: AccessRequestId,
    approver: &Approver,
) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- requests.add_approver
        INSERT INTO approver (id, access_request_id, person_id, position, address, address_key,
            name, locale, level, state)
        VALUES ($1, $2, $3,
            (SELECT coalesce(max(position) + 1, 0) FROM approver WHERE access_request_id = $2),
            $4, $5, $6, $7, $8, $9)",
        approver.id,
        request,
        approver.person,
        approver.address.to_string(),
        approver.address.key(),
        holdable_option(&approver.name),
        &approver.locale,
        approver.level,
        approver.state.as_str(),
    )?;
    Ok(())
}

pub async fn find(tx: &mut Tx, id: AccessRequestId) -> Result<Option<AccessRequest>, StoreError> {
    let found = row!(tx, Row, select!(" WHERE id = $1"), id)?;
    with_approvers(tx, found).await
}

/// The request, and nobody else changes it or decides on it before this
/// transaction ends. Ask this before deciding anything.
pub async fn find_locked(
    tx: &mut Tx,
    id: AccessRequestId,
) -> Result<Option<AccessRequest>, StoreError> {
    // SQLite has one writer at a time, and a writing transaction is it from
    // its first moment; PostgreSQL locks the row.
    const FIND: PerDatabase = PerDatabase {
        sqlite: select!(" WHERE id = $1"),
        postgres: select!(" WHERE id = $1 FOR UPDATE"),
    };
    let found = row!(tx, Row, FIND, id)?;
    with_approvers(tx, found).await
}

pub async fn find_by_number(tx: &mut Tx, number: i64) -> Result<Option<AccessRequest>, StoreError> {
    let found = row!(tx, Row, select!(" WHERE number = $1"), number)?;
    with_approvers(tx, found).await
}

pub async fn find_by_external_id(
    tx: &mut Tx,
    external_id: &str,
) -> Result<Option<AccessRequest>, StoreError> {
    let found = row!(tx, Row, select!(" WHERE external_id = $1"), external_id)?;
    with_approvers(tx, found).await
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &RequestFilter,
    page: &Page,
) -> Result<Listed<AccessRequest>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.text("status = ", filter.status.map(Status::as_str));
    conditions.text("requester_email_key = ", filter.requester.as_ref().map(EmailAddress::key));
    conditions.text("external_id = ", filter.external_id.as_deref());
    conditions.id("submitted_by = ", filter.submitted_by.map(|id| id.0));
    if let Some(person) = filter.approver {
        let own = "id IN (SELECT access_request_id FROM approver \
                   WHERE state <> 'removed' AND person_id = ";
        conditions.0.push((own, Bound::Id(person.0), ")"));
    }
    conditions.time("submitted_at >= ", filter.since);
    conditions.time("submitted_at < ", filter.until);
    conditions.behind("(submitted_at, id) < (", page)?;
    let order = "submitted_at DESC, id DESC";
    let found = listed!(tx, Row, select!(""), conditions, order, page)?;
    let Listed { items, next_cursor } =
        Listed::cut(found, page, |row| (row.submitted_at, row.id.0));
    Ok(Listed { items: all_with_approvers(tx, items).await?, next_cursor })
}

async fn with_approvers(
    tx: &mut Tx,
    found: Option<Row>,
) -> Result<Option<AccessRequest>, StoreError> {
    Ok(all_with_approvers(tx, found.into_iter().collect()).await?.pop())
}

/// One question for the approvers of a whole page.
async fn all_with_approvers(
    tx: &mut Tx,
    requests: Vec<Row>,
) -> Result<Vec<AccessRequest>, StoreError> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    const APPROVERS: &str = "-- requests: the approvers, as they were listed
        SELECT id, access_request_id, person_id, address, name, locale, level, state FROM approver
        WHERE access_request_id IN (";
    let found = on_both!(tx, APPROVERS, |connection, text| {
        let mut query = sqlx::QueryBuilder::<Db>::new(text);
        let mut ids = query.separated(", ");
        for request in &requests {
            ids.push_bind(request.id);
        }
        query.push(") ORDER BY access_request_id, position");
        query.build_query_as::<ApproverRow>().fetch_all(connection).await
    })?;
    let mut approvers: HashMap<AccessRequestId, Vec<Approver>> = HashMap::new();
    for row in found {
        approvers.entry(row.access_request_id).or_default().push(row.read()?);
    }
    let read = |row: Row| {
        let own = approvers.remove(&row.id).unwrap_or_default();
        row.read(own)
    };
    requests.into_iter().map(read).collect()
}

/// Notes the API token a request came in by, in the transaction that adds it.
pub async fn set_submitter(
    tx: &mut Tx,
    id: AccessRequestId,
    token: ApiTokenId,
) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- requests.set_submitter
        UPDATE access_request SET submitted_by = $2 WHERE id = $1",
        id,
        token,
    )?;
    Ok(())
}

/// The API token a request came in by; none where the command line asked.
pub async fn submitter(tx: &mut Tx, id: AccessRequestId) -> Result<Option<ApiTokenId>, StoreError> {
    let found = row!(
        tx,
        (Option<ApiTokenId>,),
        "-- requests.submitter
        SELECT submitted_by FROM access_request WHERE id = $1",
        id,
    )?;
    Ok(found.and_then(|(token,)| token))
}

/// How many requests are in each state, those that are none left out.
pub async fn counts_by_status(tx: &mut Tx) -> Result<Vec<(Status, i64)>, StoreError> {
    let found = rows!(
        tx,
        (String, i64),
        "-- requests.counts_by_status
        SELECT status, count(*) FROM access_request GROUP BY status ORDER BY status"
    )?;
    let read = |(found, count): (String, i64)| {
        let row = RowOf::new("access_request", &"(any)");
        Ok((row.word("status", &found, Status::from_word)?, count))
    };
    found.into_iter().map(read).collect()
}

/// How many requests there are.
pub async fn count(tx: &mut Tx) -> Result<i64, StoreError> {
    let (count,) = the_row!(tx, (i64,), "-- requests.count\nSELECT count(*) FROM access_request")?;
    Ok(count)
}

/// Moves a request on. False where there is none. The database itself refuses
/// to lead a final status anywhere but from `approved` to `conflict`.
pub async fn set_state(
    tx: &mut Tx,
    id: AccessRequestId,
    status: Status,
    level: i64,
    closed_at: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- requests.set_state
        UPDATE access_request SET status = $2, level = $3, closed_at = $4, version = version + 1
        WHERE id = $1",
        id,
        status.as_str(),
        level,
        closed_at,
    )?;
    Ok(count == 1)
}

/// False where there is no such approver. Counts as a change of the request.
pub async fn set_approver_state(
    tx: &mut Tx,
    approver: ApproverId,
    state: ApproverState,
) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- requests.set_approver_state
        UPDATE approver SET state = $2 WHERE id = $1",
        approver,
        state.as_str(),
    )?;
    changed!(
        tx,
        "-- requests.set_approver_state: the request's version
        UPDATE access_request SET version = version + 1
        WHERE id = (SELECT access_request_id FROM approver WHERE id = $1)",
        approver,
    )?;
    Ok(count == 1)
}

/// Pending requests whose time is up, the longest first.
pub async fn due_to_expire(
    tx: &mut Tx,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<AccessRequestId>, StoreError> {
    let found = rows!(
        tx,
        (AccessRequestId,),
        "-- requests.due_to_expire
        SELECT id FROM access_request WHERE status = 'pending' AND expires_at <= $1
        ORDER BY expires_at, id LIMIT $2",
        now,
        limit,
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// Pending requests that end before `before`, for reminders; the soonest first.
pub async fn expiring_before(
    tx: &mut Tx,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<AccessRequestId>, StoreError> {
    let found = rows!(
        tx,
        (AccessRequestId,),
        "-- requests.expiring_before
        SELECT id FROM access_request
        WHERE status = 'pending' AND expires_at > $1 AND expires_at <= $2
        ORDER BY expires_at, id LIMIT $3",
        now,
        before,
        limit,
    )?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// When the next pending request expires.
pub async fn next_expiry(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (at,) = the_row!(
        tx,
        (Option<DateTime<Utc>>,),
        "-- requests.next_expiry
        SELECT min(expires_at) FROM access_request WHERE status = 'pending'"
    )?;
    Ok(at)
}

//! What happens to a request besides being answered: it is withdrawn, or its
//! time runs out.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{ActionError, Instance, Story, tell};
use crate::{
    domain::{
        access_request::{AccessRequest, Status, state::may_follow},
        ids::AccessRequestId,
        ledger::Kind,
    },
    store::{Tx, requests},
};

/// Requests that one pass expires; the next pass takes the rest.
const EXPIRED_AT_ONCE_MAX: i64 = 100;

/// By id, by reference (`AR-1042`), or by the caller's external id.
pub async fn find(instance: &Instance, named: &str) -> Result<AccessRequest, ActionError> {
    let mut tx = instance.store.read().await?;
    let number = named.strip_prefix("AR-").or_else(|| named.strip_prefix("ar-"));
    let found = if let Ok(id) = named.parse() {
        requests::find(&mut tx, id).await?
    } else if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
        requests::find_by_number(&mut tx, number).await?
    } else {
        requests::find_by_external_id(&mut tx, named).await?
    };
    found.ok_or_else(|| ActionError::not_found("access request", named))
}

/// Withdraws a pending request.
pub async fn cancel(
    instance: &Instance,
    id: AccessRequestId,
) -> Result<AccessRequest, ActionError> {
    let mut tx = instance.store.begin().await?;
    let request = requests::find_locked(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("access request", id))?;
    if request.status != Status::Pending {
        return Err(ActionError::Conflict(format!(
            "{} is {}; only a pending request can be withdrawn",
            request.reference(),
            request.status
        )));
    }
    let now = tx.now().await?;
    let mut story = Story::default();
    close(instance, &mut tx, &mut story, &request, Status::Cancelled, now).await?;
    story.commit(tx).await?;
    find(instance, &id.to_string()).await
}

/// Expires what is due by the database's clock; says how many.
pub async fn expire_due(instance: &Instance) -> Result<usize, ActionError> {
    let now = instance.store.now().await?;
    let due = {
        let mut tx = instance.store.read().await?;
        requests::due_to_expire(&mut tx, now, EXPIRED_AT_ONCE_MAX).await?
    };
    let mut expired = 0;
    for id in due {
        let mut tx = instance.store.begin().await?;
        let Some(request) = requests::find_locked(&mut tx, id).await? else { continue };
        let now = tx.now().await?;
        // An answer may have come in between, or another node was faster.
        if request.status != Status::Pending || request.expires_at > now {
            continue;
        }
        let mut story = Story::default();
        close(instance, &mut tx, &mut story, &request, Status::Expired, now).await?;
        story.commit(tx).await?;
        expired += 1;
        tracing::info!(request = %id, reference = %request.reference(), "access request expired");
    }
    if expired > 0 {
        instance.wake.delivery.notify_one();
    }
    Ok(expired)
}

/// The one way a request reaches a final state: ledger entry, state row, and
/// the mails that are owed, in the caller's transaction.
pub(super) async fn close(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    status: Status,
    now: DateTime<Utc>,
) -> Result<(), ActionError> {
    if !may_follow(request.status, status) {
        return Err(ActionError::Internal(format!(
            "{} cannot go from {} to {status}",
            request.reference(),
            request.status
        )));
    }
    requests::set_state(tx, request.id, status, request.level, Some(now)).await?;
    let facts = json!({"status": status, "from": request.status});
    story.tell(instance, Kind::RequestClosed, Some(request.id), facts, None);
    let closed = AccessRequest { status, closed_at: Some(now), ..request.clone() };
    tell::outcome(instance, tx, story, &closed).await
}

//! Approvers who have not answered are reminded once, before it is too late.

use chrono::{DateTime, Utc};

use super::{ActionError, Instance, Story, tell};
use crate::{
    domain::{
        access_request::{AccessRequest, Approver, ApproverState, Status},
        ids::AccessRequestId,
        outbox::Kind,
    },
    store::{Tx, outbox, requests, settings},
};

/// Reminds everybody who was asked, has not answered, and whose request ends
/// soon; once each.
pub async fn remind_due(instance: &Instance) -> Result<(), ActionError> {
    const REMINDED_AT_ONCE_MAX: i64 = 100;
    let now = instance.store.now().await?;
    let due = {
        let mut tx = instance.store.read().await?;
        let (settings, _) = settings::find(&mut tx).await?;
        let Some(minutes) = settings.remind_before_minutes else { return Ok(()) };
        let before = now + chrono::TimeDelta::minutes(minutes);
        requests::expiring_before(&mut tx, now, before, REMINDED_AT_ONCE_MAX).await?
    };
    for id in due {
        remind_request(instance, id, now).await?;
    }
    Ok(())
}

async fn remind_request(
    instance: &Instance,
    id: AccessRequestId,
    now: DateTime<Utc>,
) -> Result<(), ActionError> {
    // A look before the lock: most requests have been reminded already.
    {
        let mut tx = instance.store.read().await?;
        if silent(&mut tx, id, now).await?.is_none() {
            return Ok(());
        }
    }
    let mut tx = instance.store.begin().await?;
    requests::find_locked(&mut tx, id).await?;
    let Some((request, approvers)) = silent(&mut tx, id, now).await? else { return Ok(()) };
    let mut story = Story::default();
    for approver in &approvers {
        tell::remind(instance, &mut tx, &mut story, &request, approver).await?;
    }
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(())
}

/// A pending request and those of its level who are to be reminded; none where
/// there is nobody. A request that was short from the start is not nagged
/// about: less than half its time must be left.
async fn silent(
    tx: &mut Tx,
    id: AccessRequestId,
    now: DateTime<Utc>,
) -> Result<Option<(AccessRequest, Vec<Approver>)>, ActionError> {
    let Some(request) = requests::find(tx, id).await? else { return Ok(None) };
    let half = request.submitted_at + (request.expires_at - request.submitted_at) / 2;
    if request.status != Status::Pending || now < half {
        return Ok(None);
    }
    let mut silent = Vec::new();
    for approver in request.at_level(request.level) {
        if approver.state == ApproverState::Notified
            && outbox::count_kind(tx, id, approver.id, Kind::Reminder).await? == 0
        {
            silent.push(approver.clone());
        }
    }
    Ok((!silent.is_empty()).then_some((request, silent)))
}

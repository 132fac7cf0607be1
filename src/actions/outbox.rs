//! What an admin does with a mail that is owed.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        ids::OutboxMessageId,
        ledger::Kind,
        outbox::{DeliveryAttempt, State},
    },
    store::outbox::{self, OutboxMessage},
};

pub async fn find(
    instance: &Instance,
    id: OutboxMessageId,
) -> Result<(OutboxMessage, Vec<DeliveryAttempt>), ActionError> {
    let mut tx = instance.store.read().await?;
    let message = outbox::find(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("outbox message", id))?;
    let attempts = outbox::attempts(&mut tx, id).await?;
    Ok((message, attempts))
}

/// The mail itself. It carries a token, so having read it is written down.
pub async fn raw(instance: &Instance, id: OutboxMessageId) -> Result<Vec<u8>, ActionError> {
    let mut tx = instance.store.begin().await?;
    let raw = outbox::raw(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("outbox message", id))?;
    let mut story = Story::default();
    story.tell(instance, Kind::RawDownloaded, None, json!({"outbox_message": id}), None);
    story.commit(tx).await?;
    Ok(raw)
}

/// Due again at once, whatever it came to, unless it was sent or withdrawn.
pub async fn retry(instance: &Instance, id: OutboxMessageId) -> Result<(), ActionError> {
    let from = [State::Queued, State::Deferred, State::Failed, State::Unknown, State::Bounced];
    change(instance, id, &from, State::Queued, "tried again by an admin").await?;
    instance.wake.delivery.notify_one();
    Ok(())
}

/// Not sent, unless it has been handed to a server already.
pub async fn cancel(instance: &Instance, id: OutboxMessageId) -> Result<(), ActionError> {
    let from = [State::Queued, State::Deferred, State::Unknown];
    change(instance, id, &from, State::Cancelled, "cancelled by an admin").await
}

async fn change(
    instance: &Instance,
    id: OutboxMessageId,
    from: &[State],
    to: State,
    reason: &str,
) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let message = outbox::find(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("outbox message", id))?;
    if !outbox::set_state(&mut tx, id, from, to, Some(reason)).await? {
        return Err(ActionError::Conflict(format!("the message is {}", message.state)));
    }
    let mut story = Story::default();
    let facts = json!({"outbox_message": id, "state": to, "from": message.state});
    story.tell(instance, Kind::DeliverySettled, message.access_request_id, facts, None);
    story.commit(tx).await
}

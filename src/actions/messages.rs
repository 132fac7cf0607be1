//! What an admin or auditor does with a mail that came in.

use serde_json::json;

use super::{
    ActionError, Instance, Story,
    receive_message::{self, ReceiveError, Received},
};
use crate::{
    domain::{ids::InboundMessageId, ledger::Kind},
    store::{
        inbound_messages::{self, InboundMessage},
        inbox_accounts,
    },
};

pub async fn find(
    instance: &Instance,
    id: InboundMessageId,
) -> Result<InboundMessage, ActionError> {
    let mut tx = instance.store.read().await?;
    inbound_messages::find(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("inbound message", id))
}

/// The bytes as they were fetched. A quoted token may stand in them, so
/// having read them is written down.
pub async fn raw(instance: &Instance, id: InboundMessageId) -> Result<Vec<u8>, ActionError> {
    let message = find(instance, id).await?;
    let mut tx = instance.store.begin().await?;
    let raw = inbound_messages::raw(&mut tx, id).await?.ok_or_else(|| {
        ActionError::Conflict("the bytes of this message have been erased by retention".to_owned())
    })?;
    let mut story = Story::default();
    let facts = json!({"message": id});
    story.tell(instance, Kind::RawDownloaded, message.judgement.access_request_id, facts, None);
    story.commit(tx).await?;
    Ok(raw)
}

/// Judges a kept message once more, after something was mended.
pub async fn reprocess(instance: &Instance, id: InboundMessageId) -> Result<Received, ActionError> {
    let message = find(instance, id).await?;
    let account = {
        let mut tx = instance.store.read().await?;
        match message.account_id {
            Some(account) => inbox_accounts::find(&mut tx, account).await?,
            None => None,
        }
    };
    let account = account.ok_or_else(|| {
        ActionError::Conflict("the inbox account this message came in is gone".to_owned())
    })?;
    receive_message::judge_again(instance, &account, id).await.map_err(|error| match error {
        ReceiveError::Action(action) => action,
        ReceiveError::Panicked(panicked) => ActionError::Internal(panicked.to_string()),
    })
}

//! A try to send a mail is over: what the server said is kept, and what
//! follows from it is written.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        ids::SmtpAccountId,
        ledger::Kind,
        outbox::{
            DeliveryAttempt, State,
            outcome::{After, SendResult, Trial, outcome},
        },
    },
    store::{
        outbox::{self, Claimed, Settlement},
        smtp_accounts,
    },
    telemetry,
};

/// Settles one try; says what follows, or none where the lease was lost and
/// somebody else is at it.
pub async fn settle_delivery(
    instance: &Instance,
    claimed: &Claimed,
    account: Option<SmtpAccountId>,
    sent: &SendResult,
) -> Result<Option<After>, ActionError> {
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    let trial = Trial {
        attempts: claimed.attempts,
        enqueued_at: claimed.enqueued_at,
        not_after: claimed.not_after,
    };
    let after = outcome(sent, trial, now, instance.random.fraction());
    let settlement = Settlement {
        state: after.state,
        reason: after.reason.map(str::to_owned),
        due_at: after.due_at.unwrap_or(now),
        attempt: attempt(sent, now),
        sent_at: (after.state == State::Sent).then_some(now),
    };
    if !outbox::settle(&mut tx, &claimed.reference(), &settlement).await? {
        tracing::warn!(outbox = %claimed.id, "the lease was lost while sending; the other holder settles");
        return Ok(None);
    }
    if let (Some(reason), Some(account)) = (&after.pause_account, account) {
        smtp_accounts::pause(&mut tx, account, reason).await?;
        tracing::error!(account = %account, "SMTP account paused: {reason}");
    }
    let mut story = Story::default();
    if after.state.is_settled() {
        let facts = json!({
            "outbox_message": claimed.id, "state": after.state, "reason": after.reason,
            "attempts": claimed.attempts,
        });
        story.tell(instance, Kind::DeliverySettled, claimed.access_request_id, facts, None);
    }
    story.commit(tx).await?;
    let sent_after = (now - claimed.enqueued_at).num_milliseconds().max(0) as f64 / 1000.0;
    telemetry::delivery(after.state.as_str(), (after.state == State::Sent).then_some(sent_after));
    tracing::info!(outbox = %claimed.id, state = %after.state, reason = after.reason, "delivery tried");
    Ok(Some(after))
}

/// Settles a mail that was not tried because it would come too late.
pub async fn settle_expired(instance: &Instance, claimed: &Claimed) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    let settlement = Settlement {
        state: State::Expired,
        reason: Some("not_sent_in_time".to_owned()),
        due_at: now,
        attempt: DeliveryAttempt {
            at: now,
            step: "queue".to_owned(),
            code: None,
            text: "not sent: it would come too late".to_owned(),
        },
        sent_at: None,
    };
    if !outbox::settle(&mut tx, &claimed.reference(), &settlement).await? {
        return Ok(());
    }
    let mut story = Story::default();
    let facts = json!({"outbox_message": claimed.id, "state": State::Expired, "reason": "not_sent_in_time"});
    story.tell(instance, Kind::DeliverySettled, claimed.access_request_id, facts, None);
    story.commit(tx).await
}

/// What is kept of a try: where it ended, and the server's words.
fn attempt(sent: &SendResult, at: chrono::DateTime<chrono::Utc>) -> DeliveryAttempt {
    let (step, code, text) = match sent {
        SendResult::Accepted { code, text } => ("data", Some(*code), text),
        SendResult::Refused { step, code, text, .. } => (step.as_str(), Some(*code), text),
        SendResult::NoReplyAfterData { text } => ("data", None, text),
        SendResult::Unreachable { step, text } => (step.as_str(), None, text),
    };
    DeliveryAttempt { at, step: step.to_owned(), code: code.map(i64::from), text: text.clone() }
}

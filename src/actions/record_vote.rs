//! An answer counts: decision, state, ledger and the mails that are owed, in
//! the caller's transaction. Every road ends here, and none is a copy of it.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{ActionError, Instance, Story, requests as request_actions, tell};
use crate::{
    domain::{
        access_request::{AccessRequest, ApproverState, Vote, state::Change},
        ids::{ApproverId, DecisionId, InboundMessageId},
        ledger::Kind,
    },
    store::{
        Tx,
        decisions::{self, Decision},
        requests,
    },
    telemetry,
};

/// A vote that counts, by whatever road.
pub(super) struct Counted {
    pub approver: ApproverId,
    pub vote: Vote,
    pub change: Change,
    pub comment: Option<String>,
    pub channel: &'static str,
    pub inbound_message_id: Option<InboundMessageId>,
    pub at: DateTime<Utc>,
}

/// Decision, state, ledger and the mails that are owed.
pub(super) async fn record_vote(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    counted: Counted,
) -> Result<DecisionId, ActionError> {
    let approver = request
        .approver(counted.approver)
        .ok_or_else(|| ActionError::Internal("a vote without its approver".to_owned()))?;
    let decision = Decision {
        id: instance.random.id(counted.at),
        access_request_id: request.id,
        approver_id: counted.approver,
        person_id: approver.person,
        answer: counted.vote,
        comment: counted.comment.clone(),
        channel: counted.channel.to_owned(),
        inbound_message_id: counted.inbound_message_id,
        decided_at: counted.at,
        superseded_by: None,
    };
    if let Some(old) = counted.change.supersedes {
        decisions::supersede(tx, old, decision.id).await?;
    }
    decisions::add(tx, &decision).await?;
    let state = match counted.vote {
        Vote::Approve => ApproverState::Approved,
        Vote::Deny => ApproverState::Denied,
    };
    requests::set_approver_state(tx, counted.approver, state).await?;
    let facts = json!({
        "decision": decision.id, "approver": counted.approver, "person": approver.person,
        "answer": counted.vote, "channel": counted.channel, "message": counted.inbound_message_id,
        "supersedes": counted.change.supersedes, "decided_at": counted.at,
    });
    let private = json!({"address": approver.address, "comment": counted.comment});
    story.tell(instance, Kind::DecisionRecorded, Some(request.id), facts, Some(private));
    telemetry::decision(counted.vote.as_str(), counted.channel);
    tracing::info!(request = %request.id, reference = %request.reference(), answer = %counted.vote,
        channel = counted.channel, "decision recorded");

    let replaces_earlier = counted.change.supersedes.is_some();
    tell::receipt(instance, tx, story, request, approver, (&decision, replaces_earlier)).await?;
    if let Some(level) = counted.change.reached_level {
        requests::set_state(tx, request.id, request.status, level, None).await?;
        let facts = json!({"level": level, "from": request.level});
        story.tell(instance, Kind::LevelReached, Some(request.id), facts, None);
        let raised = AccessRequest { level, ..request.clone() };
        tell::ask_level(instance, tx, story, &raised, level).await?;
        tell::level_reached(instance, tx, story, &raised, request.level).await?;
    }
    if let Some(status) = counted.change.status {
        request_actions::close(instance, tx, story, request, status, counted.at).await?;
    }
    Ok(decision.id)
}

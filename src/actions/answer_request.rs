//! An approver answers by a road on which he was identified: his own API
//! token. The answer meets the same `decide` as a mail does.

use super::{
    ActionError, Instance, Story,
    record_vote::{Counted, record_vote},
};
use crate::{
    domain::{
        access_request::Vote,
        decision::{Case, Effect, Road, decide},
        ids::{AccessRequestId, DecisionId, PersonId},
        reply::wording::Answer,
        token::mask_all,
    },
    store::{decisions, people, requests},
};

/// As long as what is kept of a mail's words.
pub const COMMENT_CHARS_MAX: usize = 4000;

/// Records the answer of `person`, or says why it does not count.
pub async fn answer_request(
    instance: &Instance,
    id: AccessRequestId,
    person: PersonId,
    vote: Vote,
    comment: Option<String>,
) -> Result<DecisionId, ActionError> {
    let comment = comment.map(|typed| typed.trim().to_owned()).filter(|typed| !typed.is_empty());
    if comment.as_ref().is_some_and(|typed| typed.chars().count() > COMMENT_CHARS_MAX) {
        let problem = format!("must be at most {COMMENT_CHARS_MAX} characters");
        return Err(ActionError::invalid("/comment", problem));
    }
    let mut tx = instance.store.begin().await?;
    let not_found = || ActionError::not_found("access request", id);
    let request = requests::find_locked(&mut tx, id).await?.ok_or_else(not_found)?;
    let own = request.approvers.iter().find(|approver| approver.person == person);
    let approver = own.ok_or_else(not_found)?.id;
    let live = decisions::live(&mut tx, id).await?;
    let person = people::find(&mut tx, person).await?;
    let now = tx.now().await?;
    let case = Case {
        first_seen_at: now,
        road: Road::Api,
        request: Some(&request),
        approver,
        approver_is_active: person.is_some_and(|person| person.active),
        live_decisions: &live,
        answer: match vote {
            Vote::Approve => Answer::Approve,
            Vote::Deny => Answer::Deny,
        },
    };
    let verdict = decide(&case);
    let Some(Effect::Decide { approver, vote, change }) = verdict.effect else {
        return Err(ActionError::NotCounted(verdict.reason));
    };
    let counted = Counted {
        approver,
        vote,
        change,
        comment: comment.map(|typed| mask_all(&typed)),
        channel: "api",
        inbound_message_id: None,
        at: now,
    };
    let mut story = Story::default();
    let decision = record_vote(instance, &mut tx, &mut story, &request, counted).await?;
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(decision)
}

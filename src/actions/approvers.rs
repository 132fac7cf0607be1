//! The list of approvers of a pending request, changed by an admin: somebody
//! is added, or taken off. Neither may ever make an approval by itself.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    ActionError, Instance, Story, people as people_actions,
    submit_request::{approver as approver_of, person_problems},
    tell,
};
use crate::{
    domain::{
        access_request::{
            AccessRequest, ApproverState, Status,
            submission::{APPROVERS_MAX, FieldProblem, SubmittedApprover, is_locale},
        },
        ids::{AccessRequestId, ApproverId, PersonId},
        ledger::Kind,
    },
    store::{Tx, decisions, people, requests, settings},
};

async fn pending(tx: &mut Tx, id: AccessRequestId) -> Result<AccessRequest, ActionError> {
    let request = requests::find_locked(tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("access request", id))?;
    if request.status != Status::Pending {
        return Err(ActionError::Conflict(format!(
            "{} is {}; only a pending request's approvers can be changed",
            request.reference(),
            request.status
        )));
    }
    Ok(request)
}

/// Puts one more approver on the list; he is asked at once if his level is
/// the one that is being asked.
pub async fn add(
    instance: &Instance,
    id: AccessRequestId,
    given: SubmittedApprover,
) -> Result<ApproverId, ActionError> {
    let mut tx = instance.store.begin().await?;
    let mut story = Story::default();
    let request = pending(&mut tx, id).await?;
    let mut problems = shape_problems(&request, &given);
    let (settings, _) = settings::find(&mut tx).await?;
    let mut wrong = |problem: &str| problems.push(FieldProblem::new("/email", problem));
    let known = people::find_by_address(&mut tx, &given.email).await?;
    if known.is_none() && !settings.allows_unknown_approver(&given.email) {
        wrong("is neither a known person's nor in a domain that approver_domains lists");
        return Err(ActionError::Invalid(problems));
    }
    let person = match known {
        Some(person) => person,
        None => {
            let name = given.name.as_deref();
            people_actions::find_or_add(instance, &mut tx, &mut story, &given.email, name).await?
        }
    };
    for problem in person_problems(&person, &given, &request.requester) {
        wrong(problem);
    }
    if request.approvers.iter().any(|there| there.person == person.id) {
        wrong("belongs to a person who stands, or stood, in the list already");
    }
    if !problems.is_empty() {
        return Err(ActionError::Invalid(problems));
    }
    let mut approver = approver_of(instance, &settings, &given, &person);
    if approver.level == request.level {
        approver.state = ApproverState::Notified;
    }
    requests::add_approver(&mut tx, id, &approver).await?;
    let facts = json!({
        "approver": approver.id, "person": approver.person, "level": approver.level,
    });
    let private = Some(json!({"address": approver.address}));
    story.tell(instance, Kind::ApproverAdded, Some(id), facts, private);
    if approver.level == request.level {
        tell::ask_one(instance, &mut tx, &mut story, &request, &approver).await?;
    }
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(approver.id)
}

fn shape_problems(request: &AccessRequest, given: &SubmittedApprover) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut wrong = |field: &str, problem: &str| problems.push(FieldProblem::new(field, problem));
    if !(1..=99).contains(&given.level) {
        wrong("/level", "must be from 1 to 99");
    } else if given.level < request.level {
        wrong("/level", "has been passed already");
    }
    if given.locale.as_ref().is_some_and(|tag| !is_locale(tag)) {
        wrong("/locale", "must be a language tag such as `en` or `pt-BR`");
    }
    if request.approvers.len() >= APPROVERS_MAX {
        wrong("/email", "is one more than a request may have");
    }
    problems
}

/// Takes an approver off the list. Refused where he has answered, or where
/// the rest could no longer reach the quorum, or would reach it by this.
pub async fn remove(
    instance: &Instance,
    id: AccessRequestId,
    approver: ApproverId,
) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let request = pending(&mut tx, id).await?;
    let there = request
        .approver(approver)
        .filter(|there| there.state != ApproverState::Removed)
        .ok_or_else(|| ActionError::not_found("approver", approver))?;
    if matches!(there.state, ApproverState::Approved | ApproverState::Denied) {
        return Err(ActionError::Conflict("this approver has answered already".to_owned()));
    }
    let mut without = request.clone();
    without.approvers.retain(|other| other.id != approver);
    let left: BTreeSet<PersonId> = without.at_level(there.level).map(|a| a.person).collect();
    if left.is_empty() || left.len() < request.quorum.needed_of(left.len()) {
        return Err(ActionError::Conflict(format!(
            "level {} would have too few approvers left; add another one first",
            there.level
        )));
    }
    let live = decisions::live(&mut tx, id).await?;
    if there.level == request.level && without.level_is_met(&live) {
        return Err(ActionError::Conflict(
            "taking this approver off would itself approve the level; nobody but an approver may"
                .to_owned(),
        ));
    }
    requests::set_approver_state(&mut tx, approver, ApproverState::Removed).await?;
    let mut story = Story::default();
    let facts = json!({"approver": approver, "person": there.person, "level": there.level});
    story.tell(instance, Kind::ApproverRemoved, Some(id), facts, None);
    story.commit(tx).await
}

//! Somebody asks for access: the request, its first notifications and the
//! ledger's entries are one transaction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{ActionError, Instance, Story, people, tell};
use crate::{
    domain::{
        access_request::{
            AccessRequest, Approver, ApproverState, Quorum, Requester, Status,
            submission::{FieldProblem, Submission, SubmittedApprover},
        },
        address::EmailAddress,
        ids::{ApiTokenId, PersonId},
        inbox_account::InboxAccount,
        ledger::Kind,
        person::Person,
        settings::Settings,
        smtp_account::{ReplyRoad, SmtpAccount},
    },
    store::{Tx, inbox_accounts, people as people_store, requests, settings, smtp_accounts},
};

/// Checks and records a request and owes its first level their mails.
pub async fn submit_request(
    instance: &Instance,
    submission: Submission,
) -> Result<AccessRequest, ActionError> {
    submit_request_by(instance, submission, None).await
}

/// The same, on behalf of an API token, which may then read the request.
pub async fn submit_request_by(
    instance: &Instance,
    submission: Submission,
    submitter: Option<ApiTokenId>,
) -> Result<AccessRequest, ActionError> {
    let now = instance.store.now().await?;
    let problems = submission.problems(now);
    if !problems.is_empty() {
        return Err(ActionError::Invalid(problems));
    }
    let mut tx = instance.store.begin().await?;
    let mut story = Story::default();
    let (settings, _) = settings::find(&mut tx).await?;
    let account = sending_account(&mut tx, &submission).await?;
    let inboxes = inbox_accounts::list(&mut tx).await?;
    ReplyRoad::of(&account, &inboxes)?;
    let own = own_addresses(&submission, &account, &inboxes);
    if !own.is_empty() {
        return Err(ActionError::Invalid(own));
    }

    let requester = resolve_requester(instance, &mut tx, &mut story, &submission).await?;
    let approvers =
        resolve_approvers(instance, &mut tx, &mut story, &settings, &submission, &requester)
            .await?;
    let request = AccessRequest {
        id: instance.random.id(now),
        number: requests::next_number(&mut tx).await?,
        external_id: submission.external_id,
        level: approvers.iter().map(|a| a.level).min().unwrap_or(1),
        requester,
        resource: submission.resource,
        justification: submission.justification,
        access_starts_at: submission.access_starts_at,
        access_ends_at: submission.access_ends_at,
        expires_at: submission.expires_at,
        quorum: submission.quorum,
        proof: submission.proof,
        by_mail: submission.by_mail,
        smtp_account_id: submission.smtp_account_id,
        metadata: submission.metadata,
        status: Status::Pending,
        submitted_at: now,
        closed_at: None,
        version: 1,
        approvers,
    };
    requests::add(&mut tx, &request).await?;
    if let Some(token) = submitter {
        requests::set_submitter(&mut tx, request.id, token).await?;
    }
    tell_submitted(instance, &mut story, &request);
    tell::ask_level(instance, &mut tx, &mut story, &request, request.level).await?;
    let id = request.id;
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    tracing::info!(request = %id, reference = %request.reference(), "access request submitted");
    super::requests::find(instance, &id.to_string()).await
}

/// Whoever is named by an address of ours would be answered by ourselves.
fn own_addresses(
    submission: &Submission,
    account: &SmtpAccount,
    inboxes: &[InboxAccount],
) -> Vec<FieldProblem> {
    let is_ours = |address: &EmailAddress| {
        account.sender.is_same_mailbox(address)
            || inboxes
                .iter()
                .flat_map(|inbox| &inbox.addresses)
                .any(|own| own.is_same_mailbox(address))
    };
    let requester = ("/requester/email".to_owned(), &submission.requester.email);
    let approvers = submission
        .approvers
        .iter()
        .enumerate()
        .map(|(n, approver)| (format!("/approvers/{n}/email"), &approver.email));
    std::iter::once(requester)
        .chain(approvers)
        .filter(|(_, address)| is_ours(address))
        .map(|(field, _)| FieldProblem::new(field, "is an address of this system itself"))
        .collect()
}

async fn sending_account(tx: &mut Tx, submission: &Submission) -> Result<SmtpAccount, ActionError> {
    let account = match submission.smtp_account_id {
        Some(id) => smtp_accounts::find(tx, id)
            .await?
            .ok_or_else(|| ActionError::invalid("/smtp_account_id", "names no SMTP account"))?,
        None => smtp_accounts::find_default(tx).await?.ok_or_else(|| {
            ActionError::Conflict(
                "there is no default SMTP account to send this through".to_owned(),
            )
        })?,
    };
    if !account.enabled {
        return Err(ActionError::invalid(
            "/smtp_account_id",
            format!("names `{}`, which is disabled", account.name),
        ));
    }
    Ok(account)
}

async fn resolve_requester(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    submission: &Submission,
) -> Result<Requester, ActionError> {
    let given = &submission.requester;
    let person =
        people::find_or_add(instance, tx, story, &given.email, given.name.as_deref()).await?;
    if !person.active {
        return Err(ActionError::invalid(
            "/requester/email",
            "belongs to a person who was deactivated",
        ));
    }
    Ok(Requester {
        person: person.id,
        email: given.email.clone(),
        name: given.name.clone().or(person.name),
        aliases: given.aliases.clone(),
    })
}

async fn resolve_approvers(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    settings: &Settings,
    submission: &Submission,
    requester: &Requester,
) -> Result<Vec<Approver>, ActionError> {
    let mut problems = Vec::new();
    let mut people_seen: BTreeSet<PersonId> = BTreeSet::new();
    let mut found = Vec::new();
    for (n, given) in submission.approvers.iter().enumerate() {
        let mut wrong = |problem: &str| {
            problems.push(FieldProblem::new(format!("/approvers/{n}/email"), problem));
        };
        let known = people_store::find_by_address(tx, &given.email).await?;
        if known.is_none() && !settings.allows_unknown_approver(&given.email) {
            wrong("is neither a known person's nor in a domain that approver_domains lists");
            continue;
        }
        let person = match known {
            Some(person) => person,
            None => {
                tracing::warn!("an approver address was never seen before");
                people::find_or_add(instance, tx, story, &given.email, given.name.as_deref())
                    .await?
            }
        };
        for problem in person_problems(&person, given, requester) {
            wrong(problem);
        }
        if !people_seen.insert(person.id) {
            wrong("belongs to a person who stands in the list already");
        }
        found.push(approver(instance, settings, given, &person));
    }
    quorum_problems(submission.quorum, &found, &mut problems);
    if !problems.is_empty() {
        return Err(ActionError::Invalid(problems));
    }
    let lowest = found.iter().map(|a| a.level).min().unwrap_or(1);
    for approver in found.iter_mut().filter(|a| a.level == lowest) {
        approver.state = ApproverState::Notified;
    }
    Ok(found)
}

/// Four eyes compares persons: with every address either is known by.
pub(super) fn person_problems(
    person: &Person,
    given: &SubmittedApprover,
    requester: &Requester,
) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let requesters_own: Vec<_> =
        std::iter::once(&requester.email).chain(&requester.aliases).collect();
    let is_requester = person.id == requester.person
        || requesters_own.iter().any(|own| {
            person.owns(own) || given.aliases.iter().any(|alias| alias.is_same_mailbox(own))
        });
    if is_requester {
        problems.push("belongs to the requester: nobody decides on his own request");
    }
    if !person.active {
        problems.push("belongs to a person who was deactivated");
    }
    let may_answer = person
        .addresses
        .iter()
        .any(|own| own.may_answer && own.address.is_same_mailbox(&given.email));
    if !may_answer {
        problems.push("is an address that may not answer");
    }
    problems
}

fn quorum_problems(quorum: Quorum, approvers: &[Approver], problems: &mut Vec<FieldProblem>) {
    let mut persons_at: BTreeMap<i64, BTreeSet<PersonId>> = BTreeMap::new();
    for approver in approvers {
        persons_at.entry(approver.level).or_default().insert(approver.person);
    }
    for (level, persons) in persons_at {
        if quorum.needed_of(persons.len()) > persons.len() {
            let problem = format!(
                "asks for {} approvals but level {level} has {} persons",
                quorum.needed_of(persons.len()),
                persons.len()
            );
            problems.push(FieldProblem::new("/quorum", problem));
        }
    }
}

pub(super) fn approver(
    instance: &Instance,
    settings: &Settings,
    given: &SubmittedApprover,
    person: &Person,
) -> Approver {
    Approver {
        id: instance.random.id(instance.clock.now()),
        person: person.id,
        address: given.email.clone(),
        name: given.name.clone().or_else(|| person.name.clone()),
        locale: given
            .locale
            .clone()
            .or_else(|| person.locale.clone())
            .unwrap_or_else(|| settings.locale.clone()),
        level: given.level,
        state: ApproverState::Waiting,
    }
}

fn tell_submitted(instance: &Instance, story: &mut Story, request: &AccessRequest) {
    let approvers: Vec<_> = request
        .approvers
        .iter()
        .map(|a| json!({"approver": a.id, "person": a.person, "level": a.level}))
        .collect();
    let facts = json!({
        "reference": request.reference(), "level": request.level, "quorum": request.quorum,
        "expires_at": request.expires_at, "approvers": approvers,
        "requester": request.requester.person, "proof": request.proof, "by_mail": request.by_mail,
    });
    let private = json!({
        "external_id": request.external_id, "requester": request.requester.email,
        "resource": request.resource, "justification": request.justification,
        "approvers": request.approvers.iter().map(|a| json!({"approver": a.id, "address": a.address})).collect::<Vec<_>>(),
        "access_starts_at": request.access_starts_at, "access_ends_at": request.access_ends_at,
    });
    story.tell(instance, Kind::RequestSubmitted, Some(request.id), facts, Some(private));
}

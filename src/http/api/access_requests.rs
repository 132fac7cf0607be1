//! `/access-requests`: asked, read, withdrawn, answered. A requester's token
//! sees what it submitted, an approver's what its person stands in; to both,
//! everything else is not there.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{
        ActionError, Instance, answer_request::answer_request, approvers, requests,
        submit_request::submit_request_by,
    },
    domain::{
        access_request::{
            AccessRequest, ApproverState, Quorum, Status, Vote,
            submission::{Submission, SubmittedApprover},
        },
        address::EmailAddress,
        decision::policy::{ByMail, Proof},
        ids::{AccessRequestId, ApproverId, DecisionId, PersonId, SmtpAccountId},
    },
    http::{
        caller::Caller,
        extract::{ApproverPath, Body, Id, Params, etag},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{self, Listed, requests::RequestFilter},
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = AccessRequest)]
struct View {
    id: AccessRequestId,
    /// What people call it by: `AR-<number>`.
    reference: String,
    external_id: Option<String>,
    status: Status,
    /// The level that is being asked.
    level: i64,
    requester: RequesterView,
    resource: String,
    justification: Option<String>,
    access_starts_at: Option<DateTime<Utc>>,
    access_ends_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    quorum: Quorum,
    proof: Option<Proof>,
    by_mail: Option<ByMail>,
    smtp_account_id: Option<SmtpAccountId>,
    #[schema(value_type = Object)]
    metadata: serde_json::Value,
    submitted_at: DateTime<Utc>,
    closed_at: Option<DateTime<Utc>>,
    approvers: Vec<ApproverView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Requester)]
struct RequesterView {
    person_id: PersonId,
    email: String,
    name: Option<String>,
    aliases: Vec<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Approver)]
struct ApproverView {
    id: ApproverId,
    person_id: PersonId,
    email: String,
    name: Option<String>,
    locale: String,
    level: i64,
    state: ApproverState,
}

const COLUMNS: &[&str] = &[
    "id",
    "reference",
    "external_id",
    "status",
    "level",
    "requester",
    "resource",
    "justification",
    "access_starts_at",
    "access_ends_at",
    "expires_at",
    "quorum",
    "submitted_at",
    "closed_at",
    "approvers",
];

fn view(request: AccessRequest) -> View {
    let reference = request.reference();
    let approver = |approver: crate::domain::access_request::Approver| ApproverView {
        id: approver.id,
        person_id: approver.person,
        email: approver.address.to_string(),
        name: approver.name,
        locale: approver.locale,
        level: approver.level,
        state: approver.state,
    };
    View {
        id: request.id,
        reference,
        external_id: request.external_id,
        status: request.status,
        level: request.level,
        requester: RequesterView {
            person_id: request.requester.person,
            email: request.requester.email.to_string(),
            name: request.requester.name,
            aliases: request.requester.aliases.iter().map(ToString::to_string).collect(),
        },
        resource: request.resource,
        justification: request.justification,
        access_starts_at: request.access_starts_at,
        access_ends_at: request.access_ends_at,
        expires_at: request.expires_at,
        quorum: request.quorum,
        proof: request.proof,
        by_mail: request.by_mail,
        smtp_account_id: request.smtp_account_id,
        metadata: request.metadata,
        submitted_at: request.submitted_at,
        closed_at: request.closed_at,
        approvers: request.approvers.into_iter().map(approver).collect(),
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    status: Option<Status>,
    /// The requester's address.
    requester: Option<EmailAddress>,
    external_id: Option<String>,
    /// Submitted at or after.
    since: Option<DateTime<Utc>>,
    /// Submitted before.
    until: Option<DateTime<Utc>>,
}

/// An approver's answer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerForm {
    answer: Vote,
    #[serde(default)]
    #[schema(max_length = 4000)]
    comment: Option<String>,
}

/// What an answer came to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Answered {
    decision_id: DecisionId,
    access_request: View,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list, submit))
        .routes(routes!(find))
        .routes(routes!(cancel))
        .routes(routes!(answer))
        .routes(routes!(add_approver))
        .routes(routes!(remove_approver))
}

/// The request, if this caller may see it; else it is not there.
async fn visible(
    instance: &Instance,
    caller: &Caller,
    id: AccessRequestId,
) -> Result<AccessRequest, Problem> {
    let not_found = || ActionError::not_found("access request", id);
    let mut tx = instance.store.read().await?;
    let request = store::requests::find(&mut tx, id).await?.ok_or_else(not_found)?;
    if let Some(token) = caller.own_submissions()
        && store::requests::submitter(&mut tx, id).await? != Some(token)
    {
        return Err(not_found().into());
    }
    if let Some(person) = caller.own_person()? {
        let stands = |approver: &crate::domain::access_request::Approver| {
            approver.person == person && approver.state != ApproverState::Removed
        };
        if !request.approvers.iter().any(stands) {
            return Err(not_found().into());
        }
    }
    Ok(request)
}

/// Lists access requests
#[utoipa::path(get, path = "/access-requests", tag = "access-requests", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    caller: Caller,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    let filter = RequestFilter {
        status: query.status,
        requester: query.requester,
        external_id: query.external_id,
        submitted_by: caller.own_submissions(),
        approver: caller.own_person()?,
        since: query.since,
        until: query.until,
    };
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let (instance, filter) = (instance.clone(), filter.clone());
        async move {
            let mut tx = instance.store.read().await?;
            let Listed { items, next_cursor } =
                store::requests::list(&mut tx, &filter, &page).await?;
            Ok(Listed { items: items.into_iter().map(view).collect(), next_cursor })
        }
    })
    .await
}

/// Asks for access; the first level is notified at once
#[utoipa::path(post, path = "/access-requests", tag = "access-requests", request_body = Submission, responses(
    (status = 201, description = "Submitted", body = View, headers(("ETag" = String), ("Location" = String))),
))]
async fn submit(
    State(instance): State<Instance>,
    caller: Caller,
    Body(submission): Body<Submission>,
) -> Result<Response, Problem> {
    let request = submit_request_by(&instance, submission, Some(caller.token)).await?;
    let location = format!("{}/access-requests/{}", crate::http::BASE, request.id);
    let tag = etag(request.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tag, Json(view(request)))
        .into_response())
}

/// Reads an access request
#[utoipa::path(get, path = "/access-requests/{id}", tag = "access-requests", params(("id" = AccessRequestId, Path)), responses(
    (status = 200, description = "It", body = View, headers(("ETag" = String))),
))]
async fn find(
    State(instance): State<Instance>,
    caller: Caller,
    Id(id): Id<AccessRequestId>,
) -> Result<Response, Problem> {
    let found = visible(&instance, &caller, id).await?;
    Ok((etag(found.version), Json(view(found))).into_response())
}

/// Withdraws a pending request
#[utoipa::path(post, path = "/access-requests/{id}/cancel", tag = "access-requests", params(("id" = AccessRequestId, Path)), responses(
    (status = 200, description = "Withdrawn", body = View),
))]
async fn cancel(
    State(instance): State<Instance>,
    caller: Caller,
    Id(id): Id<AccessRequestId>,
) -> Result<Json<View>, Problem> {
    visible(&instance, &caller, id).await?;
    Ok(Json(view(requests::cancel(&instance, id).await?)))
}

/// Approves or denies, as the approver this token speaks for
#[utoipa::path(post, path = "/access-requests/{id}/answer", tag = "access-requests", params(("id" = AccessRequestId, Path)), request_body = AnswerForm, responses(
    (status = 200, description = "It counts", body = Answered),
))]
async fn answer(
    State(instance): State<Instance>,
    caller: Caller,
    Id(id): Id<AccessRequestId>,
    Body(form): Body<AnswerForm>,
) -> Result<Json<Answered>, Problem> {
    let not_found = || ActionError::not_found("access request", id);
    let person = caller.own_person()?.ok_or_else(not_found)?;
    let decision_id = answer_request(&instance, id, person, form.answer, form.comment).await?;
    let request = requests::find(&instance, &id.to_string()).await?;
    Ok(Json(Answered { decision_id, access_request: view(request) }))
}

/// Puts one more approver on the list of a pending request
#[utoipa::path(post, path = "/access-requests/{id}/approvers", tag = "access-requests", params(("id" = AccessRequestId, Path)), request_body = SubmittedApprover, responses(
    (status = 200, description = "The request with him", body = View),
))]
async fn add_approver(
    State(instance): State<Instance>,
    Id(id): Id<AccessRequestId>,
    Body(given): Body<SubmittedApprover>,
) -> Result<Json<View>, Problem> {
    approvers::add(&instance, id, given).await?;
    Ok(Json(view(requests::find(&instance, &id.to_string()).await?)))
}

/// Takes an approver off the list of a pending request
#[utoipa::path(delete, path = "/access-requests/{id}/approvers/{aid}", tag = "access-requests", params(("id" = AccessRequestId, Path), ("aid" = ApproverId, Path)), responses(
    (status = 204, description = "Taken off"),
))]
async fn remove_approver(
    State(instance): State<Instance>,
    Id(id): Id<AccessRequestId>,
    ApproverPath(approver): ApproverPath<ApproverId>,
) -> Result<StatusCode, Problem> {
    approvers::remove(&instance, id, approver).await?;
    Ok(StatusCode::NO_CONTENT)
}

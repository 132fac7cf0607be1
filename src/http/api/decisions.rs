//! `/decisions`: the answers that counted.

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{ActionError, Instance},
    domain::{
        access_request::Vote,
        address::EmailAddress,
        ids::{AccessRequestId, ApproverId, DecisionId, InboundMessageId, InboxAccountId},
    },
    http::{
        caller::Caller,
        extract::{Id, Params},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{
        self, Listed,
        decisions::{DecisionFilter, ListedDecision},
    },
};

/// How an answer came.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum DecisionChannel {
    Email,
    Web,
    Api,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Decision)]
struct View {
    id: DecisionId,
    access_request_id: AccessRequestId,
    /// `AR-<number>`.
    reference: String,
    external_id: Option<String>,
    approver_id: ApproverId,
    /// His address.
    approver: String,
    answer: Vote,
    comment: Option<String>,
    #[schema(value_type = DecisionChannel)]
    channel: String,
    inbound_message_id: Option<InboundMessageId>,
    decided_at: DateTime<Utc>,
    /// The same approver's later decision that replaced it.
    superseded_by: Option<DecisionId>,
}

const COLUMNS: &[&str] = &[
    "id",
    "access_request_id",
    "reference",
    "external_id",
    "approver_id",
    "approver",
    "answer",
    "comment",
    "channel",
    "inbound_message_id",
    "decided_at",
    "superseded_by",
];

fn view(listed: ListedDecision) -> View {
    let decision = listed.decision;
    View {
        id: decision.id,
        access_request_id: decision.access_request_id,
        reference: listed.reference,
        external_id: listed.external_id,
        approver_id: decision.approver_id,
        approver: listed.approver.to_string(),
        answer: decision.answer,
        comment: decision.comment,
        channel: decision.channel,
        inbound_message_id: decision.inbound_message_id,
        decided_at: decision.decided_at,
        superseded_by: decision.superseded_by,
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
    /// The access request.
    request: Option<AccessRequestId>,
    /// The approver's address.
    approver: Option<EmailAddress>,
    answer: Option<Vote>,
    channel: Option<DecisionChannel>,
    /// The inbox account the answer came in.
    account: Option<InboxAccountId>,
    /// Decided at or after.
    since: Option<DateTime<Utc>>,
    /// Decided before.
    until: Option<DateTime<Utc>>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(find))
}

/// Lists decisions, the superseded too
#[utoipa::path(get, path = "/decisions", tag = "decisions", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    caller: Caller,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    let channel = query.channel.map(|channel| match channel {
        DecisionChannel::Email => "email".to_owned(),
        DecisionChannel::Web => "web".to_owned(),
        DecisionChannel::Api => "api".to_owned(),
    });
    let filter = DecisionFilter {
        request: query.request,
        approver: query.approver,
        answer: query.answer,
        channel,
        account: query.account,
        submitted_by: caller.own_submissions(),
        person: caller.own_person()?,
        since: query.since,
        until: query.until,
    };
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let (instance, filter) = (instance.clone(), filter.clone());
        async move {
            let mut tx = instance.store.read().await?;
            let Listed { items, next_cursor } =
                store::decisions::list(&mut tx, &filter, &page).await?;
            Ok(Listed { items: items.into_iter().map(view).collect(), next_cursor })
        }
    })
    .await
}

/// Reads a decision
#[utoipa::path(get, path = "/decisions/{id}", tag = "decisions", params(("id" = DecisionId, Path)), responses(
    (status = 200, description = "It", body = View),
))]
async fn find(
    State(instance): State<Instance>,
    caller: Caller,
    Id(id): Id<DecisionId>,
) -> Result<Json<View>, Problem> {
    let not_found = || ActionError::not_found("decision", id);
    let mut tx = instance.store.read().await?;
    let found = store::decisions::find(&mut tx, id).await?.ok_or_else(not_found)?;
    let request = found.decision.access_request_id;
    let hidden_from_requester = match caller.own_submissions() {
        Some(token) => store::requests::submitter(&mut tx, request).await? != Some(token),
        None => false,
    };
    let own = caller.own_person()?;
    if hidden_from_requester || own.is_some_and(|person| person != found.decision.person_id) {
        return Err(not_found().into());
    }
    Ok(Json(view(found)))
}

//! `/inbound-messages`: mail that came, and what it turned out to be.

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{Instance, messages},
    domain::{
        decision::{Disposition, Reason},
        ids::{AccessRequestId, ApproverId, InboundMessageId, InboxAccountId, OutboxMessageId},
    },
    http::{
        extract::{Id, Params},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{
        self, Listed,
        inbound_messages::{InboundFilter, InboundMessage},
    },
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = InboundMessage)]
struct View {
    id: InboundMessageId,
    account_id: Option<InboxAccountId>,
    /// When we first saw it.
    received_at: DateTime<Utc>,
    from: Option<String>,
    /// The one address of From, where there is one.
    from_address: Option<String>,
    to: Option<String>,
    return_path: Option<String>,
    subject: Option<String>,
    message_id: Option<String>,
    size_bytes: i64,
    sha256: String,
    disposition: Disposition,
    /// `approve`, `deny` or `unclear`, as read from the words.
    answer: Option<String>,
    reason: Reason,
    /// The reason, for people.
    sentence: &'static str,
    access_request_id: Option<AccessRequestId>,
    /// Whom the token names.
    approver_id: Option<ApproverId>,
    outbox_message_id: Option<OutboxMessageId>,
    reply_text: Option<String>,
    comment: Option<String>,
    judged_at: DateTime<Utc>,
    /// When a deferred one is judged again.
    retry_at: Option<DateTime<Utc>>,
    tries: i64,
    /// Set once retention erased the bytes.
    raw_erased_at: Option<DateTime<Utc>>,
}

/// A message with the way to its judgement.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Explained {
    #[serde(flatten)]
    message: View,
    /// Every step of the judgement; for people and for support, may grow.
    explanation: serde_json::Value,
    /// The evidence about the sender.
    authentication: serde_json::Value,
}

const COLUMNS: &[&str] = &[
    "id",
    "account_id",
    "received_at",
    "from",
    "to",
    "subject",
    "message_id",
    "size_bytes",
    "sha256",
    "disposition",
    "answer",
    "reason",
    "access_request_id",
    "approver_id",
    "reply_text",
    "comment",
    "judged_at",
];

fn view(message: InboundMessage) -> View {
    let judged = message.judgement;
    View {
        id: message.id,
        account_id: message.account_id,
        received_at: message.first_seen_at,
        from: message.from_header,
        from_address: message.from_address.map(|address| address.to_string()),
        to: message.to_header,
        return_path: message.return_path,
        subject: message.subject,
        message_id: message.message_id,
        size_bytes: message.size_bytes,
        sha256: data_encoding::HEXLOWER.encode(&message.sha256),
        disposition: judged.disposition,
        answer: judged.answer,
        reason: judged.reason,
        sentence: judged.reason.sentence(),
        access_request_id: judged.access_request_id,
        approver_id: judged.approver_id,
        outbox_message_id: judged.outbox_message_id,
        reply_text: judged.reply_text,
        comment: judged.comment,
        judged_at: judged.judged_at,
        retry_at: judged.retry_at,
        tries: judged.tries,
        raw_erased_at: message.raw_erased_at,
    }
}

fn explained(message: InboundMessage) -> Explained {
    let explanation = message.judgement.explanation.clone();
    let authentication = message.judgement.authentication.clone();
    Explained { message: view(message), explanation, authentication }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// The inbox account.
    account: Option<InboxAccountId>,
    disposition: Option<Disposition>,
    reason: Option<Reason>,
    /// The access request.
    request: Option<AccessRequestId>,
    /// The address of From, in any case.
    sender: Option<String>,
    /// Part of the subject.
    subject: Option<String>,
    /// True: only what was quarantined or waits to be judged again.
    error: Option<bool>,
    /// First seen at or after.
    since: Option<DateTime<Utc>>,
    /// First seen before.
    until: Option<DateTime<Utc>>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(find))
        .routes(routes!(raw))
        .routes(routes!(reprocess))
}

/// Lists mail that came
#[utoipa::path(get, path = "/inbound-messages", tag = "inbound-messages", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    let filter = InboundFilter {
        account: query.account,
        disposition: query.disposition,
        reason: query.reason,
        request: query.request,
        sender: query.sender,
        subject: query.subject,
        with_error: query.error.unwrap_or(false),
        since: query.since,
        until: query.until,
    };
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let (instance, filter) = (instance.clone(), filter.clone());
        async move {
            let mut tx = instance.store.read().await?;
            let Listed { items, next_cursor } =
                store::inbound_messages::list(&mut tx, &filter, &page).await?;
            Ok(Listed { items: items.into_iter().map(view).collect(), next_cursor })
        }
    })
    .await
}

/// Reads a message, with how it was judged
#[utoipa::path(get, path = "/inbound-messages/{id}", tag = "inbound-messages", params(("id" = InboundMessageId, Path)), responses(
    (status = 200, description = "It", body = Explained),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<InboundMessageId>,
) -> Result<Json<Explained>, Problem> {
    Ok(Json(explained(messages::find(&instance, id).await?)))
}

/// Gives the bytes as they were fetched; each download is a ledger entry
#[utoipa::path(get, path = "/inbound-messages/{id}/raw", tag = "inbound-messages", params(("id" = InboundMessageId, Path)), responses(
    (status = 200, description = "The mail", body = Vec<u8>, content_type = "message/rfc822"),
))]
async fn raw(
    State(instance): State<Instance>,
    Id(id): Id<InboundMessageId>,
) -> Result<Response, Problem> {
    Ok(super::outbox::mail(messages::raw(&instance, id).await?))
}

/// Judges a kept message once more; no check is skipped
#[utoipa::path(post, path = "/inbound-messages/{id}/reprocess", tag = "inbound-messages", params(("id" = InboundMessageId, Path)), responses(
    (status = 200, description = "What it turned out to be", body = Explained),
))]
async fn reprocess(
    State(instance): State<Instance>,
    Id(id): Id<InboundMessageId>,
) -> Result<Json<Explained>, Problem> {
    messages::reprocess(&instance, id).await?;
    Ok(Json(explained(messages::find(&instance, id).await?)))
}

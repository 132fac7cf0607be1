//! `/outbox`: mail that is owed or was sent, with every try.

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
        Instance,
        module_mail::{self, ModuleMail},
        outbox,
    },
    domain::{
        address::EmailAddress,
        ids::{AccessRequestId, ApproverId, OutboxMessageId, SmtpAccountId},
        outbox::{DeliveryAttempt, Kind, State as MessageState},
        token::mask_all,
    },
    http::{
        extract::{Body, Id, Params},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{
        self, Listed,
        outbox::{OutboxFilter, OutboxMessage},
    },
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = OutboxMessage)]
struct View {
    id: OutboxMessageId,
    kind: Kind,
    state: MessageState,
    /// Why it is in that state, where there is more to say.
    reason: Option<String>,
    smtp_account_id: Option<SmtpAccountId>,
    /// The account of the last try.
    sent_through_id: Option<SmtpAccountId>,
    access_request_id: Option<AccessRequestId>,
    approver_id: Option<ApproverId>,
    recipient: String,
    /// The envelope sender.
    mail_from: Option<String>,
    subject: String,
    /// Tokens in it are masked.
    message_id: String,
    enqueued_at: DateTime<Utc>,
    due_at: DateTime<Utc>,
    not_after: Option<DateTime<Utc>>,
    sent_at: Option<DateTime<Utc>>,
    /// Tries begun.
    tries: i64,
}

/// A message with its tries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct WithAttempts {
    #[serde(flatten)]
    message: View,
    attempts: Vec<AttemptView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryAttempt)]
struct AttemptView {
    at: DateTime<Utc>,
    /// Where it ended: `connect`, `auth`, `rcpt`, `data`, …
    step: String,
    /// The SMTP reply code, where there was one.
    code: Option<i64>,
    /// The server's words.
    text: String,
}

/// What was enqueued, one message for each recipient.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Enqueued {
    items: Vec<View>,
}

const COLUMNS: &[&str] = &[
    "id",
    "kind",
    "state",
    "reason",
    "recipient",
    "subject",
    "message_id",
    "access_request_id",
    "smtp_account_id",
    "enqueued_at",
    "due_at",
    "sent_at",
    "tries",
];

fn view(message: OutboxMessage) -> View {
    View {
        id: message.id,
        kind: message.kind,
        state: message.state,
        reason: message.reason,
        smtp_account_id: message.smtp_account_id,
        sent_through_id: message.sent_through_id,
        access_request_id: message.access_request_id,
        approver_id: message.approver_id,
        recipient: message.recipient.to_string(),
        mail_from: message.mail_from.map(|address| mask_all(&address.to_string())),
        subject: message.subject,
        message_id: mask_all(&message.message_id),
        enqueued_at: message.enqueued_at,
        due_at: message.due_at,
        not_after: message.not_after,
        sent_at: message.sent_at,
        tries: message.attempts,
    }
}

fn attempt(attempt: DeliveryAttempt) -> AttemptView {
    AttemptView {
        at: attempt.at,
        step: attempt.step,
        code: attempt.code,
        text: mask_all(&attempt.text),
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
    state: Option<MessageState>,
    kind: Option<Kind>,
    /// The SMTP account.
    account: Option<SmtpAccountId>,
    /// The access request.
    request: Option<AccessRequestId>,
    recipient: Option<EmailAddress>,
    /// Enqueued at or after.
    since: Option<DateTime<Utc>>,
    /// Enqueued before.
    until: Option<DateTime<Utc>>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list, send))
        .routes(routes!(find))
        .routes(routes!(raw))
        .routes(routes!(retry))
        .routes(routes!(cancel))
}

/// Lists mail that is owed or was sent
#[utoipa::path(get, path = "/outbox", tag = "outbox", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    let filter = OutboxFilter {
        state: query.state,
        account: query.account,
        request: query.request,
        recipient: query.recipient,
        kind: query.kind,
        since: query.since,
        until: query.until,
    };
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let (instance, filter) = (instance.clone(), filter.clone());
        async move {
            let mut tx = instance.store.read().await?;
            let Listed { items, next_cursor } =
                store::outbox::list(&mut tx, &filter, &page).await?;
            Ok(Listed { items: items.into_iter().map(view).collect(), next_cursor })
        }
    })
    .await
}

/// Sends a mail of any module: each recipient gets a message of his own
#[utoipa::path(post, path = "/outbox", tag = "outbox", request_body = ModuleMail, responses(
    (status = 202, description = "Owed; delivery begins at once", body = Enqueued),
))]
async fn send(
    State(instance): State<Instance>,
    Body(mail): Body<ModuleMail>,
) -> Result<Response, Problem> {
    let ids = module_mail::send(&instance, mail).await?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.push(view(outbox::find(&instance, id).await?.0));
    }
    Ok((StatusCode::ACCEPTED, Json(Enqueued { items })).into_response())
}

/// Reads a message with its tries
#[utoipa::path(get, path = "/outbox/{id}", tag = "outbox", params(("id" = OutboxMessageId, Path)), responses(
    (status = 200, description = "It", body = WithAttempts),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<OutboxMessageId>,
) -> Result<Json<WithAttempts>, Problem> {
    with_attempts(&instance, id).await
}

async fn with_attempts(
    instance: &Instance,
    id: OutboxMessageId,
) -> Result<Json<WithAttempts>, Problem> {
    let (message, attempts) = outbox::find(instance, id).await?;
    let attempts = attempts.into_iter().map(attempt).collect();
    Ok(Json(WithAttempts { message: view(message), attempts }))
}

/// Gives the mail itself
///
/// It holds a live token, so an admin, who decides nothing, does not get it,
/// and each download is a ledger entry.
#[utoipa::path(get, path = "/outbox/{id}/raw", tag = "outbox", params(("id" = OutboxMessageId, Path)), responses(
    (status = 200, description = "The mail", body = Vec<u8>, content_type = "message/rfc822"),
))]
async fn raw(
    State(instance): State<Instance>,
    Id(id): Id<OutboxMessageId>,
) -> Result<Response, Problem> {
    let raw = outbox::raw(&instance, id).await?;
    Ok(mail(raw))
}

/// A mail is shown to nobody's browser as a page.
pub(super) fn mail(raw: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"message.eml\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, raw).into_response()
}

/// Makes a message due again at once
#[utoipa::path(post, path = "/outbox/{id}/retry", tag = "outbox", params(("id" = OutboxMessageId, Path)), responses(
    (status = 200, description = "Due", body = WithAttempts),
))]
async fn retry(
    State(instance): State<Instance>,
    Id(id): Id<OutboxMessageId>,
) -> Result<Json<WithAttempts>, Problem> {
    outbox::retry(&instance, id).await?;
    with_attempts(&instance, id).await
}

/// Cancels a message that no server has taken
#[utoipa::path(post, path = "/outbox/{id}/cancel", tag = "outbox", params(("id" = OutboxMessageId, Path)), responses(
    (status = 200, description = "Cancelled", body = WithAttempts),
))]
async fn cancel(
    State(instance): State<Instance>,
    Id(id): Id<OutboxMessageId>,
) -> Result<Json<WithAttempts>, Problem> {
    outbox::cancel(&instance, id).await?;
    with_attempts(&instance, id).await
}

//! `/inbox-accounts`: the mailboxes that are polled for answers.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{ObjectBuilder, RefOr, schema::Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    smtp_accounts::check_connector,
    steps::{StepView, step_views},
};
use crate::{
    actions::{Instance, accounts, forms::InboxAccountForm},
    domain::{
        ids::{CredentialId, InboxAccountId},
        inbox_account::{InboxAccount, Protocol},
    },
    http::{
        extract::{Body, Id, IfMatch, Params, etag},
        listing::{self, ListForm, Paged},
        openapi::extended,
        problem::{Code, Problem},
    },
    polling, store,
};

/// The form, and what is more to say.
#[derive(Debug, Serialize)]
struct View {
    id: InboxAccountId,
    #[serde(flatten)]
    form: InboxAccountForm,
    warnings: Vec<String>,
}

impl utoipa::PartialSchema for View {
    fn schema() -> RefOr<Schema> {
        let further = ObjectBuilder::new()
            .property("id", InboxAccountId::schema())
            .property("warnings", <Vec<String>>::schema());
        extended::<InboxAccountForm>(further.build())
    }
}

impl utoipa::ToSchema for View {
    fn name() -> std::borrow::Cow<'static, str> {
        "InboxAccount".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        InboxAccountForm::schemas(schemas);
        schemas.push(("CredentialId".to_owned(), CredentialId::schema()));
    }
}

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "enabled",
    "automatic_check",
    "keep_copy",
    "addresses",
    "protocol",
    "host",
    "port",
    "security",
    "credential_id",
    "folder",
    "schedule",
    "timezone",
    "proof",
    "by_mail",
    "profile",
    "warnings",
];

fn view(account: InboxAccount) -> View {
    View { id: account.id, form: InboxAccountForm::of(&account), warnings: account.warnings() }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What a test of an inbox account showed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct InboxTestReport {
    ok: bool,
    sentence: String,
    steps: Vec<StepView>,
    /// IMAP only.
    folders: Vec<String>,
    messages: Option<u64>,
    warnings: Vec<String>,
}

/// What a visit did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct VisitSummary {
    listed: usize,
    history: usize,
    fetched: usize,
    /// By disposition.
    judged: BTreeMap<String, usize>,
    oversize: usize,
    recognised: usize,
    failed: usize,
    deleted: usize,
    took_ms: u64,
}

/// How a polled mailbox is doing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct InboxHealth {
    /// `ok`, `warning`, `failing`, `paused` or `disabled`.
    status: &'static str,
    /// The gravest first.
    sentences: Vec<String>,
    last_started_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_error_at: Option<DateTime<Utc>>,
    last_error_step: Option<String>,
    last_error: Option<String>,
    failures_in_a_row: i64,
    paused_reason: Option<String>,
    next_visit_at: Option<DateTime<Utc>>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(find, update, remove))
        .routes(routes!(test))
        .routes(routes!(poll))
        .routes(routes!(health))
}

/// Lists inbox accounts
#[utoipa::path(get, path = "/inbox-accounts", tag = "inbox-accounts", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let instance = instance.clone();
        async move {
            let mut tx = instance.store.read().await?;
            let mut all = store::inbox_accounts::list(&mut tx).await?;
            all.sort_by_key(|account| std::cmp::Reverse(account.id));
            listing::cut(all.into_iter().map(view).collect(), &page, |view| view.id.0)
        }
    })
    .await
}

/// Adds an inbox account; what lies in it is history unless `import_existing`
#[utoipa::path(post, path = "/inbox-accounts", tag = "inbox-accounts", request_body = InboxAccountForm, responses(
    (status = 201, description = "Added", body = View, headers(("ETag" = String), ("Location" = String))),
))]
async fn add(
    State(instance): State<Instance>,
    Body(form): Body<InboxAccountForm>,
) -> Result<Response, Problem> {
    check_connector(&form.connector)?;
    let account = form.into_account(InboxAccountId(uuid::Uuid::nil()), 1);
    let added = accounts::add_inbox(&instance, account).await?;
    // POP3 has no dates to tell history from news by: the list is taken now,
    // and the caller does not wait for it.
    if added.protocol == Protocol::Pop3 && added.enabled && !added.import_existing {
        let (instance, id) = (instance.clone(), added.id);
        tokio::spawn(async move {
            match polling::take_baseline(&instance, id).await {
                Ok(None) => {}
                Ok(Some(error)) => tracing::warn!(account = %id, "no baseline yet: {error}"),
                Err(error) => tracing::warn!(account = %id, "no baseline yet: {error}"),
            }
        });
    }
    let location = format!("{}/inbox-accounts/{}", crate::http::BASE, added.id);
    let tag = etag(added.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tag, Json(view(added)))
        .into_response())
}

/// Reads an inbox account
#[utoipa::path(get, path = "/inbox-accounts/{id}", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), responses(
    (status = 200, description = "It", body = View, headers(("ETag" = String))),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
) -> Result<Response, Problem> {
    let found = accounts::find_inbox(&instance, &id.to_string()).await?;
    Ok((etag(found.version), Json(view(found))).into_response())
}

/// Changes an inbox account; a paused one is visited again
#[utoipa::path(put, path = "/inbox-accounts/{id}", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), request_body = InboxAccountForm, responses(
    (status = 200, description = "Changed", body = View, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
    seen: IfMatch,
    Body(form): Body<InboxAccountForm>,
) -> Result<Response, Problem> {
    let found = accounts::find_inbox(&instance, &id.to_string()).await?;
    seen.check(found.version)?;
    check_connector(&form.connector)?;
    let changed = form.into_account(id, found.version);
    let updated = accounts::update_inbox(&instance, changed).await?;
    Ok((etag(updated.version), Json(view(updated))).into_response())
}

/// Removes an inbox account; what came in it stays
#[utoipa::path(delete, path = "/inbox-accounts/{id}", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), responses(
    (status = 204, description = "Removed"),
))]
async fn remove(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
) -> Result<StatusCode, Problem> {
    let found = accounts::find_inbox(&instance, &id.to_string()).await?;
    accounts::remove_inbox(&instance, &found).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Walks every step of a visit that changes nothing
#[utoipa::path(post, path = "/inbox-accounts/{id}/test", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), responses(
    (status = 200, description = "What it came to", body = InboxTestReport),
))]
async fn test(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
) -> Result<Json<InboxTestReport>, Problem> {
    let account = accounts::find_inbox(&instance, &id.to_string()).await?;
    let report = polling::test_account(&instance, &account).await?;
    Ok(Json(InboxTestReport {
        ok: report.ok,
        sentence: report.sentence,
        steps: step_views(report.steps),
        folders: report.folders,
        messages: report.messages,
        warnings: report.warnings,
    }))
}

/// Runs one visit now and says what it did
#[utoipa::path(post, path = "/inbox-accounts/{id}/poll", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), responses(
    (status = 200, description = "What the visit did", body = VisitSummary),
))]
async fn poll(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
) -> Result<Json<VisitSummary>, Problem> {
    let account = accounts::find_inbox(&instance, &id.to_string()).await?;
    let visited = polling::poll_now(&instance, &account).await?;
    let done = visited.map_err(|error| Problem::new(Code::Conflict, error.to_string()))?;
    Ok(Json(VisitSummary {
        listed: done.listed,
        history: done.history,
        fetched: done.fetched,
        judged: done.judged,
        oversize: done.oversize,
        recognised: done.recognised,
        failed: done.failed,
        deleted: done.deleted,
        took_ms: done.took_ms,
    }))
}

/// Says how a mailbox is doing
#[utoipa::path(get, path = "/inbox-accounts/{id}/health", tag = "inbox-accounts", params(("id" = InboxAccountId, Path)), responses(
    (status = 200, description = "How it is doing", body = InboxHealth),
))]
async fn health(
    State(instance): State<Instance>,
    Id(id): Id<InboxAccountId>,
) -> Result<Json<InboxHealth>, Problem> {
    let account = accounts::find_inbox(&instance, &id.to_string()).await?;
    let (health, state) = accounts::inbox_health(&instance, &account).await?;
    let state = state.as_ref();
    Ok(Json(InboxHealth {
        status: health.status.as_str(),
        sentences: health.sentences,
        last_started_at: state.and_then(|state| state.last_started_at),
        last_success_at: state.and_then(|state| state.last_success_at),
        last_error_at: state.and_then(|state| state.last_error_at),
        last_error_step: state.and_then(|state| state.last_error_step.clone()),
        last_error: state.and_then(|state| state.last_error.clone()),
        failures_in_a_row: state.map_or(0, |state| state.failures),
        paused_reason: state.and_then(|state| state.paused_reason.clone()),
        next_visit_at: state.map(|state| state.due_at),
    }))
}

//! `/smtp-accounts`: what mail is sent through.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{ObjectBuilder, RefOr, schema::Schema},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::steps::{StepView, step_views};
use crate::{
    actions::{Instance, accounts, forms::SmtpAccountForm},
    delivery,
    domain::{address::EmailAddress, ids::SmtpAccountId, smtp_account::SmtpAccount},
    http::{
        extract::{Body, Id, IfMatch, Params, etag},
        listing::{self, ListForm, Paged},
        openapi::extended,
        problem::Problem,
    },
    store,
};

/// The form, and what is more to say.
#[derive(Debug, Serialize)]
struct View {
    id: SmtpAccountId,
    #[serde(flatten)]
    form: SmtpAccountForm,
    /// Why it sends nothing until somebody mends it.
    paused_reason: Option<String>,
    warnings: Vec<String>,
}

impl utoipa::PartialSchema for View {
    fn schema() -> RefOr<Schema> {
        let further = ObjectBuilder::new()
            .property("id", SmtpAccountId::schema())
            .property("paused_reason", <Option<String>>::schema())
            .property("warnings", <Vec<String>>::schema());
        extended::<SmtpAccountForm>(further.build())
    }
}

impl utoipa::ToSchema for View {
    fn name() -> std::borrow::Cow<'static, str> {
        "SmtpAccount".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        SmtpAccountForm::schemas(schemas);
        schemas.push(("SmtpAccountId".to_owned(), SmtpAccountId::schema()));
    }
}

const COLUMNS: &[&str] = &[
    "id",
    "name",
    "enabled",
    "default",
    "sender",
    "reply_to",
    "return_path",
    "host",
    "port",
    "security",
    "authenticate",
    "credential_id",
    "rate_per_minute",
    "max_connections",
    "paused_reason",
    "warnings",
];

fn view(account: SmtpAccount) -> View {
    View {
        id: account.id,
        form: SmtpAccountForm::of(&account),
        warnings: account.warnings(),
        paused_reason: account.paused_reason,
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
}

/// A mail to try an account with.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct TestMail {
    to: EmailAddress,
    #[serde(default)]
    #[schema(max_length = 200)]
    subject: Option<String>,
    #[serde(default)]
    #[schema(max_length = 2000)]
    body: Option<String>,
}

/// What a test came to: each step with its time and the server's words.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SmtpTestReport {
    ok: bool,
    /// What it comes to, in one sentence.
    sentence: String,
    steps: Vec<StepView>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(find, update, remove))
        .routes(routes!(test))
}

/// Lists SMTP accounts
#[utoipa::path(get, path = "/smtp-accounts", tag = "smtp-accounts", params(Filter), responses(
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
            let mut all = store::smtp_accounts::list(&mut tx).await?;
            all.sort_by_key(|account| std::cmp::Reverse(account.id));
            listing::cut(all.into_iter().map(view).collect(), &page, |view| view.id.0)
        }
    })
    .await
}

/// Adds an SMTP account; the first enabled one becomes the default
#[utoipa::path(post, path = "/smtp-accounts", tag = "smtp-accounts", request_body = SmtpAccountForm, responses(
    (status = 201, description = "Added", body = View, headers(("ETag" = String), ("Location" = String))),
))]
async fn add(
    State(instance): State<Instance>,
    Body(form): Body<SmtpAccountForm>,
) -> Result<Response, Problem> {
    check_connector(&form.connector)?;
    let account = form.into_account(SmtpAccountId(uuid::Uuid::nil()), 1);
    let added = accounts::add_smtp(&instance, account).await?;
    let location = format!("{}/smtp-accounts/{}", crate::http::BASE, added.id);
    let tag = etag(added.version);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], tag, Json(view(added)))
        .into_response())
}

pub(super) fn check_connector(connector: &str) -> Result<(), Problem> {
    match crate::actions::forms::connector_problem(connector) {
        Some(problem) => Err(crate::actions::ActionError::invalid("/connector", problem).into()),
        None => Ok(()),
    }
}

/// Reads an SMTP account
#[utoipa::path(get, path = "/smtp-accounts/{id}", tag = "smtp-accounts", params(("id" = SmtpAccountId, Path)), responses(
    (status = 200, description = "It", body = View, headers(("ETag" = String))),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<SmtpAccountId>,
) -> Result<Response, Problem> {
    let found = accounts::find_smtp(&instance, &id.to_string()).await?;
    Ok((etag(found.version), Json(view(found))).into_response())
}

/// Changes an SMTP account; a paused one tries again
#[utoipa::path(put, path = "/smtp-accounts/{id}", tag = "smtp-accounts", params(("id" = SmtpAccountId, Path)), request_body = SmtpAccountForm, responses(
    (status = 200, description = "Changed", body = View, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    Id(id): Id<SmtpAccountId>,
    seen: IfMatch,
    Body(form): Body<SmtpAccountForm>,
) -> Result<Response, Problem> {
    let found = accounts::find_smtp(&instance, &id.to_string()).await?;
    seen.check(found.version)?;
    check_connector(&form.connector)?;
    let changed = form.into_account(id, found.version);
    let updated = accounts::update_smtp(&instance, changed).await?;
    Ok((etag(updated.version), Json(view(updated))).into_response())
}

/// Removes an SMTP account that is not the default
#[utoipa::path(delete, path = "/smtp-accounts/{id}", tag = "smtp-accounts", params(("id" = SmtpAccountId, Path)), responses(
    (status = 204, description = "Removed"),
))]
async fn remove(
    State(instance): State<Instance>,
    Id(id): Id<SmtpAccountId>,
) -> Result<StatusCode, Problem> {
    let found = accounts::find_smtp(&instance, &id.to_string()).await?;
    accounts::remove_smtp(&instance, &found).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends one mail now; what the server says is in the answer, a refusal too
#[utoipa::path(post, path = "/smtp-accounts/{id}/test", tag = "smtp-accounts", params(("id" = SmtpAccountId, Path)), request_body = TestMail, responses(
    (status = 200, description = "What it came to", body = SmtpTestReport),
))]
async fn test(
    State(instance): State<Instance>,
    Id(id): Id<SmtpAccountId>,
    Body(mail): Body<TestMail>,
) -> Result<Json<SmtpTestReport>, Problem> {
    let account = accounts::find_smtp(&instance, &id.to_string()).await?;
    let (subject, body) = (mail.subject.as_deref(), mail.body.as_deref());
    let report = delivery::test_account(&instance, &account, &mail.to, subject, body).await?;
    let steps = step_views(report.steps);
    Ok(Json(SmtpTestReport { ok: report.ok, sentence: report.sentence, steps }))
}

//! `/credentials`: what accounts log in with. The secret goes in and never
//! comes back.

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
    actions::{Instance, credentials},
    domain::ids::CredentialId,
    http::{
        extract::{Body, Id, IfMatch, Params, etag},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    secret::Secret,
    store::{self, credentials::Credential},
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Credential)]
struct View {
    id: CredentialId,
    name: String,
    kind: String,
    username: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

const COLUMNS: &[&str] = &["id", "name", "kind", "username", "created_at", "updated_at"];

fn view(credential: Credential) -> View {
    View {
        id: credential.id,
        name: credential.name,
        kind: credential.kind,
        username: credential.username,
        created_at: credential.created_at,
        updated_at: credential.updated_at,
    }
}

/// The one kind there is.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum CredentialKind {
    Password,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCredential {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(rename = "kind")]
    _kind: CredentialKind,
    #[schema(min_length = 1, max_length = 500)]
    username: String,
    /// Never comes back.
    #[schema(value_type = String, max_length = 10_000)]
    password: Secret,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangedCredential {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[serde(rename = "kind")]
    _kind: CredentialKind,
    #[schema(min_length = 1, max_length = 500)]
    username: String,
    /// None: the old one stays.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 10_000)]
    password: Option<Secret>,
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

/// An account that logs in with a credential.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CredentialUser {
    /// `smtp_account` or `inbox_account`.
    kind: String,
    id: uuid::Uuid,
    name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CredentialUsers {
    items: Vec<CredentialUser>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(find, update, remove))
        .routes(routes!(users))
}

/// Lists credentials
#[utoipa::path(get, path = "/credentials", tag = "credentials", params(Filter), responses(
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
            let mut all = store::credentials::list(&mut tx).await?;
            all.sort_by_key(|credential| std::cmp::Reverse(credential.id));
            listing::cut(all.into_iter().map(view).collect(), &page, |view| view.id.0)
        }
    })
    .await
}

/// Adds a credential
#[utoipa::path(post, path = "/credentials", tag = "credentials", request_body = NewCredential, responses(
    (status = 201, description = "Added", body = View, headers(("ETag" = String), ("Location" = String))),
))]
async fn add(
    State(instance): State<Instance>,
    Body(new): Body<NewCredential>,
) -> Result<Response, Problem> {
    let new = credentials::NewCredential {
        name: new.name,
        username: new.username,
        password: new.password,
    };
    let added = credentials::add(&instance, new).await?;
    let location = [(header::LOCATION, format!("{}/credentials/{}", crate::http::BASE, added.id))];
    let tag = etag(added.version);
    Ok((StatusCode::CREATED, location, tag, Json(view(added))).into_response())
}

/// Reads a credential, without its secret
#[utoipa::path(get, path = "/credentials/{id}", tag = "credentials", params(("id" = CredentialId, Path)), responses(
    (status = 200, description = "It", body = View, headers(("ETag" = String))),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<CredentialId>,
) -> Result<Response, Problem> {
    let found = credentials::find(&instance, &id.to_string()).await?;
    Ok((etag(found.version), Json(view(found))).into_response())
}

/// Changes a credential; accounts that were paused for it try again
#[utoipa::path(put, path = "/credentials/{id}", tag = "credentials", params(("id" = CredentialId, Path)), request_body = ChangedCredential, responses(
    (status = 200, description = "Changed", body = View, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    Id(id): Id<CredentialId>,
    seen: IfMatch,
    Body(changed): Body<ChangedCredential>,
) -> Result<Response, Problem> {
    let mut credential = credentials::find(&instance, &id.to_string()).await?;
    seen.check(credential.version)?;
    credential.name = changed.name;
    credential.username = changed.username;
    let updated = credentials::update(&instance, credential, changed.password).await?;
    Ok((etag(updated.version), Json(view(updated))).into_response())
}

/// Removes a credential that no account uses
#[utoipa::path(delete, path = "/credentials/{id}", tag = "credentials", params(("id" = CredentialId, Path)), responses(
    (status = 204, description = "Removed"),
))]
async fn remove(
    State(instance): State<Instance>,
    Id(id): Id<CredentialId>,
) -> Result<StatusCode, Problem> {
    let found = credentials::find(&instance, &id.to_string()).await?;
    credentials::remove(&instance, &found).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says which accounts use a credential
#[utoipa::path(get, path = "/credentials/{id}/users", tag = "credentials", params(("id" = CredentialId, Path)), responses(
    (status = 200, description = "They", body = CredentialUsers),
))]
async fn users(
    State(instance): State<Instance>,
    Id(id): Id<CredentialId>,
) -> Result<Json<CredentialUsers>, Problem> {
    credentials::find(&instance, &id.to_string()).await?;
    let mut tx = instance.store.read().await?;
    let users = store::credentials::users(&mut tx, id).await?;
    let items = users
        .into_iter()
        .map(|user| CredentialUser { kind: user.kind, id: user.id, name: user.name })
        .collect();
    Ok(Json(CredentialUsers { items }))
}

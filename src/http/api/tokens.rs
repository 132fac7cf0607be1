//! `/tokens`: who may call. A token's text is given once, when it is made.

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
        ActionError, Instance,
        api_tokens::{self, NewToken, Role},
    },
    domain::ids::{ApiTokenId, PersonId},
    http::{
        extract::{Body, Id, Params},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::api_tokens::ApiToken,
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Token)]
struct View {
    id: ApiTokenId,
    name: String,
    #[schema(value_type = Role)]
    role: String,
    /// Whom it speaks for.
    person_id: Option<PersonId>,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    /// To the minute.
    last_used_at: Option<DateTime<Utc>>,
    /// What to send as `Authorization: Bearer`; only ever in the answer to the
    /// call that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

const COLUMNS: &[&str] =
    &["id", "name", "role", "person_id", "created_at", "expires_at", "revoked_at", "last_used_at"];

fn view(token: ApiToken) -> View {
    View {
        id: token.id,
        name: token.name,
        role: token.role,
        person_id: token.person_id,
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
        last_used_at: token.last_used_at,
        token: None,
    }
}

/// An approver's token is not made here: whoever makes one could answer in
/// the approver's name, and an admin decides nothing.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTokenForm {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    role: Role,
    /// None: until it is revoked.
    #[serde(default)]
    expires_at: Option<DateTime<Utc>>,
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

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(find, revoke))
}

/// Lists tokens, the revoked and expired too
#[utoipa::path(get, path = "/tokens", tag = "tokens", params(Filter), responses(
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
            let mut all = api_tokens::list(&instance).await?;
            all.sort_by_key(|token| std::cmp::Reverse(token.id));
            listing::cut(all.into_iter().map(view).collect(), &page, |view| view.id.0)
        }
    })
    .await
}

/// Makes a token; its text is in this answer and nowhere else
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = NewTokenForm, responses(
    (status = 201, description = "Made", body = View, headers(("Location" = String))),
))]
async fn add(
    State(instance): State<Instance>,
    Body(new): Body<NewTokenForm>,
) -> Result<Response, Problem> {
    if new.role == Role::Approver {
        let problem = "cannot be `approver` here: whoever makes such a token could answer in the \
                       approver's name; `countersign token create` makes one on the server itself";
        return Err(ActionError::invalid("/role", problem).into());
    }
    let new = NewToken { name: new.name, role: new.role, person: None, expires_at: new.expires_at };
    let issued = api_tokens::issue(&instance, new).await?;
    let location = format!("{}/tokens/{}", crate::http::BASE, issued.token.id);
    let made = View { token: Some(issued.text.expose().to_owned()), ..view(issued.token) };
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, Json(made)).into_response())
}

/// Reads a token, without its text
#[utoipa::path(get, path = "/tokens/{id}", tag = "tokens", params(("id" = ApiTokenId, Path)), responses(
    (status = 200, description = "It", body = View),
))]
async fn find(
    State(instance): State<Instance>,
    Id(id): Id<ApiTokenId>,
) -> Result<Json<View>, Problem> {
    Ok(Json(view(api_tokens::find(&instance, &id.to_string()).await?)))
}

/// Revokes a token for ever; it stays in the list
#[utoipa::path(delete, path = "/tokens/{id}", tag = "tokens", params(("id" = ApiTokenId, Path)), responses(
    (status = 200, description = "Revoked", body = View),
))]
async fn revoke(
    State(instance): State<Instance>,
    Id(id): Id<ApiTokenId>,
) -> Result<Json<View>, Problem> {
    Ok(Json(view(api_tokens::revoke(&instance, id).await?)))
}

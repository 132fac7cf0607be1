//! `/settings`: what holds for the whole instance.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{Instance, settings},
    domain::settings::Settings,
    http::{
        extract::{Body, IfMatch, etag},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(find, update))
}

/// Reads the settings
#[utoipa::path(get, path = "/settings", tag = "settings", responses(
    (status = 200, description = "They", body = Settings, headers(("ETag" = String))),
))]
async fn find(State(instance): State<Instance>) -> Result<Response, Problem> {
    let (found, version) = settings::find(&instance).await?;
    Ok((etag(version), Json(found)).into_response())
}

/// Replaces the settings; what is left out goes back to its default
#[utoipa::path(put, path = "/settings", tag = "settings", request_body = Settings, responses(
    (status = 200, description = "Replaced", body = Settings, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    seen: IfMatch,
    Body(new): Body<Settings>,
) -> Result<Response, Problem> {
    let (_, version) = settings::find(&instance).await?;
    seen.check(version)?;
    let version = settings::update(&instance, &new, version).await?;
    Ok((etag(version), Json(new)).into_response())
}

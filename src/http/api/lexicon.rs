//! `/lexicon`: words added to those by which answers are read.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{Instance, lexicon},
    domain::reply::lexicon::{Addition, Lexicon},
    http::{
        extract::{Body, IfMatch, etag},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(find, update))
}

/// The added words, and the languages they may belong to.
#[derive(Serialize, ToSchema)]
struct Shown {
    additions: Vec<Addition>,
    /// ISO 639-1 codes of the languages that are read.
    languages: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Replacement {
    #[schema(max_items = 1000)]
    additions: Vec<Addition>,
}

fn shown(additions: Vec<Addition>) -> Shown {
    Shown { additions, languages: Lexicon::builtin().languages().map(str::to_owned).collect() }
}

/// Reads the added words
#[utoipa::path(get, path = "/lexicon", tag = "lexicon", responses(
    (status = 200, description = "They", body = Shown, headers(("ETag" = String))),
))]
async fn find(State(instance): State<Instance>) -> Result<Response, Problem> {
    let (found, version) = lexicon::find(&instance).await?;
    Ok((etag(version), Json(shown(found))).into_response())
}

/// Replaces the added words; one that turns a text of known meaning is refused with that text
#[utoipa::path(put, path = "/lexicon", tag = "lexicon", request_body = Replacement, responses(
    (status = 200, description = "Replaced", body = Shown, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    seen: IfMatch,
    Body(new): Body<Replacement>,
) -> Result<Response, Problem> {
    let version = lexicon::update(&instance, &new.additions, seen.version()).await?;
    Ok((etag(version), Json(shown(new.additions))).into_response())
}

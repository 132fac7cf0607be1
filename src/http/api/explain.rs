//! `POST /explain`: what a mail would come to, and why; nothing is kept.

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{
        Instance,
        explain::{Explanation, explain},
    },
    domain::message::parse::Limits,
    http::problem::Problem,
};

pub fn router() -> OpenApiRouter<Instance> {
    // What is too large is judged, too: it is quarantined.
    let body_max = Limits::default().size_bytes_max + 1;
    OpenApiRouter::new().routes(routes!(explain_mail)).layer(DefaultBodyLimit::max(body_max))
}

/// Judge a mail without receiving it.
#[utoipa::path(
    post, path = "/explain", tag = "explain", operation_id = "explainMail",
    request_body(content_type = "message/rfc822", content = String),
    responses((status = 200, description = "What it would come to, and why", body = Explanation)),
)]
async fn explain_mail(
    State(instance): State<Instance>,
    mail: Bytes,
) -> Result<Json<Explanation>, Problem> {
    Ok(Json(explain(&instance, &mail).await?))
}

//! `POST /explain`: what a mail would come to, and why; nothing is kept.

use axum::{
    Json,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{
        Instance,
        explain::{Explanation, explain},
    },
    domain::message::parse::Limits,
    http::problem::{Code, Problem},
};

/// RFC 2046 §5.2.1.
const MEDIA_TYPE: &str = "message/rfc822";

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
    headers: HeaderMap,
    mail: Bytes,
) -> Result<Json<Explanation>, Problem> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(MEDIA_TYPE) {
        let expected = format!("the body must be a mail, with the content type {MEDIA_TYPE}");
        return Err(Problem::new(Code::UnsupportedMediaType, expected));
    }
    Ok(Json(explain(&instance, &mail).await?))
}

//! What monitoring asks, outside `/api/v1` and without a token: alive, ready,
//! and the metrics. None of it names a person or a request.

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

use super::problem::{Code, Problem};
use crate::{
    actions::{Instance, watch},
    telemetry,
};

pub fn router() -> Router<Instance> {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// The process answers; says nothing about what it stands on.
async fn alive() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

/// The store answers too.
async fn ready(State(instance): State<Instance>) -> Result<Response, Problem> {
    match instance.store.now().await {
        Ok(_) => Ok(Json(json!({"status": "ready"})).into_response()),
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Err(Problem::new(Code::Unavailable, "the database cannot be used at the moment"))
        }
    }
}

/// Prometheus text. What the store knows best is counted there, now.
async fn metrics(State(instance): State<Instance>) -> Result<Response, Problem> {
    watch::gauge(&instance).await?;
    let text = telemetry::metrics_text();
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

//! The HTTP API: JSON under `/api/v1`, its description and its page, and what
//! an operator's monitoring asks.
//!
//! This room knows status codes and nothing else does; what happens is in
//! `actions`. Every call passes the same way: a limit of time, a net under
//! panics, who is calling and whether he may ([`access`], deny by default),
//! the idempotency key, and then one function of `api`. Whatever goes wrong
//! on the way ends as one shape of error ([`problem`]).
//!
//! Not here: pages for people, and what an answer means.

pub mod access;
mod api;
mod caller;
mod docs;
mod extract;
mod idempotency;
mod listing;
pub mod openapi;
pub mod problem;
mod watch;

use std::time::Duration;

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{actions::Instance, telemetry};
use problem::Problem;

/// Where the API begins.
pub const BASE: &str = "/api/v1";
/// A call that takes longer is broken off.
const CALL_MAX: Duration = Duration::from_secs(30);
/// What a call that talks to a mail server may take beyond the visit's limit.
const CALL_MAX_BEYOND_VISIT: Duration = Duration::from_secs(30);

/// Answers calls until `stop`; what is under way then is finished.
pub async fn run(instance: Instance, listener: TcpListener, stop: CancellationToken) {
    let keeper = telemetry::keep_metrics(stop.clone());
    let app = app(instance);
    let served = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!("the API ended: {error}");
    }
    keeper.abort();
}

/// The whole of it, as a service.
pub fn app(instance: Instance) -> Router {
    let (router, described) =
        OpenApiRouter::with_openapi(openapi::head()).nest(BASE, api::router()).split_for_parts();
    let described = openapi::finish(described);
    router
        .route_layer(from_fn_with_state(instance.clone(), idempotency::keep))
        .route_layer(from_fn_with_state(instance.clone(), caller::admit))
        .merge(watch::router())
        .with_state(instance.clone())
        .merge(docs::router(described))
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(CatchPanicLayer::custom(problem::of_panic))
        .layer(from_fn_with_state(instance, limit_time))
        .layer(from_fn(problem::make_sure))
        .layer(from_fn(note))
}

/// A call to a mail server waits as long as that may take; all others are
/// short.
async fn limit_time(State(instance): State<Instance>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let calls_a_mail_server = path.ends_with("/test") || path.ends_with("/poll");
    let limit = if calls_a_mail_server {
        Duration::from_secs(instance.config.limits.visit_seconds) + CALL_MAX_BEYOND_VISIT
    } else {
        CALL_MAX
    };
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::took_too_long(limit).response(),
    }
}

/// One line and one measurement for each call. The route's pattern is named,
/// never the path, the query or a header: secrets may stand there.
async fn note(request: Request, next: Next) -> Response {
    let method = telemetry::method_word(request.method().as_str());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let began = tokio::time::Instant::now();
    let response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    telemetry::http_call(method, &route, status, took);
    tracing::info!(method, route, status, ms = took.as_millis() as u64, "call");
    response
}

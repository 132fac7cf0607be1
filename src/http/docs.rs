//! The description of the API and the page to try it on. Both are served from
//! here; the page is told to load nothing from anywhere else.

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::BASE;

/// What the page may load: its own scripts and styles, and the API.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; font-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub fn router(described: String) -> Router {
    let path = format!("{BASE}/openapi.json");
    // The validator's badge would ask a server of somebody else's.
    let config = Config::from(path.clone()).validator_url("none").use_base_layout();
    let page = Router::from(SwaggerUi::new("/api/docs").config(config));
    let policy = HeaderValue::from_static(POLICY);
    let page = page
        .layer(SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, policy))
        .layer(SetResponseHeaderLayer::overriding(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ));
    let described = axum::body::Bytes::from(described);
    let answer = move || {
        let described = described.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], described).into_response() }
    };
    Router::new().route(&path, get(answer)).merge(page)
}

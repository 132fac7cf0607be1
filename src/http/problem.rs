//! Everything that can go wrong with a call, in one shape: RFC 9457
//! `application/problem+json`, with a `type` that never changes, a `detail`
//! for people, and the fields that are to be mended.

use std::{any::Any, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{
    actions::ActionError, domain::access_request::submission::FieldProblem, store::StoreError,
    telemetry,
};

pub const CONTENT_TYPE: &str = "application/problem+json";
const TYPE_PREFIX: &str = "urn:countersign:problem:";

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub code: Code,
    /// For people; may change.
    pub detail: String,
    /// Each field that is to be mended.
    pub errors: Vec<FieldProblem>,
    /// Of an answer that does not count: why, by its stable code.
    pub reason: Option<String>,
}

/// A problem as a caller sees it (RFC 9457 §3.1).
#[derive(Serialize)]
struct Shown<'a> {
    /// `urn:countersign:problem:<code>`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Every code there is: its word, its status, its title. `docs/API.md` lists
/// them; a test keeps the two together.
macro_rules! codes {
    ($($name:ident $word:literal $status:ident $title:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name),+ }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),+ }
            }

            fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    Malformed "malformed" BAD_REQUEST "The call cannot be read";
    Unauthorized "unauthorized" UNAUTHORIZED "A valid API token is needed";
    Forbidden "forbidden" FORBIDDEN "This role may not do that";
    NotFound "not_found" NOT_FOUND "There is no such thing";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "This path knows other methods";
    NotAcceptable "not_acceptable" NOT_ACCEPTABLE "No such form can be given";
    Timeout "timeout" REQUEST_TIMEOUT "The call took too long";
    Conflict "conflict" CONFLICT "The state of things is against it";
    NotCounted "not_counted" CONFLICT "The answer does not count";
    IdempotencyInProgress "idempotency_in_progress" CONFLICT "The first call is still under way";
    IdempotencyUnknown "idempotency_unknown" CONFLICT "What became of the first call is not known";
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "It was changed in between";
    TooLarge "too_large" PAYLOAD_TOO_LARGE "The body is too large";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body is of another type";
    Invalid "invalid" UNPROCESSABLE_ENTITY "Some fields are to be mended";
    NoReplyRoad "no_reply_road" UNPROCESSABLE_ENTITY "Answers could not come back";
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "The key was used for another call";
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "If-Match is needed";
    Internal "internal" INTERNAL_SERVER_ERROR "Something is broken here";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "Try again later";
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), reason: None }
    }

    pub fn malformed(field: &str, problem: &str) -> Self {
        let found = FieldProblem::new(field, problem);
        let detail = match field {
            "" => problem.to_owned(),
            _ => format!("`{field}` {problem}"),
        };
        Self { errors: vec![found], ..Self::new(Code::Malformed, detail) }
    }

    pub fn no_such_path() -> Self {
        Self::new(Code::NotFound, "there is nothing at this path; /api/docs shows what there is")
    }

    pub fn method_not_allowed() -> Self {
        Self::new(
            Code::MethodNotAllowed,
            "this path does not know this method; the Allow header names those it knows",
        )
    }

    pub fn took_too_long(limit: Duration) -> Self {
        Self::new(
            Code::Timeout,
            format!("the call took longer than {} s and was broken off", limit.as_secs()),
        )
    }

    pub fn response(self) -> Response {
        let status = self.code.status();
        let shown = Shown {
            kind: format!("{TYPE_PREFIX}{}", self.code.word()),
            title: self.code.title(),
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            reason: self.reason.as_deref(),
        };
        let mut response = (status, Json(shown)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response()
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        let said = error.to_string();
        match error {
            ActionError::NotFound { .. } => Self::new(Code::NotFound, said),
            ActionError::Invalid(errors) => Self { errors, ..Self::new(Code::Invalid, said) },
            ActionError::Conflict(_) => Self::new(Code::Conflict, said),
            ActionError::Changed { .. } => Self::new(Code::PreconditionFailed, said),
            ActionError::NotCounted(reason) => {
                Self { reason: Some(reason.to_string()), ..Self::new(Code::NotCounted, said) }
            }
            ActionError::NoReplyRoad(_) => Self::new(Code::NoReplyRoad, said),
            ActionError::Store(error) => error.into(),
            ActionError::Secret(error) => internal(&error),
            ActionError::Internal(_) => internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadCursor => ActionError::invalid("cursor", "is none that we gave").into(),
            StoreError::Taken { what } => Self::new(Code::Conflict, format!("the {what} is taken")),
            StoreError::InUse { what } => {
                Self::new(Code::Conflict, format!("it is still in use by {what}"))
            }
            StoreError::Unavailable { .. } => {
                tracing::error!("the store cannot be used: {}", telemetry::causes(&error));
                Self::new(Code::Unavailable, "the database cannot be used at the moment")
            }
            other => internal(&other),
        }
    }
}

/// What is broken stands in the log; a caller learns only that it is.
fn internal(error: &dyn std::error::Error) -> Problem {
    tracing::error!("a call failed: {}", telemetry::causes(error));
    Problem::new(Code::Internal, "the log of the service says what it is")
}

/// What a panic becomes; its words go to the log only.
pub fn of_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word");
    tracing::error!("a call panicked: {words}");
    Problem::new(Code::Internal, "the log of the service says what it is").response()
}

/// Gives every error our shape, those of the libraries beneath us too.
pub async fn make_sure(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == CONTENT_TYPE.as_bytes());
    if !is_error || is_ours {
        return response;
    }
    let code = Code::ALL.iter().copied().find(|code| code.status() == status);
    let code =
        code.unwrap_or(if status.is_client_error() { Code::Malformed } else { Code::Internal });
    let replaced = Problem::new(code, code.title()).response();
    let (mut parts, _) = response.into_parts();
    parts.status = code.status();
    parts.headers.remove(header::CONTENT_LENGTH);
    let (ours, body) = replaced.into_parts();
    parts.headers.extend(ours.headers.into_iter().filter_map(|(name, value)| Some((name?, value))));
    Response::from_parts(parts, Body::new(body))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::decision::Reason;

    #[test]
    fn codes_are_unique() {
        let words: BTreeSet<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn the_document_lists_every_code() {
        let document = include_str!("../../docs/API.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.word(), code.status().as_u16());
            assert!(document.contains(&row), "docs/API.md lacks: {row}");
        }
    }

    #[test]
    fn an_error_keeps_what_the_caller_can_mend_and_hides_what_is_ours() {
        let check = |error: ActionError, code: Code, fields: usize| {
            let problem = Problem::from(error);
            assert_eq!(problem.code, code);
            assert_eq!(problem.errors.len(), fields);
            problem
        };
        check(ActionError::not_found("person", "x"), Code::NotFound, 0);
        check(ActionError::invalid("/name", "is long"), Code::Invalid, 1);
        check(ActionError::Conflict("no".into()), Code::Conflict, 0);
        let counted = check(ActionError::NotCounted(Reason::RequestExpired), Code::NotCounted, 0);
        assert_eq!(counted.reason.as_deref(), Some("request_expired"));
        let ours = check(ActionError::Internal("the secret".into()), Code::Internal, 0);
        assert!(!ours.detail.contains("secret"));
    }
}

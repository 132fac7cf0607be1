//! The steps of a session with a mail server, as a test of an account tells them.

use serde::Serialize;

/// One step of a session with a server.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Step)]
pub(super) struct StepView {
    /// `dns`, `connector`, `connect`, `tls`, `greeting`, `auth`, …
    step: &'static str,
    took_ms: u64,
    /// The server's words, or what was established.
    words: String,
}

pub(super) fn step_views(steps: Vec<crate::net::step::Step>) -> Vec<StepView> {
    steps
        .into_iter()
        .map(|step| StepView {
            step: step.step.as_str(),
            took_ms: u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
            words: step.words,
        })
        .collect()
}

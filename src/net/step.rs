//! What a test of an account prints, and what an error names: the step of the
//! session, how long it took, and the server's words.

use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::Instant;

pub use super::{
    failure::{Failure, NetError, Peer, printable},
    step_name::StepName,
};

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step: StepName,
    /// Serialized in milliseconds.
    #[serde(rename = "took_ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// The server's words, or what was established. Never a secret.
    pub words: String,
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

/// The steps of one session, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StepLog(Vec<Step>);

impl StepLog {
    /// Notes a step that began at `since` and is done now.
    pub fn add(&mut self, step: StepName, since: Instant, words: &str) {
        self.0.push(Step { step, took: since.elapsed(), words: printable(words) });
    }

    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    pub fn into_steps(self) -> Vec<Step> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_the_same_everywhere() {
        for step in [StepName::FolderList, StepName::Dns, StepName::Rcpt] {
            assert_eq!(serde_json::to_value(step).unwrap(), step.to_string());
        }
    }
}

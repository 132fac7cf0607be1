//! One recipient in a report, and how much of its words is kept.

/// What is said of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct RecipientReport {
    /// The address as we wrote it, if the report knows.
    pub original: Option<String>,
    /// The address the mail went to in the end.
    #[serde(rename = "final")]
    pub final_recipient: Option<String>,
    /// `failed`, `delayed`, …, lower case.
    pub action: String,
    /// RFC 3463: `5.1.1`.
    pub status: Option<String>,
    /// What the other server said.
    pub diagnostic: Option<String>,
}

/// A mail to more people than this is not ours.
pub(super) const RECIPIENTS_MAX: usize = 100;
const DIAGNOSTIC_CHARS: usize = 500;

/// A diagnostic on one line, without the type in front, capped.
pub(super) fn clipped(text: &str) -> String {
    let text =
        text.split_once(';').filter(|(kind, _)| kind.len() < 20).map_or(text, |(_, rest)| rest);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(DIAGNOSTIC_CHARS).collect()
}

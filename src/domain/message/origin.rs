//! (being written)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Person,
    AutoReply,
    Bounce,
    FeedbackReport,
    ReadReceipt,
    List,
    Loop,
}

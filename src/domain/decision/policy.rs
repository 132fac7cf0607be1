//! The two settings of trust, and how the stricter wins.
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    TokenOnly,
    Standard,
    Strict,
}
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ByMail {
    Yes,
    Confirm,
    No,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    pub proof: Proof,
    pub by_mail: ByMail,
}
impl Policy {
    pub fn stricter(self, other: Self) -> Self {
        Self { proof: self.proof.max(other.proof), by_mail: self.by_mail.max(other.by_mail) }
    }
}
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TokenOnly => "token_only",
            Self::Standard => "standard",
            Self::Strict => "strict",
        })
    }
}

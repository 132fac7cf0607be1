//! How much proof an answer by mail needs, and what it is worth then.
//!
//! Two settings, each with an order. What holds for a request is the stricter,
//! each for itself, of everything that has a say: the instance's floor, the
//! floor of the resource, the request, the account the Reply-To belongs to and
//! the account the mail arrived in. Nothing can lower what another has raised.

use serde::{Deserialize, Serialize};

/// How well the sender of a mail is proven; a higher one includes the lower.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// By holding the token. An explicit choice, never a default: the token
    /// leaks by design.
    TokenOnly,
    /// The token stands where an aligned signature, or our own server's
    /// verdict, vouches for it.
    #[default]
    Standard,
    /// A signature we verified ourselves, of exactly the sender's domain,
    /// covers the token.
    Strict,
}

/// What a proven approve by mail is worth.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ByMail {
    /// It counts.
    #[default]
    Yes,
    /// It counts once it is confirmed on the web.
    Confirm,
    /// It never counts.
    No,
}

/// Both settings. The default is `standard`, `yes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Policy {
    pub proof: Proof,
    pub by_mail: ByMail,
}

/// What one source asks for at least; `None` where it has no opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Floor {
    pub proof: Option<Proof>,
    pub by_mail: Option<ByMail>,
}

impl Policy {
    /// The stricter of each setting.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self { proof: self.proof.max(other.proof), by_mail: self.by_mail.max(other.by_mail) }
    }

    /// The stricter of each setting of all sources. Of none at all it is the
    /// default, so that a forgotten source cannot mean `token_only`.
    pub fn effective(sources: impl IntoIterator<Item = Self>) -> Self {
        sources.into_iter().reduce(Self::stricter).unwrap_or_default()
    }

    /// This policy, raised where the floor is higher.
    #[must_use]
    pub fn raised_to(self, floor: Floor) -> Self {
        Self {
            proof: floor.proof.map_or(self.proof, |proof| proof.max(self.proof)),
            by_mail: floor.by_mail.map_or(self.by_mail, |by_mail| by_mail.max(self.by_mail)),
        }
    }

    /// The proof that an approve by mail needs.
    pub fn proof_to_approve(self) -> Proof {
        self.proof
    }

    /// The proof that a deny by mail needs: never more than `standard`, since
    /// a lost deny is the dangerous one.
    pub fn proof_to_deny(self) -> Proof {
        self.proof.min(Proof::Standard)
    }
}

impl Proof {
    pub const ALL: [Self; 3] = [Self::TokenOnly, Self::Standard, Self::Strict];

    /// The stored form.
    pub fn code(self) -> &'static str {
        match self {
            Self::TokenOnly => "token_only",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proof| proof.code() == code)
    }
}

impl ByMail {
    pub const ALL: [Self; 3] = [Self::Yes, Self::Confirm, Self::No];

    /// The stored form.
    pub fn code(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Confirm => "confirm",
            Self::No => "no",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by_mail| by_mail.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = Policy> {
        Proof::ALL
            .into_iter()
            .flat_map(|proof| ByMail::ALL.map(|by_mail| Policy { proof, by_mail }))
    }

    fn check(sources: &[(Proof, ByMail)], expected: (Proof, ByMail)) {
        let policies = sources.iter().map(|&(proof, by_mail)| Policy { proof, by_mail });
        let effective = Policy::effective(policies);
        assert_eq!((effective.proof, effective.by_mail), expected, "{sources:?}");
    }

    #[test]
    fn each_setting_is_the_stricter_for_itself() {
        use {ByMail::*, Proof::*};
        check(&[(TokenOnly, Yes)], (TokenOnly, Yes));
        check(&[(TokenOnly, No), (Strict, Yes)], (Strict, No));
        check(&[(Standard, Yes), (TokenOnly, Confirm), (TokenOnly, Yes)], (Standard, Confirm));
        check(&[(Strict, No), (TokenOnly, Yes), (Standard, Confirm)], (Strict, No));
    }

    #[test]
    fn no_source_at_all_is_the_default() {
        check(&[], (Proof::Standard, ByMail::Yes));
    }

    #[test]
    fn a_source_can_only_raise_and_order_does_not_matter() {
        for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
            let both = one.stricter(other);
            assert_eq!(both, other.stricter(one));
            assert!(both.proof >= one.proof && both.by_mail >= one.by_mail);
            assert!(both.proof == one.proof || both.proof == other.proof);
            assert_eq!(
                one.raised_to(Floor { proof: Some(other.proof), by_mail: Some(other.by_mail) }),
                both
            );
        }
        for policy in all() {
            assert_eq!(policy.raised_to(Floor::default()), policy);
        }
    }

    #[test]
    fn a_deny_never_needs_more_than_standard() {
        let needs = |proof| {
            let policy = Policy { proof, by_mail: ByMail::Yes };
            (policy.proof_to_approve(), policy.proof_to_deny())
        };
        assert_eq!(needs(Proof::TokenOnly), (Proof::TokenOnly, Proof::TokenOnly));
        assert_eq!(needs(Proof::Standard), (Proof::Standard, Proof::Standard));
        assert_eq!(needs(Proof::Strict), (Proof::Strict, Proof::Standard));
    }

    #[test]
    fn codes_read_back_and_agree_with_serde() {
        for proof in Proof::ALL {
            assert_eq!(Proof::from_code(proof.code()), Some(proof));
            assert_eq!(serde_json::to_value(proof).unwrap(), proof.code());
        }
        for by_mail in ByMail::ALL {
            assert_eq!(ByMail::from_code(by_mail.code()), Some(by_mail));
            assert_eq!(serde_json::to_value(by_mail).unwrap(), by_mail.code());
        }
        assert_eq!(Proof::from_code("Strict"), None);
        assert_eq!(ByMail::from_code("maybe"), None);
        let floor: Floor =
            serde_json::from_str(r#"{"proof": null, "by_mail": "confirm"}"#).unwrap();
        assert_eq!(floor, Floor { proof: None, by_mail: Some(ByMail::Confirm) });
    }
}

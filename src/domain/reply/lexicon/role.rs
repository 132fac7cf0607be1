//! What a phrase does to an answer.

use serde::{Deserialize, Serialize};

/// The roles of the lexicon. A phrase may have several: `no` in Spanish is an
/// answer when it stands alone and a negation before a verb.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[schema(as = LexiconRole)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// Says "I approve" in full; anything may follow as its object.
    Approve,
    /// A participle or another short form; what follows directly must be known.
    Approved,
    /// A verb that could also be said to somebody else: "please approve".
    Imperative,
    Deny,
    /// Decides when it stands alone.
    Yes,
    /// Decides when it stands alone.
    No,
    Negation,
    Condition,
    Scope,
    /// "but", "however".
    Contrast,
    Question,
    Postponement,
    Delegation,
    Hearsay,
    /// Speaks of what was ("yesterday", "already", "was"): hearsay beside a
    /// decision word, harmless in a clause without one.
    Past,
    Retraction,
    Future,
    Doubt,
    /// Asks somebody else to decide.
    Ask,
    Please,
    Greeting,
    Closing,
    Polite,
    /// May stand before a decision in its own clause: "I hereby", "the request is".
    Lead,
    /// "ok", "fine", "sure": heard, but no decision.
    Vague,
    /// May follow a short form: "for", "because of".
    Link,
    /// Opens a reason: "because", "he needs".
    Ground,
    /// Opens a new clause without punctuation: "so", "therefore".
    Then,
    /// An idiom whose words would otherwise mislead: "no problem".
    Neutral,
    /// A word that says nothing here; it shows which language is spoken.
    Common,
    /// A decision word in a form that decides nothing: "approver".
    Mention,
}

impl Role {
    pub const ALL: [Role; 31] = [
        Role::Approve,
        Role::Approved,
        Role::Imperative,
        Role::Deny,
        Role::Yes,
        Role::No,
        Role::Negation,
        Role::Condition,
        Role::Scope,
        Role::Contrast,
        Role::Question,
        Role::Postponement,
        Role::Delegation,
        Role::Hearsay,
        Role::Past,
        Role::Retraction,
        Role::Future,
        Role::Doubt,
        Role::Ask,
        Role::Please,
        Role::Greeting,
        Role::Closing,
        Role::Polite,
        Role::Lead,
        Role::Vague,
        Role::Link,
        Role::Ground,
        Role::Then,
        Role::Neutral,
        Role::Common,
        Role::Mention,
    ];
}

impl Role {
    /// As in the files of the lexicon.
    pub fn code(self) -> &'static str {
        match self {
            Role::Approve => "approve",
            Role::Approved => "approved",
            Role::Imperative => "imperative",
            Role::Deny => "deny",
            Role::Yes => "yes",
            Role::No => "no",
            Role::Negation => "negation",
            Role::Condition => "condition",
            Role::Scope => "scope",
            Role::Contrast => "contrast",
            Role::Question => "question",
            Role::Postponement => "postponement",
            Role::Delegation => "delegation",
            Role::Hearsay => "hearsay",
            Role::Past => "past",
            Role::Retraction => "retraction",
            Role::Future => "future",
            Role::Doubt => "doubt",
            Role::Ask => "ask",
            Role::Please => "please",
            Role::Greeting => "greeting",
            Role::Closing => "closing",
            Role::Polite => "polite",
            Role::Lead => "lead",
            Role::Vague => "vague",
            Role::Link => "link",
            Role::Ground => "ground",
            Role::Then => "then",
            Role::Neutral => "neutral",
            Role::Common => "common",
            Role::Mention => "mention",
        }
    }

    pub fn from_code(code: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.code() == code)
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Roles(u32);

impl Roles {
    pub const NONE: Roles = Roles(0);

    pub const fn of(roles: &[Role]) -> Roles {
        let mut bits = 0;
        let mut i = 0;
        while i < roles.len() {
            bits |= 1 << roles[i] as u32;
            i += 1;
        }
        Roles(bits)
    }
    pub const fn with(self, other: Roles) -> Roles {
        Roles(self.0 | other.0)
    }
    pub fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u32) != 0
    }
    pub fn any(self, of: Roles) -> bool {
        self.0 & of.0 != 0
    }
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Says yes to the request, in whatever form.
    pub const APPROVING: Roles = Roles::of(&[Role::Approve, Role::Approved, Role::Imperative]);
    /// May decide by itself.
    pub const DECIDING: Roles =
        Roles::APPROVING.with(Roles::of(&[Role::Deny, Role::Yes, Role::No]));
    /// A decision word in whatever form.
    pub const NAMING: Roles = Roles::DECIDING.with(Roles::of(&[Role::Mention]));
    /// Takes an approval away wherever it stands.
    pub const TAKING: Roles = Roles::of(&[
        Role::Condition,
        Role::Scope,
        Role::Contrast,
        Role::Question,
        Role::Postponement,
        Role::Delegation,
        Role::Hearsay,
        Role::Retraction,
        Role::Future,
        Role::Doubt,
        Role::Ask,
    ]);
    /// May stand before a decision and leaves it standing.
    pub const SKIPPED: Roles = Roles::of(&[
        Role::Please,
        Role::Greeting,
        Role::Closing,
        Role::Polite,
        Role::Lead,
        Role::Vague,
        Role::Then,
        Role::Neutral,
    ]);
    /// Words of courtesy.
    pub const COURTEOUS: Roles =
        Roles::of(&[Role::Please, Role::Greeting, Role::Closing, Role::Polite, Role::Neutral]);
}

//! The play as data, read from `script.toml`.

use serde::Deserialize;

use super::clients::Client;
use crate::domain::access_request::Quorum;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Script {
    pub domain: String,
    pub people: Vec<Player>,
    pub cases: Vec<Case>,
}

/// Somebody with a mailbox.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Player {
    pub mailbox: String,
    pub name: String,
    pub locale: String,
    pub reads: Reads,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reads {
    Imap,
    Pop3,
}

/// One access request and what becomes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub title: String,
    pub resource: String,
    pub why: String,
    /// By which kind of inbox answers come back.
    #[serde(default = "imap")]
    pub through: Reads,
    #[serde(default = "any")]
    pub quorum: Quorum,
    #[serde(default = "ten_minutes")]
    pub expires_in_seconds: i64,
    pub approvers: Vec<Asked>,
    pub steps: Vec<Step>,
    /// Asked for at the beginning, answered after all the others.
    #[serde(default)]
    pub answered_last: bool,
    /// Compared with what came of it, word for word.
    pub expected: String,
}

/// A player, or an address behind which nobody is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    pub who: Option<String>,
    #[serde(default)]
    pub address: Option<String>,
    #[serde(default = "one")]
    pub level: i64,
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Step {
    Answer(Answer),
    /// Nobody does anything until a mail of ours has come to this.
    Wait {
        waits_for: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Whose mail is answered.
    pub who: String,
    /// Who answers it, if not he.
    #[serde(default)]
    pub by: Option<String>,
    /// The how-manyth mail about this request that can be answered.
    #[serde(default = "first")]
    pub mail: usize,
    pub client: Client,
    pub says: String,
    #[serde(default)]
    pub road: Road,
    /// Only once the request has expired.
    #[serde(default)]
    pub after_expiry: bool,
}

/// By which way an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Road {
    /// Logged in at his own mail server.
    #[default]
    Own,
    /// From anywhere, with the name of another.
    Outside,
}

fn imap() -> Reads {
    Reads::Imap
}
fn any() -> Quorum {
    Quorum::Any
}
fn ten_minutes() -> i64 {
    600
}
fn one() -> i64 {
    1
}
fn first() -> usize {
    1
}

impl Script {
    pub(super) fn builtin() -> Self {
        toml::from_str(include_str!("script.toml")).expect("the built-in script is tested")
    }

    pub(super) fn player(&self, mailbox: &str) -> Option<&Player> {
        self.people.iter().find(|player| player.mailbox == mailbox)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_script_names_only_people_it_has() {
        let script = Script::builtin();
        let known = |name: &String| script.player(name).is_some();
        for case in &script.cases {
            for asked in &case.approvers {
                assert!(asked.who.is_some() != asked.address.is_some(), "{}", case.title);
                assert!(asked.who.iter().all(known), "{}", case.title);
            }
            for step in &case.steps {
                let Step::Answer(answer) = step else { continue };
                assert!(known(&answer.who), "{}", case.title);
                assert!(answer.by.iter().all(known), "{}", case.title);
            }
        }
        let titles: BTreeSet<_> = script.cases.iter().map(|case| &case.title).collect();
        assert_eq!(titles.len(), script.cases.len());
    }
}

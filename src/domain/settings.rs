//! What holds for the whole instance.

use serde::{Deserialize, Serialize};

use super::{
    address::EmailAddress,
    decision::policy::{ByMail, Policy, Proof},
};

/// A floor for requests whose resource matches a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceFloor {
    /// `*` stands for any run of characters; compared without regard to case.
    pub pattern: String,
    #[serde(default = "token_only")]
    pub proof: Proof,
    #[serde(default = "yes")]
    pub by_mail: ByMail,
}

/// The instance's settings; every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How mails call this system.
    pub name: String,
    /// No request, account or pattern goes below this.
    pub proof: Proof,
    pub by_mail: ByMail,
    pub resource_floors: Vec<ResourceFloor>,
    /// Somebody not yet among the people may be named as an approver if his
    /// domain is listed; `*` lists all. Empty, the default: only known people,
    /// or a stolen requester's token could name its own approvers.
    pub approver_domains: Vec<String>,
    /// IANA zone for times in mails to people who have none of their own.
    pub timezone: String,
    /// BCP 47, for people who have none of their own.
    pub locale: String,
    /// Minutes before expiry at which approvers who have not answered are reminded; none: never.
    pub remind_before_minutes: Option<i64>,
    /// Tell approvers what was recorded for them.
    pub receipts: bool,
    /// Who is told of alerts.
    pub alert_recipients: Vec<EmailAddress>,
}

fn token_only() -> Proof {
    Proof::TokenOnly
}

fn yes() -> ByMail {
    ByMail::Yes
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "countersign".to_owned(),
            proof: Proof::TokenOnly,
            by_mail: ByMail::Yes,
            resource_floors: Vec::new(),
            approver_domains: Vec::new(),
            timezone: "UTC".to_owned(),
            locale: "en".to_owned(),
            remind_before_minutes: Some(60),
            receipts: true,
            alert_recipients: Vec::new(),
        }
    }
}

impl Settings {
    /// The strictest floor that holds for a resource.
    pub fn floor_for(&self, resource: &str) -> Policy {
        self.resource_floors
            .iter()
            .filter(|floor| matches(&floor.pattern, resource))
            .map(|floor| Policy { proof: floor.proof, by_mail: floor.by_mail })
            .fold(Policy { proof: self.proof, by_mail: self.by_mail }, Policy::stricter)
    }

    /// Whether somebody who is not yet known may be named as an approver.
    pub fn allows_unknown_approver(&self, address: &EmailAddress) -> bool {
        self.approver_domains
            .iter()
            .any(|domain| domain == "*" || domain.eq_ignore_ascii_case(address.domain()))
    }
}

/// Glob with `*` only; linear in practice by the greedy two-pointer walk.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            p = star_p + 1;
            t = star_t + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_resources() {
        for (pattern, text, expected) in [
            ("root on *", "Root on db1", true),
            ("*prod*", "ssh prod-7", true),
            ("prod", "prod-7", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_strictest_matching_floor_holds() {
        let settings = Settings {
            resource_floors: vec![
                ResourceFloor { pattern: "*".into(), proof: Proof::Standard, by_mail: ByMail::Yes },
                ResourceFloor {
                    pattern: "root*".into(),
                    proof: Proof::TokenOnly,
                    by_mail: ByMail::Confirm,
                },
            ],
            ..Settings::default()
        };
        let floor = settings.floor_for("root on db1");
        assert_eq!((floor.proof, floor.by_mail), (Proof::Standard, ByMail::Confirm));
    }
}

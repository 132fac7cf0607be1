//! What a caller hands in to ask for access, and whether it can be asked.
//!
//! The shape is the API's (`POST /access-requests`); the command line and
//! files use the same. Persons are resolved later, against the store.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Quorum;
use crate::domain::{
    address::EmailAddress,
    decision::policy::{ByMail, Proof},
    ids::SmtpAccountId,
};

pub const APPROVERS_MAX: usize = 100;
pub const ALIASES_MAX: usize = 50;
pub const RESOURCE_CHARS_MAX: usize = 500;
pub const JUSTIFICATION_CHARS_MAX: usize = 4000;
pub const NAME_CHARS_MAX: usize = 200;
pub const METADATA_OCTETS_MAX: usize = 16_384;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    #[serde(default)]
    pub external_id: Option<String>,
    pub requester: SubmittedRequester,
    #[schema(min_length = 1, max_length = 500)]
    pub resource: String,
    #[serde(default)]
    pub justification: Option<String>,
    #[serde(default)]
    pub access_starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub access_ends_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
    #[schema(min_items = 1, max_items = 100)]
    pub approvers: Vec<SubmittedApprover>,
    /// `"any"`, `"all"`, or `{"at_least": n}`; per level.
    #[serde(default = "any")]
    pub quorum: Quorum,
    #[serde(default)]
    pub proof: Option<Proof>,
    #[serde(default)]
    pub by_mail: Option<ByMail>,
    /// None: the default account.
    #[serde(default)]
    pub smtp_account_id: Option<SmtpAccountId>,
    #[serde(default = "empty_object")]
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmittedRequester {
    pub email: EmailAddress,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub aliases: Vec<EmailAddress>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmittedApprover {
    pub email: EmailAddress,
    #[serde(default)]
    pub name: Option<String>,
    /// BCP 47; none: the person's own, else English.
    #[serde(default)]
    pub locale: Option<String>,
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 99)]
    pub level: i64,
    #[serde(default)]
    pub aliases: Vec<EmailAddress>,
}

fn any() -> Quorum {
    Quorum::Any
}

fn one() -> i64 {
    1
}

fn empty_object() -> serde_json::Value {
    serde_json::json!({})
}

/// One thing wrong with one field, for a person to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer, such as `/approvers/0/email`.
    pub field: String,
    pub problem: String,
}

impl FieldProblem {
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl Submission {
    /// Everything wrong with it that can be seen without the store; all at
    /// once, so nobody mends one field at a time.
    pub fn problems(&self, now: DateTime<Utc>) -> Vec<FieldProblem> {
        let mut found = Vec::new();
        let mut wrong =
            |field: &str, problem: String| found.push(FieldProblem::new(field, problem));

        text(&mut wrong, "/resource", &self.resource, RESOURCE_CHARS_MAX);
        if self.resource.trim().is_empty() {
            wrong("/resource", "must say what access is asked to".to_owned());
        }
        if self.resource.contains(['\n', '\r']) {
            wrong("/resource", "must be a single line".to_owned());
        }
        if let Some(justification) = &self.justification {
            text(&mut wrong, "/justification", justification, JUSTIFICATION_CHARS_MAX);
        }
        if let Some(external_id) = &self.external_id {
            text(&mut wrong, "/external_id", external_id, NAME_CHARS_MAX);
        }
        if let Some(name) = &self.requester.name {
            text(&mut wrong, "/requester/name", name, NAME_CHARS_MAX);
        }
        if self.requester.aliases.len() > ALIASES_MAX {
            wrong("/requester/aliases", format!("must be at most {ALIASES_MAX}"));
        }
        if self.expires_at <= now {
            wrong("/expires_at", "must lie in the future".to_owned());
        }
        if let (Some(start), Some(end)) = (self.access_starts_at, self.access_ends_at)
            && end <= start
        {
            wrong("/access_ends_at", "must be after access_starts_at".to_owned());
        }
        if self.access_ends_at.is_some_and(|end| end <= now) {
            wrong("/access_ends_at", "must lie in the future".to_owned());
        }
        if !self.metadata.is_object() {
            wrong("/metadata", "must be an object".to_owned());
        } else if self.metadata.to_string().len() > METADATA_OCTETS_MAX {
            wrong("/metadata", format!("must be at most {METADATA_OCTETS_MAX} octets of JSON"));
        }
        self.approver_problems(&mut wrong);
        found
    }

    fn approver_problems(&self, wrong: &mut impl FnMut(&str, String)) {
        // An empty list must never mean "approved".
        if self.approvers.is_empty() {
            wrong("/approvers", "must name at least one approver".to_owned());
        }
        if self.approvers.len() > APPROVERS_MAX {
            wrong("/approvers", format!("must be at most {APPROVERS_MAX}"));
        }
        let mut seen = BTreeSet::new();
        for (n, approver) in self.approvers.iter().enumerate() {
            let at = |field: &str| format!("/approvers/{n}/{field}");
            if !seen.insert(approver.email.key()) {
                wrong(&at("email"), "stands twice in the list".to_owned());
            }
            if self.is_requesters(&approver.email) {
                wrong(&at("email"), "is the requester's own address".to_owned());
            }
            if !(1..=99).contains(&approver.level) {
                wrong(&at("level"), "must be from 1 to 99".to_owned());
            }
            if approver.aliases.len() > ALIASES_MAX {
                wrong(&at("aliases"), format!("must be at most {ALIASES_MAX}"));
            }
            if let Some(name) = &approver.name {
                text(wrong, &at("name"), name, NAME_CHARS_MAX);
            }
            if let Some(locale) = &approver.locale
                && !is_locale(locale)
            {
                wrong(&at("locale"), "must be a language tag such as `en` or `pt-BR`".to_owned());
            }
        }
        if self.quorum == Quorum::AtLeast(0) {
            wrong("/quorum", "at_least must be 1 or more".to_owned());
        }
        if let Quorum::AtLeast(n) = self.quorum {
            let levels: BTreeSet<i64> = self.approvers.iter().map(|a| a.level).collect();
            for level in levels {
                let there = self.approvers.iter().filter(|a| a.level == level).count();
                if there < n as usize {
                    wrong(
                        "/quorum",
                        format!("asks for {n} approvals but level {level} has {there} approvers"),
                    );
                }
            }
        }
    }

    fn is_requesters(&self, address: &EmailAddress) -> bool {
        std::iter::once(&self.requester.email)
            .chain(&self.requester.aliases)
            .any(|own| own.is_same_mailbox(address))
    }
}

/// A language tag of RFC 5646 in the plain form people use.
pub fn is_locale(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let language = parts.next().unwrap_or_default();
    (2..=3).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && tag.len() <= 35
        && parts.all(|p| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn text(wrong: &mut impl FnMut(&str, String), field: &str, value: &str, chars_max: usize) {
    if value.chars().count() > chars_max {
        wrong(field, format!("must be at most {chars_max} characters"));
    }
    if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        wrong(field, "must not hold control characters".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access_request::samples::noon;

    fn sample() -> serde_json::Value {
        serde_json::json!({
            "requester": {"email": "rita@x.test", "aliases": ["r@y.test"]},
            "resource": "root on db1",
            "expires_at": noon() + chrono::TimeDelta::hours(1),
            "approvers": [{"email": "ana@x.test"}, {"email": "bo@x.test", "level": 2}],
        })
    }

    /// Sets the value at a pointer's key (made if missing) and names the fields complained of.
    fn check(change: impl FnOnce(&mut serde_json::Value), fields: &[&str]) {
        let mut value = sample();
        change(&mut value);
        let submission: Submission = serde_json::from_value(value).unwrap();
        let found: Vec<String> = submission.problems(noon()).into_iter().map(|p| p.field).collect();
        assert_eq!(found, fields);
    }

    #[test]
    fn a_plain_request_is_fine() {
        check(|_| {}, &[]);
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        check(|v| v["approvers"] = serde_json::json!([]), &["/approvers"]);
        check(|v| v["resource"] = " ".into(), &["/resource"]);
        check(|v| v["resource"] = "a\nBcc: x".into(), &["/resource"]);
        check(|v| v["resource"] = "a\u{0}".into(), &["/resource"]);
        check(|v| v["expires_at"] = serde_json::json!(noon()), &["/expires_at"]);
        check(|v| v["approvers"][0]["email"] = "R@y.test".into(), &["/approvers/0/email"]);
        check(|v| v["approvers"][1]["email"] = "ANA@x.test".into(), &["/approvers/1/email"]);
        check(|v| v["approvers"][1]["level"] = 0.into(), &["/approvers/1/level"]);
        check(|v| v["approvers"][1]["locale"] = "English".into(), &["/approvers/1/locale"]);
        check(|v| v["quorum"] = serde_json::json!({"at_least": 2}), &["/quorum", "/quorum"]);
        check(|v| v["quorum"] = serde_json::json!({"at_least": 0}), &["/quorum"]);
        check(|v| v["metadata"] = serde_json::json!([]), &["/metadata"]);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let mut value = sample();
        value["aprovers"] = serde_json::json!([]);
        assert!(serde_json::from_value::<Submission>(value).is_err());
    }
}

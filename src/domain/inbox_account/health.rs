//! How an inbox account is doing, in one word and in sentences an admin can
//! act on. Pure: the store gives the facts.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// Visits may be this late before it is worth a word: three times the usual
/// distance, and five minutes at least.
const LATE_MIN: TimeDelta = TimeDelta::minutes(5);
/// One failure is a hiccup; this many are a failing account.
const FAILURES_MIN: i64 = 3;

/// In order of gravity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    /// Works, but something wants a look.
    Warning,
    /// The last visits failed, or none is made.
    Failing,
    /// A person must act before it is visited again.
    Paused,
    /// Switched off.
    Disabled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts<'a> {
    pub enabled: bool,
    pub automatic_check: bool,
    pub paused_reason: Option<&'a str>,
    /// When a visit last ended well.
    pub last_success_at: Option<DateTime<Utc>>,
    /// When and why one last failed, if none ended well since.
    pub last_failure: Option<(DateTime<Utc>, &'a str)>,
    pub failures_in_a_row: i64,
    /// When the next visit should begin.
    pub due_at: Option<DateTime<Utc>>,
    /// The usual distance between two visits.
    pub interval: Option<TimeDelta>,
    /// From the settings (`InboxAccount::warnings`).
    pub warnings: &'a [String],
    /// The settings let no mail that arrives here decide.
    pub cannot_decide: bool,
    /// Mails that wait for evidence, and that were quarantined, not yet seen
    /// by a person.
    pub deferred: i64,
    pub quarantined: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    pub status: Status,
    /// The gravest first; never empty.
    pub sentences: Vec<String>,
}

/// The account's state in the eyes of an admin.
pub fn health(facts: &Facts<'_>, now: DateTime<Utc>) -> Health {
    let mut findings = findings(facts, now);
    // A stable sort: what is equally grave stays in the order it was found.
    findings.sort_by_key(|(status, _)| std::cmp::Reverse(*status));
    let status = findings.first().map_or(Status::Ok, |(gravest, _)| *gravest);
    let mut sentences: Vec<String> = findings.into_iter().map(|(_, says)| says).collect();
    if status == Status::Ok {
        sentences.insert(0, well(facts));
    }
    Health { status, sentences }
}

fn findings(facts: &Facts<'_>, now: DateTime<Utc>) -> Vec<(Status, String)> {
    let mut found = Vec::new();
    let mut find = |status, says: String| found.push((status, says));
    if !facts.enabled {
        find(Status::Disabled, "the account is disabled".to_owned());
    }
    if let Some(reason) = facts.paused_reason {
        find(Status::Paused, format!("paused until a person acts: {reason}"));
    }
    if let Some((at, why)) = facts.last_failure {
        let times = facts.failures_in_a_row;
        let status = if times >= FAILURES_MIN { Status::Failing } else { Status::Warning };
        let visits = if times == 1 { "visit" } else { "visits in a row" };
        find(status, format!("{times} {visits} failed, the last at {}: {why}", moment(at)));
    }
    if facts.enabled && facts.paused_reason.is_none() {
        if facts.automatic_check {
            if let Some((status, says)) = lateness(facts, now) {
                find(status, says);
            }
        } else {
            let says = "automatic check is off: replies are read only when somebody polls by hand";
            find(Status::Warning, says.to_owned());
        }
    }
    if facts.cannot_decide {
        find(Status::Warning, "by its settings no mail that arrives here can decide".to_owned());
    }
    for warning in facts.warnings {
        find(Status::Warning, warning.clone());
    }
    for (count, what) in [
        (facts.deferred, "waiting for evidence about the sender"),
        (facts.quarantined, "in quarantine, to be looked at"),
    ] {
        if count > 0 {
            let mails = if count == 1 { "mail is" } else { "mails are" };
            find(Status::Warning, format!("{count} {mails} {what}"));
        }
    }
    found
}

/// A visit that should long have begun: nobody is polling.
fn lateness(facts: &Facts<'_>, now: DateTime<Utc>) -> Option<(Status, String)> {
    let due_at = facts.due_at?;
    let usual = facts.interval.unwrap_or(TimeDelta::zero()).min(TimeDelta::days(31));
    let late = now - due_at;
    (late > LATE_MIN.max(usual * 3)).then(|| {
        let minutes = late.num_minutes();
        let says = format!(
            "a visit was due at {}, {minutes} minutes ago; is a node running?",
            moment(due_at)
        );
        (Status::Failing, says)
    })
}

fn well(facts: &Facts<'_>) -> String {
    match facts.last_success_at {
        Some(at) => format!("the last visit, at {}, went well", moment(at)),
        None => "not visited yet".to_owned(),
    }
}

fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn good() -> Facts<'static> {
        Facts {
            enabled: true,
            automatic_check: true,
            last_success_at: Some(noon() - TimeDelta::seconds(20)),
            due_at: Some(noon() + TimeDelta::seconds(40)),
            interval: Some(TimeDelta::seconds(60)),
            ..Facts::default()
        }
    }

    fn check(facts: &Facts<'_>, status: Status, first: &str) {
        let got = health(facts, noon());
        assert_eq!(got.status, status, "{got:?}");
        assert!(got.sentences.first().is_some_and(|says| says.contains(first)), "{got:?}");
    }

    #[test]
    fn an_account_that_works_says_when_it_last_did() {
        check(&good(), Status::Ok, "2026-11-21 11:59:40Z, went well");
        check(&Facts { last_success_at: None, ..good() }, Status::Ok, "not visited yet");
    }

    #[test]
    fn the_gravest_comes_first() {
        let warnings = ["any certificate is accepted".to_owned()];
        let failing = |times| Facts {
            last_failure: Some((noon(), "could not reach `mail.x.test`")),
            failures_in_a_row: times,
            warnings: &warnings,
            ..good()
        };
        check(&failing(1), Status::Warning, "1 visit failed");
        check(&failing(3), Status::Failing, "3 visits in a row failed");
        check(
            &Facts { paused_reason: Some("login refused"), ..failing(3) },
            Status::Paused,
            "paused until a person acts: login refused",
        );
        check(&Facts { enabled: false, ..failing(3) }, Status::Disabled, "disabled");
        assert_eq!(health(&failing(3), noon()).sentences.len(), 2);
    }

    #[test]
    fn a_visit_that_never_begins_is_noticed() {
        let late = |minutes| Facts { due_at: Some(noon() - TimeDelta::minutes(minutes)), ..good() };
        check(&late(5), Status::Ok, "went well");
        check(&late(6), Status::Failing, "6 minutes ago");
        let daily = Facts { interval: Some(TimeDelta::days(1)), ..late(60) };
        check(&daily, Status::Ok, "went well");
        check(&Facts { automatic_check: false, ..late(60) }, Status::Warning, "automatic check");
    }

    #[test]
    fn what_wants_a_look_is_a_warning() {
        check(&Facts { cannot_decide: true, ..good() }, Status::Warning, "no mail");
        check(&Facts { deferred: 2, ..good() }, Status::Warning, "2 mails are waiting");
        check(&Facts { quarantined: 1, ..good() }, Status::Warning, "1 mail is in quarantine");
    }
}

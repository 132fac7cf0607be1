//! The instance's settings, changed as a whole.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        access_request::submission::{FieldProblem, is_locale},
        ledger::Kind,
        settings::Settings,
    },
    store::settings,
};

pub async fn find(instance: &Instance) -> Result<(Settings, i64), ActionError> {
    let mut tx = instance.store.read().await?;
    Ok(settings::find(&mut tx).await?)
}

/// Puts `new` in the place of version `seen`.
pub async fn update(instance: &Instance, new: &Settings, seen: i64) -> Result<i64, ActionError> {
    check(new)?;
    let mut tx = instance.store.begin().await?;
    let (old, _) = settings::find(&mut tx).await?;
    if !settings::update(&mut tx, new, seen).await? {
        return Err(ActionError::Changed { what: "settings", name: "instance".to_owned() });
    }
    let lowered = new.proof < old.proof || new.by_mail < old.by_mail;
    let mut story = Story::default();
    let facts = json!({"proof": new.proof, "by_mail": new.by_mail, "floor_lowered": lowered});
    let private = json!({"before": old, "after": new});
    story.tell(instance, Kind::SettingsChanged, None, facts, Some(private));
    story.commit(tx).await?;
    Ok(seen + 1)
}

fn check(new: &Settings) -> Result<(), ActionError> {
    let mut problems = Vec::new();
    let mut wrong = |field: String, problem: &str| problems.push(FieldProblem::new(field, problem));
    if new.name.trim().is_empty()
        || new.name.chars().count() > 60
        || new.name.chars().any(char::is_control)
    {
        wrong("/name".into(), "must be 1 to 60 characters on one line");
    }
    if new.timezone.parse::<chrono_tz::Tz>().is_err() {
        wrong("/timezone".into(), "must be an IANA zone such as `Europe/Lisbon`");
    }
    if !is_locale(&new.locale) {
        wrong("/locale".into(), "must be a language tag such as `en` or `pt-BR`");
    }
    if new.remind_before_minutes.is_some_and(|minutes| !(1..=43_200).contains(&minutes)) {
        wrong("/remind_before_minutes".into(), "must be from 1 to 43200, or null");
    }
    for (n, domain) in new.approver_domains.iter().enumerate() {
        if domain != "*" && crate::domain::address::domain_name(domain).is_err() {
            wrong(format!("/approver_domains/{n}"), "must be a domain name or `*`");
        }
    }
    for (n, floor) in new.resource_floors.iter().enumerate() {
        if floor.pattern.is_empty() || floor.pattern.len() > 500 {
            wrong(format!("/resource_floors/{n}/pattern"), "must be 1 to 500 characters");
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ActionError::Invalid(problems)) }
}

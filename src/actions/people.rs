//! People: who may be named, by which addresses they answer.

use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        access_request::submission::{FieldProblem, NAME_CHARS_MAX, is_locale},
        address::EmailAddress,
        ledger::Kind,
        person::{Person, PersonAddress},
    },
    store::{Tx, people},
};

/// Addresses a person may have.
pub const ADDRESSES_MAX: usize = 50;

pub async fn add(instance: &Instance, mut person: Person) -> Result<Person, ActionError> {
    check(&person)?;
    person.id = instance.random.id(instance.clock.now());
    person.version = 1;
    let mut tx = instance.store.begin().await?;
    people::add(&mut tx, &person, instance.clock.now()).await?;
    commit(instance, tx, &person, "added").await?;
    Ok(person)
}

pub async fn update(instance: &Instance, mut person: Person) -> Result<Person, ActionError> {
    check(&person)?;
    let mut tx = instance.store.begin().await?;
    if !people::update(&mut tx, &person, instance.clock.now()).await? {
        return Err(ActionError::Changed { what: "person", name: person.id.to_string() });
    }
    person.version += 1;
    commit(instance, tx, &person, "changed").await?;
    Ok(person)
}

pub async fn remove(instance: &Instance, person: &Person) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    if !people::remove(&mut tx, person.id).await? {
        return Err(ActionError::not_found("person", person.id));
    }
    commit(instance, tx, person, "removed").await
}

/// By id or by any of his addresses.
pub async fn find(instance: &Instance, named: &str) -> Result<Person, ActionError> {
    let mut tx = instance.store.read().await?;
    let found = if let Ok(id) = named.parse() {
        people::find(&mut tx, id).await?
    } else if let Ok(address) = EmailAddress::parse(named) {
        people::find_by_address(&mut tx, &address).await?
    } else {
        None
    };
    found.ok_or_else(|| ActionError::not_found("person", named))
}

/// Finds the person an address belongs to, or makes one who has only it.
pub(super) async fn find_or_add(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    address: &EmailAddress,
    name: Option<&str>,
) -> Result<Person, ActionError> {
    if let Some(person) = people::find_by_address(tx, address).await? {
        return Ok(person);
    }
    let person = Person {
        id: instance.random.id(instance.clock.now()),
        name: name.map(str::to_owned),
        locale: None,
        timezone: None,
        active: true,
        addresses: vec![PersonAddress { address: address.clone(), may_answer: true }],
        version: 1,
    };
    people::add(tx, &person, instance.clock.now()).await?;
    tell(instance, story, &person, "added");
    Ok(person)
}

fn check(person: &Person) -> Result<(), ActionError> {
    let mut problems = Vec::new();
    let mut wrong = |field: String, problem: &str| problems.push(FieldProblem::new(field, problem));
    if person.addresses.is_empty() || person.addresses.len() > ADDRESSES_MAX {
        wrong("/addresses".into(), "must hold from 1 to 50 addresses, the primary one first");
    }
    for (n, own) in person.addresses.iter().enumerate() {
        if person.addresses[..n].iter().any(|earlier| earlier.address.is_same_mailbox(&own.address))
        {
            wrong(format!("/addresses/{n}"), "stands twice in the list");
        }
    }
    if person.name.as_ref().is_some_and(|name| {
        name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control)
    }) {
        wrong("/name".into(), "must be at most 200 characters on one line");
    }
    if person.locale.as_ref().is_some_and(|tag| !is_locale(tag)) {
        wrong("/locale".into(), "must be a language tag such as `en` or `pt-BR`");
    }
    if person.timezone.as_ref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        wrong("/timezone".into(), "must be an IANA zone such as `Europe/Lisbon`");
    }
    if problems.is_empty() { Ok(()) } else { Err(ActionError::Invalid(problems)) }
}

fn tell(instance: &Instance, story: &mut Story, person: &Person, how: &str) {
    let addresses: Vec<String> =
        person.addresses.iter().map(|own| own.address.to_string()).collect();
    let facts = json!({"person": person.id, "change": how, "active": person.active});
    let private = json!({"name": person.name, "addresses": addresses});
    story.tell(instance, Kind::PersonChanged, None, facts, Some(private));
}

async fn commit(
    instance: &Instance,
    tx: Tx,
    person: &Person,
    how: &str,
) -> Result<(), ActionError> {
    let mut story = Story::default();
    tell(instance, &mut story, person, how);
    story.commit(tx).await
}

//! Those who ask and those who answer, with all their addresses.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{
    Listed, Page, StoreError, Tx,
    columns::{RowOf, holdable_option},
    listing::Conditions,
    tx::*,
};
use crate::domain::{
    address::EmailAddress,
    ids::PersonId,
    person::{Person, PersonAddress},
};

#[derive(sqlx::FromRow)]
struct Row {
    id: PersonId,
    name: Option<String>,
    locale: Option<String>,
    timezone: Option<String>,
    active: bool,
    version: i64,
    created_at: DateTime<Utc>,
}

impl Row {
    async fn with_addresses(self, tx: &mut Tx) -> Result<Person, StoreError> {
        let found = rows!(
            tx,
            (String, bool),
            "-- people: a person's addresses, the primary one first
            SELECT address, may_answer FROM person_address WHERE person_id = $1 ORDER BY position",
            self.id,
        )?;
        let row = RowOf::new("person_address", &self.id);
        let addresses = found.into_iter().map(|(address, may_answer)| {
            Ok(PersonAddress { address: row.address("address", &address)?, may_answer })
        });
        Ok(Person {
            addresses: addresses.collect::<Result<_, StoreError>>()?,
            id: self.id,
            name: self.name,
            locale: self.locale,
            timezone: self.timezone,
            active: self.active,
            version: self.version,
        })
    }
}

/// `Taken` where an address is somebody else's, in whatever spelling.
pub async fn add(tx: &mut Tx, person: &Person, at: DateTime<Utc>) -> Result<(), StoreError> {
    changed!(
        tx,
        "-- people.add
        INSERT INTO person (id, name, locale, timezone, active, version, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        person.id,
        holdable_option(&person.name),
        &person.locale,
        &person.timezone,
        person.active,
        person.version,
        at,
    )?;
    add_addresses(tx, person).await
}

async fn add_addresses(tx: &mut Tx, person: &Person) -> Result<(), StoreError> {
    for (position, own) in (0_i64..).zip(&person.addresses) {
        changed!(
            tx,
            "-- people: an address
            INSERT INTO person_address (address_key, address, person_id, position, may_answer)
            VALUES ($1, $2, $3, $4, $5)",
            own.address.key(),
            own.address.to_string(),
            person.id,
            position,
            own.may_answer,
        )?;
    }
    Ok(())
}

pub async fn find(tx: &mut Tx, id: PersonId) -> Result<Option<Person>, StoreError> {
    let found = row!(
        tx,
        Row,
        "-- people.find
        SELECT id, name, locale, timezone, active, version, created_at FROM person WHERE id = $1",
        id,
    )?;
    match found {
        Some(row) => row.with_addresses(tx).await.map(Some),
        None => Ok(None),
    }
}

/// Whose address it is, however it is spelt.
pub async fn find_by_address(
    tx: &mut Tx,
    address: &EmailAddress,
) -> Result<Option<Person>, StoreError> {
    let found = row!(
        tx,
        (PersonId,),
        "-- people.find_by_address
        SELECT person_id FROM person_address WHERE address_key = $1",
        address.key(),
    )?;
    match found {
        Some((id,)) => find(tx, id).await,
        None => Ok(None),
    }
}

/// The newest first.
pub async fn list(tx: &mut Tx, page: &Page) -> Result<Listed<Person>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.behind("(created_at, id) < (", page)?;
    let found = listed!(
        tx,
        Row,
        "-- people.list
        SELECT id, name, locale, timezone, active, version, created_at FROM person",
        conditions,
        "created_at DESC, id DESC",
        page
    )?;
    let key = |row: &Row| -> (DateTime<Utc>, Uuid) { (row.created_at, row.id.0) };
    let Listed { items, next_cursor } = Listed::cut(found, page, key);
    let mut people = Vec::with_capacity(items.len());
    for row in items {
        people.push(row.with_addresses(tx).await?);
    }
    Ok(Listed { items: people, next_cursor })
}

/// Writes all of it, addresses too. False where the person is gone or was
/// changed since `person.version` was read.
pub async fn update(tx: &mut Tx, person: &Person, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let count = changed!(
        tx,
        "-- people.update
        UPDATE person SET name = $3, locale = $4, timezone = $5, active = $6, updated_at = $7,
            version = version + 1
        WHERE id = $1 AND version = $2",
        person.id,
        person.version,
        holdable_option(&person.name),
        &person.locale,
        &person.timezone,
        person.active,
        at,
    )?;
    if count == 1 {
        changed!(
            tx,
            "-- people.update: the addresses are written anew
            DELETE FROM person_address WHERE person_id = $1",
            person.id,
        )?;
        add_addresses(tx, person).await?;
    }
    Ok(count == 1)
}

/// False where there is none; `InUse` once a request, a decision or an API
/// token names the person.
pub async fn remove(tx: &mut Tx, id: PersonId) -> Result<bool, StoreError> {
    let count = changed!(tx, "-- people.remove\nDELETE FROM person WHERE id = $1", id)
        .map_err(|error| error.of_removal("an access request or an API token"))?;
    Ok(count == 1)
}

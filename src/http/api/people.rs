//! `/people`: who asks and answers, by which addresses.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{ActionError, Instance, people},
    domain::{
        address::EmailAddress,
        ids::PersonId,
        person::{Person, PersonAddress},
    },
    http::{
        extract::{Body, Id, IfMatch, Params, etag},
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{self, Listed},
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Person)]
struct View {
    id: PersonId,
    name: Option<String>,
    locale: Option<String>,
    timezone: Option<String>,
    active: bool,
    /// The first one is the primary address.
    addresses: Vec<AddressView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PersonAddress)]
struct AddressView {
    address: String,
    may_answer: bool,
}

const COLUMNS: &[&str] = &["id", "name", "locale", "timezone", "active", "addresses"];

fn view(person: Person) -> View {
    let address = |own: PersonAddress| AddressView {
        address: own.address.to_string(),
        may_answer: own.may_answer,
    };
    View {
        id: person.id,
        name: person.name,
        locale: person.locale,
        timezone: person.timezone,
        active: person.active,
        addresses: person.addresses.into_iter().map(address).collect(),
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct PersonForm {
    #[serde(default)]
    #[schema(max_length = 200)]
    name: Option<String>,
    /// BCP 47, such as `pt-BR`.
    #[serde(default)]
    locale: Option<String>,
    /// IANA, such as `Europe/Lisbon`.
    #[serde(default)]
    timezone: Option<String>,
    /// Who is not active is neither named nor heard.
    #[serde(default = "yes")]
    active: bool,
    /// The primary one first.
    #[schema(min_items = 1, max_items = 50)]
    addresses: Vec<AddressForm>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct AddressForm {
    address: EmailAddress,
    /// Whether a mail from here may answer for the person.
    #[serde(default = "yes")]
    may_answer: bool,
}

impl PersonForm {
    fn into_person(self, id: PersonId, version: i64) -> Person {
        let address = |given: AddressForm| PersonAddress {
            address: given.address,
            may_answer: given.may_answer,
        };
        Person {
            id,
            name: self.name,
            locale: self.locale,
            timezone: self.timezone,
            active: self.active,
            addresses: self.addresses.into_iter().map(address).collect(),
            version,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whose address it is, however it is spelt.
    address: Option<EmailAddress>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(find, update, remove))
}

/// Lists people
#[utoipa::path(get, path = "/people", tag = "people", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let (instance, address) = (instance.clone(), query.address.clone());
        async move {
            let mut tx = instance.store.read().await?;
            if let Some(address) = address {
                let found = store::people::find_by_address(&mut tx, &address).await?;
                let items = found.into_iter().map(view).collect();
                return Ok::<_, ActionError>(Listed { items, next_cursor: None });
            }
            let Listed { items, next_cursor } = store::people::list(&mut tx, &page).await?;
            Ok(Listed { items: items.into_iter().map(view).collect(), next_cursor })
        }
    })
    .await
}

/// Adds a person
#[utoipa::path(post, path = "/people", tag = "people", request_body = PersonForm, responses(
    (status = 201, description = "Added", body = View, headers(("ETag" = String), ("Location" = String))),
))]
async fn add(
    State(instance): State<Instance>,
    Body(form): Body<PersonForm>,
) -> Result<Response, Problem> {
    let person = form.into_person(PersonId(uuid::Uuid::nil()), 1);
    let added = people::add(&instance, person).await?;
    let location = [(header::LOCATION, format!("{}/people/{}", crate::http::BASE, added.id))];
    let tag = etag(added.version);
    Ok((StatusCode::CREATED, location, tag, Json(view(added))).into_response())
}

/// Reads a person
#[utoipa::path(get, path = "/people/{id}", tag = "people", params(("id" = PersonId, Path)), responses(
    (status = 200, description = "It", body = View, headers(("ETag" = String))),
))]
async fn find(State(instance): State<Instance>, Id(id): Id<PersonId>) -> Result<Response, Problem> {
    let found = people::find(&instance, &id.to_string()).await?;
    Ok((etag(found.version), Json(view(found))).into_response())
}

/// Replaces a person's data, addresses included
#[utoipa::path(put, path = "/people/{id}", tag = "people", params(("id" = PersonId, Path)), request_body = PersonForm, responses(
    (status = 200, description = "Changed", body = View, headers(("ETag" = String))),
))]
async fn update(
    State(instance): State<Instance>,
    Id(id): Id<PersonId>,
    seen: IfMatch,
    Body(form): Body<PersonForm>,
) -> Result<Response, Problem> {
    let found = people::find(&instance, &id.to_string()).await?;
    seen.check(found.version)?;
    let updated = people::update(&instance, form.into_person(id, found.version)).await?;
    Ok((etag(updated.version), Json(view(updated))).into_response())
}

/// Removes a person who never asked nor answered
#[utoipa::path(delete, path = "/people/{id}", tag = "people", params(("id" = PersonId, Path)), responses(
    (status = 204, description = "Removed"),
))]
async fn remove(
    State(instance): State<Instance>,
    Id(id): Id<PersonId>,
) -> Result<StatusCode, Problem> {
    let found = people::find(&instance, &id.to_string()).await?;
    people::remove(&instance, &found).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/ledger`: everything that happened, and the proof that nothing of it was
//! changed.

use axum::{Json, extract::State, response::Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    actions::{ActionError, Instance, ledger},
    domain::{
        ids::AccessRequestId,
        ledger::{Entry, Kind, PrivatePart},
    },
    http::{
        extract::Params,
        listing::{self, ListForm, Paged},
        problem::Problem,
    },
    store::{self, Listed, Page, StoreError},
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LedgerEntry)]
struct View {
    seq: i64,
    at: DateTime<Utc>,
    kind: Kind,
    access_request_id: Option<AccessRequestId>,
    /// Ids and facts without personal data.
    facts: serde_json::Value,
    /// Names, addresses and words, until retention erases them.
    private: Option<serde_json::Value>,
    private_digest: Option<String>,
    previous: String,
    hash: String,
}

const COLUMNS: &[&str] = &[
    "seq",
    "at",
    "kind",
    "access_request_id",
    "facts",
    "private",
    "private_digest",
    "previous",
    "hash",
];

fn view((entry, private): (Entry, Option<PrivatePart>)) -> View {
    let hex = |hash: &[u8; 32]| data_encoding::HEXLOWER.encode(hash);
    View {
        seq: entry.seq,
        at: entry.at,
        kind: entry.kind,
        access_request_id: entry.access_request_id,
        facts: entry.facts,
        private: private.map(|part| part.body),
        private_digest: entry.private_digest.as_ref().map(hex),
        previous: hex(&entry.previous),
        hash: hex(&entry.hash),
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
    kind: Option<Kind>,
    /// The access request.
    request: Option<AccessRequestId>,
}

/// What a look at the whole chain came to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Verified {
    /// The chain holds and the states in the store are those it tells of.
    ok: bool,
    entries: Option<i64>,
    /// The first thing wrong with the chain.
    broken: Option<String>,
    /// Requests whose stored state is not what the ledger tells.
    differences: Vec<String>,
}

pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Lists ledger entries
#[utoipa::path(get, path = "/ledger", tag = "ledger", params(Filter), responses(
    (status = 200, description = "A page", content((Paged<View> = "application/json"), (String = "text/csv"), (String = "application/x-ndjson"))),
))]
async fn list(
    State(instance): State<Instance>,
    Params(query): Params<Filter>,
    form: ListForm,
) -> Result<Response, Problem> {
    let page = listing::page(query.limit, query.cursor)?;
    let (kind, request) = (query.kind, query.request);
    listing::answer(form, page, query.limit.is_some(), COLUMNS, move |page| {
        let instance = instance.clone();
        async move { entries(&instance, &page, kind, request).await }
    })
    .await
}

/// A cursor is the number of the last entry that was given.
async fn entries(
    instance: &Instance,
    page: &Page,
    kind: Option<Kind>,
    request: Option<AccessRequestId>,
) -> Result<Listed<View>, ActionError> {
    let before = match &page.cursor {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| ActionError::Store(StoreError::BadCursor))?,
    };
    let mut tx = instance.store.read().await?;
    let mut found =
        store::ledger::list_before(&mut tx, before, kind, request, page.limit + 1).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| has_more).map(|(last, _)| last.seq.to_string());
    Ok(Listed { items: found.into_iter().map(view).collect(), next_cursor })
}

/// Proves the chain and compares the stored states with it
#[utoipa::path(post, path = "/ledger/verify", tag = "ledger", responses(
    (status = 200, description = "What it came to", body = Verified),
))]
async fn verify(State(instance): State<Instance>) -> Result<Json<Verified>, Problem> {
    let (entries, broken) = match ledger::verify(&instance).await? {
        Ok(entries) => (Some(entries), None),
        Err(broken) => (None, Some(broken.to_string())),
    };
    let (told, untellable) = match ledger::replay(&instance).await? {
        Ok(replayed) => (replayed.differences, None),
        Err(untellable) => (Vec::new(), Some(untellable.to_string())),
    };
    let differences: Vec<String> = told
        .into_iter()
        .map(|d| {
            format!("{}: the ledger tells {}, the store holds {}", d.reference, d.told, d.stored)
        })
        .collect();
    let broken = broken.or(untellable);
    let ok = broken.is_none() && differences.is_empty();
    Ok(Json(Verified { ok, entries, broken, differences }))
}

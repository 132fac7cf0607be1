//! The resources, one file each. Each file has the shapes it gives, its calls,
//! and the router that joins them.

mod access_requests;
mod credentials;
mod decisions;
mod explain;
mod inbound_messages;
mod inbox_accounts;
mod ledger;
mod lexicon;
mod outbox;
mod people;
mod settings;
mod smtp_accounts;
mod steps;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::actions::Instance;

/// All calls, below `/api/v1`. A new resource is one file, one line here, and
/// its rows in [`super::access::CALLS`].
pub fn router() -> OpenApiRouter<Instance> {
    OpenApiRouter::new()
        .merge(credentials::router())
        .merge(smtp_accounts::router())
        .merge(inbox_accounts::router())
        .merge(people::router())
        .merge(access_requests::router())
        .merge(outbox::router())
        .merge(inbound_messages::router())
        .merge(decisions::router())
        .merge(ledger::router())
        .merge(explain::router())
        .merge(settings::router())
        .merge(lexicon::router())
        .merge(tokens::router())
}

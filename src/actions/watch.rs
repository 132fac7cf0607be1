//! What is counted in the store at the moment somebody asks for the metrics.

use super::{ActionError, Instance};
use crate::{
    domain::{access_request::Status, outbox::State},
    store::{inbox_accounts, inbox_state, outbox, requests},
    telemetry,
};

/// Sets the gauges. A state that nothing is in is told too: an alert needs a
/// zero to come back to.
pub async fn gauge(instance: &Instance) -> Result<(), ActionError> {
    let now = instance.store.now().await?;
    let mut tx = instance.store.read().await?;
    let counts = outbox::counts_by_state(&mut tx).await?;
    for &state in State::ALL {
        let count = counts.iter().find(|(known, _)| *known == state).map_or(0, |(_, n)| *n);
        telemetry::outbox_messages(state.as_str(), count);
    }
    let counts = requests::counts_by_status(&mut tx).await?;
    let pending = counts.iter().find(|(known, _)| *known == Status::Pending);
    telemetry::pending_requests(pending.map_or(0, |(_, n)| *n));
    for account in inbox_accounts::list(&mut tx).await? {
        let Some(state) = inbox_state::find(&mut tx, account.id).await? else { continue };
        let polled = account.enabled && account.automatic_check;
        let since = state.last_success_at.or(state.baseline_at).filter(|_| polled);
        let age = since.map(|at| (now - at).num_milliseconds().max(0) as f64 / 1000.0);
        telemetry::inbox_account(&account.name, age, state.paused_reason.is_some());
    }
    Ok(())
}

//! Brings mail in: which account is due, lease, one visit (list, fetch, keep,
//! decide, delete), and when to look again.
//!
//! Accounts are visited side by side, each on a lease that is renewed while
//! the visit lasts; a visit that hangs costs its own account's place and
//! nothing else. Only enabled accounts with the automatic check on are visited
//! by the clock; [`poll_now`] visits any enabled account once.

mod batch;
mod errand;
mod error;
mod mailbox;
mod visit;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

pub use error::VisitError;
pub use mailbox::{TestReport, test_account};
pub use visit::Summary;

use crate::{
    actions::{ActionError, Instance, receive_message},
    domain::{
        ids::InboxAccountId,
        inbox_account::{
            InboxAccount,
            schedule::{Schedule, backoff},
        },
    },
    store::{
        inbound_messages, inbox_accounts,
        inbox_state::{self, AfterVisit, Lease},
    },
    telemetry,
};

/// How long a lease holds without being renewed.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often it is renewed while a visit lasts.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// How long to wait at most before looking again: a command or another node
/// may have changed an account without ringing our bell.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After the database could not be used.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);
/// So many refused logins in a row pause the account: more would only lock it.
const REFUSED_LOGINS_MAX: i64 = 3;
/// Deferred mails judged again in one pass.
const DEFERRED_AT_ONCE_MAX: i64 = 50;

/// Polls until told to stop; what is under way then is broken off between two
/// commits and its lease given back.
pub async fn run(instance: Instance, stop: CancellationToken) {
    let mut running: JoinSet<()> = JoinSet::new();
    while !stop.is_cancelled() {
        while running.try_join_next().is_some() {}
        if let Err(error) = judge_deferred(&instance).await {
            tracing::error!("deferred mail cannot be judged: {}", telemetry::causes(&error));
        }
        let pause = match visit_due(&instance, &mut running, &stop).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::error!("polling cannot read what is due: {}", telemetry::causes(&error));
                AFTER_TROUBLE
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = instance.wake.polling.notified() => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

/// Starts a visit for every due account there is a place for; says how long
/// to wait before looking again.
async fn visit_due(
    instance: &Instance,
    running: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<Duration, ActionError> {
    let places = instance.config.limits.visits_at_once.saturating_sub(running.len());
    let now = instance.store.now().await?;
    let next = {
        let mut tx = instance.store.read().await?;
        inbox_state::next_due(&mut tx).await?
    };
    if places == 0 || next.is_none_or(|due| due > now) {
        let until_next = next.and_then(|due| (due - now).to_std().ok()).unwrap_or(LOOK_AGAIN);
        return Ok(until_next.clamp(Duration::from_millis(50), LOOK_AGAIN));
    }
    let mut tx = instance.store.begin().await?;
    let limit = i64::try_from(places).unwrap_or(i64::MAX);
    let leases = inbox_state::claim_due(&mut tx, instance.node, now, now + LEASE, limit).await?;
    tx.commit().await?;
    for lease in leases {
        let (instance, stop) = (instance.clone(), stop.clone());
        running.spawn(async move {
            if let Err(error) = visit_leased(&instance, &lease, &stop).await {
                tracing::error!(account = %lease.account, "the visit could not be recorded: {}", telemetry::causes(&error));
            }
        });
    }
    Ok(LOOK_AGAIN)
}

/// Visits one account now, whether or not it is checked automatically; its
/// summary, or why not.
pub async fn poll_now(
    instance: &Instance,
    account: &InboxAccount,
) -> Result<Result<Summary, VisitError>, ActionError> {
    if !account.enabled {
        return Err(ActionError::Conflict(format!("inbox account `{}` is disabled", account.name)));
    }
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    let lease = inbox_state::claim(&mut tx, account.id, instance.node, now, now + LEASE).await?;
    tx.commit().await?;
    let lease = lease.ok_or_else(|| {
        ActionError::Conflict(format!(
            "inbox account `{}` is being visited at this moment",
            account.name
        ))
    })?;
    visit_leased(instance, &lease, &CancellationToken::new()).await
}

/// One visit under a lease, and what is to be remembered of it.
async fn visit_leased(
    instance: &Instance,
    lease: &Lease,
    stop: &CancellationToken,
) -> Result<Result<Summary, VisitError>, ActionError> {
    let started_at = instance.store.now().await?;
    let account = {
        let mut tx = instance.store.read().await?;
        inbox_accounts::find(&mut tx, lease.account).await?
    };
    let Some(account) = account else {
        return Err(ActionError::not_found("inbox account", lease.account));
    };
    let limit = Duration::from_secs(instance.config.limits.visit_seconds);
    let began = tokio::time::Instant::now();
    let result = tokio::select! {
        result = timeout(limit, visit::visit(instance, &account, lease)) => {
            result.unwrap_or_else(|_| Err(VisitError::too_long(&account, limit)))
        }
        lost = keep_lease(instance, lease) => Err(lost),
        () = stop.cancelled() => Err(VisitError::stopped(&account)),
    };
    let result = result.map_err(|error: VisitError| error.named(&account));
    match &result {
        Ok(summary) if summary.fetched > 0 => {
            tracing::info!(account = %account.name, fetched = summary.fetched, deleted = summary.deleted, "visited");
            instance.wake.delivery.notify_one();
        }
        Ok(_) => tracing::debug!(account = %account.name, "visited, nothing new"),
        Err(error) if error.is_stop() => {}
        Err(error) => tracing::warn!(account = %account.name, step = error.step, "{error}"),
    }
    let outcome = match &result {
        Ok(_) => "ok",
        Err(error) if error.is_stop() => "stopped",
        Err(_) => "failed",
    };
    telemetry::poll(&account.name, outcome, began.elapsed().as_secs_f64());
    record(instance, &account, lease, started_at, &result).await?;
    Ok(result)
}

/// Renews the lease while the visit lasts; ends only when it is lost.
async fn keep_lease(instance: &Instance, lease: &Lease) -> VisitError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let renewed = async {
            let mut tx = instance.store.begin().await?;
            let now = tx.now().await?;
            let renewed = inbox_state::renew(&mut tx, lease, now + LEASE).await?;
            tx.commit().await?;
            Ok::<bool, crate::store::StoreError>(renewed)
        };
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return VisitError::lease_lost(),
            // Every commit is fenced, so a lease that ran out does no harm.
            Err(error) => {
                tracing::warn!(account = %lease.account, "the lease could not be renewed: {error}")
            }
        }
    }
}

async fn record(
    instance: &Instance,
    account: &InboxAccount,
    lease: &Lease,
    started_at: DateTime<Utc>,
    result: &Result<Summary, VisitError>,
) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    let state = inbox_state::find(&mut tx, account.id).await?;
    let failures = state.as_ref().map_or(0, |state| state.failures);
    let refused = state.as_ref().map_or(0, |state| state.refused_logins);
    let after = match result {
        Ok(summary) => AfterVisit {
            due_at: next_regular(account, now),
            started_at,
            ended_at: now,
            error: None,
            refused_login: false,
            paused_reason: None,
            summary: json!(summary),
        },
        Err(error) if error.is_stop() => AfterVisit {
            due_at: now,
            started_at,
            ended_at: now,
            error: None,
            refused_login: false,
            paused_reason: None,
            summary: json!({"stopped": true}),
        },
        Err(error) => AfterVisit {
            due_at: now + backoff_of(failures + 1, instance, error),
            started_at,
            ended_at: now,
            error: Some((error.step.to_owned(), error.to_string())),
            refused_login: error.is_refused_login,
            paused_reason: (error.is_refused_login && refused + 1 >= REFUSED_LOGINS_MAX)
                .then(|| format!("{REFUSED_LOGINS_MAX} logins were refused; the last: {error}")),
            summary: json!({"failed": true}),
        },
    };
    if let Some(reason) = &after.paused_reason {
        tracing::error!(account = %account.name, "inbox account `{}` paused: {reason}", account.name);
    }
    if !inbox_state::release(&mut tx, lease, &after).await? {
        tracing::warn!(account = %account.name, "the lease was lost before the visit was recorded");
    }
    Ok(tx.commit().await?)
}

fn backoff_of(failures: i64, instance: &Instance, error: &VisitError) -> TimeDelta {
    let wait = backoff(failures, instance.random.fraction(), error.retry_after);
    TimeDelta::from_std(wait).unwrap_or(TimeDelta::minutes(15))
}

fn next_regular(account: &InboxAccount, now: DateTime<Utc>) -> DateTime<Utc> {
    match Schedule::parse(&account.schedule, &account.timezone) {
        Ok(schedule) => schedule.next_after(now),
        // It was checked when it was typed; a newer rule may refuse it.
        Err(problem) => {
            tracing::error!(account = %account.name, "schedule: {problem}; looking again in 15 minutes");
            now + TimeDelta::minutes(15)
        }
    }
}

/// Judges again what waited for evidence.
async fn judge_deferred(instance: &Instance) -> Result<(), ActionError> {
    let now = instance.store.now().await?;
    let due = {
        let mut tx = instance.store.read().await?;
        inbound_messages::due_deferred(&mut tx, now, DEFERRED_AT_ONCE_MAX).await?
    };
    for id in due {
        if let Err(error) = judge_one_again(instance, id).await {
            tracing::error!(inbound_message = %id, "could not be judged again: {error}");
        }
    }
    Ok(())
}

async fn judge_one_again(
    instance: &Instance,
    id: crate::domain::ids::InboundMessageId,
) -> Result<(), receive_message::ReceiveError> {
    let account: Option<InboxAccount> = {
        let mut tx = instance.store.read().await?;
        match inbound_messages::find(&mut tx, id).await? {
            Some(message) => match message.account_id {
                Some(id) => inbox_accounts::find(&mut tx, id).await?,
                None => None,
            },
            None => None,
        }
    };
    match account {
        Some(account) => receive_message::judge_again(instance, &account, id).await.map(|_| ()),
        None => Ok(()),
    }
}

/// Takes a POP3 account's baseline as soon as the account is there, so that
/// nothing that arrives from now on is taken for history. A failure is not an
/// error: the first visit will take it.
pub async fn take_baseline(
    instance: &Instance,
    account: InboxAccountId,
) -> Result<Option<VisitError>, ActionError> {
    let account = {
        let mut tx = instance.store.read().await?;
        inbox_accounts::find(&mut tx, account).await?
    };
    match account {
        Some(account) if account.enabled => Ok(poll_now(instance, &account).await?.err()),
        _ => Ok(None),
    }
}

/// Gives back whatever this node holds.
pub async fn release_all(instance: &Instance) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    inbox_state::release_all(&mut tx, instance.node).await?;
    Ok(tx.commit().await?)
}

/// Says at start what the polled accounts cannot do.
pub async fn warn_of_accounts(instance: &Instance) -> Result<(), ActionError> {
    let mut tx = instance.store.read().await?;
    for account in inbox_accounts::list_polled(&mut tx).await? {
        for warning in account.warnings() {
            tracing::warn!(account = %account.name, "{warning}");
        }
    }
    Ok(())
}

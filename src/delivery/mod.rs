//! Carries mail out: what is due, lease, one attempt, settle.
//!
//! Messages that are due together and go through the same account share a
//! connection. Nothing here decides what a server's answer means
//! (`domain::outbox::outcome` does) and no transaction is open while a server
//! is waited for.

mod attempt;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

pub use attempt::{TestReport, test_account};

use crate::{
    actions::{ActionError, Instance, settle_delivery::settle_expired},
    domain::ids::SmtpAccountId,
    store::{
        outbox::{self, Claimed, ClaimedRef},
        smtp_accounts,
    },
    telemetry,
};

/// How long a claim holds without being renewed; so long a crash delays a mail.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often it is renewed: a delivery may take half an hour (RFC 5321 §4.5.3.2).
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// Messages claimed at a time, for all accounts.
const CLAIMED_AT_ONCE_MAX: i64 = 64;
/// How long to wait at most before looking again: another node or a command
/// may have enqueued something without ringing our bell.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// After the database could not be used.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Delivers until told to stop; what is under way is finished within the
/// grace that `serve` gives.
pub async fn run(instance: Instance, stop: CancellationToken) {
    let mut running: JoinSet<()> = JoinSet::new();
    while !stop.is_cancelled() {
        while running.try_join_next().is_some() {}
        let pause = match deliver_due(&instance, &mut running, &stop).await {
            Ok(0) => LOOK_AGAIN,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::error!("delivery cannot read what is due: {}", telemetry::causes(&error));
                AFTER_TROUBLE
            }
        };
        // Finished work frees a place, a bell brings new work.
        tokio::select! {
            () = stop.cancelled() => break,
            () = instance.wake.delivery.notified() => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    while running.join_next().await.is_some() {}
}

async fn deliver_due(
    instance: &Instance,
    running: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<usize, ActionError> {
    let places = instance.config.limits.deliveries_at_once.saturating_sub(running.len());
    if places == 0 {
        return Ok(0);
    }
    let claimed = claim(instance).await?;
    let count = claimed.len();
    let mut by_account: BTreeMap<SmtpAccountId, Vec<Claimed>> = BTreeMap::new();
    for message in claimed {
        by_account.entry(message.smtp_account_id).or_default().push(message);
    }
    for (account, messages) in by_account {
        let (instance, stop) = (instance.clone(), stop.clone());
        running.spawn(async move { deliver_group(&instance, account, messages, &stop).await });
    }
    Ok(count)
}

async fn claim(instance: &Instance) -> Result<Vec<Claimed>, ActionError> {
    // A look first: an idle outbox must not cost a write every few seconds.
    let now = instance.store.now().await?;
    {
        let mut tx = instance.store.read().await?;
        if outbox::next_due(&mut tx).await?.is_none_or(|due| due > now) {
            return Ok(Vec::new());
        }
    }
    let mut tx = instance.store.begin().await?;
    let now = tx.now().await?;
    let claimed =
        outbox::claim_due(&mut tx, instance.node, now, now + LEASE, CLAIMED_AT_ONCE_MAX).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Sends what goes through one account, over one connection where it holds.
async fn deliver_group(
    instance: &Instance,
    account: SmtpAccountId,
    messages: Vec<Claimed>,
    stop: &CancellationToken,
) {
    let mut sender = match attempt::Sender::find(instance, account).await {
        Ok(sender) => sender,
        Err(error) => {
            tracing::error!("delivery cannot read its account: {}", telemetry::causes(&error));
            return; // The lease runs out and the mail is due again.
        }
    };
    // What is done, well or not, is renewed no more: after a failure to settle
    // it must become due again.
    let held: Vec<ClaimedRef> = messages.iter().map(Claimed::reference).collect();
    let held = Mutex::new(held);
    let work = async {
        for message in messages {
            if stop.is_cancelled() {
                release(instance, &message).await;
            } else if let Err(error) = deliver(instance, &mut sender, &message).await {
                tracing::error!(outbox = %message.id, "delivery could not be settled: {}", telemetry::causes(&error));
            }
            let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
            held.retain(|claim| claim.id != message.id);
        }
    };
    tokio::select! {
        () = work => {}
        () = keep_leases(instance, &held) => {}
    }
    sender.close().await;
}

/// Renews what is held, for ever. A lease that is lost is no harm: whoever has
/// it sends under the same Message-ID, and only he settles.
async fn keep_leases(instance: &Instance, held: &Mutex<Vec<ClaimedRef>>) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let claims = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let renewed = async {
            let mut tx = instance.store.begin().await?;
            let until = tx.now().await? + LEASE;
            for claim in &claims {
                outbox::renew(&mut tx, claim, until).await?;
            }
            tx.commit().await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(
                "leases of mail under way could not be renewed: {}",
                telemetry::causes(&error)
            );
        }
    }
}

async fn deliver(
    instance: &Instance,
    sender: &mut attempt::Sender,
    message: &Claimed,
) -> Result<(), ActionError> {
    let now = instance.store.now().await?;
    if message.not_after.is_some_and(|end| end <= now) {
        return settle_expired(instance, message).await;
    }
    sender.deliver(instance, message).await
}

/// Gives back what was claimed and not tried.
async fn release(instance: &Instance, message: &Claimed) {
    let released = async {
        let mut tx = instance.store.begin().await?;
        outbox::release(&mut tx, &message.reference()).await?;
        tx.commit().await
    };
    if !matches!(timeout(AFTER_TROUBLE, released).await, Ok(Ok(()))) {
        tracing::warn!(outbox = %message.id, "could not be given back; it is due again when its lease ends");
    }
}

/// Gives back whatever this node holds; without it, mail that was under way
/// would wait for the end of its lease.
pub async fn release_all(instance: &Instance) -> Result<(), ActionError> {
    let mut tx = instance.store.begin().await?;
    outbox::release_all(&mut tx, instance.node).await?;
    Ok(tx.commit().await?)
}

/// Whether any account can send at all; said at start.
pub async fn warn_if_unable(instance: &Instance) -> Result<(), ActionError> {
    let mut tx = instance.store.read().await?;
    if smtp_accounts::find_default(&mut tx).await?.is_none() {
        tracing::warn!("there is no default SMTP account: mail waits until there is one");
    }
    Ok(())
}

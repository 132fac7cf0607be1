//! Starts everything, stops everything, in order.
//!
//! Workers start once the store is open and migrated. A stop lets no worker
//! claim anything new, breaks visits off between two commits, waits for what
//! is under way within the grace, and gives every lease back.

use std::time::Duration;

use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    actions::{ActionError, Instance, remind, requests},
    delivery,
    domain::reply::lexicon::Lexicon,
    http, polling,
};

/// How often requests are looked through for expiry and reminders.
const CLOCKWORK: Duration = Duration::from_secs(1);
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Opens the address the API listens on.
pub async fn listen(instance: &Instance) -> Result<TcpListener, ActionError> {
    let address = instance.config.listen;
    TcpListener::bind(address)
        .await
        .map_err(|error| ActionError::Internal(format!("could not listen on {address}: {error}")))
}

/// Runs the service until `stop` is cancelled.
pub async fn serve(instance: Instance, stop: CancellationToken) -> Result<(), ActionError> {
    let listener = listen(&instance).await?;
    serve_on(instance, listener, stop).await
}

/// The same, on an address that is open already.
pub async fn serve_on(
    instance: Instance,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), ActionError> {
    tracing::info!(instance = %instance.id, node = %instance.node, epoch = instance.epoch,
        database = %crate::config::without_password(&instance.config.database()), "countersign starts");
    polling::warn_of_accounts(&instance).await?;
    delivery::warn_if_unable(&instance).await?;

    // The words take a second to compile; begun now, no answer waits for them.
    drop(tokio::task::spawn_blocking(Lexicon::builtin));
    let mut workers = JoinSet::new();
    workers.spawn(polling::run(instance.clone(), stop.clone()));
    workers.spawn(delivery::run(instance.clone(), stop.clone()));
    workers.spawn(clockwork(instance.clone(), stop.clone()));
    if let Ok(address) = listener.local_addr() {
        tracing::info!("the API listens on http://{address}");
    }
    workers.spawn(http::run(instance.clone(), listener, stop.clone()));
    tokio::select! {
        // In this order: a worker that ends because it was told to is no failure.
        biased;
        () = stop.cancelled() => {}
        Some(ended) = workers.join_next() => {
            // A worker that ends by itself is broken; nothing may go on half.
            stop.cancel();
            finish(&instance, workers).await;
            return Err(ActionError::Internal(format!("a worker ended: {ended:?}")));
        }
    }
    tracing::info!("stopping: nothing new is begun");
    finish(&instance, workers).await;
    tracing::info!("stopped");
    Ok(())
}

async fn finish(instance: &Instance, mut workers: JoinSet<()>) {
    // Two seconds of the grace are left for giving the leases back.
    let grace = Duration::from_secs(instance.config.limits.stop_seconds);
    let for_workers = grace.saturating_sub(Duration::from_secs(2)).max(Duration::from_millis(500));
    let all = async { while workers.join_next().await.is_some() {} };
    if timeout(for_workers, all).await.is_err() {
        tracing::warn!(
            "some work did not end in time and is broken off; it is found again at the next start"
        );
        workers.shutdown().await;
    }
    let release = async {
        polling::release_all(instance).await?;
        delivery::release_all(instance).await
    };
    match timeout(Duration::from_secs(2), release).await {
        Ok(Ok(())) => {}
        _ => tracing::warn!("leases could not be given back; they run out by themselves"),
    }
    let _ = timeout(Duration::from_secs(1), instance.store.close()).await;
}

/// What happens because time passes: requests expire, approvers are reminded.
async fn clockwork(instance: Instance, stop: CancellationToken) {
    loop {
        let result = async {
            requests::expire_due(&instance).await?;
            remind::remind_due(&instance).await
        };
        let pause = match result.await {
            Ok(()) => CLOCKWORK,
            Err(error) => {
                tracing::error!("requests cannot be looked through: {error}");
                AFTER_TROUBLE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

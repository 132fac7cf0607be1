//! `countersign ledger`: prove what happened.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{
    CliError,
    output::{Output, short},
    time::shown,
};
use crate::{
    actions::{Instance, ledger, requests},
    store,
};

#[derive(Subcommand)]
pub(crate) enum Ledger {
    /// Walk the whole chain; names the first broken entry
    Verify,
    /// Rebuild every request's state from the ledger and compare with the store
    Replay,
    /// List entries, oldest first
    List {
        /// Only what happened to this request (id or AR-number)
        #[arg(long)]
        request: Option<String>,
        /// Start behind this sequence number
        #[arg(long, default_value_t = 0)]
        after: i64,
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
}

pub(crate) async fn run(
    instance: &Instance,
    command: Ledger,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Ledger::Verify => verify(instance, output).await,
        Ledger::Replay => replay(instance, output).await,
        Ledger::List { request, after, limit } => {
            list(instance, request, after, limit, output).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn verify(instance: &Instance, output: Output) -> Result<ExitCode, CliError> {
    let result = ledger::verify(instance).await?;
    let (line, value) = match &result {
        Ok(entries) => (
            format!("the chain holds: {entries} entries"),
            json!({"holds": true, "entries": entries}),
        ),
        Err(broken) => (
            format!("the chain is broken: {broken}"),
            json!({"holds": false, "broken": broken.to_string()}),
        ),
    };
    if output.json {
        output.value(&value)
    } else {
        output.line(&line)
    }
    Ok(if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn replay(instance: &Instance, output: Output) -> Result<ExitCode, CliError> {
    let replayed =
        ledger::replay(instance).await?.map_err(|error| CliError::Failed(error.to_string()))?;
    if output.json {
        output.value(&replayed);
    } else if replayed.differences.is_empty() {
        output.line(&format!("{} requests, all as the ledger tells", replayed.requests));
    } else {
        let rows = replayed.differences.iter().map(|d| {
            vec![d.reference.clone(), d.request.to_string(), d.told.clone(), d.stored.clone()]
        });
        output.table(&["request", "id", "the ledger tells", "the store says"], rows.collect());
    }
    Ok(if replayed.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn list(
    instance: &Instance,
    request: Option<String>,
    after: i64,
    limit: i64,
    output: Output,
) -> Result<(), CliError> {
    let entries = match request {
        Some(named) => {
            let request = requests::find(instance, &named).await?;
            let mut tx = instance.store.read().await?;
            store::ledger::list_of_request(&mut tx, request.id).await?
        }
        None => {
            let mut tx = instance.store.read().await?;
            store::ledger::list(&mut tx, after, limit.clamp(1, 10_000)).await?
        }
    };
    let items: Vec<_> = entries
        .into_iter()
        .map(|(entry, private)| {
            json!({
                "seq": entry.seq, "at": shown(entry.at), "kind": entry.kind,
                "access_request_id": entry.access_request_id, "facts": entry.facts,
                "private": private.map(|part| part.body),
                "hash": data_encoding::HEXLOWER.encode(&entry.hash),
            })
        })
        .collect();
    output.list(&items, &["seq", "at", "kind", "facts"], |entry| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        vec![
            entry["seq"].to_string(),
            text("at"),
            text("kind"),
            short(&entry["facts"].to_string(), 100),
        ]
    });
    Ok(())
}

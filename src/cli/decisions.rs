//! `countersign decisions`: answers that counted.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CliError,
    output::{Output, short},
    time::shown,
};
use crate::{
    actions::{ActionError, Instance, requests},
    domain::{access_request::Vote, address::EmailAddress, ids::DecisionId},
    store::{
        self, Page,
        decisions::{DecisionFilter, ListedDecision},
    },
};

#[derive(Subcommand)]
pub(crate) enum Decisions {
    /// List decisions, newest first
    List(List),
    /// Show one decision
    Show { id: DecisionId },
}

#[derive(Args)]
pub(crate) struct List {
    /// A request, by id, AR-number or external id
    #[arg(long)]
    request: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    approver: Option<EmailAddress>,
    /// approve or deny
    #[arg(long)]
    answer: Option<String>,
    #[arg(long, default_value_t = 50)]
    limit: i64,
}

pub(crate) async fn run(
    instance: &Instance,
    command: Decisions,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Decisions::List(wanted) => list(instance, wanted, output).await?,
        Decisions::Show { id } => {
            let mut tx = instance.store.read().await?;
            let found = store::decisions::find(&mut tx, id)
                .await?
                .ok_or_else(|| ActionError::not_found("decision", id))?;
            output.record(&shape(&found));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(instance: &Instance, wanted: List, output: Output) -> Result<(), CliError> {
    let answer = match &wanted.answer {
        Some(word) => Some(
            Vote::from_word(word)
                .ok_or_else(|| CliError::Usage(format!("`{word}` is not approve or deny")))?,
        ),
        None => None,
    };
    let request = match &wanted.request {
        Some(named) => Some(requests::find(instance, named).await?.id),
        None => None,
    };
    let filter =
        DecisionFilter { request, approver: wanted.approver, answer, ..DecisionFilter::default() };
    let mut tx = instance.store.read().await?;
    let listed = store::decisions::list(&mut tx, &filter, &Page::first(wanted.limit)).await?;
    let items: Vec<Value> = listed.items.iter().map(shape).collect();
    output.list(&items, &["decided", "request", "answer", "approver", "channel", "comment"], |d| {
        let text = |key: &str| d[key].as_str().unwrap_or("-").to_owned();
        vec![
            text("decided_at"),
            text("reference"),
            text("answer"),
            text("approver"),
            text("channel"),
            short(&text("comment"), 60),
        ]
    });
    Ok(())
}

fn shape(listed: &ListedDecision) -> Value {
    let decision = &listed.decision;
    json!({
        "id": decision.id, "access_request_id": decision.access_request_id,
        "reference": listed.reference, "external_id": listed.external_id,
        "approver": listed.approver, "answer": decision.answer, "comment": decision.comment,
        "channel": decision.channel, "inbound_message_id": decision.inbound_message_id,
        "decided_at": shown(decision.decided_at), "superseded_by": decision.superseded_by,
    })
}

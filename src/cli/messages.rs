//! `countersign messages`: mail that came in, and what it turned out to be.

use std::{io::Write, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CliError,
    output::{Output, short},
    time::shown,
};
use crate::{
    actions::{Instance, accounts, messages, requests},
    domain::{decision::Disposition, ids::InboundMessageId},
    store::{
        self, Page,
        inbound_messages::{InboundFilter, InboundMessage},
    },
};

#[derive(Subcommand)]
pub(crate) enum Messages {
    /// List messages, newest first
    List(List),
    /// Show a message with the whole explanation
    Show { id: InboundMessageId },
    /// Print the mail itself, byte for byte; this is a ledger entry
    Raw { id: InboundMessageId },
    /// Judge a kept message once more; no check is skipped
    Reprocess { id: InboundMessageId },
    /// How many messages came to what, and whether every fetched one was judged
    Counts,
}

#[derive(Args)]
pub(crate) struct List {
    /// Such as decided, unclear, unauthenticated, quarantined
    #[arg(long)]
    disposition: Option<String>,
    /// An inbox account, by name or id
    #[arg(long)]
    account: Option<String>,
    /// A request, by id, AR-number or external id
    #[arg(long)]
    request: Option<String>,
    /// The sender's address
    #[arg(long)]
    sender: Option<String>,
    /// Part of the subject
    #[arg(long)]
    subject: Option<String>,
    #[arg(long, default_value_t = 50)]
    limit: i64,
}

pub(crate) async fn run(
    instance: &Instance,
    command: Messages,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Messages::List(wanted) => list(instance, wanted, output).await?,
        Messages::Show { id } => {
            let message = messages::find(instance, id).await?;
            output.value(&full(&message));
        }
        Messages::Raw { id } => {
            let raw = messages::raw(instance, id).await?;
            let _ = std::io::stdout().lock().write_all(&raw);
        }
        Messages::Reprocess { id } => {
            let received = messages::reprocess(instance, id).await?;
            output.record(
                &json!({"id": id, "disposition": received.disposition, "reason": received.reason}),
            );
        }
        Messages::Counts => return counts(instance, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(instance: &Instance, wanted: List, output: Output) -> Result<(), CliError> {
    let disposition = match &wanted.disposition {
        Some(word) => Some(Disposition::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = Disposition::ALL.iter().map(|d| d.as_str()).collect();
            CliError::Usage(format!("`{word}` is not one of {}", known.join(", ")))
        })?),
        None => None,
    };
    let account = match &wanted.account {
        Some(named) => Some(accounts::find_inbox(instance, named).await?.id),
        None => None,
    };
    let request = match &wanted.request {
        Some(named) => Some(requests::find(instance, named).await?.id),
        None => None,
    };
    let filter = InboundFilter {
        disposition,
        account,
        request,
        sender: wanted.sender,
        subject: wanted.subject,
        ..InboundFilter::default()
    };
    let mut tx = instance.store.read().await?;
    let listed =
        store::inbound_messages::list(&mut tx, &filter, &Page::first(wanted.limit)).await?;
    let items: Vec<Value> = listed.items.iter().map(brief).collect();
    output.list(
        &items,
        &["id", "received", "disposition", "reason", "from", "answer", "subject"],
        |m| {
            let text = |key: &str| m[key].as_str().unwrap_or("-").to_owned();
            vec![
                text("id"),
                text("received_at"),
                text("disposition"),
                text("reason"),
                text("from"),
                text("answer"),
                short(&text("subject"), 50),
            ]
        },
    );
    Ok(())
}

fn brief(message: &InboundMessage) -> Value {
    let judgement = &message.judgement;
    json!({
        "id": message.id, "account_id": message.account_id, "received_at": shown(message.first_seen_at),
        "from": message.from_address, "subject": message.subject, "message_id": message.message_id,
        "size_bytes": message.size_bytes, "sha256": data_encoding::HEXLOWER.encode(&message.sha256),
        "disposition": judgement.disposition, "answer": judgement.answer, "reason": judgement.reason,
        "access_request_id": judgement.access_request_id,
    })
}

fn full(message: &InboundMessage) -> Value {
    let judgement = &message.judgement;
    let mut value = brief(message);
    value["to"] = json!(message.to_header);
    value["return_path"] = json!(message.return_path);
    value["reply_text"] = json!(judgement.reply_text);
    value["comment"] = json!(judgement.comment);
    value["explanation"] = judgement.explanation.clone();
    value["authentication"] = judgement.authentication.clone();
    value["approver"] = json!(judgement.approver_id);
    value["judged_at"] = json!(shown(judgement.judged_at));
    value
}

async fn counts(instance: &Instance, output: Output) -> Result<ExitCode, CliError> {
    let mut tx = instance.store.read().await?;
    let found = store::inbound_messages::reconcile(&mut tx).await?;
    let by_disposition: Value = found
        .by_disposition
        .iter()
        .map(|(d, n)| (d.as_str().to_owned(), json!(n)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let holds = found.is_balanced();
    if output.json {
        output.value(
            &json!({"by_disposition": by_disposition, "messages": found.messages, "holds": holds}),
        );
    } else {
        for (disposition, count) in &found.by_disposition {
            output.line(&format!("{:24} {count}", disposition.as_str()));
        }
        output.line(&format!("{:24} {}", "all", found.messages));
        output.line(if holds {
            "every fetched message was judged"
        } else {
            "NOT every fetched message was judged"
        });
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

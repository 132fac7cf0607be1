//! `countersign outbox`: mail that is owed or was sent.

use std::{io::Write, process::ExitCode};

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    CliError,
    output::{Output, short},
    time::{maybe, shown},
};
use crate::{
    actions::{Instance, outbox, requests},
    domain::{address::EmailAddress, ids::OutboxMessageId, outbox::State},
    store::{
        self, Page,
        outbox::{OutboxFilter, OutboxMessage},
    },
};

#[derive(Subcommand)]
pub(crate) enum Outbox {
    /// List messages, newest first
    List {
        /// queued, sending, sent, deferred, failed, bounced, unknown, expired or cancelled
        #[arg(long)]
        state: Option<String>,
        /// A request, by id, AR-number or external id
        #[arg(long)]
        request: Option<String>,
        #[arg(long)]
        recipient: Option<EmailAddress>,
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show a message with every try and the server's words
    Show { id: OutboxMessageId },
    /// Print the mail itself; its token lets whoever reads it answer, so this is a ledger entry
    Raw { id: OutboxMessageId },
    /// Try again now
    Retry { id: OutboxMessageId },
    /// Do not send it
    Cancel { id: OutboxMessageId },
}

pub(crate) async fn run(
    instance: &Instance,
    command: Outbox,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Outbox::List { state, request, recipient, limit } => {
            let state = match state {
                Some(word) => Some(State::from_word(&word).ok_or_else(|| {
                    CliError::Usage(format!("`{word}` is not queued, sending, sent, deferred, failed, bounced, unknown, expired or cancelled"))
                })?),
                None => None,
            };
            let request = match request {
                Some(named) => Some(requests::find(instance, &named).await?.id),
                None => None,
            };
            let filter = OutboxFilter { state, request, recipient, ..OutboxFilter::default() };
            let mut tx = instance.store.read().await?;
            let listed = store::outbox::list(&mut tx, &filter, &Page::first(limit)).await?;
            let items: Vec<Value> = listed.items.iter().map(shape).collect();
            output.list(
                &items,
                &["id", "enqueued", "state", "kind", "recipient", "subject", "reason"],
                |m| {
                    let text = |key: &str| m[key].as_str().unwrap_or("-").to_owned();
                    vec![
                        text("id"),
                        text("enqueued_at"),
                        text("state"),
                        text("kind"),
                        text("recipient"),
                        short(&text("subject"), 50),
                        short(&text("reason"), 40),
                    ]
                },
            );
        }
        Outbox::Show { id } => show(instance, id, output).await?,
        Outbox::Raw { id } => {
            let raw = outbox::raw(instance, id).await?;
            let _ = std::io::stdout().lock().write_all(&raw);
        }
        Outbox::Retry { id } => {
            outbox::retry(instance, id).await?;
            output.line("queued");
        }
        Outbox::Cancel { id } => {
            outbox::cancel(instance, id).await?;
            output.line("cancelled");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shape(message: &OutboxMessage) -> Value {
    json!({
        "id": message.id, "kind": message.kind, "state": message.state, "reason": message.reason,
        "recipient": message.recipient, "subject": message.subject,
        "access_request_id": message.access_request_id, "smtp_account_id": message.smtp_account_id,
        "enqueued_at": shown(message.enqueued_at), "due_at": shown(message.due_at),
        "sent_at": message.sent_at.map(shown), "attempts": message.attempts,
    })
}

async fn show(instance: &Instance, id: OutboxMessageId, output: Output) -> Result<(), CliError> {
    let (message, attempts) = outbox::find(instance, id).await?;
    if output.json {
        let mut value = shape(&message);
        value["attempts"] = json!(attempts);
        output.value(&value);
        return Ok(());
    }
    output.record(&shape(&message));
    for attempt in attempts {
        let code = attempt.code.map_or_else(|| "-".to_owned(), |code| code.to_string());
        output.line(&format!(
            "  {}  {}  {code}  {}",
            maybe(Some(attempt.at)),
            attempt.step,
            attempt.text
        ));
    }
    Ok(())
}

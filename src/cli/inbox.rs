//! `countersign inbox`: accounts that are polled for answers.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{CliError, output::Output, time::maybe};
use crate::{
    actions::{Instance, accounts, credentials, forms::InboxAccountForm},
    domain::{
        ids::InboxAccountId,
        inbox_account::{InboxAccount, Protocol},
    },
    net::step::Step,
    polling::{self, Summary},
    store,
};

#[derive(Subcommand)]
pub(crate) enum Inbox {
    /// Add an account; what lies in the mailbox now is history and is not read
    #[command(
        after_help = "Example:\n  countersign inbox add access --address access@corp.example --protocol imap \\\n      --host imap.corp.example --port 993 --security implicit_tls --credential access \\\n      --trusted-authserv-id mx.corp.example --schedule \"every 60s\""
    )]
    Add {
        name: String,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    /// Change the fields that are given; a paused account tries again
    Update {
        account: String,
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        fields: Box<Fields>,
    },
    List,
    Show {
        account: String,
    },
    /// Walk every step of a visit that changes nothing
    Test {
        account: String,
    },
    /// Visit the mailbox once, now, and print what was found
    Poll {
        account: String,
    },
    /// How the account is doing
    Health {
        account: String,
    },
    Remove {
        account: String,
    },
}

#[derive(Args)]
pub(crate) struct Fields {
    /// An address whose mail arrives here; repeat for more
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// imap or pop3
    #[arg(long)]
    protocol: Option<String>,
    #[arg(long)]
    host: Option<String>,
    #[arg(long)]
    port: Option<u16>,
    /// none, starttls or implicit_tls
    #[arg(long)]
    security: Option<String>,
    /// A credential, by name or id
    #[arg(long)]
    credential: Option<String>,
    #[arg(long)]
    folder: Option<String>,
    /// `every 60s` or a cron expression
    #[arg(long)]
    schedule: Option<String>,
    #[arg(long)]
    timezone: Option<String>,
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    #[arg(long, value_name = "true|false")]
    automatic_check: Option<bool>,
    /// Leave the mailbox as found, or delete what was committed
    #[arg(long, value_name = "true|false")]
    keep_copy: Option<bool>,
    /// What separates a sub-address, or `none` for servers without
    #[arg(long)]
    sub_address: Option<String>,
    #[arg(long, value_name = "true|false")]
    idle: Option<bool>,
    #[arg(long, value_name = "true|false")]
    import_existing: Option<bool>,
    #[arg(long)]
    max_size_bytes: Option<i64>,
    /// token_only, standard or strict
    #[arg(long)]
    proof: Option<String>,
    /// yes, confirm or no
    #[arg(long)]
    by_mail: Option<String>,
    /// generic, google or microsoft365
    #[arg(long)]
    profile: Option<String>,
    /// An authserv-id whose Authentication-Results count; repeat for more, `none` for none
    #[arg(long = "trusted-authserv-id", value_name = "ID")]
    trusted_authserv_ids: Vec<String>,
    #[arg(long, value_name = "true|false")]
    trust_internaldate: Option<bool>,
    #[arg(long, value_name = "true|false")]
    allow_cleartext_login: Option<bool>,
    /// Take any certificate; dangerous
    #[arg(long, value_name = "true|false")]
    accept_invalid_certs: Option<bool>,
    /// Trust exactly the authorities in this PEM file
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Trust exactly the certificate with this SHA-256
    #[arg(long, value_name = "HEX")]
    pinned_sha256: Option<String>,
}

pub(crate) fn read_ca(file: Option<PathBuf>) -> Result<Option<String>, CliError> {
    file.map(|file| {
        std::fs::read_to_string(&file)
            .map_err(|source| CliError::File { file: file.display().to_string(), source })
    })
    .transpose()
}

impl Fields {
    async fn lay_over(
        self,
        instance: &Instance,
        form: &mut Map<String, Value>,
    ) -> Result<(), CliError> {
        let credential = match self.credential {
            Some(named) => Some(credentials::find(instance, &named).await?.id),
            None => None,
        };
        let ca_pem = read_ca(self.ca_file)?;
        let list = |list: Vec<String>| if list.is_empty() { Value::Null } else { json!(list) };
        let given = [
            ("addresses", list(self.addresses)),
            ("protocol", json!(self.protocol)),
            ("host", json!(self.host)),
            ("port", json!(self.port)),
            ("security", json!(self.security)),
            ("credential_id", json!(credential)),
            ("folder", json!(self.folder)),
            ("schedule", json!(self.schedule)),
            ("timezone", json!(self.timezone)),
            ("enabled", json!(self.enabled)),
            ("automatic_check", json!(self.automatic_check)),
            ("keep_copy", json!(self.keep_copy)),
            ("idle", json!(self.idle)),
            ("import_existing", json!(self.import_existing)),
            ("max_size_bytes", json!(self.max_size_bytes)),
            ("proof", json!(self.proof)),
            ("by_mail", json!(self.by_mail)),
            ("profile", json!(self.profile)),
            ("trusted_authserv_ids", authserv_ids(self.trusted_authserv_ids)),
            ("trust_internaldate", json!(self.trust_internaldate)),
            ("allow_cleartext_login", json!(self.allow_cleartext_login)),
            ("accept_invalid_certs", json!(self.accept_invalid_certs)),
            ("ca_pem", json!(ca_pem)),
            ("pinned_sha256", json!(self.pinned_sha256)),
        ];
        form.extend(
            given.into_iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.to_owned(), v)),
        );
        match self.sub_address.as_deref() {
            None => {}
            Some("none") => drop(form.insert("sub_address".to_owned(), Value::Null)),
            Some(separator) => drop(form.insert("sub_address".to_owned(), json!(separator))),
        }
        Ok(())
    }
}

/// Not given: left as it is.
fn authserv_ids(typed: Vec<String>) -> Value {
    match typed.as_slice() {
        [] => Value::Null,
        [none] if none == "none" => json!([]),
        _ => json!(typed),
    }
}

fn form(fields: Map<String, Value>) -> Result<InboxAccountForm, CliError> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| CliError::Usage(error.to_string()))
}

pub(crate) async fn run(
    instance: &Instance,
    command: Inbox,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Inbox::Add { name, fields } => {
            let mut given = Map::from_iter([("name".to_owned(), json!(name))]);
            fields.lay_over(instance, &mut given).await?;
            let account = form(given)?.into_account(InboxAccountId(uuid::Uuid::nil()), 1);
            let added = accounts::add_inbox(instance, account).await?;
            take_pop3_baseline(instance, &added, output).await?;
            show(&added, output);
        }
        Inbox::Update { account, rename, fields } => {
            let found = accounts::find_inbox(instance, &account).await?;
            let Value::Object(mut given) = json!(InboxAccountForm::of(&found)) else {
                return Err(CliError::Failed("an account is no object".to_owned()));
            };
            fields.lay_over(instance, &mut given).await?;
            given.extend(rename.map(|name| ("name".to_owned(), json!(name))));
            let changed = form(given)?.into_account(found.id, found.version);
            show(&accounts::update_inbox(instance, changed).await?, output);
        }
        Inbox::List => {
            let mut tx = instance.store.read().await?;
            let all = store::inbox_accounts::list(&mut tx).await?;
            output.list(
                &all,
                &[
                    "name",
                    "enabled",
                    "automatic",
                    "protocol",
                    "server",
                    "schedule",
                    "keep copy",
                    "proof",
                    "addresses",
                ],
                row,
            );
        }
        Inbox::Show { account } => show(&accounts::find_inbox(instance, &account).await?, output),
        Inbox::Test { account } => {
            let found = accounts::find_inbox(instance, &account).await?;
            let report = polling::test_account(instance, &found).await?;
            show_steps(&json!(report), &report.steps, &report.sentence, &report.warnings, output);
            if !output.json && !report.folders.is_empty() {
                output.line(&format!("folders: {}", report.folders.join(", ")));
            }
            return Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Inbox::Poll { account } => return poll(instance, &account, output).await,
        Inbox::Health { account } => health(instance, &account, output).await?,
        Inbox::Remove { account } => {
            let found = accounts::find_inbox(instance, &account).await?;
            accounts::remove_inbox(instance, &found).await?;
            output.line(&format!("removed inbox account `{}`", found.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// POP3 has no dates to tell history from news by: the list is taken now.
async fn take_pop3_baseline(
    instance: &Instance,
    account: &InboxAccount,
    output: Output,
) -> Result<(), CliError> {
    if account.protocol != Protocol::Pop3 || account.import_existing {
        return Ok(());
    }
    if let Some(error) = polling::take_baseline(instance, account.id).await? {
        output.warn(&format!(
            "warning: the list of what lies in the mailbox could not be taken ({error}); what arrives before the first visit will count as history"
        ));
    }
    Ok(())
}

async fn poll(instance: &Instance, named: &str, output: Output) -> Result<ExitCode, CliError> {
    let account = accounts::find_inbox(instance, named).await?;
    match polling::poll_now(instance, &account).await? {
        Ok(summary) => {
            if output.json {
                output.value(&summary)
            } else {
                show_summary(&summary, output)
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(CliError::Failed(error.to_string())),
    }
}

fn show_summary(summary: &Summary, output: Output) {
    output.line(&format!(
        "{} listed, {} fetched, {} deleted, in {} ms",
        summary.listed, summary.fetched, summary.deleted, summary.took_ms
    ));
    for (disposition, count) in &summary.judged {
        output.line(&format!("  {disposition:24} {count}"));
    }
    for (what, count) in [
        ("history, not read", summary.history),
        ("too large, headers only", summary.oversize),
        ("known by their bytes", summary.recognised),
        ("failed, tried again", summary.failed),
    ] {
        if count > 0 {
            output.line(&format!("  {what:24} {count}"));
        }
    }
}

/// The steps of a test, one a line, and what they come to.
pub(crate) fn show_steps(
    json: &Value,
    steps: &[Step],
    sentence: &str,
    warnings: &[String],
    output: Output,
) {
    if output.json {
        return output.value(json);
    }
    for step in steps {
        output.line(&format!(
            "{:12} {:>6} ms  {}",
            step.step.to_string(),
            step.took.as_millis(),
            step.words
        ));
    }
    output.line(sentence);
    warnings.iter().for_each(|warning| output.warn(&format!("warning: {warning}")));
}

async fn health(instance: &Instance, named: &str, output: Output) -> Result<(), CliError> {
    let account = accounts::find_inbox(instance, named).await?;
    let (health, state) = crate::actions::accounts::inbox_health(instance, &account).await?;
    if output.json {
        output.value(&json!({"status": health.status, "sentences": health.sentences}));
        return Ok(());
    }
    output.line(&format!("{}: {}", account.name, health.status.as_str()));
    health.sentences.iter().for_each(|sentence| output.line(&format!("  {sentence}")));
    if let Some(state) = state {
        output.line(&format!("  last success {}", maybe(state.last_success_at)));
        output.line(&format!("  next visit   {}", maybe(Some(state.due_at))));
    }
    Ok(())
}

fn row(account: &InboxAccount) -> Vec<String> {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_owned();
    vec![
        account.name.clone(),
        yes(account.enabled),
        yes(account.automatic_check),
        json!(account.protocol).as_str().unwrap_or_default().to_owned(),
        format!("{}:{}", account.server.host, account.server.port),
        account.schedule.clone(),
        yes(account.keep_copy),
        account.proof.code().to_owned(),
        account.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    ]
}

fn show(account: &InboxAccount, output: Output) {
    let mut shape = json!(InboxAccountForm::of(account));
    shape["id"] = json!(account.id);
    output.record(&shape);
    if !output.json {
        account.warnings().iter().for_each(|warning| output.warn(&format!("warning: {warning}")));
    }
}

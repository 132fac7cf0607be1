//! `countersign smtp`: accounts that mail is sent through.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{CliError, output::Output};
use crate::{
    actions::{Instance, accounts, credentials, forms::SmtpAccountForm},
    delivery,
    domain::{address::EmailAddress, ids::SmtpAccountId, smtp_account::SmtpAccount},
    store,
};

#[derive(Subcommand)]
pub(crate) enum Smtp {
    /// Add an account; the first enabled one becomes the default
    #[command(
        after_help = "Example:\n  countersign smtp add main --sender access@corp.example --reply-to access@corp.example \\\n      --host smtp.corp.example --port 465 --security implicit_tls --credential access"
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
    /// Make this account the default, atomically
    Default {
        account: String,
    },
    /// Send one mail now, and print each step with the server's words
    Test {
        account: String,
        #[arg(long, value_name = "ADDRESS")]
        to: EmailAddress,
        #[arg(long)]
        subject: Option<String>,
        #[arg(long)]
        body: Option<String>,
    },
    Remove {
        account: String,
    },
}

#[derive(Args)]
pub(crate) struct Fields {
    /// The From of what is sent
    #[arg(long)]
    sender: Option<String>,
    /// Where answers go; must be an address of a polled inbox account
    #[arg(long)]
    reply_to: Option<String>,
    /// The envelope sender for errors [default: the sender]
    #[arg(long)]
    return_path: Option<String>,
    /// Where read receipts go
    #[arg(long)]
    confirmation_to: Option<String>,
    #[arg(long, value_name = "true|false")]
    request_read_receipt: Option<bool>,
    #[arg(long, value_name = "true|false")]
    force_settings: Option<bool>,
    #[arg(long, value_name = "true|false")]
    footer_enabled: Option<bool>,
    #[arg(long)]
    host: Option<String>,
    #[arg(long)]
    port: Option<u16>,
    /// none, starttls or implicit_tls
    #[arg(long)]
    security: Option<String>,
    #[arg(long, value_name = "true|false")]
    authenticate: Option<bool>,
    /// A credential, by name or id
    #[arg(long)]
    credential: Option<String>,
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
    #[arg(long)]
    rate_per_minute: Option<i64>,
    #[arg(long)]
    max_connections: Option<i64>,
    #[arg(long, value_name = "true|false")]
    enabled: Option<bool>,
    /// Make it the default
    #[arg(long)]
    default: bool,
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
        let ca_pem = super::inbox::read_ca(self.ca_file)?;
        let given = [
            ("sender", json!(self.sender)),
            ("reply_to", json!(self.reply_to)),
            ("return_path", json!(self.return_path)),
            ("confirmation_to", json!(self.confirmation_to)),
            ("request_read_receipt", json!(self.request_read_receipt)),
            ("force_settings", json!(self.force_settings)),
            ("footer_enabled", json!(self.footer_enabled)),
            ("host", json!(self.host)),
            ("port", json!(self.port)),
            ("security", json!(self.security)),
            ("authenticate", json!(self.authenticate)),
            ("credential_id", json!(credential)),
            ("allow_cleartext_login", json!(self.allow_cleartext_login)),
            ("accept_invalid_certs", json!(self.accept_invalid_certs)),
            ("ca_pem", json!(ca_pem)),
            ("pinned_sha256", json!(self.pinned_sha256)),
            ("rate_per_minute", json!(self.rate_per_minute)),
            ("max_connections", json!(self.max_connections)),
            ("enabled", json!(self.enabled)),
            ("default", json!(self.default.then_some(true))),
        ];
        form.extend(
            given.into_iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.to_owned(), v)),
        );
        Ok(())
    }
}

fn form(fields: Map<String, Value>) -> Result<SmtpAccountForm, CliError> {
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| CliError::Usage(error.to_string()))
}

pub(crate) async fn run(
    instance: &Instance,
    command: Smtp,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Smtp::Add { name, fields } => {
            let mut given = Map::from_iter([("name".to_owned(), json!(name))]);
            fields.lay_over(instance, &mut given).await?;
            let account = form(given)?.into_account(SmtpAccountId(uuid::Uuid::nil()), 1);
            show(&accounts::add_smtp(instance, account).await?, output);
        }
        Smtp::Update { account, rename, fields } => {
            let found = accounts::find_smtp(instance, &account).await?;
            let Value::Object(mut given) = json!(SmtpAccountForm::of(&found)) else {
                return Err(CliError::Failed("an account is no object".to_owned()));
            };
            fields.lay_over(instance, &mut given).await?;
            given.extend(rename.map(|name| ("name".to_owned(), json!(name))));
            let changed = form(given)?.into_account(found.id, found.version);
            show(&accounts::update_smtp(instance, changed).await?, output);
        }
        Smtp::List => {
            let mut tx = instance.store.read().await?;
            let all = store::smtp_accounts::list(&mut tx).await?;
            output.list(
                &all,
                &[
                    "name", "default", "enabled", "sender", "reply to", "server", "security",
                    "paused",
                ],
                row,
            );
        }
        Smtp::Show { account } => show(&accounts::find_smtp(instance, &account).await?, output),
        Smtp::Default { account } => {
            let found = accounts::find_smtp(instance, &account).await?;
            accounts::make_default(instance, &found).await?;
            output.line(&format!("`{}` is the default account now", found.name));
        }
        Smtp::Test { account, to, subject, body } => {
            let found = accounts::find_smtp(instance, &account).await?;
            let report =
                delivery::test_account(instance, &found, &to, subject.as_deref(), body.as_deref())
                    .await?;
            super::inbox::show_steps(
                &json!(report),
                &report.steps,
                &report.sentence,
                &found.warnings(),
                output,
            );
            return Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Smtp::Remove { account } => {
            let found = accounts::find_smtp(instance, &account).await?;
            accounts::remove_smtp(instance, &found).await?;
            output.line(&format!("removed SMTP account `{}`", found.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(account: &SmtpAccount) -> Vec<String> {
    let yes = |flag: bool| if flag { "yes" } else { "" }.to_owned();
    vec![
        account.name.clone(),
        yes(account.default),
        yes(account.enabled),
        account.sender.to_string(),
        account.reply_to.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        format!("{}:{}", account.server.host, account.server.port),
        json!(account.server.security).as_str().unwrap_or_default().to_owned(),
        account.paused_reason.clone().unwrap_or_default(),
    ]
}

fn show(account: &SmtpAccount, output: Output) {
    let mut shape = json!(SmtpAccountForm::of(account));
    shape["id"] = json!(account.id);
    shape["paused_reason"] = json!(account.paused_reason);
    output.record(&shape);
    if !output.json {
        account.warnings().iter().for_each(|warning| output.warn(&format!("warning: {warning}")));
    }
}

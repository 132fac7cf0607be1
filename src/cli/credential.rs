//! `countersign credential`: what accounts log in with.

use std::{io::Read, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CliError, output::Output, time::shown};
use crate::{
    actions::{Instance, credentials},
    secret::Secret,
    store,
};

#[derive(Subcommand)]
pub(crate) enum Credential {
    /// Add a credential; the password comes from a file, standard input or COUNTERSIGN_PASSWORD, never from the command line
    #[command(
        after_help = "Examples:\n  countersign credential add access --username access@corp.example --password-file pass.txt\n  pass show mail/access | countersign credential add access --username access@corp.example --password-stdin"
    )]
    Add {
        name: String,
        #[arg(long)]
        username: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Replace the user name or the password; accounts that were paused try again
    Update {
        name: String,
        #[arg(long)]
        username: Option<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List credentials; no secret is ever shown
    List,
    /// Show one credential and the accounts that use it
    Show { name: String },
    /// Remove a credential that no account uses
    Remove { name: String },
}

#[derive(Args)]
pub(crate) struct PasswordSource {
    /// Read the password from the first line of this file
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    fn read(&self) -> Result<Option<Secret>, CliError> {
        let text = if let Some(file) = &self.password_file {
            std::fs::read_to_string(file)
                .map_err(|source| CliError::File { file: file.display().to_string(), source })?
        } else if self.password_stdin {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|source| CliError::File { file: "standard input".to_owned(), source })?;
            text
        } else {
            match std::env::var("COUNTERSIGN_PASSWORD") {
                Ok(text) => text,
                Err(_) => return Ok(None),
            }
        };
        let password = text.lines().next().unwrap_or_default();
        if password.is_empty() {
            return Err(CliError::Usage("the password is empty".to_owned()));
        }
        Ok(Some(Secret::new(password.to_owned())))
    }
}

pub(crate) async fn run(
    instance: &Instance,
    command: Credential,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Credential::Add { name, username, password } => {
            let password = password.read()?.ok_or_else(|| {
                CliError::Usage("a password is needed: --password-file, --password-stdin or COUNTERSIGN_PASSWORD".to_owned())
            })?;
            let new = credentials::NewCredential { name, username, password };
            show(instance, &credentials::add(instance, new).await?, output).await?;
        }
        Credential::Update { name, username, password } => {
            let mut credential = credentials::find(instance, &name).await?;
            credential.username = username.unwrap_or(credential.username);
            let updated = credentials::update(instance, credential, password.read()?).await?;
            show(instance, &updated, output).await?;
        }
        Credential::List => {
            let mut tx = instance.store.read().await?;
            let all: Vec<_> = store::credentials::list(&mut tx).await?.iter().map(shape).collect();
            output.list(&all, &["name", "kind", "username", "updated"], |c| {
                ["name", "kind", "username", "updated_at"]
                    .iter()
                    .map(|key| text(&c[*key]))
                    .collect()
            });
        }
        Credential::Show { name } => {
            show(instance, &credentials::find(instance, &name).await?, output).await?;
        }
        Credential::Remove { name } => {
            let credential = credentials::find(instance, &name).await?;
            credentials::remove(instance, &credential).await?;
            output.line(&format!("removed credential `{}`", credential.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shape(credential: &store::credentials::Credential) -> serde_json::Value {
    json!({
        "id": credential.id, "name": credential.name, "kind": credential.kind,
        "username": credential.username, "updated_at": shown(credential.updated_at),
    })
}

async fn show(
    instance: &Instance,
    credential: &store::credentials::Credential,
    output: Output,
) -> Result<(), CliError> {
    let mut tx = instance.store.read().await?;
    let users = store::credentials::users(&mut tx, credential.id).await?;
    let mut shape = shape(credential);
    shape["used_by"] = users.iter().map(|user| format!("{} {}", user.kind, user.name)).collect();
    output.record(&shape);
    Ok(())
}

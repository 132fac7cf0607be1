//! `countersign settings`: what holds for the whole instance.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{CliError, output::Output};
use crate::actions::{Instance, settings};

#[derive(Subcommand)]
pub(crate) enum Settings {
    /// Show all settings
    Show,
    /// Change one setting; the value is JSON, or plain text
    #[command(
        after_help = "Examples:\n  countersign settings set approver_domains '[\"corp.example\"]'\n  countersign settings set timezone Europe/Lisbon\n  countersign settings set proof standard"
    )]
    Set { key: String, value: String },
}

pub(crate) async fn run(
    instance: &Instance,
    command: Settings,
    output: Output,
) -> Result<ExitCode, CliError> {
    let (current, version) = settings::find(instance).await?;
    match command {
        Settings::Show => output.record(&current),
        Settings::Set { key, value } => {
            let mut form = json!(current);
            let known = form.as_object().is_some_and(|fields| fields.contains_key(&key));
            if !known {
                let keys: Vec<String> =
                    form.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
                return Err(CliError::Usage(format!("`{key}` is not one of {}", keys.join(", "))));
            }
            form[&key] = serde_json::from_str(&value).unwrap_or(Value::String(value));
            let changed = serde_json::from_value(form)
                .map_err(|error| CliError::Usage(format!("`{key}`: {error}")))?;
            settings::update(instance, &changed, version).await?;
            output.record(&changed);
        }
    }
    Ok(ExitCode::SUCCESS)
}

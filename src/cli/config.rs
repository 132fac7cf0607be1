//! `countersign config`: check it, show it.

use std::process::ExitCode;

use clap::Subcommand;

use super::{CliError, output::Output};
use crate::config::{Config, ConfigError};

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is valid, and what is wrong with it
    Check,
    /// Show what holds, file and environment together; no secret is shown
    Show,
}

pub(crate) fn run(
    command: &ConfigCommand,
    load: impl FnOnce() -> Result<Config, ConfigError>,
    output: Output,
) -> Result<ExitCode, CliError> {
    let config = load()?;
    match command {
        ConfigCommand::Check if output.json => output.value(&serde_json::json!({"valid": true})),
        ConfigCommand::Check => output.line("the configuration is valid"),
        ConfigCommand::Show => output.line(&config.to_string()),
    }
    Ok(ExitCode::SUCCESS)
}

//! The command line: one file per command.
//!
//! Everything here talks to the store through `actions`, like the API does,
//! and may be used while the service runs.

mod config;
mod credential;
mod decisions;
mod demo;
mod explain;
mod inbox;
mod ledger;
mod lexicon;
mod messages;
mod outbox;
mod output;
mod people;
mod request;
mod serve;
mod settings;
mod smtp;
mod time;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    actions::{ActionError, Instance},
    clock::Clock,
    config::{Config, ConfigError, LogConfig},
    random::Random,
    telemetry,
};
use output::Output;

/// Approve or deny privileged-access requests by answering an e-mail, safely.
///
/// Exit codes: 0 done, 1 the thing asked for failed, 2 wrong usage or
/// configuration, 3 not found, 4 refused because of the state of things.
#[derive(Parser)]
#[command(name = "countersign", version, max_term_width = 100)]
struct Cli {
    /// The configuration file [default: countersign.toml, if it is there]
    #[arg(long, short, global = true, env = "COUNTERSIGN_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: deliver, poll, expire, until stopped
    Serve,
    /// A whole service on this machine, with a mail server and people who answer, to watch
    Demo(demo::Demo),
    /// SMTP accounts, which mail is sent through
    #[command(subcommand)]
    Smtp(smtp::Smtp),
    /// Inbox accounts, which are polled for answers
    #[command(subcommand)]
    Inbox(inbox::Inbox),
    /// Credentials, which accounts log in with
    #[command(subcommand)]
    Credential(credential::Credential),
    /// People, who ask and answer
    #[command(subcommand)]
    People(people::People),
    /// Access requests
    #[command(subcommand)]
    Request(request::Request),
    /// Mail that is owed or was sent
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Mail that came in, and what it turned out to be
    #[command(subcommand)]
    Messages(messages::Messages),
    /// Say what mails would come to, and why, without committing anything
    Explain(explain::Explain),
    /// Answers that counted
    #[command(subcommand)]
    Decisions(decisions::Decisions),
    /// The hash-chained list of everything that happened
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// API tokens: who may call
    #[command(subcommand)]
    Token(token::Token),
    /// Settings of the whole instance
    #[command(subcommand)]
    Settings(settings::Settings),
    /// Words added to those by which answers are read
    #[command(subcommand)]
    Lexicon(lexicon::Lexicon),
    /// Bring the database's schema up to date
    Migrate,
    /// The configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

/// Reads the arguments and does what they ask.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match perform(cli, output).await {
        Ok(code) => code,
        Err(error) => output.complain(&error),
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error("{0}")]
    Failed(String),
    #[error("could not read `{file}`")]
    File { file: String, source: std::io::Error },
}

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Action(error.into())
    }
}

async fn perform(cli: Cli, output: Output) -> Result<ExitCode, CliError> {
    let load = || Config::load(cli.config.as_deref(), std::env::vars());
    let command = match cli.command {
        Command::Config(command) => return config::run(&command, load, output),
        Command::Serve => return serve::run(load()?).await,
        // Needs no configuration and touches nobody's.
        Command::Demo(demo) => return demo::run(demo, output).await,
        Command::Explain(wanted) if !wanted.instance && cli.config.is_none() => {
            return explain::run(None, &wanted, output);
        }
        other => other,
    };
    let config = load()?;
    // A command's own words are its output, warnings among them; the log
    // would only say them twice.
    let quiet = LogConfig { filter: "error".to_owned(), ..config.log.clone() };
    telemetry::start(if std::env::var_os("COUNTERSIGN_LOG_FILTER").is_some() {
        &config.log
    } else {
        &quiet
    })
    .map_err(|error| CliError::Usage(error.to_string()))?;
    if matches!(command, Command::Migrate) {
        return migrate(&config, output).await;
    }
    if matches!(command, Command::Explain(_)) {
        explain::must_exist(&config)?;
    }
    let instance = Instance::open(config, Clock::system(), Random::from_system()).await?;
    match command {
        Command::Smtp(command) => smtp::run(&instance, command, output).await,
        Command::Inbox(command) => inbox::run(&instance, command, output).await,
        Command::Credential(command) => credential::run(&instance, command, output).await,
        Command::People(command) => people::run(&instance, command, output).await,
        Command::Request(command) => request::run(&instance, command, output).await,
        Command::Outbox(command) => outbox::run(&instance, command, output).await,
        Command::Messages(command) => messages::run(&instance, command, output).await,
        Command::Decisions(command) => decisions::run(&instance, command, output).await,
        Command::Ledger(command) => ledger::run(&instance, command, output).await,
        Command::Token(command) => token::run(&instance, command, output).await,
        Command::Settings(command) => settings::run(&instance, command, output).await,
        Command::Lexicon(command) => lexicon::run(&instance, command, output).await,
        Command::Explain(wanted) => explain::run(Some(&instance), &wanted, output),
        Command::Serve | Command::Demo(_) | Command::Migrate | Command::Config(_) => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn migrate(config: &Config, output: Output) -> Result<ExitCode, CliError> {
    std::fs::create_dir_all(&config.data_dir)
        .map_err(|source| CliError::File { file: config.data_dir.display().to_string(), source })?;
    let store = crate::store::Store::open(&config.database(), Clock::system()).await?;
    let applied = store.migrate().await?;
    if output.json {
        output.value(&serde_json::json!({"applied": applied}));
    } else if applied.is_empty() {
        output.line("the schema is up to date");
    } else {
        applied.iter().for_each(|name| output.line(&format!("applied {name}")));
    }
    Ok(ExitCode::SUCCESS)
}

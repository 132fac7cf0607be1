//! `countersign serve`.

use std::{io::Write, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::CliError;
use crate::{
    actions::{Instance, api_tokens},
    clock::Clock,
    config::Config,
    random::Random,
    serve, telemetry,
};

pub(crate) async fn run(config: Config) -> Result<ExitCode, CliError> {
    telemetry::start(&config.log).map_err(|error| CliError::Usage(error.to_string()))?;
    let instance = Instance::open(config, Clock::system(), Random::from_system()).await?;
    let stop = CancellationToken::new();
    let failed = |source| CliError::File { file: "signals".to_owned(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let stopper = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopper.cancel();
    });
    let listener = serve::listen(&instance).await?;
    if let Some(first) = api_tokens::issue_first(&instance).await? {
        // To standard output and nowhere else: the log is kept, and read by many.
        let line = format!(
            "The API token of the first admin, shown this once:\n  {}\n",
            first.text.expose()
        );
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
    serve::serve_on(instance, listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}

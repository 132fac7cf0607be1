//! Logs: text for people, JSON for machines, with `account`, `inbound_message`,
//! `request` and `node` as fields.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogConfig, LogFormat};

/// Never let these speak below `info`: at `trace` they print what goes over
/// the wire, passwords included.
const TALKATIVE: &[&str] =
    &["async_imap=info", "imap_proto=info", "lettre=info", "sqlx=warn", "hyper=info", "h2=info"];

#[derive(Debug, thiserror::Error)]
#[error("`log.filter` is not a filter such as `info,countersign::polling=debug`")]
pub struct BadFilter(#[source] tracing_subscriber::filter::ParseError);

/// Starts logging to standard error; once per process.
pub fn start(config: &LogConfig) -> Result<(), BadFilter> {
    let quiet = TALKATIVE.join(",");
    let filter = EnvFilter::try_new(format!("{},{quiet}", config.filter)).map_err(BadFilter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format {
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .with_ansi(io::stderr().is_terminal())
                    .with_writer(io::stderr)
                    .with_target(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(io::stderr))
            .try_init(),
    };
    // A second start (in a test) finds the first still there, which will do.
    let _ = started;
    Ok(())
}

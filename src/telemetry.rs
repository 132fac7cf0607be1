//! Logs: text for people, JSON for machines, with `account`, `inbound_message`,
//! `request` and `node` as fields. And metrics: every name, its help text and
//! its labels stand here, and each is told by one call.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
    time::Duration,
};

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
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

// --- metrics --------------------------------------------------------------

const POLLS: &str = "countersign_polls_total";
const VISIT_SECONDS: &str = "countersign_visit_seconds";
const MESSAGES: &str = "countersign_messages_total";
const DECISIONS: &str = "countersign_decisions_total";
const REPLY_SECONDS: &str = "countersign_reply_to_decision_seconds";
const DELIVERIES: &str = "countersign_deliveries_total";
const DELIVERY_SECONDS: &str = "countersign_delivery_seconds";
const OUTBOX: &str = "countersign_outbox_messages";
const PENDING: &str = "countersign_pending_requests";
const INBOX_AGE: &str = "countersign_inbox_last_success_age_seconds";
const INBOX_PAUSED: &str = "countersign_inbox_paused";
const HTTP_SECONDS: &str = "countersign_http_seconds";

/// Every metric there is: its name and what it says.
pub const METRICS: &[(&str, &str)] = &[
    (POLLS, "Visits to inbox accounts that ended, by account and outcome (ok, failed, stopped)."),
    (VISIT_SECONDS, "How long a visit to an inbox account took."),
    (MESSAGES, "Inbound messages judged, by disposition."),
    (DECISIONS, "Answers that counted, by answer and channel."),
    (REPLY_SECONDS, "From a mail's arrival on the mail server to the decision it led to."),
    (DELIVERIES, "Tries to deliver a mail that ended, by the state they left it in."),
    (DELIVERY_SECONDS, "From a mail being owed to a server having taken it."),
    (OUTBOX, "Mails in the outbox, by state."),
    (PENDING, "Access requests that wait for an answer."),
    (INBOX_AGE, "Seconds since an inbox account that is polled was last visited with success."),
    (INBOX_PAUSED, "1 while an inbox account waits for a person to mend it."),
    (HTTP_SECONDS, "How long a call to the API took, by method, route and status."),
];

/// Bounds of what takes seconds to minutes, and of what takes milliseconds.
const SLOW: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];
const FAST: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// How often measurements are folded together, asked for or not.
const FOLDED_EVERY: Duration = Duration::from_secs(5);

static METRICS_KEPT: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep metrics, once per process, and folds them until `stop`.
pub fn keep_metrics(stop: CancellationToken) -> JoinHandle<()> {
    handle();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FOLDED_EVERY) => handle().run_upkeep(),
            }
        }
    })
}

/// All of it in Prometheus' text form.
pub fn metrics_text() -> String {
    handle().run_upkeep();
    handle().render()
}

fn handle() -> &'static PrometheusHandle {
    METRICS_KEPT.get_or_init(|| {
        let slow = |name: &str| Matcher::Full(name.to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(slow(VISIT_SECONDS), SLOW)
            .and_then(|builder| builder.set_buckets_for_metric(slow(REPLY_SECONDS), SLOW))
            .and_then(|builder| builder.set_buckets_for_metric(slow(DELIVERY_SECONDS), SLOW))
            .and_then(|builder| builder.set_buckets_for_metric(slow(HTTP_SECONDS), FAST))
            .expect("the lists of bounds are not empty")
            .build_recorder();
        let handle = recorder.handle();
        // Somebody else's recorder stays; then ours renders nothing.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are kept by somebody else already");
        }
        describe();
        handle
    })
}

fn describe() {
    for &(name, help) in METRICS {
        if name.ends_with("_total") {
            describe_counter!(name, help);
        } else if name.ends_with("_seconds") && name != INBOX_AGE {
            describe_histogram!(name, Unit::Seconds, help);
        } else {
            describe_gauge!(name, help);
        }
    }
}

/// A visit ended.
pub fn poll(account: &str, outcome: &'static str, took_seconds: f64) {
    counter!(POLLS, "account" => account.to_owned(), "outcome" => outcome).increment(1);
    histogram!(VISIT_SECONDS, "account" => account.to_owned()).record(took_seconds);
}

/// A mail was judged.
pub fn message(disposition: &'static str) {
    counter!(MESSAGES, "disposition" => disposition).increment(1);
}

/// An answer counted.
pub fn decision(answer: &'static str, channel: &'static str) {
    counter!(DECISIONS, "answer" => answer, "channel" => channel).increment(1);
}

/// A mail led to a decision this long after it had arrived.
pub fn reply_to_decision(seconds: f64) {
    histogram!(REPLY_SECONDS).record(seconds);
}

/// A try to deliver ended; `seconds` since the mail was owed, where it was sent.
pub fn delivery(state: &'static str, sent_after_seconds: Option<f64>) {
    counter!(DELIVERIES, "state" => state).increment(1);
    if let Some(seconds) = sent_after_seconds {
        histogram!(DELIVERY_SECONDS).record(seconds);
    }
}

pub fn outbox_messages(state: &'static str, count: i64) {
    gauge!(OUTBOX, "state" => state).set(count as f64);
}

pub fn pending_requests(count: i64) {
    gauge!(PENDING).set(count as f64);
}

/// No age where the account is not polled or was never visited.
pub fn inbox_account(account: &str, age_seconds: Option<f64>, is_paused: bool) {
    if let Some(age) = age_seconds {
        gauge!(INBOX_AGE, "account" => account.to_owned()).set(age);
    }
    gauge!(INBOX_PAUSED, "account" => account.to_owned()).set(f64::from(u8::from(is_paused)));
}

/// `route` is the router's pattern, so there are not more of them than calls.
pub fn http_call(method: &'static str, route: &str, status: u16, took: Duration) {
    histogram!(HTTP_SECONDS, "method" => method, "route" => route.to_owned(),
        "status" => status.to_string())
    .record(took.as_secs_f64());
}

/// A method as a label: a caller may invent any number of others.
pub fn method_word(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// An error with its causes, for the log.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

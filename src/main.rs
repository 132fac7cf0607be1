//! Hands the arguments to `cli`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    countersign::cli::run().await
}

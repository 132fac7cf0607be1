//! `countersign request`: ask for access, see how it stands, withdraw.

use std::{io::Read, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CliError,
    output::{Output, short},
    time::{maybe, moment, shown},
};
use crate::{
    actions::{Instance, accounts, requests, submit_request::submit_request},
    domain::access_request::{AccessRequest, Status, submission::Submission},
    store::{self, Page, requests::RequestFilter},
};

#[derive(Subcommand)]
pub(crate) enum Request {
    /// Ask for access; its first approvers are mailed at once
    #[command(
        after_help = "Examples:\n  countersign request submit --requester rita@corp.example --resource \"root on db1\" \\\n      --justification \"patch night\" --approver ana@corp.example,locale=pt-BR --approver bo@corp.example,level=2 --expires 4h\n  countersign request submit --file request.json"
    )]
    Submit(Box<Submit>),
    /// List requests, newest first
    List {
        /// pending, approved, denied, expired, cancelled or conflict
        #[arg(long)]
        status: Option<String>,
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show a request, by id, AR-number or external id
    Show { request: String },
    /// Withdraw a pending request
    Cancel { request: String },
}

#[derive(Args)]
pub(crate) struct Submit {
    /// The request as JSON in the API's shape (`-`: standard input)
    #[arg(long, value_name = "FILE", exclusive = true)]
    file: Option<PathBuf>,
    #[arg(long, required_unless_present = "file", value_name = "ADDRESS")]
    requester: Option<String>,
    #[arg(long)]
    requester_name: Option<String>,
    /// A further address of the requester; nobody may approve from it
    #[arg(long, value_name = "ADDRESS")]
    requester_alias: Vec<String>,
    /// What access is asked to
    #[arg(long, required_unless_present = "file")]
    resource: Option<String>,
    #[arg(long)]
    justification: Option<String>,
    /// ADDRESS[,level=N][,locale=TAG][,name=NAME]; repeat for more
    #[arg(long, required_unless_present = "file")]
    approver: Vec<String>,
    /// When the answer is no longer of use: a time or a span such as 4h
    #[arg(long, required_unless_present = "file")]
    expires: Option<String>,
    /// any, all, or a number; per level
    #[arg(long, default_value = "any")]
    quorum: String,
    #[arg(long)]
    access_starts: Option<String>,
    #[arg(long)]
    access_ends: Option<String>,
    #[arg(long)]
    external_id: Option<String>,
    /// SMTP account by name or id [default: the default account]
    #[arg(long)]
    account: Option<String>,
    /// token_only, standard or strict
    #[arg(long)]
    proof: Option<String>,
    /// yes, confirm or no
    #[arg(long)]
    by_mail: Option<String>,
}

pub(crate) async fn run(
    instance: &Instance,
    command: Request,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Request::Submit(submit) => {
            let submission = submission(instance, *submit).await?;
            show(&submit_request(instance, submission).await?, output);
        }
        Request::List { status, limit } => list(instance, status, limit, output).await?,
        Request::Show { request } => show(&requests::find(instance, &request).await?, output),
        Request::Cancel { request } => {
            let found = requests::find(instance, &request).await?;
            show(&requests::cancel(instance, found.id).await?, output);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn submission(instance: &Instance, submit: Submit) -> Result<Submission, CliError> {
    let value = match &submit.file {
        Some(file) => serde_json::from_str(&read(file)?).map_err(|error| {
            CliError::Usage(format!("`{}` is not JSON: {error}", file.display()))
        })?,
        None => from_flags(instance, submit).await?,
    };
    serde_json::from_value(value)
        .map_err(|error| CliError::Usage(format!("the request is not well formed: {error}")))
}

fn read(file: &PathBuf) -> Result<String, CliError> {
    let failed = |source| CliError::File { file: file.display().to_string(), source };
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(failed)
}

async fn from_flags(instance: &Instance, submit: Submit) -> Result<Value, CliError> {
    let now = instance.clock.now();
    let time = |typed: Option<String>| typed.map(|typed| moment(&typed, now)).transpose();
    let account = match submit.account {
        Some(named) => Some(accounts::find_smtp(instance, &named).await?.id),
        None => None,
    };
    let quorum = match submit.quorum.parse::<u32>() {
        Ok(n) => json!({"at_least": n}),
        Err(_) => json!(submit.quorum),
    };
    let approvers =
        submit.approver.iter().map(|typed| approver(typed)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "external_id": submit.external_id,
        "requester": {
            "email": submit.requester, "name": submit.requester_name, "aliases": submit.requester_alias,
        },
        "resource": submit.resource,
        "justification": submit.justification,
        "access_starts_at": time(submit.access_starts)?,
        "access_ends_at": time(submit.access_ends)?,
        "expires_at": time(submit.expires)?,
        "approvers": approvers,
        "quorum": quorum,
        "proof": submit.proof,
        "by_mail": submit.by_mail,
        "smtp_account_id": account,
    }))
}

/// `ana@corp.example,level=2,locale=pt-BR`
fn approver(typed: &str) -> Result<Value, CliError> {
    let mut parts = typed.split(',');
    let mut value = json!({"email": parts.next().unwrap_or_default().trim()});
    for part in parts {
        let wrong = || {
            CliError::Usage(format!(
                "`{part}` in `{typed}` is not level=N, locale=TAG or name=NAME"
            ))
        };
        let (key, text) = part.split_once('=').ok_or_else(wrong)?;
        value[key.trim()] = match key.trim() {
            "level" => json!(text.trim().parse::<i64>().map_err(|_| wrong())?),
            "locale" | "name" => json!(text.trim()),
            _ => return Err(wrong()),
        };
    }
    Ok(value)
}

async fn list(
    instance: &Instance,
    status: Option<String>,
    limit: i64,
    output: Output,
) -> Result<(), CliError> {
    let status = match status {
        Some(word) => Some(Status::from_word(&word).ok_or_else(|| {
            CliError::Usage(format!(
                "`{word}` is not pending, approved, denied, expired, cancelled or conflict"
            ))
        })?),
        None => None,
    };
    let filter = RequestFilter { status, ..RequestFilter::default() };
    let mut tx = instance.store.read().await?;
    let listed = store::requests::list(&mut tx, &filter, &Page::first(limit)).await?;
    let items: Vec<Value> = listed.items.iter().map(shape).collect();
    output.list(
        &items,
        &["reference", "status", "resource", "requester", "expires", "approvers"],
        |r| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let approvers = r["approvers"].as_array().into_iter().flatten();
            let approvers: Vec<String> = approvers
                .map(|a| format!("{} ({})", text(&a["email"]), text(&a["state"])))
                .collect();
            vec![
                text(&r["reference"]),
                text(&r["status"]),
                short(&text(&r["resource"]), 40),
                text(&r["requester"]),
                text(&r["expires_at"]),
                short(&approvers.join(", "), 80),
            ]
        },
    );
    Ok(())
}

fn shape(request: &AccessRequest) -> Value {
    let approvers: Vec<Value> = request
        .approvers
        .iter()
        .map(|a| json!({"id": a.id, "email": a.address, "level": a.level, "locale": a.locale, "state": a.state}))
        .collect();
    json!({
        "id": request.id, "reference": request.reference(), "external_id": request.external_id,
        "status": request.status, "level": request.level, "quorum": request.quorum,
        "resource": request.resource, "justification": request.justification,
        "requester": request.requester.email, "submitted_at": shown(request.submitted_at),
        "expires_at": shown(request.expires_at), "closed_at": request.closed_at.map(shown),
        "access_starts_at": request.access_starts_at.map(shown),
        "access_ends_at": request.access_ends_at.map(shown), "approvers": approvers,
    })
}

fn show(request: &AccessRequest, output: Output) {
    if output.json {
        return output.value(&shape(request));
    }
    output.line(&format!("{}  {}", request.reference(), request.status));
    let lines = [
        ("id", request.id.to_string()),
        ("resource", request.resource.clone()),
        ("reason", short(request.justification.as_deref().unwrap_or("-"), 200)),
        ("requester", request.requester.email.to_string()),
        ("level", request.level.to_string()),
        ("submitted", shown(request.submitted_at)),
        ("expires", shown(request.expires_at)),
        ("closed", maybe(request.closed_at)),
    ];
    for (key, value) in lines {
        output.line(&format!("  {key:10} {value}"));
    }
    for a in &request.approvers {
        output.line(&format!("  approver   level {}  {}  {}", a.level, a.address, a.state));
    }
}

//! `countersign token`: who may call the API.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{CliError, output::Output, time::maybe};
use crate::{
    actions::{
        Instance,
        api_tokens::{self, NewToken, Role},
        people,
    },
    store::api_tokens::ApiToken,
};

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it; it is not shown again
    #[command(
        after_help = "Examples:\n  countersign token create --role requester --name pam\n  countersign token create --role approver --person ana@corp.example"
    )]
    Create {
        /// admin, auditor, requester or approver
        #[arg(long)]
        role: Role,
        /// What people call it by [default: the role and a number]
        #[arg(long)]
        name: Option<String>,
        /// Whom it speaks for, by id or address; an approver's token needs one
        #[arg(long, value_name = "PERSON")]
        person: Option<String>,
        /// When it ends, RFC 3339 [default: never]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<DateTime<Utc>>,
    },
    /// All tokens, the revoked and expired too
    List,
    /// End a token, named by id or name, at once and for ever
    Revoke { token: String },
}

pub(crate) async fn run(
    instance: &Instance,
    command: Token,
    output: Output,
) -> Result<ExitCode, CliError> {
    match command {
        Token::Create { role, name, person, expires_at } => {
            let person = match person {
                Some(named) => Some(people::find(instance, &named).await?.id),
                None => None,
            };
            let name = match name {
                Some(name) => name,
                None => free_name(instance, role).await?,
            };
            let new = NewToken { name, role, person, expires_at };
            let issued = api_tokens::issue(instance, new).await?;
            if output.json {
                let mut shape = shape(&issued.token);
                shape["token"] = json!(issued.text.expose());
                output.value(&shape);
            } else {
                output.line(issued.text.expose());
                output.warn(&format!(
                    "`{}`, role {role}: keep it now, it is not shown again",
                    issued.token.name
                ));
            }
        }
        Token::List => list(instance, output).await?,
        Token::Revoke { token } => {
            let found = api_tokens::find(instance, &token).await?;
            api_tokens::revoke(instance, found.id).await?;
            output.line(&format!("revoked API token `{}`", found.name));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn free_name(instance: &Instance, role: Role) -> Result<String, CliError> {
    let taken = api_tokens::list(instance).await?;
    let mut number = taken.len() + 1;
    while taken.iter().any(|token| token.name == format!("{role} {number}")) {
        number += 1;
    }
    Ok(format!("{role} {number}"))
}

fn shape(token: &ApiToken) -> Value {
    json!({
        "id": token.id, "name": token.name, "role": token.role, "person_id": token.person_id,
        "created_at": token.created_at, "expires_at": token.expires_at,
        "revoked_at": token.revoked_at, "last_used_at": token.last_used_at,
    })
}

async fn list(instance: &Instance, output: Output) -> Result<(), CliError> {
    let all = api_tokens::list(instance).await?;
    if output.json {
        output.value(&all.iter().map(shape).collect::<Vec<_>>());
        return Ok(());
    }
    let now = instance.clock.now();
    let rows = all.iter().map(|token| {
        let state = if token.revoked_at.is_some() {
            "revoked"
        } else if token.expires_at.is_some_and(|end| end <= now) {
            "expired"
        } else {
            "valid"
        };
        vec![
            token.id.to_string(),
            token.name.clone(),
            token.role.clone(),
            state.to_owned(),
            maybe(token.expires_at),
            maybe(token.last_used_at),
        ]
    });
    let columns = ["id", "name", "role", "state", "expires", "last used"];
    output.table(&columns, rows.collect());
    Ok(())
}

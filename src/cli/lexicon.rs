//! `countersign lexicon`: words of the house, added to those by which answers
//! are read.

use std::process::ExitCode;

use clap::Subcommand;

use super::{CliError, output::Output};
use crate::{
    actions::{Instance, lexicon},
    domain::reply::lexicon::{Addition, Role},
};

#[derive(Subcommand)]
pub(crate) enum Lexicon {
    /// Show the added words
    List,
    /// Add a word or a phrase; refused if it turns a text whose meaning is known
    #[command(
        after_help = "Roles that decide: approve, deny, yes, no. Others take an approval away or excuse a\nphrase: condition, scope, postponement, delegation, retraction, doubt, neutral, polite, ...\nIn a pattern, `(a|b)` are alternatives and `#` is any number.\n\nExamples:\n  countersign lexicon add en approve \"ship it\"\n  countersign lexicon add pt yes ok\n  countersign lexicon add de condition \"nach dem go\""
    )]
    Add {
        /// ISO 639-1 code of a language that is read
        language: String,
        role: String,
        pattern: String,
    },
    /// Take an added word away again
    Remove { language: String, pattern: String },
}

pub(crate) async fn run(
    instance: &Instance,
    command: Lexicon,
    output: Output,
) -> Result<ExitCode, CliError> {
    let (mut additions, version) = lexicon::find(instance).await?;
    match command {
        Lexicon::List => {
            output.list(&additions, &["language", "role", "pattern"], |it: &Addition| {
                vec![it.language.clone(), it.role.code().to_owned(), it.pattern.clone()]
            });
            return Ok(ExitCode::SUCCESS);
        }
        Lexicon::Add { language, role, pattern } => {
            let role = Role::from_code(&role).ok_or_else(|| {
                let known: Vec<&str> = Role::ALL.iter().map(|role| role.code()).collect();
                CliError::Usage(format!("`{role}` is not one of {}", known.join(", ")))
            })?;
            additions.retain(|it| it.language != language || it.pattern != pattern);
            additions.push(Addition { language, role, pattern });
        }
        Lexicon::Remove { language, pattern } => {
            let before = additions.len();
            additions.retain(|it| it.language != language || it.pattern != pattern);
            if additions.len() == before {
                return Err(CliError::Failed(format!(
                    "`{pattern}` was not added for `{language}`"
                )));
            }
        }
    }
    lexicon::update(instance, &additions, version).await?;
    output.warn("from now on; answers that were judged before stay as they were judged");
    Ok(ExitCode::SUCCESS)
}

//! `countersign explain`: what mails would come to, and why.
//!
//! Needs no configuration and makes none: a mail is judged alone unless an
//! instance is named. Results come in the order of the files, as they are
//! ready.

mod in_order;
mod screen;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    ops::ControlFlow,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

use super::{CliError, output::Output};
use crate::{
    actions::{
        Instance,
        explain::{Explanation, Summary, explain, explain_alone},
    },
    config::Config,
    domain::{
        message::parse::Limits,
        reply::{
            lexicon::Lexicon,
            wording::{self, Answer},
        },
    },
};
use in_order::in_order;

/// Exit codes: 0 all files were read, 1 one was not.
#[derive(Args)]
pub(crate) struct Explain {
    /// Mails as files, `-` for standard input; with --text, files of JSON lines
    #[arg(value_name = "FILE", required_unless_present = "text")]
    files: Vec<String>,
    /// Read texts instead of mails: JSON lines {"id", "text", "locale"?}
    #[arg(long)]
    text: bool,
    /// Check token, sender and request in the instance of the configuration
    #[arg(long)]
    pub(super) instance: bool,
}

/// Explains every file; `instance` only where one was asked for.
pub(crate) fn run(
    instance: Option<&Instance>,
    wanted: &Explain,
    output: Output,
) -> Result<ExitCode, CliError> {
    let trouble = AtomicBool::new(false);
    let print = |result: Result<String, String>| match result {
        Ok(text) => match writeln!(io::stdout().lock(), "{text}") {
            Ok(()) => ControlFlow::Continue(()),
            // The reader went away (`| head`).
            Err(_) => ControlFlow::Break(()),
        },
        Err(complaint) => {
            trouble.store(true, Ordering::Relaxed);
            output.warn(&format!("countersign: {complaint}"));
            ControlFlow::Continue(())
        }
    };
    // The workers are threads; this one must not keep the runtime's.
    tokio::task::block_in_place(|| {
        if wanted.text {
            let lines = wanted.inputs().into_iter().flat_map(|file| lines_of(&file));
            in_order(lines, |line| line.and_then(|line| read_text(&line, output)), print);
        } else {
            let runtime = Handle::current();
            let work = |file: String| one_file(instance, &runtime, &file, output);
            in_order(wanted.inputs().into_iter(), work, print);
        }
    });
    let failed = trouble.load(Ordering::Relaxed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Looking must not make an instance where there is none.
pub(crate) fn must_exist(config: &Config) -> Result<(), CliError> {
    let dir = &config.data_dir;
    if config.database_url.is_none() && !dir.join("countersign.db").exists() {
        return Err(CliError::Usage(format!("there is no instance in `{}`", dir.display())));
    }
    Ok(())
}

impl Explain {
    fn inputs(&self) -> Vec<String> {
        if self.files.is_empty() { vec!["-".to_owned()] } else { self.files.clone() }
    }
}

/// A line of `--json`: its fields are a promise to programs.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
}

fn one_file(
    instance: Option<&Instance>,
    runtime: &Handle,
    file: &str,
    output: Output,
) -> Result<String, String> {
    let raw = mail_in(file).map_err(|error| format!("could not read `{file}`: {error}"))?;
    let explanation: Explanation = match instance {
        None => explain_alone(&raw),
        Some(instance) => runtime
            .block_on(explain(instance, &raw))
            .map_err(|error| format!("could not explain `{file}`: {error}"))?,
    };
    if !output.json {
        return Ok(screen::screen(file, &explanation));
    }
    let line = Line { file, summary: &explanation.summary };
    serde_json::to_string(&line).map_err(|error| format!("could not print `{file}`: {error}"))
}

/// No more than the service would read, and one byte to tell that it was more.
fn mail_in(file: &str) -> io::Result<Vec<u8>> {
    let size_max = Limits::default().size_bytes_max as u64 + 1;
    let mut raw = Vec::new();
    opened(file)?.take(size_max).read_to_end(&mut raw)?;
    Ok(raw)
}

fn opened(file: &str) -> io::Result<Box<dyn Read>> {
    if file == "-" {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(Path::new(file))?))
}

/// A person's own words, no mail around them.
#[derive(Deserialize)]
struct Text {
    id: Value,
    text: String,
    #[serde(default)]
    locale: Option<String>,
}

#[derive(Serialize)]
struct TextRead<'a> {
    id: &'a Value,
    answer: Answer,
    language: Option<&'a str>,
    reason: &'static str,
}

fn read_text(line: &[u8], output: Output) -> Result<String, String> {
    let text: Text =
        serde_json::from_slice(line).map_err(|error| format!("not a line of text: {error}"))?;
    let reading = wording::read(&text.text, text.locale.as_deref(), Lexicon::builtin());
    let read = TextRead {
        id: &text.id,
        answer: reading.answer,
        language: reading.language.as_deref(),
        reason: reading.reason.code(),
    };
    let json = serde_json::to_string(&read).map_err(|error| error.to_string())?;
    if output.json {
        return Ok(json);
    }
    let words: Vec<String> = reading.evidence.iter().map(|e| format!("\"{}\"", e.words)).collect();
    let read: Value = serde_json::from_str(&json).unwrap_or_default();
    let part = |name: &str| read[name].as_str().unwrap_or("-").to_owned();
    Ok(format!(
        "{}  {} ({}, {})  {}",
        read["id"].as_str().map_or_else(|| read["id"].to_string(), str::to_owned),
        part("answer"),
        part("reason"),
        part("language"),
        words.join(" ")
    ))
}

/// The lines of a file as they come, blank ones left out; a line no mail could
/// hold ends the file.
fn lines_of(file: &str) -> Box<dyn Iterator<Item = Result<Vec<u8>, String>>> {
    let name = file.to_owned();
    let mut reader = match opened(file) {
        Ok(reader) => BufReader::new(reader),
        Err(error) => {
            return Box::new(std::iter::once(Err(format!("could not read `{name}`: {error}"))));
        }
    };
    let size_max = Limits::default().size_bytes_max as u64;
    let mut ended = false;
    Box::new(
        std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let mut line = Vec::new();
            let read = reader.by_ref().take(size_max).read_until(b'\n', &mut line);
            let whole = line.ends_with(b"\n");
            match read {
                Ok(0) => None,
                Ok(length) if length as u64 == size_max && !whole => {
                    ended = true;
                    Some(Err(format!("could not read `{name}`: a line is too long")))
                }
                Ok(_) => Some(Ok(line)),
                Err(error) => {
                    ended = true;
                    Some(Err(format!("could not read `{name}`: {error}")))
                }
            }
        })
        .filter(|line| !line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty())),
    )
}

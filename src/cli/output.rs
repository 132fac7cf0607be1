//! What people and programs read: tables or JSON on standard output,
//! complaints on standard error.

use std::{error::Error, io::Write, process::ExitCode};

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde::Serialize;

use super::CliError;
use crate::actions::ActionError;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub json: bool,
}

impl Output {
    pub(crate) fn line(self, text: &str) {
        // A reader that went away (`| head`) is no failure of ours.
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    pub(crate) fn value(self, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.line(&text),
            Err(error) => self.warn(&format!("could not print: {error}")),
        }
    }

    pub(crate) fn warn(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Columns under their names; says so where there is nothing.
    pub(crate) fn table(self, columns: &[&str], rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            self.warn("nothing to show");
            return;
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|c| c.to_uppercase()).collect::<Vec<_>>());
        for row in rows {
            table.add_row(row.into_iter().map(|cell| printable(&cell)).collect::<Vec<_>>());
        }
        for line in table.to_string().lines() {
            self.line(line.trim_end());
        }
    }

    /// A list: JSON items, or a table made of them.
    pub(crate) fn list<T: Serialize>(
        self,
        items: &[T],
        columns: &[&str],
        row: impl Fn(&T) -> Vec<String>,
    ) {
        if self.json {
            self.value(&items);
        } else {
            self.table(columns, items.iter().map(row).collect());
        }
    }

    /// One thing: JSON, or its fields one per line.
    pub(crate) fn record(self, value: &impl Serialize) {
        if self.json {
            return self.value(value);
        }
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(value) else {
            return self.value(value);
        };
        let width = fields.keys().map(String::len).max().unwrap_or(0);
        for (key, value) in fields {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Null => "-".to_owned(),
                other => other.to_string(),
            };
            // A certificate has many lines; they stand below each other.
            let below = format!("\n{:width$}  ", "");
            let text = printable(text.trim_end()).replace('\n', &below);
            self.line(&format!("{key:width$}  {text}"));
        }
    }

    /// Says what went wrong, and why, and gives the exit code for it.
    pub(crate) fn complain(self, error: &CliError) -> ExitCode {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let words = inner.to_string();
            if !text.ends_with(&words) {
                text = format!("{text}: {words}");
            }
            cause = inner.source();
        }
        self.warn(&format!("countersign: {text}"));
        ExitCode::from(match error {
            CliError::Config(_) | CliError::Usage(_) => 2,
            CliError::Action(ActionError::Invalid(_)) => 2,
            CliError::Action(ActionError::NotFound { .. }) => 3,
            CliError::Action(
                ActionError::Conflict(_)
                | ActionError::Changed { .. }
                | ActionError::NoReplyRoad(_),
            ) => 4,
            _ => 1,
        })
    }
}

/// A mail's words must not drive the terminal they are shown on.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Cuts a cell that would push the table off the screen.
pub(crate) fn short(text: &str, chars_max: usize) -> String {
    let line = text.replace('\n', " ");
    if line.chars().count() <= chars_max {
        return line;
    }
    let head: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{head}…")
}

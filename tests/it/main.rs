//! The integration tests: one binary, so that there is one build and one bed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall say so at once")]
#![allow(clippy::print_stdout, reason = "the kill test reports what it did")]

mod answers;
mod api;
mod bed;
mod bed_itself;
mod client;
mod command;
mod command_line;
mod demo;
mod failures;
mod house;
mod kill;
mod mailboxes;
mod refusals;
mod reminders;
mod sending;

//! The integration tests: one binary, so that there is one build and one bed.

mod answers;
mod bed;
mod bed_itself;
mod client;
mod command;
mod command_line;
mod failures;
mod house;
mod mailboxes;
mod refusals;
mod sending;

//! The integration tests: one binary, so that there is one build and one bed.

mod answers;
mod bed;
mod bed_itself;
mod client;
mod house;

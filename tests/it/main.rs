//! The integration tests: one binary, so that there is one build and one bed.

mod bed;
mod bed_itself;
mod demo;
mod kill;

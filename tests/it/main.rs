//! The integration tests: one binary, so that there is one build and one bed.

mod api;
mod bed;
mod bed_itself;

//! A mail that answers us.
pub mod authored;
pub mod lexicon;
pub(crate) mod quoting;
pub mod wording;

//! A mail that answers us.
pub mod authored;
pub mod lexicon;
pub mod wording;

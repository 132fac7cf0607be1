//! A mail that answers us: which words are the person's, and what they mean.
//!
//! Not here: whether the sender is who he says (`message::authentication`), and
//! what the answer does to the request (`decision`).

pub mod authored;
pub mod lexicon;
pub(crate) mod quoting;
pub mod wording;

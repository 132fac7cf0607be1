//! A mail that answers us: the person's own words, and what they mean.
//!
//! [`authored`] cuts everything that is not the person's ([`quoting`] holds
//! the tables for it), [`wording`] reads what is left with the words of
//! [`lexicon`] and what an admin adds to it ([`additions`]), and [`read`] does both for every view of a mail.
//!
//! Not here: who the person is and whether his answer counts (`decision`).

pub mod additions;
pub mod authored;
pub mod lexicon;
pub(crate) mod quoting;
pub mod read;
pub mod wording;

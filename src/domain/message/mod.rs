//! What a mail says: bytes in, facts out, nothing believed.
//!
//! [`parse`] reads a mail strictly and tells what is odd about it, [`origin`]
//! says whether a person wrote it, [`report`] reads what a bounce or a receipt
//! reports, [`html`] finds the visible text, [`authentication`] what is known
//! of the sender.
//!
//! Not here: which words are the person's own and what they mean (the room
//! `reply`), and whether the sender may decide (the room `decision`).

pub mod authentication;
pub mod header;
pub mod html;
pub mod origin;
pub mod parse;
pub mod report;

mod absence;
mod bounce;
mod charset;
mod cms;
mod encoded_word;
mod fields;
mod findings;
mod flowed;
mod limits;
mod mailbox;
mod parameters;
mod phrases;
mod prose;
mod recipient;
mod second_reader;
mod structure;
mod thread;
mod transfer;
mod views;

//! A conversation as bytes in, steps out; knows no business, no socket and no
//! clock, so a transcript is all a test needs.
//!
//! What is *not* here: what a mail means (`domain`), and who waits for the
//! bytes (`net`). IMAP and SMTP are spoken with libraries; their rooms hold
//! only what the libraries leave to us.

pub mod imap;
pub mod imap_guard;
pub mod pop3;
pub mod sasl;
pub mod smtp;

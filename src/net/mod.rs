//! The only sockets.
//!
//! | file | what it knows |
//! |---|---|
//! | [`step`] | what a test prints, what an error names |
//! | [`dial`] | from a [`MailServer`](crate::domain::mail_server::MailServer) to a stream: DNS, TCP, TLS, and who may be called |
//! | [`tls`] | whom we believe |
//! | [`certificate`] | what a certificate says of itself |
//! | [`wire`] | a stream that is neither endless nor silent for ever |
//! | [`lines`] | the part of a session before a library takes over |
//! | [`handover`] | how a library is given a session that is already open |
//! | [`imap`] [`pop3`] [`smtp`] | the three clients |
//!
//! Every wait in here ends: a client that stalls costs its own account's slot
//! and nothing else. What is *not* here: when to call, what to do with a mail,
//! when to try again (`polling`, `delivery`).

pub mod certificate;
pub mod dial;
mod handover;
pub mod imap;
mod lines;
pub mod pop3;
pub mod smtp;
pub mod step;
pub mod tls;
pub mod wire;

#[cfg(test)]
mod scripted;

//! countersign: approve or deny privileged-access requests by answering an
//! e-mail, safely.
//!
//! # The rooms
//!
//! | room | what it knows |
//! |---|---|
//! | [`domain`] | pure: what is true. Mails, answers, requests, decisions, the ledger |
//! | [`protocol`] | pure: IMAP, POP3, SMTP and SASL as bytes in, steps out |
//! | [`net`] | the only sockets |
//! | [`store`] | the only SQL, for SQLite and PostgreSQL |
//! | [`actions`] | everything that can happen: load, decide, commit |
//! | [`polling`] | brings mail in |
//! | [`delivery`] | carries mail out |
//! | [`http`] | the API |
//! | [`cli`] | the command line |
//! | [`sandbox`] | a loopback mail server for the demo |
//!
//! # The two roads
//!
//! ```text
//! IN   polling -> net::{imap,pop3} -> actions::receive_message -> decide -> one transaction -> delete or keep
//! OUT  actions::submit_request -> outbox rows -> delivery -> net::smtp -> actions::settle_delivery
//! ```
//!
//! `docs/ARCHITECTURE.md` tells the whole story.

pub mod actions;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod domain;
pub mod http;
pub mod net;
pub mod polling;
pub mod protocol;
pub mod random;
pub mod sandbox;
pub mod secret;
pub mod serve;
pub mod store;
pub mod telemetry;

//! What is true, and what follows from it. Pure: no waiting, no files, no
//! sockets, no clock, no dice; time and randomness come in as arguments.
//!
//! Each room stands only on rooms above it in this list.

pub mod address;
pub mod ids;
pub mod mail_server;
pub mod person;
pub mod token;

pub mod message;
pub mod reply;

pub mod access_request;
pub mod decision;
pub mod ledger;
pub mod notification;

pub mod settings;

pub mod inbox_account;
pub mod outbox;
pub mod smtp_account;

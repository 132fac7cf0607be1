//! The only sockets.
pub mod dial;
pub mod imap;
pub mod pop3;
pub mod smtp;
pub mod step;
pub mod tls;

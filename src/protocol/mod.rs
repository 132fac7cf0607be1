//! A conversation as bytes in, steps out; knows no business.
pub mod pop3;
pub mod sasl;

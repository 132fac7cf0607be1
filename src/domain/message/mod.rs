//! What a mail says.
pub mod authentication;
pub mod header;
pub mod html;
pub mod origin;
pub mod parse;

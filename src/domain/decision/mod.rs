//! The only road to approve or deny.
pub mod policy;
pub mod proof;

//! The only SQL, for SQLite (embedded, the default) and PostgreSQL (several
//! nodes).
//!
//! One file per family of tables; each question is an `async fn` that takes a
//! [`Tx`] first, with its SQL beside it. One text serves both databases; where
//! two are needed, the reason stands beside them. Reads take a `Tx` too, from
//! [`Store::read`]: what one of them sees is one moment.
//!
//! Not here: what any of it means (`domain`), and when a transaction begins
//! and ends (`actions`). No transaction is open while a socket is waited for.

mod columns;
mod error;
mod listing;
mod open;
mod tx;

pub mod api_tokens;
pub mod credentials;
pub mod decisions;
pub mod idempotency_keys;
pub mod inbound_messages;
pub mod inbox_accounts;
pub mod inbox_state;
pub mod instance;
pub mod ledger;
pub mod lexicon;
pub mod mailbox;
pub mod outbox;
pub mod people;
pub mod requests;
pub mod settings;
pub mod smtp_accounts;
pub mod token_keys;
pub mod tokens;

pub use error::{StoreError, UNIQUE};
pub use listing::{Listed, PAGE_LIMIT_MAX, Page};
pub use open::Store;
pub use tx::Tx;

//! What the store promises, asked of both databases: every test here runs
//! once on SQLite and once on PostgreSQL, each time in a fresh database.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod accounts;
mod callers;
mod database;
mod frame;
mod inbound;
mod inbox;
mod ledger;
mod outbox;
mod requests;
mod samples;

/// One body, two tests: `name::sqlite` and `name::postgres`.
macro_rules! both {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports, reason = "not every test uses all the file imports")]
            use super::*;

            $(#[$doc])*
            async fn check($db: crate::database::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check(crate::database::TestDatabase::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check(crate::database::TestDatabase::postgres().await).await;
            }
        }
    )+};
}

pub(crate) use both;

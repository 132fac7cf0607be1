//! A transaction, and the macros that put one SQL text to either database.

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use super::StoreError;
use crate::clock::Clock;

/// A transaction; dropped without [`Tx::commit`], it never happened.
///
/// After a failed statement it is spoilt on both databases alike (PostgreSQL
/// insists, SQLite would not): all further statements and the commit are
/// refused until it is rolled back to a savepoint. So an error that is caught
/// and forgotten cannot leave half a transaction behind.
pub struct Tx {
    pub(super) inner: Inner,
    clock: Clock,
    is_spoilt: bool,
}

pub(super) enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// The text of a question where the databases must differ.
#[derive(Clone, Copy)]
pub(super) struct PerDatabase {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// The text of a question: one for both, as a rule.
pub(super) trait Text: Copy {
    fn sqlite(self) -> &'static str;
    fn postgres(self) -> &'static str;
}

impl Text for &'static str {
    fn sqlite(self) -> &'static str {
        self
    }

    fn postgres(self) -> &'static str {
        self
    }
}

impl Text for PerDatabase {
    fn sqlite(self) -> &'static str {
        self.sqlite
    }

    fn postgres(self) -> &'static str {
        self.postgres
    }
}

/// Expands the same body for both databases: `$connection` is the open
/// transaction's, `$text` that database's SQL, and `Db` its sqlx type.
macro_rules! on_both {
    ($tx:expr, $sql:expr, |$connection:ident, $text:ident| $body:expr) => {{
        let tx: &mut $crate::store::Tx = $tx;
        tx.is_sound()?;
        let answer = match &mut tx.inner {
            $crate::store::tx::Inner::Sqlite(transaction) => {
                #[allow(dead_code, reason = "only built texts name the database")]
                type Db = sqlx::Sqlite;
                let $text = $crate::store::tx::Text::sqlite($sql);
                let $connection = &mut **transaction;
                $body
            }
            $crate::store::tx::Inner::Postgres(transaction) => {
                #[allow(dead_code, reason = "only built texts name the database")]
                type Db = sqlx::Postgres;
                let $text = $crate::store::tx::Text::postgres($sql);
                let $connection = &mut **transaction;
                $body
            }
        };
        tx.heard(answer)
    }};
}

/// All rows, as `Vec<$row>`.
macro_rules! rows {
    ($tx:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::tx::on_both!($tx, $sql, |connection, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_all(connection).await
        })
    };
}

/// One row or none, as `Option<$row>`.
macro_rules! row {
    ($tx:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::tx::on_both!($tx, $sql, |connection, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_optional(connection).await
        })
    };
}

/// The one row there always is, as `$row`.
macro_rules! the_row {
    ($tx:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::tx::on_both!($tx, $sql, |connection, text| {
            sqlx::query_as::<_, $row>(text)$(.bind($value))*.fetch_one(connection).await
        })
    };
}

/// How many rows it changed, as `u64`.
macro_rules! changed {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::tx::on_both!($tx, $sql, |connection, text| {
            sqlx::query(text)$(.bind($value))*.execute(connection).await
                .map(|done| done.rows_affected())
        })
    };
}

/// A page of a list, as `Vec<$row>`: `$head`, then the [`Conditions`] joined
/// by AND, then `$order`, then the page's limit.
///
/// [`Conditions`]: super::listing::Conditions
macro_rules! listed {
    ($tx:expr, $row:ty, $head:expr, $conditions:expr, $order:expr, $page:expr) => {
        $crate::store::tx::on_both!($tx, $head, |connection, text| {
            use $crate::store::listing::Bound;
            let mut query = sqlx::QueryBuilder::<Db>::new(text);
            let mut joint = " WHERE ";
            for (before, value, after) in &$conditions.0 {
                // A condition of two values goes on where the first left off.
                if !before.is_empty() {
                    query.push(joint);
                    joint = " AND ";
                }
                query.push(before);
                match value {
                    Bound::Text(value) => query.push_bind(value.as_str()),
                    Bound::Id(value) => query.push_bind(*value),
                    Bound::Time(value) => query.push_bind(*value),
                };
                query.push(after);
            }
            query.push(" ORDER BY ").push($order).push(" LIMIT ").push($page.fetched());
            query.build_query_as::<$row>().fetch_all(connection).await
        })
    };
}

pub(super) use {changed, listed, on_both, row, rows, the_row};

impl Tx {
    pub(super) fn new(inner: Inner, clock: Clock) -> Self {
        Self { inner, clock, is_spoilt: false }
    }

    /// Makes everything so, or nothing.
    pub async fn commit(self) -> Result<(), StoreError> {
        // PostgreSQL answers COMMIT of a failed transaction with a quiet
        // ROLLBACK; nobody may take that for done.
        self.is_sound()?;
        match self.inner {
            Inner::Sqlite(transaction) => transaction.commit().await,
            Inner::Postgres(transaction) => transaction.commit().await,
        }
        .map_err(StoreError::of_commit)
    }

    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.inner {
            Inner::Sqlite(transaction) => transaction.rollback().await,
            Inner::Postgres(transaction) => transaction.rollback().await,
        }
        .map_err(StoreError::of_statement)
    }

    /// The time all deadlines are measured by: PostgreSQL's own clock, which
    /// all nodes share; with SQLite there is one node and its clock.
    pub async fn now(&mut self) -> Result<DateTime<Utc>, StoreError> {
        if self.clock.is_standing() || matches!(self.inner, Inner::Sqlite(_)) {
            return Ok(self.clock.now());
        }
        // tx.now: not now(), which stands still while a transaction lasts.
        let (now,) = the_row!(self, (DateTime<Utc>,), "SELECT clock_timestamp()")?;
        Ok(now.trunc_subsecs(6))
    }

    /// Marks a point that [`Tx::rollback_to`] returns to.
    pub async fn savepoint(&mut self, name: &'static str) -> Result<(), StoreError> {
        self.is_sound()?;
        self.control("SAVEPOINT", name).await
    }

    /// Forgets the point; what was done since stays.
    pub async fn release(&mut self, name: &'static str) -> Result<(), StoreError> {
        self.is_sound()?;
        self.control("RELEASE SAVEPOINT", name).await
    }

    /// Undoes everything since the point, failures too, and forgets it.
    pub async fn rollback_to(&mut self, name: &'static str) -> Result<(), StoreError> {
        self.control("ROLLBACK TO SAVEPOINT", name).await?;
        self.is_spoilt = false;
        self.control("RELEASE SAVEPOINT", name).await
    }

    async fn control(&mut self, verb: &'static str, name: &'static str) -> Result<(), StoreError> {
        let is_name = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        debug_assert!(is_name && !name.is_empty(), "`{name}` is no savepoint's name");
        // The name is the program's own: `&'static str`, lower-case letters.
        let sql = AssertSqlSafe(format!("{verb} {name}"));
        let answer = match &mut self.inner {
            Inner::Sqlite(transaction) => {
                sqlx::raw_sql(sql).execute(&mut **transaction).await.map(drop)
            }
            Inner::Postgres(transaction) => {
                sqlx::raw_sql(sql).execute(&mut **transaction).await.map(drop)
            }
        };
        self.heard(answer)
    }

    pub(super) fn is_sound(&self) -> Result<(), StoreError> {
        if self.is_spoilt { Err(StoreError::Spoilt) } else { Ok(()) }
    }

    /// Takes note of a failure. SQLite undoes a whole transaction by itself
    /// when the disk is full, and what came after would commit on its own.
    pub(super) fn heard<T>(&mut self, answer: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        answer.map_err(|error| {
            self.is_spoilt = true;
            StoreError::of_statement(error)
        })
    }
}

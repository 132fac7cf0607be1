//! Opening the database, and making sure that it keeps its promises.
//!
//! Mail is deleted from servers on the word of a commit, so a commit must mean
//! that the bytes are on the disk: SQLite with WAL and `synchronous = FULL`,
//! PostgreSQL with `synchronous_commit = on`. Both are set and then asked for
//! again; a database that will not have it is not used.
//!
//! SQLite has one writer at a time. Giving it one connection lets writers
//! queue in the pool, in order, instead of failing with "database is locked";
//! readers have connections of their own and never wait for it.

use std::{path::Path, str::FromStr, time::Duration};

use chrono::{DateTime, SubsecRound, Utc};
use sqlx::{
    Connection, PgPool, SqlitePool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{StoreError, Tx, tx::Inner};
use crate::clock::Clock;

// Read at compile time. Cargo sees a changed file, but not a new one: touch this
// file when adding one (a test tells if it was forgotten).
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a transaction waits for a connection of the pool.
const ACQUIRE_MAX: Duration = Duration::from_secs(30);
/// How long SQLite waits for another process (a backup, the command line).
const SQLITE_BUSY_MAX: Duration = Duration::from_secs(10);
const SQLITE_READERS_MAX: u32 = 4;
const POSTGRES_CONNECTIONS_MAX: u32 = 16;
/// What bounds every wait on PostgreSQL's side: a statement, a lock, and a
/// transaction whose holder has stopped asking.
const POSTGRES_LIMITS: &str = "SET statement_timeout = '60s'; SET lock_timeout = '15s'; \
     SET idle_in_transaction_session_timeout = '120s'; SET synchronous_commit = 'on'; \
     SET TIME ZONE 'UTC'";

/// The database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    clock: Clock,
}

#[derive(Clone)]
enum Pools {
    Sqlite { write: SqlitePool, read: SqlitePool },
    Postgres(PgPool),
}

impl Store {
    /// Opens `sqlite:/path/to/file.db` (made if it is not there, readable by
    /// its owner only) or `postgres://user@host/database`. Does not migrate.
    pub async fn open(database_url: &str, clock: Clock) -> Result<Self, StoreError> {
        let pools = if database_url.starts_with("sqlite:") {
            open_sqlite(database_url).await?
        } else if database_url.starts_with("postgres:") || database_url.starts_with("postgresql:") {
            open_postgres(database_url).await?
        } else {
            let known = "the database URL must start with `sqlite:` or `postgres:`";
            return Err(StoreError::Schema(known.to_owned()));
        };
        Ok(Self { pools, clock })
    }

    /// `sqlite` or `postgres`.
    pub fn backend_name(&self) -> &'static str {
        match self.pools {
            Pools::Sqlite { .. } => "sqlite",
            Pools::Postgres(_) => "postgres",
        }
    }

    /// Brings the schema up to date; gives the names of what was applied.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let pending = self.pending_migrations().await?;
        match &self.pools {
            Pools::Sqlite { write, .. } => SQLITE_MIGRATIONS.run(write).await,
            Pools::Postgres(pool) => {
                let mut connection = pool.acquire().await.map_err(StoreError::of_statement)?;
                // An index on a large table takes longer than a statement may,
                // and another node may be migrating just now.
                sqlx::raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
                    .execute(&mut *connection)
                    .await
                    .map_err(StoreError::of_statement)?;
                let applied = POSTGRES_MIGRATIONS.run(&mut *connection).await;
                // Its limits are gone, so it does not go back to the pool.
                connection.detach().close().await.ok();
                applied
            }
        }
        .map_err(of_migration)?;
        Ok(pending)
    }

    /// The names of the migrations that have not been applied. An error where
    /// the database is newer than this program.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let applied = self.applied_migrations().await?;
        let migrations = match self.pools {
            Pools::Sqlite { .. } => &SQLITE_MIGRATIONS,
            Pools::Postgres(_) => &POSTGRES_MIGRATIONS,
        };
        if let Some(newer) = applied.iter().find(|version| !migrations.version_exists(**version)) {
            return Err(StoreError::Schema(format!(
                "the database has migration {newer}, which this version does not know: \
                 it was used by a newer one"
            )));
        }
        Ok(migrations
            .iter()
            .filter(|migration| !applied.contains(&migration.version))
            .map(|migration| format!("{:04}_{}", migration.version, migration.description))
            .collect())
    }

    async fn applied_migrations(&self) -> Result<Vec<i64>, StoreError> {
        const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
        let versions: Result<Vec<i64>, sqlx::Error> = async {
            match &self.pools {
                Pools::Sqlite { write, .. } => {
                    let has = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')";
                    if sqlx::query_scalar::<_, bool>(has).fetch_one(write).await? {
                        sqlx::query_scalar(APPLIED).fetch_all(write).await
                    } else {
                        Ok(Vec::new())
                    }
                }
                Pools::Postgres(pool) => {
                    let has = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
                    if sqlx::query_scalar::<_, bool>(has).fetch_one(pool).await? {
                        sqlx::query_scalar(APPLIED).fetch_all(pool).await
                    } else {
                        Ok(Vec::new())
                    }
                }
            }
        }
        .await;
        versions.map_err(StoreError::of_statement)
    }

    /// A transaction that may write.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pools {
            // The lock is taken at once: a transaction that reads first and
            // writes later would fail at the write if another came between.
            Pools::Sqlite { write, .. } => {
                write.begin_with("BEGIN IMMEDIATE").await.map(Inner::Sqlite)
            }
            Pools::Postgres(pool) => pool.begin().await.map(Inner::Postgres),
        };
        Ok(Tx::new(inner.map_err(StoreError::of_statement)?, self.clock.clone()))
    }

    /// A transaction that only reads, and sees one moment throughout.
    pub async fn read(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pools {
            Pools::Sqlite { read, .. } => read.begin().await.map(Inner::Sqlite),
            // Without REPEATABLE READ each statement would see its own moment.
            Pools::Postgres(pool) => pool
                .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await
                .map(Inner::Postgres),
        };
        Ok(Tx::new(inner.map_err(StoreError::of_statement)?, self.clock.clone()))
    }

    /// The time all deadlines are measured by; see [`Tx::now`].
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        match &self.pools {
            Pools::Postgres(pool) if !self.clock.is_standing() => {
                let now = sqlx::query_scalar::<_, DateTime<Utc>>("SELECT clock_timestamp()");
                let now = now.fetch_one(pool).await.map_err(StoreError::of_statement)?;
                Ok(now.trunc_subsecs(6))
            }
            _ => Ok(self.clock.now()),
        }
    }

    /// Waits for open transactions to end, then closes every connection.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<Pools, StoreError> {
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|error| StoreError::Schema(format!("the database URL is wrong: {error}")))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_MAX);
    if url.contains(":memory:") || url.contains("mode=memory") {
        let reason = "a database in memory keeps nothing; the URL must name a file";
        return Err(StoreError::Schema(reason.to_owned()));
    }
    keep_private(options.get_filename())?;
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(ACQUIRE_MAX)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    // The writer first: it makes the file and turns on the WAL.
    let write = pool().max_connections(1).connect_with(options.clone()).await;
    let write = write.map_err(StoreError::of_statement)?;
    let read = pool()
        .max_connections(SQLITE_READERS_MAX)
        .connect_with(options.pragma("query_only", "on"))
        .await
        .map_err(StoreError::of_statement)?;
    assert_sqlite_is_durable(&write).await?;
    Ok(Pools::Sqlite { write, read })
}

/// The file holds mail and sealed secrets: its owner's eyes only. SQLite gives
/// the files it makes beside it the same mode.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StoreError::Unavailable { source: source.into() }),
    }
}

async fn assert_sqlite_is_durable(pool: &SqlitePool) -> Result<(), StoreError> {
    let asked: Result<(String, i64, bool), sqlx::Error> = async {
        let journal = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
        let synchronous = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await?;
        let keys = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(pool).await?;
        Ok((journal, synchronous, keys))
    }
    .await;
    let (journal, synchronous, keys) = asked.map_err(StoreError::of_statement)?;
    // 2 is FULL, 3 is EXTRA.
    if journal != "wal" || synchronous < 2 || !keys {
        return Err(StoreError::Schema(format!(
            "SQLite will not keep its promises here: journal_mode is `{journal}` (wanted `wal`), \
             synchronous {synchronous} (wanted 2), foreign_keys {keys}; a file system without \
             shared memory, such as NFS, cannot hold the database"
        )));
    }
    Ok(())
}

async fn open_postgres(url: &str) -> Result<Pools, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| StoreError::Schema(format!("the database URL is wrong: {error}")))?
        .application_name("countersign");
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_MAX)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(POSTGRES_LIMITS).execute(&mut *connection).await.map(drop)
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::of_statement)?;
    let commit: String = sqlx::query_scalar("SHOW synchronous_commit")
        .fetch_one(&pool)
        .await
        .map_err(StoreError::of_statement)?;
    if commit != "on" && commit != "remote_apply" {
        return Err(StoreError::Schema(format!(
            "PostgreSQL will not keep its promises here: synchronous_commit is `{commit}`, \
             wanted `on`"
        )));
    }
    Ok(Pools::Postgres(pool))
}

fn of_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(source) => StoreError::of_statement(source),
        other => StoreError::Schema(format!("the schema cannot be brought up to date: {other}")),
    }
}

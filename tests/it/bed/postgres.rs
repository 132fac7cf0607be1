//! A private PostgreSQL, made anew for each test process.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;
use tokio::time::{Instant, interval};

use super::keeper;
use super::place::{self, LOOK_EVERY, Power};

/// How long it may take from `initdb` to the first answer.
const START_WITHIN: std::time::Duration = std::time::Duration::from_secs(90);
/// Every test may hold a pool of its own.
const CONNECTIONS_MAX: u32 = 400;

pub struct Postgres {
    port: u16,
}

/// The server of this process, started by whoever asks first.
pub async fn get() -> &'static Postgres {
    static POSTGRES: OnceCell<Result<Postgres, String>> = OnceCell::const_new();
    let started = POSTGRES.get_or_init(Postgres::start).await;
    started.as_ref().unwrap_or_else(|problem| panic!("{problem}"))
}

impl Postgres {
    async fn start() -> Result<Self, String> {
        let postgres = Self { port: place::free_port() };
        let bin = programs().ok_or("PostgreSQL is not installed: `scripts/install-deps test`")?;
        keeper::start("postgres", &postgres.start_script(&bin.to_string_lossy()));
        postgres.wait_until_it_answers().await?;
        Ok(postgres)
    }

    pub async fn create_database(&self) -> String {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", CREATED.fetch_add(1, Ordering::Relaxed));
        let mut connection =
            PgConnection::connect(&self.url("postgres")).await.expect("PostgreSQL answers");
        let statement = AssertSqlSafe(format!("CREATE DATABASE {name}"));
        connection.execute(statement).await.expect("the name is new and plain");
        connection.close().await.expect("nothing is under way");
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// fsync, full pages and synchronous commits are off: they guard against
    /// the machine's crash, and nobody wants these data after one. What a test
    /// can see (transactions, locks, isolation) does not change.
    fn start_script(&self, bin: &str) -> String {
        let place = place::get();
        let user = match place.power {
            Power::Root | Power::Sudo => "postgres",
            Power::Own => &place.owner.name,
        };
        let give_away = if place.power == Power::Own { "" } else { "chown postgres pg\n" };
        format!(
            "set -e\ncd {directory}\n{give_away}chmod 700 pg\ncd pg\n\
             {step_down}{bin}/initdb --no-sync --auth=trust --username=postgres \
             --encoding=UTF8 --locale=C.UTF-8 --pgdata={directory}/pg/data\n\
             exec {step_down}{bin}/postgres -D {directory}/pg/data -p {port} \
             -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
             -c max_connections={CONNECTIONS_MAX} -c shared_buffers=64MB \
             -c fsync=off -c full_page_writes=off -c synchronous_commit=off\n",
            directory = place.directory.display(),
            step_down = place.stepping_down_to(user),
            port = self.port,
        )
    }

    async fn wait_until_it_answers(&self) -> Result<(), String> {
        let give_up_at = Instant::now() + START_WITHIN;
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let ended = keeper::has_ended("postgres");
            let Err(problem) = PgConnection::connect(&self.url("postgres")).await else {
                return Ok(());
            };
            if ended || Instant::now() > give_up_at {
                let tail = place::get().log_tail(&["postgres.out"]);
                return Err(format!("PostgreSQL does not answer: {problem}\n{tail}"));
            }
        }
    }
}

/// Debian keeps the programs of each version in a directory that is not in
/// PATH; the highest version is taken.
fn programs() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .max();
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|bin| bin.join("initdb").exists())
    };
    newest.map(|(_, bin)| bin).or_else(in_path)
}

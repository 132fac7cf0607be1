//! A fresh database per test, and a PostgreSQL server of our own for them.
//!
//! The server is started by the first test that wants it, speaks on a Unix
//! socket in a temporary directory, and is watched by a shell that holds one
//! end of a pipe: however this process ends, the pipe closes, the shell stops
//! the server and removes the directory.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::{
    clock::Clock,
    store::{Store, Tx},
};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

pub struct TestDatabase {
    pub store: Store,
    pub clock: Clock,
    pub url: String,
    /// Holds the SQLite file as long as the test lasts.
    _directory: Option<TempDir>,
}

pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

impl TestDatabase {
    pub async fn sqlite() -> Self {
        let database = Self::empty_sqlite().await;
        database.store.migrate().await.unwrap();
        database
    }

    pub async fn empty_sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("store.db").display());
        Self::open(url, Some(directory)).await
    }

    pub async fn postgres() -> Self {
        let database = Self::empty_postgres().await;
        database.store.migrate().await.unwrap();
        database
    }

    pub async fn empty_postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let server = &*SERVER;
        let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        Self::open(server.url(&name), None).await
    }

    async fn open(url: String, directory: Option<TempDir>) -> Self {
        let clock = Clock::standing_at(noon());
        let store = Store::open(&url, clock.clone()).await.unwrap();
        Self { store, clock, url, _directory: directory }
    }

    /// A second node on the same database.
    pub async fn another_node(&self) -> Store {
        Store::open(&self.url, self.clock.clone()).await.unwrap()
    }

    pub async fn begin(&self) -> Tx {
        self.store.begin().await.unwrap()
    }

    pub async fn read(&self) -> Tx {
        self.store.read().await.unwrap()
    }

    pub fn is_postgres(&self) -> bool {
        self.store.backend_name() == "postgres"
    }

    /// Returns once the task is held up by a lock of another transaction, or has
    /// ended because nothing held it up. SQLite's lock cannot be watched from
    /// outside; there the task is held up from its first statement.
    pub async fn until_it_waits<T>(&self, task: &tokio::task::JoinHandle<T>) {
        if !self.is_postgres() {
            return;
        }
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock')";
        let mut is_held_up = false;
        while !is_held_up && !task.is_finished() {
            is_held_up = sqlx::query_scalar(waits).fetch_one(&mut connection).await.unwrap();
        }
    }

    /// Runs a statement behind the store's back; for the guards in the schema.
    pub async fn behind_its_back(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        } else {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await.map(drop)
        }
    }
}

/// A moment after noon.
pub fn after(seconds: i64) -> DateTime<Utc> {
    noon() + TimeDelta::seconds(seconds)
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

struct Server {
    directory: PathBuf,
    /// Its standard input is the pipe.
    _watcher: Child,
}

impl Server {
    fn start() -> Self {
        let programs = newest_postgres();
        let directory = tempfile::Builder::new().prefix("store-test-").tempdir().unwrap().keep();
        // The server's own user must get in, and make its files there.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        let data = directory.join("data");
        let init = as_server_user(&programs.join("initdb"))
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
            .args(["--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(init.status.success(), "initdb: {}", String::from_utf8_lossy(&init.stderr));
        let server = as_server_user(&programs.join("postgres"));
        let watcher = watched(&server, &directory);
        let started = Instant::now();
        while !directory.join(".s.PGSQL.5432").exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "PostgreSQL does not start");
            std::hint::spin_loop();
            std::thread::yield_now();
        }
        let server = Self { directory, _watcher: watcher };
        server.wait_until_ready(started);
        server
    }

    /// The socket is there a little before the server answers on it.
    fn wait_until_ready(&self, started: Instant) {
        let is_ready = || {
            Command::new(newest_postgres().join("pg_isready"))
                .args(["--quiet", "--username=postgres", "--host"])
                .arg(&self.directory)
                .status()
                .is_ok_and(|status| status.success())
        };
        while !is_ready() {
            assert!(started.elapsed() < Duration::from_secs(60), "PostgreSQL does not answer");
        }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory.display())
    }
}

fn newest_postgres() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|found| found.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.retain(|programs| programs.join("initdb").exists());
    versions.sort();
    versions.pop().expect("these tests need PostgreSQL: apt-get install postgresql")
}

/// PostgreSQL refuses to run as root.
fn as_server_user(program: &Path) -> Command {
    let own = Command::new("id").arg("-u").output().unwrap();
    if own.stdout.trim_ascii() != b"0" {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

fn watched(server: &Command, directory: &Path) -> Child {
    const WATCH: &str = r#"
        directory=$1; shift
        "$@" </dev/null >"$directory/log" 2>&1 &
        server=$!
        cat >/dev/null
        kill -QUIT "$server"
        wait "$server"
        rm -rf "$directory"
    "#;
    Command::new("sh")
        .args(["-c", WATCH, "sh"])
        .arg(directory)
        .arg(server.get_program())
        .args(server.get_args())
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"])
        .arg("-c")
        .arg(format!("unix_socket_directories={}", directory.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A group of its own: an interrupt from the keyboard is for the tests,
        // and the watcher must outlive them.
        .process_group(0)
        .spawn()
        .unwrap()
}

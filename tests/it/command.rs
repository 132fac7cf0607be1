//! The program itself, run as a person runs it: arguments in, words and an
//! exit code out.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::house::House;

/// No command may take longer.
const WITHIN: Duration = Duration::from_secs(60);

/// The program with a configuration of its own.
#[derive(Clone)]
pub struct Countersign {
    file: PathBuf,
    environment: Vec<(String, String)>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Countersign {
    /// On the database and the key of a house.
    pub fn of(house: &House) -> Self {
        let file = house.directory().join("countersign.toml");
        std::fs::write(&file, house.config.to_string()).expect("the directory is ours");
        let mut environment = Vec::new();
        // The shown configuration hides a database's password.
        if let Some(url) = &house.config.database_url {
            environment.push(("COUNTERSIGN_DATABASE_URL".to_owned(), url.clone()));
        }
        Self { file, environment }
    }

    /// With a configuration file, which may be wrong or missing.
    pub fn with_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), environment: Vec::new() }
    }

    pub fn with(mut self, environment: &[(&str, &str)]) -> Self {
        let added = environment.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        self.environment.extend(added);
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("--config").arg(&self.file).args(arguments);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("COUNTERSIGN_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }

    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_input(arguments, "").await
    }

    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self.command(arguments).spawn().expect("the program was built");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that reads nothing may be gone already.
        let _unread = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let ended = timeout(WITHIN, child.wait_with_output()).await;
        let ended = ended.unwrap_or_else(|_| panic!("{arguments:?} did not end")).expect("it ran");
        Ran {
            code: ended.status.code().unwrap_or(-1),
            out: String::from_utf8(ended.stdout).expect("UTF-8"),
            err: String::from_utf8(ended.stderr).expect("UTF-8"),
        }
    }

    /// The JSON a command prints with `--json`.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.run(&all).await.json()
    }
}

//! What is set before the service starts: one TOML file, with `COUNTERSIGN_*`
//! variables laid over it. Every complaint names its key and what was expected.
//!
//! Accounts, people and settings are not here: they live in the store and are
//! changed while the service runs.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Where the configuration is looked for when nobody names a file.
pub const DEFAULT_FILE: &str = "countersign.toml";
const PREFIX: &str = "COUNTERSIGN_";

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database, the master key and nothing else lie.
    pub data_dir: PathBuf,
    /// `postgres://…`; none: SQLite in the data directory.
    pub database_url: Option<String>,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// How browsers and callers reach the API from outside, for links in mails.
    pub public_url: Option<String>,
    /// A file with the master key; none: `master.key` in the data directory.
    pub master_key_file: Option<PathBuf>,
    /// The name this host gives itself in EHLO.
    pub helo_name: String,
    pub log: LogConfig,
    pub limits: LimitsConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A `tracing` filter, such as `info,countersign::polling=debug`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Waits are seconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    pub connect_seconds: u64,
    pub tls_seconds: u64,
    pub command_seconds: u64,
    pub visit_seconds: u64,
    /// Mailboxes visited at once by this node.
    pub visits_at_once: usize,
    /// Deliveries under way at once by this node.
    pub deliveries_at_once: usize,
    pub stop_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("countersign-data"),
            database_url: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8025)),
            public_url: None,
            master_key_file: None,
            helo_name: "localhost".to_owned(),
            log: LogConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            connect_seconds: 30,
            tls_seconds: 30,
            command_seconds: 60,
            visit_seconds: 600,
            visits_at_once: 32,
            deliveries_at_once: 8,
            stop_seconds: 10,
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("could not read the configuration file `{file}`")]
    File { file: PathBuf, source: std::io::Error },
    #[error("in {origin}: {complaint}")]
    Invalid { origin: String, complaint: String },
}

impl Config {
    /// Reads `file` (or `countersign.toml` if it is there) and lays the
    /// environment over it. The environment comes in as an argument so that
    /// a test can hand in its own.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = read_file(file)?;
        let overlay: BTreeMap<String, String> = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_lowercase(), value)))
            .filter(|(name, _)| !NOT_CONFIG.contains(&name.as_str()))
            .collect();
        for (name, value) in &overlay {
            lay_over(&mut table, name, value)?;
        }
        let config = Self::deserialize(toml::Value::Table(table)).map_err(|error| {
            ConfigError::Invalid { origin: origin_of(file, &overlay), complaint: one_line(&error) }
        })?;
        config.check(&origin_of(file, &overlay))?;
        Ok(config)
    }

    fn check(&self, origin: &str) -> Result<(), ConfigError> {
        let invalid =
            |complaint: String| Err(ConfigError::Invalid { origin: origin.to_owned(), complaint });
        if let Some(url) = &self.database_url
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            return invalid(
                "`database_url` must begin with postgres:// (leave it out for SQLite)".into(),
            );
        }
        if let Some(url) = &self.public_url {
            let parsed = url::Url::parse(url);
            if !parsed.is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                return invalid(format!("`public_url` must be an http or https URL, got `{url}`"));
            }
        }
        for (key, value) in [
            ("limits.connect_seconds", self.limits.connect_seconds),
            ("limits.tls_seconds", self.limits.tls_seconds),
            ("limits.command_seconds", self.limits.command_seconds),
            ("limits.visit_seconds", self.limits.visit_seconds),
            ("limits.stop_seconds", self.limits.stop_seconds),
            ("limits.visits_at_once", self.limits.visits_at_once as u64),
            ("limits.deliveries_at_once", self.limits.deliveries_at_once as u64),
        ] {
            if !(1..=86_400).contains(&value) {
                return invalid(format!("`{key}` must be from 1 to 86400, got {value}"));
            }
        }
        Ok(())
    }

    pub fn master_key_file(&self) -> PathBuf {
        self.master_key_file.clone().unwrap_or_else(|| self.data_dir.join("master.key"))
    }

    /// What the store is opened with.
    pub fn database(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data_dir.join("countersign.db").display()))
    }
}

impl fmt::Display for Config {
    /// As TOML, without the password of the database.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "data_dir = {:?}", self.data_dir)?;
        if let Some(url) = &self.database_url {
            writeln!(f, "database_url = {:?}", without_password(url))?;
        }
        writeln!(f, "listen = \"{}\"", self.listen)?;
        if let Some(url) = &self.public_url {
            writeln!(f, "public_url = {url:?}")?;
        }
        writeln!(f, "master_key_file = {:?}", self.master_key_file())?;
        writeln!(f, "helo_name = {:?}", self.helo_name)?;
        writeln!(
            f,
            "[log]\nformat = \"{}\"",
            match self.log.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            }
        )?;
        writeln!(f, "filter = {:?}", self.log.filter)?;
        let limits = &self.limits;
        writeln!(f, "[limits]\nconnect_seconds = {}", limits.connect_seconds)?;
        writeln!(
            f,
            "tls_seconds = {}\ncommand_seconds = {}",
            limits.tls_seconds, limits.command_seconds
        )?;
        writeln!(
            f,
            "visit_seconds = {}\nvisits_at_once = {}",
            limits.visit_seconds, limits.visits_at_once
        )?;
        write!(
            f,
            "deliveries_at_once = {}\nstop_seconds = {}",
            limits.deliveries_at_once, limits.stop_seconds
        )
    }
}

/// Variables with our prefix that are read elsewhere: secrets never enter the
/// configuration, and the command line has its own.
const NOT_CONFIG: &[&str] =
    &["master_key", "config", "url", "token", "password", "kills", "seed", "bed_keep"];

fn read_file(file: Option<&Path>) -> Result<toml::Table, ConfigError> {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    match fs::read_to_string(path) {
        Ok(text) => text.parse().map_err(|error: toml::de::Error| ConfigError::Invalid {
            origin: format!("`{}`", path.display()),
            complaint: one_line(&error),
        }),
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            Ok(toml::Table::new())
        }
        Err(source) => Err(ConfigError::File { file: path.to_owned(), source }),
    }
}

/// `COUNTERSIGN_LOG_FORMAT` is `log.format`; everything else is a top-level key.
fn lay_over(table: &mut toml::Table, name: &str, value: &str) -> Result<(), ConfigError> {
    let nested = ["log", "limits"]
        .iter()
        .find_map(|section| Some((*section, name.strip_prefix(section)?.strip_prefix('_')?)));
    let (target, key) = match nested {
        Some((section, key)) => {
            let entry = table.entry(section).or_insert_with(|| toml::Table::new().into());
            let target = entry.as_table_mut().ok_or_else(|| ConfigError::Invalid {
                origin: "the configuration file".to_owned(),
                complaint: format!("`{section}` must be a table"),
            })?;
            (target, key)
        }
        None => (table, name),
    };
    let is_number = key.ends_with("_seconds") || key.ends_with("_at_once");
    let value = match value.parse::<i64>() {
        Ok(number) if is_number => number.into(),
        _ => value.into(),
    };
    target.insert(key.to_owned(), value);
    Ok(())
}

fn origin_of(file: Option<&Path>, overlay: &BTreeMap<String, String>) -> String {
    let file = format!("`{}`", file.unwrap_or(Path::new(DEFAULT_FILE)).display());
    if overlay.is_empty() {
        return file;
    }
    let names: Vec<String> =
        overlay.keys().map(|name| format!("{PREFIX}{}", name.to_uppercase())).collect();
    format!("{file} with {}", names.join(", "))
}

fn one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

/// A database URL that may be shown.
pub fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) => {
            if parsed.password().is_some() {
                let _ = parsed.set_password(Some("***"));
            }
            parsed.set_query(None);
            parsed.to_string()
        }
        Err(_) => "(not a URL)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let environment = environment.iter().map(|&(k, v)| (k.to_owned(), v.to_owned()));
        Config::load(Some(file.path()), environment)
            .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "FILE"))
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(load("", &[]), Ok(Config::default()));
    }

    #[test]
    fn the_environment_wins() {
        let config = load(
            "listen = \"127.0.0.1:1\"\n[log]\nformat = \"text\"",
            &[
                ("COUNTERSIGN_LISTEN", "127.0.0.1:2"),
                ("COUNTERSIGN_LOG_FORMAT", "json"),
                ("COUNTERSIGN_LIMITS_STOP_SECONDS", "5"),
                ("COUNTERSIGN_MASTER_KEY", "not here"),
                ("OTHER", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.log.format, LogFormat::Json);
        assert_eq!(config.limits.stop_seconds, 5);
    }

    #[test]
    fn a_complaint_names_the_key_and_what_was_expected() {
        for (text, environment, parts) in [
            ("lisen = 1", vec![], vec!["FILE", "lisen", "listen"]),
            ("listen = \"here\"", vec![], vec!["FILE", "listen", "socket address"]),
            ("[log]\nformat = \"xml\"", vec![], vec!["xml", "text", "json"]),
            (
                "",
                vec![("COUNTERSIGN_LIMITS_STOP_SECONDS", "0")],
                vec!["stop_seconds", "1 to 86400"],
            ),
            ("", vec![("COUNTERSIGN_NONSENSE", "0")], vec!["COUNTERSIGN_NONSENSE", "nonsense"]),
            ("database_url = \"mysql://x\"", vec![], vec!["database_url", "postgres://"]),
            ("listen = ", vec![], vec!["FILE"]),
        ] {
            let complaint = load(text, &environment).unwrap_err();
            for part in parts {
                assert!(complaint.contains(part), "{part} in {complaint}");
            }
        }
    }

    #[test]
    fn the_shown_configuration_has_no_password() {
        let config =
            load("database_url = \"postgres://me:hunter2@db/x?password=hunter2\"", &[]).unwrap();
        assert!(!config.to_string().contains("hunter2"), "{config}");
    }
}

//! The steps of a session with a mail server, as tests and errors name them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The steps of every session, in the order they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    Dns,
    Connector,
    Connect,
    Tls,
    Greeting,
    Auth,
    Select,
    FolderList,
    List,
    Fetch,
    Delete,
    Quit,
    Mail,
    Rcpt,
    Data,
}

impl StepName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connector => "connector",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Auth => "auth",
            Self::Select => "select",
            Self::FolderList => "folder_list",
            Self::List => "list",
            Self::Fetch => "fetch",
            Self::Delete => "delete",
            Self::Quit => "quit",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

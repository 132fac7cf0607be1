//! An open mailbox, IMAP or POP3, as a visit needs it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::error::VisitError;
use crate::{
    actions::{ActionError, Instance, credentials},
    domain::inbox_account::{InboxAccount, Protocol},
    net::{
        dial::Timeouts,
        imap::Imap,
        pop3::Pop3,
        step::{NetError, Step, StepLog, StepName},
    },
};

/// One message on the server.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// What the store knows it by: UID or UIDL; none where the server has no UIDL.
    pub key: Option<String>,
    /// What the session knows it by: UID or message number.
    pub handle: u32,
    pub size_bytes: u64,
    pub internal_date: Option<DateTime<Utc>>,
}

pub(super) enum Mailbox {
    Imap(Box<Imap>),
    Pop3(Box<Pop3>),
}

impl Mailbox {
    /// The whole message; none where it vanished in between.
    pub(super) async fn fetch(
        &mut self,
        item: &Item,
        size_bytes_max: u64,
    ) -> Result<Option<Vec<u8>>, NetError> {
        match self {
            Self::Imap(imap) => imap.fetch(item.handle, size_bytes_max).await,
            Self::Pop3(pop3) => pop3.retr(item.handle, size_bytes_max).await.map(Some),
        }
    }

    /// Only the header section, of a message too large to fetch.
    pub(super) async fn fetch_headers(&mut self, item: &Item) -> Result<Option<Vec<u8>>, NetError> {
        match self {
            Self::Imap(imap) => imap.fetch_headers(item.handle).await,
            Self::Pop3(pop3) => pop3.top(item.handle, 0).await.map(Some),
        }
    }

    /// Leaves what was fetched as unread as it was, for the people who read
    /// this mailbox too. IMAP fetched it by BODY.PEEK.
    pub(super) async fn leave_unread(&mut self) -> Result<(), NetError> {
        match self {
            Self::Imap(_) => Ok(()),
            Self::Pop3(pop3) => pop3.reset().await,
        }
    }

    /// IMAP deletes at once; POP3 marks, and deletes when QUIT is answered.
    pub(super) async fn delete(&mut self, handles: &[u32]) -> Result<(), NetError> {
        match self {
            Self::Imap(imap) => imap.delete(handles).await,
            Self::Pop3(pop3) => {
                for &handle in handles {
                    pop3.dele(handle).await?;
                }
                Ok(())
            }
        }
    }

    pub(super) fn deletes_at_once(&self) -> bool {
        matches!(self, Self::Imap(_))
    }

    /// Ends the session; for POP3 only its `+OK` makes deletions true.
    pub(super) async fn close(self) -> Result<(), NetError> {
        match self {
            Self::Imap(imap) => {
                imap.logout().await;
                Ok(())
            }
            Self::Pop3(pop3) => pop3.quit().await,
        }
    }
}

fn timeouts(instance: &Instance) -> Timeouts {
    let limits = &instance.config.limits;
    Timeouts {
        connect: Duration::from_secs(limits.connect_seconds),
        tls: Duration::from_secs(limits.tls_seconds),
        command: Duration::from_secs(limits.command_seconds),
        transfer: Duration::from_secs(limits.visit_seconds),
        ..Timeouts::default()
    }
}

/// Connects and logs in.
pub(super) async fn open(
    instance: &Instance,
    account: &InboxAccount,
    log: &mut StepLog,
) -> Result<Mailbox, VisitError> {
    let login = credentials::login(instance, account.credential_id).await?;
    let timeouts = timeouts(instance);
    let opened = match account.protocol {
        Protocol::Imap => Imap::open(&account.server, &login, &timeouts, log)
            .await
            .map(|imap| Mailbox::Imap(Box::new(imap))),
        Protocol::Pop3 => Pop3::open(&account.server, &login, &timeouts, log)
            .await
            .map(|pop3| Mailbox::Pop3(Box::new(pop3))),
    };
    opened.map_err(|error| VisitError::of_net(account, error))
}

/// What a test of an account showed.
#[derive(Debug, Clone, Serialize)]
pub struct TestReport {
    pub ok: bool,
    /// What it comes to, in one sentence.
    pub sentence: String,
    pub steps: Vec<Step>,
    /// IMAP only.
    pub folders: Vec<String>,
    pub messages: Option<u64>,
    pub warnings: Vec<String>,
}

/// Walks every step of a visit that changes nothing.
pub async fn test_account(
    instance: &Instance,
    account: &InboxAccount,
) -> Result<TestReport, ActionError> {
    let mut log = StepLog::default();
    let mut report = TestReport {
        ok: false,
        sentence: String::new(),
        steps: Vec::new(),
        folders: Vec::new(),
        messages: None,
        warnings: account.warnings(),
    };
    match walk(instance, account, &mut log, &mut report).await {
        Ok(()) => {
            report.ok = true;
            report.sentence = format!(
                "inbox account `{}` works: {} messages in {}",
                account.name,
                report.messages.unwrap_or(0),
                account.folder
            );
        }
        Err(VisitError { action: Some(error), .. }) => return Err(*error),
        Err(error) => report.sentence = error.to_string(),
    }
    report.steps = log.into_steps();
    Ok(report)
}

async fn walk(
    instance: &Instance,
    account: &InboxAccount,
    log: &mut StepLog,
    report: &mut TestReport,
) -> Result<(), VisitError> {
    let mut mailbox = open(instance, account, log).await?;
    let failed = |error: NetError| VisitError::of_net(account, error);
    match &mut mailbox {
        Mailbox::Imap(imap) => {
            let began = tokio::time::Instant::now();
            let selected = imap.select(&account.folder).await.map_err(failed)?;
            log.add(
                StepName::Select,
                began,
                &format!("{}: {} messages", account.folder, selected.exists),
            );
            if selected.read_only {
                report.warnings.push(
                    "the folder is read-only for this login: nothing can be deleted".to_owned(),
                );
            }
            report.messages = Some(u64::from(selected.exists));
            let began = tokio::time::Instant::now();
            report.folders = imap.folders().await.map_err(failed)?;
            log.add(StepName::FolderList, began, &format!("{} folders", report.folders.len()));
        }
        Mailbox::Pop3(pop3) => {
            let began = tokio::time::Instant::now();
            let uidl = pop3.uidl().await.map_err(failed)?;
            let listed = pop3.list().await.map_err(failed)?;
            log.add(StepName::List, began, &format!("{} messages", listed.len()));
            report.messages = Some(listed.len() as u64);
            if uidl.is_none() && account.keep_copy {
                return Err(VisitError::of_problem(
                    account,
                    "list",
                    "the server has no UIDL, so with keep_copy on every visit would read everything again",
                ));
            }
        }
    }
    mailbox.close().await.map_err(failed)
}

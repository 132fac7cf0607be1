//! The service under test, its accounts, and those who ask and answer.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use countersign::{
    actions::{
        Instance, accounts,
        credentials::{self, NewCredential},
        forms::{InboxAccountForm, SmtpAccountForm},
        people, requests,
        submit_request::submit_request,
    },
    clock::Clock,
    config::Config,
    domain::{
        access_request::{Status, Vote},
        address::EmailAddress,
        ids::{AccessRequestId, CredentialId, InboxAccountId, PersonId, SmtpAccountId},
        outbox::State,
        person::{Person, PersonAddress},
    },
    polling,
    random::Random,
    secret::Secret,
    store::{Page, outbox},
};
use serde_json::json;
use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::time::{Instant, interval};

use crate::bed::{self, AUTHSERV_ID, Mail, Mailbox, PASSWORD};

const APPROVERS: usize = 4;
/// How long it may take after the last kill until everything is settled.
const REST_WITHIN: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// An inbox and the SMTP account whose mail is answered to it.
pub struct Road {
    pub mailbox: Mailbox,
    pub keeps: bool,
    sender: SmtpAccountId,
    /// Message-IDs of the answers that were ever seen on the server.
    pub seen: BTreeSet<String>,
}

/// An answer that Postfix took.
pub struct Sent {
    pub message_id: String,
    pub road: usize,
}

/// What somebody asked for, and what each approver will say.
pub struct Asked {
    pub id: AccessRequestId,
    pub reference: String,
    road: usize,
    /// By the approver's place in `approvers`.
    pub will_say: BTreeMap<usize, Vote>,
}

impl Asked {
    pub fn end(&self) -> Status {
        match self.will_say.values().any(|vote| *vote == Vote::Deny) {
            true => Status::Denied,
            false => Status::Approved,
        }
    }
}

pub struct Arena {
    /// Another node on the same database: it asks and looks, and never works.
    pub instance: Instance,
    pub dice: Random,
    pub roads: Vec<Road>,
    pub approvers: Vec<Mailbox>,
    pub requester: Mailbox,
    pub asked: Vec<Asked>,
    pub sent: Vec<Sent>,
    answered: BTreeSet<String>,
    config: Config,
    directory: tempfile::TempDir,
}

impl Arena {
    pub async fn set(database: Database, dice: Random) -> Self {
        let bed = bed::get().await;
        let directory = tempfile::tempdir().unwrap();
        let database_url = match database {
            Database::Sqlite => None,
            Database::Postgres => Some(bed::create_database().await),
        };
        let data_dir = directory.path().join("data");
        let config = Config { data_dir, database_url, ..Config::default() };
        let opened = Instance::open(config.clone(), Clock::system(), Random::from_system()).await;
        let instance = opened.unwrap();
        let approvers: Vec<Mailbox> = (0..APPROVERS).map(|_| bed.mailbox("appr")).collect();
        let requester = bed.mailbox("requ");
        for mailbox in &approvers {
            introduce(&instance, mailbox).await;
        }
        let mut roads = Vec::new();
        for (protocol, keeps) in [("imap", true), ("imap", false), ("pop3", true), ("pop3", false)]
        {
            roads.push(road(&instance, protocol, keeps).await);
        }
        let (asked, sent, answered) = (Vec::new(), Vec::new(), BTreeSet::new());
        Self {
            instance,
            dice,
            roads,
            approvers,
            requester,
            asked,
            sent,
            answered,
            config,
            directory,
        }
    }

    fn pick(&self, of: usize) -> usize {
        (self.dice.fraction() * of as f64) as usize
    }

    pub async fn ask_for_access(&mut self) {
        let road = self.pick(self.roads.len());
        let first = self.pick(APPROVERS);
        let mut will_say = BTreeMap::new();
        for offset in 0..=self.pick(2) {
            let vote = if self.dice.fraction() < 0.7 { Vote::Approve } else { Vote::Deny };
            will_say.insert((first + offset) % APPROVERS, vote);
        }
        let approvers: Vec<_> = will_say
            .keys()
            .map(|&approver| json!({"email": self.approvers[approver].address}))
            .collect();
        let submission = serde_json::from_value(json!({
            "requester": {"email": self.requester.address},
            "resource": format!("thing {}", self.asked.len()),
            "expires_at": now() + TimeDelta::days(1),
            "approvers": approvers,
            "quorum": "all",
            "smtp_account_id": self.roads[road].sender,
        }));
        let request = submit_request(&self.instance, submission.unwrap()).await.unwrap();
        let reference = request.reference();
        self.asked.push(Asked { id: request.id, reference, road, will_say });
    }

    pub fn start(&self) -> Service {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("serve").env_clear().current_dir(self.directory.path());
        command.env("COUNTERSIGN_DATA_DIR", &self.config.data_dir);
        command.env("COUNTERSIGN_LISTEN", "127.0.0.1:0");
        if let Some(url) = &self.config.database_url {
            command.env("COUNTERSIGN_DATABASE_URL", url);
        }
        Service(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Everybody answers each question he has not answered yet, some twice.
    pub async fn answer_what_came(&mut self) {
        let bed = bed::get().await;
        for approver in 0..APPROVERS {
            for mail in self.approvers[approver].messages() {
                let Some((id, reply_to)) = question(&mail) else { continue };
                // A question that came twice is one question to its reader.
                if !self.answered.insert(id.clone()) {
                    continue;
                }
                let subject = mail.field("Subject").concat();
                let about =
                    self.asked.iter().find(|a| subject.contains(&format!("{}:", a.reference)));
                let asked = about.expect("nobody else asks");
                let (road, vote) = (asked.road, asked.will_say[&approver]);
                let from = self.approvers[approver].address.clone();
                let times = if self.dice.fraction() < 0.15 { 2 } else { 1 };
                for time in 0..times {
                    let word = if vote == Vote::Approve { "Approved." } else { "Denied." };
                    // Without the token, which the store masks.
                    let message_id = format!("answer.{}.{time}@x.test", self.sent.len());
                    let raw = format!(
                        "From: <{from}>\r\nTo: <{reply_to}>\r\nSubject: Re: {subject}\r\n\
                        Message-ID: <{message_id}>\r\nIn-Reply-To: <{id}>\r\n\r\n{word}\r\n"
                    );
                    bed.submit(&from, &reply_to, raw.as_bytes()).await.unwrap();
                    self.sent.push(Sent { message_id, road });
                }
            }
        }
    }

    /// What a minute would do: the leases of the dead run out, and everything
    /// that waits for a moment is due. Nothing else is touched.
    pub async fn let_leases_run_out(&self) {
        const INBOXES: &str = "UPDATE inbox_state SET due_at = $1, \
            lease_until = CASE WHEN lease_node IS NULL THEN lease_until ELSE $1 END";
        const OUTBOX: &str = "UPDATE outbox_message SET due_at = $1 \
            WHERE state IN ('queued', 'sending', 'deferred', 'unknown') AND due_at > $1";
        let at = now();
        match &self.config.database_url {
            Some(url) => {
                let mut database = PgConnection::connect(url).await.unwrap();
                for statement in [INBOXES, OUTBOX] {
                    sqlx::query(statement).bind(at).execute(&mut database).await.unwrap();
                }
                database.close().await.unwrap();
            }
            None => {
                let url = self.config.database();
                let mut database = SqliteConnection::connect(&url).await.unwrap();
                sqlx::query("PRAGMA busy_timeout = 20000").execute(&mut database).await.unwrap();
                for statement in [INBOXES, OUTBOX] {
                    sqlx::query(statement).bind(at).execute(&mut database).await.unwrap();
                }
                database.close().await.unwrap();
            }
        }
    }

    /// Lets the service run until every question is answered and every request
    /// and mail settled, and stops it in peace.
    pub async fn come_to_rest(&mut self) -> Result<(), String> {
        let mut service = self.start();
        let give_up_at = Instant::now() + REST_WITHIN;
        let mut look = interval(Duration::from_millis(500));
        let mut rest = Err(String::new());
        let mut quiet = 0;
        while Instant::now() < give_up_at && quiet < 3 {
            look.tick().await;
            self.answer_what_came().await;
            rest = self.is_at_rest().await;
            // Once could be between two mails.
            quiet = if rest.is_ok() { quiet + 1 } else { 0 };
            if service.has_ended() {
                rest = Err("the service ended by itself".to_owned());
                break;
            }
        }
        let status = service.stop();
        if !status {
            rest = rest.and(Err("the service did not stop in peace".to_owned()));
        }
        rest.map_err(|why| {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            format!(
                "it did not come to rest: {why}\n{}",
                tail.into_iter().rev().collect::<Vec<_>>().join("\n")
            )
        })
    }

    async fn is_at_rest(&mut self) -> Result<(), String> {
        for asked in &self.asked {
            let request = requests::find(&self.instance, &asked.id.to_string()).await.unwrap();
            if request.status == Status::Pending {
                return Err(format!("{} is pending", asked.reference));
            }
        }
        for mail in mails(&self.instance).await {
            if mail.state != State::Sent {
                return Err(format!("mail {} to {} is {}", mail.id, mail.recipient, mail.state));
            }
        }
        let judged = super::check::judged_ids(&self.instance).await;
        match self.sent.iter().find(|sent| !judged.contains_key(&sent.message_id)) {
            Some(missing) => Err(format!("answer {} was not judged", missing.message_id)),
            None => Ok(()),
        }
    }
}

/// Every mail of ours.
pub async fn mails(instance: &Instance) -> Vec<outbox::OutboxMessage> {
    let mut found = Vec::new();
    let mut page = Page::first(1000);
    let mut tx = instance.store.read().await.unwrap();
    loop {
        let listed = outbox::list(&mut tx, &Default::default(), &page).await.unwrap();
        found.extend(listed.items);
        match listed.next_cursor {
            Some(cursor) => page.cursor = Some(cursor),
            None => return found,
        }
    }
}

/// Message-ID and Reply-To of a mail that wants an answer.
fn question(mail: &Mail) -> Option<(String, String)> {
    let bare = |value: String| value.trim().trim_matches(['<', '>']).to_owned();
    let reply_to = bare(mail.field("Reply-To").pop()?);
    reply_to.contains('+').then_some(())?;
    Some((bare(mail.field("Message-ID").pop()?), reply_to))
}

pub struct Service(Child);

impl Service {
    /// As the power cut does: no signal to be caught.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    fn stop(&mut self) -> bool {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        told.is_ok_and(|told| told.success()) && self.0.wait().unwrap().success()
    }
}

impl Drop for Service {
    /// A test that panics leaves nobody behind.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn introduce(instance: &Instance, mailbox: &Mailbox) {
    let address = EmailAddress::parse(&mailbox.address).unwrap();
    let person = Person {
        id: PersonId(uuid::Uuid::nil()),
        name: None,
        locale: Some("en".to_owned()),
        timezone: None,
        active: true,
        addresses: vec![PersonAddress { address, may_answer: true }],
        version: 1,
    };
    people::add(instance, person).await.unwrap();
}

async fn road(instance: &Instance, protocol: &str, keeps: bool) -> Road {
    let bed = bed::get().await;
    let mailbox = bed.mailbox("road");
    let name = format!("{protocol} {keeps}");
    let new = NewCredential {
        name: name.clone(),
        username: mailbox.login.clone(),
        password: Secret::new(PASSWORD.to_owned()),
    };
    let credential: CredentialId = credentials::add(instance, new).await.unwrap().id;
    let port = if protocol == "imap" { bed.dovecot.imaps_port } else { bed.dovecot.pop3s_port };
    let inbox: InboxAccountForm = serde_json::from_value(json!({
        "name": name, "addresses": [mailbox.address], "protocol": protocol, "host": "localhost",
        "port": port, "ca_pem": bed.ca_pem(), "credential_id": credential, "schedule": "every 5s",
        "keep_copy": keeps, "trusted_authserv_ids": [AUTHSERV_ID], "proof": "standard",
    }))
    .unwrap();
    let inbox = inbox.into_account(InboxAccountId(uuid::Uuid::nil()), 1);
    let inbox = accounts::add_inbox(instance, inbox).await.unwrap();
    assert!(polling::take_baseline(instance, inbox.id).await.unwrap().is_none());
    let smtp: SmtpAccountForm = serde_json::from_value(json!({
        "name": name, "sender": mailbox.address, "reply_to": mailbox.address, "host": "localhost",
        "port": bed.postfix.smtps_port, "ca_pem": bed.ca_pem(), "credential_id": credential,
    }))
    .unwrap();
    let smtp = smtp.into_account(SmtpAccountId(uuid::Uuid::nil()), 1);
    let sender = accounts::add_smtp(instance, smtp).await.unwrap().id;
    Road { mailbox, keeps, sender, seen: BTreeSet::new() }
}

/// The time as the service itself sees it.
fn now() -> chrono::DateTime<Utc> {
    Clock::system().now()
}

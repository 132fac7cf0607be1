//! A whole service for one test: its own database, its own mailboxes on the
//! shared bed, driven through the library's public interface.
//!
//! Workers are run until what is expected has come about, never for a time:
//! every wait here is for a state, and has a limit.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use std::time::Duration;

use countersign::actions::forms::{InboxAccountForm, SmtpAccountForm};
use countersign::actions::{
    self, Instance, accounts, credentials, ledger, people, requests, settings,
    submit_request::submit_request,
};
use countersign::clock::Clock;
use countersign::config::Config;
use countersign::domain::access_request::AccessRequest;
use countersign::domain::address::EmailAddress;
use countersign::domain::ids::{InboxAccountId, PersonId, SmtpAccountId};
use countersign::domain::inbox_account::InboxAccount;
use countersign::domain::outbox::{DeliveryAttempt, State};
use countersign::domain::person::{Person, PersonAddress};
use countersign::domain::smtp_account::SmtpAccount;
use countersign::polling::{self, Summary};
use countersign::random::Random;
use countersign::secret::Secret;
use countersign::store::Page;
use countersign::store::decisions::{self, DecisionFilter, ListedDecision};
use countersign::store::inbound_messages::{self, InboundFilter, InboundMessage};
use countersign::store::outbox::{self, OutboxFilter, OutboxMessage};
use countersign::{delivery, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::bed::{self, AUTHSERV_ID, Bed, DOMAIN, Mail, Mailbox, PASSWORD};
use crate::client::{self, Client, Letter};

/// How long anything may take to come about on a slow, busy machine.
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The names every house calls its parts by.
pub const INBOX: &str = "access";
pub const SMTP: &str = "main";
pub const CREDENTIAL: &str = "access-login";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// What is different about a house.
#[derive(Clone, Debug)]
pub struct Plan {
    pub database: Database,
    /// `imap` or `pop3`.
    pub protocol: &'static str,
    pub security: &'static str,
    pub keep_copy: bool,
    pub time: Time,
}

/// Whether time goes by itself or is moved by the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    Runs,
    Stands,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            protocol: "imap",
            security: "implicit_tls",
            keep_copy: true,
            time: Time::Runs,
        }
    }
}

pub struct House {
    pub bed: &'static Bed,
    pub instance: Instance,
    pub config: Config,
    pub clock: Clock,
    /// What the inbox account polls and answers are sent to.
    pub access: Mailbox,
    /// Who asks.
    pub rita: Mailbox,
    directory: TempDir,
}

impl House {
    /// With an SMTP account and an inbox account that work.
    pub async fn open(plan: Plan) -> Self {
        let house = Self::bare(&plan).await;
        house.add_inbox(house.inbox_fields(&plan)).await;
        house.add_smtp(json!({})).await;
        house
    }

    /// With a credential and people, and no account yet.
    pub async fn bare(plan: &Plan) -> Self {
        let bed = bed::get().await;
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mut config = Config {
            data_dir: directory.path().join("data"),
            listen: ([127, 0, 0, 1], 0).into(),
            ..Config::default()
        };
        if plan.database == Database::Postgres {
            config.database_url = Some(bed::create_database().await);
        }
        let clock = match plan.time {
            Time::Runs => Clock::system(),
            Time::Stands => Clock::standing_at(Clock::system().now()),
        };
        let instance = open(&config, &clock).await;
        let (mut wanted, version) = settings::find(&instance).await.unwrap();
        wanted.approver_domains = vec![DOMAIN.to_owned()];
        settings::update(&instance, &wanted, version).await.unwrap();
        let access = bed.mailbox("access");
        add_credential(&instance, CREDENTIAL, &access.login, PASSWORD).await;
        Self { bed, instance, config, clock, access, rita: bed.mailbox("rita"), directory }
    }

    /// As if the process had ended and another had begun: nothing is kept but
    /// the database and the key file.
    pub async fn restart(&mut self) {
        self.instance.store.close().await;
        self.instance = open(&self.config, &self.clock).await;
    }

    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    // --- accounts and people ---------------------------------------------

    /// The inbox account of a plan, in the API's shape.
    pub fn inbox_fields(&self, plan: &Plan) -> Value {
        let mut fields = json!({
            "protocol": plan.protocol,
            "security": plan.security,
            "port": self.inbox_port(plan),
            "keep_copy": plan.keep_copy,
        });
        if plan.security == "none" {
            fields["ca_pem"] = Value::Null;
        }
        fields
    }

    fn inbox_port(&self, plan: &Plan) -> u16 {
        let dovecot = &self.bed.dovecot;
        match (plan.protocol, plan.security) {
            ("imap", "implicit_tls") => dovecot.imaps_port,
            ("imap", _) => dovecot.imap_port,
            (_, "implicit_tls") => dovecot.pop3s_port,
            (_, _) => dovecot.pop3_port,
        }
    }

    /// Adds an inbox account that differs from the usual one in `fields`.
    pub async fn add_inbox(&self, fields: Value) -> InboxAccount {
        let credential = credentials::find(&self.instance, CREDENTIAL).await.unwrap();
        let usual = json!({
            "name": INBOX,
            "addresses": [self.access.address],
            "host": "localhost",
            "port": self.bed.dovecot.imaps_port,
            "ca_pem": self.bed.ca_pem(),
            "credential_id": credential.id,
            "trusted_authserv_ids": [AUTHSERV_ID],
        });
        let form: InboxAccountForm = serde_json::from_value(overlaid(usual, fields)).unwrap();
        let account = form.into_account(InboxAccountId(uuid::Uuid::nil()), 1);
        let added = accounts::add_inbox(&self.instance, account).await.unwrap();
        // As the command line does: POP3's baseline is the list of now.
        if json!(added.protocol) == json!("pop3") && !added.import_existing {
            polling::take_baseline(&self.instance, added.id).await.unwrap();
        }
        added
    }

    /// Adds an SMTP account that differs from the usual one in `fields`.
    pub async fn add_smtp(&self, fields: Value) -> SmtpAccount {
        let credential = credentials::find(&self.instance, CREDENTIAL).await.unwrap();
        let usual = json!({
            "name": SMTP,
            "sender": self.access.address,
            "reply_to": self.access.address,
            "host": "localhost",
            "port": self.bed.postfix.submission_port,
            "security": "starttls",
            "ca_pem": self.bed.ca_pem(),
            "credential_id": credential.id,
        });
        let form: SmtpAccountForm = serde_json::from_value(overlaid(usual, fields)).unwrap();
        let account = form.into_account(SmtpAccountId(uuid::Uuid::nil()), 1);
        accounts::add_smtp(&self.instance, account).await.unwrap()
    }

    pub async fn inbox(&self) -> InboxAccount {
        accounts::find_inbox(&self.instance, INBOX).await.unwrap()
    }

    pub async fn smtp(&self) -> SmtpAccount {
        accounts::find_smtp(&self.instance, SMTP).await.unwrap()
    }

    pub async fn change_inbox(&self, change: impl FnOnce(&mut InboxAccount)) {
        let mut account = self.inbox().await;
        change(&mut account);
        accounts::update_inbox(&self.instance, account).await.unwrap();
    }

    pub async fn add_person(&self, addresses: &[&str]) -> Person {
        let own = |written: &&str| PersonAddress { address: address(written), may_answer: true };
        let person = Person {
            id: PersonId(uuid::Uuid::nil()),
            name: None,
            locale: None,
            timezone: None,
            active: true,
            addresses: addresses.iter().map(own).collect(),
            version: 1,
        };
        people::add(&self.instance, person).await.unwrap()
    }

    // --- out -------------------------------------------------------------

    /// What is asked for, with `fields` laid over.
    pub fn submission(&self, fields: Value) -> Value {
        let expires_at = self.clock.now() + chrono::TimeDelta::hours(4);
        let usual = json!({
            "requester": {"email": self.rita.address},
            "resource": "root on db1",
            "justification": "patch night",
            "expires_at": expires_at,
        });
        overlaid(usual, fields)
    }

    pub async fn try_submit(&self, fields: Value) -> Result<AccessRequest, actions::ActionError> {
        let submission = serde_json::from_value(self.submission(fields)).unwrap();
        submit_request(&self.instance, submission).await
    }

    pub async fn submit(&self, fields: Value) -> AccessRequest {
        self.try_submit(fields).await.unwrap()
    }

    /// A request to one approver.
    pub async fn ask(&self, approver: &Mailbox) -> AccessRequest {
        self.submit(json!({"approvers": [{"email": approver.address}]})).await
    }

    /// Delivers until nothing is due any more.
    pub async fn deliver(&self) {
        self.deliver_until("the outbox to be empty of what is due", |mails, now| {
            !mails.iter().any(|mail| {
                mail.state == State::Sending || (waits(mail.state) && mail.due_at <= now)
            })
        })
        .await;
    }

    /// Delivers until the outbox is as wanted.
    pub async fn deliver_until(
        &self,
        what: &str,
        wanted: impl Fn(&[OutboxMessage], chrono::DateTime<chrono::Utc>) -> bool,
    ) {
        let worker = self.start_delivery();
        eventually(what, async || {
            let mails = self.outbox().await;
            wanted(&mails, self.clock.now()).then_some(())
        })
        .await;
        worker.stop().await;
    }

    pub fn start_delivery(&self) -> Worker {
        let stop = CancellationToken::new();
        let running = tokio::spawn(delivery::run(self.instance.clone(), stop.clone()));
        Worker { stop, running }
    }

    /// The whole service, as `countersign serve` runs it.
    pub fn serve(&self) -> Worker {
        serve(&self.instance)
    }

    /// Another process on the same database.
    pub async fn another_node(&self) -> Instance {
        open(&self.config, &self.clock).await
    }

    /// Delivers what is owed, and gives the newest mail of `approver` that can
    /// be answered.
    pub async fn notification(&self, approver: &Mailbox) -> Mail {
        self.deliver().await;
        eventually("a notification to arrive", async || {
            approver.messages().into_iter().rev().find(|mail| {
                mail.field("Reply-To").iter().any(|to| to.contains('+'))
                    && mail.field("Message-ID").iter().any(|id| id.contains("countersign."))
            })
        })
        .await
    }

    /// Delivers what is owed, and gives the mail of `reader` with these words
    /// in its subject.
    pub async fn mail_about(&self, reader: &Mailbox, subject: &str) -> Mail {
        self.deliver().await;
        eventually(&format!("a mail about `{subject}` to {}", reader.address), async || {
            let mails = reader.messages();
            mails.into_iter().find(|mail| client::subject(mail).contains(subject))
        })
        .await
    }

    // --- in --------------------------------------------------------------

    /// Answers as `approver`'s client does, logged in, and waits until the
    /// answer lies in the mailbox.
    pub async fn answer(&self, approver: &Mailbox, notification: &Mail, words: &str) {
        let letter = Client::Thunderbird.reply(notification, &approver.address, words);
        self.send(&letter).await;
    }

    /// Submits as a logged-in sender, and waits until it lies in the mailbox.
    pub async fn send(&self, letter: &Letter) {
        let before = self.access.messages().len();
        self.bed.submit(&letter.from, &letter.to, &letter.raw).await.unwrap();
        self.access.wait_for(before + 1).await;
    }

    /// The same without a login.
    pub async fn send_as_stranger(&self, letter: &Letter) {
        let before = self.access.messages().len();
        self.bed.submit_unauthenticated(&letter.from, &letter.to, &letter.raw).await.unwrap();
        self.access.wait_for(before + 1).await;
    }

    pub async fn poll(&self) -> Summary {
        let account = self.inbox().await;
        polling::poll_now(&self.instance, &account).await.unwrap().unwrap()
    }

    // --- what came of it --------------------------------------------------

    pub async fn request(&self, request: &AccessRequest) -> AccessRequest {
        requests::find(&self.instance, &request.id.to_string()).await.unwrap()
    }

    pub async fn status(&self, request: &AccessRequest) -> String {
        self.request(request).await.status.to_string()
    }

    /// Oldest first.
    pub async fn decisions(&self) -> Vec<ListedDecision> {
        let mut tx = self.instance.store.read().await.unwrap();
        let filter = DecisionFilter::default();
        let mut found = decisions::list(&mut tx, &filter, &Page::first(1000)).await.unwrap().items;
        found.reverse();
        found
    }

    /// Oldest first.
    pub async fn messages(&self) -> Vec<InboundMessage> {
        let mut tx = self.instance.store.read().await.unwrap();
        let filter = InboundFilter::default();
        let mut found =
            inbound_messages::list(&mut tx, &filter, &Page::first(1000)).await.unwrap().items;
        found.reverse();
        found
    }

    /// `disposition/reason` of every message, oldest first.
    pub async fn dispositions(&self) -> Vec<String> {
        let messages = self.messages().await;
        let words =
            |m: &InboundMessage| format!("{}/{}", m.judgement.disposition, m.judgement.reason);
        messages.iter().map(words).collect()
    }

    /// Oldest first.
    pub async fn outbox(&self) -> Vec<OutboxMessage> {
        let mut tx = self.instance.store.read().await.unwrap();
        let filter = OutboxFilter::default();
        let mut found = outbox::list(&mut tx, &filter, &Page::first(1000)).await.unwrap().items;
        found.reverse();
        found
    }

    pub async fn attempts(&self, message: &OutboxMessage) -> Vec<DeliveryAttempt> {
        actions::outbox::find(&self.instance, message.id).await.unwrap().1
    }

    /// How many mails of a kind were owed.
    pub async fn owed(&self, kind: &str) -> usize {
        self.outbox().await.iter().filter(|mail| mail.kind.as_str() == kind).count()
    }

    /// The chain holds, the states are those it tells of, and every message
    /// that was fetched was judged.
    pub async fn assert_books_hold(&self) {
        let entries = ledger::verify(&self.instance).await.unwrap().unwrap();
        assert!(entries > 0);
        let replayed = ledger::replay(&self.instance).await.unwrap().unwrap();
        assert_eq!(replayed.differences, []);
        let mut tx = self.instance.store.read().await.unwrap();
        let books = inbound_messages::reconcile(&mut tx).await.unwrap();
        assert!(books.is_balanced(), "{books:?}");
    }
}

fn waits(state: State) -> bool {
    matches!(state, State::Queued | State::Deferred | State::Unknown)
}

/// A worker that runs until it is told to stop.
pub struct Worker {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Worker {
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.expect("a worker ends without a panic");
    }
}

pub fn serve(instance: &Instance) -> Worker {
    let stop = CancellationToken::new();
    let service = serve::serve(instance.clone(), stop.clone());
    let running = tokio::spawn(async move { service.await.expect("the service runs") });
    Worker { stop, running }
}

async fn open(config: &Config, clock: &Clock) -> Instance {
    Instance::open(config.clone(), clock.clone(), Random::from_system()).await.unwrap()
}

pub async fn add_credential(instance: &Instance, name: &str, username: &str, password: &str) {
    let new = credentials::NewCredential {
        name: name.to_owned(),
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    };
    credentials::add(instance, new).await.unwrap();
}

pub fn address(written: &str) -> EmailAddress {
    EmailAddress::parse(written).unwrap()
}

/// `fields` win; a null takes the usual value away.
fn overlaid(mut usual: Value, fields: Value) -> Value {
    for (key, value) in fields.as_object().expect("fields are an object") {
        usual[key] = value.clone();
    }
    usual
}

/// Waits until there is something; panics when it does not come.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let give_up_at = Instant::now() + WITHIN;
    let mut tick = interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < give_up_at, "waited {WITHIN:?} in vain for {what}");
    }
}

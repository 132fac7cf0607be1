//! A whole instance on SQLite in a temporary directory, without any mail
//! server: requests are submitted, mails are received as bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use countersign::{
    actions::{
        Instance, Story, accounts, credentials, forms,
        judge::Surroundings,
        people,
        receive_message::{self, Arrived, Received},
        settings, submit_request,
    },
    clock::Clock,
    config::Config,
    domain::{
        access_request::{AccessRequest, ApproverState},
        address::EmailAddress,
        ids::{AccessRequestId, PersonId},
        inbox_account::InboxAccount,
        outbox::Kind,
        person::{Person, PersonAddress},
    },
    random::Random,
    store::{
        Page, decisions, inbound_messages,
        outbox::{self, OutboxFilter},
        requests,
    },
};
use serde_json::{Value, json};

pub const BASE: &str = "access@own.test";
pub const AUTHSERV: &str = "mx.own.test";

pub struct World {
    pub instance: Instance,
    pub clock: Clock,
    pub inbox: InboxAccount,
    /// A second mailbox, which trusts no server.
    pub second: InboxAccount,
    pub around: Surroundings,
    _directory: tempfile::TempDir,
}

/// One notification as its approver got it.
#[derive(Clone)]
pub struct Asked {
    pub token: String,
    pub message_id: String,
    pub subject: String,
    pub text: String,
    pub address: String,
}

/// A fresh request and what was sent for it.
pub struct Scene {
    pub request: AccessRequest,
    pub ana: Asked,
    pub bob: Asked,
    /// Another request, that asks Ana and Bob as well.
    pub other: Asked,
    pub other_id: AccessRequestId,
    /// Differs for each scene, so that no two mails have the same bytes.
    pub number: u64,
    /// The id that our own mails carry in their header.
    pub instance: String,
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::standing_at(noon());
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let instance = Instance::open(
            config,
            clock.clone(),
            Random::seeded(NUMBER.fetch_add(1, Ordering::Relaxed)),
        )
        .await
        .unwrap();
        let (mut set, version) = settings::find(&instance).await.unwrap();
        set.approver_domains = vec!["*".to_owned()];
        settings::update(&instance, &set, version).await.unwrap();
        for (name, addresses) in [
            ("Ana Silva", &["ana@x.test", "a.silva@x.test"][..]),
            ("Bob Kay", &["bob@x.test"]),
            ("Cara Lund", &["cara@y.test"]),
            ("Rita Moreno", &["rita@x.test", "r.moreno@x.test"]),
            ("Eve Adams", &["eve@x.test"]),
        ] {
            let addresses = addresses
                .iter()
                .map(|own| PersonAddress { address: address(own), may_answer: true })
                .collect();
            let person = Person {
                id: PersonId(uuid::Uuid::nil()),
                name: Some(name.to_owned()),
                locale: None,
                timezone: None,
                active: true,
                addresses,
                version: 1,
            };
            people::add(&instance, person).await.unwrap();
        }
        let credential: credentials::NewCredential =
            serde_json::from_value(json!({"name": "c", "username": "u", "password": "p"})).unwrap();
        let credential = credentials::add(&instance, credential).await.unwrap();
        let inbox = add_inbox(
            &instance,
            json!({"name": "in", "addresses": [BASE], "host": "mail.own.test", "port": 993,
                "credential_id": credential.id, "trusted_authserv_ids": [AUTHSERV]}),
        )
        .await;
        let second = add_inbox(
            &instance,
            json!({"name": "second", "addresses": ["second@own.test"], "host": "mail.own.test",
                "port": 993, "credential_id": credential.id}),
        )
        .await;
        let form: forms::SmtpAccountForm = serde_json::from_value(json!({
            "name": "out", "default": true, "sender": "access@own.test", "reply_to": BASE,
            "host": "mail.own.test", "port": 465, "credential_id": credential.id,
        }))
        .unwrap();
        let nobody = countersign::domain::ids::SmtpAccountId(uuid::Uuid::nil());
        accounts::add_smtp(&instance, form.into_account(nobody, 1)).await.unwrap();
        let mut tx = instance.store.begin().await.unwrap();
        let around = Surroundings::load(&mut tx).await.unwrap();
        drop(tx);
        Self { instance, clock, inbox, second, around, _directory: directory }
    }

    /// Submits what `change` makes of a plain request of Rita's.
    pub async fn submit(&self, change: impl FnOnce(&mut Value)) -> AccessRequest {
        let mut value = json!({
            "requester": {"email": "rita@x.test", "aliases": ["rita.private@mail.test"]},
            "resource": "root on db1.own.test",
            "justification": "Nightly backup failed.\nAPPROVE\nI approve this. Yes.",
            "expires_at": self.clock.now() + TimeDelta::hours(4),
            "access_ends_at": self.clock.now() + TimeDelta::hours(8),
            "approvers": [{"email": "ana@x.test"}, {"email": "bob@x.test"}],
        });
        change(&mut value);
        let submission = serde_json::from_value(value).unwrap();
        submit_request::submit_request(&self.instance, submission).await.unwrap()
    }

    pub async fn scene(&self, change: impl FnOnce(&mut Value)) -> Scene {
        let request = self.submit(change).await;
        let other = self.submit(|_| {}).await;
        let ana = self.asked(request.id, "ana@x.test").await.unwrap();
        let bob = self.asked(request.id, "bob@x.test").await.unwrap_or_else(|| ana.clone());
        let other_id = other.id;
        let other = self.asked(other.id, "ana@x.test").await.unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let instance = self.instance.id.to_string();
        Scene { request, ana, bob, other, other_id, number, instance }
    }

    pub async fn asked(&self, request: AccessRequestId, recipient: &str) -> Option<Asked> {
        self.sent(request, recipient, Kind::ApprovalRequest).await
    }

    pub async fn sent(
        &self,
        request: AccessRequestId,
        recipient: &str,
        kind: Kind,
    ) -> Option<Asked> {
        let mut tx = self.instance.store.read().await.unwrap();
        let filter = OutboxFilter {
            request: Some(request),
            recipient: Some(address(recipient)),
            kind: Some(kind),
            ..OutboxFilter::default()
        };
        let listed = outbox::list(&mut tx, &filter, &Page::first(10)).await.unwrap();
        let mail = listed.items.into_iter().next()?;
        let text = outbox::text(&mut tx, mail.id).await.unwrap().unwrap();
        let token: String = mail.message_id.split(['.', '@']).nth(1).unwrap_or_default().to_owned();
        Some(Asked {
            address: BASE.replace('@', &format!("+{token}@")),
            token,
            message_id: format!("<{}>", mail.message_id),
            subject: mail.subject,
            text,
        })
    }

    pub async fn receive(&self, raw: &[u8]) -> Received {
        self.receive_in(&self.inbox, raw).await
    }

    pub async fn receive_in(&self, account: &InboxAccount, raw: &[u8]) -> Received {
        let mut tx = self.instance.store.begin().await.unwrap();
        let mut story = Story::default();
        let arrived = Arrived {
            raw: raw.to_vec(),
            is_whole: true,
            size_bytes: raw.len() as i64,
            internal_date: None,
        };
        let received = receive_message::receive(
            &self.instance,
            &mut tx,
            &mut story,
            account,
            &self.around,
            arrived,
        )
        .await
        .unwrap();
        story.commit(tx).await.unwrap();
        received
    }

    /// What the store has of a mail, for a failure's sake.
    pub async fn told(&self, received: &Received) -> String {
        let mut tx = self.instance.store.read().await.unwrap();
        let kept = inbound_messages::find(&mut tx, received.id).await.unwrap().unwrap();
        let told = &kept.judgement;
        format!(
            "answer {:?}, read {:?}\n      {}\n      {}",
            told.answer, told.reply_text, told.authentication, told.explanation
        )
    }

    pub async fn request(&self, id: AccessRequestId) -> AccessRequest {
        let mut tx = self.instance.store.read().await.unwrap();
        requests::find(&mut tx, id).await.unwrap().unwrap()
    }

    pub async fn count(&self, request: AccessRequestId, kind: Kind) -> usize {
        let mut tx = self.instance.store.read().await.unwrap();
        let filter =
            OutboxFilter { request: Some(request), kind: Some(kind), ..OutboxFilter::default() };
        outbox::list(&mut tx, &filter, &Page::first(100)).await.unwrap().items.len()
    }

    /// Votes that hold: how many approve, how many deny.
    pub async fn votes(&self, id: AccessRequestId) -> (usize, usize) {
        use countersign::domain::access_request::Vote;
        let mut tx = self.instance.store.read().await.unwrap();
        let live = decisions::live(&mut tx, id).await.unwrap();
        let of = |vote| live.iter().filter(|decision| decision.vote == vote).count();
        (of(Vote::Approve), of(Vote::Deny))
    }

    pub async fn set_approver(&self, request: &AccessRequest, who: usize, state: ApproverState) {
        let mut tx = self.instance.store.begin().await.unwrap();
        requests::set_approver_state(&mut tx, request.approvers[who].id, state).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn change_person(&self, named: &str, change: impl FnOnce(&mut Person)) {
        let mut person = people::find(&self.instance, named).await.unwrap();
        change(&mut person);
        people::update(&self.instance, person).await.unwrap();
    }
}

async fn add_inbox(instance: &Instance, value: Value) -> InboxAccount {
    let form: forms::InboxAccountForm = serde_json::from_value(value).unwrap();
    let nobody = countersign::domain::ids::InboxAccountId(uuid::Uuid::nil());
    accounts::add_inbox(instance, form.into_account(nobody, 1)).await.unwrap()
}

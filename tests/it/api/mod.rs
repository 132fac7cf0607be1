//! The API against a running service, as callers of each role see it.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails its test")]

mod client;
mod explain;
mod lists;
mod page;
mod problems;
mod roles;
mod stop;
mod writes;

use std::collections::HashMap;

use countersign::{
    actions::{
        Instance, accounts,
        api_tokens::{self, NewToken, Role},
        credentials, people,
    },
    clock::Clock,
    config::Config,
    domain::{
        address::EmailAddress,
        ids::PersonId,
        person::{Person, PersonAddress},
    },
    random::Random,
    secret::Secret,
    serve,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service of its own, on SQLite in a directory that goes with it.
pub struct Service {
    pub instance: Instance,
    pub base: String,
    pub tokens: HashMap<Role, String>,
    pub ana: PersonId,
    client: Client,
    stop: CancellationToken,
    running: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Service {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config { data_dir: directory.path().join("data"), ..Config::default() };
        config.listen.set_port(0);
        config.limits.stop_seconds = 5;
        config.limits.connect_seconds = 2;
        let instance =
            Instance::open(config, Clock::system(), Random::from_system()).await.unwrap();
        let ana = add_person(&instance, "ana@corp.example").await;
        add_person(&instance, "bo@corp.example").await;
        add_person(&instance, "rita@corp.example").await;
        let mut tokens = HashMap::new();
        for role in Role::ALL {
            let person = (role == Role::Approver).then_some(ana);
            tokens.insert(role, issue(&instance, role, &format!("the {role}"), person).await);
        }
        let listener = serve::listen(&instance).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let served = (instance.clone(), stop.clone());
        let running = tokio::spawn(async move {
            serve::serve_on(served.0, listener, served.1).await.unwrap();
        });
        let client = Client::builder().no_proxy().build().unwrap();
        Self { instance, base, tokens, ana, client, stop, running, _directory: directory }
    }

    /// Mail accounts that point to closed ports: what is sent waits.
    pub async fn with_accounts() -> Self {
        let service = Self::start().await;
        let new = credentials::NewCredential {
            name: "box".into(),
            username: "box".into(),
            password: Secret::new("hunter2".into()),
        };
        let credential = credentials::add(&service.instance, new).await.unwrap().id;
        let inbox = json!({
            "name": "box", "addresses": ["access@corp.example"], "host": "127.0.0.1", "port": 9,
            "security": "none", "credential_id": credential, "schedule": "every 1h",
        });
        let smtp = json!({
            "name": "out", "sender": "access@corp.example", "reply_to": "access@corp.example",
            "host": "127.0.0.1", "port": 9, "security": "none", "authenticate": false,
        });
        let inbox: countersign::actions::forms::InboxAccountForm =
            serde_json::from_value(inbox).unwrap();
        let smtp: countersign::actions::forms::SmtpAccountForm =
            serde_json::from_value(smtp).unwrap();
        let nil = uuid::Uuid::nil();
        accounts::add_inbox(&service.instance, inbox.into_account(nil.into(), 1)).await.unwrap();
        accounts::add_smtp(&service.instance, smtp.into_account(nil.into(), 1)).await.unwrap();
        service
    }

    pub fn call(&self, role: Role, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.base);
        self.client.request(method, url).bearer_auth(&self.tokens[&role])
    }

    /// Without a token, at any path.
    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, role: Role, path: &str) -> Value {
        let response = self.call(role, Method::GET, path).send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub async fn post(&self, role: Role, path: &str, body: &Value) -> (StatusCode, Value) {
        answered(self.call(role, Method::POST, path).json(body).send().await.unwrap()).await
    }

    /// A request to `ana@corp.example`, submitted by the requester's token.
    pub async fn submit(&self, resource: &str) -> Value {
        let (status, body) =
            self.post(Role::Requester, "/access-requests", &request(resource)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Stops the service and waits for its end.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

pub fn request(resource: &str) -> Value {
    json!({
        "requester": {"email": "rita@corp.example"}, "resource": resource,
        "expires_at": "2099-01-01T00:00:00Z", "approvers": [{"email": "ana@corp.example"}],
    })
}

pub async fn answered(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub async fn issue(
    instance: &Instance,
    role: Role,
    name: &str,
    person: Option<PersonId>,
) -> String {
    let new = NewToken { name: name.to_owned(), role, person, expires_at: None };
    api_tokens::issue(instance, new).await.unwrap().text.expose().to_owned()
}

async fn add_person(instance: &Instance, address: &str) -> PersonId {
    let address = EmailAddress::parse(address).unwrap();
    let person = Person {
        id: PersonId(uuid::Uuid::nil()),
        name: None,
        locale: None,
        timezone: None,
        active: true,
        addresses: vec![PersonAddress { address, may_answer: true }],
        version: 1,
    };
    people::add(instance, person).await.unwrap().id
}

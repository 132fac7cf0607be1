//! Servers that are wrong, gone, or silent: what an admin is told, that
//! nobody else is disturbed, and that the service still stops.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use countersign::actions::{accounts, credentials};
use countersign::config::LimitsConfig;
use countersign::delivery;
use countersign::polling;
use serde_json::{Value, json};

use crate::bed::faults::{Fault, FaultServer};
use crate::command::Countersign;
use crate::house::{CREDENTIAL, Database, House, Plan, add_credential, address, eventually};

/// Waits short enough for a test, and told to the command line as well.
const SHORT: [(&str, &str); 4] = [
    ("COUNTERSIGN_LIMITS_CONNECT_SECONDS", "2"),
    ("COUNTERSIGN_LIMITS_TLS_SECONDS", "2"),
    ("COUNTERSIGN_LIMITS_COMMAND_SECONDS", "2"),
    ("COUNTERSIGN_LIMITS_VISIT_SECONDS", "20"),
];

fn short(house: &mut House) {
    house.config.limits = LimitsConfig {
        connect_seconds: 2,
        tls_seconds: 2,
        command_seconds: 2,
        visit_seconds: 20,
        ..LimitsConfig::default()
    };
}

/// A way for a server to be wrong.
struct Trouble {
    name: &'static str,
    fields: Value,
    /// What must stand in the message: where, at which step, why.
    says: Vec<String>,
    /// Held for as long as the case lasts.
    _server: Option<FaultServer>,
}

async fn troubles(house: &House, protocol: &str) -> Vec<Trouble> {
    let silent = FaultServer::start(Fault::Silent).await;
    let bed = house.bed;
    let good = match protocol {
        "imap" => bed.dovecot.imaps_port,
        "pop3" => bed.dovecot.pop3s_port,
        _ => bed.postfix.smtps_port,
    };
    let wrong = format!("wrong {protocol}");
    add_credential(&house.instance, &wrong, &house.access.login, "wr0ng").await;
    let wrong = credentials::find(&house.instance, &wrong).await.unwrap().id;
    let closed = closed_port();
    let base = json!({"security": "implicit_tls", "port": good, "host": "localhost"});
    let with = |fields: Value| {
        let mut all = base.clone();
        for (key, value) in fields.as_object().unwrap() {
            all[key] = value.clone();
        }
        all
    };
    let trouble = |name, fields: Value, says: &[&str], server| Trouble {
        name,
        says: says.iter().map(|part| (*part).to_owned()).collect(),
        fields: with(fields),
        _server: server,
    };
    let at = |host: &str, port: u16| format!("`{host}:{port}`");
    vec![
        trouble(
            "wrong password",
            json!({"credential_id": wrong}),
            &[&at("localhost", good), "`auth`", "the server refused the login"],
            None,
        ),
        trouble(
            "refused connection",
            json!({"port": closed}),
            &[&at("localhost", closed), "`connect`", "refused"],
            None,
        ),
        trouble(
            "wrong certificate",
            json!({"ca_pem": bed.certificates().untrusted_pem}),
            &[&at("localhost", good), "`tls`", "certificate"],
            None,
        ),
        // Another way to write 127.0.0.1, and no name in the certificate.
        trouble(
            "wrong name",
            json!({"host": "127.1"}),
            &[&at("127.1", good), "`tls`", "certificate"],
            None,
        ),
        trouble(
            "unknown host",
            json!({"host": "nowhere.invalid"}),
            &[&at("nowhere.invalid", good), "`dns`"],
            None,
        ),
        trouble(
            "silence",
            json!({"host": "127.0.0.1", "port": silent.port, "security": "none", "ca_pem": null}),
            &[&at("127.0.0.1", silent.port), "`greeting`", "within 2 s"],
            Some(silent),
        ),
    ]
}

/// A port of ours that nobody listens on.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn assert_says(trouble: &Trouble, account: &str, said: &str) {
    assert!(said.contains(&format!("`{account}`")), "{}: {said}", trouble.name);
    for part in &trouble.says {
        assert!(said.contains(part), "{}: `{part}` in {said}", trouble.name);
    }
}

async fn check_inbox_troubles(protocol: &str) {
    let mut house = House::bare(&Plan::default()).await;
    short(&mut house);
    house.restart().await;
    let command = Countersign::of(&house).with(&SHORT);
    for (number, trouble) in troubles(&house, protocol).await.into_iter().enumerate() {
        let name = format!("box {number}");
        let mut fields = trouble.fields.clone();
        fields["name"] = json!(name);
        fields["protocol"] = json!(protocol);
        fields["import_existing"] = json!(true);
        fields["addresses"] = json!([format!("box-{number}@x.test")]);
        let account = house.add_inbox(fields).await;

        let report = polling::test_account(&house.instance, &account).await.unwrap();
        assert!(!report.ok);
        assert_says(&trouble, &name, &report.sentence);
        let error = polling::poll_now(&house.instance, &account).await.unwrap().unwrap_err();
        assert_says(&trouble, &name, &error.to_string());
        let (health, _) = accounts::inbox_health(&house.instance, &account).await.unwrap();
        assert_says(&trouble, &name, &health.sentences.join("\n"));

        let test = command.run(&["inbox", "test", &name]).await;
        assert_eq!(test.code, 1, "{test:?}");
        assert_says(&trouble, &name, &test.out);
        let poll = command.run(&["inbox", "poll", &name]).await;
        assert_eq!(poll.code, 1, "{poll:?}");
        assert_says(&trouble, &name, &poll.err);
        for said in [&test.out, &test.err, &poll.out, &poll.err] {
            assert!(!said.contains("wr0ng"), "{said}");
        }
    }
}

#[tokio::test]
async fn imap_troubles_name_account_host_and_step() {
    check_inbox_troubles("imap").await;
}

#[tokio::test]
async fn pop3_troubles_name_account_host_and_step() {
    check_inbox_troubles("pop3").await;
}

#[tokio::test]
async fn smtp_troubles_name_account_host_and_step() {
    let mut house = House::bare(&Plan::default()).await;
    short(&mut house);
    house.restart().await;
    let command = Countersign::of(&house).with(&SHORT);
    for (number, trouble) in troubles(&house, "smtp").await.into_iter().enumerate() {
        // SMTP waits longer for a greeting than a test should: RFC 5321 asks for it.
        if trouble.name == "silence" {
            continue;
        }
        let name = format!("post {number}");
        let mut fields = trouble.fields.clone();
        fields["name"] = json!(name);
        let account = house.add_smtp(fields).await;
        let to = address("ana@x.test");
        let report =
            delivery::test_account(&house.instance, &account, &to, None, None).await.unwrap();
        assert!(!report.ok);
        assert_says(&trouble, &name, &report.sentence);
        let test = command.run(&["smtp", "test", &name, "--to", "ana@x.test"]).await;
        assert_eq!(test.code, 1, "{test:?}");
        assert_says(&trouble, &name, &test.out);
        assert!(!test.out.contains("wr0ng") && !test.err.contains("wr0ng"), "{test:?}");
    }
}

#[tokio::test]
async fn an_account_in_trouble_disturbs_no_other() {
    let mut house = House::bare(&Plan::default()).await;
    short(&mut house);
    house.restart().await;
    for protocol in ["imap", "pop3"] {
        for (number, trouble) in troubles(&house, protocol).await.into_iter().enumerate() {
            let mut fields = trouble.fields.clone();
            fields["name"] = json!(format!("{protocol} {number}"));
            fields["protocol"] = json!(protocol);
            fields["import_existing"] = json!(true);
            fields["addresses"] = json!([format!("box-{number}@x.test")]);
            house.add_inbox(fields).await;
        }
    }
    let plan = Plan::default();
    let mut fields = house.inbox_fields(&plan);
    fields["schedule"] = json!("every 5s");
    house.add_inbox(fields).await;
    house.add_smtp(json!({})).await;

    let service = house.serve();
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = eventually("the notification", async || ana.messages().into_iter().next()).await;
    house.answer(&ana, &asked, "APPROVE").await;
    eventually("the decision", async || (house.status(&request).await == "approved").then_some(()))
        .await;
    house.rita.wait_for(1).await;
    service.stop().await;
}

#[tokio::test]
async fn three_refused_logins_pause_the_account_until_the_password_is_mended() {
    let house = House::open(Plan::default()).await;
    set_password(&house, "wrong").await;
    let paused = async || {
        let inbox = house.inbox().await;
        let (_, state) = accounts::inbox_health(&house.instance, &inbox).await.unwrap();
        state.unwrap().paused_reason
    };
    for _ in 0..3 {
        assert_eq!(paused().await, None);
        let inbox = house.inbox().await;
        assert!(polling::poll_now(&house.instance, &inbox).await.unwrap().is_err());
    }
    assert!(paused().await.unwrap().contains("3 logins were refused"));
    set_password(&house, "pass").await;
    assert_eq!(paused().await, None);
    house.poll().await;
}

#[tokio::test]
async fn a_mended_password_is_tried_at_once_and_not_after_the_back_off() {
    let house = House::open(Plan::default()).await;
    set_password(&house, "wrong").await;
    let inbox = house.inbox().await;
    assert!(polling::poll_now(&house.instance, &inbox).await.unwrap().is_err());
    let due = async || {
        let (_, state) = accounts::inbox_health(&house.instance, &inbox).await.unwrap();
        state.unwrap().due_at
    };
    assert!(due().await > house.clock.now(), "after a failure it waits");
    set_password(&house, "pass").await;
    assert!(due().await <= house.clock.now());
}

async fn set_password(house: &House, password: &str) {
    let secret = countersign::secret::Secret::new(password.to_owned());
    let found = credentials::find(&house.instance, CREDENTIAL).await.unwrap();
    credentials::update(&house.instance, found, Some(secret)).await.unwrap();
}

/// Two processes on one database and one mailbox: who holds the lease works,
/// and whatever they do at once, nothing counts twice.
#[tokio::test]
async fn two_nodes_on_one_mailbox_do_no_harm() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, keep_copy: false, ..Plan::default() }).await;
        let other = house.another_node().await;
        let services = [house.serve(), crate::house::serve(&other)];
        let [ana, bo] = ["ana", "bo"].map(|name| house.bed.mailbox(name));
        let mut requests = Vec::new();
        for approver in [&ana, &bo] {
            requests.push(house.ask(approver).await);
            let asked = approver.wait_for(1).await.remove(0);
            house.bed.submit(&approver.address, &house.access.address, b"\r\n").await.unwrap();
            let letter = crate::client::Client::Gmail.reply(&asked, &approver.address, "APPROVE");
            house.bed.submit(&letter.from, &letter.to, &letter.raw).await.unwrap();
        }
        // Both ring their own bell: the lease decides, not the schedule.
        eventually("both decisions", async || {
            for node in [&house.instance, &other] {
                let inbox = accounts::find_inbox(node, crate::house::INBOX).await.unwrap();
                let _busy = polling::poll_now(node, &inbox).await;
            }
            (house.decisions().await.len() == 2).then_some(())
        })
        .await;
        for request in &requests {
            assert_eq!(house.status(request).await, "approved");
        }
        house.rita.wait_for(2).await;
        for service in services {
            service.stop().await;
        }
        let mut house = house;
        house.restart().await;
        house.assert_books_hold().await;
        assert_eq!(house.messages().await.len(), 4, "{:?}", house.dispositions().await);
        assert_eq!((house.owed("outcome").await, house.owed("receipt").await), (2, 2));
        assert!(house.access.messages().is_empty());
    }
}

/// A visit hangs on a server that never answers, a delivery on another.
#[tokio::test]
async fn the_service_stops_within_ten_seconds_and_gives_its_leases_back() {
    let silent = FaultServer::start(Fault::Silent).await;
    let house = House::bare(&Plan::default()).await;
    let gone = json!({
        "host": "127.0.0.1", "port": silent.port, "security": "none", "ca_pem": null,
        "authenticate": false, "credential_id": null,
    });
    let inbox = house
        .add_inbox(json!({
            "host": "127.0.0.1", "port": silent.port, "security": "none", "ca_pem": null,
        }))
        .await;
    house.add_smtp(gone).await;
    house.ask(&house.bed.mailbox("ana")).await;
    let service = house.serve();
    eventually("both to hang", async || (silent.heard().connections == 2).then_some(())).await;

    let began = tokio::time::Instant::now();
    service.stop().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    let mut house = house;
    house.restart().await;
    let (_, state) = accounts::inbox_health(&house.instance, &inbox).await.unwrap();
    let state = state.unwrap();
    assert_eq!((state.lease_node, state.lease_until), (None, None));
    let mail = house.outbox().await.remove(0);
    assert_ne!(mail.state, countersign::domain::outbox::State::Sending, "{mail:?}");
    assert!(mail.due_at <= house.clock.now() + chrono::TimeDelta::minutes(2), "{mail:?}");
}

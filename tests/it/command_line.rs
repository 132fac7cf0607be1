//! The command line from end to end: every command a person needs from an
//! empty directory to a decision, what it prints, how it ends; and that no
//! secret is in anything it says or writes down.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use serde_json::{Value, json};

use crate::bed::{self, AUTHSERV_ID, Mailbox};
use crate::client::{Client, Reply};
use crate::command::Countersign;
use crate::house::{Database, House, Plan, eventually};

/// A fresh installation: a configuration file and nothing else.
struct Fresh {
    command: Countersign,
    directory: tempfile::TempDir,
    access: Mailbox,
}

async fn fresh(database: Database) -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("countersign.toml");
    // Two services of two tests must not want the same port.
    let data = directory.path().join("data");
    let mut text = format!("data_dir = {data:?}\nlisten = \"127.0.0.1:0\"\n");
    if database == Database::Postgres {
        text.push_str(&format!("database_url = {:?}\n", bed::create_database().await));
    }
    std::fs::write(&file, text).unwrap();
    let access = bed::get().await.mailbox("access");
    Fresh { command: Countersign::with_file(file), directory, access }
}

impl Fresh {
    /// Everything up to working accounts, by commands alone.
    async fn set_up(&self, password: &str) {
        let bed = bed::get().await;
        let ca = self.directory.path().join("ca.pem");
        std::fs::write(&ca, bed.ca_pem()).unwrap();
        let ca = ca.to_str().unwrap();
        let address = self.access.address.as_str();
        let added = self
            .command
            .run_with_input(
                &["credential", "add", "access", "--username", address, "--password-stdin"],
                &format!("{password}\n"),
            )
            .await;
        assert_eq!(added.code, 0, "{added:?}");
        let imaps = bed.dovecot.imaps_port.to_string();
        self.command
            .json(&[
                "inbox",
                "add",
                "in",
                "--address",
                address,
                "--protocol",
                "imap",
                "--host",
                "localhost",
                "--port",
                &imaps,
                "--security",
                "implicit_tls",
                "--credential",
                "access",
                "--trusted-authserv-id",
                AUTHSERV_ID,
                "--ca-file",
                ca,
                "--schedule",
                "every 5s",
            ])
            .await;
        let submission = bed.postfix.submission_port.to_string();
        self.command
            .json(&[
                "smtp",
                "add",
                "out",
                "--sender",
                address,
                "--reply-to",
                address,
                "--host",
                "localhost",
                "--port",
                &submission,
                "--security",
                "starttls",
                "--credential",
                "access",
                "--ca-file",
                ca,
            ])
            .await;
        self.command.json(&["settings", "set", "approver_domains", "[\"x.test\"]"]).await;
    }
}

#[tokio::test]
async fn from_an_empty_directory_to_a_decision_by_commands_alone() {
    for database in [Database::Sqlite, Database::Postgres] {
        let bed = bed::get().await;
        let fresh = fresh(database).await;
        let run = &fresh.command;
        assert_eq!(run.json(&["config", "check"]).await, json!({"valid": true}));
        assert!(!run.json(&["migrate"]).await["applied"].as_array().unwrap().is_empty());
        assert_eq!(run.json(&["migrate"]).await["applied"], json!([]));
        fresh.set_up("pass").await;

        assert_eq!(run.json(&["inbox", "test", "in"]).await["ok"], json!(true));
        let sent = run.json(&["smtp", "test", "out", "--to", &fresh.access.address]).await;
        assert_eq!(sent["ok"], json!(true), "{sent}");
        let steps: Vec<&str> =
            sent["steps"].as_array().unwrap().iter().filter_map(|s| s["step"].as_str()).collect();
        assert!(steps.starts_with(&["dns", "connect"]) && steps.contains(&"auth"), "{steps:?}");

        let (ana, rita) = (bed.mailbox("ana"), bed.mailbox("rita"));
        let person =
            run.json(&["people", "add", &ana.address, "--name", "Ana", "--locale", "pt-BR"]).await;
        assert!(person.to_string().contains(&ana.address), "{person}");
        let request = run
            .json(&[
                "request",
                "submit",
                "--requester",
                &rita.address,
                "--resource",
                "root on db1",
                "--justification",
                "patch night",
                "--approver",
                &ana.address,
                "--expires",
                "4h",
                "--external-id",
                "PAM-7",
            ])
            .await;
        assert_eq!(request["status"], "pending");
        let reference = request["reference"].as_str().unwrap();

        // The service runs as its own process, and is stopped by a signal.
        let mut serving = run.command(&["serve"]).spawn().unwrap();
        let asked =
            eventually("the notification", async || ana.messages().into_iter().next()).await;
        let letter = Client::Gmail.reply(&asked, &ana.address, "APROVAR");
        bed.submit(&letter.from, &letter.to, &letter.raw).await.unwrap();
        rita.wait_for(1).await;
        let pid = serving.id().expect("it runs").to_string();
        let told = std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(told.success());
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), serving.wait()).await;
        assert!(ended.expect("it stops in time").unwrap().success());

        for named in [reference, "PAM-7", request["id"].as_str().unwrap()] {
            assert_eq!(run.json(&["request", "show", named]).await["status"], "approved");
        }
        let decisions = run.json(&["decisions", "list"]).await;
        assert_eq!(decisions.as_array().unwrap().len(), 1, "{decisions}");
        let decision = &decisions[0];
        assert_eq!(
            (&decision["answer"], &decision["reference"]),
            (&json!("approve"), &json!(reference))
        );
        assert_eq!(decision["approver"], json!(ana.address));
        run.json(&["decisions", "show", decision["id"].as_str().unwrap()]).await;
        look_around(run, reference, &ana).await;
        check_ends(run, reference).await;
    }
}

/// The commands that only look, as JSON and as a table.
async fn look_around(run: &Countersign, reference: &str, ana: &Mailbox) {
    let messages = run.json(&["messages", "list", "--disposition", "decided"]).await;
    let id = messages[0]["id"].as_str().expect("one message decided");
    let shown = run.json(&["messages", "show", id]).await;
    assert_eq!((&shown["reason"], &shown["answer"]), (&json!("approved"), &json!("approve")));
    let raw = run.run(&["messages", "raw", id]).await;
    assert!(raw.out.contains(&format!("From: {}", ana.address)), "{raw:?}");
    assert_eq!(run.json(&["messages", "counts"]).await["holds"], json!(true));

    let outbox = run.json(&["outbox", "list", "--request", reference]).await;
    let states: Vec<&Value> = outbox.as_array().unwrap().iter().map(|m| &m["state"]).collect();
    assert!(!states.is_empty() && states.iter().all(|state| **state == "sent"), "{outbox}");
    let mail = outbox[0]["id"].as_str().unwrap();
    let attempts = run.json(&["outbox", "show", mail]).await["attempts"].clone();
    assert_eq!(attempts[0]["code"], json!(250), "{attempts}");

    assert_eq!(run.json(&["ledger", "verify"]).await["holds"], json!(true));
    assert_eq!(run.json(&["ledger", "replay"]).await["differences"], json!([]));
    let entries = run.json(&["ledger", "list", "--request", reference]).await;
    let kinds: Vec<&str> =
        entries.as_array().unwrap().iter().filter_map(|e| e["kind"].as_str()).collect();
    assert!(kinds.contains(&"decision_recorded"), "{kinds:?}");
    assert_eq!(run.json(&["inbox", "health", "in"]).await["status"], "ok");

    for words in [
        "inbox list",
        "inbox show in",
        "inbox health in",
        "smtp list",
        "smtp show out",
        "credential list",
        "credential show access",
        "people list",
        "request list",
        "outbox list",
        "messages list",
        "messages counts",
        "decisions list",
        "ledger list",
        "ledger verify",
        "ledger replay",
        "settings show",
        "config check",
        "config show",
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let ran = run.run(&arguments).await;
        assert_eq!(ran.code, 0, "{words}: {ran:?}");
        assert!(!ran.out.trim().is_empty(), "{words}");
    }
}

/// 1 failed, 2 wrong usage, 3 not found, 4 against the state of things.
async fn check_ends(run: &Countersign, reference: &str) {
    for (words, code, says) in [
        ("request show AR-999999", 3, "AR-999999"),
        ("inbox show nobody", 3, "nobody"),
        ("smtp test nobody --to a@x.test", 3, "nobody"),
        ("messages list --disposition maybe", 2, "maybe"),
        ("request list --status maybe", 2, "maybe"),
        ("settings set colour red", 2, "colour"),
        ("inbox update in --schedule sometimes", 2, "schedule"),
        ("people add not-an-address", 2, "not-an-address"),
        ("credential remove access", 4, "is used by"),
        ("smtp remove out", 4, "default"),
        ("frobnicate", 2, "frobnicate"),
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let ran = run.run(&arguments).await;
        assert_eq!(ran.code, code, "{words}: {ran:?}");
        assert!(ran.err.contains(says), "{words}: {ran:?}");
        assert_eq!(ran.out, "", "{words}");
    }
    let refused = run.run(&["request", "cancel", reference]).await;
    assert_eq!(refused.code, 4, "{refused:?}");
    let disabled = run.run(&["inbox", "update", "in", "--enabled", "false"]).await;
    assert_eq!(disabled.code, 0, "{disabled:?}");
    let refused = run.run(&["inbox", "poll", "in"]).await;
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(refused.err.contains("`in`") && refused.err.contains("disabled"), "{refused:?}");
    let no_road = run
        .run(&[
            "request",
            "submit",
            "--requester",
            "r@x.test",
            "--resource",
            "x",
            "--approver",
            "a@x.test",
            "--expires",
            "1h",
        ])
        .await;
    assert_eq!(no_road.code, 4, "{no_road:?}");
    assert!(no_road.err.contains("`out`"), "{no_road:?}");
}

#[tokio::test]
async fn a_wrong_configuration_names_its_key_and_what_was_expected() {
    let directory = tempfile::tempdir().unwrap();
    for (text, says) in [
        ("lisen = \"127.0.0.1:1\"", vec!["lisen", "listen"]),
        ("listen = \"here\"", vec!["listen"]),
        ("[log]\nformat = \"xml\"", vec!["xml", "json"]),
        ("[limits]\nstop_seconds = 0", vec!["stop_seconds", "1 to 86400"]),
    ] {
        let file = directory.path().join("wrong.toml");
        std::fs::write(&file, text).unwrap();
        let ran = Countersign::with_file(&file).run(&["config", "check"]).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        for part in says {
            assert!(ran.err.contains(part), "{part}: {ran:?}");
        }
    }
    let missing = directory.path().join("missing.toml");
    let ran = Countersign::with_file(missing).run(&["config", "check"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("missing.toml"), "{ran:?}");
}

#[tokio::test]
async fn every_command_explains_itself() {
    let command = Countersign::with_file("/nowhere");
    for words in [
        "",
        "serve",
        "smtp",
        "smtp add",
        "inbox",
        "inbox add",
        "inbox poll",
        "credential add",
        "people add",
        "request submit",
        "outbox",
        "messages",
        "decisions",
        "ledger",
        "settings",
        "migrate",
        "config",
    ] {
        let mut arguments: Vec<&str> = words.split_whitespace().collect();
        arguments.push("--help");
        let ran = command.run(&arguments).await;
        assert_eq!(ran.code, 0, "{words}: {ran:?}");
        assert!(ran.out.contains("Usage:"), "{words}");
        if words.ends_with("add") || words.ends_with("submit") {
            assert!(ran.out.contains("Example"), "{words}: {}", ran.out);
        }
    }
}

/// Everything is said as loudly as it can be, with a password that stands
/// nowhere else.
#[tokio::test]
async fn no_secret_is_in_any_output_log_ledger_entry_or_error() {
    const SECRET: &str = "pass-9f4c1e-unique";
    let loud = [("COUNTERSIGN_LOG_FILTER", "trace"), ("COUNTERSIGN_LOG_FORMAT", "json")];
    let bed = bed::get().await;
    let mut fresh = fresh(Database::Sqlite).await;
    fresh.command = fresh.command.with(&loud);
    // The bed knows one password, so this login is refused: an error is where
    // a secret slips out most easily.
    fresh.set_up(SECRET).await;
    let run = &fresh.command;
    let mut said = String::new();
    for words in [
        "inbox test in",
        "inbox poll in",
        "inbox health in",
        "inbox show in",
        "smtp show out",
        "credential show access",
        "credential list",
        "config show",
        "ledger list",
        "--json ledger list",
        "outbox list",
        "--json settings show",
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let ran = run.run(&arguments).await;
        said.push_str(&ran.out);
        said.push_str(&ran.err);
    }
    let sent = run.run(&["smtp", "test", "out", "--to", "ana@x.test"]).await;
    assert_eq!(sent.code, 1, "the login is refused: {sent:?}");
    said.push_str(&sent.out);
    said.push_str(&sent.err);

    // And one that succeeds.
    let mended =
        run.run_with_input(&["credential", "update", "access", "--password-stdin"], "pass\n").await;
    assert_eq!(mended.code, 0, "{mended:?}");
    let ana = bed.mailbox("ana");
    let asked = run
        .run(&[
            "request",
            "submit",
            "--requester",
            "rita@x.test",
            "--resource",
            "x",
            "--approver",
            &ana.address,
            "--expires",
            "1h",
        ])
        .await;
    assert_eq!(asked.code, 0, "{asked:?}");
    // Into a file: a pipe that nobody reads would stop the service.
    let log = fresh.directory.path().join("serve.log");
    let mut serving =
        run.command(&["serve"]).stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let notification =
        eventually("the notification", async || ana.messages().into_iter().next()).await;
    let letter = Reply::to(&notification, &ana.address, "APPROVE").write();
    bed.submit(&letter.from, &letter.to, &letter.raw).await.unwrap();
    eventually("the receipt", async || (ana.messages().len() >= 2).then_some(())).await;
    let pid = serving.id().expect("it runs").to_string();
    std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(serving.wait().await.unwrap().success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("decision recorded"), "{log}");
    said.push_str(&log);

    // What was recorded of it all.
    for words in [
        "--json ledger list --limit 1000",
        "--json outbox list",
        "--json messages list",
        "--json decisions list",
        "outbox list",
        "messages list",
    ] {
        let arguments: Vec<&str> = words.split(' ').collect();
        let ran = run.run(&arguments).await;
        assert_eq!(ran.code, 0, "{words}: {ran:?}");
        said.push_str(&ran.out);
        said.push_str(&ran.err);
    }
    let messages = run.json(&["messages", "list"]).await;
    let shown = run.run(&["messages", "show", messages[0]["id"].as_str().unwrap()]).await;
    said.push_str(&shown.out);

    let master = std::fs::read_to_string(fresh.directory.path().join("data/master.key")).unwrap();
    let key = master.trim().to_owned();
    assert_eq!(key.len(), 44, "32 octets in base64");
    let token = crate::client::reply_to(&notification);
    let token = token.split(['+', '@']).nth(1).unwrap();
    let encoded = {
        use base64::Engine;
        let plain = format!("\0{}\0{SECRET}", fresh.access.address);
        base64::prelude::BASE64_STANDARD.encode(plain)
    };
    for (what, secret) in [
        ("password", SECRET),
        ("AUTH PLAIN", encoded.as_str()),
        ("master key", &key),
        ("token", token),
    ] {
        let at = said.find(secret);
        let around = at.map(|at| said[..at].chars().rev().take(300).collect::<Vec<_>>());
        let around: Option<String> = around.map(|chars| chars.into_iter().rev().collect());
        assert_eq!(around, None, "a {what} was said");
    }
    // At rest: no file holds the password in the clear.
    for entry in std::fs::read_dir(fresh.directory.path().join("data")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "{} holds the password", entry.path().display());
    }
}

#[tokio::test]
async fn commands_work_while_the_service_runs() {
    let house = House::open(Plan::default()).await;
    let command = Countersign::of(&house);
    let service = house.serve();
    let ana = house.bed.mailbox("ana");
    for number in 0..5 {
        let request = command
            .json(&[
                "request",
                "submit",
                "--requester",
                &house.rita.address,
                "--resource",
                &format!("host {number}"),
                "--approver",
                &ana.address,
                "--expires",
                "1h",
            ])
            .await;
        assert_eq!(request["status"], "pending");
    }
    ana.wait_for(5).await;
    service.stop().await;
}

//! What a visit does to the mailbox itself: what is left, what is gone, what
//! is read again, and what was never ours to read.

use std::time::Duration;

use countersign::actions::{ActionError, accounts};
use countersign::polling;
use serde_json::json;

use crate::bed::Mailbox;
use crate::bed::faults::{Fault, FaultServer};
use crate::house::{Database, House, Plan, eventually};

fn letter(number: usize) -> Vec<u8> {
    format!(
        "From: ana@x.test\r\nTo: access@x.test\r\nSubject: {number}\r\n\
         Message-ID: <letter.{number}@x.test>\r\n\r\nletter {number}\r\n"
    )
    .into_bytes()
}

fn put(house: &House, numbers: std::ops::Range<usize>) {
    for number in numbers {
        house.bed.deliver(&house.access, &letter(number));
    }
}

/// Bytes and flags, in order.
fn contents(mailbox: &Mailbox) -> Vec<(String, String)> {
    mailbox.messages().into_iter().map(|mail| (mail.text(), mail.flags)).collect()
}

async fn subjects(house: &House) -> Vec<String> {
    house.messages().await.into_iter().filter_map(|message| message.subject).collect()
}

/// The protocol and the database of each case.
const EVERYWHERE: [(&str, Database); 4] = [
    ("imap", Database::Sqlite),
    ("imap", Database::Postgres),
    ("pop3", Database::Sqlite),
    ("pop3", Database::Postgres),
];

#[tokio::test]
async fn keeping_leaves_the_mailbox_as_found_and_reads_nothing_twice_even_after_a_restart() {
    for (protocol, database) in EVERYWHERE {
        let plan = Plan { protocol, database, keep_copy: true, ..Plan::default() };
        let mut house = House::open(plan).await;
        put(&house, 0..5);
        let before = contents(&house.access);
        assert_eq!(house.poll().await.fetched, 5, "{protocol} {database:?}");
        assert_eq!(contents(&house.access), before, "{protocol}: not even a flag");

        house.restart().await;
        let summary = house.poll().await;
        assert_eq!((summary.fetched, summary.recognised), (0, 0), "{protocol} {database:?}");
        put(&house, 5..7);
        assert_eq!(house.poll().await.fetched, 2);
        assert_eq!(subjects(&house).await, ["0", "1", "2", "3", "4", "5", "6"]);
        assert!(contents(&house.access).iter().all(|(_, flags)| flags.is_empty()));
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn what_a_person_has_read_is_still_read_by_us_and_stays_read() {
    let house = House::open(Plan::default()).await;
    put(&house, 0..1);
    let new = house.access.maildir().join("new");
    let lying = std::fs::read_dir(&new).unwrap().next().unwrap().unwrap();
    let name = format!("{}:2,FS", lying.file_name().to_string_lossy());
    std::fs::rename(lying.path(), house.access.maildir().join("cur").join(name)).unwrap();
    assert_eq!(house.poll().await.fetched, 1);
    assert_eq!(contents(&house.access)[0].1, "FS");
}

#[tokio::test]
async fn deleting_takes_away_what_was_committed_and_only_that() {
    for (protocol, database) in EVERYWHERE {
        let plan = Plan { protocol, database, keep_copy: false, ..Plan::default() };
        let mut house = House::open(plan).await;
        put(&house, 0..5);
        let summary = house.poll().await;
        assert_eq!((summary.fetched, summary.deleted), (5, 5), "{protocol} {database:?}");
        assert_eq!(contents(&house.access), []);
        house.restart().await;
        put(&house, 5..6);
        assert_eq!(house.poll().await.deleted, 1);
        assert_eq!(subjects(&house).await, ["0", "1", "2", "3", "4", "5"]);
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn more_than_one_batch_is_deleted_whole() {
    for protocol in ["imap", "pop3"] {
        let house = House::open(Plan { protocol, keep_copy: false, ..Plan::default() }).await;
        put(&house, 0..150);
        let summary = house.poll().await;
        assert_eq!((summary.fetched, summary.deleted), (150, 150), "{protocol}");
        assert_eq!(contents(&house.access), []);
        assert_eq!(subjects(&house).await.len(), 150);
    }
}

#[tokio::test]
async fn a_message_too_large_is_left_there_and_only_its_headers_are_kept() {
    for protocol in ["imap", "pop3"] {
        let house = House::open(Plan { protocol, keep_copy: false, ..Plan::default() }).await;
        house.change_inbox(|inbox| inbox.max_size_bytes = 2048).await;
        let mut large = letter(0);
        large.extend(b"0123456789abcdef\r\n".repeat(1000));
        house.bed.deliver(&house.access, &large);
        put(&house, 1..2);
        let summary = house.poll().await;
        assert_eq!((summary.oversize, summary.fetched, summary.deleted), (1, 1, 1), "{summary:?}");
        assert_eq!(contents(&house.access).len(), 1, "{protocol}: the large one stays");
        assert_eq!(house.poll().await.oversize, 0, "{protocol}: and is not read again");
        let mut found = house.dispositions().await;
        found.sort();
        assert_eq!(found, ["quarantined/too_large", "unrelated/not_about_us"]);
    }
}

#[tokio::test]
async fn what_lay_there_before_the_account_is_history() {
    for (protocol, database) in EVERYWHERE {
        for keep_copy in [true, false] {
            let plan = Plan { protocol, database, keep_copy, ..Plan::default() };
            let house = House::bare(&plan).await;
            for number in 0..3 {
                house.access.put_old(&letter(number), Duration::from_secs(3600));
            }
            house.add_inbox(house.inbox_fields(&plan)).await;
            put(&house, 3..4);
            let summary = house.poll().await;
            assert_eq!(summary.fetched, 1, "{protocol} {database:?} {keep_copy}: {summary:?}");
            assert_eq!(house.poll().await.fetched, 0);
            assert_eq!(subjects(&house).await, ["3"]);
            let left = if keep_copy { 4 } else { 3 };
            assert_eq!(contents(&house.access).len(), left, "history is not ours to delete");
        }
    }
}

#[tokio::test]
async fn history_is_read_where_that_is_asked_for() {
    for protocol in ["imap", "pop3"] {
        let plan = Plan { protocol, ..Plan::default() };
        let house = House::bare(&plan).await;
        for number in 0..3 {
            house.access.put_old(&letter(number), Duration::from_secs(3600));
        }
        let mut fields = house.inbox_fields(&plan);
        fields["import_existing"] = json!(true);
        house.add_inbox(fields).await;
        assert_eq!(house.poll().await.fetched, 3, "{protocol}");
        assert_eq!(house.poll().await.fetched, 0, "{protocol}");
    }
}

#[tokio::test]
async fn a_renumbered_folder_loses_nothing_and_counts_nothing_twice() {
    for keep_copy in [true, false] {
        for database in [Database::Sqlite, Database::Postgres] {
            let plan = Plan { database, keep_copy, ..Plan::default() };
            let house = House::bare(&plan).await;
            house.access.put_old(&letter(0), Duration::from_secs(3600));
            house.add_inbox(house.inbox_fields(&plan)).await;
            house.add_smtp(json!({})).await;
            let ana = house.bed.mailbox("ana");
            let request = house.ask(&ana).await;
            let asked = house.notification(&ana).await;
            house.answer(&ana, &asked, "APPROVE").await;
            put(&house, 1..3);
            assert_eq!(house.poll().await.fetched, 3);
            put(&house, 3..5);
            house.access.renumber();
            let summary = house.poll().await;
            let known = if keep_copy { 3 } else { 0 };
            assert_eq!((summary.fetched, summary.recognised), (2, known), "{summary:?}");
            assert_eq!(house.poll().await.fetched, 0);
            assert_eq!(house.decisions().await.len(), 1);
            assert_eq!(house.status(&request).await, "approved");
            assert_eq!(house.messages().await.len(), 5, "history is still not read");
            let left = if keep_copy { 6 } else { 1 };
            assert_eq!(contents(&house.access).len(), left);
            house.assert_books_hold().await;
        }
    }
}

#[tokio::test]
async fn pop3_names_that_change_decide_nothing_twice() {
    let house = House::open(Plan { protocol: "pop3", ..Plan::default() }).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    house.access.renumber();
    house.poll().await;
    assert_eq!(house.decisions().await.len(), 1);
    assert_eq!(house.status(&request).await, "approved");
    house.assert_books_hold().await;
}

#[tokio::test]
async fn a_pop3_session_lost_before_quit_deletes_nothing_and_judges_nothing_twice() {
    for database in [Database::Sqlite, Database::Postgres] {
        let plan = Plan { database, ..Plan::default() };
        let house = House::bare(&plan).await;
        let server = FaultServer::start(Fault::DropsPop3AtQuit(vec![letter(0), letter(1)])).await;
        house
            .add_inbox(json!({
                "protocol": "pop3", "security": "none", "port": server.port, "ca_pem": null,
                "host": "127.0.0.1", "keep_copy": false, "import_existing": true,
            }))
            .await;
        for visit in 0..2 {
            let failed = polling::poll_now(&house.instance, &house.inbox().await).await.unwrap();
            let error = failed.unwrap_err().to_string();
            assert!(error.contains("`access`") && error.contains("`quit`"), "{error}");
            assert_eq!(subjects(&house).await, ["0", "1"], "visit {visit}");
        }
        let commands = server.heard().commands;
        let count = |verb: &str| commands.iter().filter(|c| c.starts_with(verb)).count();
        assert_eq!(count("RETR"), 2, "nothing is fetched again: {commands:?}");
        assert_eq!(count("DELE"), 4, "the deletion is asked for again: {commands:?}");
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn the_clock_visits_only_what_is_enabled_and_checked_automatically() {
    let house = House::open(Plan::default()).await;
    put(&house, 0..1);
    house.change_inbox(|inbox| inbox.automatic_check = false).await;
    // A second account that is visited shows when the first would have been.
    let watched = house.bed.mailbox("watched");
    crate::house::add_credential(&house.instance, "watched", &watched.login, &watched.password)
        .await;
    let login = countersign::actions::credentials::find(&house.instance, "watched").await.unwrap();
    house
        .add_inbox(json!({
            "name": "watched", "addresses": [watched.address], "credential_id": login.id,
        }))
        .await;
    house.bed.deliver(&watched, &letter(1));
    let service = house.serve();
    eventually("the watched mailbox to be visited", async || {
        (subjects(&house).await == ["1"]).then_some(())
    })
    .await;
    service.stop().await;
    let mut house = house;
    house.restart().await;
    let (_, state) = accounts::inbox_health(&house.instance, &house.inbox().await).await.unwrap();
    let state = state.expect("the account was scheduled");
    assert_eq!((state.lease_epoch, state.last_started_at), (0, None), "it was never visited");

    assert_eq!(house.poll().await.fetched, 1, "by hand it may be visited");
    house.change_inbox(|inbox| inbox.enabled = false).await;
    let refused = polling::poll_now(&house.instance, &house.inbox().await).await;
    assert!(matches!(refused, Err(ActionError::Conflict(said)) if said.contains("disabled")));
}

#[tokio::test]
async fn two_visits_to_one_mailbox_at_once_are_refused() {
    let house = House::open(Plan::default()).await;
    put(&house, 0..100);
    let account = house.inbox().await;
    let (one, two) = tokio::join!(
        polling::poll_now(&house.instance, &account),
        polling::poll_now(&house.instance, &account),
    );
    let refused = [&one, &two].into_iter().filter(|r| matches!(r, Err(ActionError::Conflict(_))));
    assert_eq!(refused.count(), 1);
    assert_eq!(subjects(&house).await.len(), 100);
}

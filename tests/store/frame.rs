//! Transactions, errors, migrations, and the schema itself.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use countersign::{
    clock::Clock,
    domain::{
        decision::{Disposition, Reason},
        outbox::{Kind, NewOutboxMessage, State},
        reply::lexicon::{Addition, Role},
    },
    store::{
        Store, StoreError, UNIQUE, credentials, inbound_messages, instance, lexicon,
        mailbox::{self, CopyState},
        outbox, people, settings,
    },
};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::{
    both,
    database::{TestDatabase, noon},
    samples::{credential, furnish, id, inbound, mail, person},
};

both! {
    async fn what_is_not_committed_never_happened(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(2)).await.unwrap();
        tx.rollback().await.unwrap();
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(3)).await.unwrap();
        tx.commit().await.unwrap();
        let found = credentials::list(&mut db.read().await).await.unwrap();
        assert_eq!(found, [credential(3)]);
    }

    async fn a_savepoint_undoes_one_message_and_its_failure(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        tx.savepoint("one_message").await.unwrap();
        credentials::add(&mut tx, &credential(2)).await.unwrap();
        let twice = credentials::add(&mut tx, &credential(2)).await;
        assert!(matches!(twice, Err(StoreError::Taken { .. })));
        assert!(matches!(credentials::list(&mut tx).await, Err(StoreError::Spoilt)));
        tx.rollback_to("one_message").await.unwrap();
        tx.savepoint("one_message").await.unwrap();
        credentials::add(&mut tx, &credential(3)).await.unwrap();
        tx.release("one_message").await.unwrap();
        tx.commit().await.unwrap();
        let found = credentials::list(&mut db.read().await).await.unwrap();
        assert_eq!(found, [credential(1), credential(3)]);
    }

    async fn a_failure_that_is_ignored_cannot_be_committed(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        credentials::add(&mut tx, &credential(1)).await.unwrap_err();
        assert!(matches!(tx.commit().await, Err(StoreError::Spoilt)));
        assert_eq!(credentials::list(&mut db.read().await).await.unwrap(), []);
    }

    async fn a_reading_transaction_cannot_write_and_sees_one_moment(db) {
        let mut reader = db.read().await;
        assert_eq!(credentials::list(&mut reader).await.unwrap(), []);
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(credentials::list(&mut reader).await.unwrap(), []);
        credentials::add(&mut reader, &credential(2)).await.unwrap_err();
    }

    async fn many_writers_at_once_all_get_through(db) {
        let tasks: Vec<_> = (1..=40)
            .map(|n| {
                let store = db.store.clone();
                tokio::spawn(async move {
                    let mut tx = store.begin().await.unwrap();
                    credentials::list(&mut tx).await.unwrap();
                    credentials::add(&mut tx, &credential(n)).await.unwrap();
                    tx.commit().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(credentials::list(&mut db.read().await).await.unwrap().len(), 40);
    }

    async fn times_come_back_to_the_microsecond_and_in_order(db) {
        let mut tx = db.begin().await;
        // The forms a text timestamp takes: no fraction, three digits, six.
        let offsets = [0, 1, 500_000, 500_001, 999_999, 1_000_000];
        for (n, micros) in (1..).zip(offsets) {
            let mut row = credential(n);
            row.key_id = format!("{micros:07}");
            row.created_at = noon() + TimeDelta::microseconds(micros);
            credentials::add(&mut tx, &row).await.unwrap();
            assert_eq!(credentials::find(&mut tx, row.id).await.unwrap(), Some(row));
            people::add(&mut tx, &person(n, &[]), noon() + TimeDelta::microseconds(micros))
                .await
                .unwrap();
        }
        let page = countersign::store::Page::first(10);
        let listed = people::list(&mut tx, &page).await.unwrap().items;
        let order: Vec<_> = listed.iter().map(|person| person.id).collect();
        assert_eq!(order, [6, 5, 4, 3, 2, 1].map(id));
    }

    async fn a_standing_clock_is_the_databases_time_too(db) {
        assert_eq!(db.store.now().await.unwrap(), noon());
        db.clock.advance(TimeDelta::seconds(5));
        let mut tx = db.begin().await;
        assert_eq!(tx.now().await.unwrap(), noon() + TimeDelta::seconds(5));
    }

    async fn the_running_clock_moves_within_a_transaction(db) {
        let clock = Clock::system();
        let store = Store::open(&db.url, clock.clone()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let (first, second) = (tx.now().await.unwrap(), tx.now().await.unwrap());
        assert!(first <= second);
        if db.is_postgres() {
            assert!(first < second, "{first} {second}");
        }
        assert!((clock.now() - store.now().await.unwrap()).abs() < TimeDelta::seconds(10));
    }

    async fn an_unknown_word_in_a_row_is_named(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        tx.commit().await.unwrap();
        db.behind_its_back("UPDATE smtp_account SET sender = 'nobody'").await.unwrap();
        let error = countersign::store::smtp_accounts::find(&mut db.read().await, id(1)).await;
        let text = error.unwrap_err().to_string();
        assert!(
            ["smtp_account", "sender", "00000001", "nobody"].iter().all(|part| text.contains(part)),
            "{text}"
        );
    }

    async fn every_word_of_the_domain_has_its_place_in_the_schema(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for (n, &reason) in (1..).zip(Reason::ALL) {
            inbound_messages::add(&mut tx, &inbound(n, id(1), reason)).await.unwrap();
        }
        let judged = inbound_messages::count_by_disposition(&mut tx, None, None).await.unwrap();
        assert_eq!(judged.len(), Disposition::ALL.len());
        for (n, &kind) in (1..).zip(Kind::ALL) {
            let own = NewOutboxMessage { kind, ..mail(n, None) };
            outbox::add(&mut tx, &own).await.unwrap();
            assert_eq!(outbox::find(&mut tx, id(n)).await.unwrap().unwrap().kind, kind);
        }
        let mut from = State::Queued;
        for &to in State::ALL.iter().filter(|state| **state != State::Sending) {
            assert!(outbox::set_state(&mut tx, id(1), &[from], to, None).await.unwrap(), "{to}");
            assert_eq!(outbox::find(&mut tx, id(1)).await.unwrap().unwrap().state, to);
            from = to;
        }
        let uid = ["7".to_owned()];
        mailbox::count_try(&mut tx, id(1), "INBOX", 1, "7", "x").await.unwrap();
        for &state in CopyState::ALL {
            use CopyState::{Deleted, Kept, ToDelete};
            tx.savepoint("one_state").await.unwrap();
            let set = mailbox::set_state(&mut tx, id(1), "INBOX", 1, &uid, state).await;
            assert_eq!(set.is_err(), matches!(state, Kept | ToDelete | Deleted), "{state:?}");
            tx.rollback_to("one_state").await.unwrap();
        }
    }

    async fn the_first_node_names_the_instance_and_a_restore_raises_its_epoch(db) {
        let mut tx = db.begin().await;
        assert_eq!(instance::find(&mut tx).await.unwrap(), None);
        let first = instance::start(&mut tx, id(7), noon()).await.unwrap();
        assert_eq!((first.id, first.epoch, first.created_at), (id(7), 1, noon()));
        let again = instance::start(&mut tx, id(8), noon() + TimeDelta::hours(1)).await.unwrap();
        assert_eq!(again, first);
        assert_eq!(instance::raise_epoch(&mut tx).await.unwrap(), 2);
        assert_eq!(instance::find(&mut tx).await.unwrap().unwrap().epoch, 2);
    }

    async fn settings_are_defaults_until_changed_and_two_admins_do_not_overwrite_each_other(db) {
        let mut tx = db.begin().await;
        let (mut own, version) = settings::find(&mut tx).await.unwrap();
        assert_eq!((own.name.as_str(), version), ("countersign", 0));
        own.name = "gate".to_owned();
        own.approver_domains = vec!["x.test".to_owned()];
        assert!(settings::update(&mut tx, &own, 0).await.unwrap());
        assert!(!settings::update(&mut tx, &own, 0).await.unwrap());
        assert_eq!(settings::find(&mut tx).await.unwrap(), (own.clone(), 1));
        assert!(settings::update(&mut tx, &own, 1).await.unwrap());
        assert!(!settings::update(&mut tx, &own, 1).await.unwrap());
        assert_eq!(settings::find(&mut tx).await.unwrap().1, 2);
    }

    async fn words_are_kept_whole_and_two_admins_do_not_overwrite_each_other(db) {
        let mut tx = db.begin().await;
        assert_eq!(lexicon::find(&mut tx).await.unwrap(), (Vec::new(), 0));
        let (language, pattern) = ("en".to_owned(), "ship it".to_owned());
        let added = vec![Addition { language, role: Role::Approve, pattern }];
        assert!(lexicon::update(&mut tx, &added, 0).await.unwrap());
        assert!(!lexicon::update(&mut tx, &[], 0).await.unwrap());
        assert_eq!(lexicon::find(&mut tx).await.unwrap(), (added, 1));
        assert!(lexicon::update(&mut tx, &[], 1).await.unwrap());
        assert_eq!(lexicon::version(&mut tx).await.unwrap(), 2);
    }
}

async fn check_migrations(db: TestDatabase) -> Vec<String> {
    let pending = db.store.pending_migrations().await.unwrap();
    assert_eq!(db.store.migrate().await.unwrap(), pending);
    assert_eq!(db.store.pending_migrations().await.unwrap(), Vec::<String>::new());
    assert_eq!(db.store.migrate().await.unwrap(), Vec::<String>::new());
    db.behind_its_back(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await
    .unwrap();
    let newer = db.store.pending_migrations().await.unwrap_err();
    assert!(matches!(&newer, StoreError::Schema(text) if text.contains("9999")), "{newer}");
    assert!(db.store.migrate().await.is_err());
    pending
}

#[tokio::test]
async fn migrations_are_the_same_on_both_and_a_newer_database_is_refused() {
    let sqlite = check_migrations(TestDatabase::empty_sqlite().await).await;
    let postgres = check_migrations(TestDatabase::empty_postgres().await).await;
    assert_eq!(sqlite, postgres);
    for side in ["sqlite", "postgres"] {
        let directory = format!("{}/migrations/{side}", env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(directory).unwrap().flatten();
        let mut names: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        names.sort();
        // The file names have underscores where the descriptions have spaces.
        let known: Vec<_> = sqlite.iter().map(|n| n.replace(' ', "_") + ".sql").collect();
        assert_eq!(names, known, "{side}: this was built before a migration was added");
    }
}

/// (table, column, whether it may be null)
type Columns = BTreeSet<(String, String, bool)>;

#[tokio::test]
async fn both_schemas_have_the_same_tables_and_columns() {
    let (sqlite, postgres) = (TestDatabase::sqlite().await, TestDatabase::postgres().await);
    let mut connection = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let of_sqlite: Columns = sqlx::query_as(
        "SELECT t.name, c.name, NOT c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\' AND t.name NOT LIKE 'sqlite%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .collect();
    let loose: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict
         AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(loose, Vec::<String>::new());
    let mut connection = PgConnection::connect(&postgres.url).await.unwrap();
    let of_postgres: Columns = sqlx::query_as(
        "SELECT table_name::text, column_name::text, is_nullable = 'YES'
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .collect();
    assert!(of_sqlite.len() > 150, "{}", of_sqlite.len());
    assert_eq!(of_sqlite, of_postgres);
}

#[tokio::test]
async fn every_unique_constraint_has_a_name_for_people() {
    let (sqlite, postgres) = (TestDatabase::sqlite().await, TestDatabase::postgres().await);
    let mut connection = PgConnection::connect(&postgres.url).await.unwrap();
    let names: BTreeSet<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE i.indisunique AND n.nspname = 'public' AND c.relname NOT LIKE '%\\_pkey'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .collect();
    assert_eq!(names, UNIQUE.iter().map(|(name, ..)| (*name).to_owned()).collect());
    let mut connection = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let columns: BTreeSet<String> = sqlx::query_scalar(
        "SELECT group_concat(t.name || '.' || c.name, ', ' ORDER BY c.seqno)
         FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) c
         WHERE t.type = 'table' AND i.\"unique\" GROUP BY i.name",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap()
    .into_iter()
    .collect();
    for (_, known, what) in UNIQUE {
        assert!(columns.contains(*known), "{what}: {known}");
    }
}

#[tokio::test]
async fn the_sqlite_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let db = TestDatabase::sqlite().await;
    let path = db.url.strip_prefix("sqlite:").unwrap();
    for file in [path.to_owned(), format!("{path}-wal")] {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_url_that_is_no_database_is_refused_with_a_reason() {
    let open = |url: &'static str| Store::open(url, Clock::standing_at(noon()));
    assert!(matches!(open("mysql://x").await, Err(StoreError::Schema(_))));
    assert!(matches!(open("sqlite::memory:").await, Err(StoreError::Schema(_))));
    let nowhere = open("sqlite:/nonexistent/store.db").await;
    assert!(nowhere.is_err_and(|error| error.may_pass()));
}

#[tokio::test]
async fn a_locked_database_is_unavailable_and_not_broken() {
    let db = TestDatabase::postgres().await;
    let mut blocker = PgConnection::connect(&db.url).await.unwrap();
    let mut lock = blocker.begin().await.unwrap();
    sqlx::query("LOCK TABLE credential").execute(&mut *lock).await.unwrap();
    let mut tx = db.begin().await;
    // What the server says when it is told to stop, or a limit is reached.
    let waiting = tokio::spawn(async move { credentials::list(&mut tx).await });
    let cancel = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query(cancel).fetch_all(&mut *lock).await.unwrap().is_empty() {}
    let error = waiting.await.unwrap().unwrap_err();
    assert!(error.may_pass(), "{error:?}");
    drop(lock);
}

#[tokio::test]
async fn a_connection_lost_at_the_commit_leaves_it_open_whether_it_happened() {
    let db = TestDatabase::postgres().await;
    let mut tx = db.begin().await;
    credentials::add(&mut tx, &credential(1)).await.unwrap();
    db.behind_its_back(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND state = 'idle in transaction'",
    )
    .await
    .unwrap();
    let error = tx.commit().await.unwrap_err();
    assert!(matches!(error, StoreError::CommitUnknown { .. }), "{error:?}");
}

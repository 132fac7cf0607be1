//! The chain.

use chrono::TimeDelta;
use countersign::{
    domain::ledger::{Kind, NewEntry, chain::Verifier},
    store::{Store, ledger},
};
use serde_json::json;

use crate::{
    both,
    database::{TestDatabase, noon},
    samples::id,
};

fn entry(n: i64) -> NewEntry {
    NewEntry {
        at: noon() + TimeDelta::microseconds(n),
        kind: Kind::MessageJudged,
        access_request_id: (n % 2 == 0).then(|| id(42)),
        facts: json!({"z": n, "a": [1, "x", null, true], "big": i64::MAX, "deep": {"k\0": "\0é"}}),
        private: (n % 3 != 0).then(|| json!({"name": "Ana \0 \"\\", "n": n})),
        salt: [u8::try_from(n % 256).unwrap(); 16],
    }
}

async fn append(db: &TestDatabase, numbers: std::ops::RangeInclusive<i64>) -> Vec<i64> {
    let mut tx = db.begin().await;
    let entries: Vec<_> = numbers.map(entry).collect();
    let places = ledger::append(&mut tx, &entries).await.unwrap();
    tx.commit().await.unwrap();
    places
}

/// Walks the whole chain as it is read back; gives its length.
async fn verify(store: &Store) -> i64 {
    let mut tx = store.read().await.unwrap();
    let mut verifier = Verifier::default();
    let mut after = 0;
    loop {
        let part = ledger::list(&mut tx, after, 7).await.unwrap();
        let Some((last, _)) = part.last() else { break };
        after = last.seq;
        for (entry, private) in &part {
            verifier.next(entry, private.as_ref()).unwrap();
        }
    }
    verifier.finish(ledger::head(&mut tx).await.unwrap()).unwrap()
}

both! {
    async fn what_is_read_back_still_proves_itself(db) {
        assert_eq!(verify(&db.store).await, 0);
        assert_eq!(append(&db, 1..=3).await, [1, 2, 3]);
        assert_eq!(append(&db, 4..=20).await.last(), Some(&20));
        assert_eq!(verify(&db.store).await, 20);
        let mut tx = db.read().await;
        let of_request = ledger::list_of_request(&mut tx, id(42)).await.unwrap();
        assert!(of_request.iter().all(|(entry, _)| entry.seq % 2 == 0));
        assert_eq!(of_request.len(), 10);
        let (entry, private) = &of_request[0];
        assert_eq!((entry.at, entry.kind), (noon() + TimeDelta::microseconds(2), Kind::MessageJudged));
        assert_eq!(private.as_ref().unwrap().body, json!({"name": "Ana \u{fffd} \"\\", "n": 2}));
        assert_eq!(of_request[2].1, None, "the sixth has none");
    }

    async fn erasing_the_private_parts_leaves_the_chain_whole(db) {
        append(&db, 1..=10).await;
        let mut tx = db.begin().await;
        assert_eq!(ledger::erase_private(&mut tx, &[1, 2, 3, 4]).await.unwrap(), 3);
        assert_eq!(ledger::erase_private(&mut tx, &[]).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(verify(&db.store).await, 10);
        let listed = ledger::list(&mut db.read().await, 0, 5).await.unwrap();
        let left: Vec<bool> = listed.iter().map(|(_, private)| private.is_some()).collect();
        assert_eq!(left, [false, false, false, false, true]);
    }

    async fn the_database_itself_refuses_to_rewrite_history(db) {
        append(&db, 1..=3).await;
        for attack in [
            "UPDATE ledger_entry SET kind = 'key_rotated' WHERE seq = 2",
            "DELETE FROM ledger_entry WHERE seq = 3",
            "UPDATE ledger_private SET body = '{}' WHERE seq = 1",
            "UPDATE ledger_head SET seq = 2",
            "DELETE FROM ledger_head",
        ] {
            let refused = db.behind_its_back(attack).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{attack}: {refused}");
        }
        if db.is_postgres() {
            db.behind_its_back("TRUNCATE ledger_entry CASCADE").await.unwrap_err();
        }
        assert_eq!(verify(&db.store).await, 3);
    }

    async fn writers_on_two_nodes_make_one_chain_without_gaps(db) {
        let other = db.another_node().await;
        let tasks: Vec<_> = (0..20)
            .map(|n| {
                let store = if n % 2 == 0 { db.store.clone() } else { other.clone() };
                tokio::spawn(async move {
                    let mut tx = store.begin().await.unwrap();
                    ledger::append(&mut tx, &[entry(n), entry(n + 100)]).await.unwrap();
                    // A writer that gives up leaves nothing behind.
                    if n % 5 == 0 { drop(tx) } else { tx.commit().await.unwrap() }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(verify(&db.store).await, 32);
    }
}

//! Leases on mailboxes, and the copies that lie in them.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;
use countersign::{
    domain::{decision::Reason, ids::InboxAccountId},
    store::{
        StoreError, Tx, inbound_messages, inbox_accounts,
        inbox_state::{self, AfterVisit},
        mailbox::{self, CopyState, NewCopy, Place},
    },
};
use serde_json::json;

use crate::{
    both,
    database::{after, noon},
    samples::{ONE_NODE, OTHER_NODE, furnish, id, inbound, inbox_account},
};

fn visit(due: i64) -> AfterVisit {
    AfterVisit {
        due_at: after(due),
        started_at: after(1),
        ended_at: after(2),
        error: None,
        refused_login: false,
        paused_reason: None,
        summary: json!({"fetched": 3}),
    }
}

async fn state(tx: &mut Tx) -> inbox_state::InboxState {
    inbox_state::find(tx, id(1)).await.unwrap().unwrap()
}

both! {
    async fn only_what_is_polled_due_and_free_is_claimed(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut disabled = inbox_account(2, id(1));
        disabled.enabled = false;
        let mut by_hand = inbox_account(3, id(1));
        by_hand.automatic_check = false;
        for account in [&disabled, &by_hand, &inbox_account(4, id(1)), &inbox_account(5, id(1))] {
            inbox_accounts::add(&mut tx, account, noon()).await.unwrap();
        }
        inbox_state::schedule(&mut tx, id(4), after(10)).await.unwrap();
        assert_eq!(inbox_state::next_due(&mut tx).await.unwrap(), Some(noon()));
        let leases = inbox_state::claim_due(&mut tx, ONE_NODE, noon(), after(60), 10).await.unwrap();
        let claimed: BTreeSet<InboxAccountId> = leases.iter().map(|lease| lease.account).collect();
        assert_eq!(claimed, [id(1), id(5)].into());
        assert!(leases.iter().all(|lease| lease.epoch == 1 && lease.until == after(60)));
        let again = inbox_state::claim_due(&mut tx, OTHER_NODE, after(5), after(65), 10).await.unwrap();
        assert_eq!(again, []);
        assert_eq!(inbox_state::next_due(&mut tx).await.unwrap(), Some(after(10)));
        let later = inbox_state::claim_due(&mut tx, OTHER_NODE, after(61), after(120), 1).await.unwrap();
        assert_eq!(later.len(), 1, "the limit holds");
    }

    async fn a_mailbox_may_be_asked_for_by_hand_unless_it_is_disabled_or_leased(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut disabled = inbox_account(2, id(1));
        disabled.enabled = false;
        inbox_accounts::add(&mut tx, &disabled, noon()).await.unwrap();
        inbox_state::schedule(&mut tx, id(1), after(1000)).await.unwrap();
        let lease = inbox_state::claim(&mut tx, id(1), ONE_NODE, noon(), after(60)).await.unwrap();
        assert_eq!(lease.unwrap().epoch, 1);
        for account in [1, 2, 9] {
            let none = inbox_state::claim(&mut tx, id(account), OTHER_NODE, noon(), after(60));
            assert_eq!(none.await.unwrap(), None, "{account}");
        }
    }

    async fn two_nodes_that_claim_at_once_share_and_never_overlap(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for n in 2..=60 {
            inbox_accounts::add(&mut tx, &inbox_account(n, id(1)), noon()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claim = async |store: countersign::store::Store, node| {
            let mut claimed = Vec::new();
            loop {
                let mut tx = store.begin().await.unwrap();
                let leases =
                    inbox_state::claim_due(&mut tx, node, noon(), after(60), 7).await.unwrap();
                tx.commit().await.unwrap();
                if leases.is_empty() {
                    return claimed;
                }
                claimed.extend(leases.into_iter().map(|lease| lease.account));
            }
        };
        let (one, other) = tokio::join!(
            claim(db.store.clone(), ONE_NODE),
            claim(db.another_node().await, OTHER_NODE)
        );
        let all: BTreeSet<InboxAccountId> = one.iter().chain(&other).copied().collect();
        assert_eq!((all.len(), one.len() + other.len()), (60, 60));
    }

    async fn a_stale_holder_is_fenced_off(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let old = inbox_state::claim(&mut tx, id(1), ONE_NODE, noon(), after(60)).await.unwrap().unwrap();
        inbox_state::fence(&mut tx, &old).await.unwrap();
        assert!(inbox_state::renew(&mut tx, &old, after(90)).await.unwrap());
        db.clock.advance(TimeDelta::seconds(90));
        let lost = inbox_state::fence(&mut tx, &old).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost)), "it has run out: {lost:?}");
        assert!(!inbox_state::renew(&mut tx, &old, after(200)).await.unwrap());
        let new = inbox_state::claim(&mut tx, id(1), OTHER_NODE, after(90), after(150)).await.unwrap().unwrap();
        assert_eq!(new.epoch, old.epoch + 1);
        assert!(matches!(inbox_state::fence(&mut tx, &old).await, Err(StoreError::LeaseLost)));
        assert!(!inbox_state::release(&mut tx, &old, &visit(500)).await.unwrap());
        inbox_state::fence(&mut tx, &new).await.unwrap();
        assert_eq!(state(&mut tx).await.last_summary, None, "the stale release wrote nothing");
        let same_node = inbox_state::Lease { epoch: old.epoch, ..new };
        assert!(matches!(inbox_state::fence(&mut tx, &same_node).await, Err(StoreError::LeaseLost)));
        tx.commit().await.unwrap();
    }

    async fn a_fence_holds_off_a_claim_until_the_commit(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let lease = inbox_state::claim(&mut tx, id(1), ONE_NODE, noon(), after(60)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        let mut fenced = db.begin().await;
        inbox_state::fence(&mut fenced, &lease).await.unwrap();
        let other = db.another_node().await;
        let claim = tokio::spawn(async move {
            let mut tx = other.begin().await.unwrap();
            // The other node's view of the time is past the end of the lease.
            let found = inbox_state::claim(&mut tx, id(1), OTHER_NODE, after(61), after(120)).await;
            tx.commit().await.unwrap();
            found.unwrap()
        });
        db.until_it_waits(&claim).await;
        assert!(inbox_state::renew(&mut fenced, &lease, after(300)).await.unwrap());
        fenced.commit().await.unwrap();
        assert_eq!(claim.await.unwrap(), None);
    }

    async fn a_visit_leaves_its_story(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let claim = async |tx: &mut Tx, at| {
            inbox_state::claim(tx, id(1), ONE_NODE, at, at + TimeDelta::seconds(60)).await.unwrap().unwrap()
        };
        let lease = claim(&mut tx, noon()).await;
        let failed = AfterVisit {
            error: Some(("auth".to_owned(), "NO \0 denied".to_owned())),
            refused_login: true,
            ..visit(100)
        };
        assert!(inbox_state::release(&mut tx, &lease, &failed).await.unwrap());
        let seen = state(&mut tx).await;
        assert_eq!((seen.failures, seen.refused_logins, seen.due_at), (1, 1, after(100)));
        assert_eq!(seen.last_error.as_deref(), Some("NO \u{fffd} denied"));
        assert_eq!((seen.last_error_step.as_deref(), seen.last_success_at), (Some("auth"), None));
        assert_eq!((seen.lease_node, seen.last_summary), (None, Some(json!({"fetched": 3}))));
        let lease = claim(&mut tx, after(100)).await;
        let unreachable =
            AfterVisit { error: Some(("connect".to_owned(), "refused".to_owned())), ..visit(200) };
        assert!(inbox_state::release(&mut tx, &lease, &unreachable).await.unwrap());
        let seen = state(&mut tx).await;
        assert_eq!((seen.failures, seen.refused_logins), (2, 1), "no answer is no refusal, nor its end");
        let lease = claim(&mut tx, after(200)).await;
        let paused = AfterVisit { paused_reason: Some("3 refused logins".to_owned()), ..failed };
        assert!(inbox_state::release(&mut tx, &lease, &paused).await.unwrap());
        let none = inbox_state::claim_due(&mut tx, ONE_NODE, after(999), after(1060), 9).await.unwrap();
        assert_eq!((none, inbox_state::next_due(&mut tx).await.unwrap()), (vec![], None));
        assert!(inbox_state::resume(&mut tx, id(1), after(999)).await.unwrap());
        assert!(!inbox_state::resume(&mut tx, id(1), after(999)).await.unwrap());
        let leases = inbox_state::claim_due(&mut tx, ONE_NODE, after(999), after(1060), 9).await.unwrap();
        assert!(inbox_state::release(&mut tx, &leases[0], &visit(2000)).await.unwrap());
        let seen = state(&mut tx).await;
        assert_eq!((seen.failures, seen.last_success_at), (0, Some(after(2))));
        assert!(seen.last_error.is_some(), "the last error stays to be read");
    }

    async fn a_node_that_stops_gives_back_all_it_holds(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        inbox_accounts::add(&mut tx, &inbox_account(2, id(1)), noon()).await.unwrap();
        inbox_state::claim(&mut tx, id(1), ONE_NODE, noon(), after(60)).await.unwrap().unwrap();
        inbox_state::claim(&mut tx, id(2), OTHER_NODE, noon(), after(60)).await.unwrap().unwrap();
        assert_eq!(inbox_state::release_all(&mut tx, ONE_NODE).await.unwrap(), 1);
        let leases = inbox_state::claim_due(&mut tx, OTHER_NODE, noon(), after(60), 9).await.unwrap();
        assert_eq!(leases.iter().map(|l| (l.account, l.epoch)).collect::<Vec<_>>(), [(id(1), 2)]);
    }

    async fn a_place_is_remembered_per_folder(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        assert_eq!(mailbox::place(&mut tx, id(1), "INBOX").await.unwrap(), None);
        // UIDVALIDITY and UID are unsigned 32-bit numbers.
        for place in [
            Place { uid_validity: 4_294_967_295, last_uid: 4_294_967_295 },
            Place { uid_validity: 7, last_uid: 0 },
        ] {
            mailbox::set_place(&mut tx, id(1), "INBOX", place).await.unwrap();
            assert_eq!(mailbox::place(&mut tx, id(1), "INBOX").await.unwrap(), Some(place));
        }
        assert_eq!(mailbox::place(&mut tx, id(1), "Archive").await.unwrap(), None);
    }

    async fn ten_thousand_copies_are_written_in_one_go(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let uids: Vec<String> = (0..10_000).map(|n| format!("u\"{n}\\")).collect();
        let new = mailbox::add_history(&mut tx, id(1), "INBOX", 0, &uids, noon()).await.unwrap();
        assert_eq!(new, 10_000);
        let again = mailbox::add_history(&mut tx, id(1), "INBOX", 0, &uids[..9], noon()).await.unwrap();
        assert_eq!(again, 0);
        let known = mailbox::known_uids(&mut tx, id(1), "INBOX", 0).await.unwrap();
        let mut asked: Vec<String> = known.keys().take(7000).cloned().collect();
        asked.push("never seen".to_owned());
        let among = mailbox::known_among(&mut tx, id(1), "INBOX", 0, &asked).await.unwrap();
        assert!(among.iter().all(|(uid, state)| known.get(uid) == Some(state)));
        assert_eq!(among.len(), asked.len() - 1);
        assert_eq!(known.len(), 10_000);
        assert!(uids.iter().all(|uid| known.get(uid) == Some(&CopyState::History)));
        let some = &uids[..6_000];
        let set = mailbox::set_state(&mut tx, id(1), "INBOX", 0, some, CopyState::Oversize).await.unwrap();
        assert_eq!(set, 6_000);
        assert_eq!(mailbox::forget(&mut tx, id(1), "INBOX", 0, some).await.unwrap(), 6_000);
        assert_eq!(mailbox::list(&mut tx, id(1), "INBOX", 0).await.unwrap().len(), 4_000);
        assert_eq!(mailbox::known_uids(&mut tx, id(1), "INBOX", 1).await.unwrap(), HashMap::new());
    }

    async fn a_copy_comes_back_as_it_was_and_is_found_by_its_bytes(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        inbound_messages::add(&mut tx, &inbound(1, id(1), Reason::Approved)).await.unwrap();
        let copy = NewCopy {
            account_id: id(1),
            folder: "INBOX".to_owned(),
            validity: 5,
            uid: "17".to_owned(),
            state: CopyState::ToDelete,
            inbound_message_id: Some(id(1)),
            sha256: Some([3; 32]),
            size_bytes: Some(900),
            seen_at: after(4),
        };
        mailbox::add(&mut tx, &copy).await.unwrap();
        let found = mailbox::find_by_hash(&mut tx, id(1), &[3; 32]).await.unwrap().unwrap();
        assert_eq!((found.uid.as_str(), found.validity, found.state), ("17", 5, CopyState::ToDelete));
        assert_eq!((found.sha256, found.size_bytes, found.seen_at), (Some([3; 32]), Some(900), after(4)));
        assert_eq!(mailbox::find_by_hash(&mut tx, id(1), &[4; 32]).await.unwrap(), None);
        let due = mailbox::list_in_state(&mut tx, id(1), "INBOX", 5, CopyState::ToDelete).await.unwrap();
        assert_eq!(due, [found]);
        assert_eq!(mailbox::list_in_state(&mut tx, id(1), "INBOX", 5, CopyState::Kept).await.unwrap(), []);
        assert!(matches!(mailbox::add(&mut tx, &copy).await, Err(StoreError::Taken { .. })));
    }

    async fn nothing_is_deleted_that_was_not_kept(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for state in [CopyState::Kept, CopyState::ToDelete, CopyState::Deleted] {
            let copy = NewCopy {
                account_id: id(1),
                folder: "INBOX".to_owned(),
                validity: 5,
                uid: "17".to_owned(),
                state,
                inbound_message_id: None,
                sha256: None,
                size_bytes: None,
                seen_at: noon(),
            };
            tx.savepoint("attempt").await.unwrap();
            mailbox::add(&mut tx, &copy).await.unwrap_err();
            tx.rollback_to("attempt").await.unwrap();
        }
    }

    async fn tries_are_counted_until_the_copy_comes_to_something(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for expected in 1..=3 {
            let tries = mailbox::count_try(&mut tx, id(1), "INBOX", 5, "17", "broken\0").await.unwrap();
            assert_eq!(tries, expected);
        }
        let listed = mailbox::list(&mut tx, id(1), "INBOX", 5).await.unwrap();
        assert_eq!((listed[0].state, listed[0].tries), (CopyState::Failing, 3));
        assert_eq!(listed[0].last_error.as_deref(), Some("broken\u{fffd}"));
        inbound_messages::add(&mut tx, &inbound(1, id(1), Reason::FailedThreeTimes)).await.unwrap();
        let copy = NewCopy {
            account_id: id(1),
            folder: "INBOX".to_owned(),
            validity: 5,
            uid: "17".to_owned(),
            state: CopyState::Kept,
            inbound_message_id: Some(id(1)),
            sha256: None,
            size_bytes: None,
            seen_at: noon(),
        };
        mailbox::add(&mut tx, &copy).await.unwrap();
        let listed = mailbox::list(&mut tx, id(1), "INBOX", 5).await.unwrap();
        assert_eq!((listed[0].state, listed[0].tries), (CopyState::Kept, 3));
    }
}

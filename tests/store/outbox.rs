//! Mail that is owed.

use std::collections::BTreeSet;

use countersign::{
    domain::{
        ids::OutboxMessageId,
        outbox::{DeliveryAttempt, Kind, State},
    },
    store::{
        Page, StoreError, Tx,
        outbox::{self, Claimed, ClaimedRef, NO_DEFAULT_ACCOUNT, OutboxFilter, Settlement},
        smtp_accounts,
    },
};

use crate::{
    both,
    database::{after, noon},
    samples::{ONE_NODE, OTHER_NODE, address, furnish, furnish_request, id, mail, smtp_account},
};

fn settlement(state: State) -> Settlement {
    Settlement {
        state,
        reason: Some("250 ok\0".to_owned()),
        due_at: after(300),
        attempt: DeliveryAttempt {
            at: after(1),
            step: "data".to_owned(),
            code: Some(250),
            text: "queued as \0 7".to_owned(),
        },
        sent_at: (state == State::Sent).then(|| after(1)),
    }
}

async fn claim_due(tx: &mut Tx, at: i64, limit: i64) -> Vec<Claimed> {
    outbox::claim_due(tx, ONE_NODE, after(at), after(at + 60), limit).await.unwrap()
}

fn ids(claimed: &[Claimed]) -> BTreeSet<OutboxMessageId> {
    claimed.iter().map(|message| message.id).collect()
}

both! {
    async fn a_claim_is_held_as_long_as_it_is_renewed(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        outbox::add(&mut tx, &mail(1, Some(id(1)))).await.unwrap();
        let claimed = claim_due(&mut tx, 0, 10).await.remove(0).reference();
        assert!(outbox::renew(&mut tx, &claimed, after(120)).await.unwrap());
        assert_eq!(claim_due(&mut tx, 119, 10).await, []);
        assert_eq!(claim_due(&mut tx, 120, 10).await.len(), 1);
        let is_held = outbox::renew(&mut tx, &claimed, after(240)).await.unwrap();
        assert!(!is_held, "somebody else has it now");
    }
}

both! {
    async fn a_mail_comes_back_as_it_was(db) {
        let mut tx = db.begin().await;
        let request = furnish_request(&mut tx, &[1]).await;
        let mut own = mail(1, Some(id(1)));
        own.access_request_id = Some(request.id);
        own.approver_id = Some(request.approvers[0].id);
        outbox::add(&mut tx, &own).await.unwrap();
        let found = outbox::find(&mut tx, own.id).await.unwrap().unwrap();
        assert_eq!((found.state, found.attempts, found.reason.clone()), (State::Queued, 0, None));
        assert_eq!((&found.recipient, &found.mail_from), (&own.recipient, &own.mail_from));
        assert_eq!((found.due_at, found.not_after, found.enqueued_at), (own.due_at, own.not_after, own.enqueued_at));
        assert_eq!(outbox::find_by_message_id(&mut tx, "1@x.test").await.unwrap(), Some(found));
        assert_eq!(outbox::raw(&mut tx, own.id).await.unwrap(), Some(own.raw.clone()));
        assert_eq!(outbox::text(&mut tx, own.id).await.unwrap().as_deref(), Some("body"));
        own.id = id(2);
        let twice = outbox::add(&mut tx, &own).await;
        assert!(matches!(twice, Err(StoreError::Taken { what: "Message-ID" })), "{twice:?}");
    }

    async fn a_claim_settles_once_and_leaves_its_attempt(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        outbox::add(&mut tx, &mail(1, None)).await.unwrap();
        let claimed = claim_due(&mut tx, 0, 10).await;
        let own = &claimed[0];
        assert_eq!((own.smtp_account_id, own.attempts, own.lease_epoch), (id(1), 1, 1), "the default");
        assert_eq!((own.raw.clone(), own.message_id.as_str()), (mail(1, None).raw, "1@x.test"));
        assert!(claim_due(&mut tx, 59, 10).await.is_empty());
        assert!(outbox::settle(&mut tx, &own.reference(), &settlement(State::Sent)).await.unwrap());
        assert!(!outbox::settle(&mut tx, &own.reference(), &settlement(State::Failed)).await.unwrap());
        let found = outbox::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!((found.state, found.sent_at), (State::Sent, Some(after(1))));
        assert_eq!((found.smtp_account_id, found.sent_through_id), (None, Some(id(1))));
        let tries = outbox::attempts(&mut tx, id(1)).await.unwrap();
        assert_eq!(tries.len(), 1);
        assert_eq!((tries[0].code, tries[0].text.as_str()), (Some(250), "queued as \u{fffd} 7"));
        assert!(claim_due(&mut tx, 9999, 10).await.is_empty());
    }

    async fn a_crashed_sender_is_taken_over_and_fenced_off(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        outbox::add(&mut tx, &mail(1, Some(id(1)))).await.unwrap();
        let old = claim_due(&mut tx, 0, 10).await.remove(0);
        let new = outbox::claim_due(&mut tx, OTHER_NODE, after(60), after(120), 10).await.unwrap().remove(0);
        assert_eq!((new.attempts, new.lease_epoch), (2, 2));
        assert!(!outbox::settle(&mut tx, &old.reference(), &settlement(State::Failed)).await.unwrap());
        let guessed = ClaimedRef { node: ONE_NODE, ..new.reference() };
        assert!(!outbox::settle(&mut tx, &guessed, &settlement(State::Failed)).await.unwrap());
        let slept = ClaimedRef { lease_epoch: old.lease_epoch, ..new.reference() };
        assert!(!outbox::settle(&mut tx, &slept, &settlement(State::Failed)).await.unwrap());
        assert!(outbox::attempts(&mut tx, id(1)).await.unwrap().is_empty());
        assert!(outbox::settle(&mut tx, &new.reference(), &settlement(State::Unknown)).await.unwrap());
        assert!(claim_due(&mut tx, 299, 10).await.is_empty());
        assert_eq!(claim_due(&mut tx, 300, 10).await.len(), 1, "tried again when due");
    }

    async fn two_nodes_that_claim_at_once_never_send_the_same(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for n in 1..=90 {
            let account = if n % 3 == 0 { None } else { Some(id(1)) };
            outbox::add(&mut tx, &mail(n, account)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let claim = async |store: countersign::store::Store, node| {
            let mut all = Vec::new();
            loop {
                let mut tx = store.begin().await.unwrap();
                let claimed = outbox::claim_due(&mut tx, node, noon(), after(60), 8).await.unwrap();
                tx.commit().await.unwrap();
                if claimed.is_empty() {
                    return all;
                }
                assert!(claimed.len() <= 8);
                all.extend(claimed);
            }
        };
        let (one, other) = tokio::join!(
            claim(db.store.clone(), ONE_NODE),
            claim(db.another_node().await, OTHER_NODE)
        );
        assert_eq!(one.len() + other.len(), 90);
        assert_eq!(ids(&one).union(&ids(&other)).count(), 90);
    }

    async fn a_paused_or_disabled_account_keeps_its_queue_and_stops_no_other(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut disabled = smtp_account(3);
        disabled.enabled = false;
        smtp_accounts::add(&mut tx, &smtp_account(2), noon()).await.unwrap();
        smtp_accounts::add(&mut tx, &disabled, noon()).await.unwrap();
        for (n, account) in [(1, 2), (2, 3), (3, 1), (4, 2)] {
            outbox::add(&mut tx, &mail(n, Some(id(account)))).await.unwrap();
        }
        smtp_accounts::pause(&mut tx, id(2), "535").await.unwrap();
        assert_eq!(ids(&claim_due(&mut tx, 0, 2).await), [id(3)].into());
        assert_eq!(outbox::next_due(&mut tx).await.unwrap(), Some(after(60)), "the lease's end");
        smtp_accounts::resume(&mut tx, id(2)).await.unwrap();
        assert_eq!(outbox::next_due(&mut tx).await.unwrap(), Some(noon()));
        assert_eq!(ids(&claim_due(&mut tx, 0, 9).await), [id(1), id(4)].into());
        let counts = outbox::counts_by_state(&mut tx).await.unwrap();
        assert_eq!(counts, [(State::Queued, 1), (State::Sending, 3)]);
    }

    async fn a_long_queue_leaves_room_for_a_short_one(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        smtp_accounts::add(&mut tx, &smtp_account(2), noon()).await.unwrap();
        for n in 1..=20 {
            outbox::add(&mut tx, &mail(n, Some(id(1)))).await.unwrap();
        }
        let mut other = mail(99, Some(id(2)));
        other.due_at = after(1);
        outbox::add(&mut tx, &other).await.unwrap();
        let claimed = claim_due(&mut tx, 5, 4).await;
        assert!(ids(&claimed).contains(&id(99)), "{:?}", ids(&claimed));
        assert!(claimed.len() <= 4);
        assert_eq!(claim_due(&mut tx, 5, 100).await.len() + claimed.len(), 21);
    }

    async fn mail_without_an_account_waits_for_a_default_and_says_so(db) {
        let mut tx = db.begin().await;
        smtp_accounts::add(&mut tx, &smtp_account(1), noon()).await.unwrap();
        outbox::add(&mut tx, &mail(1, None)).await.unwrap();
        assert!(claim_due(&mut tx, 0, 9).await.is_empty());
        assert_eq!(outbox::next_due(&mut tx).await.unwrap(), None);
        let found = outbox::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!((found.state, found.reason.as_deref()), (State::Queued, Some(NO_DEFAULT_ACCOUNT)));
        assert_eq!(outbox::claim(&mut tx, id(1), ONE_NODE, noon(), after(60)).await.unwrap(), None);
        smtp_accounts::make_default(&mut tx, id(1), noon()).await.unwrap();
        assert_eq!(outbox::next_due(&mut tx).await.unwrap(), Some(noon()));
        assert_eq!(claim_due(&mut tx, 0, 9).await.len(), 1);
        assert_eq!(outbox::find(&mut tx, id(1)).await.unwrap().unwrap().reason, None);
    }

    async fn one_message_is_claimed_because_somebody_waits_for_it(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut later = mail(1, Some(id(1)));
        later.due_at = after(500);
        outbox::add(&mut tx, &later).await.unwrap();
        smtp_accounts::pause(&mut tx, id(1), "535").await.unwrap();
        let claim = async |tx: &mut Tx, at| {
            outbox::claim(tx, id(1), ONE_NODE, after(at), after(at + 60)).await.unwrap()
        };
        let own = claim(&mut tx, 0).await.unwrap();
        assert_eq!((own.until, own.attempts), (after(60), 1));
        assert_eq!(claim(&mut tx, 59).await, None, "it is being sent");
        let taken_over = claim(&mut tx, 60).await.unwrap();
        assert!(outbox::settle(&mut tx, &taken_over.reference(), &settlement(State::Sent)).await.unwrap());
        assert_eq!(claim(&mut tx, 999).await, None, "it is settled");
    }

    async fn states_are_moved_by_hand_only_from_where_they_may(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        outbox::add(&mut tx, &mail(1, Some(id(1)))).await.unwrap();
        let own = claim_due(&mut tx, 0, 1).await.remove(0);
        let waiting = [State::Queued, State::Deferred];
        assert!(!outbox::set_state(&mut tx, id(1), &waiting, State::Cancelled, None).await.unwrap());
        let from = [State::Queued, State::Sending];
        assert!(outbox::set_state(&mut tx, id(1), &from, State::Cancelled, Some("by ana")).await.unwrap());
        assert!(!outbox::settle(&mut tx, &own.reference(), &settlement(State::Sent)).await.unwrap());
        let found = outbox::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!((found.state, found.reason.as_deref()), (State::Cancelled, Some("by ana")));
        assert!(outbox::set_state(&mut tx, id(1), &[State::Cancelled], State::Queued, None).await.unwrap());
        let again = claim_due(&mut tx, 0, 1).await.remove(0);
        assert!(outbox::settle(&mut tx, &again.reference(), &settlement(State::Sent)).await.unwrap());
        let bounced = outbox::set_state(&mut tx, id(1), &[State::Sent], State::Bounced, Some("5.1.1"));
        assert!(bounced.await.unwrap());
        assert!(!outbox::set_state(&mut tx, id(2), &[State::Sent], State::Bounced, None).await.unwrap());
    }

    async fn a_mended_account_is_woken(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for (n, account, state) in [
            (1, Some(id(1)), State::Deferred),
            (2, None, State::Deferred),
            (3, Some(id(1)), State::Unknown),
            (4, Some(id(1)), State::Failed),
        ] {
            outbox::add(&mut tx, &mail(n, account)).await.unwrap();
            let own = claim_due(&mut tx, 0, 1).await.remove(0);
            assert!(outbox::settle(&mut tx, &own.reference(), &settlement(state)).await.unwrap());
        }
        assert_eq!(outbox::wake_account(&mut tx, id(1)).await.unwrap(), 2);
        assert_eq!(ids(&claim_due(&mut tx, 0, 9).await), [id(1), id(2)].into());
    }

    async fn the_outbox_is_listed_by_what_is_asked(db) {
        let mut tx = db.begin().await;
        let request = furnish_request(&mut tx, &[1]).await;
        for n in 1..=4 {
            let mut own = mail(n, (n == 1).then(|| id(1)));
            if n == 2 {
                own.access_request_id = Some(request.id);
                own.kind = Kind::ApprovalRequest;
            }
            if n == 3 {
                own.recipient = address("bo@x.test");
            }
            outbox::add(&mut tx, &own).await.unwrap();
        }
        outbox::set_state(&mut tx, id(4), &[State::Queued], State::Cancelled, None).await.unwrap();
        let all = OutboxFilter::default();
        for (filter, expected) in [
            (all.clone(), vec![4, 3, 2, 1]),
            (OutboxFilter { state: Some(State::Cancelled), ..all.clone() }, vec![4]),
            (OutboxFilter { account: Some(id(1)), ..all.clone() }, vec![1]),
            (OutboxFilter { request: Some(request.id), ..all.clone() }, vec![2]),
            (OutboxFilter { kind: Some(Kind::ApprovalRequest), ..all.clone() }, vec![2]),
            (OutboxFilter { recipient: Some(address("BO@x.test")), ..all.clone() }, vec![3]),
            (OutboxFilter { since: Some(after(2)), until: Some(after(4)), ..all.clone() }, vec![3, 2]),
        ] {
            let listed = outbox::list(&mut tx, &filter, &Page::first(2)).await.unwrap();
            let page = Page { limit: 2, cursor: listed.next_cursor };
            let mut found: Vec<_> = listed.items.iter().map(|message| message.id).collect();
            if page.cursor.is_some() {
                let rest = outbox::list(&mut tx, &filter, &page).await.unwrap();
                found.extend(rest.items.iter().map(|message| message.id));
            }
            assert_eq!(found, expected.into_iter().map(id).collect::<Vec<_>>(), "{filter:?}");
        }
    }
}

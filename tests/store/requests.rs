//! People, requests, decisions and tokens.

use countersign::{
    domain::{
        access_request::{ApproverState, Quorum, Status, Vote, state::may_follow},
        decision::{
            Reason,
            policy::{ByMail, Proof},
        },
        person::PersonAddress,
    },
    store::{
        Page, StoreError,
        decisions::{self, Decision, DecisionFilter},
        inbound_messages, people,
        requests::{self, RequestFilter},
        token_keys::{self, TokenKey},
        tokens::{self, TokenRow},
    },
};

use crate::{
    both,
    database::{after, noon},
    samples::{
        address, approver, decision, furnish, furnish_request, id, inbound, person, person_id,
        request,
    },
};

const STATUSES: [Status; 6] = [
    Status::Pending,
    Status::Approved,
    Status::Denied,
    Status::Expired,
    Status::Cancelled,
    Status::Conflict,
];

both! {
    async fn a_person_is_found_by_any_spelling_of_any_address(db) {
        let mut tx = db.begin().await;
        let mut own = person(1, &["Ana@X.test", "a.silva@x.test"]);
        people::add(&mut tx, &own, noon()).await.unwrap();
        assert_eq!(people::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        for spelling in ["ANA@x.test", "a.Silva@x.test"] {
            let found = people::find_by_address(&mut tx, &address(spelling)).await.unwrap();
            assert_eq!(found, Some(own.clone()), "{spelling}");
        }
        assert_eq!(people::find_by_address(&mut tx, &address("eve@x.test")).await.unwrap(), None);
        // The primary address changes: the list is written anew, in order.
        own.addresses.reverse();
        own.addresses.push(PersonAddress { address: address("new@x.test"), may_answer: false });
        own.active = false;
        assert!(people::update(&mut tx, &own, after(1)).await.unwrap());
        assert!(!people::update(&mut tx, &own, after(1)).await.unwrap());
        own.version = 2;
        assert_eq!(people::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert!(people::remove(&mut tx, own.id).await.unwrap());
        assert!(!people::remove(&mut tx, own.id).await.unwrap());
        people::add(&mut tx, &own, noon()).await.unwrap();
    }

    async fn an_address_belongs_to_one_person(db) {
        let mut tx = db.begin().await;
        people::add(&mut tx, &person(1, &["ana@x.test"]), noon()).await.unwrap();
        let second = people::add(&mut tx, &person(2, &["bo@x.test", "ANA@x.test"]), noon()).await;
        assert!(matches!(second, Err(StoreError::Taken { what: "e-mail address" })), "{second:?}");
    }

    async fn people_are_listed_page_by_page(db) {
        let mut tx = db.begin().await;
        for n in 1..=5 {
            people::add(&mut tx, &person(n, &[&format!("p{n}@x.test")]), after(1)).await.unwrap();
        }
        let first = people::list(&mut tx, &Page::first(3)).await.unwrap();
        let page = Page { limit: 3, cursor: first.next_cursor.clone() };
        let second = people::list(&mut tx, &page).await.unwrap();
        let ids: Vec<_> = first.items.iter().chain(&second.items).map(|person| person.id).collect();
        assert_eq!(ids, [5, 4, 3, 2, 1].map(person_id));
        assert_eq!((first.items[0].addresses.len(), second.next_cursor), (1, None));
    }

    async fn a_person_who_has_a_part_in_a_request_stays(db) {
        let mut tx = db.begin().await;
        furnish_request(&mut tx, &[1]).await;
        for n in [2, 10] {
            tx.savepoint("attempt").await.unwrap();
            let refused = people::remove(&mut tx, id(n)).await;
            assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
            tx.rollback_to("attempt").await.unwrap();
        }
    }

    async fn numbers_rise_without_gaps(db) {
        let mut tx = db.begin().await;
        assert_eq!(requests::next_number(&mut tx).await.unwrap(), 1001);
        tx.rollback().await.unwrap();
        let mut tx = db.begin().await;
        assert_eq!(requests::next_number(&mut tx).await.unwrap(), 1001);
        assert_eq!(requests::next_number(&mut tx).await.unwrap(), 1002);
    }

    async fn a_request_comes_back_as_it_was(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1, 2, 1]).await;
        assert_eq!(requests::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(requests::find_locked(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(requests::find_by_number(&mut tx, 1001).await.unwrap(), Some(own.clone()));
        assert_eq!(requests::find_by_external_id(&mut tx, "PAM-1").await.unwrap(), Some(own.clone()));
        assert_eq!(requests::find(&mut tx, id(9)).await.unwrap(), None);
        for (n, quorum) in [(2, Quorum::Any), (3, Quorum::All)] {
            let mut other = request(n, &[1]);
            other.quorum = quorum;
            other.external_id = None;
            other.access_starts_at = None;
            requests::add(&mut tx, &other).await.unwrap();
            assert_eq!(requests::find(&mut tx, other.id).await.unwrap(), Some(other));
        }
    }

    async fn an_external_id_is_used_once_and_a_person_stands_in_one_level(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1, 2]).await;
        tx.savepoint("attempt").await.unwrap();
        let mut same = request(2, &[1]);
        same.external_id = own.external_id.clone();
        let refused = requests::add(&mut tx, &same).await;
        assert!(matches!(refused, Err(StoreError::Taken { what: "external_id" })), "{refused:?}");
        tx.rollback_to("attempt").await.unwrap();
        let again = approver(900, 10, 2);
        let refused = requests::add_approver(&mut tx, own.id, &again).await;
        assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    }

    async fn an_approver_added_later_stands_last(db) {
        let mut tx = db.begin().await;
        let mut own = furnish_request(&mut tx, &[1, 2]).await;
        let late = approver(99, 12, 1);
        requests::add_approver(&mut tx, own.id, &late).await.unwrap();
        own.approvers.push(late);
        assert_eq!(requests::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert!(requests::set_approver_state(&mut tx, id(99), ApproverState::Removed).await.unwrap());
        assert!(!requests::set_approver_state(&mut tx, id(98), ApproverState::Removed).await.unwrap());
        let found = requests::find(&mut tx, own.id).await.unwrap().unwrap();
        assert_eq!((found.approvers[2].state, found.version), (ApproverState::Removed, 2));
    }

    async fn the_database_itself_keeps_a_final_status_final(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let closed = |status| (status != Status::Pending).then(|| after(5));
        let mut n = 0;
        for from in STATUSES {
            for to in STATUSES {
                n += 1;
                let own = countersign::domain::access_request::AccessRequest {
                    status: from,
                    closed_at: closed(from),
                    ..request(n, &[1])
                };
                requests::add(&mut tx, &own).await.unwrap();
                tx.savepoint("attempt").await.unwrap();
                let moved = requests::set_state(&mut tx, own.id, to, 1, closed(to)).await;
                assert_eq!(moved.is_ok(), from == to || may_follow(from, to), "{from} to {to}: {moved:?}");
                if moved.is_ok() {
                    tx.release("attempt").await.unwrap();
                } else {
                    tx.rollback_to("attempt").await.unwrap();
                }
            }
        }
        assert!(!requests::set_state(&mut tx, id(999), Status::Denied, 1, closed(Status::Denied)).await.unwrap());
        tx.commit().await.unwrap();
        db.behind_its_back("DELETE FROM approver").await.unwrap();
        db.behind_its_back("DELETE FROM access_request").await.unwrap_err();
    }

    async fn requests_are_listed_and_expire(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for n in 1..=5 {
            let mut own = request(n, &[1, 2]);
            own.expires_at = after(100 - i64::try_from(n).unwrap());
            if n == 5 {
                own.status = Status::Denied;
                own.closed_at = Some(after(6));
            }
            requests::add(&mut tx, &own).await.unwrap();
        }
        let all = RequestFilter::default();
        for (filter, expected) in [
            (all.clone(), vec![5, 4, 3, 2, 1]),
            (RequestFilter { status: Some(Status::Pending), ..all.clone() }, vec![4, 3, 2, 1]),
            (RequestFilter { requester: Some(address("RITA@x.test")), ..all.clone() }, vec![5, 4, 3, 2, 1]),
            (RequestFilter { requester: Some(address("eve@x.test")), ..all.clone() }, vec![]),
            (RequestFilter { external_id: Some("PAM-3".to_owned()), ..all.clone() }, vec![3]),
            (RequestFilter { since: Some(after(2)), until: Some(after(4)), ..all.clone() }, vec![3, 2]),
        ] {
            let listed = requests::list(&mut tx, &filter, &Page::first(50)).await.unwrap();
            let ids: Vec<_> = listed.items.iter().map(|request| request.id).collect();
            assert_eq!(ids, expected.into_iter().map(id).collect::<Vec<_>>(), "{filter:?}");
            assert!(listed.items.iter().all(|request| request.approvers.len() == 2));
        }
        assert_eq!(requests::next_expiry(&mut tx).await.unwrap(), Some(after(96)));
        assert_eq!(requests::due_to_expire(&mut tx, after(97), 9).await.unwrap(), [id(4), id(3)]);
        assert_eq!(requests::due_to_expire(&mut tx, after(97), 1).await.unwrap(), [id(4)]);
        let soon = requests::expiring_before(&mut tx, after(97), after(98), 9).await.unwrap();
        assert_eq!(soon, [id(2)]);
    }

    async fn a_locked_request_waits_for_the_one_before(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1]).await;
        tx.commit().await.unwrap();
        let mut first = db.begin().await;
        requests::find_locked(&mut first, own.id).await.unwrap();
        let other = db.another_node().await;
        let second = tokio::spawn(async move {
            let mut tx = other.begin().await.unwrap();
            requests::find_locked(&mut tx, id(1)).await.unwrap().unwrap().status
        });
        db.until_it_waits(&second).await;
        requests::set_state(&mut first, own.id, Status::Approved, 1, Some(after(1))).await.unwrap();
        first.commit().await.unwrap();
        assert_eq!(second.await.unwrap(), Status::Approved, "it decides on what is, not on what was");
    }

    async fn an_approver_has_one_live_decision_and_may_change_his_mind(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1, 1]).await;
        decisions::add(&mut tx, &decision(1, &own, 0, Vote::Approve)).await.unwrap();
        tx.savepoint("attempt").await.unwrap();
        let second = decisions::add(&mut tx, &decision(2, &own, 0, Vote::Deny)).await;
        assert!(matches!(second, Err(StoreError::Taken { .. })), "{second:?}");
        tx.rollback_to("attempt").await.unwrap();
        assert!(decisions::supersede(&mut tx, id(1), id(2)).await.unwrap());
        assert!(!decisions::supersede(&mut tx, id(1), id(2)).await.unwrap());
        decisions::add(&mut tx, &decision(2, &own, 0, Vote::Deny)).await.unwrap();
        decisions::add(&mut tx, &decision(3, &own, 1, Vote::Approve)).await.unwrap();
        let live = decisions::live(&mut tx, own.id).await.unwrap();
        let live: Vec<_> = live.iter().map(|d| (d.id, d.person, d.vote)).collect();
        assert_eq!(live, [(id(2), id(10), Vote::Deny), (id(3), id(11), Vote::Approve)]);
        let old = decisions::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!(old.decision.superseded_by, Some(id(2)));
        tx.commit().await.unwrap();
    }

    async fn a_decision_cannot_be_superseded_by_nothing(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1]).await;
        decisions::add(&mut tx, &decision(1, &own, 0, Vote::Approve)).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await;
        decisions::supersede(&mut tx, id(1), id(77)).await.unwrap();
        tx.commit().await.unwrap_err();
        let live = decisions::live(&mut db.read().await, own.id).await.unwrap();
        assert_eq!(live.len(), 1, "the commit was refused");
    }

    async fn two_votes_at_once_leave_one_decision(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1]).await;
        tx.commit().await.unwrap();
        let vote = async |store: countersign::store::Store, n| {
            let mut tx = store.begin().await.unwrap();
            let request = requests::find_locked(&mut tx, id(1)).await.unwrap().unwrap();
            decisions::add(&mut tx, &decision(n, &request, 0, Vote::Approve)).await?;
            tx.commit().await
        };
        let other = db.another_node().await;
        let (one, two) = tokio::join!(vote(db.store.clone(), 1), vote(other, 2));
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        assert_eq!(decisions::live(&mut db.read().await, own.id).await.unwrap().len(), 1);
    }

    async fn a_mail_decides_at_most_once_and_decisions_are_listed(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1, 1, 1]).await;
        inbound_messages::add(&mut tx, &inbound(5, id(1), Reason::Approved)).await.unwrap();
        let by_mail = Decision { inbound_message_id: Some(id(5)), ..decision(1, &own, 0, Vote::Approve) };
        decisions::add(&mut tx, &by_mail).await.unwrap();
        let by_web = Decision {
            channel: "web".to_owned(),
            comment: None,
            ..decision(2, &own, 1, Vote::Deny)
        };
        decisions::add(&mut tx, &by_web).await.unwrap();
        let found = decisions::find_by_inbound_message(&mut tx, id(5)).await.unwrap().unwrap();
        assert_eq!((found.decision, found.reference.as_str()), (by_mail.clone(), "AR-1001"));
        assert_eq!((found.external_id.as_deref(), found.approver), (Some("PAM-1"), address("a10@x.test")));
        let all = DecisionFilter::default();
        for (filter, expected) in [
            (all.clone(), vec![2, 1]),
            (DecisionFilter { request: Some(id(1)), ..all.clone() }, vec![2, 1]),
            (DecisionFilter { request: Some(id(7)), ..all.clone() }, vec![]),
            (DecisionFilter { approver: Some(address("A11@x.test")), ..all.clone() }, vec![2]),
            (DecisionFilter { answer: Some(Vote::Approve), ..all.clone() }, vec![1]),
            (DecisionFilter { channel: Some("web".to_owned()), ..all.clone() }, vec![2]),
            (DecisionFilter { account: Some(id(1)), ..all.clone() }, vec![1]),
            (DecisionFilter { until: Some(after(2)), ..all.clone() }, vec![1]),
        ] {
            let listed = decisions::list(&mut tx, &filter, &Page::first(1)).await.unwrap();
            let page = Page { limit: 9, cursor: listed.next_cursor };
            let mut ids: Vec<_> = listed.items.iter().map(|item| item.decision.id).collect();
            if page.cursor.is_some() {
                let rest = decisions::list(&mut tx, &filter, &page).await.unwrap();
                ids.extend(rest.items.iter().map(|item| item.decision.id));
            }
            assert_eq!(ids, expected.into_iter().map(id).collect::<Vec<_>>(), "{filter:?}");
        }
        let twice = Decision { inbound_message_id: Some(id(5)), ..decision(3, &own, 2, Vote::Approve) };
        let refused = decisions::add(&mut tx, &twice).await;
        assert!(matches!(refused, Err(StoreError::Taken { .. })), "{refused:?}");
    }

    async fn a_token_is_consumed_once(db) {
        let mut tx = db.begin().await;
        let own = furnish_request(&mut tx, &[1]).await;
        let key = TokenKey {
            id: "key-1".to_owned(),
            sealed: vec![1],
            key_id: "master-1".to_owned(),
            created_at: noon(),
        };
        token_keys::add(&mut tx, &key).await.unwrap();
        let mut token = TokenRow {
            lookup_hash: [5; 32],
            purpose: "reply".to_owned(),
            access_request_id: Some(own.id),
            approver_id: Some(own.approvers[0].id),
            outbox_message_id: None,
            channel: "email".to_owned(),
            key_id: "key-1".to_owned(),
            epoch: 1,
            expires_at: after(60),
            proof: Proof::Strict,
            by_mail: ByMail::Confirm,
            consumed_at: None,
        };
        tokens::add(&mut tx, &token).await.unwrap();
        assert_eq!(tokens::find(&mut tx, &[5; 32]).await.unwrap(), Some(token.clone()));
        assert_eq!(tokens::find(&mut tx, &[6; 32]).await.unwrap(), None);
        assert!(tokens::consume(&mut tx, &[5; 32], after(3)).await.unwrap());
        assert!(!tokens::consume(&mut tx, &[5; 32], after(4)).await.unwrap());
        assert!(!tokens::consume(&mut tx, &[6; 32], after(4)).await.unwrap());
        token.consumed_at = Some(after(3));
        assert_eq!(tokens::find(&mut tx, &[5; 32]).await.unwrap(), Some(token.clone()));
        let twice = tokens::add(&mut tx, &token).await;
        assert!(matches!(twice, Err(StoreError::Taken { what: "token" })), "{twice:?}");
    }
}

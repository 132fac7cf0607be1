//! Mail that came, and what it turned out to be.

use countersign::{
    domain::decision::{Disposition, Reason},
    store::{
        Page,
        inbound_messages::{self, InboundFilter, Judgement},
        inbox_accounts,
        mailbox::{self, CopyState, NewCopy},
        outbox,
    },
};
use serde_json::json;

use crate::{
    both,
    database::{after, noon},
    samples::{address, furnish, furnish_request, id, inbound, inbox_account, judgement, mail},
};

both! {
    async fn a_message_comes_back_as_it_was_bytes_and_all(db) {
        let mut tx = db.begin().await;
        let request = furnish_request(&mut tx, &[1]).await;
        outbox::add(&mut tx, &mail(1, None)).await.unwrap();
        let mut own = inbound(1, id(1), Reason::Approved);
        own.judgement.access_request_id = Some(request.id);
        own.judgement.approver_id = Some(request.approvers[0].id);
        own.judgement.outbox_message_id = Some(id(1));
        inbound_messages::add(&mut tx, &own).await.unwrap();
        let found = inbound_messages::find(&mut tx, own.id).await.unwrap().unwrap();
        assert_eq!(found.judgement, own.judgement);
        assert_eq!((found.first_seen_at, found.internal_date), (own.first_seen_at, own.internal_date));
        assert_eq!((found.from_address, found.subject), (own.from_address.clone(), own.subject.clone()));
        assert_eq!((found.account_id, found.sha256), (Some(id(1)), own.sha256));
        assert_eq!((found.is_whole, found.raw_erased_at), (true, None));
        assert_eq!(inbound_messages::raw(&mut tx, own.id).await.unwrap(), Some(own.raw));
        let by_hash = inbound_messages::find_by_hash(&mut tx, id(1), &own.sha256).await.unwrap();
        assert_eq!(by_hash.unwrap().id, own.id);
        assert_eq!(inbound_messages::find_by_hash(&mut tx, id(2), &own.sha256).await.unwrap(), None);
        assert_eq!(inbound_messages::find(&mut tx, id(9)).await.unwrap(), None);
    }

    async fn hostile_text_is_held_on_both_databases_alike(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut own = inbound(1, id(1), Reason::AmbiguousStructure);
        own.subject = Some("a\0b'; DROP TABLE person; -- \u{202e}\u{1F600}".to_owned());
        own.message_id = Some("\0".to_owned());
        own.judgement.reply_text = Some("\0".repeat(3));
        own.judgement.explanation = json!({"k\0": ["\0", {"x": "\0"}]});
        inbound_messages::add(&mut tx, &own).await.unwrap();
        let found = inbound_messages::find(&mut tx, own.id).await.unwrap().unwrap();
        assert_eq!(
            found.subject.as_deref(),
            Some("a\u{fffd}b'; DROP TABLE person; -- \u{202e}\u{1F600}")
        );
        assert_eq!(
            found.judgement.explanation,
            json!({"k\u{fffd}": ["\u{fffd}", {"x": "\u{fffd}"}]})
        );
        assert_eq!(outbox::find_by_message_id(&mut tx, "\0").await.unwrap(), None);
    }

    async fn a_deferred_message_is_judged_again_when_its_time_comes(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for (n, retry) in [(1, 60), (2, 30), (3, 900)] {
            let mut own = inbound(n, id(1), Reason::EvidencePending);
            own.judgement.retry_at = Some(after(retry));
            inbound_messages::add(&mut tx, &own).await.unwrap();
        }
        let due = inbound_messages::due_deferred(&mut tx, after(60), 10).await.unwrap();
        assert_eq!(due, [id(2), id(1)]);
        assert_eq!(inbound_messages::due_deferred(&mut tx, after(60), 1).await.unwrap(), [id(2)]);
        let judged = Judgement { tries: 2, judged_at: after(61), ..judgement(Reason::Denied) };
        assert!(inbound_messages::judge(&mut tx, id(2), &judged).await.unwrap());
        assert!(!inbound_messages::judge(&mut tx, id(9), &judged).await.unwrap());
        let found = inbound_messages::find(&mut tx, id(2)).await.unwrap().unwrap();
        assert_eq!(found.judgement, judged);
        assert_eq!(inbound_messages::due_deferred(&mut tx, after(60), 10).await.unwrap(), [id(1)]);
    }

    async fn lists_are_filtered_and_turn_page_by_page(db) {
        let mut tx = db.begin().await;
        let request = furnish_request(&mut tx, &[1]).await;
        inbox_accounts::add(&mut tx, &inbox_account(2, id(1)), noon()).await.unwrap();
        for n in 1..=7 {
            let account = if n % 2 == 0 { 2 } else { 1 };
            let reason = if n <= 3 { Reason::NotAboutUs } else { Reason::Approved };
            let mut own = inbound(n, id(account), reason);
            if n == 7 {
                own.judgement.access_request_id = Some(request.id);
                own.from_address = Some(address("Eve@x.test"));
                // The same moment as another: the id decides the order.
                own.first_seen_at = after(6);
            }
            inbound_messages::add(&mut tx, &own).await.unwrap();
        }
        let all = InboundFilter::default();
        for (filter, expected) in [
            (all.clone(), vec![7, 6, 5, 4, 3, 2, 1]),
            (InboundFilter { account: Some(id(2)), ..all.clone() }, vec![6, 4, 2]),
            (InboundFilter { disposition: Some(Disposition::Unrelated), ..all.clone() }, vec![3, 2, 1]),
            (InboundFilter { reason: Some(Reason::Approved), account: Some(id(1)), ..all.clone() }, vec![7, 5]),
            (InboundFilter { request: Some(request.id), ..all.clone() }, vec![7]),
            (InboundFilter { sender: Some("EVE@X.test".to_owned()), ..all.clone() }, vec![7]),
            (InboundFilter { subject: Some("0% of request_4".to_owned()), ..all.clone() }, vec![4]),
            (InboundFilter { subject: Some("100_".to_owned()), ..all.clone() }, vec![]),
            (InboundFilter { since: Some(after(3)), until: Some(after(6)), ..all.clone() }, vec![5, 4, 3]),
        ] {
            for limit in [1, 2, 3, 100] {
                let mut page = Page::first(limit);
                let mut seen = Vec::new();
                loop {
                    let listed = inbound_messages::list(&mut tx, &filter, &page).await.unwrap();
                    assert!(listed.items.len() as i64 <= limit);
                    seen.extend(listed.items.iter().map(|message| message.id));
                    page.cursor = listed.next_cursor;
                    if page.cursor.is_none() {
                        break;
                    }
                }
                let expected: Vec<_> = expected.iter().copied().map(id).collect();
                assert_eq!(seen, expected, "{filter:?} by {limit}");
            }
        }
        let foreign = Page { limit: 5, cursor: Some("nonsense".to_owned()) };
        let refused = inbound_messages::list(&mut tx, &all, &foreign).await;
        assert!(matches!(refused, Err(countersign::store::StoreError::BadCursor)));
    }

    async fn the_same_bytes_in_another_account_are_known(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let hash = [9; 32];
        for (reason, expected) in [
            (Reason::NotAboutUs, false),
            (Reason::SenderUnproven, false),
            (Reason::EvidencePending, false),
            (Reason::WordsUnclear, true),
            (Reason::SameBytes, true),
            (Reason::ConfirmationWanted, true),
            (Reason::Approved, true),
        ] {
            tx.savepoint("one_reason").await.unwrap();
            let mut own = inbound(1, id(1), reason);
            own.sha256 = hash;
            inbound_messages::add(&mut tx, &own).await.unwrap();
            let seen = inbound_messages::same_bytes_judged(&mut tx, &hash, None).await.unwrap();
            assert_eq!(seen, expected, "{reason}");
            let itself = inbound_messages::same_bytes_judged(&mut tx, &hash, Some(own.id)).await.unwrap();
            assert!(!itself, "a message is not its own duplicate");
            tx.rollback_to("one_reason").await.unwrap();
        }
    }

    async fn everything_fetched_is_accounted_for(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for (n, reason) in [(1, Reason::Approved), (2, Reason::Denied), (3, Reason::OwnMail)] {
            inbound_messages::add(&mut tx, &inbound(n, id(1), reason)).await.unwrap();
        }
        let mut copy = NewCopy {
            account_id: id(1),
            folder: "INBOX".to_owned(),
            validity: 5,
            uid: "1".to_owned(),
            state: CopyState::Kept,
            inbound_message_id: Some(id(1)),
            sha256: None,
            size_bytes: None,
            seen_at: noon(),
        };
        mailbox::add(&mut tx, &copy).await.unwrap();
        let sums = inbound_messages::reconcile(&mut tx).await.unwrap();
        assert_eq!(sums.by_disposition, [(Disposition::Decided, 2), (Disposition::Loop, 1)]);
        assert_eq!((sums.messages, sums.copies_fetched), (3, 1));
        assert!(sums.is_balanced());
        assert!(inbound_messages::erase_raw(&mut tx, id(2), after(9)).await.unwrap());
        assert!(!inbound_messages::erase_raw(&mut tx, id(2), after(10)).await.unwrap());
        assert_eq!(inbound_messages::raw(&mut tx, id(2)).await.unwrap(), None);
        let found = inbound_messages::find(&mut tx, id(2)).await.unwrap().unwrap();
        assert_eq!(found.raw_erased_at, Some(after(9)));
        assert!(inbound_messages::reconcile(&mut tx).await.unwrap().is_balanced());
        copy.uid = "2".to_owned();
        copy.state = CopyState::Deferred;
        copy.inbound_message_id = None;
        mailbox::add(&mut tx, &copy).await.unwrap();
        assert!(!inbound_messages::reconcile(&mut tx).await.unwrap().is_balanced());
        tx.commit().await.unwrap();
        db.behind_its_back("DELETE FROM inbound_raw").await.unwrap();
        let sums = inbound_messages::reconcile(&mut db.read().await).await.unwrap();
        assert_eq!((sums.copies_without_message, sums.messages_without_bytes), (1, 2));
    }

    async fn dispositions_are_counted_by_account_and_time(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        for (n, reason) in [(1, Reason::Approved), (2, Reason::Denied), (3, Reason::OwnMail)] {
            inbound_messages::add(&mut tx, &inbound(n, id(1), reason)).await.unwrap();
        }
        let count = inbound_messages::count_by_disposition;
        let (decided, looped) = (Disposition::Decided, Disposition::Loop);
        assert_eq!(count(&mut tx, None, None).await.unwrap(), [(decided, 2), (looped, 1)]);
        assert_eq!(count(&mut tx, Some(id(1)), Some(after(2))).await.unwrap(), [(decided, 1), (looped, 1)]);
        assert_eq!(count(&mut tx, Some(id(2)), None).await.unwrap(), []);
    }

    async fn messages_outlive_the_account_they_came_through(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        inbound_messages::add(&mut tx, &inbound(1, id(1), Reason::Approved)).await.unwrap();
        let copy = NewCopy {
            account_id: id(1),
            folder: "INBOX".to_owned(),
            validity: 5,
            uid: "1".to_owned(),
            state: CopyState::Kept,
            inbound_message_id: Some(id(1)),
            sha256: None,
            size_bytes: None,
            seen_at: noon(),
        };
        mailbox::add(&mut tx, &copy).await.unwrap();
        assert!(inbox_accounts::remove(&mut tx, id(1)).await.unwrap());
        let found = inbound_messages::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!(found.account_id, None);
        assert!(inbound_messages::raw(&mut tx, id(1)).await.unwrap().is_some());
        assert_eq!(mailbox::list(&mut tx, id(1), "INBOX", 5).await.unwrap(), []);
    }
}

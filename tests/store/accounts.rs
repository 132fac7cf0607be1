//! Credentials and accounts.

use countersign::{
    domain::smtp_account::SmtpAccount,
    store::{
        StoreError, credentials, inbox_accounts, inbox_state, outbox, smtp_accounts, token_keys,
        token_keys::TokenKey,
    },
};

use crate::{
    both,
    database::{after, noon},
    samples::{credential, furnish, id, inbox_account, mail, smtp_account},
};

both! {
    async fn a_credential_is_found_changed_and_removed(db) {
        let mut tx = db.begin().await;
        let mut own = credential(1);
        credentials::add(&mut tx, &own).await.unwrap();
        assert_eq!(credentials::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(
            credentials::find_by_name(&mut tx, "credential 1").await.unwrap(),
            Some(own.clone())
        );
        own.sealed = vec![9];
        own.updated_at = after(1);
        assert!(credentials::update(&mut tx, &own).await.unwrap());
        assert!(!credentials::update(&mut tx, &own).await.unwrap(), "its version is stale");
        own.version = 2;
        assert_eq!(credentials::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        let sealed = credentials::list_sealed_with(&mut tx, "master-1").await.unwrap();
        assert_eq!(sealed, [own.clone()]);
        assert!(credentials::list_sealed_with(&mut tx, "master-2").await.unwrap().is_empty());
        assert!(credentials::remove(&mut tx, own.id).await.unwrap());
        assert!(!credentials::remove(&mut tx, own.id).await.unwrap());
    }

    async fn a_credential_in_use_names_its_users_and_stays(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let smtp = SmtpAccount { credential_id: Some(id(1)), ..smtp_account(2) };
        smtp_accounts::add(&mut tx, &smtp, noon()).await.unwrap();
        let users = credentials::users(&mut tx, id(1)).await.unwrap();
        let users: Vec<_> = users.iter().map(|user| (user.kind.as_str(), user.name.as_str())).collect();
        assert_eq!(users, [("inbox_account", "inbox 1"), ("smtp_account", "smtp 2")]);
        let removed = credentials::remove(&mut tx, id(1)).await;
        assert!(matches!(removed, Err(StoreError::InUse { .. })), "{removed:?}");
    }

    async fn names_are_taken_once(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut taken = Vec::new();
        for question in 0..3 {
            tx.savepoint("attempt").await.unwrap();
            let answer = match question {
                0 => {
                    let same = credentials::Credential { id: id(5), ..credential(1) };
                    credentials::add(&mut tx, &same).await
                }
                1 => {
                    let same = SmtpAccount { id: id(5), ..smtp_account(1) };
                    smtp_accounts::add(&mut tx, &same, noon()).await
                }
                _ => {
                    let mut same = inbox_account(1, id(1));
                    same.id = id(5);
                    inbox_accounts::add(&mut tx, &same, noon()).await
                }
            };
            match answer {
                Err(StoreError::Taken { what }) => taken.push(what),
                other => panic!("{other:?}"),
            }
            tx.rollback_to("attempt").await.unwrap();
        }
        assert_eq!(taken, ["credential name", "SMTP account name", "inbox account name"]);
    }

    async fn an_smtp_account_comes_back_as_it_was(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        let mut own = smtp_account(3);
        smtp_accounts::add(&mut tx, &own, noon()).await.unwrap();
        assert_eq!(smtp_accounts::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(smtp_accounts::find_by_name(&mut tx, "smtp 3").await.unwrap(), Some(own.clone()));
        own.credential_id = Some(id(1));
        own.authenticate = true;
        own.reply_to = None;
        own.return_path = Some("b@x.test".parse().unwrap());
        own.server.ca_pem = Some("pem".to_owned());
        assert!(smtp_accounts::update(&mut tx, &own, after(1)).await.unwrap());
        assert!(!smtp_accounts::update(&mut tx, &own, after(1)).await.unwrap());
        own.version = 2;
        assert_eq!(smtp_accounts::list(&mut tx).await.unwrap(), [own]);
    }

    async fn at_most_one_account_is_the_default(db) {
        let mut tx = db.begin().await;
        for n in 1..=3 {
            smtp_accounts::add(&mut tx, &smtp_account(n), noon()).await.unwrap();
        }
        assert_eq!(smtp_accounts::find_default(&mut tx).await.unwrap(), None);
        for n in [2, 3, 3, 1] {
            assert!(smtp_accounts::make_default(&mut tx, id(n), noon()).await.unwrap());
            assert_eq!(smtp_accounts::find_default(&mut tx).await.unwrap().unwrap().id, id(n));
        }
        tx.savepoint("attempt").await.unwrap();
        let second = SmtpAccount { default: true, ..smtp_account(4) };
        let refused = smtp_accounts::add(&mut tx, &second, noon()).await;
        assert!(matches!(refused, Err(StoreError::Taken { what }) if what.contains("default")));
        tx.rollback_to("attempt").await.unwrap();
        assert!(!smtp_accounts::make_default(&mut tx, id(9), noon()).await.unwrap());
    }

    async fn a_pause_keeps_its_first_reason_and_the_version(db) {
        let mut tx = db.begin().await;
        smtp_accounts::add(&mut tx, &smtp_account(1), noon()).await.unwrap();
        assert!(smtp_accounts::pause(&mut tx, id(1), "535 no\0").await.unwrap());
        assert!(!smtp_accounts::pause(&mut tx, id(1), "later").await.unwrap());
        let paused = smtp_accounts::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!(paused.paused_reason.as_deref(), Some("535 no\u{fffd}"));
        assert_eq!(paused.version, 1);
        assert!(smtp_accounts::resume(&mut tx, id(1)).await.unwrap());
        assert!(!smtp_accounts::resume(&mut tx, id(1)).await.unwrap());
    }

    async fn an_smtp_account_with_waiting_mail_stays_and_a_settled_one_is_forgotten(db) {
        let mut tx = db.begin().await;
        smtp_accounts::add(&mut tx, &smtp_account(1), noon()).await.unwrap();
        outbox::add(&mut tx, &mail(1, Some(id(1)))).await.unwrap();
        let refused = smtp_accounts::remove(&mut tx, id(1)).await;
        assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
        use countersign::domain::outbox::State;
        outbox::set_state(&mut tx, id(1), &[State::Queued], State::Cancelled, None).await.unwrap();
        assert!(smtp_accounts::remove(&mut tx, id(1)).await.unwrap());
        assert!(!smtp_accounts::remove(&mut tx, id(1)).await.unwrap());
        let left = outbox::find(&mut tx, id(1)).await.unwrap().unwrap();
        assert_eq!(left.smtp_account_id, None);
    }

    async fn an_inbox_account_comes_back_as_it_was_with_a_state_of_its_own(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        let mut own = inbox_account(3, id(1));
        inbox_accounts::add(&mut tx, &own, noon()).await.unwrap();
        assert_eq!(inbox_accounts::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(
            inbox_accounts::find_by_name(&mut tx, "inbox 3").await.unwrap(),
            Some(own.clone())
        );
        let state = inbox_state::find(&mut tx, own.id).await.unwrap().unwrap();
        assert_eq!((state.due_at, state.baseline_at), (noon(), Some(noon())));
        own.automatic_check = false;
        own.sub_address = None;
        own.addresses.clear();
        assert!(inbox_accounts::update(&mut tx, &own, after(1)).await.unwrap());
        assert!(!inbox_accounts::update(&mut tx, &own, after(1)).await.unwrap());
        own.version = 2;
        assert_eq!(inbox_accounts::list(&mut tx).await.unwrap(), [own.clone()]);
        assert_eq!(inbox_accounts::list_polled(&mut tx).await.unwrap(), []);
        assert!(inbox_accounts::remove(&mut tx, own.id).await.unwrap());
        assert!(!inbox_accounts::remove(&mut tx, own.id).await.unwrap());
        assert_eq!(inbox_state::find(&mut tx, own.id).await.unwrap(), None);
    }

    async fn the_baseline_is_the_first_moment_of_being_enabled(db) {
        let mut tx = db.begin().await;
        credentials::add(&mut tx, &credential(1)).await.unwrap();
        let mut own = inbox_account(1, id(1));
        own.enabled = false;
        inbox_accounts::add(&mut tx, &own, noon()).await.unwrap();
        let baseline = async |tx: &mut countersign::store::Tx| {
            inbox_state::find(tx, id(1)).await.unwrap().unwrap().baseline_at
        };
        assert_eq!(baseline(&mut tx).await, None);
        for (version, enabled, at, expected) in
            [(1, true, 5, Some(5)), (2, false, 6, Some(5)), (3, true, 7, Some(5))]
        {
            own.version = version;
            own.enabled = enabled;
            assert!(inbox_accounts::update(&mut tx, &own, after(at)).await.unwrap());
            assert_eq!(baseline(&mut tx).await, expected.map(after));
        }
        assert!(!inbox_state::set_baseline(&mut tx, id(1), after(9)).await.unwrap());
        assert!(inbox_state::set_baseline_taken(&mut tx, id(1)).await.unwrap());
        assert!(inbox_state::find(&mut tx, id(1)).await.unwrap().unwrap().baseline_taken);
    }

    async fn token_keys_are_listed_newest_first_and_change_their_master(db) {
        let mut tx = db.begin().await;
        for (name, at) in [("a", 2), ("b", 1)] {
            let key = TokenKey {
                id: name.to_owned(),
                sealed: vec![1, 0],
                key_id: "master-1".to_owned(),
                created_at: after(at),
            };
            token_keys::add(&mut tx, &key).await.unwrap();
        }
        assert!(token_keys::reseal(&mut tx, "b", &[7], "master-2").await.unwrap());
        assert!(!token_keys::reseal(&mut tx, "c", &[7], "master-2").await.unwrap());
        let keys = token_keys::list(&mut tx).await.unwrap();
        let keys: Vec<_> = keys.iter().map(|k| (k.id.as_str(), k.key_id.as_str())).collect();
        assert_eq!(keys, [("a", "master-1"), ("b", "master-2")]);
    }
}

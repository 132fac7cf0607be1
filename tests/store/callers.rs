//! Who may call, and what was answered before.

use chrono::TimeDelta;
use countersign::store::{
    StoreError,
    api_tokens::{self, ApiToken},
    idempotency_keys::{self, IdempotencyKey},
};
use serde_json::json;

use crate::{
    both,
    database::{after, noon},
    samples::{furnish, id},
};

fn token(n: u8) -> ApiToken {
    ApiToken {
        id: id(n.into()),
        name: format!("token {n}"),
        role: "requester".to_owned(),
        hash: [n; 32],
        person_id: None,
        created_at: after(n.into()),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

both! {
    async fn a_caller_is_known_by_the_hash_alone_and_revoked_once(db) {
        let mut tx = db.begin().await;
        furnish(&mut tx).await;
        let mut own = ApiToken { person_id: Some(id(10)), role: "approver".to_owned(), ..token(1) };
        api_tokens::add(&mut tx, &own).await.unwrap();
        api_tokens::add(&mut tx, &token(2)).await.unwrap();
        assert_eq!(api_tokens::find_by_hash(&mut tx, &[1; 32]).await.unwrap(), Some(own.clone()));
        assert_eq!(api_tokens::find_by_hash(&mut tx, &[9; 32]).await.unwrap(), None);
        let minute = TimeDelta::minutes(1);
        for (at, expected) in [(0, true), (59, false), (60, true)] {
            let noted = api_tokens::note_use(&mut tx, own.id, after(at), minute).await.unwrap();
            assert_eq!(noted, expected, "{at}");
        }
        assert!(api_tokens::revoke(&mut tx, own.id, after(70)).await.unwrap());
        assert!(!api_tokens::revoke(&mut tx, own.id, after(71)).await.unwrap());
        own.last_used_at = Some(after(60));
        own.revoked_at = Some(after(70));
        assert_eq!(api_tokens::find(&mut tx, own.id).await.unwrap(), Some(own.clone()));
        assert_eq!(api_tokens::list(&mut tx).await.unwrap(), [token(2), own]);
        let twice = api_tokens::add(&mut tx, &ApiToken { id: id(3), ..token(2) }).await;
        assert!(matches!(twice, Err(StoreError::Taken { .. })), "{twice:?}");
    }

    async fn an_answer_is_given_again_to_the_same_caller_only(db) {
        let mut tx = db.begin().await;
        for n in 1..=2 {
            api_tokens::add(&mut tx, &token(n)).await.unwrap();
        }
        let own = IdempotencyKey {
            api_token_id: id(1),
            key: "k".to_owned(),
            method_path: "POST /api/v1/access-requests".to_owned(),
            body_hash: [7; 32],
            status: 201,
            response: json!({"id": "x"}),
            created_at: noon(),
        };
        idempotency_keys::add(&mut tx, &own).await.unwrap();
        assert_eq!(idempotency_keys::find(&mut tx, id(1), "k").await.unwrap(), Some(own.clone()));
        assert_eq!(idempotency_keys::find(&mut tx, id(2), "k").await.unwrap(), None);
        tx.savepoint("attempt").await.unwrap();
        let twice = idempotency_keys::add(&mut tx, &own).await;
        assert!(matches!(twice, Err(StoreError::Taken { what: "idempotency key" })), "{twice:?}");
        tx.rollback_to("attempt").await.unwrap();
        assert_eq!(idempotency_keys::remove_older_than(&mut tx, noon()).await.unwrap(), 0);
        assert_eq!(idempotency_keys::remove_older_than(&mut tx, after(1)).await.unwrap(), 1);
    }
}

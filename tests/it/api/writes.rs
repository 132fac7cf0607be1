//! What changes something: done once, lost never, decided by approvers alone.

use countersign::actions::api_tokens::Role;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Service, answered, request};

#[tokio::test]
async fn the_same_key_and_body_give_the_same_answer_once() {
    let service = Service::with_accounts().await;
    let send = |key: &'static str, resource: &'static str| {
        let call = service.call(Role::Requester, Method::POST, "/access-requests");
        call.header("Idempotency-Key", key).json(&request(resource)).send()
    };
    let first = send("k1", "a").await.unwrap();
    let location = first.headers()["location"].clone();
    let etag = first.headers()["etag"].clone();
    let (status, body) = answered(first).await;
    assert_eq!(status, StatusCode::CREATED);

    let again = send("k1", "a").await.unwrap();
    assert_eq!(again.headers()["location"], location);
    assert_eq!(again.headers()["etag"], etag);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(answered(again).await, (status, body));

    let (status, problem) = answered(send("k1", "b").await.unwrap()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["type"], "urn:countersign:problem:idempotency_key_reused");
    let (status, _) = answered(send("k2", "a").await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, _) = answered(send("no spaces", "a").await.unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let all = service.get(Role::Auditor, "/access-requests").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    service.stop().await;
}

#[tokio::test]
async fn a_refused_call_gives_its_key_back() {
    let service = Service::with_accounts().await;
    let send = |resource: &'static str| {
        let call = service.call(Role::Requester, Method::POST, "/access-requests");
        call.header("Idempotency-Key", "k").json(&request(resource)).send()
    };
    let (status, _) = answered(send(" ").await.unwrap()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = answered(send("root").await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED);
    service.stop().await;
}

#[tokio::test]
async fn of_two_who_change_the_same_the_second_is_told() {
    let service = Service::start().await;
    let path = format!("/people/{}", service.ana);
    let read = service.call(Role::Admin, Method::GET, &path).send().await.unwrap();
    let etag = read.headers()["etag"].to_str().unwrap().to_owned();
    let put = |name: &'static str, etag: &str| {
        let body = json!({"name": name, "addresses": [{"address": "ana@corp.example"}]});
        service.call(Role::Admin, Method::PUT, &path).header("If-Match", etag).json(&body).send()
    };
    let first = put("Ana A.", &etag).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let newer = first.headers()["etag"].to_str().unwrap().to_owned();
    assert_ne!(newer, etag);
    let (status, problem) = answered(put("Ana B.", &etag).await.unwrap()).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(problem["type"], "urn:countersign:problem:precondition_failed");
    assert_eq!(put("Ana B.", &newer).await.unwrap().status(), StatusCode::OK);
    for wrong in ["3", "*", "W/\"1\"", "\"x\""] {
        assert_eq!(put("x", wrong).await.unwrap().status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
    service.stop().await;
}

#[tokio::test]
async fn an_approver_answers_by_his_own_token_and_it_stands() {
    let service = Service::with_accounts().await;
    let id = service.submit("root on db1").await["id"].as_str().unwrap().to_owned();
    let path = format!("/access-requests/{id}/answer");
    let yes = json!({"answer": "approve", "comment": "until Friday"});
    let (status, answered) = service.post(Role::Approver, &path, &yes).await;
    assert_eq!(status, StatusCode::OK, "{answered}");
    assert_eq!(answered["access_request"]["status"], "approved");
    let decisions = service.get(Role::Requester, "/decisions").await;
    let decision = &decisions["items"][0];
    assert_eq!(decision["channel"], "api");
    assert_eq!(decision["comment"], "until Friday");
    assert_eq!(decision["approver"], "ana@corp.example");
    let (status, problem) = service.post(Role::Approver, &path, &yes).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "urn:countersign:problem:not_counted");
    assert!(problem["reason"].is_string());
    let (_, verified) = service.post(Role::Auditor, "/ledger/verify", &json!({})).await;
    assert_eq!(verified["ok"], true, "{verified}");
    service.stop().await;
}

#[tokio::test]
async fn nobody_is_approved_by_taking_an_approver_off() {
    let service = Service::with_accounts().await;
    let mut asked = request("root on db1");
    asked["quorum"] = json!("all");
    let (_, made) = service.post(Role::Requester, "/access-requests", &asked).await;
    let id = made["id"].as_str().unwrap();
    let base = format!("/access-requests/{id}");
    let (status, with_bo) = service
        .post(Role::Admin, &format!("{base}/approvers"), &json!({"email": "bo@corp.example"}))
        .await;
    assert_eq!(status, StatusCode::OK, "{with_bo}");
    assert_eq!(with_bo["approvers"][1]["state"], "notified");
    let (status, _) = service
        .post(Role::Approver, &format!("{base}/answer"), &json!({"answer": "approve"}))
        .await;
    assert_eq!(status, StatusCode::OK);
    let remove = |approver: &serde_json::Value| {
        let path = format!("{base}/approvers/{}", approver["id"].as_str().unwrap());
        service.call(Role::Admin, Method::DELETE, &path).send()
    };
    // Ana has approved: without Bo, the level would be met by nobody's answer.
    let (status, _) = answered(remove(&with_bo["approvers"][1]).await.unwrap()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (status, _) = answered(remove(&with_bo["approvers"][0]).await.unwrap()).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let now = service.get(Role::Auditor, &base).await;
    assert_eq!(now["status"], "pending");
    service.stop().await;
}

#[tokio::test]
async fn an_approver_who_has_not_answered_can_be_taken_off() {
    let service = Service::with_accounts().await;
    let made = service.submit("root on db1").await;
    let base = format!("/access-requests/{}", made["id"].as_str().unwrap());
    let only = format!("{base}/approvers/{}", made["approvers"][0]["id"].as_str().unwrap());
    let call = service.call(Role::Admin, Method::DELETE, &only).send().await.unwrap();
    assert_eq!(call.status(), StatusCode::CONFLICT, "the last one stays");
    let bo = json!({"email": "bo@corp.example"});
    service.post(Role::Admin, &format!("{base}/approvers"), &bo).await;
    let call = service.call(Role::Admin, Method::DELETE, &only).send().await.unwrap();
    assert_eq!(call.status(), StatusCode::NO_CONTENT);
    let path = format!("{base}/answer");
    let (status, _) = service.post(Role::Approver, &path, &json!({"answer": "approve"})).await;
    assert_eq!(status, StatusCode::CONFLICT, "who was taken off decides nothing");
    let rita = json!({"email": "rita@corp.example"});
    let (status, problem) = service.post(Role::Admin, &format!("{base}/approvers"), &rita).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "nor does the requester: {problem}");
    service.stop().await;
}

#[tokio::test]
async fn a_module_sends_each_recipient_a_mail_of_his_own() {
    let service = Service::with_accounts().await;
    let mail = json!({"to": ["a@x.test", "b@x.test"], "subject": "News", "body": "One line."});
    let (status, sent) = service.post(Role::Requester, "/outbox", &mail).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{sent}");
    assert_eq!(sent["items"].as_array().unwrap().len(), 2);
    for item in sent["items"].as_array().unwrap() {
        assert_eq!(item["kind"], "module");
        let path = format!("/outbox/{}/raw", item["id"].as_str().unwrap());
        let raw = service.call(Role::Auditor, Method::GET, &path).send().await.unwrap();
        let raw = raw.text().await.unwrap();
        let other = if item["recipient"] == "a@x.test" { "b@x.test" } else { "a@x.test" };
        assert!(raw.contains("One line.") && !raw.contains(other), "{raw}");
    }
    let injected = json!({"to": ["a@x.test"], "subject": "x\r\nBcc: z@x.test", "body": "y"});
    let (status, _) = service.post(Role::Requester, "/outbox", &injected).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    service.stop().await;
}

#[tokio::test]
async fn words_of_the_house_are_added_and_one_that_turns_a_text_is_refused_with_it() {
    let service = Service::start().await;
    let read = service.call(Role::Admin, Method::GET, "/lexicon").send().await.unwrap();
    let etag = read.headers()["etag"].to_str().unwrap().to_owned();
    let put = |pattern: &'static str| {
        let words = json!([{"language": "en", "role": "approve", "pattern": pattern}]);
        let call = service.call(Role::Admin, Method::PUT, "/lexicon");
        call.header("If-Match", etag.as_str()).json(&json!({"additions": words})).send()
    };
    let (status, problem) = answered(put("thanks").await.unwrap()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["field"], "/additions/0/pattern");
    assert!(problem["errors"][0]["problem"].as_str().unwrap().contains("would be read as"));
    let (status, kept) = answered(put("ship it").await.unwrap()).await;
    assert_eq!(status, StatusCode::OK, "{kept}");
    assert_eq!(kept["additions"][0]["pattern"], "ship it");
    let ledger = service.get(Role::Auditor, "/ledger?limit=5").await;
    assert!(ledger.to_string().contains("lexicon_changed"), "{ledger}");
    service.stop().await;
}

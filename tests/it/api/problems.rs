//! Every error has one shape, whoever makes it.

use countersign::actions::api_tokens::Role;
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use super::{Service, answered};

/// Sends, and checks the shape: the code, the status, the first field named.
async fn check(request: RequestBuilder, status: u16, code: &str, field: Option<&str>) -> Value {
    let response = request.send().await.unwrap();
    let kind = response.headers().get(header::CONTENT_TYPE).cloned();
    let (got, problem) = answered(response).await;
    assert_eq!(got.as_u16(), status, "{problem}");
    assert_eq!(kind.as_ref().and_then(|k| k.to_str().ok()), Some("application/problem+json"));
    assert_eq!(problem["type"], format!("urn:countersign:problem:{code}"));
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    assert_eq!(problem["errors"][0]["field"].as_str(), field, "{problem}");
    problem
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let service = Service::start().await;
    let admin = |method: Method, path: &str| service.call(Role::Admin, method, path);
    let post = |path: &str, body: &'static str| {
        admin(Method::POST, path).header(header::CONTENT_TYPE, "application/json").body(body)
    };
    let nobody = "/people/00000000-0000-0000-0000-000000000000";

    check(service.bare(Method::GET, "/nothing"), 404, "not_found", None).await;
    check(service.bare(Method::GET, "/api/v1/nothing"), 404, "not_found", None).await;
    check(service.bare(Method::GET, "/api/v1/people"), 401, "unauthorized", None).await;
    check(admin(Method::PATCH, "/people"), 405, "method_not_allowed", None).await;
    check(service.bare(Method::POST, "/healthz"), 405, "method_not_allowed", None).await;
    check(admin(Method::GET, nobody), 404, "not_found", None).await;
    check(admin(Method::GET, "/people/x"), 404, "not_found", None).await;
    check(admin(Method::GET, "/people?limit=0"), 400, "malformed", Some("limit")).await;
    check(admin(Method::GET, "/people?limit=x"), 400, "malformed", Some("limit")).await;
    check(admin(Method::GET, "/people?lim=1"), 400, "malformed", Some("lim")).await;
    check(admin(Method::GET, "/people?cursor=x"), 422, "invalid", Some("cursor")).await;
    check(admin(Method::GET, "/outbox?state=gone"), 400, "malformed", Some("state")).await;
    check(admin(Method::GET, "/people").header("accept", "image/png"), 406, "not_acceptable", None)
        .await;
    check(admin(Method::POST, "/people").body("{}"), 415, "unsupported_media_type", None).await;
    check(post("/people", "{"), 400, "malformed", Some("")).await;
    check(post("/people", "{}"), 400, "malformed", Some("")).await;
    check(post("/people", r#"{"addresses": [], "x": 1}"#), 400, "malformed", Some("/x")).await;
    check(post("/people", r#"{"addresses": []}"#), 422, "invalid", Some("/addresses")).await;
    let unreadable = r#"{"addresses": [{"address": "no"}]}"#;
    check(post("/people", unreadable), 400, "malformed", Some("/addresses/0/address")).await;
    check(admin(Method::PUT, nobody).json(&json!({})), 428, "precondition_required", None).await;
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
    let large =
        admin(Method::POST, "/people").header("content-type", "application/json").body(large);
    check(large, 413, "too_large", None).await;
    service.stop().await;
}

#[tokio::test]
async fn a_405_names_the_methods_there_are() {
    let service = Service::start().await;
    let response = service.call(Role::Admin, Method::PATCH, "/people").send().await.unwrap();
    let allowed = response.headers()[header::ALLOW].to_str().unwrap().to_owned();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    service.stop().await;
}

#[tokio::test]
async fn a_request_without_a_reply_road_names_the_problem() {
    let service = Service::start().await;
    let smtp = json!({
        "name": "out", "sender": "access@corp.example", "reply_to": "nobody@corp.example",
        "host": "127.0.0.1", "port": 9, "security": "none", "authenticate": false,
    });
    let (status, body) = service.post(Role::Admin, "/smtp-accounts", &smtp).await;
    assert_eq!(status.as_u16(), 201, "{body}");
    let call = service.call(Role::Requester, Method::POST, "/access-requests");
    let problem = check(call.json(&super::request("x")), 422, "no_reply_road", None).await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`out`") && detail.contains("nobody@corp.example"), "{detail}");
    service.stop().await;
}

#[tokio::test]
async fn no_secret_comes_back() {
    let service = Service::with_accounts().await;
    let new = json!({"name": "x", "kind": "password", "username": "u", "password": "s3cr3t-word"});
    let (status, body) = service.post(Role::Admin, "/credentials", &new).await;
    assert_eq!(status.as_u16(), 201);
    assert!(!body.to_string().contains("s3cr3t-word"));
    service.submit("root on db1").await;
    for path in ["/credentials", "/tokens", "/ledger?limit=1000", "/settings", "/inbox-accounts"] {
        let text = service.get(Role::Auditor, path).await.to_string();
        for secret in ["hunter2", "s3cr3t-word"]
            .into_iter()
            .chain(service.tokens.values().map(String::as_str))
        {
            assert!(!text.contains(secret), "{path}");
        }
    }
    let outbox = service.get(Role::Auditor, "/outbox").await;
    let id = outbox["items"][0]["id"].as_str().unwrap();
    let raw = format!("/outbox/{id}/raw");
    let raw = service.call(Role::Auditor, Method::GET, &raw).send().await.unwrap();
    let raw = raw.text().await.unwrap();
    let line = raw.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap();
    let message_id = line.trim_end_matches('>');
    let shown = outbox["items"][0]["message_id"].as_str().unwrap();
    assert_ne!(shown, message_id, "the token in a Message-ID is masked in lists");
    service.stop().await;
}

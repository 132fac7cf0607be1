//! The dry run over HTTP: what a mail would come to, and nothing kept of it.

use countersign::actions::api_tokens::Role;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Service;

const MAIL: &str = "From: Ana <ana@x.test>\r\nTo: access@x.test\r\nSubject: Re: AR-1\r\n\
    Message-ID: <1@x.test>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nAPPROVE\r\n";

#[tokio::test]
async fn a_mail_is_explained_and_nothing_of_it_is_kept() {
    let service = Service::start().await;
    let asked = service
        .call(Role::Auditor, Method::POST, "/explain")
        .header("content-type", "message/rfc822")
        .body(MAIL)
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), StatusCode::OK);
    let told: Value = asked.json().await.unwrap();
    assert_eq!(told["answer"], "approve", "{told}");
    assert_eq!(told["origin"], "person", "{told}");
    assert_eq!(told["reply_text"], "APPROVE", "{told}");
    let listed =
        service.call(Role::Auditor, Method::GET, "/inbound-messages").send().await.unwrap();
    let listed: Value = listed.json().await.unwrap();
    assert_eq!(listed["items"], serde_json::json!([]));
    service.stop().await;
}

#[tokio::test]
async fn what_is_no_mail_is_refused_by_its_type() {
    let service = Service::start().await;
    let asked = service
        .call(Role::Admin, Method::POST, "/explain")
        .json(&serde_json::json!({"mail": MAIL}))
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(asked.headers()["content-type"], "application/problem+json");
    service.stop().await;
}

//! Who may call what: every role against every call.

use std::collections::BTreeSet;

use countersign::{
    actions::api_tokens::{self, Role},
    http::{BASE, access::CALLS, openapi},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Service, issue};

/// The table once more, written by hand from what the roles are for: `a`dmin,
/// a`u`ditor, `r`equester, a`p`prover.
const MATRIX: &str = "
    GET credentials au
    POST credentials a
    GET credentials/{id} au
    PUT credentials/{id} a
    DELETE credentials/{id} a
    GET credentials/{id}/users au
    GET smtp-accounts au
    POST smtp-accounts a
    GET smtp-accounts/{id} au
    PUT smtp-accounts/{id} a
    DELETE smtp-accounts/{id} a
    POST smtp-accounts/{id}/test a
    GET inbox-accounts au
    POST inbox-accounts a
    GET inbox-accounts/{id} au
    PUT inbox-accounts/{id} a
    DELETE inbox-accounts/{id} a
    POST inbox-accounts/{id}/test a
    POST inbox-accounts/{id}/poll a
    GET inbox-accounts/{id}/health au
    GET people au
    POST people a
    GET people/{id} au
    PUT people/{id} a
    DELETE people/{id} a
    GET access-requests aurp
    POST access-requests r
    GET access-requests/{id} aurp
    POST access-requests/{id}/cancel ar
    POST access-requests/{id}/answer p
    POST access-requests/{id}/approvers a
    DELETE access-requests/{id}/approvers/{aid} a
    GET outbox au
    POST outbox ar
    GET outbox/{id} au
    GET outbox/{id}/raw u
    POST outbox/{id}/retry a
    POST outbox/{id}/cancel a
    GET inbound-messages au
    GET inbound-messages/{id} au
    GET inbound-messages/{id}/raw au
    POST inbound-messages/{id}/reprocess a
    GET decisions aurp
    GET decisions/{id} aurp
    GET ledger au
    POST ledger/verify au
    POST explain au
    GET settings au
    PUT settings a
    GET lexicon au
    PUT lexicon a
    GET tokens au
    POST tokens a
    GET tokens/{id} au
    DELETE tokens/{id} a
";

fn letter(role: Role) -> char {
    match role {
        Role::Admin => 'a',
        Role::Auditor => 'u',
        Role::Requester => 'r',
        Role::Approver => 'p',
    }
}

fn matrix() -> Vec<(Method, String, String)> {
    let lines = MATRIX.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            (words[0].parse().unwrap(), format!("/{}", words[1]), words[2].to_owned())
        })
        .collect()
}

#[tokio::test]
async fn every_role_may_call_exactly_what_the_table_says() {
    let service = Service::start().await;
    let nobody = uuid::Uuid::nil().to_string();
    for (method, path, letters) in matrix() {
        let target = path.replace("{id}", &nobody).replace("{aid}", &nobody);
        for role in Role::ALL {
            let may = letters.contains(letter(role));
            let response =
                service.call(role, method.clone(), &target).json(&json!({})).send().await.unwrap();
            let status = response.status();
            let refused = matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED);
            assert_eq!(refused, !may, "{role} {method} {path}: {status}");
        }
        let bare = service.bare(method.clone(), &format!("{BASE}{target}"));
        assert_eq!(bare.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    service.stop().await;
}

#[tokio::test]
async fn the_router_the_table_and_the_description_name_the_same_calls() {
    let service = Service::start().await;
    let document = service.bare(Method::GET, "/api/v1/openapi.json").send().await.unwrap();
    let document: Value = document.json().await.unwrap();
    let described: BTreeSet<(String, String)> =
        openapi::operations(document.as_object().unwrap()).into_iter().collect();
    let table: BTreeSet<(String, String)> =
        CALLS.iter().map(|c| (c.method.to_owned(), format!("{BASE}{}", c.path))).collect();
    let by_hand: BTreeSet<(String, String)> =
        matrix().into_iter().map(|(m, path, _)| (m.to_string(), format!("{BASE}{path}"))).collect();
    assert_eq!(described, table);
    assert_eq!(table, by_hand);
    service.stop().await;
}

#[tokio::test]
async fn a_requester_and_an_approver_see_only_their_own() {
    let mut service = Service::with_accounts().await;
    let own = service.submit("root on db1").await["id"].as_str().unwrap().to_owned();
    let other = issue(&service.instance, Role::Requester, "another PAM", None).await;
    let first = service.tokens.insert(Role::Requester, other).unwrap();
    let mut foreign = super::request("root on db2");
    foreign["approvers"] = json!([{"email": "bo@corp.example"}]);
    let (_, foreign) = service.post(Role::Requester, "/access-requests", &foreign).await;
    let foreign = foreign["id"].as_str().unwrap().to_owned();
    service.tokens.insert(Role::Requester, first);

    for role in [Role::Requester, Role::Approver] {
        let listed = service.get(role, "/access-requests").await;
        let ids: Vec<&str> =
            listed["items"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [own.as_str()], "{role}");
        let path = format!("/access-requests/{foreign}");
        let response = service.call(role, Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{role}");
    }
    let path = format!("/access-requests/{foreign}/cancel");
    let (status, _) = service.post(Role::Requester, &path, &json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let path = format!("/access-requests/{foreign}/answer");
    let (status, _) = service.post(Role::Approver, &path, &json!({"answer": "approve"})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let all = service.get(Role::Auditor, "/access-requests").await;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    service.stop().await;
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_and_an_expired_one_neither() {
    let service = Service::start().await;
    let (status, made) =
        service.post(Role::Admin, "/tokens", &json!({"name": "short", "role": "auditor"})).await;
    assert_eq!(status, StatusCode::CREATED);
    let text = made["token"].as_str().unwrap().to_owned();
    let id = made["id"].as_str().unwrap();
    let look = || service.bare(Method::GET, "/api/v1/people").bearer_auth(&text).send();
    assert_eq!(look().await.unwrap().status(), StatusCode::OK);
    let shown = service.get(Role::Admin, &format!("/tokens/{id}")).await;
    assert!(shown.get("token").is_none() && shown["last_used_at"].is_string(), "{shown}");
    let path = format!("/tokens/{id}");
    let revoked = service.call(Role::Admin, Method::DELETE, &path).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    assert_eq!(look().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    let soon = service.instance.clock.now() + chrono::TimeDelta::milliseconds(150);
    let new = json!({"name": "soon over", "role": "auditor", "expires_at": soon});
    let (_, made) = service.post(Role::Admin, "/tokens", &new).await;
    let text = made["token"].as_str().unwrap();
    while service.instance.clock.now() <= soon {
        tokio::task::yield_now().await;
    }
    assert!(api_tokens::find_valid(&service.instance, text).await.unwrap().is_none());
    service.stop().await;
}

#[tokio::test]
async fn an_admin_makes_no_token_that_could_decide() {
    let service = Service::start().await;
    let (status, problem) =
        service.post(Role::Admin, "/tokens", &json!({"name": "x", "role": "approver"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["errors"][0]["field"], "/role");
    service.stop().await;
}

#[tokio::test]
async fn the_first_start_makes_one_admin_and_the_second_none() {
    let directory = tempfile::tempdir().unwrap();
    let config = countersign::config::Config {
        data_dir: directory.path().join("data"),
        ..Default::default()
    };
    let open = || {
        let (clock, random) =
            (countersign::clock::Clock::system(), countersign::random::Random::from_system());
        countersign::actions::Instance::open(config.clone(), clock, random)
    };
    let instance = open().await.unwrap();
    let first = api_tokens::issue_first(&instance).await.unwrap().unwrap();
    assert_eq!(first.token.role, "admin");
    assert!(api_tokens::issue_first(&instance).await.unwrap().is_none());
    api_tokens::revoke(&instance, first.token.id).await.unwrap();
    assert!(api_tokens::issue_first(&instance).await.unwrap().is_none());
}

//! Lists: walked page by page, or taken whole.

use countersign::actions::api_tokens::Role;
use reqwest::Method;
use serde_json::Value;

use super::Service;

async fn text(service: &Service, path: &str, accept: &str) -> String {
    let call = service.call(Role::Auditor, Method::GET, path).header("accept", accept);
    let response = call.send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with(accept));
    response.text().await.unwrap()
}

#[tokio::test]
async fn walking_by_cursor_sees_each_once_the_newest_first() {
    let service = Service::with_accounts().await;
    let mut made = Vec::new();
    for n in 0..7 {
        let id = service.submit(&format!("root on db{n}")).await["id"].clone();
        made.insert(0, id);
    }
    for (path, expected) in [
        ("/access-requests", made.len()),
        ("/people", 3),
        ("/ledger", 0),
        ("/tokens", 4),
        ("/outbox", 7),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let next = cursor.map(|c| format!("&cursor={c}")).unwrap_or_default();
            let page = service.get(Role::Auditor, &format!("{path}?limit=2{next}")).await;
            let items = page["items"].as_array().unwrap();
            assert!((1..=2).contains(&items.len()), "{path}");
            seen.extend(items.iter().map(|i| i.get("id").unwrap_or(&i["seq"]).clone()));
            match page["next_cursor"].as_str() {
                Some(more) => cursor = Some(more.to_owned()),
                None => break,
            }
        }
        let distinct: std::collections::BTreeSet<String> =
            seen.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), seen.len(), "{path}");
        if path == "/access-requests" {
            assert_eq!(seen, made);
        }
        assert!(expected == 0 || seen.len() == expected, "{path}: {}", seen.len());
    }
    service.stop().await;
}

#[tokio::test]
async fn an_export_is_the_whole_list_in_csv_and_in_ndjson() {
    let service = Service::with_accounts().await;
    for resource in ["=HYPERLINK(\"x\")", "root, on \"db\""] {
        service.submit(resource).await;
    }
    let csv = text(&service, "/access-requests", "text/csv").await;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "resource").unwrap();
    let cells: Vec<String> = reader.records().map(|row| row.unwrap()[at].to_owned()).collect();
    assert_eq!(cells, ["root, on \"db\"", "'=HYPERLINK(\"x\")"]);

    // More than a page of an export, so that it is put together from several.
    let mut tx = service.instance.store.begin().await.unwrap();
    let entry = countersign::domain::ledger::NewEntry {
        at: service.instance.clock.now(),
        kind: countersign::domain::ledger::Kind::EpochRaised,
        access_request_id: None,
        facts: serde_json::json!({}),
        private: None,
        salt: [0; 16],
    };
    let many = vec![entry; 1200];
    countersign::store::ledger::append(&mut tx, &many).await.unwrap();
    tx.commit().await.unwrap();
    let lines = text(&service, "/ledger", "application/x-ndjson").await;
    let seqs: Vec<i64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64().unwrap())
        .collect();
    assert!(seqs.len() > 1200);
    let expected: Vec<i64> = (1..=seqs.len() as i64).rev().collect();
    assert_eq!(seqs, expected);
    let some = text(&service, "/ledger?limit=3", "application/x-ndjson").await;
    assert_eq!(some.lines().count(), 3);
    service.stop().await;
}

#[tokio::test]
async fn filters_narrow() {
    let service = Service::with_accounts().await;
    let first = service.submit("a").await["id"].as_str().unwrap().to_owned();
    service.submit("b").await;
    let cancel = format!("/access-requests/{first}/cancel");
    service.post(Role::Requester, &cancel, &serde_json::json!({})).await;
    for (path, expected) in [
        ("/access-requests?status=cancelled", 1),
        ("/access-requests?status=pending", 1),
        ("/access-requests?status=denied", 0),
        ("/access-requests?requester=RITA@corp.example", 2),
        ("/access-requests?until=2001-01-01T00:00:00Z", 0),
        ("/people?address=ana@corp.example", 1),
        ("/people?address=eve@corp.example", 0),
        ("/outbox?kind=approval_request", 2),
        ("/outbox?recipient=ana@corp.example&kind=outcome", 0),
        ("/ledger?kind=request_submitted", 2),
        ("/inbound-messages?error=true", 0),
    ] {
        let listed = service.get(Role::Auditor, path).await;
        assert_eq!(listed["items"].as_array().unwrap().len(), expected, "{path}");
    }
    service.stop().await;
}

#[tokio::test]
async fn the_metrics_say_what_they_are() {
    let service = Service::with_accounts().await;
    service.submit("root").await;
    let text = service.bare(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "# HELP countersign_outbox_messages ",
        "# TYPE countersign_outbox_messages gauge",
        "countersign_pending_requests ",
        "# TYPE countersign_http_seconds histogram",
        "route=\"/api/v1/access-requests\"",
    ] {
        assert!(text.contains(line), "{line}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(service.bare(Method::GET, path).send().await.unwrap().status().as_u16(), 200);
    }
    service.stop().await;
}

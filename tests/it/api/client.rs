//! `docs/client.py`, as somebody would run it.

use countersign::actions::api_tokens::Role;
use reqwest::StatusCode;
use serde_json::json;
use tokio::process::Command;

use super::Service;

#[tokio::test]
async fn the_client_script_submits_polls_and_reads_the_decision() {
    for (answer, code) in [("approve", 0), ("deny", 1)] {
        let service = Service::with_accounts().await;
        let script = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/client.py"))
            .args(["--requester", "rita@corp.example", "--approver", "ana@corp.example"])
            .args(["--resource", "root on db1", "--poll-seconds", "0.2"])
            .env("COUNTERSIGN_URL", &service.base)
            .env("COUNTERSIGN_TOKEN", &service.tokens[&Role::Requester])
            .kill_on_drop(true)
            .output();
        let approver = async {
            loop {
                let listed = service.get(Role::Approver, "/access-requests").await;
                if let Some(id) = listed["items"][0]["id"].as_str() {
                    let path = format!("/access-requests/{id}/answer");
                    let body = json!({"answer": answer, "comment": "so be it"});
                    let (status, said) = service.post(Role::Approver, &path, &body).await;
                    assert_eq!(status, StatusCode::OK, "{said}");
                    return;
                }
            }
        };
        let (done, ()) = tokio::join!(script, approver);
        let done = done.unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let complained = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{said}\n{complained}");
        assert!(said.contains(answer) && said.contains("so be it"), "{said}");
        service.stop().await;
    }
}

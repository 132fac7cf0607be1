//! `/api/docs` in a real browser: it shows the calls, and loads nothing from
//! anywhere else.

use std::process::Stdio;

use fantoccini::{ClientBuilder, Locator, wd::Capabilities};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::Service;

/// chromedriver on a port of its own choice; it ends with the test.
async fn driver() -> (Child, String) {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver is installed (scripts/install-deps test)");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            let port = port.trim_end_matches('.').to_owned();
            return (child, format!("http://127.0.0.1:{port}"));
        }
    }
    panic!("chromedriver did not start");
}

#[tokio::test]
async fn the_page_renders_and_loads_nothing_from_elsewhere() {
    let service = Service::start().await;
    let (_driver, url) = driver().await;
    let mut capabilities = Capabilities::new();
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1200,1400",
        "--disable-background-networking",
        "--no-first-run",
    ];
    capabilities.insert("goog:chromeOptions".into(), json!({"args": arguments}));
    capabilities.insert("goog:loggingPrefs".into(), json!({"browser": "ALL"}));
    let browser = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities)
        .connect(&url)
        .await
        .unwrap();
    browser.goto(&format!("{}/api/docs/", service.base)).await.unwrap();
    let shown = browser.wait().for_element(Locator::Css(".opblock-summary-path")).await;
    shown.expect("the page shows calls");
    let title = browser.find(Locator::Css(".title")).await.unwrap().text().await.unwrap();
    assert!(title.contains("countersign"), "{title}");
    let count = browser.find_all(Locator::Css(".opblock")).await.unwrap().len();
    assert_eq!(count, countersign::http::access::CALLS.len());

    let script = "return performance.getEntriesByType('resource').map(e => e.name)";
    let loaded = browser.execute(script, vec![]).await.unwrap();
    let loaded: Vec<String> = serde_json::from_value(loaded).unwrap();
    assert!(loaded.iter().any(|name| name.ends_with("/openapi.json")), "{loaded:?}");
    for name in &loaded {
        let own = name.starts_with(&service.base) || name.starts_with("data:");
        assert!(own, "loaded from elsewhere: {name}");
    }
    if let Some(file) = std::env::var_os("COUNTERSIGN_TEST_SCREENSHOT") {
        std::fs::write(file, browser.screenshot().await.unwrap()).unwrap();
    }
    browser.close().await.unwrap();
    service.stop().await;
}

//! The service stops although somebody is connected.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Service;

async fn connect(service: &Service) -> TcpStream {
    TcpStream::connect(service.base.trim_start_matches("http://")).await.unwrap()
}

/// Generous: what counts is that it ends by itself.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn an_open_connection_does_not_hold_the_service_up() {
    let service = Service::start().await;
    let mut idle = connect(&service).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 512];
    let read = idle.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    let mut silent = connect(&service).await;
    silent.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
    let base = service.base.clone();
    timeout(STOPS_WITHIN, service.stop()).await.expect("it stops");
    assert_eq!(idle.read(&mut answer).await.unwrap_or(0), 0, "the connection is closed");
    assert!(TcpStream::connect(base.trim_start_matches("http://")).await.is_err());
}

//! Our own clients against the sandbox, over real sockets.

use std::time::Duration;

use super::*;
use crate::{
    domain::mail_server::{MailServer, Security},
    net::{
        dial::{Login, Timeouts},
        imap::{IdleOutcome, Imap},
        pop3::Pop3,
        smtp::{Outcome, Sent, Smtp, SmtpTimeouts},
        step::{Failure, StepLog},
    },
};

const MAIL: &[u8] = b"From: Ana <ana@x.test>\r\nTo: access@x.test\r\nMessage-ID: <1@x.test>\r\n\
    Subject: hello\r\n\r\n.one\r\ntwo\r\n";

fn address(written: &str) -> EmailAddress {
    EmailAddress::parse(written).unwrap()
}

async fn sandbox() -> Sandbox {
    let users = ["ana@x.test", "access@x.test"].map(|written| User {
        address: address(written),
        password: format!("{written} secret \"quoted\""),
    });
    Sandbox::start("x.test", &users, Clock::system()).await.unwrap()
}

fn server(port: u16, ca_pem: Option<String>) -> MailServer {
    MailServer {
        host: "localhost".into(),
        port,
        security: if ca_pem.is_some() { Security::ImplicitTls } else { Security::None },
        allow_cleartext_login: false,
        accept_invalid_certs: false,
        ca_pem,
        pinned_sha256: None,
    }
}

fn login(user: &str) -> Login {
    Login::password(user, &format!("{user} secret \"quoted\""))
}

async fn send(sandbox: &Sandbox, user: Option<&str>, from: Option<&str>, to: &str) -> Sent {
    let server = server(sandbox.smtp_port, None);
    let login = user.map(login);
    let timeouts = SmtpTimeouts::default();
    let mut log = StepLog::default();
    let mut smtp =
        Smtp::open(&server, login.as_ref(), "laptop", &timeouts, &mut log).await.unwrap();
    let sent = smtp.send(from.map(address).as_ref(), &address(to), MAIL).await;
    smtp.quit().await;
    sent
}

async fn imap(sandbox: &Sandbox, user: &str) -> Imap {
    let server = server(sandbox.imap_port, Some(sandbox.ca_pem.clone()));
    let mut log = StepLog::default();
    Imap::open(&server, &login(user), &Timeouts::default(), &mut log).await.unwrap()
}

async fn pop3(sandbox: &Sandbox, user: &str) -> Pop3 {
    let server = server(sandbox.pop3_port, None);
    let mut log = StepLog::default();
    Pop3::open(&server, &login(user), &Timeouts::default(), &mut log).await.unwrap()
}

#[tokio::test]
async fn a_mail_goes_in_by_smtp_and_out_by_imap_and_pop3() {
    let sandbox = sandbox().await;
    let ana = "ana@x.test";
    let sent = send(&sandbox, Some(ana), Some(ana), "access+token@x.test").await;
    assert!(matches!(sent.outcome, Outcome::Accepted { .. }), "{sent:?}");
    let kept = sandbox.mails(&address("access@x.test")).remove(0);
    assert!(kept.ends_with(MAIL), "{}", String::from_utf8_lossy(&kept));

    let mut imap = imap(&sandbox, "access@x.test").await;
    assert_eq!(imap.folders().await.unwrap(), ["INBOX"]);
    let selected = imap.select("INBOX").await.unwrap();
    assert_eq!((selected.exists, selected.uid_next, selected.read_only), (1, Some(2), false));
    let listed = imap.list_from(1).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].size_bytes, kept.len() as u64);
    assert!(listed[0].internal_date.is_some());
    assert_eq!(imap.fetch(1, 10_000).await.unwrap().unwrap(), kept);
    assert_eq!(imap.fetch(2, 10_000).await.unwrap(), None);
    let headers = imap.fetch_headers(1).await.unwrap().unwrap();
    assert!(headers.ends_with(b"Subject: hello\r\n\r\n"));
    imap.logout().await;

    let mut pop3 = pop3(&sandbox, "access@x.test").await;
    assert_eq!(pop3.list().await.unwrap(), [(1, kept.len() as u64)]);
    assert_eq!(pop3.uidl().await.unwrap().unwrap().len(), 1);
    assert_eq!(pop3.retr(1, 10_000).await.unwrap(), kept);
    assert!(pop3.top(1, 1).await.unwrap().ends_with(b"\r\n\r\n.one\r\n"));
    pop3.quit().await.unwrap();
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_nothing_else() {
    let sandbox = sandbox().await;
    let (ana, access) = ("ana@x.test", address("access@x.test"));
    for _ in 0..4 {
        send(&sandbox, Some(ana), Some(ana), "access@x.test").await;
    }
    let mut imap = imap(&sandbox, "access@x.test").await;
    imap.select("INBOX").await.unwrap();
    imap.delete(&[2]).await.unwrap();
    let left: Vec<u32> = imap.list_from(1).await.unwrap().iter().map(|mail| mail.uid).collect();
    assert_eq!(left, [1, 3, 4]);

    let mut first = pop3(&sandbox, "access@x.test").await;
    first.dele(1).await.unwrap();
    drop(first); // Hung up without QUIT.
    assert_eq!(sandbox.mails(&access).len(), 3);
    let mut second = pop3(&sandbox, "access@x.test").await;
    second.dele(3).await.unwrap();
    second.quit().await.unwrap();
    assert_eq!(sandbox.mails(&access).len(), 2);
    let left: Vec<u32> = imap.list_from(1).await.unwrap().iter().map(|mail| mail.uid).collect();
    assert_eq!(left, [1, 3]);
}

#[tokio::test]
async fn an_idle_session_hears_of_new_mail() {
    let sandbox = sandbox().await;
    let mut imap = imap(&sandbox, "access@x.test").await;
    imap.select("INBOX").await.unwrap();
    imap.list_from(1).await.unwrap();
    let send = send(&sandbox, Some("ana@x.test"), Some("ana@x.test"), "access@x.test");
    let (heard, _) = tokio::join!(imap.idle(Duration::from_secs(30)), send);
    assert!(matches!(heard, Ok(IdleOutcome::News)), "{heard:?}");
    assert_eq!(imap.list_from(1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn strangers_reach_our_users_and_nobody_else() {
    let sandbox = sandbox().await;
    let access = address("access@x.test");
    let code = |sent: Sent| match sent.outcome {
        Outcome::Accepted { code, .. } | Outcome::Refused { code, .. } => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(send(&sandbox, None, Some("ana@x.test"), "access@x.test").await), 250);
    assert_eq!(code(send(&sandbox, None, Some("ana@x.test"), "gone@far.test").await), 550);
    assert_eq!(code(send(&sandbox, None, None, "nobody@x.test").await), 550);
    let kept = String::from_utf8(sandbox.mails(&access).remove(0)).unwrap();
    assert!(kept.contains("dmarc=fail header.from=x.test"), "{kept}");
}

#[tokio::test]
async fn what_leaves_the_sandbox_comes_back() {
    let sandbox = sandbox().await;
    let ana = "ana@x.test";
    send(&sandbox, Some(ana), Some(ana), "gone@far.test").await;
    let report = String::from_utf8(sandbox.mails(&address(ana)).remove(0)).unwrap();
    assert!(report.starts_with("Return-Path: <>"), "{report}");
    assert!(report.contains("Message-ID: <1@x.test>"), "{report}");
    // A report that finds nobody makes no other report.
    send(&sandbox, Some(ana), None, "gone@far.test").await;
    assert_eq!(sandbox.mails(&address(ana)).len(), 1);
}

#[tokio::test]
async fn a_wrong_password_opens_nothing() {
    let sandbox = sandbox().await;
    let wrong = Login::password("ana@x.test", "wrong");
    let mut log = StepLog::default();
    let timeouts = Timeouts::default();
    let imap_server = server(sandbox.imap_port, Some(sandbox.ca_pem.clone()));
    let error = Imap::open(&imap_server, &wrong, &timeouts, &mut log).await.unwrap_err();
    assert_eq!(error.kind, Failure::LoginRefused, "{error}");
    let pop3_server = server(sandbox.pop3_port, None);
    let error = Pop3::open(&pop3_server, &wrong, &timeouts, &mut log).await.unwrap_err();
    assert_eq!(error.kind, Failure::LoginRefused, "{error}");
    let smtp_server = server(sandbox.smtp_port, None);
    let timeouts = SmtpTimeouts::default();
    let opened = Smtp::open(&smtp_server, Some(&wrong), "laptop", &timeouts, &mut log).await;
    assert_eq!(opened.unwrap_err().kind, Failure::LoginRefused);
}

#[tokio::test]
async fn a_client_that_does_not_know_the_authority_goes_away() {
    let sandbox = sandbox().await;
    let other = tls::Identity::make().unwrap().certificate_pem;
    let server = server(sandbox.imap_port, Some(other));
    let mut log = StepLog::default();
    let error = Imap::open(&server, &login("ana@x.test"), &Timeouts::default(), &mut log)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Failure::Certificate, "{error}");
}

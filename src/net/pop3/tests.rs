//! Sessions with servers good and bad.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::*;
use crate::net::{
    scripted,
    step::Peer,
    tls::tests::{self_signed, server},
};

const GREETED: &str = "S: +OK hi\nC: CAPA\nS: -ERR what?\nC: USER ana\nS: +OK\nC: PASS secret\nS: +OK in\n\
    C: CAPA\nS: -ERR what?\n";

async fn open_with(
    script: &str,
    account: &MailServer,
    tls: Option<tokio_native_tls::TlsAcceptor>,
) -> (Result<Pop3, NetError>, JoinHandle<()>) {
    let timeouts = Timeouts::default();
    let (stream, server) = scripted::server(script, tls);
    let peer = Peer { host: "localhost".into(), port: account.port };
    let link = Link { peer, ..Link::over(stream, &timeouts) };
    let login = Login::password("ana", "secret");
    let pop3 = Pop3::over(link, account, &login, &timeouts, &mut StepLog::default()).await;
    (pop3, server)
}

async fn session(script: &str) -> (Pop3, JoinHandle<()>) {
    let (pop3, task) =
        open_with(&format!("{GREETED}{script}"), &server(110, Security::None), None).await;
    (pop3.unwrap(), task)
}

async fn check_not_opened(
    script: &str,
    account: &MailServer,
    kind: Failure,
    step: StepName,
) -> NetError {
    let error = open_with(script, account, None).await.0.expect_err("no session");
    assert_eq!((error.kind, error.step), (kind, step), "{error}");
    error
}

#[tokio::test]
async fn a_whole_session_is_understood() {
    let script = include_str!("../../../fixtures/transcripts/pop3-client.txt");
    let (pop3, task) = open_with(script, &server(110, Security::None), None).await;
    let mut pop3 = pop3.unwrap();
    let ids = pop3.uidl().await.unwrap().unwrap();
    assert_eq!(ids, [(1, "aa".to_owned()), (2, "bb".to_owned())]);
    assert_eq!(pop3.list().await.unwrap(), [(1, 20), (2, 2000)]);
    assert_eq!(pop3.retr(1, 100).await.unwrap(), b"Subject: a\r\n\r\n.\r\n.b\r\n");
    assert_eq!(pop3.top(2, 0).await.unwrap(), b"Subject: b\r\n\r\n");
    pop3.dele(1).await.unwrap();
    pop3.quit().await.unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn deletions_count_only_when_quit_is_answered() {
    for (answer, kind) in [
        ("S: -ERR [SYS/TEMP] not all", Failure::ServerBusy { retry_after: None }),
        ("", Failure::Closed),
    ] {
        let (mut pop3, _task) = session(&format!("C: DELE 1\nS: +OK\nC: QUIT\n{answer}\n")).await;
        pop3.dele(1).await.unwrap();
        assert_eq!(pop3.quit().await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_server_without_uidl_is_no_error() {
    let (mut pop3, _task) =
        session("C: UIDL\nS: -ERR what?\nC: LIST\nS: +OK\nS: 1 5\nS: .\n").await;
    assert_eq!(pop3.uidl().await.unwrap(), None);
    assert_eq!(pop3.list().await.unwrap(), [(1, 5)]);
}

async fn check_retr_fails(answer: &str, expected: Failure) {
    let (mut pop3, _task) = session(&format!("C: RETR 1\n{answer}\n")).await;
    let error = pop3.retr(1, 1_000).await.unwrap_err();
    assert_eq!(error.kind, expected, "{error}");
}

#[tokio::test]
async fn a_message_is_whole_or_an_error() {
    check_retr_fails("S: -ERR no such message", Failure::CommandRefused).await;
    check_retr_fails("S: +OK\nS: Subject: cut", Failure::Closed).await;
    check_retr_fails("S: +OK\nFLOOD aaaaaaaaaaaaaaaaaaaaaaaa", Failure::TooLarge).await;
    check_retr_fails("FLOOD +OKaaaaaaaaaaaaaaaaaaaaaaaa", Failure::TooLarge).await;
    check_retr_fails("S: 250 mail", Failure::Protocol).await;
    let (mut pop3, _task) = session("C: RETR 1\nS: +OK\nS: cut\n").await;
    pop3.retr(1, 1_000).await.unwrap_err();
    assert_eq!(pop3.dele(1).await.unwrap_err().kind, Failure::Closed);
}

#[tokio::test]
async fn a_login_that_fails_says_how() {
    let plain = server(110, Security::None);
    let busy = |seconds: Option<u64>| Failure::ServerBusy {
        retry_after: seconds.map(Duration::from_secs),
    };
    for (answer, kind) in [
        ("-ERR [AUTH] secret is wrong", Failure::LoginRefused),
        ("-ERR no", Failure::LoginRefused),
        ("-ERR [IN-USE] locked", busy(None)),
        ("-ERR [LOGIN-DELAY] too soon", busy(Some(10))),
        ("-ERR [SYS/TEMP] later", Failure::LoginTemporarilyRefused),
        ("-ERR [SYS/PERM] never", Failure::LoginRefused),
    ] {
        let script = format!(
            "S: +OK hi\nC: CAPA\nS: +OK\nS: USER\nS: LOGIN-DELAY 10\nS: .\nC: USER ana\nS: +OK\nC: PASS secret\nS: {answer}"
        );
        let error = check_not_opened(&script, &plain, kind, StepName::Auth).await;
        assert!(!error.to_string().contains("secret "), "{error}");
    }
    let greeting = StepName::Greeting;
    check_not_opened("S: -ERR [SYS/PERM] go away", &plain, Failure::Rejected, greeting).await;
    check_not_opened("S: -ERR full", &plain, busy(None), greeting).await;
    let error = check_not_opened("S: * OK IMAP", &plain, Failure::Protocol, greeting).await;
    assert!(error.words.contains("no POP3 server"), "{error}");
}

#[tokio::test]
async fn sasl_is_spoken_in_the_form_for_long_secrets() {
    for script in [
        "C: AUTH PLAIN\nS: + \nC: AGFuYQBzZWNyZXQ=\nS: +OK in",
        "C: AUTH PLAIN\nS: + \nC: AGFuYQBzZWNyZXQ=\nS: -ERR [AUTH] no",
    ] {
        let script = format!(
            "S: +OK hi\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\n{script}\nC: CAPA\nS: -ERR\n"
        );
        let (pop3, task) = open_with(&script, &server(110, Security::None), None).await;
        let is_refused = script.contains("[AUTH]");
        assert_eq!(pop3.is_err(), is_refused);
        drop(pop3);
        assert_eq!(task.await.is_err(), is_refused, "after a refusal nothing more is said");
    }
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before() {
    let shown = self_signed("localhost", 2090);
    let account = MailServer { ca_pem: Some(shown.pem.clone()), ..server(110, Security::Starttls) };
    let script = "S: +OK hi\nC: STLS\nS: +OK go\nTLS\nC: CAPA\nS: +OK\nS: USER\nS: .\nC: USER ana\nS: +OK\n\
        C: PASS secret\nS: +OK in\nC: CAPA\nS: -ERR\nC: QUIT\nS: +OK\n";
    let (pop3, task) = open_with(script, &account, Some(shown.acceptor)).await;
    pop3.unwrap().quit().await.unwrap();
    task.await.unwrap();
}

#[tokio::test]
async fn starttls_fails_closed() {
    let account = server(110, Security::Starttls);
    let injected = "S: +OK hi\nC: STLS\nS: +OK go\nS: +OK injected";
    check_not_opened(injected, &account, Failure::InjectedBytes, StepName::Tls).await;
    let refused = "S: +OK hi\nC: STLS\nS: -ERR what?";
    check_not_opened(refused, &account, Failure::StarttlsUnavailable, StepName::Tls).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_costs_a_bounded_wait() {
    let began = Instant::now();
    check_not_opened("HANG", &server(110, Security::None), Failure::TimedOut, StepName::Greeting)
        .await;
    check_not_opened(
        "HANG",
        &server(995, Security::None),
        Failure::SecurityMixUp,
        StepName::Greeting,
    )
    .await;
    let (mut pop3, _task) = session("C: RETR 1\nS: +OK\nS: begun\nHANG\n").await;
    assert_eq!(pop3.retr(1, 1_000).await.unwrap_err().kind, Failure::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(140));
}

//! Sessions with servers good and bad.

use tokio::task::JoinHandle;

use super::*;
use crate::net::{
    scripted,
    tls::tests::{self_signed, server},
};

const GREETED: &str = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250 SIZE 1000\n";
const ACCEPTED: &str = "C: MAIL FROM:<a@x.test> SIZE=9\nS: 250 ok\nC: RCPT TO:<b@y.test>\nS: 250 ok\n\
    C: DATA\nS: 354 go\n";

async fn open_with(
    script: &str,
    account: &MailServer,
    login: bool,
    tls: Option<tokio_native_tls::TlsAcceptor>,
) -> (Result<Smtp, NetError>, JoinHandle<()>) {
    let timeouts = SmtpTimeouts::default();
    let (stream, task) = scripted::server(script, tls);
    let peer = Peer { host: "localhost".into(), port: account.port };
    let link = Link { peer, ..Link::over(stream, &timeouts.for_dialling()) };
    let login = login.then(|| Login::password("ana", "secret"));
    let mut log = StepLog::default();
    (Smtp::over(link, account, login.as_ref(), "us.test", (&timeouts, &mut log)).await, task)
}

async fn session(script: &str) -> (Smtp, JoinHandle<()>) {
    let (smtp, task) =
        open_with(&format!("{GREETED}{script}"), &server(25, Security::None), false, None).await;
    (smtp.unwrap(), task)
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

async fn send(smtp: &mut Smtp, message: &[u8]) -> Sent {
    smtp.send(Some(&address("a@x.test")), &address("b@y.test"), message).await
}

/// What becomes of a message of nine octets in front of `script`.
async fn outcome(script: &str) -> Sent {
    let (mut smtp, _task) = session(script).await;
    send(&mut smtp, b"A: b\r\n\r\nc").await
}

async fn check_refused(script: &str, expected: (StepName, u16, Option<&str>)) -> String {
    let sent = outcome(script).await;
    let Outcome::Refused { step, code, enhanced, text } = sent.outcome else { panic!("{sent:?}") };
    assert_eq!((step, code, enhanced.as_deref()), expected, "{text}");
    assert_eq!(sent.step, step);
    text
}

async fn check_broken(script: &str, step: StepName, kind: Failure) {
    let sent = outcome(script).await;
    let Outcome::Broken(error) = sent.outcome else { panic!("{sent:?}") };
    assert_eq!((error.step, error.kind), (step, kind), "{error}");
}

async fn check_not_opened(
    script: &str,
    account: &MailServer,
    kind: Failure,
    step: StepName,
) -> NetError {
    let error = open_with(script, account, true, None).await.0.expect_err("no session");
    assert_eq!((error.kind, error.step), (kind, step), "{error}");
    error
}

#[tokio::test]
async fn a_whole_session_is_understood() {
    let script = include_str!("../../../fixtures/transcripts/smtp-session.txt");
    let (smtp, task) = open_with(script, &server(25, Security::None), true, None).await;
    let mut smtp = smtp.unwrap();
    let sent = send(&mut smtp, b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n").await;
    assert!(
        matches!(&sent.outcome, Outcome::Accepted { code: 250, text } if text == "2.0.0 queued as 1"),
        "{sent:?}"
    );
    let sent = smtp.send(None, &address("b@y.test"), "Subject: 8\n\nbare \u{e4}".as_bytes()).await;
    assert!(matches!(sent.outcome, Outcome::Accepted { code: 250, .. }), "{sent:?}");
    assert!(smtp.is_alive().await);
    smtp.quit().await;
    task.await.unwrap();
}

#[tokio::test]
async fn a_refusal_says_where_and_why() {
    let mail = StepName::Mail;
    check_refused(
        "C: MAIL…\nS: 530 5.7.0 log in first\nC: RSET\nS: 250 ok",
        (mail, 530, Some("5.7.0")),
    )
    .await;
    let text = check_refused(
        "C: MAIL…\nS: 250 ok\nC: RCPT…\nS: 550-5.1.1 nobody\nS: 550 5.1.1 here\nC: RSET\nS: 250 ok",
        (StepName::Rcpt, 550, Some("5.1.1")),
    )
    .await;
    assert_eq!(text, "5.1.1 nobody here");
    check_refused(
        "C: MAIL…\nS: 250\nC: RCPT…\nS: 451 grey\nC: RSET\nS: 250",
        (StepName::Rcpt, 451, None),
    )
    .await;
    check_refused(
        "C: MAIL…\nS: 250\nC: RCPT…\nS: 250\nC: DATA\nS: 554 5.7.1 no\nC: RSET\nS: 250",
        (StepName::Data, 554, Some("5.7.1")),
    )
    .await;
    let spam = format!("{ACCEPTED}C: A: b\nC: \nC: c\nC: .\nS: 554 5.7.1 spam");
    check_refused(&spam, (StepName::Data, 554, Some("5.7.1"))).await;
}

#[tokio::test]
async fn a_refusal_in_another_character_set_is_still_a_refusal() {
    let latin = format!("{ACCEPTED}C: A: b\nC: \nC: c\nC: .\nS: 550 5.7.1 Empf\\xe4nger");
    let text = check_refused(&latin, (StepName::Data, 550, Some("5.7.1"))).await;
    assert_eq!(text, "5.7.1 Empf?nger");
}

#[tokio::test]
async fn after_a_refusal_the_session_takes_the_next_message() {
    let next = "C: A: b\nC: \nC: c\nC: .\nS: 250 ok\n";
    let (mut smtp, task) = session(&format!(
        "C: MAIL…\nS: 250 ok\nC: RCPT…\nS: 550 no\nC: RSET\nS: 250 ok\n{ACCEPTED}{next}"
    ))
    .await;
    assert!(matches!(send(&mut smtp, b"A: b\r\n\r\nc").await.outcome, Outcome::Refused { .. }));
    assert!(matches!(send(&mut smtp, b"A: b\r\n\r\nc").await.outcome, Outcome::Accepted { .. }));
    drop(smtp);
    task.await.unwrap();
}

#[tokio::test]
async fn a_server_that_says_goodbye_is_believed() {
    let (mut smtp, task) = session("C: MAIL…\nS: 421 4.3.2 closing\n").await;
    assert!(matches!(
        send(&mut smtp, b"A: b\r\n\r\nc").await.outcome,
        Outcome::Refused { code: 421, .. }
    ));
    assert!(!smtp.is_alive().await);
    task.await.unwrap();
}

#[tokio::test]
async fn what_the_server_cannot_take_is_not_offered() {
    let (mut smtp, task) = session("").await;
    let Outcome::Refused { code, text, .. } = send(&mut smtp, &[b'a'; 1001]).await.outcome else {
        panic!()
    };
    assert_eq!(
        (code, text.as_str()),
        (552, "the server takes 1000 octets at most, the message has 1001")
    );
    let sent = send(&mut smtp, "ä".as_bytes()).await;
    assert!(matches!(sent.outcome, Outcome::Refused { code: 554, .. }), "{sent:?}");
    drop(smtp);
    task.await.unwrap();
}

#[tokio::test]
async fn before_the_final_dot_it_is_not_sent() {
    check_broken("C: MAIL…", StepName::Mail, Failure::Closed).await;
    check_broken(
        "C: MAIL…\nS: 250 ok\nC: RCPT…\nS: 250 ok\nC: DATA",
        StepName::Data,
        Failure::Closed,
    )
    .await;
    check_broken("C: MAIL…\nS: 354 what", StepName::Mail, Failure::Protocol).await;
    check_broken("C: MAIL…\nS: hello", StepName::Mail, Failure::Protocol).await;
    check_broken(
        "C: MAIL…\nFLOOD 250-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        StepName::Mail,
        Failure::TooLarge,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_has_not_got_it() {
    let large = GREETED.replace("SIZE 1000", "SIZE 10000000");
    let script =
        format!("{large}C: MAIL…\nS: 250 ok\nC: RCPT…\nS: 250 ok\nC: DATA\nS: 354 go\nHANG");
    let (smtp, _task) = open_with(&script, &server(25, Security::None), false, None).await;
    let began = Instant::now();
    let sent = send(&mut smtp.unwrap(), &vec![b'a'; 1_000_000]).await;
    let Outcome::Broken(error) = sent.outcome else { panic!("{sent:?}") };
    assert_eq!(error.kind, Failure::TimedOut, "{error}");
    assert!(began.elapsed() < Duration::from_secs(181), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn after_the_final_dot_silence_is_neither_yes_nor_no() {
    for end in ["", "HANG", "S: gibberish"] {
        let began = Instant::now();
        let sent = outcome(&format!("{ACCEPTED}C: A: b\nC: \nC: c\nC: .\n{end}")).await;
        assert!(matches!(sent.outcome, Outcome::NoReplyAfterData), "{end:?}: {sent:?}");
        assert!(began.elapsed() < Duration::from_secs(601));
    }
}

#[tokio::test]
async fn a_login_that_fails_says_how() {
    let plain = server(587, Security::None);
    let auth = StepName::Auth;
    let greeted = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250 AUTH PLAIN LOGIN\nC: AUTH PLAIN AGFuYQBzZWNyZXQ=\n";
    let refused = format!("{greeted}S: 535 5.7.8 AGFuYQBzZWNyZXQ= is wrong");
    let error = check_not_opened(&refused, &plain, Failure::LoginRefused, auth).await;
    assert_eq!(error.words, "535 5.7.8 [not shown] is wrong");
    let later = format!("{greeted}S: 454 4.7.0 later");
    check_not_opened(&later, &plain, Failure::LoginTemporarilyRefused, auth).await;
    let asks_on = format!("{greeted}S: 334 bW9yZQ==");
    check_not_opened(&asks_on, &plain, Failure::Protocol, auth).await;
    let none = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250 AUTH GSSAPI";
    check_not_opened(none, &plain, Failure::LoginRefused, auth).await;
    let greeting = StepName::Greeting;
    check_not_opened("S: 554 not here", &plain, Failure::Rejected, greeting).await;
    check_not_opened("S: 421 busy", &plain, Failure::ServerBusy { retry_after: None }, greeting)
        .await;
    check_not_opened("S: * OK IMAP", &plain, Failure::Protocol, greeting).await;
}

#[tokio::test]
async fn login_in_two_parts_and_helo_are_understood() {
    let script = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250-   \nS: 250 AUTH=LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\n\
        C: YW5h\nS: 334 UGFzc3dvcmQ6\nC: c2VjcmV0\nS: 235 in\nC: QUIT\nS: 221 bye";
    let (smtp, task) = open_with(script, &server(25, Security::None), true, None).await;
    smtp.unwrap().quit().await;
    task.await.unwrap();
    let old =
        "S: 220 hi\nC: EHLO us.test\nS: 500 what?\nC: HELO us.test\nS: 250 hi\nC: QUIT\nS: 221 bye";
    let (smtp, task) = open_with(old, &server(25, Security::None), false, None).await;
    smtp.unwrap().quit().await;
    task.await.unwrap();
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before() {
    let shown = self_signed("localhost", 2090);
    let account = MailServer { ca_pem: Some(shown.pem.clone()), ..server(587, Security::Starttls) };
    let script = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250-SIZE 5\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\n\
        C: EHLO us.test\nS: 250-hi\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AGFuYQBzZWNyZXQ=\nS: 235 in\nC: NOOP\nS: 250 ok\n";
    let (smtp, task) = open_with(script, &account, true, Some(shown.acceptor)).await;
    let mut smtp = smtp.unwrap();
    assert!(!smtp.extensions.size);
    assert!(smtp.is_alive().await);
    drop(smtp);
    task.await.unwrap();
}

#[tokio::test]
async fn starttls_fails_closed() {
    let account = server(587, Security::Starttls);
    let offered = "S: 220 hi\nC: EHLO us.test\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\n";
    let tls = StepName::Tls;
    let injected = format!("{offered}S: 220 go\nS: 250-hi\nS: 250 AUTH PLAIN");
    check_not_opened(&injected, &account, Failure::InjectedBytes, tls).await;
    check_not_opened(
        &format!("{offered}S: 454 later"),
        &account,
        Failure::StarttlsUnavailable,
        tls,
    )
    .await;
    check_not_opened(
        "S: 220 hi\nC: EHLO us.test\nS: 250 hi",
        &account,
        Failure::StarttlsUnavailable,
        tls,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_costs_a_bounded_wait() {
    let began = Instant::now();
    let greeting = StepName::Greeting;
    check_not_opened("HANG", &server(587, Security::None), Failure::TimedOut, greeting).await;
    check_not_opened("HANG", &server(465, Security::Starttls), Failure::SecurityMixUp, greeting)
        .await;
    assert!(began.elapsed() < Duration::from_secs(75));
    let began = Instant::now();
    check_broken("C: MAIL…\nS: 250 ok\nC: RCPT…\nHANG", StepName::Rcpt, Failure::TimedOut).await;
    assert!(began.elapsed() < Duration::from_secs(301));
}

#[test]
fn our_name_is_one_a_server_can_take() {
    assert_eq!(Name::of("mail.x.test").0, "mail.x.test");
    assert_eq!(Name::of("x\r\nMAIL FROM:<>").0, "[127.0.0.1]");
    assert_eq!(Name::of("").0, "[127.0.0.1]");
}

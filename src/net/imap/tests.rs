//! Sessions with servers good and bad.

use std::time::Duration;

use tokio::{task::JoinHandle, time::Instant};

use super::*;
use crate::{
    domain::mail_server::Security,
    net::{
        scripted,
        tls::tests::{self_signed, server},
    },
    protocol::imap_guard::Guard,
};

const GREETED: &str = "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready\n\
    C: $ LOGIN \"ana\" \"secret\"\nS: $ OK [CAPABILITY IMAP4rev1 IDLE] in\n";

struct Opened {
    imap: Result<Imap, NetError>,
    log: StepLog,
    server: JoinHandle<()>,
}

async fn open_with(
    script: &str,
    account: &MailServer,
    tls: Option<tokio_native_tls::TlsAcceptor>,
) -> Opened {
    let timeouts = Timeouts::default();
    let (stream, server) = scripted::server(script, tls);
    let link = Link {
        peer: Peer { host: "localhost".into(), port: account.port },
        ..Link::over(stream, &timeouts)
    };
    let mut log = StepLog::default();
    let login = Login::password("ana", "secret");
    let imap = Imap::over(link, account, &login, &timeouts, &mut log).await;
    Opened { imap, log, server }
}

async fn open(script: &str) -> Opened {
    open_with(script, &server(143, Security::None), None).await
}

/// A session that is logged in and will meet `script`.
async fn session(script: &str) -> (Imap, JoinHandle<()>) {
    let opened = open(&format!("{GREETED}{script}")).await;
    (opened.imap.unwrap(), opened.server)
}

async fn check_not_opened(
    script: &str,
    account: &MailServer,
    kind: Failure,
    step: StepName,
) -> NetError {
    let error = open_with(script, account, None).await.imap.expect_err("no session");
    assert_eq!((error.kind, error.step), (kind, step), "{error}");
    error
}

#[tokio::test]
async fn a_whole_session_is_understood() {
    let opened = open(include_str!("../../../fixtures/transcripts/imap-session.txt")).await;
    let mut imap = opened.imap.unwrap();
    assert!(imap.can_idle());
    assert_eq!(imap.folders().await.unwrap(), ["INBOX", "Entwürfe", "R&D7"]);
    let selected = imap.select("Entwürfe").await.unwrap();
    let expected =
        Selected { uid_validity: 1_700_000_000, uid_next: Some(44), exists: 3, read_only: false };
    assert_eq!(selected, expected);
    let listed = imap.list_from(41).await.unwrap();
    let seen = listed.iter().map(|l| (l.uid, l.size_bytes, l.internal_date.unwrap().to_rfc3339()));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (41, 12, "2026-07-17T02:44:25+00:00".to_owned()),
            (43, 31, "2026-07-07T09:44:25+00:00".to_owned()),
        ]
    );
    let mail = imap.fetch(43, 100).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(mail).unwrap(), "Subject: (a {9} \"quote\r\n\r\nbody)\r\n");
    assert_eq!(imap.fetch(41, 100).await.unwrap(), None);
    assert_eq!(imap.fetch_headers(42).await.unwrap().unwrap(), b"Subject: long\r\n");
    imap.delete(&[43, 41, 42]).await.unwrap();
    imap.logout().await;
    opened.server.await.unwrap();
    let steps: Vec<_> = opened.log.steps().iter().map(|step| step.step).collect();
    assert_eq!(steps, [StepName::Greeting, StepName::Auth]);
}

#[tokio::test]
async fn a_refused_command_is_an_error_and_the_session_lives_on() {
    let (mut imap, server) = session(
        "C: $ UID FETCH 7 (UID BODY.PEEK[])\nS: $ NO disk on fire\n\
         C: $ UID FETCH 8 (UID BODY.PEEK[])\nS: $ BAD what?\n\
         C: $ UID FETCH 9 (UID BODY.PEEK[])\nS: $ NO [EXPUNGEISSUED] gone\n\
         C: $ UID FETCH 10 (UID BODY.PEEK[])\nS: * 1 FETCH (UID 10 BODY[] NIL)\nS: $ OK done\n",
    )
    .await;
    let mut kind = async |uid| imap.fetch(uid, 100).await.map_err(|error| error.kind);
    assert_eq!(kind(7).await, Err(Failure::CommandRefused));
    assert_eq!(kind(8).await, Err(Failure::CommandRefused));
    assert_eq!(kind(9).await, Ok(None));
    assert_eq!(kind(10).await, Err(Failure::Protocol));
    drop(imap);
    server.await.unwrap();
}

/// What a session says of `answer` to a FETCH; nothing of it may be used again.
async fn check_fetch_fails(answer: &str, expected: Failure) {
    let (mut imap, _server) =
        session(&format!("C: $ UID FETCH 7 (UID BODY.PEEK[])\n{answer}\n")).await;
    let error = imap.fetch(7, 1_000).await.unwrap_err();
    assert_eq!(error.kind, expected, "{error}");
    assert_eq!(error.step, StepName::Fetch);
    assert_eq!(imap.fetch(7, 1_000).await.unwrap_err().kind, Failure::Closed);
}

#[tokio::test]
async fn a_cut_connection_is_never_a_short_message() {
    check_fetch_fails("S: * 1 FETCH (UID 7 BODY[] {500}\nS: only this much", Failure::Closed).await;
    check_fetch_fails("S: * 1 FETCH (UID 7 BODY[] {3}\nS: abc)", Failure::Closed).await;
    check_fetch_fails("", Failure::Closed).await;
    check_fetch_fails("S: * BYE shutting down", Failure::Closed).await;
}

#[tokio::test]
async fn a_hostile_server_is_hung_up_on() {
    check_fetch_fails("S: * 1 FETCH (UID 7 BODY[] {4000000000}", Failure::TooLarge).await;
    check_fetch_fails("S~ * OK \nFLOOD aaaaaaaaaaaaaaaaaaaaaaaaaaaa", Failure::TooLarge).await;
    check_fetch_fails("FLOOD * 1 EXISTS\\x0d\\x0a", Failure::TooLarge).await;
    check_fetch_fails("S: * 1 FETCH (UID 7 INTERNALDATE NIL)", Failure::Protocol).await;
    check_fetch_fails("S: * 1 FETCH (BODYSTRUCTURE ((((((((((((", Failure::Protocol).await;
    check_fetch_fails("S: * 1 FETCH (UID ((()))\"x {3})", Failure::Protocol).await;
    check_fetch_fails("S: +OK this is another protocol\nS: 220 and another", Failure::Protocol)
        .await;
}

#[tokio::test]
async fn what_nobody_asked_for_is_survived() {
    let (mut imap, _server) = session(
        "C: $ UID FETCH 7 (UID BODY.PEEK[])\nS: * METADATA \"\\xff\" (/shared/x NIL)\nS: * NAMESPACE NIL NIL NIL\n\
         S: * 1 FETCH (UID 7 BODY[] {2}\nS: ok)\nS: * XFUTURE 7\nS: $ OK done\n",
    )
    .await;
    assert_eq!(imap.fetch(7, 100).await.unwrap().unwrap(), b"ok");
}

#[tokio::test]
async fn a_parser_that_gives_up_does_not_quote_the_mail() {
    let (mut imap, _server) = session(
        "C: $ UID FETCH 7 (UID BODY.PEEK[])\nS: * 1 FETCH (UID 7 BODY[] {6}\nS: privat !!!\n",
    )
    .await;
    let error = imap.fetch(7, 1_000).await.unwrap_err();
    assert_eq!(error.kind, Failure::Protocol);
    assert!(!format!("{error} {error:?}").contains("privat"));
}

#[tokio::test]
async fn a_message_larger_than_asked_for_is_refused() {
    let (mut imap, _server) = session(
        "C: $ UID FETCH 7 (UID BODY.PEEK[])\nS: * 1 FETCH (UID 7 BODY[] {6}\nS: abcdef)\nS: $ OK done\n",
    )
    .await;
    assert_eq!(imap.fetch(7, 5).await.unwrap_err().kind, Failure::TooLarge);
}

#[tokio::test]
async fn opening_a_folder_can_fail() {
    let (mut imap, _server) = session(
        "C: $ SELECT \"Nope\"\nS: $ NO [NONEXISTENT] no such folder\n\
         C: $ SELECT \"Busy\"\nS: $ NO [INUSE] locked\n\
         C: $ SELECT \"Odd\"\nS: * 1 EXISTS\nS: $ OK done\n\
         C: $ SELECT \"Read\"\nS: * OK [UIDVALIDITY 9] x\nS: $ OK [READ-ONLY] done\n",
    )
    .await;
    let error = imap.select("Nope").await.unwrap_err();
    assert_eq!(error.kind, Failure::FolderMissing);
    assert!(error.words.contains("`Nope`"), "{error}");
    assert!(matches!(imap.select("Busy").await.unwrap_err().kind, Failure::ServerBusy { .. }));
    assert_eq!(imap.select("Odd").await.unwrap_err().kind, Failure::Protocol);
    assert!(imap.select("Read").await.unwrap().read_only);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_costs_a_bounded_wait() {
    let began = Instant::now();
    let plain = server(143, Security::None);
    check_not_opened("HANG", &plain, Failure::TimedOut, StepName::Greeting).await;
    check_not_opened(
        "S: * OK hi\nC: $ CAPABILITY\nHANG",
        &plain,
        Failure::TimedOut,
        StepName::Auth,
    )
    .await;
    let (mut imap, _server) =
        session("C: $ UID FETCH 7…\nS: * 1 FETCH (UID 7 BODY[] {50}\nHANG\n").await;
    assert_eq!(imap.fetch(7, 100).await.unwrap_err().kind, Failure::TimedOut);
    assert!(began.elapsed() < Duration::from_secs(3 * 61));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dribbles_is_ended_too() {
    let timeouts = Timeouts::default();
    let (near, mut far) = tokio::io::duplex(1024);
    let link = Link::over(Box::new(near), &timeouts);
    let dribble = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        far.write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n").await.unwrap();
        while far.write_all(b"* OK wait\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(50)).await;
        }
    });
    let login = Login::password("ana", "secret");
    let plain = server(143, Security::None);
    let error =
        Imap::over(link, &plain, &login, &timeouts, &mut StepLog::default()).await.err().unwrap();
    assert_eq!(error.kind, Failure::TimedOut);
    dribble.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tls_where_we_speak_clear_is_guessed_early() {
    let mixed = server(993, Security::Starttls);
    let began = Instant::now();
    let error = check_not_opened("HANG", &mixed, Failure::SecurityMixUp, StepName::Greeting).await;
    assert!(error.words.contains("implicit TLS"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(11));
}

#[tokio::test]
async fn a_login_that_fails_says_how() {
    let plain = server(143, Security::None);
    let greeted = "S: * OK [CAPABILITY IMAP4rev1] hi\nC: $ LOGIN \"ana\" \"secret\"\n";
    let refused = format!("{greeted}S: $ NO [AUTHENTICATIONFAILED] LOGIN ana secret is wrong");
    let error = check_not_opened(&refused, &plain, Failure::LoginRefused, StepName::Auth).await;
    assert!(error.words.contains("LOGIN ana [not shown] is wrong"), "{error}");
    let later = format!("{greeted}S: $ NO [UNAVAILABLE] later");
    check_not_opened(&later, &plain, Failure::LoginTemporarilyRefused, StepName::Auth).await;
    let none = "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] hi";
    check_not_opened(none, &plain, Failure::LoginRefused, StepName::Auth).await;
    check_not_opened(
        "S: * BYE busy",
        &plain,
        Failure::ServerBusy { retry_after: None },
        StepName::Greeting,
    )
    .await;
    let error =
        check_not_opened("S: +OK POP3 ready", &plain, Failure::Protocol, StepName::Greeting).await;
    assert!(error.words.contains("no IMAP server: +OK POP3 ready"), "{error}");
    check_not_opened(
        "FLOOD aaaaaaaaaaaaaaaaaaaaaaaaa",
        &plain,
        Failure::TooLarge,
        StepName::Greeting,
    )
    .await;
}

#[tokio::test]
async fn sasl_is_spoken_where_login_is_disabled() {
    let opened = open(
        "S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=PLAIN] hi\nC: $ AUTHENTICATE PLAIN\nS: + \n\
         C: AGFuYQBzZWNyZXQ=\nS: $ OK in\nC: $ CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: $ OK\n",
    )
    .await;
    assert!(!opened.imap.unwrap().can_idle());
}

#[tokio::test]
async fn starttls_forgets_what_was_said_before() {
    let shown = self_signed("localhost", 2090);
    let account = MailServer { ca_pem: Some(shown.pem.clone()), ..server(143, Security::Starttls) };
    let script = "S: * OK [CAPABILITY IMAP4rev1 STARTTLS IDLE AUTH=PLAIN] hi\nC: $ STARTTLS\nS: $ OK go\nTLS\n\
        C: $ CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: $ OK\nC: $ LOGIN \"ana\" \"secret\"\nS: $ OK in\n\
        C: $ CAPABILITY\nS: * CAPABILITY IMAP4rev1\nS: $ OK\n";
    let opened = open_with(script, &account, Some(shown.acceptor)).await;
    assert!(!opened.imap.unwrap().can_idle());
    let words = &opened.log.steps().iter().find(|step| step.step == StepName::Tls).unwrap().words;
    assert!(words.starts_with("TLS, certificate of "), "{words}");
    opened.server.await.unwrap();
}

#[tokio::test]
async fn starttls_fails_closed() {
    let account = server(143, Security::Starttls);
    let tls = StepName::Tls;
    let injected = "S: * OK hi\nC: $ STARTTLS\nS: $ OK go\nS: $ OK [CAPABILITY IMAP4rev1] injected";
    check_not_opened(injected, &account, Failure::InjectedBytes, tls).await;
    let refused = "S: * OK hi\nC: $ STARTTLS\nS: $ BAD unknown";
    check_not_opened(refused, &account, Failure::StarttlsUnavailable, tls).await;
    check_not_opened("S: * PREAUTH in already", &account, Failure::StarttlsUnavailable, tls).await;
    let silent = "S: * OK hi\nC: $ STARTTLS\nS: $ OK go";
    check_not_opened(silent, &account, Failure::TlsHandshake, tls).await;
}

#[tokio::test]
async fn no_password_goes_where_it_can_be_read() {
    let timeouts = Timeouts::default();
    let (stream, server_task) = scripted::server("S: * OK [CAPABILITY IMAP4rev1] hi\n", None);
    let link = Link { loopback: false, ..Link::over(stream, &timeouts) };
    let login = Login::password("ana", "secret");
    let plain = server(143, Security::None);
    let error =
        Imap::over(link, &plain, &login, &timeouts, &mut StepLog::default()).await.err().unwrap();
    assert_eq!((error.kind, error.step), (Failure::ClearLoginRefused, StepName::Auth));
    server_task.await.unwrap();
}

#[tokio::test]
async fn without_uidplus_only_ours_are_expunged() {
    let (mut imap, server) = session(
        "C: $ UID STORE 7 +FLAGS.SILENT (\\Deleted)\nS: $ OK\nC: $ UID SEARCH DELETED NOT UID 7\n\
         S: * SEARCH\nS: $ OK\nC: $ EXPUNGE\nS: * 1 EXPUNGE\nS: $ OK\n\
         C: $ UID STORE 8 +FLAGS.SILENT (\\Deleted)\nS: $ OK\nC: $ UID SEARCH DELETED NOT UID 8\n\
         S: * SEARCH 3 4\nS: $ OK\n",
    )
    .await;
    imap.delete(&[7]).await.unwrap();
    assert_eq!(imap.left_flagged(), 0);
    imap.delete(&[8]).await.unwrap();
    assert_eq!(imap.left_flagged(), 1);
    drop(imap);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_waits_for_news_and_no_longer_than_told() {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let (mut imap, server) = session(
        "C: $ IDLE\nS: + idling\nS: * OK still here\nS: * 5 EXISTS\nC: DONE\nS: A0002 OK done\n\
         C: $ IDLE\nS: + idling\nC: DONE\nS: A0003 OK done\n\
         C: $ UID SEARCH DELETED NOT UID 1\nC: never\n",
    )
    .await;
    assert_eq!(imap.idle(minutes(25)).await.unwrap(), IdleOutcome::News);
    let began = Instant::now();
    assert_eq!(imap.idle(minutes(25)).await.unwrap(), IdleOutcome::Quiet);
    assert!(began.elapsed() >= minutes(25) && began.elapsed() < minutes(26));
    server.abort();
}

#[tokio::test]
async fn chatter_ends_an_idle() {
    let (mut imap, _server) =
        session("C: $ IDLE\nS: + idling\nFLOOD * OK still here\\x0d\\x0a\n").await;
    let error = imap.idle(Duration::from_secs(1500)).await.unwrap_err();
    assert_eq!(error.kind, Failure::TooLarge);
}

#[tokio::test]
async fn news_between_listing_and_idle_is_not_slept_over() {
    let (mut imap, _server) = session(
        "C: $ UID FETCH 1:*…\nS: $ OK\nC: $ UID FETCH 7…\nS: * 9 EXISTS\nS: $ OK\nC: $ IDLE\nS: $ NO not now\n",
    )
    .await;
    imap.list_from(1).await.unwrap();
    imap.fetch(7, 100).await.unwrap();
    assert_eq!(imap.idle(Duration::from_secs(60)).await.unwrap(), IdleOutcome::News);
    assert_eq!(imap.idle(Duration::from_secs(60)).await.unwrap_err().kind, Failure::CommandRefused);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_command_leaves_no_session_behind() {
    let (mut imap, _server) = session("C: $ UID FETCH 7…\nHANG\n").await;
    let dropped = timeout(Duration::from_secs(1), imap.fetch(7, 100)).await;
    assert!(dropped.is_err());
    assert_eq!(imap.fetch(7, 100).await.unwrap_err().kind, Failure::Closed);
}

proptest::proptest! {
    /// Pieces of the protocol in any order: what the guard lets through, the
    /// parser reads or refuses, but never stops the program.
    #[test]
    fn nothing_that_passes_the_guard_stops_the_parser(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "* ", "1 ", "FETCH ", "(", ")", "UID ", "BODY[] ", "BODY[HEADER]", "{3}\r\n", "abc", "\"", "\\",
            "INTERNALDATE ", "NIL", "FLAGS ", "RFC822.SIZE ", "99999999999", "LIST ", "\r\n", " ", "OK ", "[",
            "]", "CAPABILITY ", "UIDVALIDITY ", "METADATA ", "/shared/x ", "ENVELOPE ", "BODYSTRUCTURE ", "+",
            "SEARCH", "\u{ff}", "INBOX", "a1 ", "EXISTS", "ID ", "<0>", "BADCHARSET ",
        ]), 1..40)
    ) {
        let mut passed = Vec::new();
        let said = format!("* 1 FETCH ({}", pieces.concat());
        for said in [said.as_str(), &pieces.concat()] {
            let verdict = Guard::default().pass(said.as_bytes(), 100, &mut passed);
            if verdict.is_err() {
                // The byte that was too much is not read any more.
                passed.pop();
            }
            let mut rest = passed.as_slice();
            while let Ok((after, _)) = Response::parse(rest) {
                rest = after;
            }
            passed.clear();
        }
    }
}

//! The bed's promises, checked: the other tests stand on them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

use crate::bed::faults::{Fault, FaultServer, SmtpStep};
use crate::bed::{self, AUTHSERV_ID, Dialogue, Mail, OTHER_DOMAIN, PASSWORD, Postfix, Refused};

const FORGED: &str = "Authentication-Results: mx.x.test; spf=pass smtp.mailfrom=x.test;\r\n \
                      dmarc=pass header.from=x.test\r\n";

fn letter(to: &str, above: &str) -> Vec<u8> {
    format!(
        "{above}From: Boss <boss@x.test>\r\nTo: {to}\r\nSubject: hello\r\n\
         Message-ID: <1@x.test>\r\n\r\nyes\r\n.\r\n..two dots\r\n"
    )
    .into_bytes()
}

/// The one stamp must be the first field that a sender could have written:
/// only what Dovecot adds on delivery stands above it, and every Received below.
fn check_stamp(mail: &Mail, expected: &str) {
    let fields = mail.fields();
    let ours: Vec<_> = fields
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| name.eq_ignore_ascii_case("authentication-results"))
        .collect();
    assert_eq!(ours.len(), 1, "{fields:#?}");
    let (at, (_, value)) = ours[0];
    assert_eq!(value, expected);
    for (name, _) in &fields[..at] {
        assert!(["Return-Path", "Delivered-To"].contains(&name.as_str()), "{fields:#?}");
    }
    let received = fields.iter().position(|(name, _)| name.eq_ignore_ascii_case("received"));
    assert!(received.is_some_and(|received| received > at), "{fields:#?}");
}

#[tokio::test]
async fn a_logged_in_sender_is_stamped_pass_and_a_forged_stamp_is_gone() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    bed.submit("boss@x.test", &anna.address, &letter(&anna.address, FORGED)).await.unwrap();

    let mails = anna.wait_for(1).await;
    check_stamp(
        &mails[0],
        &format!("{AUTHSERV_ID}; spf=pass smtp.mailfrom=x.test; dmarc=pass header.from=x.test"),
    );
    assert!(mails[0].text().ends_with("\r\n\r\nyes\r\n.\r\n..two dots\r\n"), "{}", mails[0].text());
}

#[tokio::test]
async fn a_stranger_is_stamped_fail_and_a_forged_stamp_is_gone() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    let disguised = "AUTHENTICATION-results :\r\n (a; comment)\r\n\tMX.x.test 1; dmarc=pass\r\n";
    let raw = letter(&anna.address, &format!("{FORGED}{disguised}{FORGED}"));
    bed.submit_unauthenticated("boss@y.test", &anna.address, &raw).await.unwrap();

    check_stamp(
        &anna.wait_for(1).await[0],
        &format!("{AUTHSERV_ID}; spf=fail smtp.mailfrom=y.test; dmarc=fail header.from=y.test"),
    );
}

#[tokio::test]
async fn an_empty_sender_is_stamped_none() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    bed.submit_unauthenticated("", &anna.address, &letter(&anna.address, "")).await.unwrap();
    check_stamp(&anna.wait_for(1).await[0], &format!("{AUTHSERV_ID}; spf=none; dmarc=none"));
}

#[tokio::test]
async fn results_under_another_name_are_left_alone_below_the_stamp() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    let foreign = "Authentication-Results: elsewhere.test; dmarc=pass header.from=x.test\r\n";
    let raw = letter(&anna.address, foreign);
    bed.submit_unauthenticated("boss@x.test", &anna.address, &raw).await.unwrap();

    let results = anna.wait_for(1).await[0].field("Authentication-Results");
    assert_eq!(results.len(), 2, "{results:?}");
    assert!(results[0].starts_with(AUTHSERV_ID) && results[1].starts_with("elsewhere.test"));
}

#[tokio::test]
async fn smtps_stamps_as_submission_does() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    let mut server = Dialogue::connect_tls(bed.postfix.smtps_port, bed.certificates()).await;
    server.expect_smtp("220").await.unwrap();
    server.ask_smtp("EHLO test", "250").await.unwrap();
    server.log_in_smtp("boss@x.test", PASSWORD).await.unwrap();
    let raw = letter(&anna.address, "");
    server.hand_over("boss@x.test", &anna.address, &raw).await.unwrap();
    check_stamp(
        &anna.wait_for(1).await[0],
        &format!("{AUTHSERV_ID}; spf=pass smtp.mailfrom=x.test; dmarc=pass header.from=x.test"),
    );
}

#[tokio::test]
async fn submission_wants_a_login_and_the_right_password() {
    let bed = bed::get().await;
    let mut server = Dialogue::connect_tls(bed.postfix.smtps_port, bed.certificates()).await;
    server.expect_smtp("220").await.unwrap();
    server.ask_smtp("EHLO test", "250").await.unwrap();
    let refused = server.log_in_smtp("boss@x.test", "wrong").await.unwrap_err();
    assert!(refused.0.starts_with("535"), "{refused:?}");
    let refused = server.hand_over("boss@x.test", "anna@x.test", b"\r\n").await.unwrap_err();
    assert!(refused.0.starts_with("554"), "{refused:?}");
}

#[tokio::test]
async fn recipients_are_refused_put_off_or_unknown_here() {
    let bed = bed::get().await;
    let cases = [
        (Postfix::REFUSED, "550 5.1.1"),
        ("5xx+detail@y.test", "550 5.1.1"),
        (Postfix::LATER, "450 4.2.0"),
        ("anna@elsewhere.test", "550 5.7.1"),
        ("root@localhost", "550 5.7.1"),
    ];
    for (recipient, expected) in cases {
        for road in ["login", "stranger"] {
            let sent = match road {
                "login" => bed.submit("boss@x.test", recipient, b"\r\nhi\r\n").await,
                _ => bed.submit_unauthenticated("boss@x.test", recipient, b"\r\nhi\r\n").await,
            };
            let refused = sent.unwrap_err();
            assert!(refused.0.starts_with(expected), "{recipient} by {road}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn a_returned_mail_comes_back_as_a_delivery_report() {
    let bed = bed::get().await;
    let boss = bed.mailbox("boss");
    let raw = letter(Postfix::RETURNED, "");
    bed.submit(&boss.address, Postfix::RETURNED, &raw).await.unwrap();

    let report = &boss.wait_for(1).await[0];
    assert_eq!(report.field("Return-Path"), ["<>"]);
    assert!(report.field("Content-Type")[0].contains("report-type=delivery-status"));
    assert!(report.text().contains("Status: 5.1.1"), "{}", report.text());
}

#[tokio::test]
async fn a_detail_is_cut_off_and_both_domains_are_delivered() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    let detailed = anna.address.replace('@', "+ref.123@");
    bed.submit("boss@x.test", &detailed, &letter(&detailed, "")).await.unwrap();
    bed.deliver_by_lmtp("boss@x.test", &detailed, &letter(&detailed, "")).await.unwrap();
    let mails = anna.wait_for(2).await;
    assert!(mails.iter().all(|mail| mail.field("To") == [detailed.as_str()]));
    assert!(mails.iter().all(|mail| mail.field("Delivered-To")[0].contains("+ref.123")));

    let elsewhere = format!("nobody@{OTHER_DOMAIN}");
    bed.submit("boss@x.test", &elsewhere, &letter(&elsewhere, "")).await.unwrap();
}

#[tokio::test]
async fn what_is_put_into_a_mailbox_is_read_back_byte_for_byte() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    let odd = b"Subject: \xff\x00 odd\r\n\r\n.\r\nno line end".to_vec();
    bed.deliver(&anna, &odd);
    bed.deliver(&anna, b"second: mail\n\n");
    let mails = anna.messages();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].raw, odd);
    assert_eq!(mails[1].raw, b"second: mail\r\n\r\n");
    assert_eq!(bed.mailbox("anna").messages().len(), 0, "each mailbox is its own");
}

#[tokio::test]
async fn imap_reads_flags_and_moves_what_was_delivered() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    bed.deliver(&anna, &letter(&anna.address, ""));
    bed.deliver(&anna, &letter(&anna.address, ""));

    let plain = Dialogue::connect(bed.dovecot.imap_port).await;
    let over_starttls = async |mut plain: Dialogue| {
        assert!(plain.line().await.starts_with("* OK"));
        assert!(plain.ask_imap("STARTTLS").await.starts_with("a OK"));
        plain.start_tls(bed.certificates()).await
    };
    let mut server = over_starttls(plain).await;
    let log_in = format!("LOGIN {} {}", anna.login, anna.password);
    assert!(server.ask_imap(&log_in).await.starts_with("a OK"));
    assert!(server.ask_imap("SELECT INBOX").await.starts_with("a OK"));
    assert!(server.ask_imap("STORE 1 +FLAGS (\\Seen)").await.starts_with("a OK"));
    assert!(server.ask_imap("MOVE 2 Processed").await.starts_with("a OK"));

    let left = anna.messages();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].flags, "S");
    assert_eq!(anna.messages_in("Processed").len(), 1);
    assert_eq!(anna.messages_in("Nowhere").len(), 0);
}

#[tokio::test]
async fn every_door_opens_with_tls_and_the_right_password_only() {
    let bed = bed::get().await;
    let anna = bed.mailbox("anna");
    bed.deliver(&anna, &letter(&anna.address, ""));

    let mut imaps = Dialogue::connect_tls(bed.dovecot.imaps_port, bed.certificates()).await;
    assert!(imaps.line().await.starts_with("* OK"));
    let wrong = format!("LOGIN {} wrong", anna.login);
    assert!(imaps.ask_imap(&wrong).await.starts_with("a NO"));
    let right = format!("LOGIN {} {PASSWORD}", anna.login);
    assert!(imaps.ask_imap(&right).await.starts_with("a OK"));

    let mut stls = Dialogue::connect(bed.dovecot.pop3_port).await;
    assert!(stls.line().await.starts_with("+OK"));
    assert!(stls.ask("STLS").await.starts_with("+OK"));
    let mut stls = stls.start_tls(bed.certificates()).await;
    check_pop3(&mut stls, &anna.login).await;

    let mut pop3s = Dialogue::connect_tls(bed.dovecot.pop3s_port, bed.certificates()).await;
    assert!(pop3s.line().await.starts_with("+OK"));
    check_pop3(&mut pop3s, &anna.login).await;

    let mut smtp = Dialogue::connect(bed.postfix.smtp_port).await;
    smtp.expect_smtp("220").await.unwrap();
    smtp.ask_smtp("EHLO test", "250").await.unwrap();
    smtp.ask_smtp("STARTTLS", "220").await.unwrap();
    let mut smtp = smtp.start_tls(bed.certificates()).await;
    smtp.ask_smtp("EHLO test", "250").await.unwrap();
}

async fn check_pop3(server: &mut Dialogue, login: &str) {
    assert!(server.ask(&format!("USER {login}")).await.starts_with("+OK"));
    assert!(server.ask(&format!("PASS {PASSWORD}")).await.starts_with("+OK"));
    assert!(server.ask("STAT").await.starts_with("+OK 1 "));
    assert!(server.ask("QUIT").await.starts_with("+OK"));
}

#[tokio::test]
async fn the_untrusted_certificate_is_not_trusted() {
    let bed = bed::get().await;
    let shown = bed.certificates();
    let identity = native_tls::Identity::from_pkcs8(
        shown.untrusted_pem.as_bytes(),
        shown.untrusted_key_pem.as_bytes(),
    );
    let acceptor = native_tls::TlsAcceptor::new(identity.unwrap()).unwrap();
    let acceptor = tokio_native_tls::TlsAcceptor::from(acceptor);
    let authority = native_tls::Certificate::from_pem(bed.ca_pem().as_bytes()).unwrap();
    let connector =
        native_tls::TlsConnector::builder().add_root_certificate(authority).build().unwrap();
    let connector = tokio_native_tls::TlsConnector::from(connector);

    let (client, server) = tokio::io::duplex(64 * 1024);
    let (seen, _) = tokio::join!(connector.connect("localhost", client), acceptor.accept(server));
    assert!(seen.is_err());
}

#[tokio::test]
async fn every_database_is_new_and_empty() {
    let (one, two) = tokio::join!(bed::create_database(), bed::create_database());
    assert_ne!(one, two);
    let mut first = PgConnection::connect(&one).await.unwrap();
    let mut second = PgConnection::connect(&two).await.unwrap();
    sqlx::query("CREATE TABLE only_here (id int)").execute(&mut first).await.unwrap();
    assert!(sqlx::query("SELECT id FROM only_here").fetch_all(&mut first).await.is_ok());
    assert!(sqlx::query("SELECT id FROM only_here").fetch_all(&mut second).await.is_err());
}

#[tokio::test]
async fn each_fault_is_what_it_says() {
    let closes = FaultServer::start(Fault::ClosesAtOnce).await;
    assert_eq!(Dialogue::connect(closes.port).await.line().await, "");

    let greets = FaultServer::start(Fault::Greets("-ERR come back later")).await;
    assert_eq!(Dialogue::connect(greets.port).await.line().await, "-ERR come back later");

    let silent = FaultServer::start(Fault::Silent).await;
    let mut stream = TcpStream::connect(("127.0.0.1", silent.port)).await.unwrap();
    stream.write_all(b"are you there?\r\n").await.unwrap();
    let answer = timeout(Duration::from_millis(200), stream.read_u8()).await;
    assert!(answer.is_err(), "it answered, or hung up: {answer:?}");
    assert_eq!(silent.heard().connections, 1);
}

#[tokio::test]
async fn the_pop3_double_serves_its_mails_and_hangs_up_at_quit() {
    let mails = vec![b"Subject: one\r\n\r\n.dot\r\n".to_vec(), b"Subject: two\r\n\r\n".to_vec()];
    let server = FaultServer::start(Fault::DropsPop3AtQuit(mails)).await;
    for _ in 0..2 {
        let mut client = Dialogue::connect(server.port).await;
        client.line().await;
        assert_eq!(client.ask("USER anna").await, "+OK");
        assert_eq!(client.ask("PASS pass").await, "+OK");
        assert_eq!(client.ask("STAT").await, "+OK 2 38");
        assert_eq!(client.ask("UIDL 2").await, "+OK 2 uid-2");
        assert_eq!(client.ask("RETR 1").await, "+OK");
        let mut lines = Vec::new();
        while lines.last().is_none_or(|line| line != ".") {
            lines.push(client.line().await);
        }
        assert_eq!(lines, ["Subject: one", "", "..dot", "."]);
        assert!(client.ask("DELE 1").await.starts_with("+OK"));
        assert!(client.ask("DELE 3").await.starts_with("-ERR"));
        assert_eq!(client.ask("QUIT").await, "");
    }
    assert_eq!(server.heard().connections, 2);
    assert_eq!(server.heard().commands.last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn the_smtp_double_fails_at_its_step_only() {
    let steps = [
        (SmtpStep::Greeting, "", 0),
        (SmtpStep::Hello, "EHLO test", 0),
        (SmtpStep::MailFrom, "MAIL FROM:<boss@x.test>", 0),
        (SmtpStep::RcptTo, "RCPT TO:<anna@x.test>", 0),
        (SmtpStep::Data, "DATA", 0),
        (SmtpStep::EndOfData, "DATA", 1),
        (SmtpStep::Quit, "QUIT", 1),
    ];
    for (at, last_command, mails) in steps {
        for reply in [Some("451 4.3.0 not now"), None] {
            let server = FaultServer::start(Fault::Smtp { at, reply }).await;
            let refused = whole_smtp_session(server.port).await.unwrap_err().0;
            assert_eq!(refused.trim_end(), reply.unwrap_or_default(), "{at:?}");
            let heard = server.heard();
            let last = heard.commands.last().map_or("", String::as_str);
            assert_eq!(last, last_command, "{at:?}");
            assert_eq!(heard.mails.len(), mails, "{at:?}");
        }
    }
}

async fn whole_smtp_session(port: u16) -> Result<(), Refused> {
    let mut client = Dialogue::connect(port).await;
    client.expect_smtp("220").await?;
    client.ask_smtp("EHLO test", "250").await?;
    client.hand_over("boss@x.test", "anna@x.test", b"Subject: x\r\n\r\nhi\r\n").await?;
    client.ask_smtp("QUIT", "221").await.map(drop)
}

/// This test runs itself a second time, in a process that starts a bed of its
/// own and is then killed: the end that leaves no time to tidy up.
#[tokio::test]
async fn nothing_is_left_when_the_process_is_killed() {
    const IN_CHILD: &str = "COUNTERSIGN_BED_CHILD";
    const NAME: &str = "bed_itself::nothing_is_left_when_the_process_is_killed";
    if std::env::var_os(IN_CHILD).is_some() {
        bed::get().await;
        bed::create_database().await;
        let mut out = std::io::stdout();
        writeln!(out, "\nup: {}", bed::directory().display()).unwrap();
        out.flush().unwrap();
        return std::future::pending().await;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(IN_CHILD, "yes")
        .env_remove("COUNTERSIGN_BED_KEEP")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let directory = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("up: ").map(str::to_owned))
        .expect("the child's bed starts");
    let directory = Path::new(&directory);
    let servers = working_in(directory);
    for name in ["dovecot", "master", "postgres", "sh"] {
        assert!(servers.iter().any(|(_, found)| found == name), "no {name} in {servers:?}");
    }

    child.kill().unwrap();
    child.wait().unwrap();
    let give_up_at = Instant::now() + Duration::from_secs(30);
    let mut look = interval(Duration::from_millis(50));
    while directory.exists() || servers.iter().any(|(pid, name)| lives(*pid, name)) {
        look.tick().await;
        let left: Vec<_> = servers.iter().filter(|(pid, name)| lives(*pid, name)).collect();
        assert!(Instant::now() < give_up_at, "{} holds on: {left:?}", directory.display());
    }
    assert_eq!(working_in(directory), []);
}

/// Processes whose command line names the directory or that work in it, with
/// all their descendants: `(pid, name)`.
fn working_in(directory: &Path) -> Vec<(u32, String)> {
    let text = directory.to_string_lossy();
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("this is Linux").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while we look at it.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let (name, rest) = stat.rsplit_once(") ").unwrap_or(("", ""));
        let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
        let parent = rest.split(' ').nth(1).and_then(|pid| pid.parse::<u32>().ok()).unwrap_or(0);
        let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let within = std::fs::read_link(entry.path().join("cwd"))
            .is_ok_and(|cwd| cwd.starts_with(directory));
        let ours = within || String::from_utf8_lossy(&words).contains(&*text);
        all.push((pid, parent, name, ours));
    }
    let mut found: Vec<u32> = all.iter().filter(|row| row.3).map(|row| row.0).collect();
    let mut next = 0;
    while next < found.len() {
        let children = all.iter().filter(|row| row.1 == found[next]).map(|row| row.0);
        let new: Vec<_> = children.filter(|pid| !found.contains(pid)).collect();
        found.extend(new);
        next += 1;
    }
    let ours = all.into_iter().filter(|row| found.contains(&row.0));
    ours.map(|(pid, _, name, _)| (pid, name)).collect()
}

/// Not a zombie, and still the one it was.
fn lives(pid: u32, name: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.contains(&format!("({name}) ")) && !stat.contains(") Z "))
}

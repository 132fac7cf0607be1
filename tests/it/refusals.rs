//! What must not count: forged, replayed, automatic, doubtful, late and
//! repeated answers, each named for what it is; and who is answered at all.

use serde_json::json;

use crate::bed::{Mail, Mailbox, OTHER_DOMAIN};
use crate::client::{Client, Letter, Reply};
use crate::house::{Database, House, Plan, Time, address};

/// What an outsider would gain from any mail of ours.
async fn assert_nobody_is_answered(house: &House, mails_before: usize) {
    house.deliver().await;
    let owed: Vec<_> = house.outbox().await.into_iter().map(|m| (m.kind, m.recipient)).collect();
    assert_eq!(owed.len(), mails_before, "{owed:?}");
}

/// `send` must leave the request pending, its mail judged as `expected`, and
/// nobody answered.
async fn check_refused(expected: &str, send: impl AsyncFn(&House, &Mailbox, &Mail)) {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    send(&house, &ana, &asked).await;
    house.poll().await;
    assert_eq!(house.dispositions().await, [expected]);
    assert_eq!(house.status(&request).await, "pending");
    assert_eq!(house.decisions().await.len(), 0);
    assert_nobody_is_answered(&house, 1).await;
    // What was refused used nothing up: the approver himself still can.
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "approved", "{:?}", house.dispositions().await);
    house.assert_books_hold().await;
}

#[tokio::test]
async fn a_forged_sender_is_not_believed_even_with_the_token() {
    check_refused("unauthenticated/sender_unproven", async |house, ana, asked| {
        house.send_as_stranger(&Reply::to(asked, &ana.address, "APPROVE").write()).await;
    })
    .await;
}

#[tokio::test]
async fn a_forged_sender_who_also_forges_the_stamp_is_not_believed() {
    check_refused("unauthenticated/sender_unproven", async |house, ana, asked| {
        let extra = "Authentication-Results: mx.x.test; spf=pass smtp.mailfrom=x.test; \
                     dmarc=pass header.from=x.test\r\n";
        let reply = Reply { extra, ..Reply::to(asked, &ana.address, "APPROVE") };
        house.send_as_stranger(&reply.write()).await;
    })
    .await;
}

#[tokio::test]
async fn proof_of_another_domain_is_no_proof_of_this_one() {
    check_refused("unauthenticated/sender_unproven", async |house, ana, asked| {
        let letter = Reply::to(asked, &ana.address, "APPROVE").write();
        house.send(&Letter { from: format!("eve@{OTHER_DOMAIN}"), ..letter }).await;
    })
    .await;
}

#[tokio::test]
async fn a_colleague_with_the_token_may_not_answer() {
    check_refused("unauthorized/not_the_approver", async |house, _ana, asked| {
        let eve = house.bed.mailbox("eve");
        house.send(&Reply::to(asked, &eve.address, "APPROVE").write()).await;
    })
    .await;
}

#[tokio::test]
async fn the_requester_with_the_token_may_not_answer_his_own_request() {
    check_refused("unauthorized/is_the_requester", async |house, _ana, asked| {
        house.send(&Reply::to(asked, &house.rita.address, "APPROVE").write()).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_nobody_issued_is_refused() {
    check_refused("bad_token/token_unknown", async |house, ana, asked| {
        let letter = Reply {
            with_thread: false,
            with_quotation: false,
            ..Reply::to(asked, &ana.address, "APPROVE")
        }
        .write();
        let (head, domain) = letter.to.split_once('@').unwrap();
        let (base, token) = head.split_once('+').unwrap();
        // One letter of the lookup id is another one.
        let first = if token.starts_with('a') { 'b' } else { 'a' };
        let to = format!("{base}+{first}{}@{domain}", &token[1..]);
        let raw = String::from_utf8(letter.raw).unwrap().replace(&letter.to, &to).into_bytes();
        house.send(&Letter { to, raw, ..letter }).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_with_a_broken_seal_is_refused() {
    check_refused("bad_token/token_forged", async |house, ana, asked| {
        let letter = Reply {
            with_thread: false,
            with_quotation: false,
            ..Reply::to(asked, &ana.address, "APPROVE")
        }
        .write();
        let (head, domain) = letter.to.split_once('@').unwrap();
        let at = head.len() - 6;
        let other = if head[at..].starts_with('c') { 'd' } else { 'c' };
        let to = format!("{}{other}{}@{domain}", &head[..at], &head[at + 1..]);
        let raw = String::from_utf8(letter.raw).unwrap().replace(&letter.to, &to).into_bytes();
        house.send(&Letter { to, raw, ..letter }).await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_about_nothing_of_ours_is_unrelated() {
    check_refused("unrelated/not_about_us", async |house, ana, _asked| {
        let raw = format!(
            "From: {}\r\nTo: {}\r\nSubject: lunch\r\nMessage-ID: <lunch@x.test>\r\n\r\nApproved!\r\n",
            ana.address, house.access.address
        );
        let to = house.access.address.clone();
        house.send(&Letter { from: ana.address.clone(), to, raw: raw.into_bytes() }).await;
    })
    .await;
}

#[tokio::test]
async fn an_out_of_office_answer_decides_nothing() {
    check_refused("auto_reply/automatic_reply", async |house, ana, asked| {
        let extra = "Auto-Submitted: auto-replied\r\n";
        let reply = Reply { extra, ..Reply::to(asked, &ana.address, "Yes, I approve.") };
        house.send(&reply.write()).await;
    })
    .await;
}

#[tokio::test]
async fn a_notification_that_comes_back_is_a_loop() {
    check_refused("loop/own_mail", async |house, ana, asked| {
        let to = crate::client::reply_to(asked);
        house.send(&Letter { from: ana.address.clone(), to, raw: asked.raw.clone() }).await;
    })
    .await;
}

/// Another of the same person's addresses, and another instance's token.
#[tokio::test]
async fn the_token_of_another_instance_decides_nothing_here() {
    let (house, other) = (House::open(Plan::default()).await, House::open(Plan::default()).await);
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    house.deliver().await;
    let bo = house.bed.mailbox("bo");
    other.ask(&bo).await;
    let foreign = other.notification(&bo).await;
    let letter = Reply::to(&foreign, &bo.address, "APPROVE").write();
    let raw = String::from_utf8(letter.raw).unwrap();
    let to = letter.to.replace(
        other.access.address.split('@').next().unwrap(),
        house.access.address.split('@').next().unwrap(),
    );
    let raw = raw.replace(&letter.to, &to).into_bytes();
    house.send(&Letter { to, raw, ..letter }).await;
    house.poll().await;
    assert_eq!(house.dispositions().await, ["bad_token/token_unknown"]);
    assert_eq!(house.status(&request).await, "pending");
}

#[tokio::test]
async fn the_requester_may_not_answer_from_another_address_of_his() {
    let house = House::open(Plan::default()).await;
    let (ana, alias) = (house.bed.mailbox("ana"), house.bed.mailbox("rita-too"));
    house.add_person(&[&house.rita.address, &alias.address]).await;
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    house.answer(&alias, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.dispositions().await, ["unauthorized/is_the_requester"]);
    assert_eq!(house.status(&request).await, "pending");
}

#[tokio::test]
async fn without_a_trusted_authserv_id_no_mail_decides_and_the_health_says_so() {
    let house = House::open(Plan::default()).await;
    house.change_inbox(|inbox| inbox.trusted_authserv_ids.clear()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.dispositions().await, ["unauthenticated/sender_unproven"]);
    assert_eq!(house.status(&request).await, "pending");
    let inbox = house.inbox().await;
    let (health, _) =
        countersign::actions::accounts::inbox_health(&house.instance, &inbox).await.unwrap();
    assert!(health.sentences.iter().any(|s| s.contains("no mail that arrives here can decide")));
}

#[tokio::test]
async fn token_only_believes_the_token_and_the_sender() {
    let house = House::open(Plan::default()).await;
    house
        .change_inbox(|inbox| {
            inbox.trusted_authserv_ids.clear();
            inbox.proof = countersign::domain::decision::policy::Proof::TokenOnly;
        })
        .await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    let eve = house.bed.mailbox("eve");
    house.answer(&eve, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "pending");
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "approved", "{:?}", house.dispositions().await);
}

#[tokio::test]
async fn unclear_words_are_asked_about_three_times_and_no_more() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, ..Plan::default() }).await;
        let ana = house.bed.mailbox("ana");
        let request = house.ask(&ana).await;
        let asked = house.notification(&ana).await;
        for (turn, words) in
            ["Who is she?", "Let me think.", "Approve if Bo agrees.", "Hm.", "Later, perhaps."]
                .into_iter()
                .enumerate()
        {
            house.answer(&ana, &asked, words).await;
            house.poll().await;
            assert_eq!(house.dispositions().await[turn], "unclear/words_unclear", "{words}");
            assert_eq!(house.owed("clarification").await, (turn + 1).min(3), "{words}");
        }
        assert_eq!(house.status(&request).await, "pending");
        // The clarification itself can be answered.
        let asked_again = house.notification(&ana).await;
        assert!(crate::client::subject(&asked_again).starts_with("Please answer again"));
        house.answer(&ana, &asked_again, "APPROVE").await;
        house.poll().await;
        assert_eq!(house.status(&request).await, "approved");
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn an_unclear_answer_of_a_stranger_is_not_answered() {
    check_refused("unauthenticated/sender_unproven", async |house, ana, asked| {
        house.send_as_stranger(&Reply::to(asked, &ana.address, "Who is she?").write()).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_late_and_the_requester_hears_of_the_expiry() {
    let house = House::open(Plan { time: Time::Stands, ..Plan::default() }).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.clock.advance(chrono::TimeDelta::hours(5));
    house.poll().await;
    assert_eq!(house.dispositions().await, ["late/request_expired"]);
    assert_eq!(house.decisions().await.len(), 0);
    assert_eq!(countersign::actions::requests::expire_due(&house.instance).await.unwrap(), 1);
    assert_eq!(house.status(&request).await, "expired");
    house.mail_about(&house.rita, "has expired").await;
    house.assert_books_hold().await;
}

#[tokio::test]
async fn an_answer_to_a_withdrawn_request_is_late() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    countersign::actions::requests::cancel(&house.instance, request.id).await.unwrap();
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    assert_eq!(house.dispositions().await, ["late/request_cancelled"]);
    assert_eq!(house.status(&request).await, "cancelled");
    house.assert_books_hold().await;
}

#[tokio::test]
async fn the_same_reply_in_two_accounts_decides_once() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, ..Plan::default() }).await;
        let second = house.bed.mailbox("second");
        crate::house::add_credential(&house.instance, "second", &second.login, &second.password)
            .await;
        let login =
            countersign::actions::credentials::find(&house.instance, "second").await.unwrap();
        let other = house
            .add_inbox(json!({
                "name": "second", "addresses": [second.address], "credential_id": login.id,
            }))
            .await;
        let ana = house.bed.mailbox("ana");
        let request = house.ask(&ana).await;
        let asked = house.notification(&ana).await;
        house.answer(&ana, &asked, "APPROVE").await;
        house.bed.deliver(&second, &house.access.messages()[0].raw);
        // Two nodes at once could do no more.
        let (one, two) =
            tokio::join!(house.poll(), countersign::polling::poll_now(&house.instance, &other));
        assert_eq!(one.fetched + two.unwrap().unwrap().fetched, 2);
        let mut found = house.dispositions().await;
        found.sort();
        assert_eq!(found, ["decided/approved", "duplicate/same_bytes"]);
        assert_eq!(house.decisions().await.len(), 1);
        assert_eq!(house.status(&request).await, "approved");
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn the_same_answer_again_is_a_duplicate() {
    let house = House::open(Plan::default()).await;
    let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
    let approvers = json!([{"email": ana.address}, {"email": bo.address}]);
    let request = house.submit(json!({"approvers": approvers, "quorum": "all"})).await;
    let asked = house.notification(&ana).await;
    for _ in 0..2 {
        house.answer(&ana, &asked, "APPROVE").await;
        house.poll().await;
    }
    assert_eq!(house.dispositions().await, ["decided/approved", "duplicate/same_answer"]);
    assert_eq!(house.decisions().await.len(), 1);
    assert_eq!(house.status(&request).await, "pending");
}

#[tokio::test]
async fn a_bounce_marks_the_mail_it_is_about() {
    for protocol in ["imap", "pop3"] {
        let house = House::open(Plan { protocol, ..Plan::default() }).await;
        let returned = crate::bed::Postfix::RETURNED;
        let request = house.submit(json!({"approvers": [{"email": returned}]})).await;
        house.deliver().await;
        house.access.wait_for(1).await;
        house.poll().await;
        assert_eq!(house.dispositions().await, ["bounce/delivery_report"]);
        let mail = &house.outbox().await[0];
        assert_eq!(mail.state.as_str(), "bounced");
        assert_eq!(mail.recipient, address(returned));
        assert!(mail.reason.as_deref().unwrap().contains("5."), "{:?}", mail.reason);
        assert_eq!(house.status(&request).await, "pending", "a bounce can be forged");
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn a_bounce_of_a_mail_we_never_sent_changes_nothing() {
    check_refused("bounce/delivery_report", async |house, _ana, _asked| {
        let report = "From: MAILER-DAEMON@x.test\r\nTo: access@x.test\r\nSubject: Undelivered Mail Returned to Sender\r\n\
            Message-ID: <dsn@x.test>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
            --b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n\
            --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.x.test\r\n\r\n\
            Final-Recipient: rfc822; ana@x.test\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
            --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <another@x.test>\r\n\r\n--b--\r\n";
        house.bed.deliver(&house.access, report.as_bytes());
    })
    .await;
}

#[tokio::test]
async fn hostile_structure_is_kept_and_decides_nothing() {
    check_refused("quarantined/ambiguous_structure", async |house, ana, asked| {
        let letter = Reply {
            extra: "Content-Type: text/plain; charset=utf-7\r\n",
            ..Reply::to(asked, &ana.address, "APPROVE")
        };
        // Two Content-Type fields: which one holds is a matter of the reader.
        house.send(&letter.write()).await;
    })
    .await;
}

#[tokio::test]
async fn a_deny_after_the_approval_is_a_conflict_and_is_told() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let ends = house.clock.now() + chrono::TimeDelta::hours(8);
    let request =
        house.submit(json!({"approvers": [{"email": ana.address}], "access_ends_at": ends})).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;
    house.send(&Client::Gmail.reply(&asked, &ana.address, "DISAPPROVE")).await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "conflict", "{:?}", house.dispositions().await);
    house.mail_about(&house.rita, "was taken back").await;
    house.assert_books_hold().await;
}

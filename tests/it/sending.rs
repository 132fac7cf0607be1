//! Mail on its way out: what a server's refusal leads to, whose words are
//! kept, and that nothing owed is lost.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use chrono::TimeDelta;
use countersign::actions::{ActionError, accounts, credentials};
use countersign::domain::outbox::State;
use countersign::store::outbox as outbox_store;
use serde_json::{Value, json};

use crate::bed::Postfix;
use crate::bed::faults::{Fault, FaultServer, SmtpStep};
use crate::house::{CREDENTIAL, Database, House, Plan, Time, eventually};

/// An SMTP account at a server of our own that takes what it is told to.
async fn house_at(server: &FaultServer, plan: &Plan) -> House {
    let house = House::bare(plan).await;
    house.add_inbox(house.inbox_fields(plan)).await;
    house.add_smtp(at(server)).await;
    house
}

fn at(server: &FaultServer) -> Value {
    json!({
        "host": "127.0.0.1", "port": server.port, "security": "none", "ca_pem": null,
        "authenticate": false, "credential_id": null,
    })
}

fn refusing(at: SmtpStep, reply: &'static str) -> Fault {
    Fault::Smtp { at, reply: Some(reply) }
}

#[tokio::test]
async fn a_request_without_a_road_back_is_refused_and_nothing_is_written() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let approvers = json!([{"email": ana.address}]);
    for (what, off) in [("automatic_check", 0), ("enabled", 1), ("addresses", 2)] {
        let before = house.inbox().await;
        house
            .change_inbox(|inbox| match off {
                0 => inbox.automatic_check = false,
                1 => inbox.enabled = false,
                _ => inbox.addresses = vec![crate::house::address("other@x.test")],
            })
            .await;
        let refused = house.try_submit(json!({"approvers": approvers})).await;
        let Err(ActionError::NoReplyRoad(road)) = refused else {
            panic!("{what}: {refused:?}");
        };
        let said = road.to_string();
        assert!(said.contains("`main`") && said.contains(&house.access.address), "{said}");
        house
            .change_inbox(|inbox| {
                inbox.automatic_check = before.automatic_check;
                inbox.enabled = before.enabled;
                inbox.addresses = before.addresses.clone();
            })
            .await;
    }
    assert_eq!(house.outbox().await.len(), 0);
    assert!(house.try_submit(json!({"approvers": approvers})).await.is_ok());
}

#[tokio::test]
async fn a_450_is_tried_again_with_the_servers_words_kept() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, time: Time::Stands, ..Plan::default() }).await;
        let request = house.submit(json!({"approvers": [{"email": Postfix::LATER}]})).await;
        house.deliver().await;
        let mail = house.outbox().await.remove(0);
        assert_eq!((mail.state, mail.attempts), (State::Deferred, 1));
        assert!(mail.due_at > house.clock.now(), "not at once again");
        let attempts = house.attempts(&mail).await;
        assert_eq!((attempts[0].step.as_str(), attempts[0].code), ("rcpt", Some(450)));
        assert!(attempts[0].text.contains("mailbox busy, try again later"), "{attempts:?}");

        house.clock.advance(TimeDelta::minutes(2));
        house.deliver().await;
        let again = house.outbox().await.remove(0);
        assert_eq!((again.state, again.attempts), (State::Deferred, 2));
        assert_eq!(again.message_id, mail.message_id);
        // Of no use once the request has ended: it is not tried for ever.
        house.clock.advance(TimeDelta::hours(5));
        house.deliver().await;
        assert_eq!(house.outbox().await[0].state, State::Expired);
        assert_eq!(house.status(&request).await, "pending");
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn a_5xx_fails_that_recipient_alone_with_the_servers_words_kept() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let approvers = json!([{"email": Postfix::REFUSED}, {"email": ana.address}]);
    house.submit(json!({"approvers": approvers})).await;
    house.deliver().await;
    ana.wait_for(1).await;
    let mails = house.outbox().await;
    let of = |to: &str| mails.iter().find(|mail| mail.recipient.to_string() == to).unwrap();
    assert_eq!(of(&ana.address).state, State::Sent);
    assert_eq!(of(Postfix::REFUSED).state, State::Failed);
    let attempts = house.attempts(of(Postfix::REFUSED)).await;
    assert_eq!((attempts[0].step.as_str(), attempts[0].code), ("rcpt", Some(550)));
    assert!(attempts[0].text.contains("no such mailbox"), "{attempts:?}");
    house.assert_books_hold().await;
}

#[tokio::test]
async fn a_refused_login_pauses_the_account_and_keeps_its_queue() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, ..Plan::default() }).await;
        let set = async |password: &str| {
            let secret = countersign::secret::Secret::new(password.to_owned());
            let found = credentials::find(&house.instance, CREDENTIAL).await.unwrap();
            credentials::update(&house.instance, found, Some(secret)).await.unwrap();
        };
        set("not the password").await;
        let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
        house.ask(&ana).await;
        house.ask(&bo).await;
        let worker = house.start_delivery();
        let reason =
            eventually("the account to be paused", async || house.smtp().await.paused_reason).await;
        assert!(reason.contains("535"), "{reason}");
        worker.stop().await;
        let mails = house.outbox().await;
        assert!(mails.iter().all(|mail| mail.state == State::Queued), "{mails:#?}");
        assert!(mails.iter().map(|mail| mail.attempts).sum::<i64>() <= 2, "not a storm of logins");

        // Mending the password is enough.
        set("pass").await;
        assert_eq!(house.smtp().await.paused_reason, None);
        house.deliver().await;
        ana.wait_for(1).await;
        bo.wait_for(1).await;
    }
}

#[tokio::test]
async fn no_reply_after_the_final_dot_is_unknown_and_goes_again_as_the_same_mail() {
    let server = FaultServer::start(Fault::Smtp { at: SmtpStep::EndOfData, reply: None }).await;
    let house = house_at(&server, &Plan { time: Time::Stands, ..Plan::default() }).await;
    house.ask(&house.bed.mailbox("ana")).await;
    house.deliver().await;
    assert_eq!(house.outbox().await[0].state, State::Unknown);
    house.clock.advance(TimeDelta::minutes(10));
    house.deliver().await;
    let mails = server.heard().mails;
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1], "byte for byte, Message-ID and token among them");
    assert_eq!(house.outbox().await.len(), 1);
}

/// The process dies between the server's 250 and our commit: the lease ends,
/// somebody sends it again, and the recipient's program sees one Message-ID.
#[tokio::test]
async fn a_crash_between_sending_and_settling_sends_the_same_mail_again() {
    for database in [Database::Sqlite, Database::Postgres] {
        let server = FaultServer::start(refusing(SmtpStep::Quit, "221 bye")).await;
        let plan = Plan { database, time: Time::Stands, ..Plan::default() };
        let mut house = house_at(&server, &plan).await;
        house.ask(&house.bed.mailbox("ana")).await;
        // What the dead process had done: claimed, sent, and nothing more.
        let claimed = claim(&house).await;
        let mut wire = crate::bed::Dialogue::connect(server.port).await;
        wire.expect_smtp("220").await.unwrap();
        wire.hand_over("access@x.test", &claimed.recipient.to_string(), &claimed.raw)
            .await
            .unwrap();

        house.restart().await;
        assert!(claim_due(&house).await.is_empty(), "the dead one's lease still holds");
        house.clock.advance(TimeDelta::minutes(31));
        house.deliver().await;
        assert_eq!(server.heard().mails.len(), 2);
        let mails = server.heard().mails;
        assert_eq!(mails[0], mails[1]);
        assert_eq!(house.outbox().await[0].state, State::Sent);
        assert_eq!(house.outbox().await[0].attempts, 2);
        house.assert_books_hold().await;
    }
}

async fn claim(house: &House) -> outbox_store::Claimed {
    claim_due(house).await.remove(0)
}

async fn claim_due(house: &House) -> Vec<outbox_store::Claimed> {
    let instance = &house.instance;
    let mut tx = instance.store.begin().await.unwrap();
    let now = tx.now().await.unwrap();
    let until = now + TimeDelta::minutes(30);
    let claimed = outbox_store::claim_due(&mut tx, instance.node, now, until, 10).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

#[tokio::test]
async fn who_lost_his_lease_settles_nothing() {
    for database in [Database::Sqlite, Database::Postgres] {
        let server = FaultServer::start(refusing(SmtpStep::Quit, "221 bye")).await;
        let plan = Plan { database, time: Time::Stands, ..Plan::default() };
        let house = house_at(&server, &plan).await;
        house.ask(&house.bed.mailbox("ana")).await;
        let stale = claim(&house).await;
        house.clock.advance(TimeDelta::minutes(31));
        house.deliver().await;
        let settled = house.outbox().await.remove(0);
        assert_eq!(settled.state, State::Sent);

        let late = countersign::domain::outbox::outcome::SendResult::Refused {
            step: countersign::domain::outbox::outcome::Step::Rcpt,
            code: 550,
            enhanced: None,
            text: "no".to_owned(),
        };
        let account = Some(house.smtp().await.id);
        let after = countersign::actions::settle_delivery::settle_delivery(
            &house.instance,
            &stale,
            account,
            &late,
        );
        assert_eq!(after.await.unwrap(), None);
        assert_eq!(house.outbox().await.remove(0), settled);
        assert_eq!(house.attempts(&settled).await.len(), 1);
        house.assert_books_hold().await;
    }
}

#[tokio::test]
async fn what_each_refusal_leads_to() {
    for (fault, state, reason) in [
        (refusing(SmtpStep::Greeting, "554 5.7.1 not you"), State::Deferred, "server_refuses_us"),
        (refusing(SmtpStep::Greeting, "421 busy"), State::Deferred, "server_closing"),
        (refusing(SmtpStep::MailFrom, "552 5.3.4 too big"), State::Failed, "too_large"),
        (refusing(SmtpStep::MailFrom, "550 5.1.8 bad sender"), State::Failed, "sender_refused"),
        (refusing(SmtpStep::RcptTo, "452 4.2.2 full"), State::Deferred, "refused_for_now"),
        (refusing(SmtpStep::EndOfData, "554 5.6.0 no"), State::Failed, "content_refused"),
        (refusing(SmtpStep::EndOfData, "451 4.3.0 later"), State::Deferred, "refused_for_now"),
    ] {
        let server = FaultServer::start(fault.clone()).await;
        let house = house_at(&server, &Plan::default()).await;
        house.ask(&house.bed.mailbox("ana")).await;
        house.deliver().await;
        let mail = house.outbox().await.remove(0);
        assert_eq!((mail.state, mail.reason.as_deref()), (state, Some(reason)), "{fault:?}");
    }
}

#[tokio::test]
async fn a_disabled_account_keeps_its_queue_until_it_is_enabled() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    house.ask(&ana).await;
    // The default cannot be disabled, so another takes its place.
    let other = house.add_smtp(json!({"name": "other"})).await;
    accounts::make_default(&house.instance, &other).await.unwrap();
    let mut main = house.smtp().await;
    main.enabled = false;
    let mut main = accounts::update_smtp(&house.instance, main).await.unwrap();
    house.deliver_until("a look at the queue", |mails, _| mails.len() == 1).await;
    assert_eq!(house.outbox().await[0].state, State::Queued);
    main.enabled = true;
    accounts::update_smtp(&house.instance, main).await.unwrap();
    house.deliver().await;
    ana.wait_for(1).await;
}

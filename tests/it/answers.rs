//! The loop: a request goes out through Postfix, somebody answers from a mail
//! client, the mailbox is polled over IMAP or POP3, and the answer counts.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test, at its line")]

use serde_json::json;

use crate::bed::{Mail, Mailbox};
use crate::client::{Client, Reply, subject, text};
use crate::house::{Database, House, Plan};

/// One request, one answer: what it must come to, on both sides.
async fn check_loop(plan: Plan) {
    let house = House::open(plan.clone()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    assert_eq!(request.status.to_string(), "pending");

    let asked = house.notification(&ana).await;
    assert_eq!(asked.field("Auto-Submitted"), ["auto-generated"], "{plan:?}");
    house.answer(&ana, &asked, "APPROVE").await;
    let summary = house.poll().await;
    assert_eq!((summary.fetched, summary.judged.get("decided")), (1, Some(&1)), "{summary:?}");

    check_ended(&house, &request, "approved").await;
    let decisions = house.decisions().await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].decision.channel, "email");
    assert_eq!(decisions[0].decision.inbound_message_id, Some(house.messages().await[0].id));

    let outcome = house.mail_about(&house.rita, "was approved").await;
    assert!(text(&outcome).contains("root on db1"), "{}", text(&outcome));
    let receipt = house.mail_about(&ana, "was recorded").await;
    assert!(text(&receipt).contains(&ana.address), "{}", text(&receipt));

    let left = if plan.keep_copy { 1 } else { 0 };
    assert_eq!(house.access.messages().len(), left, "{plan:?}");
    // A second visit finds nothing, and nobody is told twice.
    let again = house.poll().await;
    assert_eq!((again.fetched, again.deleted), (0, 0), "{again:?}");
    house.deliver().await;
    assert_eq!((house.owed("outcome").await, house.owed("receipt").await), (1, 1));
}

async fn check_ended(
    house: &House,
    request: &countersign::domain::access_request::AccessRequest,
    status: &str,
) {
    assert_eq!(house.status(request).await, status, "{:?}", house.dispositions().await);
    house.assert_books_hold().await;
}

macro_rules! loops {
    ($($name:ident: $protocol:literal $security:literal $keep:literal $database:ident;)+) => {$(
        #[tokio::test]
        async fn $name() {
            check_loop(Plan {
                database: Database::$database,
                protocol: $protocol,
                security: $security,
                keep_copy: $keep,
                ..Plan::default()
            })
            .await;
        }
    )+};
}

// Every protocol with every security; both ways to keep, and both databases,
// with each of them at least once.
loops! {
    an_answer_counts_over_imap_with_implicit_tls_keeping: "imap" "implicit_tls" true Sqlite;
    an_answer_counts_over_imap_with_implicit_tls_deleting: "imap" "implicit_tls" false Postgres;
    an_answer_counts_over_imap_with_starttls_keeping: "imap" "starttls" true Postgres;
    an_answer_counts_over_imap_with_starttls_deleting: "imap" "starttls" false Sqlite;
    an_answer_counts_over_imap_in_the_clear_on_loopback: "imap" "none" true Sqlite;
    an_answer_counts_over_imap_in_the_clear_deleting: "imap" "none" false Postgres;
    an_answer_counts_over_pop3_with_implicit_tls_keeping: "pop3" "implicit_tls" true Postgres;
    an_answer_counts_over_pop3_with_implicit_tls_deleting: "pop3" "implicit_tls" false Sqlite;
    an_answer_counts_over_pop3_with_starttls_keeping: "pop3" "starttls" true Sqlite;
    an_answer_counts_over_pop3_with_starttls_deleting: "pop3" "starttls" false Postgres;
    an_answer_counts_over_pop3_in_the_clear_on_loopback: "pop3" "none" true Postgres;
    an_answer_counts_over_pop3_in_the_clear_deleting: "pop3" "none" false Sqlite;
}

/// The words in `locale` end the request as `status`.
async fn check_words(locale: &str, cases: &[(&str, &str)]) {
    let house = House::open(Plan::default()).await;
    for (words, status) in cases {
        let ana = house.bed.mailbox("ana");
        let approver = json!({"email": ana.address, "locale": locale});
        let request = house.submit(json!({"approvers": [approver]})).await;
        let asked = house.notification(&ana).await;
        house.answer(&ana, &asked, words).await;
        house.poll().await;
        assert_eq!(house.status(&request).await, *status, "{words:?} in {locale}");
    }
    assert_eq!(house.decisions().await.len(), cases.len());
    house.assert_books_hold().await;
}

#[tokio::test]
async fn english_keywords_decide() {
    check_words(
        "en",
        &[
            ("APPROVE", "approved"),
            ("DISAPPROVE", "denied"),
            ("Approved, thanks.", "approved"),
            ("yes", "approved"),
            ("No, this is not the time for it.", "denied"),
        ],
    )
    .await;
}

#[tokio::test]
async fn portuguese_keywords_decide() {
    check_words(
        "pt-BR",
        &[("APROVAR", "approved"), ("REPROVAR", "denied"), ("sim", "approved"), ("não", "denied")],
    )
    .await;
}

#[tokio::test]
async fn spanish_keywords_decide() {
    check_words(
        "es",
        &[("APROBAR", "approved"), ("RECHAZAR", "denied"), ("sí", "approved"), ("no", "denied")],
    )
    .await;
}

#[tokio::test]
async fn the_words_a_notification_asks_for_decide_in_its_language() {
    for (locale, approve) in [("en", "APPROVE"), ("pt", "APROVAR"), ("es", "APROBAR")] {
        let house = House::open(Plan::default()).await;
        let ana = house.bed.mailbox("ana");
        let approver = json!({"email": ana.address, "locale": locale});
        let request = house.submit(json!({"approvers": [approver]})).await;
        let asked = house.notification(&ana).await;
        assert!(text(&asked).contains(approve), "{}", text(&asked));
        house.answer(&ana, &asked, approve).await;
        house.poll().await;
        assert_eq!(house.status(&request).await, "approved", "{locale}");
    }
}

#[tokio::test]
async fn an_answer_counts_from_every_mail_program() {
    let house = House::open(Plan::default()).await;
    for client in Client::ALL {
        for (words, status) in
            [("APPROVE", "approved"), ("DISAPPROVE\n\nToo broad, ask for one table.", "denied")]
        {
            let ana = house.bed.mailbox("ana");
            let request = house.ask(&ana).await;
            let asked = house.notification(&ana).await;
            house.send(&client.reply(&asked, &ana.address, words)).await;
            house.poll().await;
            let judged = house.messages().await.pop().unwrap().judgement;
            assert_eq!(house.status(&request).await, status, "{client:?}: {judged:#?}");
        }
    }
    let last = house.decisions().await.pop().unwrap().decision;
    assert_eq!(last.comment.as_deref(), Some("Too broad, ask for one table."));
    house.assert_books_hold().await;
}

/// An answer that kept only what `lose` leaves of the three carriers.
async fn check_carrier(lose: impl Fn(&mut Reply<'_>)) {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    let mut reply = Reply::to(&asked, &ana.address, "APPROVE");
    lose(&mut reply);
    house.send(&reply.write()).await;
    house.poll().await;
    let judged = house.messages().await.pop().unwrap().judgement;
    assert_eq!(house.status(&request).await, "approved", "{judged:#?}");
    assert_eq!(house.decisions().await.len(), 1);
}

#[tokio::test]
async fn the_address_alone_brings_the_token_back() {
    check_carrier(|reply| {
        reply.with_thread = false;
        reply.with_quotation = false;
    })
    .await;
}

#[tokio::test]
async fn the_message_id_alone_brings_the_token_back() {
    check_carrier(|reply| {
        reply.with_address = false;
        reply.with_quotation = false;
    })
    .await;
}

#[tokio::test]
async fn the_ref_line_alone_brings_the_token_back() {
    check_carrier(|reply| {
        reply.with_address = false;
        reply.with_thread = false;
    })
    .await;
}

#[tokio::test]
async fn a_server_without_sub_addresses_works_by_message_id_and_ref_line() {
    for with_thread in [true, false] {
        let plan = Plan::default();
        let house = House::bare(&plan).await;
        let mut fields = house.inbox_fields(&plan);
        fields["sub_address"] = serde_json::Value::Null;
        house.add_inbox(fields).await;
        house.add_smtp(json!({})).await;
        let ana = house.bed.mailbox("ana");
        let request = house.ask(&ana).await;
        let asked = house.mail_about(&ana, "Access request").await;
        assert_eq!(crate::client::reply_to(&asked), house.access.address);
        let reply = Reply { with_thread, ..Reply::to(&asked, &ana.address, "APPROVE") };
        house.send(&reply.write()).await;
        house.poll().await;
        assert_eq!(house.status(&request).await, "approved", "thread: {with_thread}");
    }
}

/// Who is asked when, and what the requester hears.
#[tokio::test]
async fn two_levels_are_asked_one_after_the_other() {
    for database in [Database::Sqlite, Database::Postgres] {
        let house = House::open(Plan { database, ..Plan::default() }).await;
        let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
        let approvers = json!([
            {"email": ana.address, "level": 1}, {"email": bo.address, "level": 2},
        ]);
        let request = house.submit(json!({"approvers": approvers})).await;
        let asked = house.notification(&ana).await;
        assert!(bo.messages().is_empty(), "the second level waits");
        house.answer(&ana, &asked, "APPROVE").await;
        house.poll().await;
        assert_eq!(house.status(&request).await, "pending");

        let asked = house.notification(&bo).await;
        house.answer(&bo, &asked, "APPROVE").await;
        house.poll().await;
        check_ended(&house, &request, "approved").await;
        assert_eq!(house.decisions().await.len(), 2);
        let told = house.mail_about(&house.rita, "has passed level 1").await;
        assert!(subject(&told).contains(&request.reference()));
        house.mail_about(&house.rita, "was approved").await;
    }
}

#[tokio::test]
async fn a_deny_at_the_first_level_ends_it_and_the_second_is_never_asked() {
    let house = House::open(Plan::default()).await;
    let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
    let approvers = json!([{"email": ana.address, "level": 1}, {"email": bo.address, "level": 2}]);
    let request = house.submit(json!({"approvers": approvers})).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "DISAPPROVE").await;
    house.poll().await;
    check_ended(&house, &request, "denied").await;
    house.mail_about(&house.rita, "was disapproved").await;
    assert!(bo.messages().is_empty());
}

async fn ask_all(
    house: &House,
    approvers: &[&Mailbox],
    quorum: serde_json::Value,
) -> (countersign::domain::access_request::AccessRequest, Vec<Mail>) {
    let named: Vec<_> = approvers.iter().map(|a| json!({"email": a.address})).collect();
    let request = house.submit(json!({"approvers": named, "quorum": quorum})).await;
    let mut asked = Vec::new();
    for approver in approvers {
        asked.push(house.notification(approver).await);
    }
    (request, asked)
}

#[tokio::test]
async fn quorum_all_waits_for_everybody() {
    let house = House::open(Plan::default()).await;
    let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
    let (request, asked) = ask_all(&house, &[&ana, &bo], json!("all")).await;
    house.answer(&ana, &asked[0], "APPROVE").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "pending");
    house.answer(&bo, &asked[1], "APPROVE").await;
    house.poll().await;
    check_ended(&house, &request, "approved").await;
}

#[tokio::test]
async fn quorum_of_two_is_content_with_two_of_three() {
    let house = House::open(Plan::default()).await;
    let [ana, bo, cy] = ["ana", "bo", "cy"].map(|name| house.bed.mailbox(name));
    let (request, asked) = ask_all(&house, &[&ana, &bo, &cy], json!({"at_least": 2})).await;
    house.answer(&cy, &asked[2], "APPROVE").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "pending");
    house.answer(&ana, &asked[0], "APPROVE").await;
    house.poll().await;
    check_ended(&house, &request, "approved").await;
    // The third comes too late, and is told nothing was lost by it.
    house.answer(&bo, &asked[1], "APPROVE").await;
    house.poll().await;
    assert_eq!(house.dispositions().await[2], "late/request_closed");
    assert_eq!(house.decisions().await.len(), 2);
}

#[tokio::test]
async fn an_approver_may_change_his_mind_while_it_is_pending() {
    let house = House::open(Plan::default()).await;
    let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
    let (request, asked) = ask_all(&house, &[&ana, &bo], json!("all")).await;
    house.answer(&ana, &asked[0], "APPROVE").await;
    house.poll().await;
    house.answer(&ana, &asked[0], "DISAPPROVE").await;
    house.poll().await;
    check_ended(&house, &request, "denied").await;
    let decisions = house.decisions().await;
    assert_eq!(decisions.len(), 2);
    assert_eq!(decisions[0].decision.superseded_by, Some(decisions[1].decision.id));
}

/// What is decided once is decided once, whatever arrives in one visit.
#[tokio::test]
async fn several_answers_in_one_visit_are_judged_in_order() {
    let house = House::open(Plan::default()).await;
    let ana = house.bed.mailbox("ana");
    let request = house.ask(&ana).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.answer(&ana, &asked, "thank you all").await;
    let summary = house.poll().await;
    assert_eq!(summary.fetched, 3);
    check_ended(&house, &request, "approved").await;
    assert_eq!(house.decisions().await.len(), 1);
    assert_eq!(house.dispositions().await[0], "decided/approved");
}

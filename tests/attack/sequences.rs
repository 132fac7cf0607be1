//! What one mail cannot show: several mails, several persons, and time.

use chrono::TimeDelta;
use countersign::{
    actions::{Story, receive_message, requests},
    domain::{
        access_request::{ApproverState, Status},
        decision::{Disposition, Reason},
        outbox::Kind,
    },
};
use serde_json::json;

use crate::{
    mail::Mail,
    world::{Scene, World},
};

const BOB_PASS: &str = "spf=pass smtp.mailfrom=bob@x.test; dmarc=pass header.from=x.test";

fn bobs(s: &Scene, words: &str) -> Mail {
    s.bare(&s.bob, &format!("{words}\n")).from("Bob Kay <bob@x.test>").said(BOB_PASS)
}

async fn reason(world: &World, mail: Mail) -> Reason {
    world.receive(&mail.raw()).await.reason
}

async fn status(world: &World, s: &Scene) -> Status {
    world.request(s.request.id).await.status
}

#[tokio::test]
async fn an_old_mail_under_a_new_uid_decides_nothing_again() {
    let world = World::new().await;
    let s = world.scene(|v| v["quorum"] = json!("all")).await;
    let first = s.reply("APPROVE").raw();
    assert_eq!(world.receive(&first).await.reason, Reason::Approved);
    assert_eq!(world.receive(&first).await.reason, Reason::SameBytes);
    assert_eq!(world.receive_in(&world.second, &first).await.reason, Reason::SameBytes);
    // A copy that a relay has touched has other bytes.
    let touched = s.reply("APPROVE").plus("X-Relay: 1");
    assert_eq!(reason(&world, touched).await, Reason::SameAnswer);
    assert_eq!(world.votes(s.request.id).await, (1, 0));
    assert_eq!(status(&world, &s).await, Status::Pending);
    assert_eq!(reason(&world, bobs(&s, "APPROVE")).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Approved);
}

#[tokio::test]
async fn an_approve_that_comes_again_after_a_deny_does_not_win() {
    let world = World::new().await;
    let s = world.scene(|v| v["quorum"] = json!("all")).await;
    let approve = s.reply("APPROVE");
    assert_eq!(reason(&world, approve.clone()).await, Reason::Approved);
    assert_eq!(reason(&world, s.short("DISAPPROVE")).await, Reason::Denied);
    assert_eq!(status(&world, &s).await, Status::Denied);
    assert_eq!(world.receive(&approve.raw()).await.disposition, Disposition::Duplicate);
    assert_eq!(reason(&world, approve.plus("X-Relay: 1")).await, Reason::RequestClosed);
    assert_eq!(reason(&world, bobs(&s, "APPROVE")).await, Reason::RequestClosed);
    assert_eq!(status(&world, &s).await, Status::Denied);
    assert_eq!(world.votes(s.request.id).await, (0, 1));
}

#[tokio::test]
async fn a_deny_after_the_approval_is_a_conflict_and_never_goes_back() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Approved);
    assert_eq!(reason(&world, bobs(&s, "DISAPPROVE")).await, Reason::Denied);
    assert_eq!(status(&world, &s).await, Status::Conflict);
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::RequestClosed);
    assert_eq!(status(&world, &s).await, Status::Conflict);
}

#[tokio::test]
async fn a_stranger_who_tries_first_spoils_nothing() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    for _ in 0..5 {
        let forged = s
            .reply("APPROVE")
            .said("spf=fail smtp.mailfrom=x@evil.example; dmarc=fail header.from=x.test");
        assert_eq!(world.receive(&forged.raw()).await.disposition, Disposition::Unauthenticated);
        let other = s.reply("DISAPPROVE").from("eve@evil.example");
        assert_eq!(reason(&world, other).await, Reason::NotTheApprover);
    }
    // The stranger has also used the Message-ID of her answer to come.
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Approved);
    let outbox = world.sent(s.request.id, "eve@evil.example", Kind::Clarification).await;
    assert!(outbox.is_none(), "nothing is told to a stranger");
}

#[tokio::test]
async fn unclear_words_of_a_stranger_are_not_answered_and_hers_three_times_at_most() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    let forged = s.reply("who is it?").said("dmarc=fail header.from=x.test");
    assert_eq!(world.receive(&forged.raw()).await.disposition, Disposition::Unauthenticated);
    assert!(world.sent(s.request.id, "ana@x.test", Kind::Clarification).await.is_none());
    for n in 0..6 {
        let mail = s.reply("who is it?").plus(&format!("X-N: {n}"));
        assert_eq!(world.receive(&mail.raw()).await.disposition, Disposition::Unclear);
    }
    assert_eq!(world.count(s.request.id, Kind::Clarification).await, 3);
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
}

#[tokio::test]
async fn the_same_bytes_refused_in_one_mailbox_count_in_the_other() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    let raw = s.reply("APPROVE").raw();
    let refused = world.receive_in(&world.second, &raw).await;
    assert_eq!(refused.disposition, Disposition::Unauthenticated);
    assert_eq!(world.receive(&raw).await.reason, Reason::Approved);
}

#[tokio::test]
async fn nobody_answers_for_a_level_that_was_not_asked() {
    let world = World::new().await;
    let two = |v: &mut serde_json::Value| v["approvers"][1]["level"] = json!(2);
    let s = world.scene(two).await;
    assert!(world.asked(s.request.id, "bob@x.test").await.is_none(), "no token before his turn");
    let early = s.bare(&s.ana, "APPROVE\n").from("bob@x.test").said(BOB_PASS);
    assert_eq!(reason(&world, early).await, Reason::NotTheApprover);
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Pending);
    // Ana's second answer is no answer of the second level.
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::SameAnswer);
    assert_eq!(status(&world, &s).await, Status::Pending);
    let bob = world.asked(s.request.id, "bob@x.test").await.unwrap();
    let answer = s.bare(&bob, "APPROVE\n").from("bob@x.test").said(BOB_PASS);
    assert_eq!(reason(&world, answer).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Approved);
}

#[tokio::test]
async fn whoever_was_taken_off_or_deactivated_decides_nothing() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    world.set_approver(&s.request, 0, ApproverState::Removed).await;
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::ApproverRemoved);
    assert_eq!(reason(&world, s.short("DISAPPROVE")).await, Reason::ApproverRemoved);
    assert_eq!(reason(&world, bobs(&s, "APPROVE")).await, Reason::Approved);

    let s = world.scene(|_| {}).await;
    world.change_person("ana@x.test", |person| person.active = false).await;
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::ApproverInactive);
    world.change_person("ana@x.test", |person| person.active = true).await;
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::Approved);
}

#[tokio::test]
async fn an_address_that_may_no_longer_answer_does_not() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    world.change_person("ana@x.test", |person| person.addresses[0].may_answer = false).await;
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::NotTheApprover);
    world.change_person("ana@x.test", |person| person.addresses[0].may_answer = true).await;
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::Approved);
}

#[tokio::test]
async fn the_primary_address_answers_for_an_alias_and_not_the_other_way() {
    let world = World::new().await;
    let alias = |v: &mut serde_json::Value| v["approvers"][0]["email"] = json!("a.silva@x.test");
    let request = world.submit(alias).await;
    let mut s = world.scene(|_| {}).await;
    s.ana = world.asked(request.id, "a.silva@x.test").await.unwrap();
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::Approved);
    let s = world.scene(|_| {}).await;
    assert_eq!(
        reason(&world, s.short("APPROVE").from("a.silva@x.test")).await,
        Reason::NotTheApprover
    );
}

#[tokio::test]
async fn the_requester_cannot_be_made_his_own_approver_later() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    // Rita's person takes Ana's address over: the same person asks and answers.
    world
        .change_person("ana@x.test", |person| {
            person.addresses.remove(0);
        })
        .await;
    world
        .change_person("rita@x.test", |person| {
            person.addresses.push(countersign::domain::person::PersonAddress {
                address: countersign::domain::address::EmailAddress::parse("ana@x.test").unwrap(),
                may_answer: true,
            });
        })
        .await;
    let received = world.receive(&s.reply("APPROVE").raw()).await;
    assert_eq!(received.disposition, Disposition::Unauthorized);
    assert_eq!(received.reason, Reason::IsTheRequester);
}

#[tokio::test]
async fn a_late_approval_is_late_by_our_clock_whatever_the_mail_says() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    world.clock.advance(TimeDelta::hours(5));
    let mail = s.reply("APPROVE").with("Date", "Fri, 15 Jan 2027 08:00:01 +0000");
    assert_eq!(reason(&world, mail).await, Reason::RequestExpired);
    requests::expire_due(&world.instance).await.unwrap();
    assert_eq!(reason(&world, s.short("APPROVE")).await, Reason::RequestExpired);
    assert_eq!(status(&world, &s).await, Status::Expired);
}

#[tokio::test]
async fn a_withdrawn_request_is_never_approved() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    requests::cancel(&world.instance, s.request.id).await.unwrap();
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::RequestCancelled);
    assert_eq!(status(&world, &s).await, Status::Cancelled);
}

#[tokio::test]
async fn a_policy_holds_whatever_the_words_say() {
    let world = World::new().await;
    let confirm = world.scene(|v| v["by_mail"] = json!("confirm")).await;
    assert_eq!(reason(&world, confirm.reply("APPROVE")).await, Reason::ConfirmationWanted);
    assert_eq!(world.votes(confirm.request.id).await, (0, 0));
    assert_eq!(reason(&world, confirm.short("APPROVE")).await, Reason::ConfirmationWanted);
    assert_eq!(status(&world, &confirm).await, Status::Pending);
    assert_eq!(reason(&world, confirm.short("DISAPPROVE")).await, Reason::Denied);

    let never = world.scene(|v| v["by_mail"] = json!("no")).await;
    assert_eq!(reason(&world, never.reply("APPROVE")).await, Reason::MailNeverDecides);
    assert_eq!(reason(&world, never.short("DISAPPROVE")).await, Reason::MailNeverDecides);

    // Our server's verdict is no `strict` proof, but enough for a denial.
    let strict = world.scene(|v| v["proof"] = json!("strict")).await;
    assert_eq!(reason(&world, strict.reply("APPROVE")).await, Reason::SenderUnproven);
    let behalf = strict.reply("DISAPPROVE").plus("Sender: sam@x.test");
    assert_eq!(reason(&world, behalf).await, Reason::SentOnBehalf);
    assert_eq!(reason(&world, strict.short("DISAPPROVE")).await, Reason::Denied);

    // A request cannot go below its accounts.
    let low = world.scene(|v| v["proof"] = json!("token_only")).await;
    assert_eq!(
        world.receive(&low.reply("APPROVE").unchecked().raw()).await.disposition,
        Disposition::Unauthenticated
    );
    assert_eq!(reason(&world, low.reply("APPROVE")).await, Reason::Approved);
}

#[tokio::test]
async fn two_answers_at_once_leave_one_state() {
    let world = World::new().await;
    for n in 0..6 {
        let s = world.scene(|v| v["quorum"] = json!("all")).await;
        let (approve, deny) = (s.reply("APPROVE").raw(), bobs(&s, "DISAPPROVE").raw());
        let (first, second) = if n % 2 == 0 { (&approve, &deny) } else { (&deny, &approve) };
        let (one, two) = tokio::join!(world.receive(first), world.receive(second));
        let told = [one.reason, two.reason];
        assert!(told.contains(&Reason::Denied), "{told:?}");
        assert_eq!(status(&world, &s).await, Status::Denied);
    }
    let s = world.scene(|v| v["quorum"] = json!("all")).await;
    let (one, two) = (s.reply("APPROVE").raw(), s.short("APPROVE").raw());
    let (first, second) = tokio::join!(world.receive(&one), world.receive(&two));
    let mut told = [first.reason, second.reason];
    told.sort();
    assert_eq!(told, [Reason::SameAnswer, Reason::Approved]);
    assert_eq!(world.votes(s.request.id).await, (1, 0));
}

#[tokio::test]
async fn a_quorum_counts_persons_once() {
    let world = World::new().await;
    let s = world
        .scene(|v| {
            v["approvers"] =
                json!([{"email": "ana@x.test"}, {"email": "bob@x.test"}, {"email": "cara@y.test"}]);
            v["quorum"] = json!({"at_least": 2});
        })
        .await;
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
    for n in 0..3 {
        let again = s.short("Approved.").plus(&format!("X-N: {n}"));
        assert_eq!(reason(&world, again).await, Reason::SameAnswer);
    }
    // With Bob's token, under her own name.
    let other = s.bare(&s.bob, "APPROVE\n");
    assert_eq!(reason(&world, other).await, Reason::NotTheApprover);
    assert_eq!(status(&world, &s).await, Status::Pending);
    let cara = world.asked(s.request.id, "cara@y.test").await.unwrap();
    let answer = s
        .bare(&cara, "APPROVE\n")
        .from("cara@y.test")
        .said("spf=pass smtp.mailfrom=cara@y.test; dmarc=pass header.from=y.test");
    assert_eq!(reason(&world, answer).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Approved);
}

#[tokio::test]
async fn a_token_of_one_request_is_no_token_of_another() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    // The answer to the other request decides that one, and this one not.
    assert_eq!(reason(&world, s.bare(&s.other, "APPROVE\n")).await, Reason::Approved);
    assert_eq!(status(&world, &s).await, Status::Pending);
    assert_eq!(world.request(s.other_id).await.status, Status::Approved);
}

#[tokio::test]
async fn another_instance_takes_no_token_of_this_one() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let here = world.scene(|_| {}).await;
    elsewhere.scene(|_| {}).await;
    let received = elsewhere.receive(&here.reply("APPROVE").raw()).await;
    assert_eq!(received.disposition, Disposition::BadToken);
}

#[tokio::test]
async fn a_mail_that_is_judged_again_meets_every_check_again() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    let kept = world.receive_in(&world.second, &s.reply("APPROVE").raw()).await;
    assert_eq!(kept.disposition, Disposition::Unauthenticated);
    requests::cancel(&world.instance, s.request.id).await.unwrap();
    let again = receive_message::judge_again(&world.instance, &world.inbox, kept.id).await.unwrap();
    assert_eq!(again.reason, Reason::RequestCancelled);
}

#[tokio::test]
async fn headers_alone_decide_nothing() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    let mut tx = world.instance.store.begin().await.unwrap();
    let mut story = Story::default();
    let arrived = receive_message::Arrived {
        raw: s.reply("APPROVE").raw(),
        is_whole: false,
        size_bytes: 30_000_000,
        internal_date: None,
    };
    let received = receive_message::receive(
        &world.instance,
        &mut tx,
        &mut story,
        &world.inbox,
        &world.around,
        arrived,
    )
    .await
    .unwrap();
    story.commit(tx).await.unwrap();
    assert_eq!(received.reason, Reason::TooLarge);
    assert_eq!(status(&world, &s).await, Status::Pending);
}

#[tokio::test]
async fn the_requester_is_refused_as_approver_by_any_address() {
    let world = World::new().await;
    for email in ["rita@x.test", "RITA@x.test", "r.moreno@x.test", "rita.private@mail.test"] {
        let mut value = json!({
            "requester": {"email": "rita@x.test", "aliases": ["rita.private@mail.test"]},
            "resource": "root", "expires_at": world.clock.now() + TimeDelta::hours(1),
            "approvers": [{"email": email}],
        });
        let submit = |value: &serde_json::Value| {
            let submission = serde_json::from_value(value.clone()).unwrap();
            countersign::actions::submit_request::submit_request(&world.instance, submission)
        };
        submit(&value).await.unwrap_err();
        value["approvers"] = json!([{"email": "bob@x.test", "aliases": ["r.moreno@x.test"]}]);
        if email == "rita@x.test" {
            value["requester"]["aliases"] = json!(["bob@x.test"]);
            submit(&value).await.unwrap_err();
        }
    }
    for empty in [json!([]), json!([{"email": "access@own.test"}])] {
        let value = json!({
            "requester": {"email": "rita@x.test"}, "resource": "root",
            "expires_at": world.clock.now() + TimeDelta::hours(1), "approvers": empty,
        });
        let submission = serde_json::from_value(value).unwrap();
        countersign::actions::submit_request::submit_request(&world.instance, submission)
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn a_forged_bounce_changes_no_approver() {
    let world = World::new().await;
    let s = world.scene(|_| {}).await;
    let bounce = s.parts(
        "report; report-type=delivery-status",
        &[
            "Content-Type: text/plain\n\nnot delivered\n",
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.evil.example\n\nFinal-Recipient: rfc822; ana@x.test\nAction: failed\nStatus: 5.1.1\n",
            &format!("Content-Type: message/rfc822\n\nMessage-ID: {}\n\nx\n", s.ana.message_id),
        ],
    );
    assert_eq!(world.receive(&bounce.raw()).await.disposition, Disposition::Bounce);
    assert_eq!(reason(&world, s.reply("APPROVE")).await, Reason::Approved);
}

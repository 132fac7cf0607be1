//! Whoever was asked and has not answered is reminded once, before it is too
//! late; the reminder can be answered like the question.

use chrono::TimeDelta;
use countersign::actions::remind;
use serde_json::json;

use crate::house::{House, Plan, Time};

#[tokio::test]
async fn the_silent_are_reminded_once_and_may_answer_the_reminder() {
    let house = House::open(Plan { time: Time::Stands, ..Plan::default() }).await;
    let (ana, bo) = (house.bed.mailbox("ana"), house.bed.mailbox("bo"));
    let approvers = json!([{"email": ana.address}, {"email": bo.address}]);
    let ends = house.clock.now() + TimeDelta::hours(4);
    let fields = json!({"approvers": approvers, "quorum": "all", "expires_at": ends});
    let request = house.submit(fields).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "APPROVE").await;
    house.poll().await;

    remind::remind_due(&house.instance).await.unwrap();
    assert_eq!(house.owed("reminder").await, 0, "there is time yet");
    house.clock.advance(TimeDelta::minutes(190));
    remind::remind_due(&house.instance).await.unwrap();
    remind::remind_due(&house.instance).await.unwrap();
    assert_eq!(house.owed("reminder").await, 1, "only bo, and only once");

    let reminder = house.mail_about(&bo, "Reminder").await;
    house.answer(&bo, &reminder, "yes").await;
    house.poll().await;
    assert_eq!(house.status(&request).await, "approved");
    house.assert_books_hold().await;
}

#[tokio::test]
async fn nobody_is_reminded_of_what_has_ended() {
    let house = House::open(Plan { time: Time::Stands, ..Plan::default() }).await;
    let ana = house.bed.mailbox("ana");
    let ends = house.clock.now() + TimeDelta::hours(4);
    let approvers = json!([{"email": ana.address}]);
    house.submit(json!({"approvers": approvers, "expires_at": ends})).await;
    let asked = house.notification(&ana).await;
    house.answer(&ana, &asked, "DISAPPROVE").await;
    house.poll().await;
    house.clock.advance(TimeDelta::minutes(190));
    remind::remind_due(&house.instance).await.unwrap();
    assert_eq!(house.owed("reminder").await, 0);
}

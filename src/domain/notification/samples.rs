//! One of each notification, for tests.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    Ask, ByAddress, Channel, CountedVote, Ending, Envelope, Notification, Receipt, Unreadable,
};
use crate::domain::{
    access_request::{AccessRequest, Quorum, Vote, samples},
    address::EmailAddress,
    decision::policy::ByMail,
    ids::InstanceId,
};

pub const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefg";
pub const MESSAGE_ID: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefg@countersign.corp.example";
const APPROVE_TOKEN: &str = "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyya";
const DENY_TOKEN: &str = "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnb";

/// The addresses and sentences that notifications borrow.
pub struct Desk {
    pub from: EmailAddress,
    pub to: EmailAddress,
    pub approve: EmailAddress,
    pub deny: EmailAddress,
    pub request: AccessRequest,
    pub sentences: Vec<String>,
}

pub fn at() -> DateTime<Utc> {
    samples::noon()
}

impl Desk {
    pub fn new() -> Self {
        let address = |written: &str| EmailAddress::parse(written).unwrap();
        let mut request = samples::request(&[1, 2], Quorum::Any);
        request.resource = "root on db1.corp.example".to_owned();
        request.justification =
            Some("The nightly backup fails since Tuesday.\nSee ticket 4711.".to_owned());
        request.access_starts_at = Some(at() + TimeDelta::hours(2));
        request.access_ends_at = Some(at() + TimeDelta::hours(6));
        Self {
            from: address("access@corp.example"),
            to: address("ana@corp.example"),
            approve: address(&format!("access+{APPROVE_TOKEN}@corp.example")),
            deny: address(&format!("access+{DENY_TOKEN}@corp.example")),
            request,
            sentences: vec!["The server refused the login.".to_owned()],
        }
    }

    pub fn envelope(&self) -> Envelope<'_> {
        Envelope {
            from: &self.from,
            from_name: "Corp access",
            to: &self.to,
            reply_to: self.from.with_detail("+", TOKEN),
            message_id: MESSAGE_ID.to_owned(),
            date: at(),
            in_reply_to: Some("asked@corp.example".to_owned()),
            references: vec!["first@corp.example".to_owned(), "asked@corp.example".to_owned()],
            instance: InstanceId(Uuid::from_u128(7)),
            confirmation_to: Some(&self.from),
            footer: true,
        }
    }

    pub fn ask(&self, by_mail: ByMail) -> Ask<'_> {
        Ask {
            request: &self.request,
            approver: &self.request.approvers[0],
            token: TOKEN,
            by_mail,
            link: Some("https://access.corp.example/a/x1?y=2"),
            by_address: Some(ByAddress {
                approve: (&self.approve, APPROVE_TOKEN),
                deny: (&self.deny, DENY_TOKEN),
            }),
        }
    }

    pub fn votes(&self) -> Vec<CountedVote<'_>> {
        let vote = |level, who, vote, comment| CountedVote { level, who, vote, at: at(), comment };
        vec![
            vote(1, "Ana Approver", Vote::Approve, Some("Only until noon, please.")),
            vote(2, "bea@x.test", Vote::Deny, None),
        ]
    }

    /// Every kind, and every variant that words differ for.
    pub fn notifications<'a>(&'a self, votes: &'a [CountedVote<'a>]) -> Vec<Notification<'a>> {
        let request = &self.request;
        let mut all = vec![
            Notification::Reminder(self.ask(ByMail::Yes)),
            Notification::Confirmation { request, link: "https://access.corp.example/c/x1" },
            Notification::LevelReached { request, passed: 1, next: 2, votes },
            Notification::Test { account: "office", subject: None, body: None },
            Notification::Test {
                account: "office",
                subject: Some("Olá"),
                body: Some("One\n\ntwo"),
            },
            Notification::Alert {
                headline: "SMTP account `office` is paused",
                sentences: &self.sentences,
                at: at(),
            },
        ];
        let policies = [ByMail::Yes, ByMail::Confirm, ByMail::No];
        all.extend(policies.map(|by_mail| Notification::ApprovalRequest(self.ask(by_mail))));
        all.extend(
            [
                Unreadable::Empty,
                Unreadable::NoDecision,
                Unreadable::Contradiction,
                Unreadable::Condition,
                Unreadable::TwoRequests,
            ]
            .map(|unreadable| Notification::Clarification {
                ask: self.ask(ByMail::Yes),
                unreadable,
            }),
        );
        all.extend(
            [
                Ending::Approved,
                Ending::Denied,
                Ending::Expired,
                Ending::Cancelled,
                Ending::Conflict,
            ]
            .map(|ending| Notification::Outcome {
                request,
                ending,
                ended_at: at(),
                votes,
            }),
        );
        let channels = [
            Channel::Email { from: &self.to, message_id: Some("reply-1@corp.example") },
            Channel::Web,
            Channel::Api,
        ];
        all.extend(channels.map(|channel| {
            Notification::Receipt(Receipt {
                request,
                vote: Vote::Approve,
                recorded_at: at(),
                channel,
                comment: Some("Only until noon, please."),
                replaces_earlier: true,
            })
        }));
        all
    }
}

//! One row a case: what is changed in an honest, proven, plain answer, and the
//! reason that must be given. Then the order of the reasons, and the rule that
//! nothing but a clean case approves.

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::domain::{
    access_request::{AccessRequest, ApproverState, LiveDecision, Quorum, Status, samples},
    address::EmailAddress,
    decision::policy::Policy,
    ids::DecisionId,
    token::{Carrier, Purpose},
};

/// An honest answer to a request with two approvers of one level, quorum any.
struct Facts {
    request: AccessRequest,
    live: Vec<LiveDecision>,
    mail: MailFacts,
    answer: Answer,
    approver: usize,
    is_active: bool,
    late_by: TimeDelta,
    is_request_known: bool,
}

fn address(written: &str) -> EmailAddress {
    EmailAddress::parse(written).unwrap()
}

fn honest(answer: Answer) -> Facts {
    Facts {
        request: samples::request(&[1, 1], Quorum::Any),
        live: Vec::new(),
        mail: MailFacts {
            over_limit: false,
            structure_is_ambiguous: false,
            origin: Origin::Person,
            from: Some(address("a0@x.test")),
            token: TokenFinding::Genuine {
                purpose: Purpose::Reply,
                carriers: vec![Carrier::Body],
                earlier_epoch: false,
            },
            same_bytes_judged: false,
            sender: SenderRelation::Approver,
            sender_header_differs: false,
            proof: Proof::Standard,
            token_is_covered: true,
            answers_another: false,
            evidence_is_pending: false,
            policy: Policy { proof: Proof::Standard, by_mail: ByMail::Yes },
        },
        answer,
        approver: 0,
        is_active: true,
        late_by: TimeDelta::zero(),
        is_request_known: true,
    }
}

impl Facts {
    fn live_vote(&mut self, approver: usize, vote: Vote) {
        let by = &self.request.approvers[approver];
        let id = DecisionId(Uuid::from_u128(900 + approver as u128));
        self.live.push(LiveDecision { id, approver: by.id, person: by.person, vote });
    }

    fn decide_on(&self, road: Road) -> Verdict {
        decide(&Case {
            first_seen_at: samples::noon() + self.late_by,
            road,
            request: self.is_request_known.then_some(&self.request),
            approver: self.request.approvers[self.approver].id,
            approver_is_active: self.is_active,
            live_decisions: &self.live,
            answer: self.answer,
        })
    }

    fn verdict(&self) -> Verdict {
        self.decide_on(Road::Mail(Box::new(self.mail.clone())))
    }
}

fn check(answer: Answer, change: impl Fn(&mut Facts), expected: Reason) {
    let mut facts = honest(answer);
    change(&mut facts);
    let verdict = facts.verdict();
    assert_eq!(verdict.reason, expected);
    let counts = expected.disposition() == Disposition::Decided
        || expected.disposition() == Disposition::AwaitingConfirmation;
    assert_eq!(verdict.effect.is_some(), counts, "{expected}");
}

use Answer::{Approve, Deny, Unclear};

#[test]
fn a_plain_proven_answer_counts() {
    check(Approve, |_| {}, Reason::Approved);
    check(Deny, |_| {}, Reason::Denied);
}

#[test]
fn each_doubt_has_its_reason() {
    for answer in [Approve, Deny] {
        let check = |change: fn(&mut Facts), expected| check(answer, change, expected);
        check(|f| f.mail.over_limit = true, Reason::OverLimit);
        check(|f| f.mail.structure_is_ambiguous = true, Reason::AmbiguousStructure);
        check(|f| f.mail.origin = Origin::Loop, Reason::OwnMail);
        check(|f| f.mail.origin = Origin::Bounce, Reason::DeliveryReport);
        check(|f| f.mail.origin = Origin::ReadReceipt, Reason::ReadReceipt);
        check(|f| f.mail.origin = Origin::AutoReply, Reason::AutomaticReply);
        check(|f| f.mail.origin = Origin::List, Reason::ListMail);
        check(|f| f.mail.origin = Origin::FeedbackReport, Reason::FeedbackReport);
        check(|f| f.mail.from = None, Reason::FromNotOneMailbox);
        check(|f| f.mail.token = TokenFinding::Nothing, Reason::NotAboutUs);
        check(|f| f.mail.token = TokenFinding::MessageIdOnly, Reason::TokenMissing);
        check(|f| f.mail.token = TokenFinding::Unknown, Reason::TokenUnknown);
        check(|f| f.mail.token = TokenFinding::Forged, Reason::TokenForged);
        check(|f| f.mail.token = TokenFinding::WrongPurpose, Reason::TokenOfOtherPurpose);
        check(
            |f| f.mail.token = TokenFinding::DifferentApprovers,
            Reason::TokensOfDifferentApprovers,
        );
        check(|f| f.mail.token = TokenFinding::DifferentRequests, Reason::TokensOfTwoRequests);
        check(|f| f.is_request_known = false, Reason::TokenUnknown);
        check(|f| f.mail.same_bytes_judged = true, Reason::SameBytes);
        check(|f| f.late_by = TimeDelta::hours(4), Reason::RequestExpired);
        check(|f| f.request.status = Status::Expired, Reason::RequestExpired);
        check(|f| f.request.status = Status::Cancelled, Reason::RequestCancelled);
        check(|f| f.request.status = Status::Denied, Reason::RequestClosed);
        check(|f| f.request.status = Status::Conflict, Reason::RequestClosed);
        check(|f| f.request.approvers[0].state = ApproverState::Removed, Reason::ApproverRemoved);
        check(|f| f.request.approvers[0].state = ApproverState::Waiting, Reason::LevelNotReached);
        check(|f| f.is_active = false, Reason::ApproverInactive);
        check(|f| f.mail.sender = SenderRelation::Requester, Reason::IsTheRequester);
        check(|f| f.mail.from = Some(address("Rita.Alias@x.test")), Reason::IsTheRequester);
        check(
            |f| f.request.approvers[0].person = f.request.requester.person,
            Reason::IsTheRequester,
        );
        check(
            |f| f.request.requester.aliases.push(f.request.approvers[0].address.clone()),
            Reason::IsTheRequester,
        );
        check(|f| f.mail.sender = SenderRelation::Stranger, Reason::NotTheApprover);
        check(|f| f.mail.proof = Proof::TokenOnly, Reason::SenderUnproven);
        check(
            |f| (f.mail.proof, f.mail.token_is_covered) = (Proof::TokenOnly, false),
            Reason::TokenNotSigned,
        );
        check(
            |f| (f.mail.proof, f.mail.evidence_is_pending) = (Proof::TokenOnly, true),
            Reason::EvidencePending,
        );
        check(|f| f.mail.policy.by_mail = ByMail::No, Reason::MailNeverDecides);
    }
    check(Unclear, |_| {}, Reason::WordsUnclear);
}

#[test]
fn the_three_levels_of_proof_ask_for_what_the_policy_says() {
    let levels = [Proof::TokenOnly, Proof::Standard, Proof::Strict];
    for wanted in levels {
        for reached in levels {
            for (answer, needed, counted) in [
                (Approve, wanted, Reason::Approved),
                (Deny, wanted.min(Proof::Standard), Reason::Denied),
            ] {
                let expected = if reached >= needed { counted } else { Reason::SenderUnproven };
                let set = |f: &mut Facts| {
                    f.mail.policy.proof = wanted;
                    f.mail.proof = reached;
                };
                check(answer, set, expected);
            }
        }
    }
}

#[test]
fn sent_on_behalf_is_refused_where_strict_is_asked() {
    let differs = |wanted| {
        move |f: &mut Facts| {
            f.mail.sender_header_differs = true;
            f.mail.policy.proof = wanted;
            f.mail.proof = Proof::Strict;
        }
    };
    check(Approve, differs(Proof::Standard), Reason::Approved);
    check(Approve, differs(Proof::Strict), Reason::SentOnBehalf);
}

#[test]
fn a_yes_to_somebody_else_is_no_approval_and_a_no_is_a_denial() {
    check(Approve, |f| f.mail.answers_another = true, Reason::AnswersAnotherMail);
    check(Deny, |f| f.mail.answers_another = true, Reason::Denied);
    check(Unclear, |f| f.mail.answers_another = true, Reason::WordsUnclear);
}

#[test]
fn confirm_holds_an_approve_and_lets_a_deny_stand() {
    let confirm = |f: &mut Facts| f.mail.policy.by_mail = ByMail::Confirm;
    check(Approve, confirm, Reason::ConfirmationWanted);
    check(Deny, confirm, Reason::Denied);
    let mut facts = honest(Approve);
    confirm(&mut facts);
    let approver = facts.request.approvers[0].id;
    assert_eq!(facts.verdict().effect, Some(Effect::AwaitConfirmation { approver }));
}

#[test]
fn after_a_restore_only_a_deny_counts() {
    let earlier = |f: &mut Facts| {
        f.mail.token = TokenFinding::Genuine {
            purpose: Purpose::Reply,
            carriers: vec![Carrier::Body],
            earlier_epoch: true,
        };
    };
    check(Approve, earlier, Reason::TokenOfEarlierEpoch);
    check(Unclear, earlier, Reason::TokenOfEarlierEpoch);
    check(Deny, earlier, Reason::Denied);
}

#[test]
fn the_same_answer_again_is_a_duplicate_and_the_other_one_a_change_of_mind() {
    check(
        Approve,
        |f| {
            f.request.quorum = Quorum::All;
            f.live_vote(0, Vote::Approve);
        },
        Reason::SameAnswer,
    );
    let mut facts = honest(Deny);
    facts.request.quorum = Quorum::All;
    facts.live_vote(0, Vote::Approve);
    let Some(Effect::Decide { change, .. }) = facts.verdict().effect else {
        panic!("a deny counts");
    };
    assert_eq!(change.supersedes, Some(facts.live[0].id));
    assert_eq!(change.status, Some(Status::Denied));
}

#[test]
fn a_deny_takes_back_what_was_granted_until_the_access_ends() {
    let approved = |ends_in: i64| {
        move |f: &mut Facts| {
            f.request.status = Status::Approved;
            f.request.access_ends_at = Some(samples::noon() + TimeDelta::hours(ends_in));
            f.late_by = TimeDelta::hours(6);
            f.live_vote(1, Vote::Approve);
        }
    };
    check(Deny, approved(8), Reason::Denied);
    check(Deny, approved(5), Reason::RequestClosed);
    check(Approve, approved(8), Reason::RequestClosed);
    check(Unclear, approved(8), Reason::RequestClosed);
    let mut facts = honest(Deny);
    approved(8)(&mut facts);
    let Some(Effect::Decide { change, .. }) = facts.verdict().effect else {
        panic!("a deny counts");
    };
    assert_eq!(change.status, Some(Status::Conflict));
}

#[test]
fn the_first_reason_in_order_is_named() {
    // Everything is wrong at once; each step mends what was named last.
    let mut facts = honest(Unclear);
    facts.mail.over_limit = true;
    facts.mail.structure_is_ambiguous = true;
    facts.mail.origin = Origin::AutoReply;
    facts.mail.from = None;
    facts.mail.token = TokenFinding::Forged;
    facts.mail.same_bytes_judged = true;
    facts.request.status = Status::Cancelled;
    facts.is_active = false;
    facts.mail.sender = SenderRelation::Stranger;
    facts.mail.proof = Proof::TokenOnly;
    type Mend = fn(&mut Facts);
    let steps: [(Reason, Mend); 11] = [
        (Reason::OverLimit, |f| f.mail.over_limit = false),
        (Reason::AmbiguousStructure, |f| f.mail.structure_is_ambiguous = false),
        (Reason::AutomaticReply, |f| f.mail.origin = Origin::Person),
        (Reason::FromNotOneMailbox, |f| f.mail.from = Some(address("a0@x.test"))),
        (Reason::TokenForged, |f| f.mail.token = honest(Unclear).mail.token),
        (Reason::SameBytes, |f| f.mail.same_bytes_judged = false),
        (Reason::RequestCancelled, |f| f.request.status = Status::Pending),
        (Reason::ApproverInactive, |f| f.is_active = true),
        (Reason::NotTheApprover, |f| f.mail.sender = SenderRelation::Approver),
        (Reason::SenderUnproven, |f| f.mail.proof = Proof::Standard),
        (Reason::WordsUnclear, |f| f.answer = Answer::Approve),
    ];
    for (expected, mend) in steps {
        assert_eq!(facts.verdict().reason, expected);
        mend(&mut facts);
    }
    assert_eq!(facts.verdict().reason, Reason::Approved);
}

#[test]
fn the_api_and_the_page_meet_the_same_rules() {
    for road in [Road::Api, Road::Web] {
        assert_eq!(honest(Approve).decide_on(road.clone()).reason, Reason::Approved);
        let mut closed = honest(Approve);
        closed.request.status = Status::Denied;
        assert_eq!(closed.decide_on(road.clone()).reason, Reason::RequestClosed);
        let mut own = honest(Approve);
        own.request.approvers[0].person = own.request.requester.person;
        assert_eq!(own.decide_on(road.clone()).reason, Reason::IsTheRequester);
        let mut again = honest(Deny);
        again.live_vote(0, Vote::Deny);
        assert_eq!(again.decide_on(road).reason, Reason::SameAnswer);
    }
}

//! The only road to approve or deny.
//!
//! [`decide`] takes a [`Case`], everything known about one answer, and gives a
//! [`Verdict`]. Pure: a mail, a page, an API call and the dry run of `explain`
//! all get the same verdict from the same facts. The order of the checks is
//! the order of precedence of the reasons: the first that fails names the
//! disposition. When in doubt, it is not an approval.
//!
//! Not here: how the facts are gathered (`message`, `reply`, `token`, the
//! store) and what is told to whom (`notification`).

pub mod case;
pub mod policy;
pub mod proof;
pub mod reason;
pub mod sighting;

pub use case::{Case, MailFacts, Road, SenderRelation, TokenFinding};
pub use reason::{Disposition, Reason};

use super::{
    access_request::{
        LiveDecision, Vote,
        state::{self, Change},
    },
    ids::ApproverId,
    message::origin::Origin,
    reply::wording::Answer,
};
use policy::{ByMail, Proof};

/// What came of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub reason: Reason,
    /// What changes, where the answer counts.
    pub effect: Option<Effect>,
}

/// What an answer that counts does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Decide {
        approver: ApproverId,
        vote: Vote,
        change: Change,
    },
    /// A proven approve by mail that the policy wants confirmed on the web.
    AwaitConfirmation {
        approver: ApproverId,
    },
}

impl Verdict {
    pub fn disposition(&self) -> Disposition {
        self.reason.disposition()
    }

    fn not_counted(reason: Reason) -> Self {
        Self { reason, effect: None }
    }
}

/// Says what an answer does.
pub fn decide(case: &Case<'_>) -> Verdict {
    match first_against(case) {
        Err(Reason::ConfirmationWanted) => Verdict {
            reason: Reason::ConfirmationWanted,
            effect: Some(Effect::AwaitConfirmation { approver: case.approver }),
        },
        Err(reason) => Verdict::not_counted(reason),
        Ok(vote) => count(case, vote),
    }
}

/// What a mail comes to as far as it can tell by itself, for `explain` away
/// from any instance: the same checks in the same order, without those that
/// need the token, the request or the sender's proof.
pub fn of_the_mail_alone(mail: &MailFacts, answer: Answer) -> Reason {
    match (mail_is_fit_to_answer(mail), answer) {
        (Err(reason), _) => reason,
        (Ok(()), Answer::Approve) => Reason::Approved,
        (Ok(()), Answer::Deny) => Reason::Denied,
        (Ok(()), Answer::Unclear) => Reason::WordsUnclear,
    }
}

/// The checks in order; `Ok` holds the vote that passed them all.
fn first_against(case: &Case<'_>) -> Result<Vote, Reason> {
    if let Road::Mail(mail) = &case.road {
        mail_is_fit_to_answer(mail)?;
        token_is_genuine(mail)?;
    }
    let vote = match case.answer {
        Answer::Approve => Some(Vote::Approve),
        Answer::Deny => Some(Vote::Deny),
        Answer::Unclear => None,
    };
    if let Road::Mail(mail) = &case.road
        && mail.same_bytes_judged
    {
        return Err(Reason::SameBytes);
    }
    request_is_open(case, vote)?;
    approver_may_answer(case)?;
    if let Road::Mail(mail) = &case.road {
        sender_is_the_approver(mail)?;
        sender_is_proven(mail, case)?;
    }
    let vote = vote.ok_or(Reason::WordsUnclear)?;
    if let Road::Mail(mail) = &case.road {
        if mail.answers_another && vote == Vote::Approve {
            return Err(Reason::AnswersAnotherMail);
        }
        mail_may_carry(mail, case, vote)?;
    }
    not_said_before(case, vote)?;
    Ok(vote)
}

fn mail_is_fit_to_answer(mail: &MailFacts) -> Result<(), Reason> {
    if mail.over_limit {
        return Err(Reason::OverLimit);
    }
    if mail.structure_is_ambiguous {
        return Err(Reason::AmbiguousStructure);
    }
    match mail.origin {
        Origin::Person => {}
        Origin::Loop => return Err(Reason::OwnMail),
        Origin::Bounce => return Err(Reason::DeliveryReport),
        Origin::ReadReceipt => return Err(Reason::ReadReceipt),
        Origin::AutoReply => return Err(Reason::AutomaticReply),
        Origin::List => return Err(Reason::ListMail),
        Origin::FeedbackReport => return Err(Reason::FeedbackReport),
    }
    if mail.from.is_none() {
        return Err(Reason::FromNotOneMailbox);
    }
    Ok(())
}

fn token_is_genuine(mail: &MailFacts) -> Result<(), Reason> {
    match &mail.token {
        TokenFinding::Nothing => Err(Reason::NotAboutUs),
        TokenFinding::MessageIdOnly => Err(Reason::TokenMissing),
        TokenFinding::Unknown => Err(Reason::TokenUnknown),
        TokenFinding::Forged => Err(Reason::TokenForged),
        TokenFinding::WrongPurpose => Err(Reason::TokenOfOtherPurpose),
        TokenFinding::DifferentApprovers => Err(Reason::TokensOfDifferentApprovers),
        TokenFinding::DifferentRequests => Err(Reason::TokensOfTwoRequests),
        TokenFinding::Genuine { .. } => Ok(()),
    }
}

fn request_is_open(case: &Case<'_>, vote: Option<Vote>) -> Result<(), Reason> {
    use super::access_request::Status;
    let request = case.request.ok_or(Reason::TokenUnknown)?;
    if let Road::Mail(mail) = &case.road
        && matches!(mail.token, TokenFinding::Genuine { earlier_epoch: true, .. })
        && vote != Some(Vote::Deny)
    {
        return Err(Reason::TokenOfEarlierEpoch);
    }
    if state::is_open_for(request, vote, case.first_seen_at) {
        return Ok(());
    }
    Err(match request.status {
        Status::Cancelled => Reason::RequestCancelled,
        Status::Expired | Status::Pending => Reason::RequestExpired,
        Status::Approved | Status::Denied | Status::Conflict => Reason::RequestClosed,
    })
}

fn approver_may_answer(case: &Case<'_>) -> Result<(), Reason> {
    use super::access_request::ApproverState;
    let request = case.request.ok_or(Reason::TokenUnknown)?;
    let approver = request.approver(case.approver).ok_or(Reason::ApproverRemoved)?;
    match approver.state {
        ApproverState::Removed => return Err(Reason::ApproverRemoved),
        ApproverState::Waiting => return Err(Reason::LevelNotReached),
        _ => {}
    }
    if !case.approver_is_active {
        return Err(Reason::ApproverInactive);
    }
    if approver.person == request.requester.person || request.is_requesters(&approver.address) {
        return Err(Reason::IsTheRequester);
    }
    if let Road::Mail(mail) = &case.road
        && (mail.sender == SenderRelation::Requester
            || mail.from.as_ref().is_some_and(|from| request.is_requesters(from)))
    {
        return Err(Reason::IsTheRequester);
    }
    Ok(())
}

fn sender_is_the_approver(mail: &MailFacts) -> Result<(), Reason> {
    match mail.sender {
        SenderRelation::Approver => {}
        SenderRelation::Requester => return Err(Reason::IsTheRequester),
        SenderRelation::Stranger => return Err(Reason::NotTheApprover),
    }
    if mail.policy.proof == Proof::Strict && mail.sender_header_differs {
        return Err(Reason::SentOnBehalf);
    }
    Ok(())
}

/// A deny needs less than an approve at `strict` (trust.md, the table of policy).
fn sender_is_proven(mail: &MailFacts, case: &Case<'_>) -> Result<(), Reason> {
    let wanted = match case.answer {
        Answer::Deny => mail.policy.proof_to_deny(),
        Answer::Approve | Answer::Unclear => mail.policy.proof_to_approve(),
    };
    if mail.proof >= wanted {
        return Ok(());
    }
    Err(if mail.evidence_is_pending {
        Reason::EvidencePending
    } else if !mail.token_is_covered {
        Reason::TokenNotSigned
    } else {
        Reason::SenderUnproven
    })
}

fn mail_may_carry(mail: &MailFacts, case: &Case<'_>, vote: Vote) -> Result<(), Reason> {
    match (mail.policy.by_mail, vote) {
        (ByMail::No, _) => Err(Reason::MailNeverDecides),
        (ByMail::Confirm, Vote::Approve) if repeats(case, vote) => Err(Reason::SameAnswer),
        (ByMail::Confirm, Vote::Approve) => Err(Reason::ConfirmationWanted),
        _ => Ok(()),
    }
}

fn not_said_before(case: &Case<'_>, vote: Vote) -> Result<(), Reason> {
    if repeats(case, vote) {
        return Err(Reason::SameAnswer);
    }
    Ok(())
}

fn repeats(case: &Case<'_>, vote: Vote) -> bool {
    own_decision(case).is_some_and(|earlier| earlier.vote == vote)
}

fn own_decision<'a>(case: &Case<'a>) -> Option<&'a LiveDecision> {
    case.live_decisions.iter().find(|d| d.approver == case.approver)
}

fn count(case: &Case<'_>, vote: Vote) -> Verdict {
    let Some((request, approver)) =
        case.request.and_then(|request| Some((request, request.approver(case.approver)?)))
    else {
        return Verdict::not_counted(Reason::TokenUnknown);
    };
    let by = (approver.id, approver.person);
    let change = state::after_vote(request, case.live_decisions, by, vote);
    let reason = match vote {
        Vote::Approve => Reason::Approved,
        Vote::Deny => Reason::Denied,
    };
    Verdict { reason, effect: Some(Effect::Decide { approver: approver.id, vote, change }) }
}

#[cfg(test)]
mod tests;

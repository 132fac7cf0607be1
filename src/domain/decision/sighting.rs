//! What of token shape a mail carries, and what it comes to once each was
//! looked up and verified.

use std::collections::BTreeSet;

use super::TokenFinding;
use crate::domain::{
    address::EmailAddress,
    ids::{AccessRequestId, ApproverId, PersonId},
    message::parse::Message,
    reply::quoting::author::Announcements,
    token::{Carrier, Purpose, Token, find_ref_line, in_message_id},
};

/// Different tokens one mail may carry before it is no honest reply.
pub const TOKENS_MAX: usize = 20;

/// A token and one of the places it stood in.
#[derive(Debug, Clone)]
pub struct Sighting {
    pub token: Token,
    pub carrier: Carrier,
}

/// Where replies to us are addressed: a base and its separator.
#[derive(Debug, Clone, Copy)]
pub struct ReplyBase<'a> {
    pub address: &'a EmailAddress,
    pub separator: Option<&'a str>,
}

/// Every token-shaped thing in the places that count, each (token, carrier)
/// once. `bodies` are the visible texts of the mail's views. Only the single
/// To field is read: Cc, Delivered-To and a second To never count.
///
/// A `Ref:` line in a body is the writer's answer to us only if the mail is
/// addressed to us and the line was quoted from a mail of ours: `own` are the
/// addresses we send from.
pub fn sightings(
    message: &Message,
    bases: &[ReplyBase<'_>],
    own: &[EmailAddress],
    bodies: &[&str],
) -> Vec<Sighting> {
    let mut found: Vec<Sighting> = Vec::new();
    let mut see = |token: Token, carrier: Carrier| {
        let known = found.iter().any(|s| s.token == token && s.carrier == carrier);
        if !known && found.len() <= TOKENS_MAX {
            found.push(Sighting { token, carrier });
        }
    };
    for mailbox in &message.to {
        for base in bases {
            let detail = base.separator.and_then(|s| mailbox.address.detail_of(base.address, s));
            if let Some(token) = detail.and_then(Token::parse) {
                see(token, Carrier::ReplyToAddress);
            }
        }
    }
    for (ids, carrier) in
        [(&message.in_reply_to, Carrier::InReplyTo), (&message.references, Carrier::References)]
    {
        for id in ids {
            in_message_id(id).into_iter().for_each(|f| see(f.token, carrier));
        }
    }
    let is_ours = |address: &EmailAddress| is_ours(address, bases, own);
    let is_to_us = message.to.iter().chain(&message.cc).any(|mailbox| is_ours(&mailbox.address));
    for body in bodies {
        let lines = find_ref_line(body);
        if lines.is_empty() {
            continue;
        }
        let announcements = Announcements::of(body);
        for line in lines {
            let is_for_us = is_to_us && !announcements.is_of_another(line.start, is_ours);
            see(line.token, if is_for_us { Carrier::Body } else { Carrier::BodyOfOthers });
        }
    }
    found
}

/// Whether a mail answers somebody else's: its outermost quote names an author
/// who is neither we nor the writer himself. Whoever holds a leaked token can
/// set it as his Reply-To and ask about lunch; the answer then comes to us,
/// genuine and with the token, and says yes to lunch.
pub fn answers_another(
    message: &Message,
    bases: &[ReplyBase<'_>],
    own: &[EmailAddress],
    bodies: &[&str],
) -> bool {
    let writer = message.from.as_ref().ok().map(|from| &from.address);
    bodies.iter().any(|body| {
        Announcements::of(body).answered().is_some_and(|author| {
            !is_ours(author, bases, own)
                && !writer.is_some_and(|writer| writer.is_same_mailbox(author))
        })
    })
}

fn is_ours(address: &EmailAddress, bases: &[ReplyBase<'_>], own: &[EmailAddress]) -> bool {
    own.iter().any(|own| own.is_same_mailbox(address))
        || bases.iter().any(|base| {
            base.address.is_same_mailbox(address)
                || base.separator.is_some_and(|s| address.detail_of(base.address, s).is_some())
        })
}

/// What looking a token up and verifying it gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    Unknown,
    Forged,
    Genuine(Named),
}

/// Whom a genuine token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    pub purpose: Purpose,
    pub request: AccessRequestId,
    pub approver: ApproverId,
    pub person: PersonId,
    pub earlier_epoch: bool,
}

/// What all sightings together come to. One token that is not genuine spoils
/// the rest: an honest reply carries none.
pub fn finding(
    checked: &[(Sighting, Checked)],
    answers_ours: bool,
) -> (TokenFinding, Option<Named>) {
    if checked.is_empty() {
        let nothing =
            if answers_ours { TokenFinding::MessageIdOnly } else { TokenFinding::Nothing };
        return (nothing, None);
    }
    if checked.len() > TOKENS_MAX {
        return (TokenFinding::DifferentApprovers, None);
    }
    if checked.iter().any(|(_, c)| *c == Checked::Forged) {
        return (TokenFinding::Forged, None);
    }
    let genuine: Vec<(Carrier, Named)> = checked
        .iter()
        .filter_map(|(s, c)| match c {
            Checked::Genuine(named) => Some((s.carrier, *named)),
            _ => None,
        })
        .collect();
    let Some(&(_, first)) = genuine.first() else { return (TokenFinding::Unknown, None) };
    if genuine.len() < checked.len() {
        return (TokenFinding::Unknown, None);
    }
    let persons: BTreeSet<PersonId> = genuine.iter().map(|(_, n)| n.person).collect();
    let requests: BTreeSet<AccessRequestId> = genuine.iter().map(|(_, n)| n.request).collect();
    let approvers: BTreeSet<ApproverId> = genuine.iter().map(|(_, n)| n.approver).collect();
    if persons.len() > 1 || (requests.len() == 1 && approvers.len() > 1) {
        return (TokenFinding::DifferentApprovers, None);
    }
    if requests.len() > 1 {
        return (TokenFinding::DifferentRequests, None);
    }
    if genuine.iter().any(|(_, n)| n.purpose != Purpose::Reply) {
        return (TokenFinding::WrongPurpose, Some(first));
    }
    let mut carriers: Vec<Carrier> = Vec::new();
    for (carrier, _) in &genuine {
        if !carriers.contains(carrier) {
            carriers.push(*carrier);
        }
    }
    let earlier_epoch = genuine.iter().any(|(_, n)| n.earlier_epoch);
    (TokenFinding::Genuine { purpose: first.purpose, carriers, earlier_epoch }, Some(first))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn named(request: u128, approver: u128, person: u128) -> Named {
        Named {
            purpose: Purpose::Reply,
            request: AccessRequestId(Uuid::from_u128(request)),
            approver: ApproverId(Uuid::from_u128(approver)),
            person: PersonId(Uuid::from_u128(person)),
            earlier_epoch: false,
        }
    }

    fn check(all: &[Checked], expected: impl Fn(&TokenFinding) -> bool) {
        let token = Token::parse(&"a".repeat(39)).unwrap();
        let checked: Vec<_> =
            all.iter().map(|c| (Sighting { token, carrier: Carrier::Body }, *c)).collect();
        let (found, _) = finding(&checked, false);
        assert!(expected(&found), "{found:?}");
    }

    use Checked::{Forged, Genuine, Unknown};

    #[test]
    fn tokens_of_one_approver_of_one_request_agree() {
        check(&[Genuine(named(1, 1, 1)); 3], |f| matches!(f, TokenFinding::Genuine { .. }));
    }

    #[test]
    fn one_bad_token_spoils_the_rest() {
        check(&[Genuine(named(1, 1, 1)), Forged], |f| *f == TokenFinding::Forged);
        check(&[Genuine(named(1, 1, 1)), Unknown], |f| *f == TokenFinding::Unknown);
        check(&[Unknown], |f| *f == TokenFinding::Unknown);
        check(&vec![Genuine(named(1, 1, 1)); 21], |f| *f == TokenFinding::DifferentApprovers);
    }

    #[test]
    fn disagreement_is_told_apart() {
        let (a, b) = (named(1, 1, 1), named(1, 2, 2));
        check(&[Genuine(a), Genuine(b)], |f| *f == TokenFinding::DifferentApprovers);
        check(&[Genuine(a), Genuine(named(2, 3, 1))], |f| *f == TokenFinding::DifferentRequests);
        check(&[Genuine(a), Genuine(named(2, 3, 9))], |f| *f == TokenFinding::DifferentApprovers);
        let bounce = Named { purpose: Purpose::Bounce, ..a };
        check(&[Genuine(bounce)], |f| *f == TokenFinding::WrongPurpose);
    }

    #[test]
    fn nothing_and_an_answer_without_a_token_differ() {
        assert_eq!(finding(&[], false).0, TokenFinding::Nothing);
        assert_eq!(finding(&[], true).0, TokenFinding::MessageIdOnly);
    }
}

//! What an event makes of a request: pure, so a mail, a click and a replay of
//! the ledger all come to the same state.

use chrono::{DateTime, Utc};

use super::{AccessRequest, LiveDecision, Status, Vote};
use crate::domain::ids::{ApproverId, DecisionId, PersonId};

/// What a counted answer does to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The request's new status; none while it stays pending.
    pub status: Option<Status>,
    /// The next level to notify, owed in the same transaction.
    pub reached_level: Option<i64>,
    /// The approver's own earlier decision that this one replaces.
    pub supersedes: Option<DecisionId>,
}

/// What would happen if this approver's vote counted now. The caller has made
/// sure that it may.
pub fn after_vote(
    request: &AccessRequest,
    live: &[LiveDecision],
    (approver, person): (ApproverId, PersonId),
    vote: Vote,
) -> Change {
    let supersedes = live.iter().find(|d| d.approver == approver).map(|d| d.id);
    match vote {
        Vote::Deny => Change {
            status: Some(match request.status {
                Status::Approved => Status::Conflict,
                _ => Status::Denied,
            }),
            reached_level: None,
            supersedes,
        },
        Vote::Approve => {
            let with_this: Vec<LiveDecision> = live
                .iter()
                .filter(|d| d.approver != approver)
                .copied()
                .chain([LiveDecision { id: DecisionId(uuid::Uuid::nil()), approver, person, vote }])
                .collect();
            let met = request.level_is_met(&with_this);
            let next = request.level_after(request.level).filter(|_| met);
            Change {
                status: (met && next.is_none()).then_some(Status::Approved),
                reached_level: next,
                supersedes,
            }
        }
    }
}

/// Whether an answer still finds its request open. A deny is heard until the
/// access ends, because taking back what was granted is what it is for.
pub fn is_open_for(request: &AccessRequest, vote: Option<Vote>, now: DateTime<Utc>) -> bool {
    match request.status {
        Status::Pending => now < request.expires_at,
        Status::Approved => {
            vote == Some(Vote::Deny) && request.access_ends_at.is_none_or(|end| now < end)
        }
        Status::Denied | Status::Expired | Status::Cancelled | Status::Conflict => false,
    }
}

/// A status never leads back, and a final one never leads on, but for the
/// conflict that a late deny makes of an approval.
pub fn may_follow(from: Status, to: Status) -> bool {
    match from {
        Status::Pending => to != Status::Pending && to != Status::Conflict,
        Status::Approved => to == Status::Conflict,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access_request::{ApproverState, Quorum, samples};

    /// Votes in order by approver number (0-based); gives the final status and level.
    fn check(levels: &[i64], quorum: Quorum, votes: &[(usize, Vote)], expected: (Status, i64)) {
        let mut request = samples::request(levels, quorum);
        let mut live: Vec<LiveDecision> = Vec::new();
        for &(who, vote) in votes {
            let by = (request.approvers[who].id, request.approvers[who].person);
            let change = after_vote(&request, &live, by, vote);
            live.retain(|d| Some(d.id) != change.supersedes);
            let id = DecisionId(uuid::Uuid::from_u128(100 + live.len() as u128));
            live.push(LiveDecision { id, approver: by.0, person: by.1, vote });
            if let Some(level) = change.reached_level {
                request.level = level;
            }
            if let Some(status) = change.status {
                assert!(may_follow(request.status, status));
                request.status = status;
            }
        }
        assert_eq!((request.status, request.level), expected, "{levels:?} {quorum:?} {votes:?}");
    }

    use Vote::{Approve as Yes, Deny as No};

    #[test]
    fn one_level_closes_as_its_quorum_says() {
        check(&[1, 1], Quorum::Any, &[(0, Yes)], (Status::Approved, 1));
        check(&[1, 1], Quorum::All, &[(0, Yes)], (Status::Pending, 1));
        check(&[1, 1], Quorum::All, &[(0, Yes), (1, Yes)], (Status::Approved, 1));
        check(&[1, 1, 1], Quorum::AtLeast(2), &[(0, Yes)], (Status::Pending, 1));
        check(&[1, 1, 1], Quorum::AtLeast(2), &[(0, Yes), (2, Yes)], (Status::Approved, 1));
    }

    #[test]
    fn a_deny_closes_whatever_came_before() {
        check(&[1, 1], Quorum::All, &[(0, Yes), (1, No)], (Status::Denied, 1));
        check(&[1, 1], Quorum::All, &[(0, Yes), (0, No)], (Status::Denied, 1));
        check(&[1, 2], Quorum::Any, &[(0, Yes), (1, No)], (Status::Denied, 2));
    }

    #[test]
    fn the_same_person_twice_is_one_voice() {
        check(&[1, 1], Quorum::AtLeast(2), &[(0, Yes), (0, Yes)], (Status::Pending, 1));
    }

    #[test]
    fn levels_are_asked_lowest_first() {
        check(&[1, 2], Quorum::Any, &[(0, Yes)], (Status::Pending, 2));
        check(&[1, 2], Quorum::Any, &[(0, Yes), (1, Yes)], (Status::Approved, 2));
        check(&[5, 1, 5], Quorum::All, &[(1, Yes), (0, Yes)], (Status::Pending, 5));
        check(&[5, 1, 5], Quorum::All, &[(1, Yes), (0, Yes), (2, Yes)], (Status::Approved, 5));
    }

    #[test]
    fn an_approve_from_a_passed_level_adds_nothing_to_the_next() {
        check(&[1, 1, 2], Quorum::Any, &[(0, Yes), (1, Yes)], (Status::Pending, 2));
    }

    #[test]
    fn a_deny_after_the_approval_is_a_conflict_and_never_goes_back() {
        check(&[1, 1], Quorum::Any, &[(0, Yes), (1, No)], (Status::Conflict, 1));
        for to in [Status::Approved, Status::Pending, Status::Denied] {
            assert!(!may_follow(Status::Conflict, to));
        }
    }

    #[test]
    fn a_removed_approver_does_not_hold_up_all() {
        let mut request = samples::request(&[1, 1], Quorum::All);
        request.approvers[1].state = ApproverState::Removed;
        let by = (request.approvers[0].id, request.approvers[0].person);
        let change = after_vote(&request, &[], by, Vote::Approve);
        assert_eq!(change.status, Some(Status::Approved));
    }

    #[test]
    fn who_is_heard_when() {
        let mut request = samples::request(&[1], Quorum::Any);
        let before = request.expires_at - chrono::TimeDelta::seconds(1);
        assert!(is_open_for(&request, Some(Yes), before));
        assert!(!is_open_for(&request, Some(Yes), request.expires_at));
        request.status = Status::Approved;
        request.access_ends_at = Some(request.expires_at + chrono::TimeDelta::hours(1));
        assert!(is_open_for(&request, Some(No), request.expires_at));
        assert!(!is_open_for(&request, Some(Yes), before));
        assert!(!is_open_for(&request, None, before));
        assert!(!is_open_for(&request, Some(No), request.expires_at + chrono::TimeDelta::hours(1)));
        for closed in [Status::Denied, Status::Expired, Status::Cancelled, Status::Conflict] {
            request.status = closed;
            assert!(!is_open_for(&request, Some(No), before), "{closed}");
        }
    }
}

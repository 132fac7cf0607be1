//! A request for tests, the same each time.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{AccessRequest, Approver, ApproverState, Quorum, Requester, Status};
use crate::domain::{
    address::EmailAddress,
    ids::{AccessRequestId, ApproverId, PersonId},
};

pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("within range")
}

/// A pending request with one approver `a<n>@x.test` (n from 0) per entry of `levels`.
pub fn request(levels: &[i64], quorum: Quorum) -> AccessRequest {
    let lowest = levels.iter().copied().min().unwrap_or(1);
    let address = |name: &str| EmailAddress::parse(&format!("{name}@x.test")).unwrap();
    AccessRequest {
        id: AccessRequestId(Uuid::from_u128(1)),
        number: 1042,
        external_id: None,
        requester: Requester {
            person: PersonId(Uuid::from_u128(2)),
            email: address("rita"),
            name: Some("Rita Requester".to_owned()),
            aliases: vec![address("rita.alias")],
        },
        resource: "root on db1".to_owned(),
        justification: Some("patch night".to_owned()),
        access_starts_at: None,
        access_ends_at: None,
        expires_at: noon() + TimeDelta::hours(4),
        quorum,
        proof: None,
        by_mail: None,
        smtp_account_id: None,
        metadata: serde_json::json!({}),
        status: Status::Pending,
        level: lowest,
        submitted_at: noon(),
        closed_at: None,
        version: 1,
        approvers: levels
            .iter()
            .enumerate()
            .map(|(n, &level)| Approver {
                id: ApproverId(Uuid::from_u128(10 + n as u128)),
                person: PersonId(Uuid::from_u128(50 + n as u128)),
                address: address(&format!("a{n}")),
                name: None,
                locale: "en".to_owned(),
                level,
                state: if level == lowest {
                    ApproverState::Notified
                } else {
                    ApproverState::Waiting
                },
            })
            .collect(),
    }
}

//! One type per kind of id, so that a request's id can never stand where an
//! account's belongs.
//!
//! All are UUIDs (version 7, RFC 9562 §5.7, minted by `random`): they sort by
//! the time they were made, which keeps lists and indexes in order. To the
//! outside they are opaque strings.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(written: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(written).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// This installation; every token is bound to it.
    InstanceId,
    /// A process that polls and delivers; leases are held by nodes.
    NodeId,
    CredentialId,
    SmtpAccountId,
    InboxAccountId,
    PersonId,
    AccessRequestId,
    /// One person's place in one access request.
    ApproverId,
    OutboxMessageId,
    InboundMessageId,
    DecisionId,
    /// Who may call the API.
    ApiTokenId,
}

//! A mailbox that is polled: its settings, how far it has been read, what to
//! fetch now, when to look again, how it is doing.
//!
//! Not here: sockets (`net`), the loop that waits (`polling`).

pub mod cursor;
pub mod health;
pub mod schedule;

use serde::{Deserialize, Serialize};

use super::{
    address::EmailAddress,
    decision::policy::{ByMail, Policy, Proof},
    ids::{CredentialId, InboxAccountId},
    mail_server::MailServer,
};

/// How the mailbox is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 3501, RFC 9051.
    Imap,
    /// RFC 1939.
    Pop3,
}

/// What is known of the far side's habits of marking authentication.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    #[default]
    Generic,
    Google,
    Microsoft365,
}

/// An inbox account as an admin sets it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxAccount {
    pub id: InboxAccountId,
    pub name: String,
    pub enabled: bool,
    /// Off: polled only when somebody asks for it.
    pub automatic_check: bool,
    /// On: the mailbox is left as found. Off: what was fetched whole and
    /// committed is deleted.
    pub keep_copy: bool,
    /// The addresses whose mail arrives here; a reply road ends in one.
    pub addresses: Vec<EmailAddress>,
    /// What separates a sub-address (RFC 5233); none where the server has none.
    pub sub_address: Option<String>,
    pub protocol: Protocol,
    pub server: MailServer,
    pub credential_id: CredentialId,
    /// IMAP only.
    pub folder: String,
    /// `every 60s` or a cron expression.
    pub schedule: String,
    /// IANA name of the zone the cron expression is read in.
    pub timezone: String,
    pub idle: bool,
    /// Off: what lay in the mailbox when the account was first enabled is
    /// history, never fetched, judged or deleted.
    pub import_existing: bool,
    /// Octets; a larger message is quarantined by its headers and left there.
    pub max_size_bytes: i64,
    pub proof: Proof,
    pub by_mail: ByMail,
    pub profile: Profile,
    /// authserv-ids (RFC 8601 §2.5) whose Authentication-Results count.
    pub trusted_authserv_ids: Vec<String>,
    /// Take IMAP's INTERNALDATE as the time of arrival.
    pub trust_internaldate: bool,
    /// Counts the changes; an update names the one it saw.
    pub version: i64,
}

impl InboxAccount {
    /// Only an account that is enabled and has the automatic check on.
    pub fn is_polled(&self) -> bool {
        self.enabled && self.automatic_check
    }

    pub fn policy(&self) -> Policy {
        Policy { proof: self.proof, by_mail: self.by_mail }
    }

    /// Whether replies to `address` arrive here, at once.
    pub fn receives(&self, address: &EmailAddress) -> bool {
        self.is_polled() && self.addresses.iter().any(|own| own.is_same_mailbox(address))
    }

    /// What an admin must know about what this account cannot do.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.proof == Proof::TokenOnly {
            warnings.push(
                "proof is `token_only`: whoever sees a notification can answer it under the approver's address".to_owned(),
            );
        }
        if self.proof > Proof::TokenOnly && self.trusted_authserv_ids.is_empty() {
            warnings.push(format!(
                "proof is `{}` and there are no trusted_authserv_ids: no mail that arrives here can decide",
                self.proof.code()
            ));
        }
        if self.server.accept_invalid_certs
            && self.server.security != super::mail_server::Security::None
        {
            warnings.push(
                "any certificate is accepted: a man in the middle can read the password".to_owned(),
            );
        }
        warnings
    }
}

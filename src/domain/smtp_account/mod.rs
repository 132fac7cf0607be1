//! An account that mail is sent through: its settings, and the road replies
//! to its mail take.

use serde::{Deserialize, Serialize};

use super::{
    address::EmailAddress,
    ids::{CredentialId, InboxAccountId, SmtpAccountId},
    inbox_account::InboxAccount,
    mail_server::{MailServer, Security},
};

/// An SMTP account as an admin sets it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpAccount {
    pub id: SmtpAccountId,
    pub name: String,
    pub enabled: bool,
    /// At most one account is the default; mail that names no account uses it.
    pub default: bool,
    /// The From of what is sent.
    pub sender: EmailAddress,
    /// The base that answers come back to; none: no access request can go out here.
    pub reply_to: Option<EmailAddress>,
    /// The envelope sender for errors; none: `sender`.
    pub return_path: Option<EmailAddress>,
    /// Where read receipts go (RFC 8098 Disposition-Notification-To).
    pub confirmation_to: Option<EmailAddress>,
    pub request_read_receipt: bool,
    /// The account's addresses win over what a calling module gave.
    pub force_settings: bool,
    pub footer_enabled: bool,
    pub server: MailServer,
    pub authenticate: bool,
    pub credential_id: Option<CredentialId>,
    pub rate_per_minute: Option<i64>,
    pub max_connections: i64,
    /// Why the account is paused (a refused login, say); its queue is kept.
    pub paused_reason: Option<String>,
    pub version: i64,
}

impl SmtpAccount {
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.server.accept_invalid_certs && self.server.security != Security::None {
            warnings.push(
                "any certificate is accepted: a man in the middle can read the password".to_owned(),
            );
        }
        if self.reply_to.is_none() {
            warnings.push(
                "there is no reply_to: access requests cannot be sent through this account"
                    .to_owned(),
            );
        }
        warnings
    }
}

/// How answers to a notification come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRoad {
    pub base: EmailAddress,
    /// The account the base belongs to.
    pub inbox: InboxAccountId,
    /// What separates the token in the address; none: the token travels in
    /// the Message-ID and the `Ref:` line only.
    pub separator: Option<String>,
}

/// The account has no way for answers to come back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReplyRoad {
    #[error("SMTP account `{account}` has no reply_to")]
    NoReplyTo { account: String },
    #[error(
        "reply_to `{reply_to}` of SMTP account `{account}` is not an address of an enabled inbox account with automatic check on"
    )]
    NobodyListens { account: String, reply_to: EmailAddress },
    #[error(
        "the part before the `@` of reply_to `{reply_to}` is longer than {} octets, so no token fits behind it",
        ReplyRoad::BASE_LOCAL_OCTETS_MAX
    )]
    BaseTooLong { reply_to: EmailAddress },
}

impl ReplyRoad {
    /// 64 octets of local part less the token (39) and a separator (1).
    pub const BASE_LOCAL_OCTETS_MAX: usize = 24;

    /// Finds the inbox account that answers to this account's mail arrive in.
    pub fn of(account: &SmtpAccount, inboxes: &[InboxAccount]) -> Result<Self, NoReplyRoad> {
        let base = account
            .reply_to
            .clone()
            .ok_or_else(|| NoReplyRoad::NoReplyTo { account: account.name.clone() })?;
        let inbox = inboxes.iter().find(|inbox| inbox.receives(&base)).ok_or_else(|| {
            NoReplyRoad::NobodyListens { account: account.name.clone(), reply_to: base.clone() }
        })?;
        if inbox.sub_address.is_some() && base.local().len() > Self::BASE_LOCAL_OCTETS_MAX {
            return Err(NoReplyRoad::BaseTooLong { reply_to: base });
        }
        Ok(Self { base, inbox: inbox.id, separator: inbox.sub_address.clone() })
    }
}

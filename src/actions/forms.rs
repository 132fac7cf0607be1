//! Accounts in the flat shape of the API: what a caller sends and gets back.
//! The command line fills in the same forms.

use serde::{Deserialize, Serialize};

use crate::domain::{
    address::EmailAddress,
    decision::policy::{ByMail, Proof},
    ids::{CredentialId, InboxAccountId, SmtpAccountId},
    inbox_account::{InboxAccount, Profile, Protocol},
    mail_server::{MailServer, Security},
    smtp_account::SmtpAccount,
};

fn yes() -> bool {
    true
}
fn inbox() -> String {
    "INBOX".to_owned()
}
fn every_minute() -> String {
    "every 60s".to_owned()
}
fn utc() -> String {
    "UTC".to_owned()
}
fn plus() -> Option<String> {
    Some("+".to_owned())
}
fn imap() -> Protocol {
    Protocol::Imap
}
fn megabytes_25() -> i64 {
    26_214_400
}
fn standard() -> Proof {
    Proof::Standard
}
fn by_mail() -> ByMail {
    ByMail::Yes
}
fn two() -> i64 {
    2
}
fn default_connector() -> String {
    "default".to_owned()
}

/// `POST /smtp-accounts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpAccountForm {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub default: bool,
    pub sender: EmailAddress,
    #[serde(default)]
    pub reply_to: Option<EmailAddress>,
    #[serde(default)]
    pub return_path: Option<EmailAddress>,
    #[serde(default)]
    pub confirmation_to: Option<EmailAddress>,
    #[serde(default)]
    pub request_read_receipt: bool,
    #[serde(default)]
    pub force_settings: bool,
    #[serde(default)]
    pub footer_enabled: bool,
    #[schema(min_length = 1, max_length = 255)]
    pub host: String,
    #[schema(minimum = 1, maximum = 65535)]
    pub port: u16,
    #[serde(default)]
    pub security: Security,
    #[serde(default = "yes")]
    pub authenticate: bool,
    #[serde(default)]
    pub credential_id: Option<CredentialId>,
    #[serde(default)]
    pub allow_cleartext_login: bool,
    #[serde(default)]
    pub accept_invalid_certs: bool,
    #[serde(default)]
    pub ca_pem: Option<String>,
    #[serde(default)]
    pub pinned_sha256: Option<String>,
    /// `default`, `none`, or the id of a network connector.
    #[serde(default = "default_connector")]
    pub connector: String,
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100_000)]
    pub rate_per_minute: Option<i64>,
    #[serde(default = "two")]
    #[schema(minimum = 1, maximum = 50)]
    pub max_connections: i64,
}

/// `POST /inbox-accounts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InboxAccountForm {
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default = "yes")]
    pub automatic_check: bool,
    #[serde(default = "yes")]
    pub keep_copy: bool,
    pub addresses: Vec<EmailAddress>,
    #[serde(default = "plus")]
    #[schema(min_length = 1, max_length = 1)]
    pub sub_address: Option<String>,
    #[serde(default = "imap")]
    pub protocol: Protocol,
    #[schema(min_length = 1, max_length = 255)]
    pub host: String,
    #[schema(minimum = 1, maximum = 65535)]
    pub port: u16,
    #[serde(default)]
    pub security: Security,
    pub credential_id: CredentialId,
    #[serde(default)]
    pub allow_cleartext_login: bool,
    #[serde(default)]
    pub accept_invalid_certs: bool,
    #[serde(default)]
    pub ca_pem: Option<String>,
    #[serde(default)]
    pub pinned_sha256: Option<String>,
    #[serde(default = "default_connector")]
    pub connector: String,
    #[serde(default = "inbox")]
    pub folder: String,
    /// `every 60s` or a cron expression.
    #[serde(default = "every_minute")]
    pub schedule: String,
    #[serde(default = "utc")]
    pub timezone: String,
    #[serde(default = "yes")]
    pub idle: bool,
    #[serde(default)]
    pub import_existing: bool,
    #[serde(default = "megabytes_25")]
    #[schema(minimum = 1024, maximum = 104_857_600)]
    pub max_size_bytes: i64,
    #[serde(default = "standard")]
    pub proof: Proof,
    #[serde(default = "by_mail")]
    pub by_mail: ByMail,
    #[serde(default)]
    pub profile: Profile,
    #[serde(default)]
    pub trusted_authserv_ids: Vec<String>,
    #[serde(default)]
    pub trust_internaldate: bool,
}

/// Network connectors are not there yet, so an account goes direct and may
/// only say so.
pub fn connector_problem(connector: &str) -> Option<&'static str> {
    (!matches!(connector, "default" | "none"))
        .then_some("must be `default` or `none`: there are no network connectors to name")
}

impl SmtpAccountForm {
    pub fn of(account: &SmtpAccount) -> Self {
        let server = account.server.clone();
        Self {
            name: account.name.clone(),
            enabled: account.enabled,
            default: account.default,
            sender: account.sender.clone(),
            reply_to: account.reply_to.clone(),
            return_path: account.return_path.clone(),
            confirmation_to: account.confirmation_to.clone(),
            request_read_receipt: account.request_read_receipt,
            force_settings: account.force_settings,
            footer_enabled: account.footer_enabled,
            host: server.host,
            port: server.port,
            security: server.security,
            authenticate: account.authenticate,
            credential_id: account.credential_id,
            allow_cleartext_login: server.allow_cleartext_login,
            accept_invalid_certs: server.accept_invalid_certs,
            ca_pem: server.ca_pem,
            pinned_sha256: server.pinned_sha256,
            connector: default_connector(),
            rate_per_minute: account.rate_per_minute,
            max_connections: account.max_connections,
        }
    }

    /// As the account `id` of which version `version` was seen.
    pub fn into_account(self, id: SmtpAccountId, version: i64) -> SmtpAccount {
        SmtpAccount {
            id,
            name: self.name,
            enabled: self.enabled,
            default: self.default,
            sender: self.sender,
            reply_to: self.reply_to,
            return_path: self.return_path,
            confirmation_to: self.confirmation_to,
            request_read_receipt: self.request_read_receipt,
            force_settings: self.force_settings,
            footer_enabled: self.footer_enabled,
            server: MailServer {
                host: self.host,
                port: self.port,
                security: self.security,
                allow_cleartext_login: self.allow_cleartext_login,
                accept_invalid_certs: self.accept_invalid_certs,
                ca_pem: self.ca_pem,
                pinned_sha256: self.pinned_sha256.map(|pin| pin.replace(':', "").to_lowercase()),
            },
            authenticate: self.authenticate,
            credential_id: self.credential_id,
            rate_per_minute: self.rate_per_minute,
            max_connections: self.max_connections,
            paused_reason: None,
            version,
        }
    }
}

impl InboxAccountForm {
    pub fn of(account: &InboxAccount) -> Self {
        let server = account.server.clone();
        Self {
            name: account.name.clone(),
            enabled: account.enabled,
            automatic_check: account.automatic_check,
            keep_copy: account.keep_copy,
            addresses: account.addresses.clone(),
            sub_address: account.sub_address.clone(),
            protocol: account.protocol,
            host: server.host,
            port: server.port,
            security: server.security,
            credential_id: account.credential_id,
            allow_cleartext_login: server.allow_cleartext_login,
            accept_invalid_certs: server.accept_invalid_certs,
            ca_pem: server.ca_pem,
            pinned_sha256: server.pinned_sha256,
            connector: default_connector(),
            folder: account.folder.clone(),
            schedule: account.schedule.clone(),
            timezone: account.timezone.clone(),
            idle: account.idle,
            import_existing: account.import_existing,
            max_size_bytes: account.max_size_bytes,
            proof: account.proof,
            by_mail: account.by_mail,
            profile: account.profile,
            trusted_authserv_ids: account.trusted_authserv_ids.clone(),
            trust_internaldate: account.trust_internaldate,
        }
    }

    /// As the account `id` of which version `version` was seen.
    pub fn into_account(self, id: InboxAccountId, version: i64) -> InboxAccount {
        InboxAccount {
            id,
            name: self.name,
            enabled: self.enabled,
            automatic_check: self.automatic_check,
            keep_copy: self.keep_copy,
            addresses: self.addresses,
            sub_address: self.sub_address,
            protocol: self.protocol,
            server: MailServer {
                host: self.host,
                port: self.port,
                security: self.security,
                allow_cleartext_login: self.allow_cleartext_login,
                accept_invalid_certs: self.accept_invalid_certs,
                ca_pem: self.ca_pem,
                pinned_sha256: self.pinned_sha256.map(|pin| pin.replace(':', "").to_lowercase()),
            },
            credential_id: self.credential_id,
            folder: self.folder,
            schedule: self.schedule,
            timezone: self.timezone,
            idle: self.idle,
            import_existing: self.import_existing,
            max_size_bytes: self.max_size_bytes,
            proof: self.proof,
            by_mail: self.by_mail,
            profile: self.profile,
            trusted_authserv_ids: self.trusted_authserv_ids,
            trust_internaldate: self.trust_internaldate,
            version,
        }
    }
}

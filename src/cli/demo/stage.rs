//! What the play needs before it begins: a directory that goes away, a
//! service with its accounts, and the people it knows.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use super::{
    desk::Office,
    script::{Reads, Script},
};
use crate::{
    actions::{
        Instance, accounts,
        credentials::{self, NewCredential},
        forms::{InboxAccountForm, SmtpAccountForm},
        people, settings,
    },
    cli::CliError,
    clock::Clock,
    config::{Config, LimitsConfig},
    domain::{
        address::EmailAddress,
        ids::{CredentialId, InboxAccountId, PersonId, SmtpAccountId},
        inbox_account::{InboxAccount, Protocol},
        mail_server::Security,
        person::{Person, PersonAddress},
        settings::Settings,
        smtp_account::SmtpAccount,
    },
    polling,
    random::Random,
    secret::Secret,
};

/// Where answers come to, by protocol.
pub(super) const IMAP_INBOX: &str = "access";
pub(super) const POP3_INBOX: &str = "access-pop";

/// A directory of our own, removed when it is dropped.
pub(super) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub(super) fn make(random: &Random) -> Result<Self, CliError> {
        let name = data_encoding::HEXLOWER.encode(&random.bytes::<8>());
        let path = std::env::temp_dir().join(format!("countersign-demo-{name}"));
        let failed = |source| CliError::File { file: path.display().to_string(), source };
        // Not `create_dir_all`: a directory that is there already is not ours.
        std::fs::create_dir(&path).map_err(failed)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // Nobody is left to be told; what stays is in the temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The service, set up and not yet running.
pub(super) struct Stage {
    pub instance: Instance,
    inboxes: Vec<InboxAccount>,
    imap_sender: SmtpAccountId,
    pop3_sender: SmtpAccountId,
}

impl Stage {
    pub(super) async fn set(
        script: &Script,
        office: &Office,
        directory: &Path,
        listen: Option<SocketAddr>,
        (clock, random): (Clock, Random),
    ) -> Result<Self, CliError> {
        let listen = match listen {
            Some(address) => address,
            None => free_port()?,
        };
        let limits = LimitsConfig { stop_seconds: 4, ..LimitsConfig::default() };
        let data_dir = directory.to_owned();
        let config = Config { data_dir, listen, limits, ..Config::default() };
        let instance = Instance::open(config, clock, random).await?;
        introduce_people(&instance, script, office).await?;
        let (imap, imap_sender) = add_accounts(&instance, office, Reads::Imap).await?;
        let (pop3, pop3_sender) = add_accounts(&instance, office, Reads::Pop3).await?;
        let (found, version) = settings::find(&instance).await?;
        // One address behind which nobody is; no policy below `standard`.
        let approver_domains = vec![script.domain.clone(), "elsewhere.test".to_owned()];
        let proof = crate::domain::decision::policy::Proof::Standard;
        let new = Settings { approver_domains, proof, ..found };
        settings::update(&instance, &new, version).await?;
        Ok(Self { instance, inboxes: vec![imap, pop3], imap_sender, pop3_sender })
    }

    /// The account through which questions go whose answers come back so.
    pub(super) fn sender(&self, through: Reads) -> SmtpAccountId {
        match through {
            Reads::Imap => self.imap_sender,
            Reads::Pop3 => self.pop3_sender,
        }
    }

    /// Lets the polling workers look at once: a demo has no minute to wait.
    pub(super) async fn ring(&self) -> Result<(), CliError> {
        for inbox in &self.inboxes {
            accounts::check_soon(&self.instance, inbox).await?;
        }
        Ok(())
    }
}

/// A port that is free now; whoever takes it in between is bad luck.
fn free_port() -> Result<SocketAddr, CliError> {
    let failed = |source| CliError::File { file: "a free port".to_owned(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    listener.local_addr().map_err(failed)
}

async fn introduce_people(
    instance: &Instance,
    script: &Script,
    office: &Office,
) -> Result<(), CliError> {
    for player in &script.people {
        let address = office.address(&player.mailbox)?;
        let person = Person {
            id: PersonId(uuid::Uuid::nil()),
            name: Some(player.name.clone()),
            locale: Some(player.locale.clone()),
            timezone: None,
            active: true,
            addresses: vec![PersonAddress { address, may_answer: true }],
            version: 1,
        };
        people::add(instance, person).await?;
    }
    Ok(())
}

/// An inbox account and the SMTP account whose mail is answered to it.
async fn add_accounts(
    instance: &Instance,
    office: &Office,
    reads: Reads,
) -> Result<(InboxAccount, SmtpAccountId), CliError> {
    let mailbox = if reads == Reads::Imap { IMAP_INBOX } else { POP3_INBOX };
    let address = office.address(mailbox)?;
    let new = NewCredential {
        name: mailbox.to_owned(),
        username: address.to_string(),
        password: Secret::new(office.password().to_owned()),
    };
    let credential = credentials::add(instance, new).await?.id;
    let inbox = inbox_account(office, mailbox, &address, credential, reads)?;
    let inbox = accounts::add_inbox(instance, inbox).await?;
    // What comes from now on is no history.
    if let Some(error) = polling::take_baseline(instance, inbox.id).await? {
        return Err(CliError::Failed(format!("the first look into `{mailbox}`: {error}")));
    }
    let sender = smtp_account(office, mailbox, &address, credential)?;
    let sender = accounts::add_smtp(instance, sender).await?;
    Ok((inbox, sender.id))
}

/// As the API would take it, so that every default is the default.
fn inbox_account(
    office: &Office,
    name: &str,
    address: &EmailAddress,
    credential: CredentialId,
    reads: Reads,
) -> Result<InboxAccount, CliError> {
    let (protocol, port, security) = match reads {
        Reads::Imap => (Protocol::Imap, office.sandbox.imap_port, Security::ImplicitTls),
        Reads::Pop3 => (Protocol::Pop3, office.sandbox.pop3_port, Security::None),
    };
    let server = office.server(port, security);
    let form: InboxAccountForm = form(serde_json::json!({
        "name": name, "addresses": [address], "protocol": protocol, "host": server.host,
        "port": port, "security": security, "ca_pem": server.ca_pem,
        "credential_id": credential, "schedule": "every 5s",
        "trusted_authserv_ids": [office.sandbox.authserv_id],
    }))?;
    Ok(form.into_account(InboxAccountId(uuid::Uuid::nil()), 1))
}

fn smtp_account(
    office: &Office,
    name: &str,
    address: &EmailAddress,
    credential: CredentialId,
) -> Result<SmtpAccount, CliError> {
    let server = office.server(office.sandbox.smtp_port, Security::None);
    let form: SmtpAccountForm = form(serde_json::json!({
        "name": name, "sender": address, "reply_to": address, "host": server.host,
        "port": server.port, "security": server.security, "credential_id": credential,
    }))?;
    Ok(form.into_account(SmtpAccountId(uuid::Uuid::nil()), 1))
}

fn form<T: serde::de::DeserializeOwned>(fields: serde_json::Value) -> Result<T, CliError> {
    serde_json::from_value(fields)
        .map_err(|error| CliError::Failed(format!("an account of the demo: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_with_what_is_in_it() {
        let directory = TemporaryDirectory::make(&Random::from_system()).unwrap();
        let path = directory.path().to_owned();
        std::fs::write(path.join("file"), "x").unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}

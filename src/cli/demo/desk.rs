//! Somebody at his mail program: reads his mailbox over IMAP or POP3, answers
//! by SMTP, like anyone. He knows nothing of the service but what is in his
//! mail.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::script::{Player, Reads, Script};
use crate::{
    cli::CliError,
    domain::{
        address::EmailAddress,
        mail_server::{MailServer, Security},
        message::parse::{Limits, Message, parse},
    },
    net::{
        dial::{Login, Timeouts},
        imap::Imap,
        pop3::Pop3,
        smtp::{Outcome, Smtp, SmtpTimeouts},
        step::{NetError, StepLog},
    },
    sandbox::{Sandbox, User},
};

/// One secret for all: the mailboxes are as short-lived as the demo.
const PASSWORD: &str = "demo";
const MAIL_OCTETS_MAX: u64 = 1024 * 1024;
/// How often a POP3 program looks; an IMAP program is told.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The mail system everybody shares.
pub(super) struct Office {
    pub sandbox: Sandbox,
    domain: String,
}

impl Office {
    /// With a mailbox for each player and for each of `others`.
    pub(super) async fn open(
        script: &Script,
        others: &[&str],
        clock: crate::clock::Clock,
    ) -> Result<Self, CliError> {
        let names = script.people.iter().map(|player| player.mailbox.as_str());
        let users = names
            .chain(others.iter().copied())
            .map(|name| {
                Ok(User { address: address(name, &script.domain)?, password: PASSWORD.to_owned() })
            })
            .collect::<Result<Vec<_>, CliError>>()?;
        let sandbox = Sandbox::start(&script.domain, &users, clock)
            .await
            .map_err(|error| CliError::Failed(format!("the mail server did not start: {error}")))?;
        Ok(Self { sandbox, domain: script.domain.clone() })
    }

    pub(super) fn address(&self, mailbox: &str) -> Result<EmailAddress, CliError> {
        address(mailbox, &self.domain)
    }

    pub(super) fn password(&self) -> &'static str {
        PASSWORD
    }

    pub(super) fn server(&self, port: u16, security: Security) -> MailServer {
        MailServer {
            host: "localhost".to_owned(),
            port,
            security,
            allow_cleartext_login: false,
            accept_invalid_certs: false,
            ca_pem: (security != Security::None).then(|| self.sandbox.ca_pem.clone()),
            pinned_sha256: None,
        }
    }

    fn login(&self, mailbox: &str) -> Result<Login, CliError> {
        Ok(Login::password(&self.address(mailbox)?.to_string(), PASSWORD))
    }

    /// The `nth` mail (from 1) in the player's mailbox about the request that
    /// says where an answer goes; none if it does not come before `until`.
    pub(super) async fn question(
        &self,
        player: &Player,
        reference: &str,
        nth: usize,
        until: Instant,
    ) -> Result<Option<Message>, CliError> {
        let about = format!("{reference}:");
        let wanted = move |mail: &Message| {
            mail.subject.contains(&about)
                && mail.header_values("Reply-To").next().is_some_and(|to| to.contains('+'))
        };
        let found = match player.reads {
            Reads::Imap => timeout_at(until, self.watch_imap(player, wanted, nth)).await,
            Reads::Pop3 => timeout_at(until, self.watch_pop3(player, wanted, nth)).await,
        };
        found.ok().transpose()
    }

    async fn watch_imap(
        &self,
        player: &Player,
        wanted: impl Fn(&Message) -> bool,
        nth: usize,
    ) -> Result<Message, CliError> {
        let server = self.server(self.sandbox.imap_port, Security::ImplicitTls);
        let login = self.login(&player.mailbox)?;
        let mut log = StepLog::default();
        let mut imap =
            Imap::open(&server, &login, &Timeouts::default(), &mut log).await.map_err(broken)?;
        imap.select("INBOX").await.map_err(broken)?;
        let (mut seen, mut next_uid) = (0, 1);
        loop {
            for listed in imap.list_from(next_uid).await.map_err(broken)? {
                next_uid = listed.uid.saturating_add(1);
                let raw = imap.fetch(listed.uid, MAIL_OCTETS_MAX).await.map_err(broken)?;
                let mail = parse(&raw.unwrap_or_default(), &Limits::default());
                seen += usize::from(wanted(&mail));
                if wanted(&mail) && seen == nth {
                    imap.logout().await;
                    return Ok(mail);
                }
            }
            imap.idle(Duration::from_secs(60)).await.map_err(broken)?;
        }
    }

    async fn watch_pop3(
        &self,
        player: &Player,
        wanted: impl Fn(&Message) -> bool,
        nth: usize,
    ) -> Result<Message, CliError> {
        let server = self.server(self.sandbox.pop3_port, Security::None);
        let login = self.login(&player.mailbox)?;
        loop {
            let mut log = StepLog::default();
            let opened = Pop3::open(&server, &login, &Timeouts::default(), &mut log).await;
            let mut pop3 = opened.map_err(broken)?;
            let mut seen = 0;
            for (number, _) in pop3.list().await.map_err(broken)? {
                let raw = pop3.retr(number, MAIL_OCTETS_MAX).await.map_err(broken)?;
                let mail = parse(&raw, &Limits::default());
                seen += usize::from(wanted(&mail));
                if wanted(&mail) && seen == nth {
                    pop3.quit().await.map_err(broken)?;
                    return Ok(mail);
                }
            }
            pop3.quit().await.map_err(broken)?;
            sleep(LOOK_EVERY).await;
        }
    }

    /// Sends as `from`, logged in or from nowhere.
    pub(super) async fn send(
        &self,
        from: &EmailAddress,
        logged_in: bool,
        to: &EmailAddress,
        raw: &[u8],
    ) -> Result<(), CliError> {
        let server = self.server(self.sandbox.smtp_port, Security::None);
        let login = logged_in.then(|| Login::password(&from.to_string(), PASSWORD));
        let mut log = StepLog::default();
        let timeouts = SmtpTimeouts::default();
        let opened = Smtp::open(&server, login.as_ref(), "laptop", &timeouts, &mut log).await;
        let mut smtp = opened.map_err(broken)?;
        let sent = smtp.send(Some(from), to, raw).await;
        smtp.quit().await;
        match sent.outcome {
            Outcome::Accepted { .. } => Ok(()),
            other => Err(CliError::Failed(format!("an answer was not sent: {other:?}"))),
        }
    }
}

fn address(mailbox: &str, domain: &str) -> Result<EmailAddress, CliError> {
    EmailAddress::parse(&format!("{mailbox}@{domain}"))
        .map_err(|problem| CliError::Failed(format!("`{mailbox}@{domain}`: {problem}")))
}

fn broken(error: NetError) -> CliError {
    CliError::Failed(format!("somebody's mail program failed: {error}"))
}

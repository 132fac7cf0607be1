//! One account's connection, and the tries made over it.

use std::time::Duration;

use chrono::TimeDelta;
use serde::Serialize;

use crate::{
    actions::{ActionError, Instance, credentials, settle_delivery::settle_delivery, tell},
    domain::{
        address::EmailAddress,
        ids::SmtpAccountId,
        outbox::outcome::{SendResult, Step as OutboxStep},
        smtp_account::SmtpAccount,
    },
    net::{
        smtp::{Outcome, Sent, Smtp, SmtpTimeouts},
        step::{Failure, NetError, Step, StepLog, StepName},
    },
    store::{
        outbox::{self, Claimed},
        smtp_accounts,
    },
};

/// Sends through one account; keeps the connection as long as it holds.
pub(super) struct Sender {
    account: Option<SmtpAccount>,
    connection: Option<Smtp>,
    /// A refused login or a dead host is not tried again for each message of
    /// the group: what it said holds for the rest.
    unreachable: Option<SendResult>,
}

impl Sender {
    pub(super) async fn find(instance: &Instance, id: SmtpAccountId) -> Result<Self, ActionError> {
        let mut tx = instance.store.read().await?;
        let account = smtp_accounts::find(&mut tx, id).await?;
        Ok(Self { account, connection: None, unreachable: None })
    }

    pub(super) async fn deliver(
        &mut self,
        instance: &Instance,
        message: &Claimed,
    ) -> Result<(), ActionError> {
        let result = match &self.unreachable {
            Some(known) => known.clone(),
            None => self.send(instance, message).await?,
        };
        let account = self.account.as_ref().map(|account| account.id);
        let after = settle_delivery(instance, message, account, &result).await?;
        if after.is_some_and(|after| after.reconnect) {
            self.connection = None;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        instance: &Instance,
        message: &Claimed,
    ) -> Result<SendResult, ActionError> {
        let Some(account) = &self.account else {
            return Ok(SendResult::Unreachable {
                step: OutboxStep::Connect,
                text: "there is no SMTP account to send through".to_owned(),
            });
        };
        let mut log = StepLog::default();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match open(instance, account, &mut log).await? {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(account = %account.name, outbox = %message.id, "SMTP account `{}`: {error}", account.name);
                    let result = unreachable(&error);
                    self.unreachable = Some(result.clone());
                    return Ok(result);
                }
            },
        };
        let sent =
            connection.send(message.mail_from.as_ref(), &message.recipient, &message.raw).await;
        self.connection = Some(connection);
        Ok(send_result(sent))
    }

    pub(super) async fn close(self) {
        /// A server that does not answer QUIT holds nobody up.
        const FAREWELL: Duration = Duration::from_secs(5);
        if let Some(connection) = self.connection {
            let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        }
    }
}

async fn open(
    instance: &Instance,
    account: &SmtpAccount,
    log: &mut StepLog,
) -> Result<Result<Smtp, NetError>, ActionError> {
    let login = match account.credential_id.filter(|_| account.authenticate) {
        Some(id) => Some(credentials::login(instance, id).await?),
        None => None,
    };
    let limits = &instance.config.limits;
    let timeouts = SmtpTimeouts {
        connect: Duration::from_secs(limits.connect_seconds),
        tls: Duration::from_secs(limits.tls_seconds),
        ..SmtpTimeouts::default()
    };
    Ok(Smtp::open(&account.server, login.as_ref(), &instance.config.helo_name, &timeouts, log)
        .await)
}

fn send_result(sent: Sent) -> SendResult {
    match sent.outcome {
        Outcome::Accepted { code, text } => SendResult::Accepted { code, text },
        Outcome::Refused { step, code, enhanced, text } => {
            SendResult::Refused { step: outbox_step(step), code, enhanced, text }
        }
        Outcome::NoReplyAfterData => SendResult::NoReplyAfterData { text: String::new() },
        Outcome::Broken(error) => unreachable(&error),
    }
}

/// What the session's end means for the mail. Where the server said no before
/// there was a mail, its code counts: a refused login pauses the account,
/// because only a person can mend it; everything else is tried again.
fn unreachable(error: &NetError) -> SendResult {
    let (step, text) = (outbox_step(error.step), error.to_string());
    let code = match error.kind {
        // RFC 4954 §6: authentication credentials invalid.
        Failure::LoginRefused => Some(code_of(&error.words).unwrap_or(535)),
        Failure::ServerBusy { .. } | Failure::Rejected | Failure::LoginTemporarilyRefused => {
            code_of(&error.words)
        }
        _ => None,
    };
    match code {
        Some(code) => SendResult::Refused { step, code, enhanced: None, text },
        None => SendResult::Unreachable { step, text },
    }
}

/// The code a server's refusal begins with (RFC 5321 §4.2).
fn code_of(words: &str) -> Option<u16> {
    let code = words.get(..3)?.parse().ok()?;
    (400..600).contains(&code).then_some(code)
}

fn outbox_step(step: StepName) -> OutboxStep {
    match step {
        StepName::Dns => OutboxStep::Dns,
        StepName::Connector => OutboxStep::Connector,
        StepName::Tls => OutboxStep::Tls,
        StepName::Greeting => OutboxStep::Greeting,
        StepName::Auth => OutboxStep::Auth,
        StepName::Mail => OutboxStep::Mail,
        StepName::Rcpt => OutboxStep::Rcpt,
        StepName::Data => OutboxStep::Data,
        _ => OutboxStep::Connect,
    }
}

/// A test is made in one go and its claim not renewed: longer than it may take
/// (RFC 5321 §4.5.3.2 adds up to less). A crash delays a test mail, no other.
const TEST_LEASE: TimeDelta = TimeDelta::minutes(30);

/// What a test of an account showed.
#[derive(Debug, Clone, Serialize)]
pub struct TestReport {
    pub ok: bool,
    /// What it comes to, in one sentence.
    pub sentence: String,
    pub steps: Vec<Step>,
}

/// Sends one mail through an account now: an outbox row like any other,
/// delivered in the call.
pub async fn test_account(
    instance: &Instance,
    account: &SmtpAccount,
    to: &EmailAddress,
    subject: Option<&str>,
    body: Option<&str>,
) -> Result<TestReport, ActionError> {
    let id = tell::test_mail(instance, account, to, subject, body).await?;
    let claimed = {
        let mut tx = instance.store.begin().await?;
        let now = tx.now().await?;
        let claimed = outbox::claim(&mut tx, id, instance.node, now, now + TEST_LEASE).await?;
        tx.commit().await?;
        claimed.ok_or_else(|| {
            ActionError::Conflict("somebody else is sending this mail already".to_owned())
        })?
    };
    let mut log = StepLog::default();
    let (result, sentence) = match open(instance, account, &mut log).await? {
        Err(error) => (unreachable(&error), format!("SMTP account `{}`: {error}", account.name)),
        Ok(mut connection) => {
            let (from, to) = (claimed.mail_from.as_ref(), &claimed.recipient);
            let sent = connection.send_logged(from, to, &claimed.raw, &mut log).await;
            let step = sent.step;
            let result = send_result(sent);
            connection.quit().await;
            let words = words_of(&result);
            let sentence = match &result {
                SendResult::Accepted { .. } => {
                    format!(
                        "SMTP account `{}` works: the server took the mail to {to}",
                        account.name
                    )
                }
                _ => format!(
                    "SMTP account `{}` did not send at step `{step}`: {words}",
                    account.name
                ),
            };
            (result, sentence)
        }
    };
    settle_delivery(instance, &claimed, None, &result).await?;
    let ok = matches!(result, SendResult::Accepted { .. });
    Ok(TestReport { ok, sentence, steps: log.into_steps() })
}

fn words_of(result: &SendResult) -> String {
    match result {
        SendResult::Accepted { code, text } => format!("{code} {text}"),
        SendResult::Refused { code, text, .. } if !text.starts_with(&code.to_string()) => {
            format!("{code} {text}")
        }
        SendResult::Refused { text, .. }
        | SendResult::NoReplyAfterData { text }
        | SendResult::Unreachable { text, .. } => text.clone(),
    }
}

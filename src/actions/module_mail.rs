//! Any module may send a mail through the outbox: one message for each
//! recipient, so that nobody sees the others.

use serde_json::json;

use super::{ActionError, Instance, Story, tell::fresh_message_id};
use crate::{
    domain::{
        access_request::submission::FieldProblem,
        address::EmailAddress,
        ids::{OutboxMessageId, SmtpAccountId},
        ledger::Kind as LedgerKind,
        notification::{self, Envelope, Language, Notification, TYPED_CHARS_MAX, TYPED_LINES_MAX},
        outbox::{Kind, NewOutboxMessage},
        smtp_account::SmtpAccount,
    },
    store::{Tx, outbox, settings, smtp_accounts},
};

/// More recipients need another call.
pub const RECIPIENTS_MAX: usize = 100;
pub const SUBJECT_CHARS_MAX: usize = 200;

/// What a module hands in.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModuleMail {
    /// Each gets a message of his own.
    #[schema(min_items = 1, max_items = 100)]
    pub to: Vec<EmailAddress>,
    #[schema(min_length = 1, max_length = 200)]
    pub subject: String,
    /// Plain text, at most 40 lines.
    #[schema(min_length = 1, max_length = 2000)]
    pub body: String,
    /// Where answers go; the account's own wins where it has `force_settings`.
    #[serde(default)]
    pub reply_to: Option<EmailAddress>,
    /// None: the default account.
    #[serde(default)]
    pub smtp_account_id: Option<SmtpAccountId>,
    /// After this it is of no use and is not sent.
    #[serde(default)]
    pub not_after: Option<chrono::DateTime<chrono::Utc>>,
}

/// Owes a mail to each recipient, all in one transaction.
pub async fn send(
    instance: &Instance,
    mail: ModuleMail,
) -> Result<Vec<OutboxMessageId>, ActionError> {
    let problems = problems(instance, &mail);
    if !problems.is_empty() {
        return Err(ActionError::Invalid(problems));
    }
    let mut tx = instance.store.begin().await?;
    let mut story = Story::default();
    let account = account(&mut tx, &mail).await?;
    let mut ids = Vec::with_capacity(mail.to.len());
    for recipient in &mail.to {
        ids.push(enqueue(instance, &mut tx, &mut story, &account, &mail, recipient).await?);
    }
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(ids)
}

fn problems(instance: &Instance, mail: &ModuleMail) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    let mut wrong = |field: String, problem: String| {
        problems.push(FieldProblem::new(field, problem));
    };
    if mail.to.is_empty() || mail.to.len() > RECIPIENTS_MAX {
        wrong("/to".into(), format!("must hold from 1 to {RECIPIENTS_MAX} addresses"));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (n, address) in mail.to.iter().enumerate() {
        if !seen.insert(address.key()) {
            wrong(format!("/to/{n}"), "stands twice in the list".to_owned());
        }
    }
    let subject_fits = !mail.subject.trim().is_empty()
        && mail.subject.chars().count() <= SUBJECT_CHARS_MAX
        && !mail.subject.chars().any(char::is_control);
    if !subject_fits {
        let problem = format!("must be 1 to {SUBJECT_CHARS_MAX} characters on one line");
        wrong("/subject".into(), problem);
    }
    let body_fits = !mail.body.trim().is_empty()
        && mail.body.chars().count() <= TYPED_CHARS_MAX
        && mail.body.lines().count() <= TYPED_LINES_MAX;
    if !body_fits {
        let problem =
            format!("must be 1 to {TYPED_CHARS_MAX} characters on at most {TYPED_LINES_MAX} lines");
        wrong("/body".into(), problem);
    }
    if mail.not_after.is_some_and(|end| end <= instance.clock.now()) {
        wrong("/not_after".into(), "must lie in the future".to_owned());
    }
    problems
}

async fn account(tx: &mut Tx, mail: &ModuleMail) -> Result<SmtpAccount, ActionError> {
    let found = match mail.smtp_account_id {
        Some(id) => smtp_accounts::find(tx, id)
            .await?
            .ok_or_else(|| ActionError::invalid("/smtp_account_id", "names no SMTP account"))?,
        None => smtp_accounts::find_default(tx).await?.ok_or_else(|| {
            ActionError::Conflict(
                "there is no default SMTP account to send this through".to_owned(),
            )
        })?,
    };
    if !found.enabled {
        let problem = format!("names `{}`, which is disabled", found.name);
        return Err(ActionError::invalid("/smtp_account_id", problem));
    }
    Ok(found)
}

async fn enqueue(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    account: &SmtpAccount,
    mail: &ModuleMail,
    recipient: &EmailAddress,
) -> Result<OutboxMessageId, ActionError> {
    let now = instance.clock.now();
    let (settings, _) = settings::find(tx).await?;
    let message_id = fresh_message_id(instance, account);
    let given = mail.reply_to.clone();
    let reply_to = if account.force_settings {
        account.reply_to.clone().or(given)
    } else {
        given.or_else(|| account.reply_to.clone())
    };
    let envelope = Envelope {
        from: &account.sender,
        from_name: &settings.name,
        to: recipient,
        reply_to,
        message_id: message_id.clone(),
        date: now,
        in_reply_to: None,
        references: Vec::new(),
        instance: instance.id,
        confirmation_to: account.confirmation_to.as_ref().filter(|_| account.request_read_receipt),
        footer: account.footer_enabled,
    };
    // Typed words, like an admin's: nothing of ours stands around them.
    let typed = Notification::Test {
        account: &account.name,
        subject: Some(&mail.subject),
        body: Some(&mail.body),
    };
    let zone = settings.timezone.parse().unwrap_or(chrono_tz::Tz::UTC);
    let composed =
        notification::compose(&envelope, &typed, Language::of_locale(&settings.locale), zone);
    let message = NewOutboxMessage {
        id: instance.random.id(now),
        kind: Kind::Module,
        smtp_account_id: Some(account.id),
        access_request_id: None,
        approver_id: None,
        recipient: recipient.clone(),
        mail_from: Some(account.return_path.clone().unwrap_or_else(|| account.sender.clone())),
        subject: composed.subject,
        message_id,
        raw: composed.raw,
        text: composed.text,
        due_at: now,
        not_after: mail.not_after,
        enqueued_at: now,
    };
    outbox::add(tx, &message).await?;
    let facts = json!({"outbox_message": message.id, "mail": message.kind});
    let private = Some(json!({"recipient": recipient}));
    story.tell(instance, LedgerKind::NotificationEnqueued, None, facts, private);
    Ok(message.id)
}

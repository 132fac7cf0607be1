//! Writes the mails that are owed into the outbox, in the transaction of
//! their cause, each with its Message-ID and, where it can be answered, its
//! token.

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use serde_json::json;

use super::{ActionError, Instance, Story};
use crate::{
    domain::{
        access_request::{AccessRequest, Approver, ApproverState, Status},
        address::EmailAddress,
        decision::policy::Policy,
        ids::{ApproverId, OutboxMessageId, PersonId},
        ledger::Kind as LedgerKind,
        notification::{
            self, Ask, Channel as AnswerChannel, CountedVote, Ending, Envelope, Language,
            Notification, Receipt, Unreadable,
        },
        outbox::{Kind, NewOutboxMessage},
        settings::Settings,
        smtp_account::{ReplyRoad, SmtpAccount},
        token::{self, Channel, Claims, Purpose},
    },
    store::{
        Page, Tx,
        decisions::{self, Decision, DecisionFilter},
        inbox_accounts, outbox, people, requests, settings, smtp_accounts,
        tokens::{self, TokenRow},
    },
};

/// An approver is asked for plainer words at most this often per request, so
/// that two machines cannot talk to each other for ever.
pub const CLARIFICATIONS_MAX: i64 = 3;

/// Through which account mail about a request goes.
struct Road {
    settings: Settings,
    account: SmtpAccount,
}

impl Road {
    /// None where no account is left: the cause of the mail must not fail for it.
    async fn find(tx: &mut Tx, request: &AccessRequest) -> Result<Option<Self>, ActionError> {
        let (settings, _) = settings::find(tx).await?;
        let chosen = match request.smtp_account_id {
            Some(id) => smtp_accounts::find(tx, id).await?,
            None => None,
        };
        let account = match chosen {
            Some(account) => Some(account),
            None => smtp_accounts::find_default(tx).await?,
        };
        if account.is_none() {
            tracing::error!(request = %request.id, "no SMTP account is left to send a notification through");
        }
        Ok(account.map(|account| Self { settings, account }))
    }

    async fn zone(&self, tx: &mut Tx, person: PersonId) -> Result<Tz, ActionError> {
        let own = people::find(tx, person).await?.and_then(|person| person.timezone);
        let zone = own.as_deref().unwrap_or(&self.settings.timezone);
        Ok(zone.parse().unwrap_or(Tz::UTC))
    }
}

/// Asks everybody at a level.
pub(super) async fn ask_level(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    level: i64,
) -> Result<(), ActionError> {
    for approver in request.at_level(level) {
        requests::set_approver_state(tx, approver.id, ApproverState::Notified).await?;
        ask(instance, tx, story, request, approver, &Asking::First).await?;
    }
    Ok(())
}

/// Asks somebody who came to the list later.
pub(super) async fn ask_one(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    approver: &Approver,
) -> Result<(), ActionError> {
    ask(instance, tx, story, request, approver, &Asking::First).await
}

/// Reminds one approver; the mail can be answered like the first.
pub(super) async fn remind(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    approver: &Approver,
) -> Result<(), ActionError> {
    ask(instance, tx, story, request, approver, &Asking::Reminder).await
}

/// Asks a proven approver for plainer words; at most three times.
pub(super) async fn clarification(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    approver: &Approver,
    asking: &Asking<'_>,
) -> Result<(), ActionError> {
    let so_far = outbox::count_kind(tx, request.id, approver.id, Kind::Clarification).await?;
    if so_far >= CLARIFICATIONS_MAX {
        tracing::info!(request = %request.id, "no further clarification is sent");
        return Ok(());
    }
    ask(instance, tx, story, request, approver, asking).await
}

/// Which of the mails that can be answered.
pub(super) enum Asking<'a> {
    First,
    Reminder,
    Clarification { unreadable: Unreadable, in_reply_to: Option<&'a str> },
}

impl Asking<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::First => Kind::ApprovalRequest,
            Self::Reminder => Kind::Reminder,
            Self::Clarification { .. } => Kind::Clarification,
        }
    }
}

async fn ask(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    approver: &Approver,
    asking: &Asking<'_>,
) -> Result<(), ActionError> {
    let Some(road) = Road::find(tx, request).await? else { return Ok(()) };
    let inboxes = inbox_accounts::list(tx).await?;
    let reply_road = match ReplyRoad::of(&road.account, &inboxes) {
        Ok(found) => Some(found),
        Err(problem) => {
            tracing::error!(request = %request.id, "answers cannot come back: {problem}");
            None
        }
    };
    let policy = effective_policy(request, &road.settings, reply_road.as_ref(), &inboxes);
    let claims = claims(instance, request, approver.id);
    let (token, key_id) = token::mint(&claims, &instance.token_keys);
    let text = token.text();
    let reply_to = reply_road.as_ref().and_then(|found| match &found.separator {
        Some(separator) => found.base.with_detail(separator, &text),
        None => Some(found.base.clone()),
    });
    let ask = Ask {
        request,
        approver,
        token: &text,
        by_mail: policy.by_mail,
        link: None,
        by_address: None,
    };
    let (notification, in_reply_to) = match asking {
        Asking::First => (Notification::ApprovalRequest(ask), None),
        Asking::Reminder => (Notification::Reminder(ask), None),
        Asking::Clarification { unreadable, in_reply_to } => {
            (Notification::Clarification { ask, unreadable: *unreadable }, *in_reply_to)
        }
    };
    let host = road.account.sender.domain().to_owned();
    let message_id = token::message_id_for(&token, &host);
    let mail = Mail {
        kind: asking.kind(),
        to: &approver.address,
        approver: Some(approver.id),
        language: Language::of_locale(&approver.locale),
        zone: road.zone(tx, approver.person).await?,
        reply_to: reply_to.or_else(|| road.account.reply_to.clone()),
        message_id: message_id.trim_matches(['<', '>']).to_owned(),
        in_reply_to: in_reply_to.map(str::to_owned),
        not_after: Some(request.expires_at),
    };
    let id = enqueue(instance, tx, story, (request, &road), mail, &notification).await?;
    let row = TokenRow {
        lookup_hash: token.lookup_hash(),
        purpose: claims.purpose.code().to_owned(),
        access_request_id: Some(request.id),
        approver_id: Some(approver.id),
        outbox_message_id: Some(id),
        channel: claims.channel.code().to_owned(),
        key_id: key_id.to_owned(),
        epoch: claims.epoch,
        expires_at: claims.expires_at,
        proof: policy.proof,
        by_mail: policy.by_mail,
        consumed_at: None,
    };
    Ok(tokens::add(tx, &row).await?)
}

fn claims(instance: &Instance, request: &AccessRequest, approver: ApproverId) -> Claims {
    Claims {
        purpose: Purpose::Reply,
        instance: instance.id,
        epoch: instance.epoch,
        request: request.id,
        approver,
        channel: Channel::Email,
        expires_at: request.expires_at.trunc_subsecs(0),
        lookup: instance.random.bytes(),
    }
}

/// The stricter of the instance's floor, the resource's, the request's own,
/// and that of the account answers come back to.
fn effective_policy(
    request: &AccessRequest,
    settings: &Settings,
    road: Option<&ReplyRoad>,
    inboxes: &[crate::domain::inbox_account::InboxAccount],
) -> Policy {
    let floor = settings.floor_for(&request.resource);
    let asked = Policy {
        proof: request.proof.unwrap_or(floor.proof),
        by_mail: request.by_mail.unwrap_or(floor.by_mail),
    };
    let inbox = road.and_then(|road| inboxes.iter().find(|inbox| inbox.id == road.inbox));
    inbox.map_or(floor.stricter(asked), |inbox| floor.stricter(asked).stricter(inbox.policy()))
}

/// Tells the requester how it ended.
pub(super) async fn outcome(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
) -> Result<(), ActionError> {
    let ending = match request.status {
        Status::Pending => return Ok(()),
        Status::Approved => Ending::Approved,
        Status::Denied => Ending::Denied,
        Status::Expired => Ending::Expired,
        Status::Cancelled => Ending::Cancelled,
        Status::Conflict => Ending::Conflict,
    };
    let Some(road) = Road::find(tx, request).await? else { return Ok(()) };
    let told = votes(tx, request).await?;
    let votes: Vec<CountedVote<'_>> = told.iter().map(Told::as_vote).collect();
    let ended_at = request.closed_at.unwrap_or_else(|| instance.clock.now());
    let notification = Notification::Outcome { request, ending, ended_at, votes: &votes };
    let mail = to_requester(instance, tx, &road, request, Kind::Outcome).await?;
    enqueue(instance, tx, story, (request, &road), mail, &notification).await?;
    Ok(())
}

/// Tells the requester that a level was passed; `request` stands at the next.
pub(super) async fn level_reached(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    passed: i64,
) -> Result<(), ActionError> {
    let Some(road) = Road::find(tx, request).await? else { return Ok(()) };
    let told = votes(tx, request).await?;
    let votes: Vec<CountedVote<'_>> = told.iter().map(Told::as_vote).collect();
    let notification =
        Notification::LevelReached { request, passed, next: request.level, votes: &votes };
    let mail = to_requester(instance, tx, &road, request, Kind::LevelReached).await?;
    enqueue(instance, tx, story, (request, &road), mail, &notification).await?;
    Ok(())
}

/// Tells the approver what was recorded in his name, so that nobody can use
/// it behind his back.
pub(super) async fn receipt(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    request: &AccessRequest,
    approver: &Approver,
    (decision, replaces_earlier): (&Decision, bool),
) -> Result<(), ActionError> {
    let Some(road) = Road::find(tx, request).await? else { return Ok(()) };
    if !road.settings.receipts {
        return Ok(());
    }
    let channel = match decision.channel.as_str() {
        "web" => AnswerChannel::Web,
        "api" => AnswerChannel::Api,
        _ => AnswerChannel::Email { from: &approver.address, message_id: None },
    };
    let notification = Notification::Receipt(Receipt {
        request,
        vote: decision.answer,
        recorded_at: decision.decided_at,
        channel,
        comment: decision.comment.as_deref(),
        replaces_earlier,
    });
    let mail = Mail {
        kind: Kind::Receipt,
        to: &approver.address,
        approver: Some(approver.id),
        language: Language::of_locale(&approver.locale),
        zone: road.zone(tx, approver.person).await?,
        reply_to: None,
        message_id: fresh_message_id(instance, &road.account),
        in_reply_to: None,
        not_after: None,
    };
    enqueue(instance, tx, story, (request, &road), mail, &notification).await?;
    Ok(())
}

/// A counted vote with its words, owned.
struct Told {
    level: i64,
    who: String,
    decision: Decision,
}

impl Told {
    fn as_vote(&self) -> CountedVote<'_> {
        CountedVote {
            level: self.level,
            who: &self.who,
            vote: self.decision.answer,
            at: self.decision.decided_at,
            comment: self.decision.comment.as_deref(),
        }
    }
}

async fn votes(tx: &mut Tx, request: &AccessRequest) -> Result<Vec<Told>, ActionError> {
    let filter = DecisionFilter { request: Some(request.id), ..DecisionFilter::default() };
    let listed = decisions::list(tx, &filter, &Page::first(1000)).await?;
    let mut told: Vec<Told> = listed
        .items
        .into_iter()
        .map(|listed| listed.decision)
        .filter(|decision| decision.superseded_by.is_none())
        .map(|decision| {
            let approver = request.approver(decision.approver_id);
            Told {
                level: approver.map_or(0, |approver| approver.level),
                who: approver
                    .map(|a| a.name.clone().unwrap_or_else(|| a.address.to_string()))
                    .unwrap_or_default(),
                decision,
            }
        })
        .collect();
    told.reverse();
    Ok(told)
}

/// What every mail needs besides its words.
struct Mail<'a> {
    kind: Kind,
    to: &'a EmailAddress,
    approver: Option<ApproverId>,
    language: Language,
    zone: Tz,
    reply_to: Option<EmailAddress>,
    message_id: String,
    in_reply_to: Option<String>,
    not_after: Option<DateTime<Utc>>,
}

async fn to_requester<'a>(
    instance: &Instance,
    tx: &mut Tx,
    road: &Road,
    request: &'a AccessRequest,
    kind: Kind,
) -> Result<Mail<'a>, ActionError> {
    let person = people::find(tx, request.requester.person).await?;
    let locale =
        person.and_then(|person| person.locale).unwrap_or_else(|| road.settings.locale.clone());
    Ok(Mail {
        kind,
        to: &request.requester.email,
        approver: None,
        language: Language::of_locale(&locale),
        zone: road.zone(tx, request.requester.person).await?,
        reply_to: None,
        message_id: fresh_message_id(instance, &road.account),
        in_reply_to: None,
        not_after: None,
    })
}

/// For mails that carry no token.
pub(super) fn fresh_message_id(instance: &Instance, account: &SmtpAccount) -> String {
    let unique = data_encoding::HEXLOWER.encode(&instance.random.bytes::<16>());
    format!("countersign.{unique}@{}", account.sender.domain())
}

async fn enqueue(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    (request, road): (&AccessRequest, &Road),
    mail: Mail<'_>,
    notification: &Notification<'_>,
) -> Result<OutboxMessageId, ActionError> {
    let now = instance.clock.now();
    let account = &road.account;
    let envelope = Envelope {
        from: &account.sender,
        from_name: &road.settings.name,
        to: mail.to,
        reply_to: mail.reply_to,
        message_id: mail.message_id.clone(),
        date: now,
        references: mail.in_reply_to.iter().cloned().collect(),
        in_reply_to: mail.in_reply_to,
        instance: instance.id,
        confirmation_to: account.confirmation_to.as_ref().filter(|_| account.request_read_receipt),
        footer: account.footer_enabled,
    };
    let composed = notification::compose(&envelope, notification, mail.language, mail.zone);
    let message = NewOutboxMessage {
        id: instance.random.id(now),
        kind: mail.kind,
        smtp_account_id: Some(account.id),
        access_request_id: Some(request.id),
        approver_id: mail.approver,
        recipient: mail.to.clone(),
        mail_from: Some(account.return_path.clone().unwrap_or_else(|| account.sender.clone())),
        subject: composed.subject,
        message_id: mail.message_id,
        raw: composed.raw,
        text: composed.text,
        due_at: now,
        not_after: mail.not_after,
        enqueued_at: now,
    };
    outbox::add(tx, &message).await?;
    let facts = json!({"outbox_message": message.id, "mail": message.kind, "approver": message.approver_id});
    let private = json!({"recipient": message.recipient});
    story.tell(instance, LedgerKind::NotificationEnqueued, Some(request.id), facts, Some(private));
    Ok(message.id)
}

/// A test an admin sends through an account; it goes out like any mail.
pub async fn test_mail(
    instance: &Instance,
    account: &SmtpAccount,
    to: &EmailAddress,
    subject: Option<&str>,
    body: Option<&str>,
) -> Result<OutboxMessageId, ActionError> {
    /// The caller sends it himself; a worker takes it only if he fails to.
    const NOT_FOR_WORKERS: chrono::TimeDelta = chrono::TimeDelta::minutes(10);
    let now = instance.clock.now();
    let mut tx = instance.store.begin().await?;
    let (settings, _) = settings::find(&mut tx).await?;
    let message_id = fresh_message_id(instance, account);
    let envelope = Envelope {
        from: &account.sender,
        from_name: &settings.name,
        to,
        reply_to: account.reply_to.clone(),
        message_id: message_id.clone(),
        date: now,
        in_reply_to: None,
        references: Vec::new(),
        instance: instance.id,
        confirmation_to: None,
        footer: account.footer_enabled,
    };
    let notification = Notification::Test { account: &account.name, subject, body };
    let zone = settings.timezone.parse().unwrap_or(Tz::UTC);
    let composed = notification::compose(
        &envelope,
        &notification,
        Language::of_locale(&settings.locale),
        zone,
    );
    let message = NewOutboxMessage {
        id: instance.random.id(now),
        kind: Kind::Test,
        smtp_account_id: Some(account.id),
        access_request_id: None,
        approver_id: None,
        recipient: to.clone(),
        mail_from: Some(account.return_path.clone().unwrap_or_else(|| account.sender.clone())),
        subject: composed.subject,
        message_id,
        raw: composed.raw,
        text: composed.text,
        due_at: now + NOT_FOR_WORKERS,
        not_after: None,
        enqueued_at: now,
    };
    outbox::add(&mut tx, &message).await?;
    let mut story = Story::default();
    let facts = json!({"outbox_message": message.id, "mail": message.kind});
    story.tell(
        instance,
        LedgerKind::NotificationEnqueued,
        None,
        facts,
        Some(json!({"recipient": to})),
    );
    story.commit(tx).await?;
    Ok(message.id)
}

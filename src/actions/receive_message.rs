//! A mail was fetched: it is kept, judged, and what follows from it is
//! written, all in the caller's transaction. Only when that is committed may
//! the copy on the server be touched.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    ActionError, Instance, Story,
    judge::{self, Concluded, Loaded, Opened, Panicked, Surroundings},
    record_vote::{Counted, record_vote},
    tell::{self, Asking},
};
use crate::{
    domain::{
        access_request::ApproverState,
        decision::{Disposition, Effect, Reason},
        ids::InboundMessageId,
        inbox_account::InboxAccount,
        ledger::Kind,
        message::{parse::ReturnPath, report::ReportKind},
        notification::Unreadable,
        outbox::State,
        reply::wording::{Answer, Why},
        token::mask_all,
    },
    store::{
        Tx,
        inbound_messages::{self, Judgement, NewInbound},
        outbox, requests, tokens,
    },
    telemetry,
};

/// A mail as it came from the server.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// The whole message, or its headers where it was too large to fetch.
    pub raw: Vec<u8>,
    pub is_whole: bool,
    /// As the server announced it.
    pub size_bytes: i64,
    /// IMAP's INTERNALDATE.
    pub internal_date: Option<DateTime<Utc>>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Received {
    pub id: InboundMessageId,
    pub disposition: Disposition,
    pub reason: Reason,
    pub sha256: [u8; 32],
}

pub fn sha256(raw: &[u8]) -> [u8; 32] {
    Sha256::digest(raw).into()
}

/// Why a mail could not be received; the caller counts the tries.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    #[error(transparent)]
    Panicked(#[from] Panicked),
    #[error(transparent)]
    Action(#[from] ActionError),
}

impl From<crate::store::StoreError> for ReceiveError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Action(error.into())
    }
}

/// Takes one mail apart, keeps it and judges it.
pub async fn receive(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    account: &InboxAccount,
    around: &Surroundings,
    arrived: Arrived,
) -> Result<Received, ReceiveError> {
    let opened = judge::open(instance, &arrived.raw, around)?;
    receive_opened(instance, tx, story, account, (opened, arrived)).await
}

/// The same for a mail that was taken apart before the transaction began, so
/// that a large one holds up nobody else's.
pub async fn receive_opened(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    account: &InboxAccount,
    (opened, arrived): (Opened, Arrived),
) -> Result<Received, ReceiveError> {
    let hash = sha256(&arrived.raw);
    let now = tx.now().await?;
    let arrived_at = arrived.internal_date;
    let first_seen_at = match arrived_at {
        Some(date) if account.trust_internaldate => date.min(now),
        _ => now,
    };
    let id = instance.random.id(now);
    let (judgement, concluded, loaded) = if arrived.is_whole {
        let loaded = judge::load(instance, tx, &opened, &hash, None).await?;
        let concluded = judge::conclude(&opened, &loaded, account, first_seen_at)?;
        (judgement(&opened, &loaded, &concluded, now), Some(concluded), Some(loaded))
    } else {
        (unjudged(Reason::TooLarge, "", now), None, None)
    };
    let inbound =
        new_inbound(id, account, &opened, arrived, (hash, first_seen_at), judgement.clone());
    inbound_messages::add(tx, &inbound).await?;
    tell_judged(instance, story, &inbound, &judgement);
    if let (Some(concluded), Some(loaded)) = (&concluded, &loaded) {
        let judged = Judged { id, opened: &opened, loaded, concluded, now };
        apply(instance, tx, story, &judged).await?;
        if let (Disposition::Decided, Some(arrived)) = (judgement.disposition, arrived_at) {
            let seconds = (now - arrived).num_milliseconds().max(0) as f64 / 1000.0;
            telemetry::reply_to_decision(seconds);
        }
    }
    Ok(Received { id, disposition: judgement.disposition, reason: judgement.reason, sha256: hash })
}

/// Keeps a mail that could not be judged after several tries: it decides
/// nothing and blocks nobody.
pub async fn quarantine(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    account: &InboxAccount,
    arrived: Arrived,
    trouble: &str,
) -> Result<Received, ReceiveError> {
    let hash = sha256(&arrived.raw);
    let now = tx.now().await?;
    let id = instance.random.id(now);
    let judgement = unjudged(Reason::FailedThreeTimes, trouble, now);
    let inbound = NewInbound {
        id,
        account_id: account.id,
        first_seen_at: now,
        internal_date: arrived.internal_date,
        from_address: None,
        from_header: None,
        to_header: None,
        return_path: None,
        subject: None,
        message_id: None,
        size_bytes: arrived.size_bytes,
        sha256: hash,
        raw: arrived.raw,
        is_whole: arrived.is_whole,
        judgement: judgement.clone(),
    };
    inbound_messages::add(tx, &inbound).await?;
    tell_judged(instance, story, &inbound, &judgement);
    Ok(Received { id, disposition: judgement.disposition, reason: judgement.reason, sha256: hash })
}

/// Judges a kept mail once more: a deferred one whose time has come, or one an
/// admin asks for. No check is skipped; what was decided stays decided.
pub async fn judge_again(
    instance: &Instance,
    account: &InboxAccount,
    id: InboundMessageId,
) -> Result<Received, ReceiveError> {
    let mut tx = instance.store.begin().await?;
    let kept = inbound_messages::find(&mut tx, id)
        .await?
        .ok_or_else(|| ActionError::not_found("inbound message", id))?;
    if kept.judgement.disposition == Disposition::Decided {
        return Err(
            ActionError::Conflict("this message has been decided on already".to_owned()).into()
        );
    }
    if !kept.is_whole {
        return Err(ActionError::Conflict(
            "only the headers of this message were fetched".to_owned(),
        )
        .into());
    }
    let raw = inbound_messages::raw(&mut tx, id).await?.ok_or_else(|| {
        ActionError::Conflict("the bytes of this message have been erased".to_owned())
    })?;
    let around = Surroundings::load(&mut tx).await?;
    let now = tx.now().await?;
    let opened = judge::open(instance, &raw, &around)?;
    let loaded = judge::load(instance, &mut tx, &opened, &kept.sha256, Some(id)).await?;
    let concluded = judge::conclude(&opened, &loaded, account, kept.first_seen_at)?;
    let judgement = judgement(&opened, &loaded, &concluded, now);
    inbound_messages::judge(&mut tx, id, &judgement).await?;
    let mut story = Story::default();
    let facts = judged_facts(id, account.id, &kept.sha256, &judgement);
    story.tell(instance, Kind::MessageJudged, judgement.access_request_id, facts, None);
    telemetry::message(judgement.disposition.as_str());
    let judged = Judged { id, opened: &opened, loaded: &loaded, concluded: &concluded, now };
    apply(instance, &mut tx, &mut story, &judged).await?;
    story.commit(tx).await?;
    instance.wake.delivery.notify_one();
    Ok(Received {
        id,
        disposition: judgement.disposition,
        reason: judgement.reason,
        sha256: kept.sha256,
    })
}

/// Everything known of a judged mail.
struct Judged<'a> {
    id: InboundMessageId,
    opened: &'a Opened,
    loaded: &'a Loaded,
    concluded: &'a Concluded,
    now: DateTime<Utc>,
}

/// Writes what follows from the verdict.
async fn apply(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    judged: &Judged<'_>,
) -> Result<(), ActionError> {
    let verdict = &judged.concluded.verdict;
    match &verdict.effect {
        Some(Effect::Decide { approver, vote, change }) => {
            let Some(request) = &judged.loaded.request else { return Ok(()) };
            for hash in &judged.loaded.token_hashes {
                tokens::consume(tx, hash, judged.now).await?;
            }
            let vote = Counted {
                approver: *approver,
                vote: *vote,
                change: *change,
                comment: comment_of(judged.concluded),
                channel: "email",
                inbound_message_id: Some(judged.id),
                at: judged.now,
            };
            record_vote(instance, tx, story, request, vote).await?;
        }
        Some(Effect::AwaitConfirmation { approver }) => {
            let Some(request) = &judged.loaded.request else { return Ok(()) };
            requests::set_approver_state(tx, *approver, ApproverState::AwaitingConfirmation)
                .await?;
            let facts = json!({"approver": approver, "message": judged.id});
            story.tell(instance, Kind::ConfirmationAwaited, Some(request.id), facts, None);
        }
        None => {}
    }
    match verdict.disposition() {
        Disposition::Bounce => note_bounce(instance, tx, story, judged).await,
        Disposition::Unclear => ask_for_plainer_words(instance, tx, story, judged).await,
        _ => Ok(()),
    }
}

/// Only a bounce of a mail that we sent counts, and it only warns: a bounce
/// can be forged, so it changes no approver.
async fn note_bounce(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    judged: &Judged<'_>,
) -> Result<(), ActionError> {
    let Some(report) = &judged.opened.origin.report else { return Ok(()) };
    let Some(id) = judged.loaded.outbox_message_id else { return Ok(()) };
    if report.kind != ReportKind::Failed {
        return Ok(());
    }
    let status = report.recipients.iter().find_map(|recipient| recipient.status.clone());
    let reason = format!("bounced {}", status.as_deref().unwrap_or("without a status"));
    if outbox::set_state(tx, id, &[State::Sent, State::Unknown], State::Bounced, Some(&reason))
        .await?
    {
        let facts = json!({"outbox_message": id, "state": State::Bounced, "message": judged.id, "status": status});
        story.tell(instance, Kind::DeliverySettled, None, facts, None);
        tracing::warn!(outbox = %id, inbound_message = %judged.id, "a mail of ours bounced");
    }
    Ok(())
}

async fn ask_for_plainer_words(
    instance: &Instance,
    tx: &mut Tx,
    story: &mut Story,
    judged: &Judged<'_>,
) -> Result<(), ActionError> {
    if !judge::may_be_answered(judged.opened, judged.loaded, judged.concluded) {
        return Ok(());
    }
    let (Some(request), Some(named)) = (&judged.loaded.request, judged.loaded.named) else {
        return Ok(());
    };
    match request.approver(named.approver) {
        Some(approver) => {
            let asking = Asking::Clarification {
                unreadable: unreadable(judged.concluded),
                in_reply_to: judged.opened.message.message_id.as_deref(),
            };
            tell::clarification(instance, tx, story, request, approver, &asking).await
        }
        None => Ok(()),
    }
}

/// What would help the approver to be told.
fn unreadable(concluded: &Concluded) -> Unreadable {
    match concluded.read.together.reason {
        Why::Empty => Unreadable::Empty,
        Why::Both | Why::ViewsDisagree => Unreadable::Contradiction,
        Why::NoKnownWord | Why::UncertainSplit => Unreadable::NoDecision,
        _ => Unreadable::Condition,
    }
}

/// What stands beside the answer, capped: a reason, not a novel.
fn comment_of(concluded: &Concluded) -> Option<String> {
    const COMMENT_CHARS_MAX: usize = 4000;
    let comment: String =
        concluded.read.together.comment.trim().chars().take(COMMENT_CHARS_MAX).collect();
    (!comment.is_empty()).then(|| mask_all(&comment))
}

fn judgement(
    opened: &Opened,
    loaded: &Loaded,
    concluded: &Concluded,
    now: DateTime<Utc>,
) -> Judgement {
    let reason = concluded.verdict.reason;
    let is_reply = opened.origin.origin == crate::domain::message::origin::Origin::Person;
    let answer = match concluded.read.answer() {
        Answer::Approve => "approve",
        Answer::Deny => "deny",
        Answer::Unclear => "unclear",
    };
    Judgement {
        disposition: reason.disposition(),
        answer: is_reply.then(|| answer.to_owned()),
        reason,
        explanation: concluded.explanation.clone(),
        access_request_id: loaded.named.map(|named| named.request),
        approver_id: loaded.named.map(|named| named.approver),
        outbox_message_id: loaded.outbox_message_id,
        reply_text: is_reply.then(|| mask_all(concluded.read.text())),
        comment: comment_of(concluded).filter(|_| is_reply),
        authentication: concluded.authentication.clone(),
        judged_at: now,
        retry_at: None,
        tries: 1,
    }
}

fn unjudged(reason: Reason, trouble: &str, now: DateTime<Utc>) -> Judgement {
    Judgement {
        disposition: reason.disposition(),
        answer: None,
        reason,
        explanation: json!({"sentence": reason.sentence(), "trouble": trouble}),
        access_request_id: None,
        approver_id: None,
        outbox_message_id: None,
        reply_text: None,
        comment: None,
        authentication: Value::Null,
        judged_at: now,
        retry_at: None,
        tries: 1,
    }
}

fn new_inbound(
    id: InboundMessageId,
    account: &InboxAccount,
    opened: &Opened,
    arrived: Arrived,
    (sha256, first_seen_at): ([u8; 32], DateTime<Utc>),
    judgement: Judgement,
) -> NewInbound {
    /// Of a header that is shown in lists.
    const SHOWN_CHARS_MAX: usize = 500;
    let shown = |text: &str| {
        let plain: String =
            text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect();
        mask_all(&plain)
    };
    let message = &opened.message;
    NewInbound {
        id,
        account_id: account.id,
        first_seen_at,
        internal_date: arrived.internal_date,
        from_address: message.from.as_ref().ok().map(|mailbox| mailbox.address.clone()),
        from_header: message.header_values("From").next().map(shown),
        to_header: message.header_values("To").next().map(shown),
        return_path: match &message.return_path {
            ReturnPath::Null => Some("<>".to_owned()),
            ReturnPath::Address(address) => Some(mask_all(&address.to_string())),
            ReturnPath::Absent | ReturnPath::Unreadable => None,
        },
        subject: Some(shown(&message.subject)),
        message_id: message.message_id.as_deref().map(shown),
        size_bytes: arrived.size_bytes,
        sha256,
        raw: arrived.raw,
        is_whole: arrived.is_whole,
        judgement,
    }
}

fn judged_facts(
    id: InboundMessageId,
    account: crate::domain::ids::InboxAccountId,
    sha256: &[u8; 32],
    judgement: &Judgement,
) -> Value {
    json!({
        "message": id, "inbox_account": account,
        "sha256": data_encoding::HEXLOWER.encode(sha256),
        "disposition": judgement.disposition, "reason": judgement.reason,
        "answer": judgement.answer, "approver": judgement.approver_id,
        "authentication": judgement.authentication,
    })
}

fn tell_judged(
    instance: &Instance,
    story: &mut Story,
    inbound: &NewInbound,
    judgement: &Judgement,
) {
    let facts = judged_facts(inbound.id, inbound.account_id, &inbound.sha256, judgement);
    let private = json!({
        "from": inbound.from_address, "subject": inbound.subject,
        "message_id": inbound.message_id, "comment": judgement.comment,
    });
    let request = judgement.access_request_id;
    story.tell(instance, Kind::MessageJudged, request, facts, Some(private));
    telemetry::message(judgement.disposition.as_str());
    tracing::info!(account = %inbound.account_id, inbound_message = %inbound.id,
        disposition = %judgement.disposition, reason = %judgement.reason, "mail judged");
}

//! The first road, up to the commit: a mail is opened, what it refers to is
//! loaded, and `decide` says what it is. `receive_message` commits what comes
//! out; `explain` prints it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{ActionError, Instance};
use crate::{
    domain::{
        access_request::{AccessRequest, LiveDecision},
        address::EmailAddress,
        decision::{
            Case, MailFacts, Road, SenderRelation, TokenFinding, Verdict, decide,
            policy::{ByMail, Policy, Proof},
            proof::{Evidence, Proven, Shortfall, proof},
            sighting::{Checked, Named, ReplyBase, Sighting, answers_another, finding, sightings},
        },
        ids::{ApproverId, InboundMessageId, InstanceId, OutboxMessageId},
        inbox_account::InboxAccount,
        message::{
            html,
            origin::{self, Judged, Origin, Ours},
            parse::{self, Finding, Limits, Message},
        },
        person::Person,
        reply::{
            authored::OurText,
            lexicon::Lexicon,
            read::{self, Read},
        },
        token::{self, Channel, Claims, Purpose},
    },
    store::{
        Tx, decisions, inbound_messages, inbox_accounts, outbox, people, requests, smtp_accounts,
        tokens,
    },
};

/// What is ours, so that a reply is known by its address and a loop by its sender.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Every address answers come to, with its separator.
    bases: Vec<(EmailAddress, Option<String>)>,
    own: Vec<EmailAddress>,
}

impl Surroundings {
    pub async fn load(tx: &mut Tx) -> Result<Self, ActionError> {
        let mut around = Self::default();
        for inbox in inbox_accounts::list(tx).await? {
            for address in inbox.addresses {
                around.own.push(address.clone());
                around.bases.push((address, inbox.sub_address.clone()));
            }
        }
        for account in smtp_accounts::list(tx).await? {
            around.own.extend([Some(account.sender), account.reply_to].into_iter().flatten());
        }
        Ok(around)
    }
}

/// A mail taken apart: nothing was asked of anybody yet.
pub struct Opened {
    pub message: Message,
    pub origin: Judged,
    pub sightings: Vec<Sighting>,
    /// Its outermost quote names an author who is neither we nor the writer.
    pub answers_another: bool,
}

/// The judging code panicked on this mail; it is kept and not judged.
#[derive(Debug, thiserror::Error)]
#[error("judging panicked: {0}")]
pub struct Panicked(String);

/// Pure work on hostile bytes: a panic in it is one message's trouble, not
/// the visit's.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Panicked(text.unwrap_or_else(|| "without a word".to_owned()))
    })
}

pub fn open(instance: &Instance, raw: &[u8], around: &Surroundings) -> Result<Opened, Panicked> {
    open_as(instance.id, raw, around)
}

/// The same where there may be no instance: the nil id is nobody's.
pub(super) fn open_as(
    instance: InstanceId,
    raw: &[u8],
    around: &Surroundings,
) -> Result<Opened, Panicked> {
    guarded(|| {
        let message = parse::parse(raw, &Limits::default());
        let ours = Ours { instance, addresses: &around.own };
        let origin = origin::origin(&message, raw, &ours);
        let visible = message.html.as_deref().map(|source| html::visible(source).text);
        let bodies: Vec<&str> =
            [message.plain.as_deref(), visible.as_deref()].into_iter().flatten().collect();
        let bases: Vec<ReplyBase<'_>> = around
            .bases
            .iter()
            .map(|(address, separator)| ReplyBase { address, separator: separator.as_deref() })
            .collect();
        let sightings = sightings(&message, &bases, &around.own, &bodies);
        let answers_another = answers_another(&message, &bases, &around.own, &bodies);
        Opened { message, origin, sightings, answers_another }
    })
}

/// What the store knows about what the mail refers to.
pub struct Loaded {
    pub finding: TokenFinding,
    pub named: Option<Named>,
    pub request: Option<AccessRequest>,
    pub live: Vec<LiveDecision>,
    pub person: Option<Person>,
    pub sender: SenderRelation,
    /// Of the notification that is answered, fixed when it was enqueued.
    pub policy: Policy,
    pub ours: OurText,
    pub locale: Option<String>,
    pub same_bytes_judged: bool,
    /// The mail of ours that this one answers or reports on.
    pub outbox_message_id: Option<OutboxMessageId>,
    /// The lookup hashes of the genuine tokens, to be consumed if it counts.
    pub token_hashes: Vec<[u8; 32]>,
    /// The words answers are read by; none: those we bring along.
    pub words: Option<Arc<Lexicon>>,
}

impl Loaded {
    /// What is known without a store: nothing.
    pub(super) fn nothing() -> Self {
        Self {
            finding: TokenFinding::Nothing,
            named: None,
            request: None,
            live: Vec::new(),
            person: None,
            sender: SenderRelation::Stranger,
            policy: Policy::default(),
            ours: OurText::unknown(),
            locale: None,
            same_bytes_judged: false,
            outbox_message_id: None,
            token_hashes: Vec::new(),
            words: None,
        }
    }
}

pub async fn load(
    instance: &Instance,
    tx: &mut Tx,
    opened: &Opened,
    sha256: &[u8; 32],
    own_id: Option<InboundMessageId>,
) -> Result<Loaded, ActionError> {
    let mut checked = Vec::new();
    let mut rows = Vec::new();
    for sighting in &opened.sightings {
        let row = tokens::find(tx, &sighting.token.lookup_hash()).await?;
        let result = match &row {
            None => Checked::Unknown,
            Some(row) => check(instance, tx, sighting, row).await?,
        };
        rows.extend(row);
        checked.push((sighting.clone(), result));
    }
    let mut outbox_message_id = rows.iter().find_map(|row| row.outbox_message_id);
    if outbox_message_id.is_none() {
        outbox_message_id = answered(tx, opened).await?;
    }
    let (found, named) = finding(&checked, outbox_message_id.is_some());
    let request = match named {
        Some(named) => requests::find_locked(tx, named.request).await?,
        None => None,
    };
    let live = match &request {
        Some(request) => decisions::live(tx, request.id).await?,
        None => Vec::new(),
    };
    let person = match named {
        Some(named) => people::find(tx, named.person).await?,
        None => None,
    };
    let our_text = match outbox_message_id {
        Some(id) => outbox::text(tx, id).await?,
        None => None,
    };
    let sender = sender_relation(tx, opened, named, request.as_ref(), person.as_ref()).await?;
    let policy = rows
        .iter()
        .map(|row| Policy { proof: row.proof, by_mail: row.by_mail })
        .fold(Policy { proof: Proof::TokenOnly, by_mail: ByMail::Yes }, Policy::stricter);
    let locale = named.and_then(|named| {
        request.as_ref()?.approver(named.approver).map(|approver| approver.locale.clone())
    });
    Ok(Loaded {
        finding: found,
        named,
        live,
        sender,
        policy,
        ours: our_text.map_or_else(OurText::unknown, |text| OurText::new(&text)),
        locale,
        same_bytes_judged: inbound_messages::same_bytes_judged(tx, sha256, own_id).await?,
        outbox_message_id,
        token_hashes: rows.iter().map(|row| row.lookup_hash).collect(),
        words: super::lexicon::current(instance, tx).await?,
        request,
        person,
    })
}

async fn check(
    instance: &Instance,
    tx: &mut Tx,
    sighting: &Sighting,
    row: &tokens::TokenRow,
) -> Result<Checked, ActionError> {
    let named = (
        Purpose::from_code(&row.purpose),
        Channel::from_code(&row.channel),
        row.access_request_id,
        row.approver_id,
    );
    let (Some(purpose), Some(channel), Some(request), Some(approver_id)) = named else {
        return Ok(Checked::Unknown);
    };
    let claims = Claims {
        purpose,
        instance: instance.id,
        epoch: row.epoch,
        request,
        approver: approver_id,
        channel,
        expires_at: row.expires_at,
        lookup: sighting.token.lookup(),
    };
    if !token::verify(&sighting.token, &claims, &row.key_id, &instance.token_keys) {
        return Ok(Checked::Forged);
    }
    let found = requests::find(tx, request).await?;
    let approver = found.as_ref().and_then(|found| found.approver(approver_id));
    Ok(match approver {
        None => Checked::Unknown,
        Some(approver) => Checked::Genuine(Named {
            purpose,
            request,
            approver: approver_id,
            person: approver.person,
            earlier_epoch: row.epoch < instance.epoch,
        }),
    })
}

/// The mail of ours that a bounce or receipt reports on, or a reply names.
async fn answered(tx: &mut Tx, opened: &Opened) -> Result<Option<OutboxMessageId>, ActionError> {
    /// An honest thread does not need more; each costs a look-up.
    const IDS_MAX: usize = 30;
    let reported =
        opened.origin.report.as_ref().and_then(|report| report.original_message_id.as_ref());
    let message = &opened.message;
    let ids =
        reported.into_iter().chain(&message.in_reply_to).chain(message.references.iter().rev());
    for id in ids.take(IDS_MAX) {
        if let Some(mail) = outbox::find_by_message_id(tx, id).await? {
            return Ok(Some(mail.id));
        }
    }
    Ok(None)
}

async fn sender_relation(
    tx: &mut Tx,
    opened: &Opened,
    named: Option<Named>,
    request: Option<&AccessRequest>,
    person: Option<&Person>,
) -> Result<SenderRelation, ActionError> {
    let (Ok(from), Some(named), Some(request)) = (&opened.message.from, named, request) else {
        return Ok(SenderRelation::Stranger);
    };
    let from = &from.address;
    let owner = people::find_by_address(tx, from).await?;
    if request.is_requesters(from)
        || owner.is_some_and(|owner| owner.id == request.requester.person)
    {
        return Ok(SenderRelation::Requester);
    }
    let notified = request.approver(named.approver).map(|approver| &approver.address);
    let is_approver = match (person, notified) {
        (Some(person), Some(notified)) => person.answers_from(from, notified),
        _ => false,
    };
    Ok(if is_approver { SenderRelation::Approver } else { SenderRelation::Stranger })
}

/// What a mail came to, with everything that led there.
pub struct Concluded {
    pub verdict: Verdict,
    pub read: Read,
    pub proven: Option<Proven>,
    pub policy: Policy,
    pub explanation: Value,
    pub authentication: Value,
}

/// Pure: facts in, verdict out.
pub fn conclude(
    opened: &Opened,
    loaded: &Loaded,
    account: &InboxAccount,
    first_seen_at: DateTime<Utc>,
) -> Result<Concluded, Panicked> {
    guarded(|| {
        let message = &opened.message;
        let read = read::read(
            message.plain.as_deref(),
            message.html.as_deref(),
            &loaded.ours,
            loaded.locale.as_deref(),
            loaded.words.as_deref().unwrap_or(Lexicon::builtin()),
        );
        let proven = best_proof(message, loaded, account, first_seen_at);
        let policy = loaded.policy.stricter(account.policy());
        let facts = mail_facts(opened, loaded, proven.as_ref(), policy);
        let case = Case {
            first_seen_at,
            road: Road::Mail(Box::new(facts)),
            request: loaded.request.as_ref(),
            approver: loaded.named.map_or(ApproverId(uuid::Uuid::nil()), |named| named.approver),
            approver_is_active: loaded.person.as_ref().is_some_and(|person| person.active),
            live_decisions: &loaded.live,
            answer: read.answer(),
        };
        let verdict = decide(&case);
        let authentication = authentication(proven.as_ref(), policy, loaded);
        let explanation = explanation(opened, loaded, &read, &verdict);
        Concluded { verdict, read, proven, policy, explanation, authentication }
    })
}

pub(super) fn mail_facts(
    opened: &Opened,
    loaded: &Loaded,
    proven: Option<&Proven>,
    policy: Policy,
) -> MailFacts {
    let message = &opened.message;
    let structure = message.has_disqualifying_structure();
    let over_limit = structure.is_some_and(Finding::is_a_limit);
    let from = message.from.as_ref().ok().map(|mailbox| mailbox.address.clone());
    MailFacts {
        over_limit,
        structure_is_ambiguous: structure.is_some() && !over_limit,
        origin: opened.origin.origin,
        sender_header_differs: match (&message.sender, &from) {
            (Some(sender), Some(from)) => !sender.is_same_mailbox(from),
            (None, _) => message.header_values("Sender").next().is_some(),
            (Some(_), None) => true,
        },
        from,
        token: loaded.finding.clone(),
        same_bytes_judged: loaded.same_bytes_judged,
        sender: loaded.sender,
        proof: proven.map_or(Proof::TokenOnly, |proven| proven.level),
        token_is_covered: proven
            .is_none_or(|proven| proven.shortfalls.first() != Some(&Shortfall::TokenNotSigned)),
        answers_another: opened.answers_another,
        evidence_is_pending: false,
        policy,
    }
}

/// Of the places the token stood in, the one that proves most: each road
/// alone must do.
fn best_proof(
    message: &Message,
    loaded: &Loaded,
    account: &InboxAccount,
    first_seen_at: DateTime<Utc>,
) -> Option<Proven> {
    let from = &message.from.as_ref().ok()?.address;
    let TokenFinding::Genuine { carriers, .. } = &loaded.finding else { return None };
    let evidence =
        Evidence::gather(&message.headers, from, &account.trusted_authserv_ids, &[], first_seen_at);
    carriers.iter().map(|&carrier| proof(&evidence, carrier)).max_by_key(|proven| proven.level)
}

fn authentication(proven: Option<&Proven>, policy: Policy, loaded: &Loaded) -> Value {
    let carriers: Vec<&str> = match &loaded.finding {
        TokenFinding::Genuine { carriers, .. } => carriers.iter().map(|c| c.code()).collect(),
        _ => Vec::new(),
    };
    json!({
        "wanted": {"proof": policy.proof, "by_mail": policy.by_mail},
        "reached": proven.map_or(Proof::TokenOnly, |proven| proven.level),
        "by": proven.and_then(|proven| proven.by).map(|by| by.code()),
        "shortfalls": proven.map(|p| p.shortfalls.iter().map(|s| s.code()).collect::<Vec<_>>()),
        "token_carriers": carriers,
    })
}

fn explanation(opened: &Opened, loaded: &Loaded, read: &Read, verdict: &Verdict) -> Value {
    let structure: Vec<Value> = opened
        .message
        .structure
        .iter()
        .map(|f| json!({"code": f.code, "detail": f.detail, "disqualifies": f.disqualifies}))
        .collect();
    let views: Vec<Value> = read
        .views
        .iter()
        .map(|view| {
            json!({
                "view": view.name,
                "answer": view.reading.answer,
                "why": view.reading.reason.code(),
                "language": view.reading.language,
                "words": view.reading.evidence.iter().map(|e| json!({
                    "start": e.start, "end": e.end, "words": e.words, "language": e.language,
                })).collect::<Vec<_>>(),
                "cuts": view.authored.cuts.iter().map(|c| json!({"rule": c.rule, "start": c.start, "end": c.end})).collect::<Vec<_>>(),
                "hidden": view.authored.hidden.iter().map(|h| h.rule).collect::<Vec<_>>(),
                "uncertain": view.authored.uncertain,
            })
        })
        .collect();
    json!({
        "sentence": verdict.reason.sentence(),
        "origin": opened.origin.origin,
        "origin_because": opened.origin.because,
        "from_problem": opened.message.from.as_ref().err().map(|problem| problem.code()),
        "structure": structure,
        "token": token_word(&loaded.finding),
        "sender": sender_word(loaded.sender),
        "answer": read.answer(),
        "why": read.together.reason.code(),
        "language": read.together.language,
        "views": views,
    })
}

pub(super) fn sender_word(sender: SenderRelation) -> &'static str {
    match sender {
        SenderRelation::Approver => "approver",
        SenderRelation::Requester => "requester",
        SenderRelation::Stranger => "stranger",
    }
}

pub(super) fn token_word(finding: &TokenFinding) -> &'static str {
    match finding {
        TokenFinding::Nothing => "none",
        TokenFinding::MessageIdOnly => "message_id_only",
        TokenFinding::Unknown => "unknown",
        TokenFinding::Forged => "forged",
        TokenFinding::WrongPurpose => "other_purpose",
        TokenFinding::DifferentApprovers => "different_approvers",
        TokenFinding::DifferentRequests => "two_requests",
        TokenFinding::Genuine { .. } => "genuine",
    }
}

/// Whether a mail of ours may go back to the sender: a person, proven.
pub fn may_be_answered(opened: &Opened, loaded: &Loaded, concluded: &Concluded) -> bool {
    let proven = concluded.proven.as_ref().is_some_and(|p| p.level >= concluded.policy.proof);
    opened.origin.origin == Origin::Person
        && loaded.sender == SenderRelation::Approver
        && matches!(loaded.finding, TokenFinding::Genuine { earlier_epoch: false, .. })
        && proven
}

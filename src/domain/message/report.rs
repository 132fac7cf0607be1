//! What a bounce or a receipt reports: delivery status notifications
//! (RFC 3464), disposition notifications (RFC 8098), and what can be gleaned
//! from bounces that follow neither.
//!
//! A report is a claim like any other; whether the mail it names is ours is
//! for the outbox to say.

use super::{
    encoded_word,
    fields::{self, Owner},
    findings::Findings,
    header::{self, Header},
    parse::{Limits, Message},
    phrases::{Phrases, fold, phrases},
    structure::Part,
    thread,
};
use crate::domain::address::EmailAddress;

/// What happened, to the worst-off recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    // A delivery status notification's action (RFC 3464 §2.3.3).
    Failed,
    /// Still being tried; not a failure.
    Delayed,
    Delivered,
    Relayed,
    Expanded,
    // A disposition notification's type (RFC 8098 §3.2.6.2).
    Displayed,
    Deleted,
    Dispatched,
    Processed,
    Denied,
}

/// What is said of one recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct RecipientReport {
    /// The address as we wrote it, if the report knows.
    pub original: Option<String>,
    /// The address the mail went to in the end.
    #[serde(rename = "final")]
    pub final_recipient: Option<String>,
    /// `failed`, `delayed`, …, lower case.
    pub action: String,
    /// RFC 3463: `5.1.1`.
    pub status: Option<String>,
    /// What the other server said.
    pub diagnostic: Option<String>,
}

/// A bounce or receipt, read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub kind: ReportKind,
    pub recipients: Vec<RecipientReport>,
    /// The Message-ID of the mail it is about, without brackets.
    pub original_message_id: Option<String>,
    pub original_envelope_id: Option<String>,
}

/// A mail to more people than this is not ours.
const RECIPIENTS_MAX: usize = 100;
/// Text beyond this is the returned mail.
const TEXT_CHARS: usize = 20_000;
const DIAGNOSTIC_CHARS: usize = 500;

/// Reads a delivery status notification, in the form of the RFC or not.
pub(super) fn of_bounce(message: &Message, raw: &[u8], text: &str) -> Report {
    let mut report = message
        .parts
        .iter()
        .find(|part| is_delivery_status(part))
        .map(|part| delivery_status(&part.decoded(raw)))
        .unwrap_or_else(|| Report {
            kind: ReportKind::Failed,
            recipients: Vec::new(),
            original_message_id: None,
            original_envelope_id: None,
        });
    if report.recipients.is_empty() {
        let action = if says_delayed(message, text) {
            "delayed"
        } else {
            "failed"
        };
        report.recipients = told_recipients(message, text, action);
        report.kind = kind_of_action(action);
    }
    report.original_message_id = returned_message_id(message, raw, text);
    report
}

/// Reads a disposition notification.
pub(super) fn of_receipt(message: &Message, raw: &[u8]) -> Option<Report> {
    let part = message.parts.iter().find(|part| is_disposition(part))?;
    let fields = block(&part.decoded(raw));
    let field = |name| header::values(&fields, name).next();
    // RFC 8098 §3.2.6: `mode/mode; type/modifier`.
    let disposition = field("Disposition")
        .and_then(|it| it.split(';').nth(1))
        .unwrap_or_default();
    let action = disposition
        .split('/')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let kind = match action.as_str() {
        "deleted" => ReportKind::Deleted,
        "dispatched" => ReportKind::Dispatched,
        "processed" => ReportKind::Processed,
        "denied" => ReportKind::Denied,
        "failed" => ReportKind::Failed,
        _ => ReportKind::Displayed,
    };
    Some(Report {
        kind,
        recipients: vec![RecipientReport {
            original: field("Original-Recipient").map(address_of),
            final_recipient: field("Final-Recipient").map(address_of),
            action,
            status: None,
            diagnostic: field("Failure").or(field("Error")).map(clipped),
        }],
        original_message_id: field("Original-Message-ID")
            .and_then(|it| thread::ids(it).into_iter().next())
            .or_else(|| message.in_reply_to.first().cloned()),
        original_envelope_id: None,
    })
}

pub(super) fn is_delivery_status(part: &Part) -> bool {
    matches!(
        part.media_type(),
        "message/delivery-status" | "message/global-delivery-status"
    )
}

pub(super) fn is_disposition(part: &Part) -> bool {
    matches!(
        part.media_type(),
        "message/disposition-notification" | "message/global-disposition-notification"
    )
}

/// RFC 3464 §2.1: blocks of fields, the first about the mail, each other one
/// about a recipient.
fn delivery_status(bytes: &[u8]) -> Report {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut original_envelope_id = None;
    let mut recipients = Vec::new();
    for fields in text
        .split("\n\n")
        .map(str::trim_start)
        .filter(|it| !it.is_empty())
    {
        let fields = block(fields.as_bytes());
        let field = |name| header::values(&fields, name).next();
        original_envelope_id =
            original_envelope_id.or(field("Original-Envelope-Id").map(str::to_owned));
        let (original, last) = (field("Original-Recipient"), field("Final-Recipient"));
        if (original.is_none() && last.is_none() && field("Action").is_none())
            || recipients.len() >= RECIPIENTS_MAX
        {
            continue;
        }
        let status = field("Status").and_then(first_status);
        let action = field("Action").map(|it| {
            it.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        });
        recipients.push(RecipientReport {
            original: original.map(address_of),
            final_recipient: last.map(address_of),
            action: action
                .filter(|it| !it.is_empty())
                .unwrap_or_else(|| action_of(status.as_deref()).to_owned()),
            status,
            diagnostic: field("Diagnostic-Code").map(clipped),
        });
    }
    let kind = recipients
        .iter()
        .map(|it| kind_of_action(&it.action))
        .min_by_key(|kind| rank(*kind));
    Report {
        kind: kind.unwrap_or(ReportKind::Failed),
        recipients,
        original_message_id: None,
        original_envelope_id,
    }
}

/// Where the action is missing, the class of the status tells it (RFC 3463 §2).
fn action_of(status: Option<&str>) -> &'static str {
    match status.and_then(|it| it.bytes().next()) {
        Some(b'2') => "delivered",
        Some(b'4') => "delayed",
        _ => "failed",
    }
}

fn kind_of_action(action: &str) -> ReportKind {
    match action {
        "delayed" => ReportKind::Delayed,
        "delivered" => ReportKind::Delivered,
        "relayed" => ReportKind::Relayed,
        "expanded" => ReportKind::Expanded,
        _ => ReportKind::Failed,
    }
}

/// The worst first.
fn rank(kind: ReportKind) -> u8 {
    match kind {
        ReportKind::Failed => 0,
        ReportKind::Delayed => 1,
        ReportKind::Expanded => 2,
        ReportKind::Relayed => 3,
        _ => 4,
    }
}

/// `rfc822; ana@x.test` (RFC 3464 §2.1.2), with or without brackets.
fn address_of(field: &str) -> String {
    let address = field.split_once(';').map_or(field, |(_, address)| address);
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    address
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn clipped(text: &str) -> String {
    let text = text
        .split_once(';')
        .filter(|(kind, _)| kind.len() < 20)
        .map_or(text, |(_, rest)| rest);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(DIAGNOSTIC_CHARS).collect()
}

static DELAYED: Phrases = phrases!["delayed.txt"];

fn says_delayed(message: &Message, text: &str) -> bool {
    let head: String = text.chars().take(2_000).collect();
    let head = fold(&head);
    let says_failed = [
        "permanent",
        "failed permanently",
        "given up",
        "giving up",
        "5.1.1",
        "5.0.0",
    ];
    DELAYED.stand_in(&fold(&message.subject))
        || (DELAYED.stand_in(&head) && !says_failed.iter().any(|it| head.contains(it)))
}

/// Addresses a bounce names in its own words, before the returned mail.
fn told_recipients(message: &Message, text: &str, action: &str) -> Vec<RecipientReport> {
    let own = before_returned_mail(text);
    let status = own.lines().find_map(first_status);
    let mut found: Vec<String> = message
        .header_values("X-Failed-Recipients")
        .flat_map(|field| field.split(','))
        .filter_map(|it| EmailAddress::parse(it.trim()).ok())
        .map(|it| it.to_string())
        .collect();
    let lines = if found.is_empty() { own } else { "" };
    for line in lines.lines() {
        if found.len() >= RECIPIENTS_MAX {
            break;
        }
        if let Some(address) = leading_address(line).filter(|it| !found.contains(it)) {
            found.push(address);
        }
    }
    if found.is_empty() {
        found.extend(own.lines().find_map(mentioned_address));
    }
    let diagnostic = own
        .lines()
        .find(|line| first_status(line).is_some() || has_reply_code(line))
        .map(clipped);
    found
        .into_iter()
        .map(|address| RecipientReport {
            original: None,
            final_recipient: Some(address),
            action: action.to_owned(),
            status: status.clone(),
            diagnostic: diagnostic.clone(),
        })
        .collect()
}

static RETURNED: Phrases = phrases!["returned.txt"];

fn before_returned_mail(text: &str) -> &str {
    let text = text
        .char_indices()
        .nth(TEXT_CHARS)
        .map_or(text, |(at, _)| text.get(..at).unwrap_or(text));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let head: String = line
            .trim_start_matches(['>', ' '])
            .chars()
            .take(60)
            .collect();
        if RETURNED.begin(&fold(&head)).is_some() {
            break;
        }
        at += line.len();
    }
    text.get(..at).unwrap_or(text)
}

/// Words before a colon that label the mail's other addresses.
const OTHER_LABELS: [&str; 14] = [
    "to",
    "from",
    "cc",
    "sender",
    "reply-to",
    "contact",
    "system contact",
    "mail from",
    "envelope-from",
    "subject",
    "message-id",
    "sent",
    "date",
    "received",
];

/// `<ana@x.test>: …`, `ana@x.test`, `RCPT TO:<ana@x.test>`: the first address
/// of a line, if the line begins with it or with a short label.
fn leading_address(line: &str) -> Option<String> {
    let line: String = line
        .trim()
        .trim_start_matches(['*', '-', ' '])
        .chars()
        .take(300)
        .collect();
    let address = words(&line)
        .map(|it| it.rsplit_once([':', '=']).map_or(it, |(_, rest)| rest))
        .find(|it| it.contains('@'))?;
    let (before, _) = line.split_once(address)?;
    let label = before
        .trim()
        .trim_end_matches(['<', '(', '['])
        .trim()
        .to_ascii_lowercase();
    let is_other = label
        .strip_suffix(':')
        .is_some_and(|label| OTHER_LABELS.contains(&label.trim()));
    let is_label = before.len() < 25 || before.trim_end().ends_with(['<', ':', '(', '=', '[']);
    recipient(address).filter(|_| is_label && !is_other)
}

/// The first address of a sentence: "the message to ana@x.test could not …".
fn mentioned_address(line: &str) -> Option<String> {
    words(line).find_map(recipient)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "<>()\"',;[]".contains(c))
        .map(|it| it.trim_end_matches([':', '.']))
}

/// An address that is not the mail system's own.
fn recipient(word: &str) -> Option<String> {
    let address = EmailAddress::parse(word).ok()?;
    let local = address.local().to_ascii_lowercase();
    (!matches!(local.as_str(), "postmaster" | "mailer-daemon")).then(|| address.to_string())
}

/// The first `5.1.1` of a line (RFC 3463 §2).
fn first_status(line: &str) -> Option<String> {
    line.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map(|it| it.trim_matches('.'))
        .find_map(|word| {
            let mut numbers = word.split('.');
            let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
            let is_code = matches!(class, "2" | "4" | "5")
                && numbers.next().is_none()
                && [subject, detail]
                    .iter()
                    .all(|it| (1..=3).contains(&it.len()));
            is_code.then(|| word.to_owned())
        })
}

/// `550` and the like, as a word (RFC 5321 §4.2).
fn has_reply_code(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| {
            word.len() == 3
                && word.starts_with(['4', '5'])
                && word.bytes().all(|b| b.is_ascii_digit())
        })
}

/// The id of the mail that came back: from the returned mail or its header,
/// or from a copy in the text.
fn returned_message_id(message: &Message, raw: &[u8], text: &str) -> Option<String> {
    let returned = message.parts.iter().filter(|part| {
        matches!(
            part.media_type(),
            "message/rfc822"
                | "message/global"
                | "text/rfc822-headers"
                | "text/rfc822-header"
                | "message/rfc822-headers"
                | "message/global-headers"
        )
    });
    let of_part = returned
        .filter_map(|part| {
            let fields = block(&part.decoded(raw));
            header::values(&fields, "Message-ID").find_map(|it| thread::ids(it).into_iter().next())
        })
        .next();
    let of_text = || {
        let mut lines = text
            .lines()
            .map(|line| line.trim_start_matches(['>', ' ', '\t']));
        while let Some(line) = lines.next() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("Message-ID") {
                // A long id stands on the folded line below.
                let value = if value.trim().is_empty() {
                    lines.next().unwrap_or_default()
                } else {
                    value
                };
                return thread::ids(value).into_iter().next();
            }
        }
        None
    };
    // Exchange and Gmail answer the mail they could not deliver.
    let answered = || {
        message
            .in_reply_to
            .first()
            .or(message.references.last())
            .cloned()
    };
    of_part.or_else(of_text).or_else(answered)
}

fn block(bytes: &[u8]) -> Vec<Header> {
    // Some systems put an empty line first.
    let start = bytes
        .iter()
        .take_while(|b| matches!(b, b'\r' | b'\n'))
        .count();
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut ignored = Findings::default();
    let (mut fields, _) = fields::read(
        bytes,
        0..bytes.len(),
        Owner::Part,
        &Limits::default(),
        &mut ignored,
    );
    for field in &mut fields {
        if field.value.contains("=?") {
            field.value = encoded_word::decode(&field.value);
        }
    }
    fields
}

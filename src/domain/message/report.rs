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
    limits::Limits,
    parse::Message,
    phrases::{Phrases, fold, phrases},
    prose::{first_status, says_delayed, told_recipients},
    recipient::{RECIPIENTS_MAX, clipped},
    structure::Part,
    thread,
};

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

pub use super::recipient::RecipientReport;

/// A bounce or receipt, read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub kind: ReportKind,
    pub recipients: Vec<RecipientReport>,
    /// The Message-ID of the mail it is about, without brackets.
    pub original_message_id: Option<String>,
    pub original_envelope_id: Option<String>,
}

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
        let action = if says_delayed(message, text) { "delayed" } else { "failed" };
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
    let disposition = field("Disposition").and_then(|it| it.split(';').nth(1)).unwrap_or_default();
    let action = disposition.split('/').next().unwrap_or_default().trim().to_ascii_lowercase();
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

/// A receipt that says so only in its subject ("Read: Access to db-7"), as
/// some Exchange servers send it to the outside.
pub(super) fn of_receipt_subject(message: &Message) -> Option<Report> {
    let subject = fold(&message.subject);
    let says = |phrases: &Phrases| {
        let rest = phrases.begin(&subject).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with([':', '\u{ff1a}']))
    };
    let kind = if says(&UNREAD) {
        ReportKind::Deleted
    } else if says(&READ) {
        ReportKind::Displayed
    } else {
        return None;
    };
    Some(Report {
        kind,
        recipients: Vec::new(),
        original_message_id: answered(message),
        original_envelope_id: None,
    })
}

static READ: Phrases = phrases!["receipt_subjects.txt"];
static UNREAD: Phrases = phrases!["unread_subjects.txt"];

/// Exchange and Gmail answer the mail that they report on.
fn answered(message: &Message) -> Option<String> {
    message.in_reply_to.first().or(message.references.last()).cloned()
}

pub(super) fn is_delivery_status(part: &Part) -> bool {
    matches!(part.media_type(), "message/delivery-status" | "message/global-delivery-status")
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
    for fields in text.split("\n\n").map(str::trim_start).filter(|it| !it.is_empty()) {
        let fields = block(fields.as_bytes());
        let field = |name| header::values(&fields, name).next();
        original_envelope_id =
            original_envelope_id.or(field("Original-Envelope-Id").map(str::to_owned));
        let (original, last) = (field("Original-Recipient"), field("Final-Recipient"));
        if original.is_none() && last.is_none() && field("Action").is_none() {
            continue;
        }
        if recipients.len() >= RECIPIENTS_MAX {
            break;
        }
        let status = field("Status").and_then(first_status);
        let action = field("Action")
            .map(|it| it.split_whitespace().next().unwrap_or_default().to_ascii_lowercase());
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
    let kind =
        recipients.iter().map(|it| kind_of_action(&it.action)).min_by_key(|kind| rank(*kind));
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
    address.split_whitespace().next().unwrap_or_default().to_owned()
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
        let mut lines = text.lines().map(|line| line.trim_start_matches(['>', ' ', '\t']));
        while let Some(line) = lines.next() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            if name.eq_ignore_ascii_case("Message-ID") {
                // A long id stands on the folded line below.
                let value =
                    if value.trim().is_empty() { lines.next().unwrap_or_default() } else { value };
                return thread::ids(value).into_iter().next();
            }
        }
        None
    };
    of_part.or_else(of_text).or_else(|| answered(message))
}

fn block(bytes: &[u8]) -> Vec<Header> {
    // Some systems put an empty line first.
    let start = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = bytes.get(start..).unwrap_or_default();
    let mut ignored = Findings::default();
    let (mut fields, _) =
        fields::read(bytes, 0..bytes.len(), Owner::Part, &Limits::default(), &mut ignored);
    for field in &mut fields {
        if field.value.contains("=?") {
            field.value = encoded_word::decode(&field.value);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::InstanceId,
        message::{
            origin::{Judged, Ours, origin},
            parse::parse,
        },
    };

    fn judged(raw: &str) -> Judged {
        let raw = raw.replace('\n', "\r\n");
        let message = parse(raw.as_bytes(), &Limits::default());
        let ours = Ours { instance: InstanceId(uuid::Uuid::nil()), addresses: &[] };
        origin(&message, raw.as_bytes(), &ours)
    }

    /// `kind`, recipients as `address action status`, id of the mail.
    fn check(raw: &str, kind: ReportKind, recipients: &[&str], original: Option<&str>) {
        let report = judged(raw).report.unwrap();
        let got: Vec<_> = report
            .recipients
            .iter()
            .map(|it| {
                let address =
                    it.final_recipient.as_deref().or(it.original.as_deref()).unwrap_or_default();
                format!("{address} {} {}", it.action, it.status.as_deref().unwrap_or("-"))
            })
            .collect();
        assert_eq!((report.kind, got.as_slice()), (kind, owned(recipients).as_slice()), "{raw}");
        assert_eq!(report.original_message_id.as_deref(), original, "{raw}");
    }

    fn owned(list: &[&str]) -> Vec<String> {
        list.iter().map(|it| (*it).to_owned()).collect()
    }

    fn dsn(status: &str, returned: &str) -> String {
        format!(
            "Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.test>\nSubject: Notice\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\n\nSee below.\n--b\nContent-Type: message/delivery-status\n\n{status}\n\
             --b\nContent-Type: {returned}\n\nMessage-ID:\n <req-1@own.test>\nSubject: Access\n\n--b--\n"
        )
    }

    #[test]
    fn a_delivery_status_is_read_recipient_by_recipient() {
        let status = "Reporting-MTA: dns; mx.test\nOriginal-Envelope-Id: env-7\n\n\
            Original-Recipient: rfc822;ana@x.test\nFinal-Recipient: rfc822; <ana.s@y.test>\nAction: failed\n\
            Status: 5.1.1 (no such user)\nDiagnostic-Code: smtp; 550 5.1.1\n gone\n\n\
            Final-Recipient: rfc822; bob@x.test\nAction: delayed\nStatus: 4.4.1\n";
        let raw = dsn(status, "message/rfc822");
        check(
            &raw,
            ReportKind::Failed,
            &["ana.s@y.test failed 5.1.1", "bob@x.test delayed 4.4.1"],
            Some("req-1@own.test"),
        );
        let report = judged(&raw).report.unwrap();
        assert_eq!(report.original_envelope_id.as_deref(), Some("env-7"));
        assert_eq!(report.recipients[0].original.as_deref(), Some("ana@x.test"));
        assert_eq!(report.recipients[0].diagnostic.as_deref(), Some("550 5.1.1 gone"));
    }

    #[test]
    fn a_delay_and_a_delivery_are_no_failure() {
        let status = |action: &str, code: &str| {
            format!(
                "Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; ana@x.test\nAction: {action}\nStatus: {code}\n"
            )
        };
        let id = Some("req-1@own.test");
        let headers = "text/rfc822-headers";
        check(
            &dsn(&status("Delayed", "4.4.7"), headers),
            ReportKind::Delayed,
            &["ana@x.test delayed 4.4.7"],
            id,
        );
        check(
            &dsn(&status("relayed", "2.0.0"), headers),
            ReportKind::Relayed,
            &["ana@x.test relayed 2.0.0"],
            id,
        );
        check(
            &dsn(&status("", "2.1.5"), headers),
            ReportKind::Delivered,
            &["ana@x.test delivered 2.1.5"],
            id,
        );
    }

    #[test]
    fn bounces_in_prose_name_their_recipient() {
        check(
            "From: MAILER-DAEMON@mx.test\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.test.\n\
             I'm afraid I wasn't able to deliver your message.\n\n<ana@x.test>:\n\
             192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown\n\n\
             --- Below this line is a copy of the message.\n\nReturn-Path: <access@own.test>\n\
             To: other@x.test\nMessage-ID: <req-2@own.test>\n\nbody\n",
            ReportKind::Failed,
            &["ana@x.test failed 5.1.1"],
            Some("req-2@own.test"),
        );
        check(
            "From: Mail Delivery System <Mailer-Daemon@mx.test>\nX-Failed-Recipients: ana@x.test, bob@x.test\n\
             Subject: Mail delivery failed: returning message to sender\nIn-Reply-To: <req-3@own.test>\n\nSorry.\n",
            ReportKind::Failed,
            &["ana@x.test failed -", "bob@x.test failed -"],
            Some("req-3@own.test"),
        );
        check(
            "From: Mail Delivery System <Mailer-Daemon@mx.test>\nSubject: Warning: message 1ab delayed 24 hours\n\n\
             No action is required on your part.\n  ana@x.test\n    host mx.x.test: 451 try later\n",
            ReportKind::Delayed,
            &["ana@x.test delayed -"],
            None,
        );
    }

    #[test]
    fn a_receipt_names_the_mail_that_was_seen() {
        let receipt = |disposition: &str| {
            format!(
                "From: ana@x.test\nSubject: Read: Access\n\
                 Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n\
                 --b\n\nYour mail was seen.\n--b\nContent-Type: message/disposition-notification\n\n\
                 Final-Recipient: rfc822;ana@x.test\nOriginal-Message-ID: <req-4@own.test>\n\
                 Disposition: manual-action/MDN-sent-manually; {disposition}\n\n--b--\n"
            )
        };
        let id = Some("req-4@own.test");
        check(&receipt("displayed"), ReportKind::Displayed, &["ana@x.test displayed -"], id);
        check(
            "From: ana@x.test\nSubject: Gelesen: Zugriff\nIn-Reply-To: <req-4@own.test>\n\nx",
            ReportKind::Displayed,
            &[],
            id,
        );
        check("From: ana@x.test\nSubject: Not read: Access\n\nx", ReportKind::Deleted, &[], None);
        check(&receipt("Deleted/error"), ReportKind::Deleted, &["ana@x.test deleted -"], id);
    }
}

//! Whether a person wrote this mail.
//!
//! Asked before a word of it is read: an absence note that says "yes", a
//! bounce that quotes our own instructions, a list that carries somebody's
//! approval to everybody must never decide. The rules stand in the order in
//! which they are believed; each has a stable code.
//!
//! Two things prove nothing and are not looked at: `X-Auto-Response-Suppress`,
//! which Exchange puts on mail of people, and `Feedback-ID`.

use serde::{Deserialize, Serialize};

use super::{
    absence, bounce,
    parse::{Message, ReturnPath},
    phrases::{Phrases, beginning, fold, phrases},
    report::{self, Report, ReportKind},
};
use crate::domain::{address::EmailAddress, ids::InstanceId};

/// Where a mail comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Person,
    AutoReply,
    Bounce,
    FeedbackReport,
    ReadReceipt,
    List,
    Loop,
}

/// What marks a mail as our own.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    pub instance: InstanceId,
    /// Every address we send from or take answers at.
    pub addresses: &'a [EmailAddress],
}

/// The verdict, its rule, and what a bounce or receipt reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub origin: Origin,
    /// The rule that decided: stable, snake_case.
    pub because: &'static str,
    pub report: Option<Report>,
}

/// The field every mail of ours carries.
pub const INSTANCE_HEADER: &str = "X-Countersign-Instance";

/// Says where a mail comes from; `raw` is what `message` was read from.
pub fn origin(message: &Message, raw: &[u8], ours: &Ours) -> Judged {
    let text = shown_text(message);
    let is_own_mail = message
        .header_values(INSTANCE_HEADER)
        .any(|id| id.trim().parse::<InstanceId>().is_ok_and(|id| id == ours.instance));
    if is_own_mail {
        return judged(Origin::Loop, "own_instance_header");
    }
    if let Some(judged) = by_report(message, raw, &text) {
        return judged;
    }
    let is_from_us = message
        .from
        .as_ref()
        .is_ok_and(|from| ours.addresses.iter().any(|own| own.is_same_mailbox(&from.address)));
    if is_from_us {
        return judged(Origin::Loop, "from_own_address");
    }
    if let Some(rule) = feedback(message) {
        return judged(Origin::FeedbackReport, rule);
    }
    // A responder often answers with the null path, too, and names itself; so
    // its subject is believed before the path.
    if absence::subject_is_automatic(&message.subject) {
        return judged(Origin::AutoReply, "absence_subject");
    }
    if let Some(report) = report::of_receipt_subject(message) {
        return Judged {
            origin: Origin::ReadReceipt,
            because: "receipt_subject",
            report: Some(report),
        };
    }
    if let Some(rule) = bounce::because(message, &text) {
        return Judged {
            origin: Origin::Bounce,
            because: rule,
            report: Some(report::of_bounce(message, raw, &text)),
        };
    }
    if let Some(rule) = declared_automatic(message, &text) {
        return judged(Origin::AutoReply, rule);
    }
    if let Some(rule) = list(message) {
        return judged(Origin::List, rule);
    }
    if message.return_path == ReturnPath::Null {
        return Judged {
            origin: Origin::Bounce,
            because: "null_return_path",
            report: Some(report::of_bounce(message, raw, &text)),
        };
    }
    if absence::body_is_automatic(&text) {
        return judged(Origin::AutoReply, "absence_body");
    }
    judged(Origin::Person, "nothing_automatic")
}

fn judged(origin: Origin, because: &'static str) -> Judged {
    Judged { origin, because, report: None }
}

/// Multipart/report says what it is (RFC 6522 §3), and so do its parts where
/// a relay has rewritten the top.
fn by_report(message: &Message, raw: &[u8], text: &str) -> Option<Judged> {
    let top = message.parts.first()?;
    let is_report = top.is("multipart/report");
    let kind = top.kind.text("report-type").unwrap_or_default().to_ascii_lowercase();
    let has = |test: fn(&super::structure::Part) -> bool| message.parts.iter().any(test);
    let is_feedback = |it: &super::structure::Part| it.is("message/feedback-report");
    let is_tls = |it: &super::structure::Part| it.media_type().starts_with("application/tlsrpt");
    // A person who forwards a bounce sends its parts along.
    let is_forwarded = !is_report && absence::is_reply(&fold(&message.subject));
    if (is_report && kind == "feedback-report") || (has(is_feedback) && !is_forwarded) {
        return Some(judged(Origin::FeedbackReport, "report_feedback"));
    }
    if (is_report && kind == "tlsrpt") || has(is_tls) {
        return Some(judged(Origin::FeedbackReport, "report_tls"));
    }
    if has(report::is_disposition) && !is_forwarded
        || is_report && kind == "disposition-notification"
    {
        // Some systems send their bounces under this type.
        if !has(report::is_disposition) && has(report::is_delivery_status) {
            return Some(bounced(message, raw, text, "report_delivery_status"));
        }
        let report = report::of_receipt(message, raw);
        // A filter that refuses a mail may say so in this form (RFC 5429
        // §2.1.2); the mail did not arrive.
        if fold(&message.subject).contains("rejected") {
            let report = report.map(|it| Report { kind: ReportKind::Failed, ..it });
            return Some(Judged { origin: Origin::Bounce, because: "report_rejection", report });
        }
        return Some(Judged { origin: Origin::ReadReceipt, because: "report_disposition", report });
    }
    let is_status = is_report && matches!(kind.as_str(), "delivery-status" | "");
    if is_status || (has(report::is_delivery_status) && !is_forwarded) {
        return Some(bounced(message, raw, text, "report_delivery_status"));
    }
    is_report.then(|| judged(Origin::AutoReply, "report_other"))
}

fn bounced(message: &Message, raw: &[u8], text: &str, because: &'static str) -> Judged {
    Judged { origin: Origin::Bounce, because, report: Some(report::of_bounce(message, raw, text)) }
}

/// Aggregate reports about our domain's mail (RFC 7489 §7.2.1.1).
fn feedback(message: &Message) -> Option<&'static str> {
    let subject = fold(&message.subject);
    let returns_a_mail = message.attachments.iter().any(super::parse::Attachment::is_message);
    if returns_a_mail && COMPLAINTS.begin(&subject).is_some() {
        return Some("complaint_subject");
    }
    let is_dmarc =
        subject.contains("report domain:") || subject.starts_with("dmarc aggregate report");
    let has_file = message.attachments.iter().any(|it| {
        matches!(
            it.content_type.as_str(),
            "application/zip"
                | "application/gzip"
                | "application/x-gzip"
                | "application/x-zip-compressed"
                | "application/xml"
                | "text/xml"
                | "application/octet-stream"
        )
    });
    (is_dmarc && (has_file || subject.contains("submitter"))).then_some("dmarc_report")
}

/// Complaints of readers, sent on by their provider with the mail inside but
/// without a report part.
static COMPLAINTS: Phrases = phrases!["complaints.txt"];

/// Fields by which a program says that it is one.
fn declared_automatic(message: &Message, text: &str) -> Option<&'static str> {
    // RFC 3834 §5: any value but `no`, which is a person's.
    if message
        .header_values("Auto-Submitted")
        .any(|value| !matches!(keyword(value).as_str(), "no" | ""))
    {
        return Some("auto_submitted");
    }
    if message.is_reaction() {
        return Some("reaction");
    }
    // Outlook writes a first line instead: "Ana reacted to your message:".
    let first_line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let first_line = fold(beginning(first_line, 200));
    if REACTIONS.stand_in(&fold(&message.subject)) || REACTIONS.stand_in(&first_line) {
        return Some("reaction");
    }
    if message.is_calendar() {
        return Some("calendar");
    }
    // Outlook's voting buttons: the vote stands in the subject and in a part that
    // only Outlook reads; the person wrote nothing.
    if message.has_tnef() && text.trim().is_empty() && is_vote(&message.subject) {
        return Some("voting");
    }
    for (name, values) in VENDOR_FIELDS {
        let stands = message.header_values(name).any(|value| {
            let word = keyword(value);
            !matches!(word.as_str(), "no" | "none" | "false" | "0")
                && (values.is_empty() || values.contains(&word.as_str()))
        });
        if stands {
            return Some("vendor_header");
        }
    }
    let precedence =
        ["Precedence", "X-Precedence"].into_iter().flat_map(|name| message.header_values(name));
    for value in precedence {
        match keyword(value).as_str() {
            "bulk" | "list" if list(message).is_some() => {}
            "bulk" | "list" | "junk" | "auto_reply" | "auto-reply" | "autoreply" => {
                return Some("precedence");
            }
            _ => {}
        }
    }
    None
}

/// "Approve: Budget", in Outlook's two pairs of buttons and a few languages.
fn is_vote(subject: &str) -> bool {
    const VOTES: [&str; 16] = [
        "approve",
        "reject",
        "yes",
        "no",
        "maybe",
        "genehmigen",
        "ablehnen",
        "ja",
        "nein",
        "approuver",
        "rejeter",
        "oui",
        "non",
        "aprobar",
        "rechazar",
        "aprovar",
    ];
    let folded = fold(subject);
    folded.split_once(':').is_some_and(|(vote, _)| VOTES.contains(&vote.trim()))
}

/// A field's first word, lower case, without comments and parameters.
fn keyword(value: &str) -> String {
    let word = super::parameters::Structured::parse(value).value;
    word.trim_matches('"').to_owned()
}

/// Fields that only responders and generators write; an empty list means that
/// any value counts.
const VENDOR_FIELDS: [(&str, &[&str]); 17] = [
    ("X-Autoreply", &[]),
    ("X-Auto-Reply", &[]),
    ("X-Autoreply-From", &[]),
    ("X-Auto-Reply-From", &[]),
    ("X-Autorespond", &[]),
    ("X-Autoresponder", &[]),
    ("X-Mail-Autoreply", &[]),
    ("X-Mail-Autoresponse", &[]),
    ("X-Mdaemon-Autoresponder", &[]),
    ("X-Autogenerated", &[]),
    ("X-FC-MachineGenerated", &[]),
    ("X-Ms-Exchange-Generated-Message-Source", &[]),
    ("X-Vacation", &[]),
    ("X-POST-MessageClass", &["9"]),
    ("Delivered-By-The-Graces-of-Autoresponder", &[]),
    ("Delivered-To-Autoresponder", &[]),
    ("Delivered-By-Autoresponder", &[]),
];

static REACTIONS: Phrases = phrases!["reactions.txt"];

/// Mail that went through a list; even a person's answer there is addressed
/// to many, and the list has rewritten it.
fn list(message: &Message) -> Option<&'static str> {
    // RFC 2369, RFC 2919.
    const FIELDS: [&str; 13] = [
        "List-Id",
        "List-Post",
        "List-Help",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "List-Subscribe",
        "List-Owner",
        "List-Archive",
        "Mailing-List",
        "X-Mailing-List",
        "X-BeenThere",
        "X-Mailman-Version",
        "X-Listserver",
    ];
    FIELDS.iter().any(|name| message.header_values(name).next().is_some()).then_some("list_header")
}

/// The plain text, or the HTML with its tags roughly taken out: enough to
/// recognise a program's turns of phrase.
fn shown_text(message: &Message) -> String {
    const CHARS: usize = 40_000;
    match (&message.plain, &message.html) {
        (Some(plain), _) if !plain.trim().is_empty() => beginning(plain, CHARS).to_owned(),
        (_, Some(html)) => without_tags(html, CHARS),
        _ => String::new(),
    }
}

fn without_tags(html: &str, chars_max: usize) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    let mut silent: Option<&str> = None;
    let mut rest = html.get(..html.floor_char_boundary(chars_max * 5)).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        if c == '<' {
            let head: String = rest.chars().take(8).collect::<String>().to_ascii_lowercase();
            match silent {
                Some(end) if head.starts_with(end) => silent = None,
                None if head.starts_with("<style") => silent = Some("</style"),
                None if head.starts_with("<script") => silent = Some("</script"),
                _ => {}
            }
            if ["<br", "<p", "</p", "<div", "</div", "<tr", "</tr", "<li"]
                .iter()
                .any(|tag| head.starts_with(tag))
            {
                text.push('\n');
            }
            in_tag = true;
        } else if c == '>' && in_tag {
            in_tag = false;
        } else if !in_tag && silent.is_none() {
            text.push(if c == '\n' || c == '\r' { ' ' } else { c });
        }
        rest = &rest[c.len_utf8()..];
    }
    text.replace("&nbsp;", " ")
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::parse::{Limits, parse};

    const OURS: &str = "6f1c1a2e-0000-4000-8000-000000000001";

    /// `head` stands above a plain human reply.
    fn check(head: &str, body: &str, origin_expected: Origin, because: &str) {
        let from = if head.to_ascii_lowercase().contains("from:") {
            ""
        } else {
            "From: Ana <ana@x.test>\r\n"
        };
        let subject = if head.to_ascii_lowercase().contains("subject:") {
            ""
        } else {
            "Subject: Re: Access\r\n"
        };
        let end = if head.is_empty() || head.contains("\r\n\r\n") { "" } else { "\r\n" };
        let raw = format!("{from}{subject}{head}{end}\r\n{body}");
        let message = parse(raw.as_bytes(), &Limits::default());
        let addresses = [EmailAddress::parse("access@own.test").unwrap()];
        let ours = Ours { instance: OURS.parse().unwrap(), addresses: &addresses };
        let judged = origin(&message, raw.as_bytes(), &ours);
        assert_eq!((judged.origin, judged.because), (origin_expected, because), "{raw}");
    }

    #[test]
    fn a_person_is_a_person() {
        for head in [
            "",
            "Auto-Submitted: no",
            "Auto-Submitted: No (a person)",
            "X-Auto-Response-Suppress: All",
            "Feedback-ID: 1:2:3",
            "Return-Path: <ana@x.test>",
            "Subject: Accepted: Access",
            "Subject: Approve: Access",
            "Subject: RE: out of office access",
            "Subject: Fwd: Undeliverable: Access",
            "From: postmaster@x.test",
            "X-Countersign-Instance: 6f1c1a2e-0000-4000-8000-000000000002",
        ] {
            check(head, "Approved.", Origin::Person, "nothing_automatic");
        }
    }

    #[test]
    fn programs_that_say_so_are_believed() {
        let auto = |head, because| check(head, "yes", Origin::AutoReply, because);
        auto("Auto-Submitted: auto-replied", "auto_submitted");
        auto("Auto-Submitted: auto-generated; owner-email=\"a@x.test\"", "auto_submitted");
        auto("Auto-Submitted: (no) auto-notified", "auto_submitted");
        auto("Precedence: bulk", "precedence");
        auto("X-Precedence: auto_reply", "precedence");
        auto("X-Autoreply: yes", "vendor_header");
        auto("X-Autorespond: Access", "vendor_header");
        auto("X-FC-MachineGenerated: true", "vendor_header");
        auto("Subject: Automatic reply: Access", "absence_subject");
        auto("Return-Path: <>\r\nSubject: Automatic reply: Access", "absence_subject");
        auto("Content-Type: text/calendar; method=REPLY", "calendar");
        auto("Content-Type: text/vnd.google.email-reaction+json", "reaction");
    }

    #[test]
    fn an_absence_note_without_a_word_in_its_header_is_known() {
        check("", "I am out of the office until 4 May.\r\n", Origin::AutoReply, "absence_body");
        check("", "Approved. I am out of office from Monday.", Origin::Person, "nothing_automatic");
    }

    #[test]
    fn an_emoji_put_under_a_mail_is_no_answer() {
        let body = "\u{1f44d} Ana Silva reacted to your message:\r\n\r\nFrom: Access\r\n";
        check("", body, Origin::AutoReply, "reaction");
    }

    #[test]
    fn lists_are_no_persons() {
        check("List-Id: <team.x.test>", "yes", Origin::List, "list_header");
        check(
            "Precedence: list\r\nList-Post: <mailto:a@x.test>",
            "yes",
            Origin::List,
            "list_header",
        );
    }

    #[test]
    fn what_nobody_may_answer_is_a_bounce() {
        check("Return-Path: <>", "yes", Origin::Bounce, "null_return_path");
        check("From: MAILER-DAEMON@x.test", "yes", Origin::Bounce, "daemon_sender");
        check(
            "From: Mail System <>\r\nSubject: Access",
            "It could not be delivered.",
            Origin::Bounce,
            "bounce_body",
        );
        check(
            "Return-Path: <MAILER-DAEMON>\r\nSubject: Access",
            "No such user.",
            Origin::Bounce,
            "bounce_body",
        );
        check("X-Failed-Recipients: a@x.test", "yes", Origin::Bounce, "failed_recipients_header");
        check(
            "Subject: Undelivered Mail Returned to Sender",
            "x",
            Origin::Bounce,
            "bounce_subject",
        );
        check("Subject: Nicht zustellbar: Zugriff", "x", Origin::Bounce, "bounce_subject");
    }

    #[test]
    fn reports_are_known_by_their_type() {
        let report = |kind: &str, part: &str| {
            format!(
                "Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n--b\r\n\r\nyes\r\n\
                 --b\r\nContent-Type: message/{part}\r\n\r\nVersion: 1\r\n\r\n--b--\r\n"
            )
        };
        for (kind, origin, because) in [
            ("delivery-status", Origin::Bounce, "report_delivery_status"),
            ("disposition-notification", Origin::ReadReceipt, "report_disposition"),
            ("feedback-report", Origin::FeedbackReport, "report_feedback"),
        ] {
            check(&report(kind, kind), "", origin, because);
        }
        check(&report("made-up", "x-made-up"), "", Origin::AutoReply, "report_other");
    }

    #[test]
    fn our_own_mail_is_known_at_the_top_only() {
        let own = format!("{INSTANCE_HEADER}: {OURS}");
        check(&own, "Please answer.", Origin::Loop, "own_instance_header");
        check("From: Access <ACCESS@own.test>", "Please answer.", Origin::Loop, "from_own_address");
        let bounce = format!(
            "From: mailer-daemon@x.test\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\
             \r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{own}\r\n\r\nx\r\n--b--\r\n"
        );
        check(&bounce, "", Origin::Bounce, "report_delivery_status");
    }
}

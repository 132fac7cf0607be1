//! A mail, read once and for all.
//!
//! There is one reader, ours, because a library that mends broken mails in
//! silence decides for us what a forged one says. It never fails: what is
//! wrong stands in `structure`, what can be read is read, and the caller
//! refuses to decide on a mail whose structure has two readings.

use chrono::{DateTime, FixedOffset};

use super::{
    encoded_word, findings::Findings, header, mailbox, structure, structure::Part, thread, views,
};
pub use super::{
    findings::Finding,
    header::Header,
    mailbox::{FromProblem, Mailbox},
    views::Attachment,
};
use crate::domain::address::EmailAddress;

/// How much of a mail is read at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub size_bytes_max: usize,
    /// Multiparts inside each other.
    pub nesting_max: usize,
    pub parts_max: usize,
    /// Per header block, folded lines counted.
    pub header_lines_max: usize,
    /// Per field.
    pub header_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size_bytes_max: 25 * 1024 * 1024,
            nesting_max: 20,
            parts_max: 200,
            header_lines_max: 1000,
            header_bytes_max: 65_536,
        }
    }
}

/// Where a bounce of this mail would have gone (RFC 5321 §4.4), by the
/// topmost Return-Path, which the receiving server writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReturnPath {
    Absent,
    /// `<>`: nobody is to answer this mail.
    Null,
    Address(EmailAddress),
    Unreadable,
}

/// What a mail says.
#[derive(Debug, Clone)]
pub struct Message {
    /// The mail's own fields, topmost first; none of its parts'.
    pub headers: Vec<Header>,
    pub size_bytes: usize,
    pub structure: Vec<Finding>,
    pub from: Result<Mailbox, FromProblem>,
    pub sender: Option<EmailAddress>,
    pub return_path: ReturnPath,
    /// Of the only To field; empty where there are two.
    pub to: Vec<Mailbox>,
    /// Of the only Cc field; empty where there are two.
    pub cc: Vec<Mailbox>,
    /// Decoded, on one line.
    pub subject: String,
    /// Ids come without their brackets.
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// What the writer's clock said; proves nothing.
    pub date: Option<DateTime<FixedOffset>>,
    /// The plain text, LF line ends, flowed lines joined.
    pub plain: Option<String>,
    /// The source of the HTML text.
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    pub(super) parts: Vec<Part>,
    /// Of the first calendar part, lower case.
    calendar_method: Option<String>,
}

/// Reads a mail. Never fails and never panics; takes time in proportion to
/// the mail's size.
pub fn parse(raw: &[u8], limits: &Limits) -> Message {
    let mut findings = Findings::default();
    // What is too large is read up to the limit, so that the sender and the
    // subject can be told; it never decides.
    let read = raw.get(..limits.size_bytes_max).unwrap_or(raw);
    if read.len() < raw.len() {
        findings.fatal("over_size_limit", &raw.len().to_string());
    }
    let parts = structure::read(read, limits, &mut findings);
    let views = views::read(read, &parts, limits, &mut findings);
    let headers = parts
        .first()
        .map(|top| top.headers.clone())
        .unwrap_or_default();
    notice_hidden_controls(&headers, &mut findings);
    notice_bare_cr(read, &parts, &mut findings);
    let first = |name| header::values(&headers, name).next();
    Message {
        size_bytes: raw.len(),
        structure: findings.into_list(),
        from: mailbox::from(&headers),
        sender: only(&headers, "Sender")
            .and_then(|field| mailbox::one(field).ok())
            .map(|it| it.address),
        return_path: return_path(first("Return-Path")),
        to: only(&headers, "To").map(mailbox::many).unwrap_or_default(),
        cc: only(&headers, "Cc").map(mailbox::many).unwrap_or_default(),
        subject: encoded_word::decode(first("Subject").unwrap_or_default())
            .replace(['\r', '\n'], " "),
        message_id: only(&headers, "Message-ID")
            .and_then(|field| thread::ids(field).into_iter().next()),
        in_reply_to: only(&headers, "In-Reply-To")
            .map(thread::ids)
            .unwrap_or_default(),
        references: only(&headers, "References")
            .map(thread::ids)
            .unwrap_or_default(),
        date: first("Date").and_then(date),
        plain: views.plain,
        html: views.html,
        attachments: views.attachments,
        calendar_method: calendar_method(read, &parts),
        headers,
        parts,
    }
}

impl Message {
    /// The first finding that forbids a decision.
    pub fn has_disqualifying_structure(&self) -> Option<&Finding> {
        self.structure.iter().find(|finding| finding.disqualifies)
    }

    /// The values of every field of that name, topmost first.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        header::values(&self.headers, name)
    }

    /// The media type of the whole mail, `multipart/report`.
    pub fn content_type(&self) -> &str {
        self.parts.first().map_or("text/plain", Part::media_type)
    }

    /// A meeting invitation or an answer to one: a calendar part with a method
    /// (RFC 6047 §2.4), not a calendar file attached by a person.
    pub fn is_calendar(&self) -> bool {
        self.calendar_method
            .as_deref()
            .is_some_and(|method| method != "publish")
    }

    /// Has a `winmail.dat`: the words may be in there, where we do not look.
    pub fn has_tnef(&self) -> bool {
        self.attachments.iter().any(Attachment::is_tnef)
    }

    /// An emoji put under a mail (Gmail's format), not an answer.
    pub fn is_reaction(&self) -> bool {
        self.parts
            .iter()
            .any(|part| part.is("text/vnd.google.email-reaction+json"))
    }
}

/// The value of a field that stands once.
fn only<'a>(headers: &'a [Header], name: &'a str) -> Option<&'a str> {
    let mut values = header::values(headers, name);
    values.next().filter(|_| values.next().is_none())
}

fn return_path(field: Option<&str>) -> ReturnPath {
    let Some(field) = field else {
        return ReturnPath::Absent;
    };
    let path = field.trim();
    let path = path
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(path)
        .trim();
    if path.is_empty() {
        return ReturnPath::Null;
    }
    EmailAddress::parse(path).map_or(ReturnPath::Unreadable, ReturnPath::Address)
}

/// RFC 5322 §3.3; a comment with the zone's name often follows.
fn date(field: &str) -> Option<DateTime<FixedOffset>> {
    let field = field.split('(').next().unwrap_or_default().trim();
    DateTime::parse_from_rfc2822(field).ok()
}

/// By the parameter or, where a relay has lost it, by the first lines.
fn calendar_method(raw: &[u8], parts: &[Part]) -> Option<String> {
    let part = parts.iter().find(|part| part.is("text/calendar"))?;
    if let Some(method) = part.kind.text("method") {
        return Some(method.to_ascii_lowercase());
    }
    let text = part.decoded(raw);
    let head = String::from_utf8_lossy(text.get(..2_000).unwrap_or(&text)).to_ascii_lowercase();
    head.lines()
        .find_map(|line| line.trim().strip_prefix("method:").map(str::to_owned))
}

fn notice_hidden_controls(headers: &[Header], findings: &mut Findings) {
    for name in ["From", "Sender", "Reply-To", "To", "Cc", "Subject"] {
        if header::values(headers, name).any(encoded_word::hides_control) {
            findings.fatal("control_in_encoded_word", name);
        }
    }
}

/// A bare CR is a line end to some programs. In plain text that is harmless;
/// before dashes it can make a delimiter that only some see.
fn notice_bare_cr(raw: &[u8], parts: &[Part], findings: &mut Findings) {
    let Some(top) = parts.first().filter(|top| top.is_multipart()) else {
        return;
    };
    let body = raw.get(top.body.clone()).unwrap_or_default();
    if memchr::memmem::find(body, b"\r--").is_some() {
        findings.fatal("bare_cr_before_dashes", "");
    }
}

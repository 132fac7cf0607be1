//! A mail, read once and for all.
//!
//! Our own reader decides, because a library that mends broken mails in
//! silence decides for us what a forged one says; a second one may only
//! object. It never fails: what is wrong stands in `structure`, what can be
//! read is read, and the caller refuses to decide on a mail whose structure
//! has two readings.

use chrono::{DateTime, FixedOffset};

use super::{
    encoded_word, findings::Findings, header, mailbox, second_reader, structure, structure::Part,
    thread, views,
};
pub use super::{
    findings::Finding,
    header::Header,
    limits::Limits,
    mailbox::{FromProblem, Mailbox},
    views::Attachment,
};
use crate::domain::address::EmailAddress;

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
    let headers = parts.first().map(|top| top.headers.clone()).unwrap_or_default();
    notice_hidden_controls(&headers, &mut findings);
    notice_bare_cr(read, &parts, &mut findings);
    let sender = only(&headers, "Sender").map(mailbox::one);
    if let Some(Err(problem)) = &sender {
        // Whether it differs from From cannot be told.
        findings.fatal("sender_unreadable", problem.code());
    }
    let from = mailbox::from(&headers);
    if let Ok(from) = &from {
        second_reader::compare(read, &headers, from, &mut findings);
    }
    let first = |name| header::values(&headers, name).next();
    Message {
        size_bytes: raw.len(),
        structure: findings.into_list(),
        from,
        sender: sender.and_then(Result::ok).map(|it| it.address),
        return_path: return_path(first("Return-Path")),
        to: only(&headers, "To").map(mailbox::many).unwrap_or_default(),
        cc: only(&headers, "Cc").map(mailbox::many).unwrap_or_default(),
        subject: encoded_word::decode(first("Subject").unwrap_or_default())
            .replace(['\r', '\n'], " "),
        message_id: only(&headers, "Message-ID")
            .and_then(|field| thread::ids(field).into_iter().next()),
        in_reply_to: only(&headers, "In-Reply-To").map(thread::ids).unwrap_or_default(),
        references: only(&headers, "References").map(thread::ids).unwrap_or_default(),
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
        self.calendar_method.as_deref().is_some_and(|method| method != "publish")
    }

    /// Has a `winmail.dat`: the words may be in there, where we do not look.
    pub fn has_tnef(&self) -> bool {
        self.attachments.iter().any(Attachment::is_tnef)
    }

    /// An emoji put under a mail (Gmail's format), not an answer.
    pub fn is_reaction(&self) -> bool {
        self.parts.iter().any(|part| part.is("text/vnd.google.email-reaction+json"))
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
    let path =
        path.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(path).trim();
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
    head.lines().find_map(|line| line.trim().strip_prefix("method:").map(str::to_owned))
}

/// A display name with a line end in it is a trick. In a subject, which
/// decides nothing, some programs leave the one that was typed.
fn notice_hidden_controls(headers: &[Header], findings: &mut Findings) {
    for name in ["From", "Sender", "Reply-To", "To", "Cc"] {
        if header::values(headers, name).any(encoded_word::hides_control) {
            findings.fatal("control_in_encoded_word", name);
        }
    }
    for subject in header::values(headers, "Subject").filter(|it| encoded_word::hides_control(it)) {
        let shown = encoded_word::decode(subject);
        let is_worse = shown.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'));
        findings.add("control_in_encoded_word", "Subject", is_worse);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        ids::InstanceId,
        message::origin::{Ours, origin},
    };

    fn read(raw: &str) -> Message {
        parse(raw.replace('\n', "\r\n").as_bytes(), &Limits::default())
    }

    #[test]
    fn an_ordinary_answer_is_read_whole() {
        let message = read(
            "Return-Path: <ana@x.test>\nFrom: Ana Silva <ana@x.test>\nTo: Access <access+tok@own.test>\n\
             Cc: bob@x.test, \"C, d\" <cd@x.test>\nSubject: =?utf-8?Q?Re:_Acc=C3=A8s?=\n\
             Date: Sat, 21 Nov 2026 10:00:00 +0100 (CET)\nMessage-ID: <a1@x.test>\nIn-Reply-To: <r1@own.test>\n\
             References: <r0@own.test>\n <r1@own.test>\nMIME-Version: 1.0\n\nApproved.\n",
        );
        assert_eq!(message.structure, []);
        assert_eq!(message.from.as_ref().unwrap().address.to_string(), "ana@x.test");
        assert_eq!(
            message.return_path,
            ReturnPath::Address(EmailAddress::parse("ana@x.test").unwrap())
        );
        assert_eq!(message.to.len() + message.cc.len(), 3);
        assert_eq!(message.subject, "Re: Acc\u{e8}s");
        assert_eq!(message.date.unwrap().to_rfc3339(), "2026-11-21T10:00:00+01:00");
        assert_eq!(message.message_id.as_deref(), Some("a1@x.test"));
        assert_eq!(message.in_reply_to, ["r1@own.test"]);
        assert_eq!(message.references, ["r0@own.test", "r1@own.test"]);
        assert_eq!(message.plain.as_deref(), Some("Approved.\n"));
    }

    #[test]
    fn what_stands_twice_counts_for_nothing() {
        let message =
            read("From: a@x.test\nFrom: b@x.test\nTo: c@own.test\nTo: d@own.test\n\nyes\n");
        assert_eq!(message.from, Err(FromProblem::SeveralHeaders));
        assert_eq!(message.to, []);
        assert_eq!(message.has_disqualifying_structure().unwrap().code, "header_repeated");
    }

    #[test]
    fn a_sender_field_is_read_or_reported() {
        let sender = |field: &str| {
            let message = read(&format!("From: a@x.test\nSender: {field}\n\nyes"));
            (message.sender.map(|it| it.to_string()), message.structure.first().map(|it| it.code))
        };
        assert_eq!(sender("B <b@x.test>"), (Some("b@x.test".to_owned()), None));
        assert_eq!(sender("b@x.test, c@x.test"), (None, Some("sender_unreadable")));
    }

    #[test]
    fn return_paths_are_told_apart() {
        let path = |head: &str| read(&format!("{head}From: a@x.test\n\nyes")).return_path;
        assert_eq!(path(""), ReturnPath::Absent);
        assert_eq!(path("Return-Path: <>\n"), ReturnPath::Null);
        assert_eq!(path("Return-Path: <MAILER-DAEMON>\n"), ReturnPath::Unreadable);
    }

    #[test]
    fn hidden_line_ends_and_dashes_are_reported() {
        let code = |raw: &str| {
            let message = parse(raw.as_bytes(), &Limits::default());
            message.has_disqualifying_structure().map(|it| it.code)
        };
        let hidden = Some("control_in_encoded_word");
        assert_eq!(code("From: =?utf-8?Q?a=0Ab?= <a@x.test>\r\n\r\nyes"), hidden);
        assert_eq!(code("Subject: =?utf-8?Q?a=1Bb?=\r\n\r\nyes"), hidden);
        assert_eq!(code("Subject: =?utf-8?Q?a=0A?=\r\n\r\nyes"), None);
        let multi = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r--b--\r\n--b--\r\n";
        assert_eq!(code(multi), Some("bare_cr_before_dashes"));
    }

    #[test]
    fn too_large_a_mail_never_decides() {
        let limits = Limits { size_bytes_max: 40, ..Limits::default() };
        let message =
            parse(format!("From: a@x.test\r\n\r\n{}", "yes ".repeat(20)).as_bytes(), &limits);
        assert_eq!(message.has_disqualifying_structure().unwrap().code, "over_size_limit");
        assert_eq!(message.from.unwrap().address.to_string(), "a@x.test");
    }

    #[test]
    fn bombs_take_no_more_time_than_their_size() {
        // Each would take minutes if anything were quadratic in it.
        let bombs = [
            "(".repeat(1 << 20),
            format!("Content-Type: {}", "(;=\"".repeat(16_000)),
            format!("Subject: {}\r\n\r\n", "=?a?b?".repeat(10_000)),
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n".repeat(20_000),
            format!(
                "Content-Type: multipart/mixed; boundary=a\r\n\r\n{}",
                "--a\r\n".repeat(200_000)
            ),
            format!("From: {}\r\n\r\n", "<\",(".repeat(15_000)),
            format!(
                "Content-Type: text/plain; format=flowed\r\n\r\n{}",
                "> \r\n>> ".repeat(150_000)
            ),
            format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{}", "= ".repeat(500_000)),
            "a:b\n".repeat(250_000),
        ];
        let ours = Ours { instance: InstanceId(uuid::Uuid::nil()), addresses: &[] };
        for bomb in &bombs {
            let message = parse(bomb.as_bytes(), &Limits::default());
            origin(&message, bomb.as_bytes(), &ours);
            assert!(message.structure.len() < 60 && message.parts.len() <= 200);
        }
    }

    fn base64(text: &[u8]) -> String {
        let coded = data_encoding::BASE64.encode(text);
        coded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n").collect()
    }

    fn quoted_printable(text: &[u8]) -> String {
        let mut coded = String::new();
        let mut column = 0;
        for &byte in text {
            let piece = match byte {
                b'\n' => {
                    column = 0;
                    coded.push_str("\r\n");
                    continue;
                }
                b'!'..=b'<' | b'>'..=b'~' => char::from(byte).to_string(),
                _ => format!("={byte:02X}"),
            };
            if column + piece.len() > 75 {
                coded.push_str("=\r\n");
                column = 0;
            }
            column += piece.len();
            coded.push_str(&piece);
        }
        coded
    }

    /// Pieces of mails, put together at random.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            prop::sample::select(vec![
                "\r\n",
                "\n",
                "\r",
                "From: ",
                "a@x.test",
                "Content-Type: multipart/mixed; boundary=b\r\n",
                "Content-Type: multipart/alternative; boundary=\"c\"\r\n",
                "--b\r\n",
                "--b--\r\n",
                "--c\r\n",
                "--c--",
                "Content-Transfer-Encoding: base64\r\n",
                "Content-Transfer-Encoding: quoted-printable\r\n",
                "=?utf-8?B?",
                "?=",
                "=\r\n",
                "Content-Type: text/plain; charset=utf-16; format=flowed\r\n",
                "Content-Type: message/rfc822\r\n",
                "Content-Type: application/pkcs7-mime\r\n",
                "Content-Type: message/delivery-status\r\n",
                "Content-Type: message/disposition-notification\r\n",
                "Disposition: ;",
                "Status: 5.1.1\r\n",
                "(",
                "\"",
                "<",
                ">",
                ";",
                "*0*=",
                "Subject: ",
                "MIAGCSqGSIb3DQEHAqCA",
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pieces in prop::collection::vec(piece(), 0..60)) {
            let raw = pieces.concat();
            let limits = Limits { nesting_max: 4, parts_max: 12, ..Limits::default() };
            let ours = Ours { instance: InstanceId(uuid::Uuid::nil()), addresses: &[] };
            let message = parse(&raw, &limits);
            origin(&message, &raw, &ours);
            prop_assert!(message.parts.len() <= 12);
        }

        #[test]
        fn the_same_words_are_read_in_any_encoding(words in "[a-zA-Z0-9 =.,\u{e4}\u{f6}\u{fc}\u{df}\u{e9}\u{f1}\n]{0,200}") {
            let utf_8 = words.as_bytes().to_vec();
            let latin_1: Vec<u8> = words.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            for (charset, bytes) in [("utf-8", utf_8), ("ISO-8859-1", latin_1.clone()), ("windows-1252", latin_1)] {
                let bare = bytes.iter().flat_map(|&b| if b == b'\n' { vec![b'\r', b'\n'] } else { vec![b] });
                for (encoding, body) in [
                    ("8bit", bare.collect::<Vec<u8>>()),
                    ("quoted-printable", quoted_printable(&bytes).into_bytes()),
                    ("base64", base64(&bytes).into_bytes()),
                ] {
                    let head = format!(
                        "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
                    );
                    let message = parse(&[head.as_bytes(), &body].concat(), &Limits::default());
                    prop_assert_eq!(message.plain.as_deref(), Some(words.as_str()));
                    prop_assert!(message.has_disqualifying_structure().is_none());
                }
            }
        }
    }
}

//! A second opinion on who wrote the mail.
//!
//! Our reader decides, but the mail passed other programs on its way: the
//! sender's own server, the one that verified it, the one that showed it to a
//! person. Mails are forged where two of them read From differently. So a
//! reader of another making, lenient where ours is strict, reads the head as
//! well; where the two disagree the mail never decides. It adds doubt and
//! never a fact.

use std::panic::catch_unwind;

use mail_parser::{Address, HeaderName, HeaderValue, MessageParser};

use super::{
    findings::Findings,
    header::{self, Header},
    mailbox::Mailbox,
};
use crate::domain::address::EmailAddress;

/// No honest head is longer; what lies behind is not compared.
const HEAD_BYTES_MAX: usize = 1 << 20;

/// Reports where the second reader sees another From, another number of them,
/// or another plain Subject. Not asked about mails that cannot decide anyway.
pub(super) fn compare(raw: &[u8], headers: &[Header], from: &Mailbox, findings: &mut Findings) {
    if findings.has_fatal() {
        return;
    }
    let head = raw.get(..HEAD_BYTES_MAX).unwrap_or(raw);
    let Ok(second) = catch_unwind(|| Second::read(head)) else {
        findings.fatal("readers_disagree", "the second reader gave up");
        return;
    };
    if let Some(difference) = second.differs_from(from, plain_subject(headers)) {
        findings.fatal("readers_disagree", &difference);
    }
}

/// What the second reader makes of a head.
#[derive(Default)]
struct Second {
    from: Vec<String>,
    subjects: Vec<String>,
}

impl Second {
    fn read(head: &[u8]) -> Self {
        let parser = MessageParser::new()
            .header_address(HeaderName::From)
            .header_text(HeaderName::Subject)
            .default_header_ignore();
        let Some(message) = parser.parse_headers(head) else {
            return Self::default();
        };
        let mut second = Self::default();
        for header in message.headers() {
            match (&header.name, &header.value) {
                (HeaderName::From, HeaderValue::Address(from)) => second.hear(from),
                (HeaderName::From, _) => second.from.push(String::new()),
                (HeaderName::Subject, HeaderValue::Text(text)) => {
                    second.subjects.push(text.to_string());
                }
                _ => {}
            }
        }
        second
    }

    fn hear(&mut self, from: &Address<'_>) {
        let addresses = from.iter().map(|it| it.address().unwrap_or_default().to_owned());
        self.from.extend(addresses);
    }

    /// In words, for people.
    fn differs_from(&self, from: &Mailbox, subject: Option<&str>) -> Option<String> {
        let [address] = self.from.as_slice() else {
            return Some(format!("the second reader sees {} From mailboxes", self.from.len()));
        };
        let is_same =
            EmailAddress::parse(address).is_ok_and(|it| it.is_same_mailbox(&from.address));
        if !is_same {
            return Some(format!("From is {} or {address}", from.address));
        }
        let subject = subject?;
        match self.subjects.as_slice() {
            [only] if words(only) == words(subject) => None,
            [] if words(subject).is_empty() => None,
            [only] => Some(format!("Subject is `{subject}` or `{only}`")),
            others => Some(format!("the second reader sees {} Subjects", others.len())),
        }
    }
}

/// A Subject in plain ASCII: about encodings, honest readers differ.
fn plain_subject(headers: &[Header]) -> Option<&str> {
    let subject = header::values(headers, "Subject").next()?;
    (subject.is_ascii() && !subject.contains("=?")).then_some(subject)
}

/// Without white space, which each reader folds in its own way.
fn words(subject: &str) -> String {
    subject.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::parse::{Limits, Message, parse};

    fn read(head: &str) -> Message {
        parse(
            format!("{}\r\n\r\nApproved.\r\n", head.replace('\n', "\r\n")).as_bytes(),
            &Limits::default(),
        )
    }

    fn agrees(head: &str) {
        assert_eq!(read(head).structure, [], "{head}");
    }

    /// Nobody is named, or the mail is disqualified: either way no decision.
    fn decides_nothing(head: &str) {
        let message = read(head);
        let refused = message.from.is_err() || message.has_disqualifying_structure().is_some();
        assert!(refused, "{head}\n{:?}", message.from);
    }

    #[test]
    fn honest_senders_are_read_alike() {
        for from in [
            "ana@x.test",
            "Ana Silva <ana@x.test>",
            "\"Silva, Ana\" <ana@x.test>",
            "\"Silva, Ana (IT)\" <Ana@X.test>",
            "=?utf-8?Q?Jos=C3=A9_Silva?= <jose@x.test>",
            "=?utf-8?B?5bGx55Sw?=\n =?utf-8?B?5aSq6YOO?= <yamada@x.test>",
            "ana@x.test (Ana)",
            "Ana\n <ana@x.test>",
            "\"ana@x.test\" <ana@x.test>",
            "ana@x.test <ana@x.test>",
            "\"O'Neil \\\"Al\\\" Jr.\" <al@x.test>",
            "Al O'Neil [IT] <al+x=y@x.test>",
        ] {
            agrees(&format!("From: {from}\nSubject: Re: access"));
            agrees(&format!("Subject: Re:\n\taccess, (please) <now>\nFROM:{from}"));
        }
    }

    #[test]
    fn doubled_senders_decide_nothing() {
        decides_nothing("From: a@x.test\nFrom: b@y.test");
        decides_nothing("From: a@x.test\nfrom : b@y.test");
        decides_nothing("From: a@x.test\nFROM\t: b@y.test");
        decides_nothing("From: a@x.test\n\x0cFrom: b@y.test");
        decides_nothing("From: a@x.test\rFrom: b@y.test");
        decides_nothing(" From: b@y.test\nFrom: a@x.test");
        decides_nothing("From: a@x.test\nFrom\0: b@y.test");
    }

    #[test]
    fn lists_groups_and_routes_decide_nothing() {
        decides_nothing("From: a@x.test, b@y.test");
        decides_nothing("From: a@x.test; b@y.test");
        decides_nothing("From: team:a@x.test,b@y.test;");
        decides_nothing("From: x:;a@x.test");
        decides_nothing("From: <@y.test:a@x.test>");
        decides_nothing("From: <a@x.test>, <b@y.test>");
        decides_nothing("From: ,a@x.test, b@y.test");
    }

    #[test]
    fn addresses_in_names_and_comments_decide_nothing_or_name_the_same() {
        decides_nothing("From: a@x.test <b@y.test>");
        decides_nothing("From: <a@x.test> <b@y.test>");
        decides_nothing("From: <a@x.test>b@y.test");
        decides_nothing("From: <a@x.test@y.test>");
        decides_nothing("From: <\"a@x.test>\"@y.test>");
        decides_nothing("From: \"a@x.test>,\"<b@y.test");
        decides_nothing("From: a@x.test\0@y.test");
        decides_nothing("From: =?utf-8?Q?a=40x.test?=@y.test");
        decides_nothing("From: <=?utf-8?Q?a=40x.test=3E?=@y.test>");
        decides_nothing("From: =?utf-8?Q?=3Ca=40x.test=3E?=");
    }

    #[test]
    fn a_difference_is_told_in_words() {
        let mailbox =
            |address: &str| Mailbox { name: None, address: EmailAddress::parse(address).unwrap() };
        let difference =
            |head: &[u8]| Second::read(head).differs_from(&mailbox("a@x.test"), Some("S"));
        assert_eq!(difference(b"From: A@X.TEST\r\nSubject: S\r\n\r\n"), None);
        assert_eq!(
            difference(b"From: b@y.test\r\nSubject: S\r\n\r\n").as_deref(),
            Some("From is a@x.test or b@y.test")
        );
        assert_eq!(
            difference(b"Subject: S\r\n\r\nFrom: a@x.test").as_deref(),
            Some("the second reader sees 0 From mailboxes")
        );
        assert_eq!(
            difference(b"From: a@x.test\r\nSubject: T\r\n\r\n").as_deref(),
            Some("Subject is `S` or `T`")
        );
    }

    #[test]
    fn a_flood_costs_no_more_than_its_size() {
        for piece in ["(", "\"", "<", "=?utf-8?Q?", "a@b,", ":;", "\\"] {
            let field = piece.repeat(60_000 / piece.len());
            read(&format!("From: a@x.test\nSubject: {field}"));
            read(&format!("From: {field}"));
        }
    }
}

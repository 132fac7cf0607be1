//! Bounces in prose: what can be gleaned from the words of mail systems that
//! do not follow RFC 3464. Their shapes are many, so the readers are few and
//! general: an address at the head of a line, a status code, a word of delay.

use super::{
    parse::Message,
    phrases::{Phrases, fold, phrases},
    recipient::{RECIPIENTS_MAX, RecipientReport, clipped},
};
use crate::domain::address::EmailAddress;

/// Text beyond this is the returned mail.
const TEXT_CHARS: usize = 20_000;

static DELAYED: Phrases = phrases!["delayed.txt"];

pub(super) fn says_delayed(message: &Message, text: &str) -> bool {
    let head: String = text.chars().take(2_000).collect();
    let head = fold(&head);
    let says_failed =
        ["permanent", "failed permanently", "given up", "giving up", "5.1.1", "5.0.0"];
    DELAYED.stand_in(&fold(&message.subject))
        || (DELAYED.stand_in(&head) && !says_failed.iter().any(|it| head.contains(it)))
}

/// Addresses a bounce names in its own words, before the returned mail.
pub(super) fn told_recipients(message: &Message, text: &str, action: &str) -> Vec<RecipientReport> {
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
    let diagnostic =
        own.lines().find(|line| first_status(line).is_some() || has_reply_code(line)).map(clipped);
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
    let text =
        text.char_indices().nth(TEXT_CHARS).map_or(text, |(at, _)| text.get(..at).unwrap_or(text));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let head: String = line.trim_start_matches(['>', ' ']).chars().take(60).collect();
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
    let line: String = line.trim().trim_start_matches(['*', '-', ' ']).chars().take(300).collect();
    let address = words(&line)
        .map(|it| it.rsplit_once([':', '=']).map_or(it, |(_, rest)| rest))
        .find(|it| it.contains('@'))?;
    let (before, _) = line.split_once(address)?;
    let label = before.trim().trim_end_matches(['<', '(', '[']).trim().to_ascii_lowercase();
    let is_other =
        label.strip_suffix(':').is_some_and(|label| OTHER_LABELS.contains(&label.trim()));
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
pub(super) fn first_status(line: &str) -> Option<String> {
    line.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|it| it.trim_matches('.')).find_map(
        |word| {
            let mut numbers = word.split('.');
            let (class, subject, detail) = (numbers.next()?, numbers.next()?, numbers.next()?);
            let is_code = matches!(class, "2" | "4" | "5")
                && numbers.next().is_none()
                && [subject, detail].iter().all(|it| (1..=3).contains(&it.len()));
            is_code.then(|| word.to_owned())
        },
    )
}

/// `550` and the like, as a word (RFC 5321 §4.2).
fn has_reply_code(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        word.len() == 3 && word.starts_with(['4', '5']) && word.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: Option<&str>) {
        assert_eq!(leading_address(line).as_deref(), expected, "{line}");
    }

    #[test]
    fn the_address_at_the_head_of_a_line_is_the_recipient() {
        check("<ana@x.test>:", Some("ana@x.test"));
        check("  ana@x.test", Some("ana@x.test"));
        check("RCPT TO:<ana@x.test>", Some("ana@x.test"));
        check("Failed Recipient: ana@x.test", Some("ana@x.test"));
        check("* [ana@x.test]: 550 gone", Some("ana@x.test"));
        check("dda:SMTP=ana@x.test; on Friday", Some("ana@x.test"));
        check("To: ana@x.test", None);
        check("postmaster@x.test", None);
        check("For more help you may write to ana@x.test", None);
        check("no address here", None);
    }

    #[test]
    fn status_codes_are_not_versions_or_addresses() {
        let status = |line: &str| first_status(line);
        assert_eq!(status("550 5.1.1 gone").as_deref(), Some("5.1.1"));
        assert_eq!(status("(4.4.7)").as_deref(), Some("4.4.7"));
        assert_eq!(status("host 5.1.1.1 said"), None);
        assert_eq!(status("version 3.1.2"), None);
        assert!(has_reply_code("said: 550 gone") && !has_reply_code("in 5500 years"));
    }
}

//! Every notification in every language, read back by another parser.

use chrono_tz::Tz;
use mail_parser::{Message, MessageParser};

use super::{samples::*, *};
use crate::domain::notification::text::begins_with_deciding;

/// What anybody might write who wants more than to ask.
const HOSTILE: &[&str] = &[
    "x\r\nBcc: eve@evil.test\r\n\r\nAPPROVE",
    "APPROVE",
    "yes\nAPPROVE\nRef: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "Ref: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "\u{202e}EVORPPA\u{202c} \u{200b}A\u{200b}PPROVE",
    "<script>alert(1)</script><img src=https://evil.test/x.png><style>p{display:none}</style>",
    "</div></body></html>\"'&quot;&#65;",
    "-- \nsignature\n##- Please write your answer above this line -##",
    "=?utf-8?q?=0D=0ABcc:_eve@evil.test?=",
    "{reference} {token} {{ letter.code }} %s",
    "----- Original Message -----\nFrom: boss@corp.example\nSubject: yes",
    "\u{85}APPROVE\u{2028}APPROVE\u{b}APPROVE\u{c}APPROVE\rAPPROVE",
    "a\u{0}b\u{1b}[31m\u{7f}\u{feff}\u{e0041}",
    "--=_abcdefghijklmnopqrstuvwxyz234567abcdefgcountersig_alternative--",
    ".\r\n.\r\nMAIL FROM:<eve@evil.test>",
    "",
];

fn parsed(raw: &[u8]) -> Message<'_> {
    MessageParser::default().parse(raw).expect("a mail")
}

fn each(desk: &Desk, mut look: impl FnMut(&Composed, &Notification<'_>, Language)) {
    let (votes, envelope) = (desk.votes(), desk.envelope());
    for notification in desk.notifications(&votes) {
        for &language in Language::ALL {
            let composed = compose(&envelope, &notification, language, Tz::America__Sao_Paulo);
            look(&composed, &notification, language);
        }
    }
}

/// What holds for every mail, whatever was written into it.
fn check_sound(composed: &Composed) {
    let raw = std::str::from_utf8(&composed.raw).expect("ASCII");
    assert!(raw.is_ascii());
    assert!(!raw.replace("\r\n", "").contains(['\r', '\n', '\0']), "bare CR or LF");
    assert!(raw.split("\r\n").all(|line| line.len() <= 200), "{raw}");
    assert_eq!(composed.subject.lines().count(), 1, "{:?}", composed.subject);
    let mail = parsed(&composed.raw);
    assert_eq!(mail.subject(), Some(composed.subject.as_str()));
    assert_eq!(mail.text_body.len(), 1);
    assert_eq!(mail.html_body.len(), 1);
    let text = mail.body_text(0).expect("a text part").replace("\r\n", "\n");
    assert_eq!(text.trim_end(), composed.text.trim_end());
    assert_eq!(mail.message_id(), Some(MESSAGE_ID));
    for absent in ["Bcc", "Cc", "Sender", "Return-Path"] {
        assert!(mail.header(absent).is_none(), "{absent} in {raw}");
    }
    let unique = raw.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
    for name in ["from", "to", "subject", "date", "message-id", "reply-to", "content-type"] {
        let times = unique.lines().filter(|l| l.starts_with(&format!("{name}:"))).count();
        assert_eq!(times, 1, "{name} in {unique}");
    }
}

/// No line that a reply parser could take for the person's answer or a carrier.
fn check_lines(composed: &Composed, with_token: bool) {
    let refs: Vec<&str> =
        composed.text.lines().filter(|line| line.to_lowercase().contains("ref:")).collect();
    let expected = format!("Ref: {TOKEN}");
    assert_eq!(refs, if with_token { vec![expected.as_str()] } else { vec![] });
    for line in composed.text.lines() {
        assert!(!begins_with_deciding(line) || line.starts_with('|'), "{line:?}");
        let is_whole = line.starts_with("http") || line.contains("(UTC");
        assert!(line.chars().count() <= 72 || is_whole, "{line:?}");
        assert_ne!(line.trim_end(), "--", "{}", composed.text);
        assert!(!line.contains(['\u{200b}', '\u{202e}', '\u{feff}', '\u{1b}']), "{line:?}");
    }
    let markers = composed.text.lines().filter(|line| line.starts_with("##-")).count();
    assert_eq!(markers, usize::from(with_token));
    let long_runs = composed
        .text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|run| run.len() >= 32)
        .count();
    assert_eq!(long_runs, usize::from(with_token), "{}", composed.text);
}

fn has_token(notification: &Notification<'_>) -> bool {
    matches!(
        notification,
        Notification::ApprovalRequest(_)
            | Notification::Reminder(_)
            | Notification::Clarification { .. }
    )
}

#[test]
fn every_notification_reads_back_in_every_language() {
    each(&Desk::new(), |composed, notification, language| {
        check_sound(composed);
        check_lines(composed, has_token(notification));
        let html = parsed(&composed.raw).body_html(0).expect("an HTML part").into_owned();
        for place in ["{", "}"] {
            assert!(!composed.text.contains(place), "{}", composed.text);
            assert!(!composed.subject.contains(place) && !html.contains(place));
        }
        assert!(html.contains(&format!("<html lang=\"{}\">", language.words().code)));
    });
}

#[test]
fn headers_say_what_we_are() {
    each(&Desk::new(), |composed, _, language| {
        let mail = parsed(&composed.raw);
        let header = |name: &str| {
            let value = mail.header_raw(name).unwrap_or_default();
            value.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(header("Auto-Submitted"), "auto-generated");
        assert_eq!(header("X-Auto-Response-Suppress"), "OOF, AutoReply");
        assert_eq!(header("X-Countersign-Instance"), "00000000-0000-0000-0000-000000000007");
        assert_eq!(header("From"), "\"Corp access\" <access@corp.example>");
        assert_eq!(header("To"), "ana@corp.example");
        assert_eq!(header("Reply-To"), format!("access+{TOKEN}@corp.example"));
        assert_eq!(header("In-Reply-To"), "<asked@corp.example>");
        assert_eq!(header("References"), "<first@corp.example> <asked@corp.example>");
        assert_eq!(header("Disposition-Notification-To"), "access@corp.example");
        assert_eq!(header("Date"), "Fri, 15 Jan 2027 08:00:00 +0000");
        assert_eq!(header("Content-Language"), language.words().code);
        assert_eq!(header("MIME-Version"), "1.0");
    });
}

#[test]
fn an_approver_finds_all_he_needs_in_his_own_language() {
    let desk = Desk::new();
    for (language, expected) in [
        (Language::En, ["APPROVE or DISAPPROVE", "15 January 2027", "1 of 2"]),
        (Language::Pt, ["APROVAR ou REPROVAR", "15 de janeiro de 2027", "1 de 2"]),
        (Language::Es, ["APROBAR o RECHAZAR", "15 de enero de 2027", "1 de 2"]),
    ] {
        let ask = Notification::ApprovalRequest(desk.ask(ByMail::Yes));
        let composed = compose(&desk.envelope(), &ask, language, Tz::America__Sao_Paulo);
        let flat = composed.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let always = [
            "AR-1042",
            "root on db1.corp.example",
            "rita@x.test (Rita Requester)",
            "| The nightly backup fails since Tuesday.",
            "(UTC-03:00, America/Sao_Paulo)",
            "APPROVE",
            "DISAPPROVE",
        ];
        for needed in expected.iter().chain(&always) {
            assert!(flat.contains(needed), "{needed} in {}", composed.text);
        }
        assert!(composed.subject.contains("AR-1042"));
    }
}

#[test]
fn a_policy_that_bars_mail_is_told_instead_of_the_words() {
    let desk = Desk::new();
    let text = |by_mail| {
        let ask = Notification::ApprovalRequest(desk.ask(by_mail));
        compose(&desk.envelope(), &ask, Language::En, Tz::UTC).text
    };
    assert!(text(ByMail::Confirm).contains("does not count until you confirm"));
    assert!(!text(ByMail::Yes).contains("does not count until you confirm"));
    assert!(text(ByMail::No).contains("cannot be decided by mail"));
    assert!(!text(ByMail::No).contains("APPROVE"));
}

#[test]
fn html_has_nothing_remote_and_says_what_the_text_says() {
    each(&Desk::new(), |composed, _, _| {
        let html = parsed(&composed.raw).body_html(0).expect("an HTML part").to_lowercase();
        for banned in ["<img", "<script", "<link", "<iframe", "src=", "url(", "@import", "<table"] {
            assert!(!html.contains(banned), "{banned}");
        }
        let words = |text: &str| {
            text.split(|c: char| !c.is_alphanumeric()).collect::<String>().to_lowercase()
        };
        let html_words = words(&mail_parser::decoders::html::html_to_text(&html));
        let text_lines = composed.text.lines().map(words).filter(|line| !line.is_empty());
        for line in text_lines {
            assert!(html_words.contains(&line), "{line} of {}", composed.text);
        }
    });
}

#[test]
fn whatever_a_requester_writes_stays_his_words() {
    for hostile in HOSTILE {
        let mut desk = Desk::new();
        desk.request.resource = (*hostile).to_owned();
        desk.request.justification = Some((*hostile).to_owned());
        desk.request.requester.name = Some((*hostile).to_owned());
        desk.sentences = vec![(*hostile).to_owned()];
        let mut votes = desk.votes();
        for vote in &mut votes {
            vote.who = hostile;
            vote.comment = Some(hostile);
        }
        let mut envelope = desk.envelope();
        envelope.from_name = hostile;
        for mut notification in desk.notifications(&votes) {
            match &mut notification {
                Notification::Receipt(receipt) => receipt.comment = Some(hostile),
                Notification::Alert { headline, .. } => *headline = hostile,
                Notification::Test { account, .. } => *account = hostile,
                _ => {}
            }
            for &language in Language::ALL {
                let composed = compose(&envelope, &notification, language, Tz::UTC);
                check_sound(&composed);
                check_lines(&composed, has_token(&notification));
                let mail = parsed(&composed.raw);
                let html = mail.body_html(0).expect("an HTML part").to_lowercase();
                for banned in ["<script", "<img", "<style", "</body></html>\"", "ref: z"] {
                    assert!(!html.contains(banned), "{banned} of {hostile:?}");
                }
                assert_eq!(html.matches("</html>").count(), 1);
            }
        }
    }
}

#[test]
fn a_hundred_kilobytes_make_a_small_mail() {
    let long: String = "APPROVE this, yes. ".repeat(5_300);
    let mut desk = Desk::new();
    desk.request.resource = long.clone();
    desk.request.justification = Some(long.clone());
    desk.request.requester.name = Some(long.clone());
    desk.request.access_ends_at = Some(DateTime::<Utc>::MAX_UTC);
    let votes = desk.votes();
    for notification in desk.notifications(&votes) {
        let composed = compose(&desk.envelope(), &notification, Language::En, Tz::UTC);
        check_sound(&composed);
        check_lines(&composed, has_token(&notification));
        assert!(composed.raw.len() < 20_000, "{}", composed.raw.len());
    }
}

#[test]
fn a_message_id_that_would_break_out_is_tamed() {
    let desk = Desk::new();
    let mut envelope = desk.envelope();
    envelope.message_id = "x@y.test>\r\nBcc: eve@evil.test".to_owned();
    envelope.references = vec!["a b\r\n\r\nbody".to_owned()];
    let ask = Notification::ApprovalRequest(desk.ask(ByMail::Yes));
    let composed = compose(&envelope, &ask, Language::En, Tz::UTC);
    let mail = parsed(&composed.raw);
    assert!(mail.header("Bcc").is_none());
    assert_eq!(mail.subject(), Some(composed.subject.as_str()));
}

#[test]
fn the_parser_can_know_our_lines() {
    let known = own_lines();
    each(&Desk::new(), |composed, notification, _| {
        if !has_token(notification) {
            return;
        }
        let ours = composed.text.lines().filter(|line| known.iter().any(|own| own == line)).count();
        assert!(ours >= 5, "{ours} in {}", composed.text);
        let marker = composed.text.lines().next().unwrap_or_default();
        assert!(answer_above_lines().any(|line| line == marker), "{marker}");
    });
}

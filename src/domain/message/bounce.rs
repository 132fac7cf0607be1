//! Bounces that do not follow RFC 3464, known by who sends them and how they
//! speak.
//!
//! A daemon's name is enough. A subject or a body is enough only where a
//! person would not write it: at the beginning, without `Re:`.

use super::{
    absence::is_reply,
    header,
    parse::{Message, ReturnPath},
    phrases::{Phrases, beginning, fold, phrases},
};

/// Local parts that belong to mail systems alone.
const DAEMONS: [&str; 12] = [
    "mailer-daemon",
    "mailer_daemon",
    "mailerdaemon",
    "mail-daemon",
    "maildaemon",
    "mdaemon",
    "mail.delivery.system",
    "mail-delivery-system",
    "mail-delivery-subsystem",
    "maildeliverysystem",
    "ndr",
    "bounce-daemon",
];

/// Local parts behind which a person may sit, too.
const OFFICES: [&str; 14] = [
    "postmaster",
    "postoffice",
    "admin",
    "administrator",
    "mailadmin",
    "mail-admin",
    "daemon",
    "system",
    "root",
    "smtp",
    "mail",
    "bounce",
    "bounces",
    "mailgateway",
];

static DAEMON_NAMES: Phrases = phrases!["daemon_names.txt"];

/// No person begins a subject so.
static SUBJECTS: Phrases = phrases!["bounce_subjects.txt"];

/// The end of a subject that keeps the original one in front.
static SUBJECT_ENDS: Phrases = phrases!["bounce_subject_ends.txt"];

/// Sentences of mail systems.
static SENTENCES: Phrases = phrases!["bounce_sentences.txt"];

/// Said by no person at the head of a mail.
static CONFESSIONS: Phrases = phrases!["bounce_confessions.txt"];

/// Why this mail is a bounce, if it is one: a stable rule code.
pub(super) fn because(message: &Message, text: &str) -> Option<&'static str> {
    if message.header_values("X-Failed-Recipients").next().is_some() {
        return Some("failed_recipients_header");
    }
    let subject = fold(&message.subject);
    let sender = Sender::of(message);
    let answers = is_reply(&subject);
    let subject_speaks =
        !answers && SUBJECTS.begin(subject.trim_start_matches(['*', '[', '(', '"', ' '])).is_some();
    let subject_ends = SUBJECT_ENDS.stand_in(&subject);
    if sender == Sender::Daemon {
        return Some("daemon_sender");
    }
    let returns_a_mail = || {
        message
            .attachments
            .iter()
            .any(|it| it.is_message() || it.content_type.starts_with("text/rfc822"))
    };
    let is_null = message.return_path == ReturnPath::Null;
    // A courier's delivery fails, too: somebody with an address of his own has
    // to speak like a mail system as well.
    let is_somebody = sender == Sender::Other
        && matches!(message.return_path, ReturnPath::Address(_))
        && !message.has_tnef();
    if subject_speaks && (!is_somebody || returns_a_mail()) {
        return Some("bounce_subject");
    }
    let may_speak = (sender == Sender::Office && !answers) || is_null || subject_ends;
    let may_confess = !answers && (message.in_reply_to.is_empty() || returns_a_mail());
    if !may_speak && !may_confess && !subject_speaks {
        return None;
    }
    let head = fold(beginning(text, 3_000));
    if subject_speaks && (SENTENCES.stand_in(&head) || CONFESSIONS.stand_in(&head)) {
        return Some("bounce_subject");
    }
    let speaks = may_speak && SENTENCES.stand_in(&head);
    let confesses = may_confess && CONFESSIONS.stand_in(beginning(&head, 500));
    (speaks || confesses).then_some("bounce_body")
}

#[derive(PartialEq, Eq)]
enum Sender {
    Daemon,
    Office,
    Other,
}

impl Sender {
    /// By the raw From, since bounces come with senders no parser accepts.
    fn of(message: &Message) -> Self {
        let fields: Vec<String> = header::values(&message.headers, "From").map(fold).collect();
        let local_of = |field: &str| {
            let before = field.rsplit_once('@').map_or(field, |(local, _)| local);
            let start = before
                .rfind(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | ','))
                .map_or(0, |at| at + 1);
            before.get(start..).unwrap_or_default().trim_matches(['<', '>', '"', '\\']).to_owned()
        };
        // Some servers write `<MAILER-DAEMON>` where the null path belongs.
        let path = message.header_values("Return-Path").next().map(|path| local_of(&fold(path)));
        let is_daemon = |local: &str| DAEMONS.contains(&local);
        let names_daemon = |field: &str| {
            let name = field.split('<').next().unwrap_or_default();
            let name = name.trim_start_matches(['"', '\'', ' ']);
            let comment = field.split_once('(').map_or("", |(_, inside)| inside);
            DAEMON_NAMES.begin(name).is_some() || DAEMON_NAMES.begin(comment).is_some()
        };
        if fields
            .iter()
            .any(|field| is_daemon(&local_of(field)) || field.starts_with("mailer-daemon"))
        {
            return Self::Daemon;
        }
        // A sender without an address (`Mail System <>`) is no person.
        let has_no_address = |field: &String| field.replace(' ', "").ends_with("<>");
        if path.as_deref().is_some_and(is_daemon)
            || fields.iter().any(has_no_address)
            || fields
                .iter()
                .any(|field| names_daemon(field) || OFFICES.contains(&local_of(field).as_str()))
        {
            return Self::Office;
        }
        Self::Other
    }
}

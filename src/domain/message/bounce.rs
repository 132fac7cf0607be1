//! Bounces that do not follow RFC 3464, known by who sends them and how they
//! speak.
//!
//! A daemon's name is enough. A subject or a body is enough only where a
//! person would not write it: at the beginning, without `Re:`.

use super::{
    absence::is_reply,
    header,
    parse::{Message, ReturnPath},
    phrases::{Phrases, fold, phrases},
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

static DAEMON_NAMES: Phrases = phrases![
    "mail delivery system",
    "mail delivery subsystem",
    "mail delivery service",
    "mail delivery agent",
    "delivery subsystem",
    "mailer-daemon",
    "mailer daemon",
    "internet mail delivery",
    "mail system",
    "postmaster",
    "system administrator",
    "mail administrator",
    "mail deliver system",
    "email delivery system",
    "message delivery system",
];

/// No person begins a subject so.
static SUBJECTS: Phrases = phrases![
    "undeliverable",
    "undelivered mail",
    "undelivered message",
    "undelivered email",
    "undeliverable mail",
    "undeliverable message",
    "returned mail",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery error",
    "mail delivery problem",
    "mail delivery status",
    "mail delivery system",
    "mail delivery subsystem",
    "mail delivery warning",
    "failure notice",
    "failure delivery",
    "delivery failure",
    "delivery failed",
    "delivery status notification",
    "delivery status",
    "delivery notification: delivery",
    "delivery has failed",
    "delivery has been delayed",
    "delivery delayed",
    "non-delivery",
    "nondeliverable",
    "non delivery",
    "nondelivery report",
    "delayed mail",
    "delayed delivery",
    "warning: message",
    "warning: could not send",
    "warning - delayed mail",
    "message delivery failure",
    "message delivery failed",
    "message delivery delayed",
    "message undeliverable",
    "message not delivered",
    "message delayed",
    "email delivery failure",
    "email delivery failed",
    "[postmaster] email delivery",
    "mail system error",
    "mail failure",
    "mail failed",
    "mail not delivered",
    "mail could not be delivered",
    "mail undeliverable",
    "mail returned",
    "mail transport error",
    "returned to sender",
    "could not send message",
    "could not deliver message",
    "unable to deliver",
    "unable to deliver your message",
    "your message could not be delivered",
    "your message wasn't delivered",
    "your message was not delivered",
    "failed mail",
    "failed delivery",
    "rejected mail",
    "message status - undeliverable",
    "banned or potentially offensive",
    "user unknown",
    "unzustellbar",
    "nicht zustellbar",
    "nachricht unzustellbar",
    "nicht zugestellt",
    "zustellung fehlgeschlagen",
    "zustellfehler",
    "fehler bei der zustellung",
    "fehlgeschlagene zustellung",
    "unzustellbare nachricht",
    "non remis",
    "message non distribué",
    "message non délivré",
    "échec de la remise",
    "échec de remise",
    "échec de la distribution",
    "non-remise",
    "courrier non distribué",
    "message non remis",
    "retour de courrier",
    "no se puede entregar",
    "no se pudo entregar",
    "no entregado",
    "mensaje no entregado",
    "error de entrega",
    "entrega fallida",
    "fallo en la entrega",
    "correo devuelto",
    "no se ha podido entregar",
    "devuelto:",
    "não entregue",
    "mensagem não entregue",
    "não é possível entregar",
    "falha na entrega",
    "falha de entrega",
    "erro na entrega",
    "não foi possível entregar",
    "mensagem devolvida",
    "não entregável",
    "onbestelbaar",
    "niet bestelbaar",
    "niet-bestelbaar",
    "niet bezorgd",
    "bezorging mislukt",
    "niet afgeleverd",
    "mancato recapito",
    "impossibile recapitare",
    "mancata consegna",
    "non recapitabile",
    "messaggio non recapitato",
    "avviso di mancata consegna",
    "consegna fallita",
    "kan inte levereras",
    "olevererbar",
    "olevererbart",
    "ej levererbart",
    "leveransfel",
    "kunne ikke leveres",
    "kan ikke leveres",
    "uleverbar",
    "kan ikke afleveres",
    "ikke leveret",
    "toimitus epäonnistui",
    "ei voitu toimittaa",
    "ei toimitettavissa",
    "niedostarczalne",
    "nie można dostarczyć",
    "nie dostarczono",
    "niedostarczona wiadomość",
    "zwrot wiadomości",
    "nedoručitelné",
    "nedoručiteľné",
    "nedoručitelná",
    "kézbesíthetetlen",
    "nelivrabil",
    "nu poate fi livrat",
    "teslim edilemedi",
    "teslim edilemeyen",
    "iletilemedi",
    "недоставленное сообщение",
    "недоставлено",
    "не доставлено",
    "не удалось доставить",
    "ваше сообщение не доставлено",
    "сообщение не доставлено",
    "письмо не доставлено",
    "невозможно доставить",
    "недоставка",
    "не доставлено:",
    "не вдалося доставити",
    "недоставлене повідомлення",
    "δεν είναι δυνατή η παράδοση",
    "αδύνατη η παράδοση",
    "未送达",
    "无法送达",
    "未能送达",
    "邮件投递失败",
    "投递失败",
    "邮件发送失败",
    "系统退信",
    "退信",
    "邮件被退回",
    "無法傳遞",
    "無法傳送",
    "郵件無法傳送",
    "未傳遞的郵件",
    "配信不能",
    "配信不可",
    "配信できません",
    "配信エラー",
    "メール配信エラー",
    "送信エラー",
    "送信できませんでした",
    "배달되지 않음",
    "배달 못함",
    "전송 실패",
    "반송",
    "메일 전송 실패",
    "메일 반송",
];

/// The end of a subject that keeps the original one in front.
static SUBJECT_ENDS: Phrases = phrases![
    ": non remis",
    "(delivery failed)",
    "(undeliverable)",
    "(failure)",
    " could not be delivered",
    " - user unknown!",
    " user unknown",
];

/// Sentences of mail systems.
static SENTENCES: Phrases = phrases![
    "this message was created automatically by mail delivery software",
    "message was created automatically by",
    "i'm sorry to have to inform you that",
    "this is the mail system at host",
    "this is the postfix program at host",
    "this is the qmail-send program",
    "this is the deliver program",
    "this is the machine generated message",
    "i'm afraid i wasn't able to deliver",
    "i wasn't able to deliver",
    "i've given up. sorry it didn't work out",
    "sorry, i wasn't able",
    "unable to deliver message to",
    "we were unable to deliver",
    "was unable to deliver",
    "unable to deliver your message",
    "unable to deliver the following",
    "the following addresses had",
    "the following address(es) failed",
    "the following recipients could not",
    "following recipient(s) could not be reached",
    "the following recipients",
    "delivery to the following recipient",
    "delivery to the following recipients",
    "delivery has failed to these",
    "your message did not reach",
    "did not reach the following recipient",
    "could not be delivered to",
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "can not be delivered",
    "could not deliver",
    "was not delivered to",
    "wasn't delivered to",
    "has not been delivered",
    "has not yet been delivered",
    "undeliverable to the following",
    "undelivered message",
    "failed to deliver",
    "failed recipient",
    "delivery failed",
    "failed permanently",
    "permanent fatal errors",
    "transient non-fatal errors",
    "no such user",
    "user unknown",
    "unknown user",
    "unknown local user",
    "unrouteable address",
    "mailbox unavailable",
    "mailbox not found",
    "mailbox is full",
    "mailbox full",
    "over quota",
    "exceeded quota",
    "exceeded the quota",
    "invalid final delivery userid",
    "remote host said",
    "reason of delivery failure",
    "returned to sender",
    "does not exist",
    "delivery attempts will continue",
    "will be retried until",
    "no longer valid",
    "recipient address rejected",
    "recipient rejected",
    "address not found",
    "account that you tried to reach",
    "is not a known user",
    "not listed in",
    "delivery temporarily suspended",
    "konnte nicht zugestellt werden",
    "konnten nicht zugestellt werden",
    "konnte nicht an",
    "nicht erreicht werden",
    "n'a pas pu être remis",
    "n'a pas pu être délivré",
    "n'a pas pu être distribué",
    "n'ont pas pu être",
    "utilisateur inconnu",
    "no se ha podido entregar",
    "no se pudo entregar",
    "no pudo ser entregado",
    "usuario desconocido",
    "não pôde ser entregue",
    "não foi possível entregar",
    "usuário desconhecido",
    "non è stato possibile consegnare",
    "impossibile recapitare",
    "non è stato recapitato",
    "kon niet worden afgeleverd",
    "kon niet worden bezorgd",
    "kunde inte levereras",
    "kunne ikke leveres",
    "nie może być dostarczona",
    "nie można dostarczyć",
    "nebylo možné doručit",
    "не было доставлено",
    "не может быть доставлено",
    "не удалось доставить",
    "не доставлено",
    "被系统退回",
    "被退回",
    "退回",
    "无法投递",
    "投递失败",
    "无法送达",
    "無法傳遞",
    "配信できませんでした",
    "送信できませんでした",
    "配送できません",
    "届きませんでした",
    "전달되지 못했습니다",
    "배달하지 못했습니다",
];

/// Said by no person at the head of a mail.
static CONFESSIONS: Phrases = phrases![
    "this message was created automatically by mail delivery software",
    "message was created automatically by",
    "this is the mail system at host",
    "this is the postfix program at host",
    "this is the qmail-send program",
    "i'm afraid i wasn't able to deliver",
    "the following addresses had permanent",
    "your message did not reach some or all of the intended recipients",
    "your message could not be delivered to",
    "the message that you sent was undeliverable",
    "the following message could not be delivered",
    "message could not be delivered to the following",
    "message from interscan",
    "delivery has failed to these recipients",
    "delivery to the following recipient failed",
    "delivery to the following recipients failed",
    "unable to deliver message to the following",
];

/// Why this mail is a bounce, if it is one: a stable rule code.
pub(super) fn because(message: &Message, text: &str) -> Option<&'static str> {
    if message
        .header_values("X-Failed-Recipients")
        .next()
        .is_some()
    {
        return Some("failed_recipients_header");
    }
    let subject = fold(&message.subject);
    let sender = Sender::of(message);
    let answers = is_reply(&subject);
    let subject_speaks = !answers
        && SUBJECTS
            .begin(subject.trim_start_matches(['*', '[', '(', '"', ' ']))
            .is_some();
    let subject_ends = SUBJECT_ENDS.stand_in(&subject);
    if sender == Sender::Daemon {
        return Some("daemon_sender");
    }
    if subject_speaks {
        return Some("bounce_subject");
    }
    let head: String = fold(&text.chars().take(3_000).collect::<String>());
    let body_speaks = SENTENCES.stand_in(&head);
    let returns_a_mail = message
        .attachments
        .iter()
        .any(|it| it.is_message() || it.content_type.starts_with("text/rfc822"));
    let is_null = message.return_path == ReturnPath::Null;
    if body_speaks && (sender == Sender::Office || is_null || subject_ends) {
        return Some("bounce_body");
    }
    let start: String = head.chars().take(500).collect();
    if !answers
        && CONFESSIONS.stand_in(&start)
        && (returns_a_mail || message.in_reply_to.is_empty())
    {
        return Some("bounce_body");
    }
    None
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
        let path = match &message.return_path {
            ReturnPath::Address(address) => Some(fold(address.local())),
            _ => None,
        };
        let local_of = |field: &str| {
            let before = field.rsplit_once('@').map_or(field, |(local, _)| local);
            let start = before
                .rfind(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | ','))
                .map_or(0, |at| at + 1);
            before
                .get(start..)
                .unwrap_or_default()
                .trim_matches(['<', '>', '"', '\\'])
                .to_owned()
        };
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
        if path.as_deref().is_some_and(is_daemon)
            || fields
                .iter()
                .any(|field| names_daemon(field) || OFFICES.contains(&local_of(field).as_str()))
        {
            return Self::Office;
        }
        Self::Other
    }
}

//! Mail that no person wrote as an answer: absence notes, receipts, bounces,
//! lists, reactions, calendars, votes, scanners. All carry every token and are
//! proven; many say "approve".

use countersign::domain::decision::Disposition;

use crate::{
    case::{Case, Want, approves, attack, denies},
    mail::multipart,
};

const AUTO: Want = Want::Is(Disposition::AutoReply);
const BOUNCE: Want = Want::Is(Disposition::Bounce);
const RECEIPT: Want = Want::Is(Disposition::ReadReceipt);

pub fn cases() -> Vec<Case> {
    let mut cases = headers();
    cases.extend(notes());
    cases.extend(reports());
    cases.extend(honest());
    cases
}

fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated",
        "Auto-Submitted: auto-notified; owner-email=\"ana@x.test\"",
        "auto-submitted: AUTO-REPLIED (vacation)",
        "Auto-Submitted: x-anything",
        "Precedence: bulk",
        "Precedence: junk",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: x",
        "X-Auto-Reply: 1",
        "X-Vacation: yes",
        "X-POST-MessageClass: 9; Autoresponder",
        "X-FC-MachineGenerated: true",
        "Delivered-To-Autoresponder: x",
        "List-Id: <team.x.test>",
        "List-Unsubscribe: <mailto:x@y.test>",
        "List-Post: <mailto:team@x.test>",
        "Mailing-List: contact x",
        "X-Mailman-Version: 2.1",
        "X-BeenThere: team@x.test",
        "Feedback-ID: a:b\nPrecedence: list",
    ] {
        cases.push(attack(line, AUTO, move |s| s.reply("APPROVE").plus(line)));
    }
    for subject in [
        "Automatic reply: Access request",
        "Out of Office: Access request",
        "Out of Office Re: Access request",
        "AutoReply: Access request",
        "Auto: Access request",
        "Automatische Antwort: Access request",
        "Abwesenheitsnotiz: Access request",
        "Respuesta autom\u{e1}tica: Access request",
        "Resposta autom\u{e1}tica: Access request",
        "R\u{e9}ponse automatique : Access request",
        "Risposta automatica: Access request",
        "Automatisch antwoord: Access request",
        "Autosvar: Access request",
        "Odpowied\u{17a} automatyczna: Access request",
        "\u{410}\u{432}\u{442}\u{43e}\u{43e}\u{442}\u{432}\u{435}\u{442}: Access request",
        "\u{81ea}\u{52a8}\u{7b54}\u{590d}: Access request",
        "\u{81ea}\u{52d5}\u{5fdc}\u{7b54}: Access request",
    ] {
        cases.push(attack(subject, AUTO, move |s| s.reply("APPROVE").with("Subject", subject)));
    }
    for subject in [
        "Accepted: Access request",
        "Tentative: Access request",
        "Approve: Access request",
        "Approved: Access request",
        "Yes: Access request",
        "APPROVE",
        "Re: APPROVE Ref",
        "Accept\u{e9} : Access request",
        "Zugesagt: Access request",
        "Aceptado: Access request",
    ] {
        cases.push(attack(
            format!("only the subject says it: {subject}"),
            Want::Nothing,
            move |s| s.reply("").with("Subject", subject),
        ));
    }
    cases.push(attack("a null return path", BOUNCE, |s| s.reply("APPROVE").return_path("<>")));
    cases
}

/// Notes without any telling field.
fn notes() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, words) in [
        (
            "out of the office until Monday",
            "I am out of the office until Monday. Requests are approved by Bob Kay.",
        ),
        (
            "on leave, approve in the text",
            "Thank you for your mail. I am on annual leave until 5 December and will answer when I am back. For urgent matters that I have to approve, please write to bob@x.test.",
        ),
        (
            "a German note",
            "Ich bin bis 5. Dezember nicht im B\u{fc}ro. Ihre Nachricht wird nicht weitergeleitet. In dringenden F\u{e4}llen genehmigt mein Vertreter.",
        ),
        (
            "a French note",
            "Je suis absente du bureau jusqu'au 5 d\u{e9}cembre. Pour toute demande \u{e0} approuver, contactez Bob Kay.",
        ),
        (
            "a Spanish note",
            "Estoy fuera de la oficina hasta el 5 de diciembre. Las solicitudes las aprueba Bob Kay.",
        ),
        (
            "a Portuguese note",
            "Estou fora do escrit\u{f3}rio at\u{e9} 5 de dezembro. As solicita\u{e7}\u{f5}es s\u{e3}o aprovadas por Bob Kay.",
        ),
        (
            "a robot's acknowledgement",
            "Your request has been received and a ticket #4711 has been opened. It will be approved shortly. Please do not reply to this message.",
        ),
        (
            "an approval by a robot",
            "This is an automatically generated message. Your request was approved.",
        ),
        (
            "no longer with the company",
            "Ana Silva is no longer with the company. Requests are approved by Bob Kay.",
        ),
        (
            "limited access",
            "I am travelling with limited access to e-mail. Yes, I still approve invoices on Fridays.",
        ),
        ("a reaction", "Ana Silva reacted to your message:\n\u{1f44d}"),
        ("a thumb", "\u{1f44d}"),
        ("a Gmail reaction's text", "\u{1f44d} Ana Silva reacted via Gmail"),
        ("a recall", "Ana Silva would like to recall the message, \"Approved\"."),
        ("a delivery note", "Your message was delivered to the recipient. Status: accepted."),
        ("a spam challenge", "To approve your mail, please click the link: https://x.test/approve"),
        ("a scanner's note", "This message was scanned and approved by MailGuard."),
        ("a meeting answer", "Ana Silva has accepted this invitation."),
        ("read", "Your message was read on Saturday."),
    ] {
        cases.push(attack(name, Want::Nothing, move |s| s.reply(words)));
        cases
            .push(attack(format!("{name}, without quote"), Want::Nothing, move |s| s.short(words)));
    }
    cases
}

fn reports() -> Vec<Case> {
    let mut cases = vec![
        attack("a read receipt", RECEIPT, |s| {
            s.parts("report; report-type=disposition-notification", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;ana@x.test\nDisposition: manual-action/MDN-sent-manually; displayed\n"])
        }),
        attack("a receipt without its top type", RECEIPT, |s| {
            s.parts("mixed", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;ana@x.test\nDisposition: manual-action/MDN-sent-manually; displayed\n"]).with("Subject", "Read: Access request")
        }),
        attack("a bounce that quotes our instructions", BOUNCE, |s| {
            s.parts("report; report-type=delivery-status", &[&format!("Content-Type: text/plain\n\nAPPROVE\n\n{}\n", s.ana.text), "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.x.test\n\nFinal-Recipient: rfc822; ana@x.test\nAction: failed\nStatus: 5.1.1\n", &format!("Content-Type: message/rfc822\n\nFrom: access@own.test\nMessage-ID: {}\n\nAPPROVE\n", s.ana.message_id)])
        }),
        attack("a delay report", BOUNCE, |s| {
            s.parts("report; report-type=delivery-status", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.x.test\n\nFinal-Recipient: rfc822; ana@x.test\nAction: delayed\nStatus: 4.4.1\n"])
        }),
        attack("a bounce without a report", BOUNCE, |s| {
            s.reply("Your message could not be delivered.\n\nAPPROVE")
                .with("Subject", "Undelivered Mail Returned to Sender")
                .from("MAILER-DAEMON@x.test")
        }),
        attack("a complaint", Want::Nothing, |s| {
            s.parts("report; report-type=feedback-report", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: x/1\nVersion: 1\n"])
        }),
        attack("an unknown report", Want::Nothing, |s| {
            s.parts("report; report-type=x", &["Content-Type: text/plain\n\nAPPROVE\n"])
        }),
        attack("Gmail's reaction part", AUTO, |s| {
            s.parts("alternative", &["Content-Type: text/plain\n\nYes\n", "Content-Type: text/vnd.google.email-reaction+json\n\n{\"emoji\":\"x\",\"version\":1}\n"])
        }),
        attack("a meeting reply", AUTO, |s| {
            s.parts("alternative", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: text/calendar; method=REPLY; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n"])
        }),
        attack("a calendar file whose method stands inside", AUTO, |s| {
            s.parts("mixed", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: text/calendar; charset=utf-8\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n"])
        }),
        attack("a receipt's subject", Want::Nothing, |s| {
            s.reply("APPROVE").with("Subject", "Read: Access request")
        }),
    ];
    for from in ["MAILER-DAEMON@x.test", "postmaster@x.test", "noreply@x.test"] {
        cases.push(attack(format!("From {from}"), Want::Nothing, move |s| {
            s.reply("APPROVE").from(from)
        }));
    }
    cases
}

fn honest() -> Vec<Case> {
    let mut cases = Vec::new();
    for line in [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        "Precedence: normal",
        "Importance: high",
        "X-Priority: 1",
        "Feedback-ID: 1:2",
        "Disposition-Notification-To: ana@x.test",
        "Return-Receipt-To: ana@x.test",
        "X-MS-Exchange-Organization-SCL: -1",
        "X-Spam-Status: No, score=-1",
        "Thread-Topic: Access request",
        "Resent-From: ana@x.test",
    ] {
        cases.push(approves(line, move |s| s.reply("APPROVE").plus(line)));
    }
    for subject in [
        "AW: Access request",
        "RE: Access request",
        "Sv: Access request",
        "RES: Access request",
        "TR: Access request",
        "Fwd: Access request",
        "no subject",
        "Re: [EXTERNAL] Access request",
        "=?utf-8?Q?Re:_Acc=C3=A8s?=",
    ] {
        cases.push(approves(format!("Subject: {subject}"), move |s| {
            s.reply("APPROVE").with("Subject", subject)
        }));
    }
    for (name, words) in [
        ("a phone's footer", "Approved.\n\nSent from my iPhone"),
        ("Outlook's footer", "Approved.\n\nGet Outlook for iOS"),
        (
            "a disclaimer",
            "Approved.\n\nAna Silva\n\nThis e-mail and any attachments are confidential. If you are not the intended recipient, please notify the sender and do not approve, copy or forward it.",
        ),
    ] {
        cases.push(approves(name, move |s| s.reply(words)));
    }
    cases.push(denies("a denial from a phone", |s| s.reply("Denied.\n\nSent from my iPhone")));
    cases.push(approves("a calendar file sent along", |s| {
        s.parts("mixed", &["Content-Type: text/plain\n\nAPPROVE\n", "Content-Type: text/calendar; method=PUBLISH; name=x.ics\nContent-Disposition: attachment; filename=x.ics\n\nBEGIN:VCALENDAR\nMETHOD:PUBLISH\nEND:VCALENDAR\n"])
    }));
    cases.push(approves("a preamble and a picture", |s| {
        s.short("").with("Content-Type", "multipart/mixed; boundary=q").body(&format!(
            "A preamble.\n{}",
            multipart("q", &["Content-Type: text/plain\n\nAPPROVE\n"])
        ))
    }));
    cases
}

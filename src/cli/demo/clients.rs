//! Answers as different mail programs write them: how they quote, in which
//! language they say who wrote, what they put below.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike, Utc};
use serde::Deserialize;

use crate::domain::{address::EmailAddress, message::parse::Message};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Client {
    Outlook,
    /// In Portuguese.
    Gmail,
    GmailEnglish,
    /// In Spanish.
    Iphone,
    IphoneEnglish,
    /// In Spanish, below the quote.
    Thunderbird,
    OutOfOffice,
    /// No program that people use; quotes nothing.
    Plain,
}

impl Client {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Outlook => "Outlook",
            Self::Gmail | Self::GmailEnglish => "Gmail",
            Self::Iphone | Self::IphoneEnglish => "iPhone",
            Self::Thunderbird => "Thunderbird",
            Self::OutOfOffice => "automatic reply",
            Self::Plain => "a script",
        }
    }
}

/// Who answers which mail, when, with what words.
pub(super) struct Answering<'a> {
    pub original: &'a Message,
    pub name: &'a str,
    pub from: &'a EmailAddress,
    pub to: &'a str,
    pub says: &'a str,
    pub at: DateTime<Utc>,
    /// Without brackets.
    pub message_id: &'a str,
}

impl Answering<'_> {
    /// The whole mail, with CRLF.
    pub(super) fn written_with(&self, client: Client) -> Vec<u8> {
        let text = match client {
            Client::Outlook => self.outlook(),
            Client::Gmail => self.gmail(&self.attribution_portuguese()),
            Client::GmailEnglish => self.gmail(&self.attribution_english()),
            Client::Iphone => {
                let day = self.at.format("%-d");
                let month = MONTHS_ES.get(self.at.month0() as usize).copied().unwrap_or_default();
                let when = self.at.format(&format!("{day} {month} %Y, a las %H:%M")).to_string();
                self.iphone(
                    &format!("El {when}, {} escribió:", self.author()),
                    "Enviado desde mi iPhone",
                )
            }
            Client::IphoneEnglish => {
                let when = self.at.format("On %b %-d, %Y, at %H:%M");
                self.iphone(&format!("{when}, {} wrote:", self.author()), "Sent from my iPhone")
            }
            Client::Thunderbird => self.thunderbird(),
            Client::OutOfOffice => {
                let extra = "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\n";
                format!("{}{extra}{PLAIN}\n{}\n", self.head("Automatic reply"), self.says.trim())
            }
            Client::Plain => format!("{}{PLAIN}\n{}\n", self.head("Re"), self.says.trim()),
        };
        text.replace('\n', "\r\n").into_bytes()
    }

    fn head(&self, prefix: &str) -> String {
        let subject = self.original.header_values("Subject").next().unwrap_or_default().trim();
        let id = self.original.message_id.as_deref().unwrap_or_default();
        format!(
            "From: {} <{}>\nTo: {}\nSubject: {prefix}: {subject}\nDate: {}\n\
            Message-ID: <{}>\nIn-Reply-To: <{id}>\nReferences: <{id}>\nMIME-Version: 1.0\n",
            encoded_word(self.name),
            self.from,
            self.to,
            self.at.to_rfc2822(),
            self.message_id,
        )
    }

    fn alternative(&self, head: &str, plain: &str, html: &str) -> String {
        let boundary = "=_part_of_an_answer";
        format!(
            "{head}Content-Type: multipart/alternative; boundary=\"{boundary}\"\n\n\
            --{boundary}\n{PLAIN}\n{plain}\n--{boundary}\n\
            Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n\
            {}\n--{boundary}--\n",
            base64_lines(html),
        )
    }

    fn outlook(&self) -> String {
        let facts = [
            ("From", self.author()),
            ("Sent", self.at.format("%A, %B %-d, %Y %-I:%M %p").to_string()),
            ("To", format!("{} <{}>", self.name, self.from)),
            ("Subject", self.original.subject.clone()),
        ];
        let plain_facts: String = facts.iter().map(|(k, v)| format!("{k}: {v}\n")).collect();
        let html_facts: Vec<String> =
            facts.iter().map(|(k, v)| format!("<b>{k}:</b> {}", escaped(v))).collect();
        let plain = format!(
            "{}\n\n________________________________\n{plain_facts}\n{}",
            self.says.trim(),
            self.quoted("")
        );
        let html = format!(
            "<html><head><style>p {{margin:0}}</style></head><body dir=\"ltr\">\
            <div class=\"elementToProof\" style=\"font-family:Aptos,Calibri\">{}</div>\
            <div id=\"appendonsend\"></div>\
            <hr style=\"display:inline-block;width:98%\" tabindex=\"-1\">\
            <div id=\"divRplyFwdMsg\" dir=\"ltr\"><font face=\"Calibri, sans-serif\">{}</font>\
            <div>&nbsp;</div></div>{}</body></html>",
            lines_as_html(self.says),
            html_facts.join("<br>"),
            self.original_html(),
        );
        self.alternative(&self.head("RE"), &plain, &html)
    }

    fn gmail(&self, attribution: &str) -> String {
        let plain = format!("{}\n\n{attribution}\n\n{}", self.says.trim(), self.quoted("> "));
        let html = format!(
            "<div dir=\"ltr\">{}</div><br><div class=\"gmail_quote gmail_quote_container\">\
            <div dir=\"ltr\" class=\"gmail_attr\">{}<br></div>\
            <blockquote class=\"gmail_quote\" style=\"margin:0 0 0 .8ex;border-left:1px \
            solid rgb(204,204,204);padding-left:1ex\">{}</blockquote></div>",
            lines_as_html(self.says),
            escaped(attribution),
            self.original_html(),
        );
        self.alternative(&self.head("Re"), &plain, &html)
    }

    fn iphone(&self, attribution: &str, footer: &str) -> String {
        let quoted = self.quoted("> ");
        let plain = format!("{}\n\n{footer}\n\n> {attribution}\n> \n{quoted}", self.says.trim());
        let html = format!(
            "<html><body dir=\"auto\">{}<br id=\"lineBreakAtBeginningOfSignature\">\
            <div dir=\"ltr\">{footer}</div><div dir=\"ltr\"><br><blockquote type=\"cite\">{}<br>\
            </blockquote></div><blockquote type=\"cite\"><div dir=\"ltr\">{}</div></blockquote>\
            </body></html>",
            lines_as_html(self.says),
            escaped(attribution),
            self.original_html(),
        );
        self.alternative(&self.head("Re"), &plain, &html)
    }

    fn thunderbird(&self) -> String {
        let when = self.at.format("%d/%m/%y a las %H:%M");
        format!(
            "{}Content-Type: text/plain; charset=UTF-8; format=flowed\n\
            Content-Transfer-Encoding: 8bit\n\nEl {when}, {} escribió:\n{}\n{}\n",
            self.head("Re"),
            self.original.from.as_ref().map(|from| from.address.to_string()).unwrap_or_default(),
            self.quoted("> "),
            self.says.trim(),
        )
    }

    fn attribution_english(&self) -> String {
        format!("{} {} wrote:", self.at.format("On %a, %b %-d, %Y at %H:%M"), self.author())
    }

    fn attribution_portuguese(&self) -> String {
        let day = self.at.weekday().num_days_from_monday() as usize;
        let weekday = WEEKDAYS_PT.get(day).copied().unwrap_or_default();
        let month = MONTHS_PT.get(self.at.month0() as usize).copied().unwrap_or_default();
        let when =
            self.at.format(&format!("{weekday}., %-d de {month}. de %Y às %H:%M")).to_string();
        format!("Em {when}, {} escreveu:", self.author())
    }

    /// Name and address of who wrote the original.
    fn author(&self) -> String {
        match &self.original.from {
            Ok(from) => format!("countersign <{}>", from.address),
            Err(_) => "countersign".to_owned(),
        }
    }

    fn quoted(&self, mark: &str) -> String {
        let plain = self.original.plain.as_deref().unwrap_or_default();
        plain.lines().map(|line| format!("{mark}{line}\n")).collect()
    }

    /// What stands in the original's body element.
    fn original_html(&self) -> &str {
        let html = self.original.html.as_deref().unwrap_or_default();
        let body = html.find("<body").and_then(|at| html.get(at..)).unwrap_or(html);
        let inside = body.find('>').and_then(|at| body.get(at + 1..)).unwrap_or(body);
        inside.split("</body>").next().unwrap_or(inside)
    }
}

const PLAIN: &str = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
const WEEKDAYS_PT: [&str; 7] = ["seg", "ter", "qua", "qui", "sex", "sáb", "dom"];
const MONTHS_PT: [&str; 12] =
    ["jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez"];
const MONTHS_ES: [&str; 12] =
    ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"];

fn lines_as_html(says: &str) -> String {
    let line = |line: &str| match line.trim() {
        "" => "<div><br></div>".to_owned(),
        text => format!("<div>{}</div>", escaped(text)),
    };
    says.trim().lines().map(line).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// RFC 2047, where the name needs it.
fn encoded_word(name: &str) -> String {
    match name.is_ascii() {
        true => name.to_owned(),
        false => format!("=?utf-8?B?{}?=", STANDARD.encode(name)),
    }
}

fn base64_lines(text: &str) -> String {
    /// RFC 2045 §6.8.
    const LINE: usize = 76;
    let encoded = STANDARD.encode(text.replace('\n', "\r\n"));
    let lines = encoded.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        message::parse::{Limits, parse},
        reply::{authored::OurText, lexicon::Lexicon, read::read, wording::Answer},
    };

    const ASKED: &str = "From: countersign <access@demo.test>\r\nSubject: Access request AR-1\r\n\
        Message-ID: <1@demo.test>\r\nContent-Type: text/plain\r\n\r\n\
        ##- Please write your answer above this line -##\r\n\r\nYou are asked.\r\n";

    fn check((client, locale): (Client, &str), says: &str, expected: Answer) {
        let answering = Answering {
            original: &parse(ASKED.as_bytes(), &Limits::default()),
            name: "Núria",
            from: &EmailAddress::parse("nuria@demo.test").unwrap(),
            to: "access@demo.test",
            says,
            at: DateTime::UNIX_EPOCH,
            message_id: "2@demo.test",
        };
        let raw = answering.written_with(client);
        let mail = parse(&raw, &Limits::default());
        assert!(mail.structure.is_empty(), "{client:?} {:?}", mail.structure);
        assert_eq!(mail.in_reply_to, ["1@demo.test"]);
        let (plain, html) = (mail.plain.as_deref(), mail.html.as_deref());
        let read = read(plain, html, &OurText::unknown(), Some(locale), Lexicon::builtin());
        assert_eq!(read.answer(), expected, "{client:?}: {:?}", read.text());
    }

    #[test]
    fn each_program_s_answer_reads_as_what_was_said() {
        for (client, yes, no) in [
            ((Client::Outlook, "en"), "Approved.", "No."),
            ((Client::Gmail, "pt"), "Aprovado.", "Não."),
            ((Client::GmailEnglish, "en"), "Yes", "Denied"),
            ((Client::Iphone, "es"), "Sí", "Denegado. No hay ticket."),
            ((Client::IphoneEnglish, "en"), "Approved!", "no"),
            ((Client::Thunderbird, "es"), "Sí.", "No."),
            ((Client::Plain, "en"), "APPROVE", "DISAPPROVE"),
        ] {
            check(client, yes, Answer::Approve);
            check(client, no, Answer::Deny);
            check(client, "Who is this?", Answer::Unclear);
        }
    }
}

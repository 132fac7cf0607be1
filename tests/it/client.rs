//! Mail programs, as far as an answer shows which one wrote it: how it quotes,
//! which headers it sets, which parts it makes. What they read of a
//! notification they read with a parser that the code under test does not wrap.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail_parser::MessageParser;

use crate::bed::Mail;

/// A mail to be handed to a server.
#[derive(Clone, Debug)]
pub struct Letter {
    pub from: String,
    /// The envelope's recipient.
    pub to: String,
    pub raw: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Plain text, answer on top.
    Thunderbird,
    /// Plain text, answer below the quotation.
    Mutt,
    /// Text and HTML with `gmail_quote`.
    Gmail,
    /// HTML only, with `divRplyFwdMsg`.
    Outlook,
    /// Text and HTML with `blockquote type="cite"`.
    AppleMail,
}

impl Client {
    pub const ALL: [Self; 5] =
        [Self::Thunderbird, Self::Mutt, Self::Gmail, Self::Outlook, Self::AppleMail];

    /// The answer as this program writes it.
    pub fn reply(self, notification: &Mail, from: &str, words: &str) -> Letter {
        Reply { client: self, ..Reply::to(notification, from, words) }.write()
    }
}

/// An answer, with what may be lost of it on the way.
#[derive(Clone, Debug)]
pub struct Reply<'a> {
    pub client: Client,
    pub notification: &'a Mail,
    pub from: &'a str,
    pub words: &'a str,
    /// Where the Reply-To's sub-address goes; false: to the base.
    pub with_address: bool,
    /// In-Reply-To and References.
    pub with_thread: bool,
    pub with_quotation: bool,
    /// Further header fields, each with its CRLF.
    pub extra: &'a str,
}

impl<'a> Reply<'a> {
    pub fn to(notification: &'a Mail, from: &'a str, words: &'a str) -> Self {
        Self {
            client: Client::Thunderbird,
            notification,
            from,
            words,
            with_address: true,
            with_thread: true,
            with_quotation: true,
            extra: "",
        }
    }

    pub fn write(&self) -> Letter {
        let to = self.recipient();
        let mut header = format!(
            "From: {from}\r\nTo: {to}\r\nSubject: Re: {subject}\r\nMessage-ID: <answer.{unique}@{domain}>\r\n\
             Date: Sat, 21 Nov 2026 22:00:00 +0000\r\nMIME-Version: 1.0\r\n{extra}",
            from = self.from,
            subject = encoded(&subject(self.notification)),
            unique = next_number(),
            domain = self.from.rsplit('@').next().unwrap_or("x.test"),
            extra = self.extra,
        );
        if self.with_thread {
            let id = &self.notification.field("Message-ID")[0];
            header.push_str(&format!("In-Reply-To: {id}\r\nReferences: {id}\r\n"));
        }
        header.push_str(&self.body());
        Letter { from: self.from.to_owned(), to, raw: header.into_bytes() }
    }

    fn recipient(&self) -> String {
        let reply_to = reply_to(self.notification);
        if self.with_address {
            return reply_to;
        }
        let (local, domain) = reply_to.split_once('@').expect("it is an address");
        let base = local.split('+').next().unwrap_or(local);
        format!("{base}@{domain}")
    }

    fn body(&self) -> String {
        let quoted = if self.with_quotation { text(self.notification) } else { String::new() };
        let html = if self.with_quotation { html(self.notification) } else { String::new() };
        let sender = self.notification.field("From").join("");
        let paragraphs = self.words.replace('\n', "<br>");
        let cited = cite(&quoted);
        match self.client {
            Client::Thunderbird => {
                let who =
                    if cited.is_empty() { "" } else { "On 21/11/2026 22:00, countersign wrote:\n" };
                part("text/plain", &format!("{}\n\n{who}{cited}", self.words))
            }
            Client::Mutt => {
                let who = if cited.is_empty() {
                    ""
                } else {
                    "On Sat, Nov 21, 2026 at 10:00:00PM +0000, countersign wrote:\n"
                };
                part("text/plain", &format!("{who}{cited}\n{}\n", self.words))
            }
            Client::Gmail => alternative(
                &format!(
                    "{}\n\nOn Sat, Nov 21, 2026 at 10:00 PM {sender} wrote:\n\n{cited}",
                    self.words
                ),
                &format!(
                    "<div dir=\"ltr\">{paragraphs}</div><br><div class=\"gmail_quote\">\
                     <div dir=\"ltr\" class=\"gmail_attr\">On Sat, Nov 21, 2026 at 10:00 PM \
                     countersign wrote:<br></div><blockquote class=\"gmail_quote\">{html}</blockquote></div>"
                ),
            ),
            Client::Outlook => part(
                "text/html",
                &format!(
                    "<html><body><div class=\"elementToProof\">{paragraphs}</div>\
                     <div id=\"appendonsend\"></div><hr style=\"display:inline-block;width:98%\">\
                     <div id=\"divRplyFwdMsg\" dir=\"ltr\"><b>From:</b> countersign<br>\
                     <b>Sent:</b> Saturday, November 21, 2026 10:00 PM<br><b>To:</b> me<br>\
                     <b>Subject:</b> Access request</div><div>{html}</div></body></html>"
                ),
            ),
            Client::AppleMail => alternative(
                &format!(
                    "{}\n\n> On 21 Nov 2026, at 22:00, {sender} wrote:\n> \n{cited}",
                    self.words
                ),
                &format!(
                    "<html><body>{paragraphs}<br><div><br><blockquote type=\"cite\">\
                     <div>On 21 Nov 2026, at 22:00, countersign wrote:</div><br>\
                     <div>{html}</div></blockquote></div></body></html>"
                ),
            ),
        }
    }
}

fn next_number() -> usize {
    static WRITTEN: AtomicUsize = AtomicUsize::new(0);
    WRITTEN.fetch_add(1, Ordering::Relaxed)
}

fn cite(text: &str) -> String {
    text.lines().map(|line| format!("> {line}\n")).collect()
}

/// Base64, so that no line is too long and no letter is lost.
fn part(kind: &str, text: &str) -> String {
    let encoded = BASE64_STANDARD.encode(text.replace("\r\n", "\n").replace('\n', "\r\n"));
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(76)
        .map(|line| std::str::from_utf8(line).expect("ASCII"))
        .collect();
    format!(
        "Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
}

fn alternative(text: &str, html: &str) -> String {
    format!(
        "Content-Type: multipart/alternative; boundary=\"=_b\"\r\n\r\n--=_b\r\n{}\r\n--=_b\r\n{}\r\n--=_b--\r\n",
        part("text/plain", text),
        part("text/html", html)
    )
}

/// RFC 2047, whatever stands in it.
fn encoded(text: &str) -> String {
    format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(text))
}

pub fn subject(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(&mail.raw).expect("a mail");
    parsed.subject().unwrap_or_default().to_owned()
}

/// The text part, decoded.
pub fn text(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(&mail.raw).expect("a mail");
    parsed.body_text(0).expect("it has a text part").into_owned()
}

pub fn html(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(&mail.raw).expect("a mail");
    parsed.body_html(0).expect("it has an HTML part").into_owned()
}

/// Where answers are to go, without brackets.
pub fn reply_to(mail: &Mail) -> String {
    let parsed = MessageParser::default().parse(&mail.raw).expect("a mail");
    let address = parsed.reply_to().and_then(|list| list.first()).and_then(|one| one.address());
    address.expect("it can be answered").to_owned()
}

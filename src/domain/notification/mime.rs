//! Headers and parts as bytes (RFC 5322, RFC 2045-2047).
//!
//! Written out by hand because the boundary of the usual builders is random,
//! and because every line here is known to be ASCII, at most 76 characters
//! where it may be folded, and free of anything a value could have brought in.

use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Envelope, content::Letter, untrusted};
use crate::domain::address::EmailAddress;

/// RFC 5322 §2.1.1 and RFC 2045 §6.7.
const LINE_MAX: usize = 76;
/// What an encoded word is framed by, `=?utf-8?B?` and `?=`.
const ENCODED_WORD_FRAME: usize = 12;
/// Characters of a display name.
const NAME_CHARS: usize = 60;
/// Octets of one Message-ID.
const MESSAGE_ID_OCTETS: usize = 250;
/// References that are kept, the newest.
const REFERENCES_MAX: usize = 20;

/// The whole mail: multipart/alternative of the two parts, CRLF.
pub fn assemble(envelope: &Envelope<'_>, letter: &Letter, text: &str, html: &str) -> Vec<u8> {
    let mut mail = String::with_capacity(2_048 + (text.len() + html.len()) * 3 / 2);
    headers(&mut mail, envelope, letter);
    // `=_` cannot occur in quoted-printable, so no boundary occurs in a part.
    let boundary = format!("=_{}", boundary_of(&envelope.message_id));
    field(&mut mail, "MIME-Version", "1.0");
    field(
        &mut mail,
        "Content-Type",
        &format!("multipart/alternative;\r\n boundary=\"{boundary}\""),
    );
    mail.push_str("\r\n");
    for (kind, body) in [("plain", text), ("html", html)] {
        mail.push_str(&format!("--{boundary}\r\n"));
        field(&mut mail, "Content-Type", &format!("text/{kind}; charset=utf-8"));
        field(&mut mail, "Content-Transfer-Encoding", "quoted-printable");
        mail.push_str("\r\n");
        quoted_printable(&mut mail, body);
        mail.push_str("\r\n");
    }
    mail.push_str(&format!("--{boundary}--\r\n"));
    mail.into_bytes()
}

fn headers(mail: &mut String, envelope: &Envelope<'_>, letter: &Letter) {
    // By hand: chrono's own RFC 2822 form panics past the year 9999.
    field(mail, "Date", &envelope.date.format("%a, %d %b %Y %H:%M:%S +0000").to_string());
    field(mail, "From", &mailbox(envelope.from_name, envelope.from));
    field(mail, "To", &envelope.to.to_string());
    if let Some(address) = &envelope.reply_to {
        field(mail, "Reply-To", &address.to_string());
    }
    field(mail, "Message-ID", &message_id(&envelope.message_id));
    if let Some(id) = &envelope.in_reply_to {
        field(mail, "In-Reply-To", &message_id(id));
    }
    let skipped = envelope.references.len().saturating_sub(REFERENCES_MAX);
    let references: Vec<String> =
        envelope.references.iter().skip(skipped).map(|id| message_id(id)).collect();
    if !references.is_empty() {
        field(mail, "References", &references.join("\r\n "));
    }
    field(mail, "Subject", &unstructured("Subject: ".len(), &letter.subject));
    // RFC 3834 §5: no well-behaved robot answers this.
    field(mail, "Auto-Submitted", "auto-generated");
    field(mail, "X-Auto-Response-Suppress", "OOF, AutoReply");
    field(mail, "X-Countersign-Instance", &envelope.instance.to_string());
    if let Some(address) = envelope.confirmation_to {
        field(mail, "Disposition-Notification-To", &address.to_string());
    }
    field(mail, "Content-Language", letter.code);
}

/// `value` has been made of characters that belong there, and folded where it
/// may be. An address or a Message-ID stays on its line (RFC 5322 §2.1.1 allows
/// 998): some programs read a folded one wrongly.
fn field(mail: &mut String, name: &str, value: &str) {
    mail.push_str(name);
    mail.push_str(": ");
    mail.push_str(value);
    mail.push_str("\r\n");
}

fn message_id(id: &str) -> String {
    let inner: String = id
        .chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>'))
        .take(MESSAGE_ID_OCTETS)
        .collect();
    format!("<{inner}>")
}
/// A mail has its own boundary, always the same, and the token that stands in
/// the Message-ID cannot be read from it.
fn boundary_of(message_id: &str) -> String {
    let digest = Sha256::new()
        .chain_update(b"countersign boundary\0")
        .chain_update(message_id.as_bytes())
        .finalize();
    HEXLOWER.encode(&digest[..20])
}

/// `"Name" <address>` (RFC 5322 §3.4).
fn mailbox(name: &str, address: &EmailAddress) -> String {
    let name = untrusted::inline(name, NAME_CHARS);
    let phrase = if name.is_empty() {
        return address.to_string();
    } else if is_plain(&name) {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded_words("From: ".len(), &name)
    };
    let fits = phrase.len() + address.to_string().len() + 9 <= LINE_MAX;
    format!("{phrase}{}<{address}>", if fits { " " } else { "\r\n " })
}

/// One line of text, folded, as encoded words where it must be; `used` is what
/// stands before it on the line.
fn unstructured(used: usize, text: &str) -> String {
    let text = untrusted_line(text);
    let short_words = text.split(' ').all(|word| word.len() < LINE_MAX - 16);
    if !is_plain(&text) || !short_words {
        return encoded_words(used, &text);
    }
    let mut folded = String::with_capacity(text.len() + 16);
    let mut column = used;
    for (nth, word) in text.split(' ').enumerate() {
        if nth > 0 && column + 1 + word.len() > LINE_MAX {
            folded.push_str("\r\n");
            column = 0;
        }
        if nth > 0 {
            folded.push(' ');
        }
        folded.push_str(word);
        column += word.len() + 1;
    }
    folded
}

/// White space runs become one space: a fold in the midst of several would
/// leave a line of nothing but white space.
fn untrusted_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// ASCII, and nothing a reader would decode.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && !text.contains("=?")
}

/// RFC 2047 §2: lines of at most 76, `used` of the first being taken; §5: each
/// word decodes by itself, so none splits a character.
fn encoded_words(used: usize, text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    let mut used = used;
    while !rest.is_empty() {
        let room = LINE_MAX.saturating_sub(used + ENCODED_WORD_FRAME) / 4 * 3;
        let mut end = rest.len().min(room.max(4));
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (head, tail) = rest.split_at(end);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(head)));
        rest = tail;
        used = 1;
    }
    words.join("\r\n ")
}

/// RFC 2045 §6.7. A line that begins with `From ` or a dot is encoded there,
/// because some relays change the one and some clients mistake the other.
fn quoted_printable(out: &mut String, text: &str) {
    for line in text.lines() {
        let mut column = 0;
        for (at, byte) in line.bytes().enumerate() {
            let is_last = at + 1 == line.len();
            let starts_badly = at == 0 && (byte == b'.' || line.starts_with("From "));
            let literal = match byte {
                b' ' | b'\t' => !is_last,
                b'=' => false,
                _ => byte.is_ascii_graphic() && !starts_badly,
            };
            let width = if literal { 1 } else { 3 };
            if column + width > LINE_MAX - usize::from(!is_last) {
                out.push_str("=\r\n");
                column = 0;
            }
            if literal {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
            column += width;
        }
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_printable_keeps_lines_short_and_bytes_exact() {
        for (text, expected) in [
            ("plain", "plain\r\n"),
            ("a=b", "a=3Db\r\n"),
            ("end ", "end=20\r\n"),
            (".dot", "=2Edot\r\n"),
            ("From here", "=46rom here\r\n"),
            ("é", "=C3=A9\r\n"),
            ("a\n\nb", "a\r\n\r\nb\r\n"),
        ] {
            let mut out = String::new();
            quoted_printable(&mut out, text);
            assert_eq!(out, expected);
        }
        let mut out = String::new();
        quoted_printable(&mut out, &"äx".repeat(200));
        assert!(out.lines().all(|line| line.len() <= LINE_MAX), "{out}");
    }

    #[test]
    fn a_display_name_cannot_leave_its_quotes() {
        let address = EmailAddress::parse("access@x.test").unwrap();
        for (name, expected) in [
            ("", "access@x.test"),
            ("Countersign", "\"Countersign\" <access@x.test>"),
            ("a\" <eve@x.test>, \"b", "\"a\\\" <eve@x.test>, \\\"b\" <access@x.test>"),
            ("back\\slash", "\"back\\\\slash\" <access@x.test>"),
            ("a\r\nBcc: eve@x.test", "\"a Bcc: eve@x.test\" <access@x.test>"),
            ("Günther", "=?utf-8?B?R8O8bnRoZXI=?= <access@x.test>"),
            ("=?utf-8?q?eve?=", "=?utf-8?B?PT91dGYtOD9xP2V2ZT89?= <access@x.test>"),
        ] {
            assert_eq!(mailbox(name, &address), expected);
        }
    }

    #[test]
    fn a_long_subject_is_folded_and_decodes_to_itself() {
        for subject in
            ["root on db1 ".repeat(15), "Zugriff für Günther ".repeat(9), "界".repeat(90)]
        {
            let value = unstructured("Subject: ".len(), &subject);
            let raw = format!("Subject: {value}\r\n\r\n");
            assert!(raw.split("\r\n").all(|line| line.len() <= LINE_MAX), "{raw}");
            let mail = mail_parser::MessageParser::default().parse(raw.as_bytes()).unwrap();
            assert_eq!(mail.subject(), Some(subject.trim()));
        }
    }

    #[test]
    fn a_message_id_stays_as_given_or_loses_what_does_not_belong() {
        assert_eq!(message_id("a.b-c_1@x.test"), "<a.b-c_1@x.test>");
        assert_eq!(message_id("a>\r\nBcc: e@x.test"), "<aBcc:e@x.test>");
    }
}

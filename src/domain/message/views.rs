//! What a person sees of a mail: its plain text, its HTML, its attachments.
//!
//! Each view holds everything that is shown with the mail. Where a mail has
//! plain fragments among HTML ones (Apple Mail puts text around pictures), the
//! HTML view takes the plain ones in, so that no words are in neither view.

use super::{
    charset::{self, Doubt},
    cms,
    findings::Findings,
    flowed,
    limits::Limits,
    structure::{self, Part},
    transfer::Encoding,
};

/// Something that came with the mail and is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Lower case, `application/pdf`.
    pub content_type: String,
    pub filename: Option<String>,
    /// Decoded length; for what is not decoded, an estimate.
    pub size_bytes: usize,
}

impl Attachment {
    pub fn is_message(&self) -> bool {
        matches!(self.content_type.as_str(), "message/rfc822" | "message/global")
    }

    /// `winmail.dat`: Outlook's own format, which only Outlook shows.
    pub fn is_tnef(&self) -> bool {
        matches!(self.content_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef")
            || self.filename.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"))
    }

    pub fn is_calendar(&self) -> bool {
        matches!(self.content_type.as_str(), "text/calendar" | "application/ics")
    }
}

/// The readable side of a mail.
#[derive(Default)]
pub(super) struct Views {
    pub(super) plain: Option<String>,
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment>,
}

/// Signed wrapped in signed occurs; more is a game.
const ENVELOPES_MAX: usize = 3;

pub(super) fn read(raw: &[u8], parts: &[Part], limits: &Limits, findings: &mut Findings) -> Views {
    read_inside(raw, parts, limits, findings, 0)
}

fn read_inside(
    raw: &[u8],
    parts: &[Part],
    limits: &Limits,
    findings: &mut Findings,
    envelopes: usize,
) -> Views {
    let mut reader = Reader { raw, parts, limits, findings, attachments: Vec::new(), envelopes };
    let shown = reader.shown(0);
    Views { plain: shown.plain, html: shown.html, attachments: reader.attachments }
}

/// What one part, with all inside it, contributes.
#[derive(Default)]
struct Shown {
    plain: Option<String>,
    html: Option<String>,
}

struct Reader<'a> {
    raw: &'a [u8],
    parts: &'a [Part],
    limits: &'a Limits,
    findings: &'a mut Findings,
    attachments: Vec<Attachment>,
    envelopes: usize,
}

impl Reader<'_> {
    /// The depth is that of the tree, which is limited.
    fn shown(&mut self, at: usize) -> Shown {
        let Some(part) = self.parts.get(at) else {
            return Shown::default();
        };
        match part.media_type() {
            // RFC 1847 §2.1: content first, then its signature.
            "multipart/signed" => self.first_of(part),
            // RFC 6522 §3: words for people first, then for machines.
            "multipart/report" => self.first_of(part),
            "multipart/encrypted" => {
                self.findings.note("encrypted", part.media_type());
                self.list_all(&part.children);
                Shown::default()
            }
            "multipart/alternative" => self.alternative(part),
            "multipart/related" => self.related(part),
            // RFC 2046 §5.1.3: an unknown multipart is read as mixed.
            _ if part.is_multipart() => self.sequence(&part.children),
            "text/plain" if !part.is_attachment() => {
                Shown { plain: Some(self.plain(part)), html: None }
            }
            "text/html" if !part.is_attachment() => {
                Shown { plain: None, html: Some(self.text(part)) }
            }
            _ if is_opaque_signed(part) => self.opaque(part),
            _ => {
                self.attach(part);
                Shown::default()
            }
        }
    }

    fn first_of(&mut self, part: &Part) -> Shown {
        let Some((&first, rest)) = part.children.split_first() else {
            return Shown::default();
        };
        self.list_all(rest);
        self.shown(first)
    }

    /// One text in several forms: a plain one and an HTML one at most.
    fn alternative(&mut self, part: &Part) -> Shown {
        let mut chosen = Shown::default();
        for &child in &part.children {
            let shown = self.shown(child);
            if let Some(html) = shown.html {
                if chosen.html.is_some() {
                    self.findings.fatal("several_html_alternatives", "multipart/alternative");
                }
                chosen.html = Some(html);
            } else if let Some(plain) = shown.plain {
                if chosen.plain.is_some() {
                    self.findings.fatal("several_plain_alternatives", "multipart/alternative");
                    continue;
                }
                chosen.plain = Some(plain);
            }
        }
        chosen
    }

    /// A root and what it points to (RFC 2387). Text that nothing can point
    /// to, having neither id nor place, is shown below by some programs.
    fn related(&mut self, part: &Part) -> Shown {
        let root = part.kind.text("start").and_then(|start| {
            part.children.iter().copied().find(|&child| {
                self.parts.get(child).is_some_and(|it| {
                    super::header::values(&it.headers, "Content-ID")
                        .any(|id| id.trim() == start.trim())
                })
            })
        });
        let root = root.or(part.children.first().copied());
        let mut read = Vec::new();
        for &child in &part.children {
            let Some(it) = self.parts.get(child) else {
                continue;
            };
            let can_be_pointed_to =
                it.headers.iter().any(|h| h.is("Content-ID") || h.is("Content-Location"));
            if Some(child) == root || !can_be_pointed_to {
                read.push(child);
            } else {
                self.list_all(&[child]);
            }
        }
        self.sequence(&read)
    }

    fn sequence(&mut self, children: &[usize]) -> Shown {
        let shown: Vec<Shown> = children.iter().map(|&child| self.shown(child)).collect();
        let plain: Vec<&str> = shown.iter().filter_map(|it| it.plain.as_deref()).collect();
        let plain = (!plain.is_empty()).then(|| joined(&plain));
        if shown.iter().all(|it| it.html.is_none()) {
            return Shown { plain, html: None };
        }
        let mut html = String::new();
        for it in &shown {
            let fragment = match (&it.html, &it.plain) {
                (Some(fragment), _) => fragment.clone(),
                (None, Some(text)) if !text.trim().is_empty() => {
                    let text = text.replace('&', "&amp;").replace('<', "&lt;");
                    format!("<pre>{text}</pre>")
                }
                _ => continue,
            };
            if !html.is_empty() {
                html.push('\n');
            }
            html.push_str(&fragment);
        }
        Shown { plain, html: Some(html) }
    }

    fn plain(&mut self, part: &Part) -> String {
        let text = self.lines(part);
        let says =
            |name, word: &str| part.kind.text(name).is_some_and(|it| it.eq_ignore_ascii_case(word));
        if says("format", "flowed") { flowed::unflow(&text, says("delsp", "yes")) } else { text }
    }

    /// With LF line ends. A relay that mends line ends twice leaves CR CR LF;
    /// any other CR is a line end to some programs and nothing to others.
    fn lines(&mut self, part: &Part) -> String {
        let text = self.text(part).replace("\r\n", "\n").replace("\r\n", "\n");
        if text.contains('\r') {
            self.findings.fatal("bare_cr_in_text", part.media_type());
        }
        text.replace('\r', "\n")
    }

    /// The decoded text of a part that is read, and what is odd about it.
    fn text(&mut self, part: &Part) -> String {
        let body = self.raw.get(part.body.clone()).unwrap_or_default();
        let (bytes, flaw) = part.encoding.decode(body);
        if let Some(flaw) = flaw {
            self.findings.add(flaw.code, part.media_type(), flaw.disqualifies);
        }
        let charset = part.kind.parameter("charset");
        if charset.is_some_and(|it| it.is_ambiguous) {
            self.findings.fatal("charset_ambiguous", charset.map_or("", |it| it.value.as_str()));
        }
        let label = charset.map(|it| it.value.as_str());
        let decoded = charset::decode(&bytes, label);
        if let Some(doubt) = decoded.doubt {
            let is_silent = doubt == Doubt::Mislabelled && label.is_none();
            let code = if is_silent { "charset_missing" } else { doubt.code() };
            self.findings.add(code, label.unwrap_or_default(), doubt.disqualifies());
        }
        if decoded.text.contains('\0') {
            self.findings.fatal("nul_in_text", part.media_type());
        }
        decoded.text
    }

    /// S/MIME with the text inside the signature.
    fn opaque(&mut self, part: &Part) -> Shown {
        let content = cms::signed_content(&part.decoded(self.raw));
        let Some(content) = content.filter(|_| self.envelopes < ENVELOPES_MAX) else {
            self.findings.note("smime_unreadable", part.media_type());
            self.attach(part);
            return Shown::default();
        };
        let parts = structure::read_entity(&content, self.limits, self.findings);
        let views = read_inside(&content, &parts, self.limits, self.findings, self.envelopes + 1);
        self.attachments.extend(views.attachments);
        Shown { plain: views.plain, html: views.html }
    }

    fn list_all(&mut self, children: &[usize]) {
        for &child in children {
            let Some(part) = self.parts.get(child) else {
                continue;
            };
            if part.is_multipart() {
                self.list_all(&part.children);
            } else {
                self.attach(part);
            }
        }
    }

    fn attach(&mut self, part: &Part) {
        let length = part.body.len();
        self.attachments.push(Attachment {
            content_type: part.media_type().to_owned(),
            filename: part.filename().map(str::to_owned),
            size_bytes: if part.encoding == Encoding::Base64 { length / 78 * 57 } else { length },
        });
    }
}

/// RFC 8551 §3.2: the type, or a name that stands for it (§3.2.1). Whether it
/// is signed or encrypted is read from its bytes, which cannot be wrong.
fn is_opaque_signed(part: &Part) -> bool {
    match part.media_type() {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => true,
        "application/octet-stream" => {
            part.filename().is_some_and(|name| name.to_ascii_lowercase().ends_with(".p7m"))
        }
        _ => false,
    }
}

fn joined(texts: &[&str]) -> String {
    let mut whole = String::new();
    for text in texts {
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(text);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::parse::parse;

    struct Expected<'a> {
        plain: Option<&'a str>,
        html: Option<&'a str>,
        attached: &'a [&'a str],
        codes: &'a [&'a str],
    }

    fn check(raw: &str, expected: &Expected) {
        let raw = raw.replace('\n', "\r\n");
        let message = parse(raw.as_bytes(), &Limits::default());
        assert_eq!(message.plain.as_deref(), expected.plain, "{raw}");
        let html = message.html.map(|html| html.replace("\r\n", "\n"));
        assert_eq!(html.as_deref(), expected.html, "{raw}");
        let attached: Vec<_> =
            message.attachments.iter().map(|it| it.content_type.as_str()).collect();
        assert_eq!(attached, expected.attached, "{raw}");
        let codes: Vec<_> = message.structure.iter().map(|it| it.code).collect();
        assert_eq!(codes, expected.codes, "{raw}");
    }

    /// A multipart with the given parts, each with its own header.
    fn multi(kind: &str, boundary: &str, parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--{boundary}\n{part}\n")).collect();
        format!(
            "Content-Type: multipart/{kind}; boundary=\"{boundary}\"\n\n{parts}--{boundary}--\n"
        )
    }

    const PLAIN: &str = "Content-Type: text/plain; charset=\"utf-8\"\n\nApproved.";
    const HTML: &str = "Content-Type: text/html; charset=\"utf-8\"\n\n<p>Approved.</p>";
    const IMAGE: &str = "Content-Type: image/png; name=\"a.png\"\nContent-ID: <a@x>\n\
        Content-Transfer-Encoding: base64\nContent-Disposition: inline; filename=\"a.png\"\n\niVBORw0K";
    const PDF: &str = "Content-Type: application/pdf; name=\"a.pdf\"\n\
        Content-Disposition: attachment; filename=\"a.pdf\"\n\nx";

    #[test]
    fn one_text_is_one_view() {
        let nothing = Expected { plain: None, html: None, attached: &[], codes: &[] };
        check(PLAIN, &Expected { plain: Some("Approved."), ..nothing });
        check(HTML, &Expected { html: Some("<p>Approved.</p>"), ..nothing });
        check("Subject: x\n\nyes\n", &Expected { plain: Some("yes\n"), ..nothing });
    }

    #[test]
    fn the_trees_of_the_usual_programs_are_read_without_a_finding() {
        let both = Expected {
            plain: Some("Approved."),
            html: Some("<p>Approved.</p>"),
            attached: &[],
            codes: &[],
        };
        let alternative = multi("alternative", "000000000000aa", &[PLAIN, HTML]);
        check(&alternative, &both);
        let related =
            multi("related; type=\"multipart/alternative\"", "_006_", &[&alternative, IMAGE]);
        let mixed = multi("mixed", "_007_", &[&related, PDF]);
        check(&mixed, &Expected { attached: &["image/png", "application/pdf"], ..both });
        let related = multi("related; type=\"text/html\"", "----=_Part_1", &[HTML, IMAGE]);
        let outer = multi("alternative", "----=_Part_0", &[PLAIN, &related]);
        check(&outer, &Expected { attached: &["image/png"], ..both });
        let signature = "Content-Type: application/pkcs7-signature; name=\"smime.p7s\"\n\nx";
        let signed = multi(
            "signed; protocol=\"application/pkcs7-signature\"",
            "s1",
            &[&alternative, signature],
        );
        check(&signed, &Expected { attached: &["application/pkcs7-signature"], ..both });
    }

    #[test]
    fn text_around_a_picture_is_one_text() {
        let below = "Content-Type: text/plain; charset=us-ascii\n\nBut not for me.";
        check(
            &multi("mixed", "Apple-Mail-1", &[PLAIN, IMAGE, below]),
            &Expected {
                plain: Some("Approved.\nBut not for me."),
                html: None,
                attached: &["image/png"],
                codes: &[],
            },
        );
        // A footer that a list has put below is in both views.
        let alternative = multi("alternative", "a1", &[PLAIN, HTML]);
        check(
            &multi("mixed", "b1", &[&alternative, below]),
            &Expected {
                plain: Some("Approved.\nBut not for me."),
                html: Some("<p>Approved.</p>\n<pre>But not for me.</pre>"),
                attached: &[],
                codes: &[],
            },
        );
    }

    #[test]
    fn what_is_attached_is_not_read() {
        let note = "Content-Type: text/plain; name=\"note.txt\"\nContent-Disposition: attachment\n\nI approve.";
        let mail = "Content-Type: message/rfc822\n\nSubject: x\n\nI approve.";
        check(
            &multi("mixed", "b1", &[PLAIN, note, mail]),
            &Expected {
                plain: Some("Approved."),
                html: None,
                attached: &["text/plain", "message/rfc822"],
                codes: &[],
            },
        );
    }

    #[test]
    fn two_texts_of_one_kind_are_no_alternative() {
        let other = "Content-Type: text/plain\n\nDenied.";
        let expected = Expected {
            plain: Some("Approved."),
            html: None,
            attached: &[],
            codes: &["several_plain_alternatives"],
        };
        check(&multi("alternative", "b1", &[PLAIN, other]), &expected);
    }

    #[test]
    fn an_envelope_is_opened_and_an_encrypted_one_is_not() {
        let opaque = |der: &[u8]| {
            format!(
                "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\n\
                 Content-Transfer-Encoding: base64\n\n{}\n",
                data_encoding::BASE64.encode(der)
            )
        };
        let envelope = cms::tests::enveloped(b"Content-Type: text/plain\r\n\r\nApproved.\r\n");
        check(
            &opaque(&envelope),
            &Expected { plain: Some("Approved.\n"), html: None, attached: &[], codes: &[] },
        );
        check(
            &opaque(b"no envelope"),
            &Expected {
                plain: None,
                html: None,
                attached: &["application/pkcs7-mime"],
                codes: &["smime_unreadable"],
            },
        );
    }

    #[test]
    fn a_flowed_text_is_joined() {
        let raw = "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\nI appr \nove.\n-- \nAna\n";
        let expected = Expected {
            plain: Some("I approve.\n-- \nAna\n"),
            html: None,
            attached: &[],
            codes: &[],
        };
        check(raw, &expected);
    }

    #[test]
    fn text_with_two_readings_is_reported() {
        let check_code = |header: &str, body: &[u8], code: &str, disqualifies: bool| {
            let raw = [header.as_bytes(), b"\r\n\r\n", body].concat();
            let message = parse(&raw, &Limits::default());
            let got: Vec<_> =
                message.structure.iter().map(|it| (it.code, it.disqualifies)).collect();
            assert_eq!(got, [(code, disqualifies)], "{header}");
        };
        check_code("Content-Type: text/plain; charset=utf-7", b"yes", "charset_refused", true);
        check_code(
            "Content-Type: text/plain; charset=x; charset=utf-8",
            b"yes",
            "charset_ambiguous",
            true,
        );
        check_code("Content-Type: text/plain; charset=made-up", b"\xe9", "charset_unknown", true);
        check_code(
            "Content-Type: text/plain; charset=utf-8",
            b"\xe9",
            "charset_mislabelled",
            false,
        );
        check_code("Content-Type: text/plain", b"\xe9", "charset_missing", false);
        check_code(
            "Content-Transfer-Encoding: x-made-up",
            b"yes",
            "transfer_encoding_unknown",
            true,
        );
        check_code("Content-Transfer-Encoding: base64", b"!!!!", "base64_foreign_character", true);
        check_code("Subject: x", b"not\ryes", "bare_cr_in_text", true);
        check_code("Subject: x", b"ye\0s", "nul_in_text", true);
    }
}

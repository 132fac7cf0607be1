//! The tree of parts (RFC 2046 §5.1), read strictly.
//!
//! Where two programs could see different parts, the mail is reported: a
//! boundary with two readings, a delimiter that is one only to some, text
//! where no part may stand, a multipart that never ends. Nothing inside
//! message/rfc822 is looked at: those are somebody else's words.

use std::ops::Range;

use super::{
    fields::{self, Owner, line_at},
    findings::Findings,
    header::{self, Header},
    limits::Limits,
    parameters::Structured,
    transfer::Encoding,
};

/// One node of the tree.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) headers: Vec<Header>,
    pub(super) kind: Structured,
    pub(super) disposition: Structured,
    pub(super) encoding: Encoding,
    /// Where its content lies in the raw bytes.
    pub(super) body: Range<usize>,
    /// Places in the tree's list.
    pub(super) children: Vec<usize>,
}

impl Part {
    /// `text/plain`, lower case.
    pub(super) fn media_type(&self) -> &str {
        &self.kind.value
    }

    pub(super) fn is(&self, media_type: &str) -> bool {
        self.kind.value == media_type
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.kind.value.starts_with("multipart/")
    }

    pub(super) fn filename(&self) -> Option<&str> {
        let name = self.disposition.text("filename").or_else(|| self.kind.text("name"))?;
        (!name.trim().is_empty()).then_some(name)
    }

    /// Meant to be opened, not read with the mail.
    pub(super) fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment" || self.filename().is_some()
    }

    /// The content with its transfer encoding undone, flaws and all.
    pub(super) fn decoded(&self, raw: &[u8]) -> Vec<u8> {
        self.encoding.decode(raw.get(self.body.clone()).unwrap_or_default()).0
    }
}

/// Every part of a mail; the mail itself comes first.
pub(super) fn read(raw: &[u8], limits: &Limits, findings: &mut Findings) -> Vec<Part> {
    let mut tree = Tree { raw, limits, findings, parts: Vec::new(), to_scan: SCANS * raw.len() };
    tree.part(0..raw.len(), Owner::Mail, 0, "text/plain", &mut Vec::new());
    tree.parts
}

/// The parts of what an envelope held: a mail's body with its own few fields.
pub(super) fn read_entity(raw: &[u8], limits: &Limits, findings: &mut Findings) -> Vec<Part> {
    let mut tree = Tree { raw, limits, findings, parts: Vec::new(), to_scan: SCANS * raw.len() };
    tree.part(0..raw.len(), Owner::Part, 0, "text/plain", &mut Vec::new());
    tree.parts
}

struct Tree<'a> {
    raw: &'a [u8],
    limits: &'a Limits,
    findings: &'a mut Findings,
    parts: Vec<Part>,
    /// Bytes that may still be looked through for delimiters.
    to_scan: usize,
}

/// Each multipart looks through its whole body, so a mail is read as often as
/// it is nested. Honest mails nest a few levels deep, and their bulk is in
/// attachments near the top.
const SCANS: usize = 8;

impl Tree<'_> {
    /// Reads the part in `span` and those inside it. `outer` holds the
    /// boundaries of the multiparts around it.
    fn part(
        &mut self,
        span: Range<usize>,
        owner: Owner,
        depth: usize,
        implied: &str,
        outer: &mut Vec<String>,
    ) -> usize {
        let (headers, body_at) =
            fields::read(self.raw, span.clone(), owner, self.limits, self.findings);
        let part = self.leaf(headers, body_at.min(span.end)..span.end, implied);
        let here = self.parts.len();
        let is_multipart = part.is_multipart();
        self.parts.push(part);
        if is_multipart {
            self.multipart(here, depth, outer);
        }
        here
    }

    fn leaf(&mut self, headers: Vec<Header>, body: Range<usize>, implied: &str) -> Part {
        let field = |name| header::values(&headers, name).next();
        let mut kind = match field("Content-Type") {
            Some(written) => Structured::parse(written),
            None => Structured::parse(implied),
        };
        if !is_media_type(&kind.value) {
            self.findings
                .fatal("content_type_unreadable", field("Content-Type").unwrap_or_default());
            // RFC 2045 §5.2.
            kind = Structured::parse("text/plain");
        }
        if matches!(kind.value.as_str(), "message/partial" | "message/external-body") {
            self.findings.fatal("message_in_pieces", &kind.value);
        }
        let disposition = field("Content-Disposition").map(Structured::parse).unwrap_or_default();
        let encoding = Encoding::parse(field("Content-Transfer-Encoding"));
        Part { headers, kind, disposition, encoding, body, children: Vec::new() }
    }

    fn multipart(&mut self, here: usize, depth: usize, outer: &mut Vec<String>) {
        let Some(part) = self.parts.get(here) else {
            return;
        };
        let (body, kind) = (part.body.clone(), part.kind.clone());
        if part.encoding != Encoding::Identity {
            self.findings.fatal("transfer_encoding_on_multipart", &kind.value);
        }
        if depth >= self.limits.nesting_max {
            self.findings.fatal("nested_too_deep", &self.limits.nesting_max.to_string());
            return;
        }
        let Some(boundary) = self.boundary(&kind, outer) else {
            return;
        };
        let Some(left) = self.to_scan.checked_sub(body.len()) else {
            self.findings.fatal("nested_too_large", &kind.value);
            return;
        };
        self.to_scan = left;
        let spans = self.split(body, &boundary);
        let implied =
            if kind.value == "multipart/digest" { "message/rfc822" } else { "text/plain" };
        outer.push(boundary);
        for span in spans {
            if self.parts.len() >= self.limits.parts_max {
                self.findings.fatal("too_many_parts", &self.limits.parts_max.to_string());
                break;
            }
            let child = self.part(span, Owner::Part, depth + 1, implied, outer);
            if let Some(part) = self.parts.get_mut(here) {
                part.children.push(child);
            }
        }
        outer.pop();
    }

    /// The boundary, with everything said that could make another program
    /// use another one.
    fn boundary(&mut self, kind: &Structured, outer: &[String]) -> Option<String> {
        let Some(parameter) = kind.parameter("boundary") else {
            self.findings.fatal("boundary_missing", &kind.value);
            return None;
        };
        let boundary = parameter.value.as_str();
        if parameter.is_ambiguous {
            self.findings.fatal("boundary_ambiguous", boundary);
        }
        // RFC 2046 §5.1.1: 1 to 70 characters, not ending with a space.
        if boundary.is_empty() {
            self.findings.fatal("boundary_empty", &kind.value);
            return None;
        }
        if boundary.len() > 70 {
            self.findings.fatal("boundary_too_long", boundary);
        }
        if boundary.ends_with([' ', '\t']) || !boundary.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            self.findings.fatal("boundary_characters", boundary);
        }
        for around in outer {
            if around == boundary {
                self.findings.fatal("boundary_reused", boundary);
            } else if around.starts_with(boundary) || boundary.starts_with(around.as_str()) {
                self.findings.fatal("boundary_prefix", boundary);
            }
        }
        Some(boundary.to_owned())
    }

    /// Cuts a multipart's body at its delimiter lines.
    fn split(&mut self, body: Range<usize>, boundary: &str) -> Vec<Range<usize>> {
        let raw = self.raw;
        let mut spans = Vec::new();
        let mut open: Option<usize> = None;
        let mut closed_at = None;
        let mut has_lookalike = false;
        for at in lines_with_dashes(raw, body.clone()) {
            let begins =
                raw.get(at + 2..body.end).is_some_and(|it| it.starts_with(boundary.as_bytes()));
            if !begins {
                continue;
            }
            let (line, next) = line_at(raw, at..body.end);
            // A line is no shorter than the boundary, which holds no line end.
            let rest = raw.get(at + 2 + boundary.len()..line.end).unwrap_or_default();
            let closes = rest.starts_with(b"--");
            let padding = if closes { &rest[2..] } else { rest };
            if !padding.iter().all(|b| matches!(b, b' ' | b'\t')) {
                // RFC 2046 §5.1.1 compares only the beginning of a line, and
                // some programs do just that.
                if !has_lookalike {
                    self.findings.fatal("delimiter_lookalike", &String::from_utf8_lossy(rest));
                    has_lookalike = true;
                }
                continue;
            }
            if let Some(start) = open.take() {
                spans.push(start..before_line_end(raw, start, at));
            }
            if closes {
                closed_at = Some(next);
                break;
            }
            if spans.len() > self.limits.parts_max {
                break;
            }
            open = Some(next);
        }
        match (open, closed_at) {
            (_, Some(end)) => self.epilogue(end..body.end),
            // Every mail program closes what it opens: the mail was cut off.
            (Some(start), None) => {
                self.findings.fatal("multipart_not_closed", boundary);
                spans.push(start..body.end.max(start));
            }
            (None, None) if spans.is_empty() => {
                self.findings.fatal("multipart_without_parts", boundary)
            }
            (None, None) => {}
        }
        if spans.is_empty() && closed_at.is_some() {
            self.findings.fatal("multipart_without_parts", boundary);
        }
        spans
    }

    /// Shown by no mail program, read by some filters.
    fn epilogue(&mut self, span: Range<usize>) {
        let text = self.raw.get(span).unwrap_or_default().trim_ascii();
        if !text.is_empty() {
            let start: Vec<u8> = text.iter().copied().take(60).collect();
            self.findings.fatal("text_after_closing_boundary", &String::from_utf8_lossy(&start));
        }
    }
}

/// Starts of the lines that begin with `--`.
fn lines_with_dashes(raw: &[u8], span: Range<usize>) -> impl Iterator<Item = usize> {
    let body = raw.get(span.clone()).unwrap_or_default();
    let first = body.starts_with(b"--").then_some(span.start);
    first
        .into_iter()
        .chain(memchr::memmem::find_iter(body, b"\n--").map(move |at| span.start + at + 1))
}

/// The line end before a delimiter belongs to the delimiter. Where there is
/// none, the part is empty up to its start.
fn before_line_end(raw: &[u8], start: usize, delimiter: usize) -> usize {
    let span = raw.get(start..delimiter).unwrap_or_default();
    let cut = if span.ends_with(b"\r\n") { 2 } else { usize::from(span.ends_with(b"\n")) };
    start + span.len() - cut
}

fn is_media_type(value: &str) -> bool {
    let is_token = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+%'*`{|}~".contains(&b))
    };
    value.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes each part as `type[content]`, in tree order.
    fn check(raw: &str, parts: &[&str], codes: &[&str]) {
        let limits = Limits { nesting_max: 3, parts_max: 6, ..Limits::default() };
        for raw in [raw.to_owned(), raw.replace('\n', "\r\n")] {
            let mut findings = Findings::default();
            let tree = read(raw.as_bytes(), &limits, &mut findings);
            let got: Vec<_> = tree
                .iter()
                .filter(|part| !part.is_multipart())
                .map(|part| format!("{}[{}]", part.media_type(), &raw[part.body.clone()]))
                .collect();
            let got: Vec<_> = got.iter().map(|it| it.replace("\r\n", "\n")).collect();
            assert_eq!(got, parts, "{raw}");
            let got: Vec<_> = findings.into_list().iter().map(|finding| finding.code).collect();
            assert_eq!(got, codes, "{raw}");
        }
    }

    const TOP: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

    #[test]
    fn an_honest_tree_has_no_findings() {
        check("Subject: x\n\nbody", &["text/plain[body]"], &[]);
        check(
            &format!("{TOP}preamble\n--b\nContent-Type: text/html\n\nhi\n--b  \n\nyou\n--b--\n"),
            &["text/html[hi]", "text/plain[you]"],
            &[],
        );
        check(
            &format!(
                "{TOP}--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nx\n--c--\n\n--b--"
            ),
            &["text/plain[x]"],
            &[],
        );
        check(&format!("{TOP}--b\n\n--b--"), &["text/plain[]"], &[]);
        check(
            &format!("{TOP}--b\nContent-Type: message/rfc822\n\nSubject: a\n\nb\n--b--"),
            &["message/rfc822[Subject: a\n\nb]"],
            &[],
        );
    }

    #[test]
    fn a_boundary_with_two_readings_is_reported() {
        let top = |kind: &str| format!("Content-Type: multipart/mixed{kind}\n\n--b\n\nx\n--b--\n");
        check(&top("; boundary=b; boundary=c"), &["text/plain[x]"], &["boundary_ambiguous"]);
        check(&top(""), &[], &["boundary_missing"]);
        check(&top("; boundary=\"\""), &[], &["boundary_empty"]);
        check(
            &top(&format!("; boundary={}", "y".repeat(71))),
            &[],
            &["boundary_too_long", "multipart_without_parts"],
        );
    }

    #[test]
    fn delimiters_that_are_none_to_some_are_reported() {
        check(
            &format!("{TOP}--b\n\nx\n--bx\ny\n--b--"),
            &["text/plain[x\n--bx\ny]"],
            &["delimiter_lookalike"],
        );
        check(&format!("{TOP}--b\n\nx"), &["text/plain[x]"], &["multipart_not_closed"]);
        check(
            &format!("{TOP}--b\n\nx\n--b--\nyes"),
            &["text/plain[x]"],
            &["text_after_closing_boundary"],
        );
        check(
            &format!(
                "{TOP}--b\nContent-Type: multipart/mixed; boundary=bc\n\n--bc\n\nx\n--bc--\n--b--"
            ),
            &["text/plain[x]"],
            &["delimiter_lookalike", "boundary_prefix"],
        );
    }

    #[test]
    fn what_may_not_be_wrapped_or_split_is_reported() {
        check(
            "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--",
            &["text/plain[x]"],
            &["transfer_encoding_on_multipart"],
        );
        check(
            "Content-Type: message/partial\n\nx",
            &["message/partial[x]"],
            &["message_in_pieces"],
        );
        check("Content-Type: text\n\nx", &["text/plain[x]"], &["content_type_unreadable"]);
    }

    #[test]
    fn a_mail_is_not_read_again_at_every_level() {
        let mut raw = String::new();
        for level in 10..30 {
            raw += &format!("Content-Type: multipart/mixed; boundary=x{level}y\n\n--x{level}y\n");
        }
        raw += &"--\n".repeat(10_000);
        let mut findings = Findings::default();
        read(raw.as_bytes(), &Limits::default(), &mut findings);
        assert!(findings.into_list().iter().any(|finding| finding.code == "nested_too_large"));
    }

    #[test]
    fn limits_hold() {
        let many = format!("{TOP}{}--b--", "--b\n\nx\n".repeat(7));
        check(&many, &["text/plain[x]"; 5], &["too_many_parts"]);
        let mut deep = String::new();
        for level in 0..5 {
            deep += &format!("Content-Type: multipart/mixed; boundary=x{level}y\n\n--x{level}y\n");
        }
        let mut findings = Findings::default();
        read(deep.as_bytes(), &Limits { nesting_max: 3, ..Limits::default() }, &mut findings);
        assert!(findings.into_list().iter().any(|finding| finding.code == "nested_too_deep"));
    }
}

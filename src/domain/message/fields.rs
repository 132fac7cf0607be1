//! The header block: bytes to fields, and what is wrong with them.
//!
//! Mail programs disagree on a broken header, and a forger lives between two
//! readings. So nothing is mended in silence: what RFC 5322 §2.2 does not
//! allow is read in the most usual way and reported.

use std::ops::Range;

use super::{findings::Findings, header::Header, limits::Limits};

/// Fields that must not stand twice in one mail (RFC 5322 §3.6, RFC 2045 §3).
const ONCE_IN_A_MAIL: [&str; 13] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// Fields that must not stand twice in one part.
const ONCE_IN_A_PART: [&str; 5] = [
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Disposition",
    "Content-ID",
    "Content-Location",
];

/// Whose header block it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Mail,
    Part,
}

/// Reads the fields at the start of `span` and says where the body begins.
pub(super) fn read(
    raw: &[u8],
    span: Range<usize>,
    owner: Owner,
    limits: &Limits,
    findings: &mut Findings,
) -> (Vec<Header>, usize) {
    let (headers, body_at) = scan(raw, span, owner, limits, findings);
    let once: &[&str] = match owner {
        Owner::Mail => &ONCE_IN_A_MAIL,
        Owner::Part => &ONCE_IN_A_PART,
    };
    for name in once {
        if headers.iter().filter(|header| header.is(name)).count() > 1 {
            findings.fatal("header_repeated", name);
        }
    }
    if owner == Owner::Mail && headers.iter().filter(|h| h.is("Content-Disposition")).count() > 1 {
        findings.fatal("header_repeated", "Content-Disposition");
    }
    (headers, body_at)
}

fn scan(
    raw: &[u8],
    span: Range<usize>,
    owner: Owner,
    limits: &Limits,
    findings: &mut Findings,
) -> (Vec<Header>, usize) {
    let mut headers = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut lines = 0;
    let mut at = span.start;
    if owner == Owner::Mail && matches!(raw.get(at), Some(b'\r' | b'\n')) {
        findings.fatal("blank_line_before_header", "the mail begins with an empty line");
        at += raw.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    }
    let body_at = loop {
        if at >= span.end {
            // An empty part is `--b CRLF CRLF --b`; a mail always has the blank line.
            if owner == Owner::Mail || !headers.is_empty() || open.is_some() {
                findings.fatal("header_unterminated", "the header is not followed by a blank line");
            }
            break span.end;
        }
        let (line, next) = line_at(raw, at..span.end);
        if line.is_empty() {
            break next;
        }
        lines += 1;
        if lines > limits.header_lines_max {
            findings.fatal("too_many_header_lines", &limits.header_lines_max.to_string());
            break blank_line_after(raw, at..span.end);
        }
        let text = &raw[line.clone()];
        if matches!(text.first(), Some(b' ' | b'\t')) {
            if text.iter().all(|b| matches!(b, b' ' | b'\t')) {
                // Some programs take it for the end of the header.
                findings.fatal("blank_folded_line", "a header line holds only white space");
            }
            match &mut open {
                Some(field) => field.end = line.end,
                None => findings.fatal("header_starts_folded", "the first header line is folded"),
            }
        } else if colon_of(text).is_some() {
            close(raw, open.take(), owner, &mut headers, limits, findings);
            open = Some(line);
        } else if lines == 1 && owner == Owner::Mail && is_mbox_line(text) {
            findings.note("mbox_line", "the mail begins with an mbox separator");
        } else {
            findings.fatal("header_without_colon", &String::from_utf8_lossy(text));
            break at;
        }
        at = next;
    };
    close(raw, open.take(), owner, &mut headers, limits, findings);
    (headers, body_at)
}

/// Where the field name ends, if this line opens a field (RFC 5322 §2.2;
/// white space before the colon is §4.5's obsolete form).
fn colon_of(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(|b| b.is_ascii_graphic())).then_some(colon)
}

fn is_mbox_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

fn close(
    raw: &[u8],
    field: Option<Range<usize>>,
    owner: Owner,
    headers: &mut Vec<Header>,
    limits: &Limits,
    findings: &mut Findings,
) {
    let Some(field) = field else { return };
    let field = &raw[field];
    let Some(colon) = colon_of(field) else { return };
    let name = String::from_utf8_lossy(field[..colon].trim_ascii_end()).into_owned();
    if field.len() > limits.header_bytes_max {
        findings.fatal("header_too_long", &name);
        return;
    }
    if field[..colon].ends_with(b" ") || field[..colon].ends_with(b"\t") {
        findings.fatal("space_before_colon", &name);
    }
    let value = unfold(&field[colon + 1..]);
    if value.contains(&0) {
        findings.fatal("nul_in_header", &name);
    }
    if value.contains(&b'\r') {
        findings.fatal("bare_cr_in_header", &name);
    }
    let value = match String::from_utf8(value) {
        Ok(value) => value,
        Err(error) => {
            // In a part, where the name of a file is often written so, a byte
            // that matters is caught as a bad boundary or charset.
            let matters = owner == Owner::Mail
                && ONCE_IN_A_MAIL.iter().any(|it| name.eq_ignore_ascii_case(it));
            findings.add("header_not_utf8", &name, matters);
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }
    };
    headers.push(Header { name, value: value.trim_matches([' ', '\t']).to_owned() });
}

/// RFC 5322 §2.2.3: the line ends go, the white space after them stays.
fn unfold(value: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => {}
            b'\r' if bytes.peek() == Some(&b'\n') => {}
            other => unfolded.push(other),
        }
    }
    unfolded
}

/// The line that begins at `span.start`, without its end, and where the next
/// one begins.
pub(super) fn line_at(raw: &[u8], span: Range<usize>) -> (Range<usize>, usize) {
    match memchr::memchr(b'\n', &raw[span.clone()]) {
        Some(length) => {
            let end = span.start + length;
            let content = if raw[span.start..end].ends_with(b"\r") { end - 1 } else { end };
            (span.start..content, end + 1)
        }
        None => (span.clone(), span.end),
    }
}

fn blank_line_after(raw: &[u8], span: Range<usize>) -> usize {
    let mut at = span.start;
    while at < span.end {
        let (line, next) = line_at(raw, at..span.end);
        at = next;
        if line.is_empty() {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &[u8], names: &[&str], codes: &[&str]) {
        let mut findings = Findings::default();
        let limits = Limits { header_lines_max: 5, header_bytes_max: 60, ..Limits::default() };
        let (headers, _) = read(raw, 0..raw.len(), Owner::Mail, &limits, &mut findings);
        let got: Vec<_> = headers.iter().map(|h| format!("{}={}", h.name, h.value)).collect();
        assert_eq!(got, names, "{}", String::from_utf8_lossy(raw));
        let got: Vec<_> = findings.into_list().iter().map(|finding| finding.code).collect();
        assert_eq!(got, codes, "{}", String::from_utf8_lossy(raw));
    }

    #[test]
    fn an_ordinary_header_is_unfolded_and_kept_in_order() {
        check(b"Subject: one\r\n two\r\nX-A:b\r\n\r\nbody", &["Subject=one two", "X-A=b"], &[]);
        check(b"Subject: one\n\ttwo\n\nbody", &["Subject=one\ttwo"], &[]);
        check("Subject: ol\u{e9}\r\n\r\n".as_bytes(), &["Subject=ol\u{e9}"], &[]);
    }

    #[test]
    fn what_two_programs_read_differently_is_reported() {
        check(
            b"Subject: a\r\nsubject: b\r\n\r\n",
            &["Subject=a", "subject=b"],
            &["header_repeated"],
        );
        check(b"Subject : a\r\n\r\n", &["Subject=a"], &["space_before_colon"]);
        check(b"Subject: a\rFrom: b\r\n\r\n", &["Subject=a\rFrom: b"], &["bare_cr_in_header"]);
        check(b"Subject: a\0b\r\n\r\n", &["Subject=a\0b"], &["nul_in_header"]);
        check(b"Subject: \xe9\r\n\r\n", &["Subject=\u{fffd}"], &["header_not_utf8"]);
        check(b"X-A: b\r\nhello\r\nX-C: d\r\n\r\n", &["X-A=b"], &["header_without_colon"]);
        check(b"X-A: b\r\n \r\nX-C: d\r\n\r\n", &["X-A=b", "X-C=d"], &["blank_folded_line"]);
        check(b"X-A: b\r\n", &["X-A=b"], &["header_unterminated"]);
        check(b"\r\nX-A: b\r\n\r\n", &["X-A=b"], &["blank_line_before_header"]);
        check(b" X-A: b\r\n\r\n", &[], &["header_starts_folded"]);
    }

    #[test]
    fn more_than_the_limits_is_not_read() {
        check(
            b"A:1\nB:2\nC:3\nD:4\nE:5\nF:6\n\n",
            &["A=1", "B=2", "C=3", "D=4", "E=5"],
            &["too_many_header_lines"],
        );
        let long = format!("A: {}\r\nB: 2\r\n\r\n", "x".repeat(60));
        check(long.as_bytes(), &["B=2"], &["header_too_long"]);
    }
}

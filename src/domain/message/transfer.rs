//! Content-Transfer-Encoding (RFC 2045 §6), undone strictly.

/// How a part's bytes are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary, or nothing said.
    Identity,
    QuotedPrintable,
    Base64,
    /// A word RFC 2045 does not know.
    Unknown,
}

/// Something that does not belong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) code: &'static str,
    pub(super) disqualifies: bool,
}

impl Encoding {
    /// Reads the field; comments are allowed, nothing else beside the word.
    pub(super) fn parse(field: Option<&str>) -> Self {
        let word = field.unwrap_or_default();
        let word = word.split(['(', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
        match word.as_str() {
            "" | "7bit" | "8bit" | "binary" => Self::Identity,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            _ => Self::Unknown,
        }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> (Vec<u8>, Option<Flaw>) {
        match self {
            Self::Identity => (bytes.to_vec(), None),
            Self::QuotedPrintable => quoted_printable(bytes),
            Self::Base64 => base64(bytes),
            Self::Unknown => (
                bytes.to_vec(),
                Some(Flaw { code: "transfer_encoding_unknown", disqualifies: true }),
            ),
        }
    }
}

/// RFC 2045 §6.8. The RFC lets a reader skip foreign characters, and readers
/// differ in whether they do and whether they stop at the padding: a text
/// that is not clean says different things to different readers.
fn base64(bytes: &[u8]) -> (Vec<u8>, Option<Flaw>) {
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let mut flaw = None;
    let mut spoilt = |code, disqualifies| {
        flaw.get_or_insert(Flaw { code, disqualifies });
    };
    let (mut group, mut filled, mut padding) = (0_u32, 0_u32, 0_u32);
    for &byte in bytes {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                spoilt("base64_foreign_character", true);
                continue;
            }
        };
        if padding > 0 {
            spoilt("base64_after_padding", true);
            decoded.extend(tail(group, filled));
            (group, filled, padding) = (0, 0, 0);
        }
        group = group << 6 | u32::from(value);
        filled += 1;
        if filled == 4 {
            let [_, first, second, third] = group.to_be_bytes();
            decoded.extend([first, second, third]);
            (group, filled) = (0, 0);
        }
    }
    match (filled, padding) {
        (0, 0) | (2, 2) | (3, 1) => {}
        (1, _) => spoilt("base64_truncated", true),
        // Too little or too much padding changes no letter.
        _ => spoilt("base64_padding", false),
    }
    decoded.extend(tail(group, filled));
    (decoded, flaw)
}

fn tail(group: u32, filled: u32) -> impl Iterator<Item = u8> {
    let [_, first, second, _] = (group << (6 * (4 - filled.min(4)))).to_be_bytes();
    [first, second].into_iter().take(filled.saturating_sub(1) as usize)
}

/// RFC 2045 §6.7. A `=` that introduces nothing is kept as it stands: some
/// programs write one (a long address pasted in), every reader shows it, and
/// no letter around it changes; so it is told, but spoils nothing.
fn quoted_printable(bytes: &[u8]) -> (Vec<u8>, Option<Flaw>) {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut flaw = None;
    for line in bytes.split_inclusive(|&b| b == b'\n') {
        let (content, end) = split_end(line);
        // §6.7 (3): white space at the end of a line was added on the way.
        let content = trim_end(content);
        let mut at = 0;
        let mut is_soft = false;
        while let Some(&byte) = content.get(at) {
            if byte != b'=' {
                decoded.push(byte);
                at += 1;
            } else if at + 1 == content.len() {
                is_soft = true;
                at += 1;
            } else if let Some(value) = hex(content.get(at + 1..at + 3)) {
                decoded.push(value);
                at += 3;
            } else {
                flaw = Some(Flaw { code: "quoted_printable_stray_equals", disqualifies: false });
                decoded.push(b'=');
                at += 1;
            }
        }
        if !is_soft {
            decoded.extend_from_slice(end);
        }
    }
    (decoded, flaw)
}

fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let length = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
    line.split_at(line.len() - length)
}

fn trim_end(mut line: &[u8]) -> &[u8] {
    while let [head @ .., b' ' | b'\t'] = line {
        line = head;
    }
    line
}

fn hex(pair: Option<&[u8]>) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    match pair {
        Some(&[high, low]) => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: &str, bytes: &str, text: &str, flaw: Option<(&str, bool)>) {
        let (decoded, got) = Encoding::parse(Some(encoding)).decode(bytes.as_bytes());
        assert_eq!(String::from_utf8_lossy(&decoded), text, "{bytes:?}");
        assert_eq!(got.map(|flaw| (flaw.code, flaw.disqualifies)), flaw, "{bytes:?}");
    }

    #[test]
    fn clean_text_comes_back_whole() {
        check("7bit", "yes\r\n", "yes\r\n", None);
        check("Base64", "QXBw\r\ncm92ZWQ=\r\n", "Approved", None);
        check("base64", "QXBwcm92ZQ==", "Approve", None);
        check("base64", "", "", None);
        check(
            "quoted-printable",
            "gr=C3=BC=c3=9f=\r\ne \r\n=20\r\n",
            "gr\u{fc}\u{df}e\r\n \r\n",
            None,
        );
        check("QUOTED-PRINTABLE (said it)", "a= \r\nb", "ab", None);
    }

    #[test]
    fn broken_base64_is_fatal() {
        check("base64", "QXBw!cm92ZWQ=", "Approved", Some(("base64_foreign_character", true)));
        check("base64", "QXBwcm92ZQ==QXBw", "ApproveApp", Some(("base64_after_padding", true)));
        check("base64", "QXBwc", "App", Some(("base64_truncated", true)));
        check("base64", "QXBwcm92ZQ", "Approve", Some(("base64_padding", false)));
    }

    #[test]
    fn a_stray_equals_sign_stays_and_spoils_nothing() {
        check(
            "quoted-printable",
            "a=b=zz",
            "a=b=zz",
            Some(("quoted_printable_stray_equals", false)),
        );
        check("quoted-printable", "yes=", "yes", None);
    }

    #[test]
    fn an_unknown_encoding_is_fatal() {
        check("x-rot13", "lrf", "lrf", Some(("transfer_encoding_unknown", true)));
    }
}

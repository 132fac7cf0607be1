//! Bytes to text, by the charset a part names.
//!
//! The names are those of the WHATWG list, which is what mail programs know,
//! and a few more that mail carries. UTF-7 is refused: it hides words in what
//! looks like ASCII, and no program of this century writes it.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A text and how sure we are of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) doubt: Option<Doubt>,
}

/// Why the text may not be what its writer saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// UTF-7 in any of its names.
    Refused,
    /// A name nobody knows, over bytes that are not all ASCII.
    Unknown,
    /// UTF-16 that does not say its byte order.
    NoByteOrder,
    /// The bytes are not of the named charset; read as mail programs do.
    Mislabelled,
    /// Some bytes mean nothing in the named charset; replaced.
    Malformed,
}

impl Doubt {
    /// Refused, unknown and unordered text could say anything; for the other
    /// two every mail program shows the same letters as we do.
    pub(super) fn disqualifies(self) -> bool {
        matches!(self, Self::Refused | Self::Unknown | Self::NoByteOrder)
    }

    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Refused => "charset_refused",
            Self::Unknown => "charset_unknown",
            Self::NoByteOrder => "charset_without_byte_order",
            Self::Mislabelled => "charset_mislabelled",
            Self::Malformed => "charset_malformed",
        }
    }
}

pub(super) fn decode(bytes: &[u8], label: Option<&str>) -> Decoded {
    let label = label.unwrap_or_default().trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    if is_utf_7(&label) {
        return Decoded { text: ascii_only(bytes), doubt: Some(Doubt::Refused) };
    }
    if matches!(label.as_str(), "utf-16" | "utf16" | "unicode" | "ucs-2" | "iso-10646-ucs-2") {
        return utf_16(bytes);
    }
    if claims_little(&label) {
        return unlabelled(bytes);
    }
    match known(&label) {
        Some(encoding) => by(encoding, bytes),
        // Any charset a mail may use agrees with ASCII, except those above and
        // the escaping ones, whose escape character is tested for.
        None if bytes.is_ascii() && !bytes.contains(&0x1b) && !shifts(&label, bytes) => {
            sure(ascii_only(bytes))
        }
        None => Decoded {
            text: String::from_utf8_lossy(bytes).into_owned(),
            doubt: Some(Doubt::Unknown),
        },
    }
}

/// HZ escapes with a tilde, which is ASCII (RFC 1843): `~{` turns to Chinese.
fn shifts(label: &str, bytes: &[u8]) -> bool {
    label.contains("hz") && memchr::memmem::find(bytes, b"~{").is_some()
}

fn sure(text: String) -> Decoded {
    Decoded { text, doubt: None }
}

/// No charset, ASCII, or a word that says "I do not know".
fn claims_little(label: &str) -> bool {
    const WORDS: [&str; 11] = [
        "",
        "us-ascii",
        "ascii",
        "ansi_x3.4-1968",
        "iso646-us",
        "us",
        "unknown-8bit",
        "x-unknown",
        "unknown",
        "8bit",
        "binary",
    ];
    WORDS.contains(&label)
}

fn is_utf_7(label: &str) -> bool {
    let letters: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.ends_with("utf7") || letters.starts_with("utf7")
}

fn known(label: &str) -> Option<&'static Encoding> {
    let also = match label {
        "cp932" | "ms_kanji" | "mskanji" => "shift_jis",
        "cp936" | "ms936" | "gb_2312" | "euc-cn" | "euccn" => "gb18030",
        "cp949" | "uhc" | "ms949" => "euc-kr",
        "cp950" | "ms950" => "big5",
        "iso-2022-jp-1" | "iso-2022-jp-2" | "iso-2022-jp-ms" | "cp50220" | "cp50221" => {
            "iso-2022-jp"
        }
        "latin-1" | "iso8859_1" | "iso-latin-1" | "ansi" => "iso-8859-1",
        "latin-9" | "iso8859_15" | "iso-8859-15-euro" => "iso-8859-15",
        "koi8" => "koi8-r",
        "utf_8" | "utf-8n" | "utf8mb4" => "utf-8",
        other => other,
    };
    Encoding::for_label_no_replacement(also.as_bytes())
}

fn by(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, is_broken) = encoding.decode_without_bom_handling(bytes);
    if !is_broken {
        return sure(without_mark(text.into_owned()));
    }
    if encoding == UTF_8 {
        let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
        return Decoded { text: text.into_owned(), doubt: Some(Doubt::Mislabelled) };
    }
    Decoded { text: without_mark(text.into_owned()), doubt: Some(Doubt::Malformed) }
}

fn unlabelled(bytes: &[u8]) -> Decoded {
    if bytes.is_ascii() {
        return sure(ascii_only(bytes));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => without_mark(text.to_owned()),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    };
    Decoded { text, doubt: Some(Doubt::Mislabelled) }
}

/// RFC 2781 §4.3 takes no mark for big-endian, Windows for little-endian.
fn utf_16(bytes: &[u8]) -> Decoded {
    match bytes {
        [0xff, 0xfe, rest @ ..] => by(UTF_16LE, rest),
        [0xfe, 0xff, rest @ ..] => by(UTF_16BE, rest),
        [] => sure(String::new()),
        _ => Decoded { text: by(UTF_16LE, bytes).text, doubt: Some(Doubt::NoByteOrder) },
    }
}

fn ascii_only(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| if b.is_ascii() { char::from(b) } else { '\u{fffd}' }).collect()
}

fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], label: Option<&str>, text: &str, doubt: Option<Doubt>) {
        assert_eq!(decode(bytes, label), Decoded { text: text.into(), doubt }, "{label:?}");
    }

    #[test]
    fn the_charsets_mail_is_written_in_are_read() {
        check("genehmigt \u{fc}".as_bytes(), Some("UTF-8"), "genehmigt \u{fc}", None);
        check(b"\xef\xbb\xbfyes", Some("utf-8"), "yes", None);
        check(b"\xfcber \x80", Some("iso-8859-1"), "\u{fc}ber \u{20ac}", None);
        check(b"\xc4\xc1", Some("koi8-r"), "\u{434}\u{430}", None);
        check(b"\x1b$B>5G'\x1b(B", Some("ISO-2022-JP"), "\u{627f}\u{8a8d}", None);
        check(b"\xb3\xd0\xc8\xcf", Some("GB2312"), "\u{627f}\u{8ba4}", None);
        check(b"\xa7\xe5\xad\xe3", Some("big5"), "\u{6279}\u{51c6}", None);
        check(b"\xa7\xe5\xff", Some("big5"), "\u{6279}\u{fffd}", Some(Doubt::Malformed));
        check(b"\xbd\xc2\xc0\xce", Some("ks_c_5601-1987"), "\u{c2b9}\u{c778}", None);
        check(b"\xff\xfeo\0k\0", Some("utf-16"), "ok", None);
    }

    #[test]
    fn a_wrong_label_is_read_as_mail_programs_do() {
        check(b"caf\xe9", Some("us-ascii"), "caf\u{e9}", Some(Doubt::Mislabelled));
        check("caf\u{e9}".as_bytes(), None, "caf\u{e9}", Some(Doubt::Mislabelled));
        check(b"caf\xe9", Some("utf-8"), "caf\u{e9}", Some(Doubt::Mislabelled));
    }

    #[test]
    fn what_could_say_anything_is_refused() {
        check(b"+AGEAcA-prove", Some("UTF-7"), "+AGEAcA-prove", Some(Doubt::Refused));
        check(b"x", Some("unicode-1-1-utf-7"), "x", Some(Doubt::Refused));
        check(b"yes", Some("x-made-up"), "yes", None);
        check(b"\xe9", Some("x-made-up"), "\u{fffd}", Some(Doubt::Unknown));
        check(b"\x1b$)Cyes", Some("iso-2022-kr"), "\u{1b}$)Cyes", Some(Doubt::Unknown));
        check(b"o\0k\0", Some("utf-16"), "ok", Some(Doubt::NoByteOrder));
    }
}

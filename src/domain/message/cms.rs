//! Opaque S/MIME: finds the mail inside a signed-data envelope (RFC 8551 §3.5,
//! RFC 5652 §5.1). The signature is not judged here.
//!
//! A reader for just this path through the ASN.1: definite and indefinite
//! lengths, and octet strings in pieces, as Outlook and Apple Mail write them.

/// 1.2.840.113549.1.7.2
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OCTET_STRING_IN_PIECES: u8 = 0x24;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;

/// Indefinite values inside each other; a signature needs about six.
const DEPTH_MAX: usize = 16;

/// The signed MIME entity, or None if this is no signed-data with its content
/// inside.
pub(super) fn signed_content(der: &[u8]) -> Option<Vec<u8>> {
    let content_info = Value::first(der)?.inside(SEQUENCE)?;
    let (kind, rest) = Value::split(content_info)?;
    if kind.inside(OBJECT_IDENTIFIER)? != SIGNED_DATA {
        return None;
    }
    let signed_data = Value::first(Value::first(rest)?.inside(EXPLICIT_0)?)?.inside(SEQUENCE)?;
    let (version, rest) = Value::split(signed_data)?;
    version.inside(INTEGER)?;
    let (digests, rest) = Value::split(rest)?;
    digests.inside(SET)?;
    let encapsulated = Value::first(rest)?.inside(SEQUENCE)?;
    let (kind, rest) = Value::split(encapsulated)?;
    if kind.inside(OBJECT_IDENTIFIER)? != DATA {
        return None;
    }
    let content = Value::first(Value::first(rest)?.inside(EXPLICIT_0)?)?;
    let mut octets = Vec::with_capacity(content.content.len());
    content.octets(&mut octets, 0)?;
    Some(octets)
}

/// One tag, length and content (X.690 §8.1).
#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Value<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        Self::split(bytes).map(|(value, _)| value)
    }

    /// The first value and what follows it.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (tag, length, body) = head(bytes)?;
        match length {
            Some(length) => {
                let (content, rest) = body.split_at_checked(length)?;
                Some((Self { tag, content }, rest))
            }
            None => {
                let length = indefinite_length(body)?;
                let (content, rest) = body.split_at_checked(length)?;
                Some((Self { tag, content }, rest.get(2..)?))
            }
        }
    }

    fn inside(self, tag: u8) -> Option<&'a [u8]> {
        (self.tag == tag).then_some(self.content)
    }

    fn octets(self, into: &mut Vec<u8>, depth: usize) -> Option<()> {
        match self.tag {
            OCTET_STRING => into.extend_from_slice(self.content),
            OCTET_STRING_IN_PIECES if depth < DEPTH_MAX => {
                let mut rest = self.content;
                while !rest.is_empty() {
                    let (piece, after) = Self::split(rest)?;
                    piece.octets(into, depth + 1)?;
                    rest = after;
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// Tag, length (None: indefinite), and what follows. Tags above 30 and
/// lengths beyond four octets do not occur on our path.
fn head(bytes: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    match first {
        0..0x80 => Some((tag, Some(usize::from(first)), rest)),
        0x80 => Some((tag, None, rest)).filter(|_| tag & 0x20 != 0),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0_usize, |sum, &octet| sum << 8 | usize::from(octet));
            Some((tag, Some(length), rest))
        }
        _ => None,
    }
}

/// How long the content of an indefinite value is, up to its two zero octets
/// (X.690 §8.1.5). Walks the values inside without recursion: each octet of a
/// header is looked at once, definite contents are stepped over.
fn indefinite_length(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut open = 1_usize;
    loop {
        let rest = body.get(at..)?;
        if rest.starts_with(&[0, 0]) {
            open -= 1;
            if open == 0 {
                return Some(at);
            }
            at += 2;
            continue;
        }
        let (_, length, after) = head(rest)?;
        at = body.len() - after.len();
        match length {
            Some(length) => at = at.checked_add(length)?,
            None => open += 1,
        }
        if open > DEPTH_MAX {
            return None;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn value(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), &content].concat()
    }

    fn endless(tag: u8, content: &[&[u8]]) -> Vec<u8> {
        [&[tag, 0x80], content.concat().as_slice(), &[0, 0]].concat()
    }

    type Wrap = fn(u8, &[&[u8]]) -> Vec<u8>;

    fn signed(wrap: Wrap, octets: &[u8]) -> Vec<u8> {
        let encapsulated =
            wrap(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[DATA]), &wrap(EXPLICIT_0, &[octets])]);
        let data = wrap(
            SEQUENCE,
            &[&value(INTEGER, &[&[1]]), &value(SET, &[]), &encapsulated, &value(SET, &[])],
        );
        wrap(SEQUENCE, &[&value(OBJECT_IDENTIFIER, &[SIGNED_DATA]), &wrap(EXPLICIT_0, &[&data])])
    }

    /// A signed-data envelope around a MIME entity, for tests elsewhere.
    pub(crate) fn enveloped(entity: &[u8]) -> Vec<u8> {
        signed(endless, &value(OCTET_STRING, &[entity]))
    }

    fn check(der: &[u8], expected: Option<&[u8]>) {
        assert_eq!(signed_content(der).as_deref(), expected);
    }

    #[test]
    fn both_ways_of_writing_lengths_are_read() {
        let whole = value(OCTET_STRING, &[b"Approved"]);
        check(&signed(value, &whole), Some(b"Approved"));
        check(&signed(endless, &whole), Some(b"Approved"));
    }

    #[test]
    fn octet_strings_in_pieces_are_joined() {
        let pieces = [value(OCTET_STRING, &[b"App"]), value(OCTET_STRING, &[b"roved"])];
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        check(&signed(endless, &endless(OCTET_STRING_IN_PIECES, &pieces)), Some(b"Approved"));
        check(&signed(value, &value(OCTET_STRING_IN_PIECES, &pieces)), Some(b"Approved"));
    }

    #[test]
    fn anything_else_is_nothing() {
        let good = signed(endless, &value(OCTET_STRING, &[b"Approved"]));
        for end in 0..good.len() - 40 {
            check(&good[..end], None);
        }
        check(&[0x30, 0x80].repeat(10_000), None);
        check(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0], None);
        check(b"", None);
    }
}

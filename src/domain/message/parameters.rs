//! Structured fields of MIME: `type/subtype; name=value; …` (RFC 2045 §5.1),
//! with the continuations and charsets of RFC 2231.
//!
//! A parameter can be written in several ways at once, and programs differ in
//! which one they believe. So each value comes with the word whether it could
//! be read in one way only.

use std::collections::BTreeMap;

use super::charset;

/// A field's first word and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Structured {
    /// `text/plain`, `attachment`: lower case, empty if unreadable.
    pub(super) value: String,
    parameters: BTreeMap<String, Parameter>,
    /// Something stands where only parameters may.
    pub(super) has_junk: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) value: String,
    /// Written twice, in two forms, with gaps, or with junk behind it.
    pub(super) is_ambiguous: bool,
}

/// One `name=value` as it stood.
struct Written {
    name: String,
    value: String,
    has_junk: bool,
}

impl Structured {
    pub(super) fn parse(field: &str) -> Self {
        let mut cursor = Cursor { rest: field };
        cursor.skip_space_and_comments();
        let value: String = cursor.take_until(&[';', '(']).split_whitespace().collect();
        cursor.skip_space_and_comments();
        let mut has_junk = false;
        let mut written = Vec::new();
        while !cursor.rest.is_empty() {
            if !cursor.skip(';') {
                has_junk = true;
                cursor.take_until(&[';']);
                continue;
            }
            cursor.skip_space_and_comments();
            if cursor.rest.is_empty() || cursor.rest.starts_with(';') {
                continue;
            }
            match cursor.parameter() {
                Some(parameter) => written.push(parameter),
                None => has_junk = true,
            }
        }
        Self { value: value.to_ascii_lowercase(), parameters: combine(written), has_junk }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.get(name)
    }

    /// The value alone, where a second reading would do no harm.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(|parameter| parameter.value.as_str())
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take_until(&mut self, stops: &[char]) -> &'a str {
        let end = self.rest.find(stops).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// RFC 5322 §3.2.2; an unclosed comment runs to the end.
    fn skip_space_and_comments(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if !self.rest.starts_with('(') {
                return;
            }
            let (mut depth, mut escaped, mut end) = (0_usize, false, self.rest.len());
            for (at, c) in self.rest.char_indices() {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '(' => depth += 1,
                    ')' => {
                        depth -= 1;
                        if depth == 0 {
                            end = at + 1;
                            break;
                        }
                    }
                    _ => {}
                }
            }
            self.rest = &self.rest[end..];
        }
    }

    fn parameter(&mut self) -> Option<Written> {
        let name = self.take_until(&['=', ';']).trim().to_ascii_lowercase();
        if !self.skip('=') || name.is_empty() || name.contains([' ', '\t', '"']) {
            return None;
        }
        self.skip_space_and_comments();
        let (value, mut has_junk) =
            if self.rest.starts_with('"') { self.quoted() } else { self.bare() };
        self.skip_space_and_comments();
        if !self.rest.is_empty() && !self.rest.starts_with(';') {
            has_junk = true;
            self.take_until(&[';']);
        }
        Some(Written { name, value, has_junk })
    }

    fn quoted(&mut self) -> (String, bool) {
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    value.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return (value, false);
                }
                _ => value.push(c),
            }
        }
        self.rest = "";
        (value, true)
    }

    /// Programs write `/`, `=`, `:` and `?` without quotes, against the
    /// grammar, and everybody reads them; white space and quotes end it.
    fn bare(&mut self) -> (String, bool) {
        let value = self.take_until(&[';', ' ', '\t', '\r', '\n', '"', '(']);
        (value.to_owned(), value.is_empty())
    }
}

fn combine(written: Vec<Written>) -> BTreeMap<String, Parameter> {
    let mut forms: BTreeMap<String, Forms> = BTreeMap::new();
    for Written { name, value, has_junk } in written {
        let (base, section, is_extended) = form_of(&name);
        let form = forms.entry(base.to_owned()).or_default();
        form.has_junk |= has_junk;
        match section {
            Some(section) => form.sections.push((section, is_extended, value)),
            None if is_extended => form.extended.push(value),
            None => form.plain.push(value),
        }
    }
    forms.into_iter().map(|(name, forms)| (name, forms.settle())).collect()
}

/// Splits `filename*1*` into its name, section and whether it is percent-coded.
fn form_of(name: &str) -> (&str, Option<u32>, bool) {
    let (head, is_extended) = match name.strip_suffix('*') {
        Some(head) => (head, true),
        None => (name, false),
    };
    match head.rsplit_once('*') {
        Some((base, number)) if !base.is_empty() => match number.parse() {
            Ok(section) => (base, Some(section), is_extended),
            Err(_) => (name, None, false),
        },
        _ => (head, None, is_extended),
    }
}

#[derive(Default)]
struct Forms {
    plain: Vec<String>,
    extended: Vec<String>,
    sections: Vec<(u32, bool, String)>,
    has_junk: bool,
}

impl Forms {
    /// The extended form is the newer one and wins (RFC 6266 §4.3 says so
    /// for the same pair in HTTP); two forms are ambiguous all the same.
    fn settle(mut self) -> Parameter {
        let forms = self.plain.len() + self.extended.len() + usize::from(!self.sections.is_empty());
        let mut is_ambiguous = self.has_junk || forms > 1;
        self.sections.sort_by_key(|(section, _, _)| *section);
        is_ambiguous |=
            self.sections.iter().zip(0_u32..).any(|((section, _, _), at)| *section != at);
        let value = if let Some(value) = self.extended.into_iter().next() {
            extended_value(&[(true, value)])
        } else if self.sections.is_empty() {
            self.plain.into_iter().next().unwrap_or_default()
        } else {
            let pieces: Vec<_> =
                self.sections.into_iter().map(|(_, coded, text)| (coded, text)).collect();
            extended_value(&pieces)
        };
        Parameter { value, is_ambiguous }
    }
}

/// RFC 2231 §4: `charset'language'percent-coded`.
fn extended_value(pieces: &[(bool, String)]) -> String {
    let mut bytes = Vec::new();
    let mut label = String::new();
    for (at, (is_coded, text)) in pieces.iter().enumerate() {
        let mut text = text.as_str();
        if at == 0 && *is_coded {
            let mut split = text.splitn(3, '\'');
            if let (Some(charset), Some(_language), Some(rest)) =
                (split.next(), split.next(), split.next())
            {
                label = charset.to_owned();
                text = rest;
            }
        }
        if *is_coded {
            bytes.extend(percent_decoded(text));
        } else {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    charset::decode(&bytes, Some(&label)).text
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, value: &str, name: &str, expected: Option<(&str, bool)>) {
        let read = Structured::parse(field);
        assert_eq!(read.value, value, "{field}");
        let got = read.parameter(name).map(|it| (it.value.as_str(), it.is_ambiguous));
        assert_eq!(got, expected, "{field}");
    }

    #[test]
    fn the_usual_forms_are_read() {
        check("Text/Plain; charset=utf-8", "text/plain", "charset", Some(("utf-8", false)));
        check("text/plain ; CHARSET=\"utf-8\";", "text/plain", "charset", Some(("utf-8", false)));
        check(
            "text/plain (ok); charset=us-ascii (Plain text)",
            "text/plain",
            "charset",
            Some(("us-ascii", false)),
        );
        check(
            "multipart/mixed;boundary=--=_a/b?c=",
            "multipart/mixed",
            "boundary",
            Some(("--=_a/b?c=", false)),
        );
        check(
            "multipart/mixed; boundary=\"a;b\\\"c\"",
            "multipart/mixed",
            "boundary",
            Some(("a;b\"c", false)),
        );
        check("text/plain", "text/plain", "charset", None);
    }

    #[test]
    fn continuations_and_charsets_are_put_together() {
        check(
            "attachment; filename*=utf-8''%e2%82%ac.txt",
            "attachment",
            "filename",
            Some(("\u{20ac}.txt", false)),
        );
        check(
            "attachment; filename*1=\"b\"; filename*0=\"a\"",
            "attachment",
            "filename",
            Some(("ab", false)),
        );
        check("a; f*0*=iso-8859-1''%e9; f*1=-; f*2*=%e8", "a", "f", Some(("\u{e9}-\u{e8}", false)));
    }

    #[test]
    fn two_readings_are_called_so() {
        check("m/m; boundary=a; boundary=b", "m/m", "boundary", Some(("a", true)));
        check("m/m; boundary=a; boundary*=us-ascii''b", "m/m", "boundary", Some(("b", true)));
        check("m/m; boundary=a; boundary*0=b", "m/m", "boundary", Some(("b", true)));
        check("m/m; boundary*1=b", "m/m", "boundary", Some(("b", true)));
        check("m/m; boundary=\"a", "m/m", "boundary", Some(("a", true)));
        check("m/m; boundary=a b", "m/m", "boundary", Some(("a", true)));
    }
}

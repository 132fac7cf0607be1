//! Source text, seen as the checks need it: without comments and literals,
//! without unit tests, and as a list of the paths it names.

use std::collections::BTreeSet;

/// The text with the inside of comments, strings and characters blanked out.
/// Every line stays where it was.
pub fn only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if let Some(end) = end {
            let blank = |byte: &u8| if *byte == b'\n' { b'\n' } else { b' ' };
            out.extend(bytes[at..end].iter().map(blank));
            at = end;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that begins at `at` ends, if one begins there.
fn literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment_length(rest));
    }
    if !in_word && let Some(hashes) = raw_string_hashes(rest) {
        let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
        let open = rest.iter().position(|b| *b == b'"').unwrap_or(0) + 1;
        let length = rest[open..].windows(closing.len()).position(|found| found == closing);
        return Some(length.map_or(bytes.len(), |length| at + open + length + closing.len()));
    }
    match rest[0] {
        b'"' => Some(at + quoted_length(rest, b'"')),
        // A character, and not a lifetime: 'x' or '\n' or 'é'.
        b'\'' if rest.get(1) == Some(&b'\\') => Some(at + quoted_length(rest, b'\'')),
        b'\'' => {
            let width = std::str::from_utf8(rest.get(1..rest.len().min(5))?)
                .unwrap_or_else(|cut| {
                    std::str::from_utf8(&rest[1..=cut.valid_up_to()]).unwrap_or_default()
                })
                .chars()
                .next()?
                .len_utf8();
            (rest.get(1 + width) == Some(&b'\'')).then_some(at + width + 2)
        }
        _ => None,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn raw_string_hashes(rest: &[u8]) -> Option<usize> {
    let rest = rest.strip_prefix(b"b").unwrap_or(rest).strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|b| **b == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Blanks out everything under `#[cfg(test)]`. `code` has been through [`only`];
/// the same stretch is blanked in `text`, which may be the original.
pub fn without_tests(code: &str, text: &str) -> String {
    let mut kept = text.as_bytes().to_vec();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let start = from + found;
        let end = item_end(code, start);
        for byte in &mut kept[start..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        from = end;
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The end of the item that begins at `start`: its `;`, or its closing brace.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => continue,
        }
        if depth == 0 && byte == b'}' {
            return at + 1;
        }
    }
    code.len()
}

/// Every path of two or more words that the code names, groups written out:
/// `use a::{b, c::d}` gives `a::b` and `a::c::d`. A `self` in a group stands
/// for the group's own path, and `as` names are dropped.
pub fn paths(code: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let begins = is_word(bytes[at]) && (at == 0 || !is_word(bytes[at - 1]));
        if begins && !code[..at].trim_end().ends_with("::") {
            let mut tree = Reader { code: bytes, at };
            tree.read(&[], &mut found);
            at = tree.at;
        } else {
            at += 1;
        }
        while !code.is_char_boundary(at) {
            at += 1;
        }
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

struct Reader<'a> {
    code: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn read(&mut self, before: &[String], found: &mut BTreeSet<Vec<String>>) {
        let mut path = before.to_vec();
        loop {
            self.skip_space();
            if self.peek() == Some(b'{') && !path.is_empty() {
                self.at += 1;
                self.read_group(&path, found);
                return;
            }
            let word = self.word();
            if word.is_empty() {
                if self.peek() == Some(b'*') && path.len() > before.len() {
                    self.at += 1;
                    path.push("*".to_owned());
                }
                break;
            }
            if word != "self" || path.is_empty() {
                path.push(word);
            }
            self.skip_space();
            if !self.code[self.at..].starts_with(b"::") {
                break;
            }
            self.at += 2;
        }
        if path.len() > 1 {
            found.insert(path);
        }
    }

    fn read_group(&mut self, path: &[String], found: &mut BTreeSet<Vec<String>>) {
        loop {
            self.skip_space();
            match self.peek() {
                None => return,
                Some(b'}') => {
                    self.at += 1;
                    return;
                }
                Some(byte) if is_word(byte) => {
                    self.read(path, found);
                    self.skip_space();
                    if self.code[self.at..].starts_with(b"as ") {
                        self.at += 3;
                        self.skip_space();
                        self.word();
                    }
                }
                Some(b'*') => {
                    self.at += 1;
                    found.insert([path, &["*".to_owned()]].concat());
                }
                Some(_) => self.at += 1,
            }
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(is_word) {
            self.at += 1;
        }
        let word = String::from_utf8_lossy(&self.code[start..self.at]).into_owned();
        word.strip_prefix("r#").map(str::to_owned).unwrap_or(word)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.code.get(self.at).copied()
    }
}

/// Whether `word` stands in `code` as a word of its own.
pub fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].bytes().next_back();
        let after = code[at + word.len()..].bytes().next();
        let edge = |byte: Option<u8>| byte.is_none_or(|byte| !is_word(byte));
        let first = word.bytes().next().is_some_and(is_word);
        let last = word.bytes().next_back().is_some_and(is_word);
        (!first || edge(before)) && (!last || edge(after))
    })
}

#[test]
fn comments_and_literals_are_no_code() {
    let check = |text: &str, expected: &str| assert_eq!(only(text).trim(), expected, "{text}");
    check("a // tokio", "a");
    check("/* x /* y */ z */ a", "a");
    check("let c = '\"'; // \"", "let c =    ;");
    check(r##"f(r#"tokio " x"#)"##, "f(              )");
    check("g(b\"\\\" x\", 'a, '\\'')", "g(b      , 'a,     )");
    check("'é' a", "a");
    check("\"a\nb\" c", "c");
}

#[test]
fn unit_tests_are_left_out() {
    let code = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { c(); } }\nfn d() {}";
    let kept = without_tests(code, code);
    assert!(names(&kept, "a") && names(&kept, "d") && !names(&kept, "b"));
    let other_file = "#[cfg(test)]\nmod tests;\nfn d() {}";
    assert!(names(&without_tests(other_file, other_file), "d"));
}

#[test]
fn paths_are_written_out() {
    let check = |code: &str, expected: &[&str]| {
        let found = paths(code).into_iter().map(|path| path.join("::")).collect::<Vec<_>>();
        assert_eq!(found, expected, "{code}");
    };
    check("use a::{b, c::{self, d as e}, f::*};", &["a::b", "a::c", "a::c::d", "a::f::*"]);
    check("let x: crate::net::Dial = super::y();", &["crate::net::Dial", "super::y"]);
    check("fn f<T: a::B>(x: Vec<c::D>) { if x { y } }", &["a::B", "c::D"]);
    check("a::<u8>::b()", &[]);
    check(
        "use std::{\n fs,\n net::{self, TcpStream},\n};",
        &["std::fs", "std::net", "std::net::TcpStream"],
    );
}

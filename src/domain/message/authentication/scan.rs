//! The lexical rules that structured header fields share (RFC 5322 §3.2):
//! white space, nested comments, quoted strings.
//!
//! One pass, no recursion, no going back.

/// RFC 5322 sets no limit; no honest comment is nested this deep.
const COMMENT_DEPTH_MAX: u32 = 16;

/// A place in a field's value. Every method that fails leaves the field
/// unreadable, so where the place is after a failure does not matter.
pub(super) struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        Self { rest: value }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Steps over one character if it is this one.
    pub(super) fn take(&mut self, expected: char) -> bool {
        match self.rest.strip_prefix(expected) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over white space and comments (CFWS, RFC 5322 §3.2.2); says
    /// whether there were any. None for a comment that does not end.
    pub(super) fn skip_cfws(&mut self) -> Option<bool> {
        let before = self.rest.len();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if !self.rest.starts_with('(') {
                return Some(self.rest.len() < before);
            }
            self.skip_comment()?;
        }
    }

    /// The longest run, not empty, of characters that belong.
    pub(super) fn run(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!run.is_empty()).then_some(run)
    }

    /// Letters, digits and hyphens (RFC 5321 §4.1.2 `Keyword`), lower case.
    /// The underscore is no part of it but occurs.
    pub(super) fn keyword(&mut self) -> Option<String> {
        self.run(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_').map(str::to_ascii_lowercase)
    }

    /// A quoted string (RFC 5322 §3.2.4) without its quotes and escapes.
    pub(super) fn quoted(&mut self) -> Option<String> {
        let mut chars = self.rest.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => text.push(chars.next().filter(|c| is_printable(*c))?),
                c if is_printable(c) => text.push(c),
                // Folding that was left in.
                '\r' | '\n' => {}
                _ => return None,
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }

    fn skip_comment(&mut self) -> Option<()> {
        let mut chars = self.rest.chars();
        let mut depth = 0_u32;
        loop {
            match chars.next()? {
                '(' if depth == COMMENT_DEPTH_MAX => return None,
                '(' => depth += 1,
                ')' if depth == 1 => break,
                ')' => depth -= 1,
                '\\' => {
                    chars.next()?;
                }
                _ => {}
            }
        }
        self.rest = chars.as_str();
        Some(())
    }
}

/// What may stand in a quoted string: no control characters but the tab.
fn is_printable(c: char) -> bool {
    c == '\t' || !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<&str>) {
        let mut scan = Scan::of(value);
        assert_eq!(scan.skip_cfws().map(|_| scan.rest), expected, "{value:?}");
    }

    #[test]
    fn comments_nest_and_end() {
        check("", Some(""));
        check(" \t\r\n x", Some("x"));
        check("(a) (b(c)d)x", Some("x"));
        check("(a \\) b)x", Some("x"));
        check("(a \\\\)x", Some("x"));
        check("(\"a)x", Some("x"));
        check("(a", None);
        check("(a(b)", None);
        check("(a\\", None);
        check(&format!("{}{}x", "(".repeat(16), ")".repeat(16)), Some("x"));
        check(&format!("{}{}x", "(".repeat(17), ")".repeat(17)), None);
        check(&"(".repeat(1_000_000), None);
    }

    #[test]
    fn quoted_strings_lose_their_quotes_and_escapes() {
        let quoted = |value| Scan::of(value).quoted();
        assert_eq!(quoted("\"a; b\" c").as_deref(), Some("a; b"));
        assert_eq!(quoted("\"a\\\"b\\\\\"").as_deref(), Some("a\"b\\"));
        assert_eq!(quoted("\"\"").as_deref(), Some(""));
        assert_eq!(quoted("\"a\r\n b\"").as_deref(), Some("a b"));
        assert_eq!(quoted("\"a"), None);
        assert_eq!(quoted("\"a\\"), None);
        assert_eq!(quoted("\"a\u{0}\""), None);
        assert_eq!(quoted("a"), None);
    }
}

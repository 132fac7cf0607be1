//! One Authentication-Results field, by the grammar of RFC 8601 §2.2.
//!
//! A field is read whole or not at all: in the half that could be read a
//! `pass` may stand, in the other half the `fail`. Two habits of real servers
//! that the grammar does not know are read nevertheless, since neither can
//! turn one verdict into another: values with `/`, `+` or `=` that are not
//! quoted, and a bare `name=value` (kept without a ptype, so nothing looks at
//! it).

use super::scan::Scan;
use crate::domain::{address::domain_name, message::header::Header};

/// A field in the order of the mail, topmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationResults {
    /// Index into the mail's headers.
    pub position: usize,
    /// Who says it, as written; known even where the rest cannot be read.
    pub authserv_id: Option<String>,
    /// What is said. None: not readable, never to be trusted. Empty: `none`.
    pub results: Option<Vec<MethodResult>>,
}

/// `method=result` and what was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodResult {
    /// Lower case: `dmarc`, `spf`, `dkim` …
    pub method: String,
    pub result: ResultWord,
    pub reason: Option<String>,
    pub properties: Vec<Property>,
}

/// `ptype.property=pvalue`; both names in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// `smtp`, `header`, `policy`, `body`, or empty for a bare name.
    pub ptype: String,
    pub name: String,
    pub value: String,
}

/// RFC 8601 §2.7, and RFC 7489 §11.2 for DMARC. A word that only looks like
/// one of them (`bestguesspass`) is `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResultWord {
    Pass,
    /// Also `hardfail`, as RFC 5451 called it.
    Fail,
    SoftFail,
    Neutral,
    Policy,
    None,
    TempError,
    PermError,
    Other,
}

/// Every Authentication-Results field, whoever wrote it. For what can be
/// believed, see `trusted`.
pub fn authentication_results(headers: &[Header]) -> Vec<AuthenticationResults> {
    headers
        .iter()
        .enumerate()
        .filter(|(_, header)| header.is("Authentication-Results"))
        .map(|(position, header)| {
            let mut scan = Scan::of(&header.value);
            let authserv_id = authserv_id(&mut scan);
            let results = authserv_id.as_ref().and_then(|_| payload(&mut scan));
            AuthenticationResults { position, authserv_id, results }
        })
        .collect()
}

impl MethodResult {
    /// The values of a property; more than one is a contradiction.
    pub fn values<'a>(&'a self, ptype: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.properties
            .iter()
            .filter(move |property| property.ptype == ptype && property.name == name)
            .map(|property| property.value.as_str())
    }

    /// The one value of a property.
    pub fn value<'a>(&'a self, ptype: &'a str, name: &'a str) -> Option<&'a str> {
        let mut values = self.values(ptype, name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The domain in the one value of a property, which may be a domain or an
    /// address, as lower-case A-labels.
    pub fn domain(&self, ptype: &str, name: &str) -> Option<String> {
        let value = self.value(ptype, name)?;
        // A second `@` is left to `domain_name` to refuse.
        let domain = value.split_once('@').map_or(value, |(_, domain)| domain);
        domain_name(domain).ok()
    }
}

impl ResultWord {
    fn parse(word: &str) -> Self {
        match word {
            "pass" => Self::Pass,
            "fail" | "hardfail" => Self::Fail,
            "softfail" => Self::SoftFail,
            "neutral" => Self::Neutral,
            "policy" => Self::Policy,
            "none" => Self::None,
            "temperror" => Self::TempError,
            "permerror" => Self::PermError,
            _ => Self::Other,
        }
    }
}

/// `authserv-id [ CFWS authres-version ]`, up to the first `;`.
fn authserv_id(scan: &mut Scan) -> Option<String> {
    scan.skip_cfws()?;
    let id = match scan.peek()? {
        '"' => scan.quoted()?,
        _ => scan.run(is_token_char)?.to_owned(),
    };
    // What follows decides whether this was an id: Microsoft 365 begins with
    // `spf=pass`, which names nobody.
    let separated = scan.skip_cfws()?;
    match scan.peek() {
        Some(';') | None => Some(id),
        Some(c) if separated && c.is_ascii_digit() => Some(id),
        Some(_) => None,
    }
}

/// Everything after the authserv-id.
fn payload(scan: &mut Scan) -> Option<Vec<MethodResult>> {
    if let Some(version) = scan.run(|c| c.is_ascii_digit()) {
        // RFC 8601 §2.2: a version we do not know must not be interpreted.
        if version != "1" {
            return None;
        }
        scan.skip_cfws()?;
    }
    let mut results = Vec::new();
    while scan.take(';') {
        scan.skip_cfws()?;
        if scan.is_at_end() {
            // Some servers end with a `;`.
            break;
        }
        match result(scan)? {
            Some(result) => results.push(result),
            // `none` stands alone.
            None => {
                return (results.is_empty() && scan.is_at_end()).then_some(results);
            }
        }
    }
    (scan.is_at_end() && !results.is_empty()).then_some(results)
}

/// `method=result` with its reason and properties, up to `;` or the end. The
/// outer None: not readable; the inner: the word `none`.
fn result(scan: &mut Scan) -> Option<Option<MethodResult>> {
    let method = scan.keyword()?;
    scan.skip_cfws()?;
    if method == "none" {
        return Some(None);
    }
    if scan.take('/') {
        scan.skip_cfws()?;
        // All methods there are have version 1 (RFC 8601 §2.2 `method-version`).
        scan.run(|c| c.is_ascii_digit()).filter(|version| *version == "1")?;
        scan.skip_cfws()?;
    }
    take_equals(scan)?;
    let word = ResultWord::parse(&scan.keyword()?);
    let mut result = MethodResult { method, result: word, reason: None, properties: Vec::new() };
    loop {
        let separated = scan.skip_cfws()?;
        match scan.peek() {
            None | Some(';') => return Some(Some(result)),
            Some(_) if separated => detail(scan, &mut result)?,
            Some(_) => return None,
        }
    }
}

/// `reason=value` or `ptype.property=pvalue`.
fn detail(scan: &mut Scan, result: &mut MethodResult) -> Option<()> {
    let first = scan.keyword()?;
    scan.skip_cfws()?;
    if scan.take('.') {
        scan.skip_cfws()?;
        // Not `keyword`: some names have a dot of their own.
        let name = scan.run(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))?;
        let name = name.to_ascii_lowercase();
        scan.skip_cfws()?;
        take_equals(scan)?;
        let value = value(scan)?;
        result.properties.push(Property { ptype: first, name, value });
        return Some(());
    }
    take_equals(scan)?;
    let value = value(scan)?;
    match (first.as_str(), &result.reason) {
        ("reason", None) => result.reason = Some(value),
        // Which of two reasons counts nobody can say.
        ("reason", Some(_)) => return None,
        _ => result.properties.push(Property { ptype: String::new(), name: first, value }),
    }
    Some(())
}

/// `value / [ [ local-part ] "@" ] domain-name`, where the local part or the
/// whole may be a quoted string. It may be empty only in quotes.
fn value(scan: &mut Scan) -> Option<String> {
    if scan.peek() != Some('"') {
        return scan.run(is_value_char).map(str::to_owned);
    }
    let mut value = scan.quoted()?;
    if scan.take('@') {
        value.push('@');
        value.push_str(scan.run(is_value_char)?);
    }
    Some(value)
}

fn take_equals(scan: &mut Scan) -> Option<()> {
    scan.take('=').then_some(())?;
    scan.skip_cfws().map(|_| ())
}

/// RFC 2045 §5.1 `token`, and beyond ASCII as RFC 8601 §2.2 allows.
fn is_token_char(c: char) -> bool {
    is_value_char(c) && !"<>@,:\\/[]?=".contains(c)
}

/// What ends a value that is not quoted: white space, a comment, the next
/// result, a quote. Nothing else does; see the top of the file.
fn is_value_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, ';' | '(' | ')' | '"')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> AuthenticationResults {
        let headers = [
            Header { name: "Subject".to_owned(), value: "x".to_owned() },
            Header { name: "authentication-results".to_owned(), value: value.to_owned() },
        ];
        let [field] = authentication_results(&headers).try_into().unwrap();
        assert_eq!(field.position, 1);
        field
    }

    /// What was read, written out again in one canonical form.
    fn check(value: &str, id: Option<&str>, expected: Option<&str>) {
        let field = read(value);
        assert_eq!(field.authserv_id.as_deref(), id, "{value:?}");
        let results = field.results.map(|results| {
            let results: Vec<String> = results.iter().map(canonical).collect();
            results.join("; ")
        });
        assert_eq!(results.as_deref(), expected, "{value:?}");
    }

    fn canonical(result: &MethodResult) -> String {
        let mut text = format!("{}={:?}", result.method, result.result).to_ascii_lowercase();
        if let Some(reason) = &result.reason {
            text += &format!(" reason={reason:?}");
        }
        for Property { ptype, name, value } in &result.properties {
            text += &format!(" {ptype}.{name}={value}");
        }
        text
    }

    #[test]
    fn plain_fields_are_read() {
        check("mx.example; none", Some("mx.example"), Some(""));
        check(" mx.example 1 ; none ", Some("mx.example"), Some(""));
        check(
            "mx.example; dmarc=pass header.from=corp.example",
            Some("mx.example"),
            Some("dmarc=pass header.from=corp.example"),
        );
        check(
            "mx.example 1;\r\n\tspf=pass smtp.mailfrom=ana@corp.example;\r\n dkim=fail reason=\"bad; sig\" header.d=corp.example",
            Some("mx.example"),
            Some(
                "spf=pass smtp.mailfrom=ana@corp.example; dkim=fail reason=\"bad; sig\" header.d=corp.example",
            ),
        );
        check("\"mx example\"; spf=none", Some("mx example"), Some("spf=none"));
        check("mx.b\u{fc}cher.example; SPF=Pass", Some("mx.b\u{fc}cher.example"), Some("spf=pass"));
    }

    #[test]
    fn white_space_and_comments_may_stand_between_any_two_words() {
        check(
            "(a) mx.example (b) 1 (c) ; (d) dmarc (e) / (f) 1 (g) = (h) pass (i) reason (j) = (k) x (l) header (m) . (n) from (o) = (p) corp.example (q)",
            Some("mx.example"),
            Some("dmarc=pass reason=\"x\" header.from=corp.example"),
        );
        check(
            "mx.example;dmarc=fail(p=reject)header.from=corp.example",
            Some("mx.example"),
            Some("dmarc=fail header.from=corp.example"),
        );
    }

    #[test]
    fn a_pass_in_a_comment_or_a_string_is_none() {
        check("mx.example; dmarc=fail (dmarc=pass)", Some("mx.example"), Some("dmarc=fail"));
        check("mx.example; (dmarc=pass;) dmarc=fail", Some("mx.example"), Some("dmarc=fail"));
        check(
            "mx.example; dmarc=fail (a \\) ; dmarc=pass (b) c)",
            Some("mx.example"),
            Some("dmarc=fail"),
        );
        check(
            "mx.example; spf=fail smtp.mailfrom=\"a; dmarc=pass header.from=corp.example\"@evil.example",
            Some("mx.example"),
            Some("spf=fail smtp.mailfrom=a; dmarc=pass header.from=corp.example@evil.example"),
        );
        check("mx.example; dmarc=(pass)fail", Some("mx.example"), Some("dmarc=fail"));
    }

    #[test]
    fn words_that_only_look_like_pass_are_other() {
        for word in ["bestguesspass", "passed", "pass-ish", "xpass", "pass_1", "ok"] {
            let expected = Some("dmarc=other");
            check(&format!("mx.example; dmarc={word}"), Some("mx.example"), expected);
        }
        check("mx.example; spf=hardfail", Some("mx.example"), Some("spf=fail"));
        check(
            "h; a=softfail; b=neutral; c=policy; d=none; e=temperror; f=permerror",
            Some("h"),
            Some("a=softfail; b=neutral; c=policy; d=none; e=temperror; f=permerror"),
        );
    }

    #[test]
    fn values_that_real_servers_do_not_quote_are_read() {
        check(
            "mx.example; dkim=pass header.i=@corp.example header.s=s1 header.b=a/b+c=; spf=pass smtp.mailfrom=b+x=y@z.example;",
            Some("mx.example"),
            Some(
                "dkim=pass header.i=@corp.example header.s=s1 header.b=a/b+c=; spf=pass smtp.mailfrom=b+x=y@z.example",
            ),
        );
        check(
            "mx.example; dmarc=pass action=none header.from=corp.example; x=none policy.a.b=c",
            Some("mx.example"),
            Some("dmarc=pass .action=none header.from=corp.example; x=none policy.a.b=c"),
        );
    }

    #[test]
    fn half_a_field_is_no_field() {
        for rest in [
            "",
            ";",
            ";;spf=pass",
            "; spf",
            "; spf=",
            "; =pass",
            "; spf=pass smtp",
            "; spf=pass smtp.",
            "; spf=pass smtp.mailfrom",
            "; spf=pass smtp.mailfrom=",
            "; spf=pass smtp.mailfrom=\"a",
            "; spf=pass smtp.mailfrom=\"a\"@",
            "; spf=pass smtp.mailfrom=\"a\"header.d=b",
            "; spf=pass.header",
            "; spf=pass) dmarc=pass",
            "; spf=pass \u{0}",
            "; spf=pass (",
            "; spf/2=pass",
            "; spf/=pass",
            "; spf=pass reason=a reason=b",
            "; none; spf=pass",
            "; spf=pass; none",
            "; none x=y",
            " 2; spf=pass",
            " 1 spf=pass",
            "; spf=\"pass\"",
        ] {
            check(&format!("mx.example{rest}"), Some("mx.example"), None);
        }
    }

    #[test]
    fn a_field_may_name_nobody() {
        for value in [
            "",
            "spf=pass smtp.mailfrom=corp.example; dmarc=pass",
            "mx.example/1; spf=pass",
            "mx.example spf=pass",
            "\"mx.example\"1; spf=pass",
            "(mx.example",
            "(mx.example); spf=pass",
            "\"mx.example; spf=pass",
            "mx.example, mx.other; spf=pass",
        ] {
            check(value, None, None);
        }
    }

    #[test]
    fn a_property_counts_only_once() {
        let field = read(
            "h; x=pass smtp.mailfrom=A@B.Example header.from=a.example header.from=b.example \
            header.d=a@b@c.example header.i=@c.example header.s=\"\" smtp.helo=<>",
        );
        let [result] = field.results.unwrap().try_into().unwrap();
        assert_eq!(result.domain("smtp", "mailfrom").as_deref(), Some("b.example"));
        assert_eq!(result.domain("header", "i").as_deref(), Some("c.example"));
        assert_eq!(result.value("header", "s"), Some(""));
        assert_eq!(result.domain("header", "from"), None);
        assert_eq!(result.value("header", "from"), None);
        assert_eq!(result.domain("header", "d"), None);
        assert_eq!(result.domain("header", "s"), None);
        assert_eq!(result.domain("smtp", "helo"), None);
        assert_eq!(result.value("smtp", "from"), None);
    }

    #[test]
    fn other_fields_are_not_read() {
        let headers =
            ["X-Authentication-Results", "ARC-Authentication-Results", "Authentication-Results-X"]
                .map(|name| Header { name: name.to_owned(), value: "h; dmarc=pass".to_owned() });
        assert_eq!(authentication_results(&headers), []);
    }

    proptest! {
        #[test]
        fn reading_never_panics(value in "(mx|;|=|pass|dmarc|\\.|\\(|\\)|\"|\\\\| |header|from|@|1|/|.){0,40}") {
            let _ = read(&value);
        }

        #[test]
        fn what_stands_in_a_comment_changes_nothing(comment in "[ -'*-\\[\\]-~]{0,40}") {
            let with = read(&format!("mx.example; dmarc=fail ({comment}) header.from=corp.example"));
            prop_assert_eq!(with, read("mx.example; dmarc=fail header.from=corp.example"));
        }
    }
}

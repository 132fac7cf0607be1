//! Which mail answers which: Message-ID, In-Reply-To, References
//! (RFC 5322 §3.6.4).

/// The ids of a field, in order, without their brackets.
pub(super) fn ids(field: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut rest = field;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((id, behind)) = after.split_once('>') else {
            break;
        };
        // A long id may be folded, which leaves white space inside it.
        let id: String = id.split_whitespace().collect();
        if !id.is_empty() {
            ids.push(id);
        }
        rest = behind;
    }
    if ids.is_empty() && !field.contains('<') {
        // Some programs forget the brackets.
        ids.extend(field.split_whitespace().filter(|word| word.contains('@')).map(str::to_owned));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, expected: &[&str]) {
        assert_eq!(ids(field), expected, "{field}");
    }

    #[test]
    fn ids_come_without_brackets() {
        check("<a@x>", &["a@x"]);
        check(" <a@x>\t<b@y><c@z>", &["a@x", "b@y", "c@z"]);
        check("<a-long\t-id@x>", &["a-long-id@x"]);
        check("a@x", &["a@x"]);
        check("Your mail of Monday", &[]);
        check("<unfinished@x", &[]);
        check("<>", &[]);
    }
}

//! What a client sends to log in (RFC 4616, and LOGIN as clients speak it).

use base64::{Engine, engine::general_purpose::STANDARD};

/// User name and password of an `AUTH PLAIN` answer: `[authzid] NUL authcid
/// NUL passwd` in base64.
pub(super) fn plain(encoded: &str) -> Option<(String, String)> {
    let decoded = text(encoded)?;
    let mut parts = decoded.split('\0');
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then(|| (user.to_owned(), password.to_owned()))
}

/// One answer of `AUTH LOGIN`.
pub(super) fn text(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_login_has_three_parts() {
        for (decoded, expected) in [
            ("\0ana\0pw", Some(("ana", "pw"))),
            ("other\0ana\0pw", Some(("ana", "pw"))),
            ("ana\0pw", None),
            ("\0ana\0p\0w", None),
        ] {
            let found = plain(&STANDARD.encode(decoded));
            let found = found.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
            assert_eq!(found, expected, "{decoded:?}");
        }
        assert_eq!(plain("not base64!"), None);
    }
}

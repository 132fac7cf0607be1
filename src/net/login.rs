//! Who logs in, and with what. A secret is wiped when dropped and printed by
//! nothing, not even by a server that repeats it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::protocol::sasl;

/// Who logs in, and with what.
#[derive(Clone)]
pub struct Login {
    pub username: String,
    pub secret: Secret,
}

/// What proves it. Wiped when dropped, printed by nothing.
#[derive(Clone)]
pub enum Secret {
    Password(Zeroizing<String>),
}

impl Login {
    pub fn password(username: &str, password: &str) -> Self {
        let secret = Secret::Password(Zeroizing::new(password.to_owned()));
        Self { username: username.to_owned(), secret }
    }

    /// A server's words without our secret: some repeat the line they refuse.
    pub fn redacted(&self, words: &str) -> String {
        let Secret::Password(password) = &self.secret;
        let mut safe = words.to_owned();
        let plain = sasl::plain(&self.username, password).unwrap_or_default();
        let encoded = Zeroizing::new(STANDARD.encode(password.as_bytes()));
        for secret in [plain.as_str(), encoded.as_str(), password.as_str()] {
            if !secret.is_empty() && safe.contains(secret) {
                safe = safe.replace(secret, "[not shown]");
            }
        }
        safe
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .field("secret", &self.secret)
            .finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(_) => f.write_str("Password(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_shows_its_secret_nowhere() {
        let login = Login::password("ana", "s3cret!");
        assert_eq!(format!("{login:?}"), "Login { username: \"ana\", secret: Password(..) }");
        let echoed =
            format!("BAD LOGIN ana s3cret! / {} / AGFuYQBzM2NyZXQh", STANDARD.encode("s3cret!"));
        assert_eq!(
            login.redacted(&echoed),
            "BAD LOGIN ana [not shown] / [not shown] / [not shown]"
        );
    }
}

//! How a client proves itself, in the four forms mail servers ask for (SASL,
//! RFC 4422). Every string made here is a secret and is wiped when dropped.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The mechanisms we speak, named as servers name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616: name and password in one message.
    Plain,
    /// Never standardised, still the only one some servers offer: name and
    /// password in two answers.
    Login,
    /// A bearer token in Google's and Microsoft's form.
    XOauth2,
    /// A bearer token, RFC 7628.
    OauthBearer,
}

impl Mechanism {
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::XOauth2 => "XOAUTH2",
            Self::OauthBearer => "OAUTHBEARER",
        }
    }

    /// The mechanism to use with a password. PLAIN first: it is one message
    /// and says which character set it is in.
    pub fn for_password<S: AsRef<str>>(offered: &[S]) -> Option<Self> {
        Self::first_offered(&[Self::Plain, Self::Login], offered)
    }

    /// The mechanism to use with a bearer token.
    pub fn for_token<S: AsRef<str>>(offered: &[S]) -> Option<Self> {
        Self::first_offered(&[Self::OauthBearer, Self::XOauth2], offered)
    }

    fn first_offered<S: AsRef<str>>(wanted: &[Self], offered: &[S]) -> Option<Self> {
        wanted.iter().copied().find(|mechanism| {
            offered.iter().any(|name| name.as_ref().eq_ignore_ascii_case(mechanism.name()))
        })
    }
}

/// RFC 4616 §2: no authorization identity, name, password, NUL between them.
/// Base64, ready to be sent. None where a part holds a NUL, which the form
/// cannot carry.
pub fn plain(username: &str, password: &str) -> Option<Zeroizing<String>> {
    if username.contains('\0') || password.contains('\0') {
        return None;
    }
    Some(base64_of(&Zeroizing::new(format!("\0{username}\0{password}"))))
}

/// The two answers of LOGIN, base64: the name, then the password.
pub fn login(username: &str, password: &str) -> [Zeroizing<String>; 2] {
    [base64_of(username), base64_of(password)]
}

/// Google's and Microsoft's XOAUTH2. Base64, ready to be sent. A server that
/// refuses the token sends its reason as a challenge and waits for an empty
/// line ([`XOAUTH2_GIVE_UP`]) before it says no.
pub fn xoauth2(username: &str, token: &str) -> Zeroizing<String> {
    base64_of(&Zeroizing::new(format!("user={username}\x01auth=Bearer {token}\x01\x01")))
}

/// The answer to an XOAUTH2 error challenge.
pub const XOAUTH2_GIVE_UP: &str = "";

/// RFC 7628 §3.1. Base64, ready to be sent. `=` and `,` in the name are
/// written as the GS2 header wants them (RFC 5801 §4).
pub fn oauthbearer(username: &str, host: &str, port: u16, token: &str) -> Zeroizing<String> {
    let name = username.replace('=', "=3D").replace(',', "=2C");
    base64_of(&Zeroizing::new(format!(
        "n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01"
    )))
}

/// The answer to an OAUTHBEARER error challenge: one ^A (RFC 7628 §3.2.3).
pub const OAUTHBEARER_GIVE_UP: &str = "AQ==";

fn base64_of(text: &str) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(encoded: &str) -> String {
        String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
    }

    #[test]
    fn each_form_is_what_its_standard_says() {
        assert_eq!(decoded(&plain("tim", "tanstaaf").unwrap()), "\0tim\0tanstaaf");
        assert_eq!(decoded(&plain("Zoë", "pässword").unwrap()), "\0Zoë\0pässword");
        let [name, password] = login("tim", "x y");
        assert_eq!((decoded(&name), decoded(&password)), ("tim".into(), "x y".into()));
        assert_eq!(
            decoded(&xoauth2("a@x.test", "tok")),
            "user=a@x.test\x01auth=Bearer tok\x01\x01"
        );
        assert_eq!(
            decoded(&oauthbearer("a=b,c", "imap.x.test", 993, "tok")),
            "n,a=a=3Db=2Cc,\x01host=imap.x.test\x01port=993\x01auth=Bearer tok\x01\x01"
        );
        assert_eq!(decoded(OAUTHBEARER_GIVE_UP), "\x01");
    }

    #[test]
    fn a_nul_cannot_be_carried_by_plain() {
        assert!(plain("a\0b", "c").is_none());
        assert!(plain("a", "b\0").is_none());
    }

    #[test]
    fn the_mechanism_is_one_the_server_offers() {
        assert_eq!(Mechanism::for_password(&["LOGIN", "plain"]), Some(Mechanism::Plain));
        assert_eq!(Mechanism::for_password(&["CRAM-MD5", "LOGIN"]), Some(Mechanism::Login));
        assert_eq!(Mechanism::for_password(&["CRAM-MD5"]), None);
        assert_eq!(Mechanism::for_token(&["XOAUTH2"]), Some(Mechanism::XOauth2));
        assert_eq!(Mechanism::for_password::<&str>(&[]), None);
    }
}

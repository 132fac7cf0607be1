//! What lets one approver answer one request once.
//!
//! A token stands in mails, so it leaks by design: quotes, copies, forwards
//! and archives all carry it. It is therefore only one of the things an
//! approval needs, and it is bound to all the others: the request, the
//! approver, the instance, the epoch, the purpose and the deadline are under
//! its signature, so a token can be moved nowhere.
//!
//! | file | what it knows |
//! |---|---|
//! | here | the token, its text form, what it is bound to |
//! | `key` | minting and verifying |
//! | `carrier` | where a mail carries one and how it is found there |
//!
//! Not here: the token table (it holds [`Token::lookup_hash`], never a token)
//! and what a token found in a mail leads to.

mod carrier;
mod key;

use std::fmt;

use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use carrier::{
    Carrier, Found, find, find_ref_line, in_message_id, mask_all, message_id_for, ref_line,
};
pub use key::{Key, KeyRing, SameKeyId, mint, verify};

use crate::domain::ids::{AccessRequestId, ApproverId, InstanceId};

const LOOKUP_BYTES: usize = 8;
const MAC_BYTES: usize = 16;
const TOKEN_BYTES: usize = LOOKUP_BYTES + MAC_BYTES;

/// A lookup id (8 bytes, random) and the first 128 bits of an HMAC-SHA-256.
///
/// It has no `Display` and no serde form: [`Token::text`] is the one way to
/// write it, so that each place that does is easy to find.
#[derive(Clone, Copy)]
pub struct Token([u8; TOKEN_BYTES]);

/// What a token is good for; each purpose has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The words of the answer decide.
    Reply,
    /// A mail to this address approves, if its words do not contradict.
    ApproveByAddress,
    /// A mail to this address denies, if its words do not contradict.
    DenyByAddress,
    /// Opens the page of a request; decides nothing by itself.
    WebLink,
    /// Stands in the return path, so that a bounce names its mail.
    Bounce,
}

/// The road an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Email,
    Web,
}

/// Everything a token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub purpose: Purpose,
    pub instance: InstanceId,
    /// Grows with each restore of a backup.
    pub epoch: i64,
    pub request: AccessRequestId,
    pub approver: ApproverId,
    pub channel: Channel,
    /// Whole seconds; a fraction is not signed.
    pub expires_at: DateTime<Utc>,
    /// Random, from `random`; when verifying, [`Token::lookup`].
    pub lookup: [u8; LOOKUP_BYTES],
}

impl Token {
    /// Characters of the text form: 192 bits at 5 each, rounded up.
    pub const CHARS: usize = 39;

    /// Reads exactly 39 characters of base32 (RFC 4648 §6) in any case. The
    /// three bits left over must be zero, so a token has one text form.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::CHARS {
            return None;
        }
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The token in full, lower case: whoever holds this text holds the token.
    pub fn text(&self) -> String {
        BASE32_NOPAD.encode(&self.0).to_ascii_lowercase()
    }

    /// For lists and logs: enough to tell two apart, too little to use.
    pub fn masked(&self) -> String {
        let text = self.text();
        format!("{}\u{2026}", text.get(..4).unwrap_or_default())
    }

    pub fn lookup(&self) -> [u8; LOOKUP_BYTES] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }

    /// What the token table is keyed by. A copy of the table is of no use to
    /// its thief: the hash does not lead back to the lookup id.
    pub fn lookup_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"countersign token lookup\0");
        hash.update(self.lookup());
        hash.finalize().into()
    }

    fn from_parts(lookup: [u8; LOOKUP_BYTES], mac: [u8; MAC_BYTES]) -> Self {
        let mut bytes = [0; TOKEN_BYTES];
        let parts = lookup.into_iter().chain(mac);
        bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
        Self(bytes)
    }
}

impl Purpose {
    pub const ALL: [Self; 5] =
        [Self::Reply, Self::ApproveByAddress, Self::DenyByAddress, Self::WebLink, Self::Bounce];

    /// The stored form; it is also under the token's signature and never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::ApproveByAddress => "approve_by_address",
            Self::DenyByAddress => "deny_by_address",
            Self::WebLink => "web_link",
            Self::Bounce => "bounce",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }
}

impl Channel {
    /// The stored form; it is also under the token's signature and never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Web => "web",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Email, Self::Web].into_iter().find(|channel| channel.code() == code)
    }
}

impl PartialEq for Token {
    /// In constant time, whoever asks.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfy";

    #[test]
    fn the_text_form_is_39_lower_case_characters_and_reads_back_in_any_case() {
        let token = Token(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(token.text(), TEXT);
        assert_eq!(Token::parse(TEXT), Some(token));
        assert_eq!(Token::parse(&TEXT.to_uppercase()), Some(token));
        assert_eq!(Token::parse("AaAqEaYeAuDaOcAjBiFqYdIoB4iBcEqTcQkRmFy"), Some(token));
    }

    #[test]
    fn what_is_not_exactly_a_token_is_none() {
        for text in [
            String::new(),
            TEXT[1..].to_owned(),
            format!("{TEXT}a"),
            format!(" {}", &TEXT[1..]),
            // RFC 4648 base32 has no 0, 1, 8 or 9, and padding is not ours.
            format!("0{}", &TEXT[1..]),
            format!("{}=", &TEXT[1..]),
            // The last character may only carry two bits.
            format!("{}b", &TEXT[..38]),
            // The Kelvin sign lower-cases to k in Unicode, not here.
            format!("\u{212a}{}", &TEXT[3..]),
        ] {
            assert_eq!(Token::parse(&text), None, "{text:?}");
        }
    }

    #[test]
    fn debug_and_lists_show_four_characters() {
        let token = Token::parse(TEXT).unwrap();
        assert_eq!(token.masked(), "aaaq\u{2026}");
        assert_eq!(format!("{token:?}"), "Token(aaaq\u{2026})");
    }

    #[test]
    fn the_lookup_hash_depends_on_the_lookup_id_alone() {
        let token = Token::parse(TEXT).unwrap();
        let other_mac = Token::from_parts(token.lookup(), [7; MAC_BYTES]);
        let other_lookup = Token::from_parts([7; LOOKUP_BYTES], [7; MAC_BYTES]);
        assert_eq!(token.lookup(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(token.lookup_hash(), other_mac.lookup_hash());
        assert_ne!(token.lookup_hash(), other_lookup.lookup_hash());
        assert_ne!(token, other_mac);
    }

    #[test]
    fn codes_read_back_and_agree_with_serde() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_code(purpose.code()), Some(purpose));
            assert_eq!(serde_json::to_value(purpose).unwrap(), purpose.code());
        }
        for channel in [Channel::Email, Channel::Web] {
            assert_eq!(Channel::from_code(channel.code()), Some(channel));
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.code());
        }
        assert_eq!(Purpose::from_code("Reply"), None);
        assert_eq!(Channel::from_code(""), None);
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in ".{0,60}") {
            let _ = Token::parse(&text);
        }

        #[test]
        fn every_token_reads_back(bytes in any::<[u8; TOKEN_BYTES]>()) {
            let token = Token(bytes);
            prop_assert_eq!(Token::parse(&token.text()), Some(token));
        }
    }
}

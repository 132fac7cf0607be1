//! Minting and verifying.
//!
//! Each purpose has a key of its own, derived from the ring's secret, so that
//! a web link can never be passed off as an approve-by-address token even if
//! the encoding of the claims were to have a flaw. At least two secrets can
//! live at a time: new tokens use the current one, old ones verify until they
//! expire.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Claims, MAC_BYTES, Purpose, Token};

/// One secret with its name. The name is stored beside each token.
pub struct Key {
    id: String,
    secret: Zeroizing<[u8; 32]>,
}

/// The current key and the ones before it.
#[derive(Debug)]
pub struct KeyRing {
    current: Key,
    older: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two token keys are named `{0}`")]
pub struct SameKeyId(pub String);

/// Makes the token for these claims, and names the key that made it. The same
/// claims give the same token: what differs is `claims.lookup`.
pub fn mint<'k>(claims: &Claims, keys: &'k KeyRing) -> (Token, &'k str) {
    (sign(claims, &keys.current), &keys.current.id)
}

/// Whether this token was minted for exactly these claims by the key of that
/// name. Takes the same time however much of the token is right.
pub fn verify(token: &Token, claims: &Claims, key_id: &str, keys: &KeyRing) -> bool {
    keys.find(key_id).is_some_and(|key| sign(claims, key).0.ct_eq(&token.0).into())
}

impl Key {
    pub fn new(id: impl Into<String>, secret: [u8; 32]) -> Self {
        Self { id: id.into(), secret: Zeroizing::new(secret) }
    }

    fn for_purpose(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        let mut mac = hmac(&self.secret);
        mac.update(b"countersign token ");
        mac.update(purpose.code().as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

impl KeyRing {
    /// Two keys of one name would make it chance which one verifies.
    pub fn new(current: Key, older: Vec<Key>) -> Result<Self, SameKeyId> {
        let mut ids: Vec<&str> = older.iter().map(|key| key.id.as_str()).collect();
        ids.push(&current.id);
        ids.sort_unstable();
        if let Some(id) = ids.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some((*one).to_owned()),
            _ => None,
        }) {
            return Err(SameKeyId(id));
        }
        Ok(Self { current, older })
    }

    fn find(&self, id: &str) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id)
    }
}

fn sign(claims: &Claims, key: &Key) -> Token {
    let mut mac = hmac(&key.for_purpose(claims.purpose));
    let fields: [&[u8]; 8] = [
        claims.purpose.code().as_bytes(),
        claims.instance.0.as_bytes(),
        &claims.epoch.to_be_bytes(),
        claims.request.0.as_bytes(),
        claims.approver.0.as_bytes(),
        claims.channel.code().as_bytes(),
        &claims.expires_at.timestamp().to_be_bytes(),
        &claims.lookup,
    ];
    for field in fields {
        // The length first, so that no two different lists of fields are the
        // same bytes.
        mac.update(&(field.len() as u64).to_be_bytes());
        mac.update(field);
    }
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; MAC_BYTES];
    half.iter_mut().zip(whole).for_each(|(place, byte)| *place = byte);
    Token::from_parts(claims.lookup, half)
}

fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length (RFC 2104 §2)")
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::token::Channel;

    fn claims() -> Claims {
        Claims {
            purpose: Purpose::Reply,
            instance: Uuid::from_u128(1).into(),
            epoch: 3,
            request: Uuid::from_u128(2).into(),
            approver: Uuid::from_u128(4).into(),
            channel: Channel::Email,
            expires_at: DateTime::from_timestamp(1_900_000_000, 0).unwrap(),
            lookup: *b"lookupid",
        }
    }

    fn ring(current: &str, older: &[&str]) -> KeyRing {
        let key = |id: &str| Key::new(id, [id.bytes().map(|b| b & 31).sum(); 32]);
        KeyRing::new(key(current), older.iter().map(|id| key(id)).collect()).unwrap()
    }

    fn check(change: impl FnOnce(&mut Claims)) {
        let keys = ring("a", &[]);
        let (token, key_id) = mint(&claims(), &keys);
        let mut changed = claims();
        change(&mut changed);
        assert_ne!(changed, claims());
        assert!(!verify(&token, &changed, key_id, &keys), "{changed:?}");
    }

    #[test]
    fn a_token_verifies_for_what_it_was_minted_for() {
        let keys = ring("a", &[]);
        let (token, key_id) = mint(&claims(), &keys);
        assert_eq!(key_id, "a");
        assert_eq!(token.lookup(), claims().lookup);
        assert!(verify(&token, &claims(), "a", &keys));
        let shouted = Token::parse(&token.text().to_uppercase()).unwrap();
        assert!(verify(&shouted, &claims(), "a", &keys));
    }

    #[test]
    fn what_is_signed_never_changes() {
        // Computed by another program from the text of this file; a change
        // would make every token in people's mailboxes worthless.
        let keys = KeyRing::new(Key::new("a", [1; 32]), Vec::new()).unwrap();
        let (token, _) = mint(&claims(), &keys);
        assert_eq!(token.text(), "nrxw623vobuwia7nufmfp3mveotjmq2fduhjgoq");
        assert_eq!(token.lookup_hash()[..4], [0xf7, 0xc1, 0x30, 0xfd]);
    }

    #[test]
    fn no_claim_can_be_changed() {
        for purpose in Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Reply) {
            check(|claims| claims.purpose = purpose);
        }
        check(|claims| claims.instance = Uuid::from_u128(9).into());
        check(|claims| claims.epoch = 4);
        check(|claims| claims.epoch = 2);
        check(|claims| claims.request = Uuid::from_u128(9).into());
        check(|claims| claims.approver = Uuid::from_u128(9).into());
        check(|claims| std::mem::swap(&mut claims.request.0, &mut claims.approver.0));
        check(|claims| claims.channel = Channel::Web);
        check(|claims| claims.expires_at += TimeDelta::seconds(1));
        check(|claims| claims.lookup = *b"lookupie");
    }

    #[test]
    fn a_token_outlives_a_new_key_but_not_the_removal_of_its_own() {
        let before = ring("old", &[]);
        let (token, key_id) = mint(&claims(), &before);
        assert!(verify(&token, &claims(), key_id, &ring("new", &["older", "old"])));
        assert!(!verify(&token, &claims(), "new", &ring("new", &["old"])));
        assert!(!verify(&token, &claims(), key_id, &ring("new", &[])));
        assert_eq!(mint(&claims(), &ring("new", &["old"])).1, "new");
    }

    #[test]
    fn two_keys_of_one_name_are_refused() {
        let twice = KeyRing::new(
            Key::new("a", [1; 32]),
            vec![Key::new("b", [2; 32]), Key::new("a", [3; 32])],
        );
        assert_eq!(twice.unwrap_err(), SameKeyId("a".to_owned()));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", ring("a", &["b"])),
            "KeyRing { current: Key(a), older: [Key(b)] }"
        );
    }

    proptest! {
        #[test]
        fn a_flipped_bit_never_verifies(bit in 0_usize..192) {
            let keys = ring("a", &[]);
            let (mut token, _) = mint(&claims(), &keys);
            token.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!verify(&token, &claims(), "a", &keys));
            // Nor where the claims follow the token's lookup id.
            let followed = Claims { lookup: token.lookup(), ..claims() };
            prop_assert!(!verify(&token, &followed, "a", &keys));
        }

        #[test]
        fn any_two_different_claims_have_different_tokens(
            epoch in any::<i64>(), request in any::<u128>(), approver in any::<u128>(), lookup in any::<[u8; 8]>(),
        ) {
            let keys = ring("a", &[]);
            let changed = Claims {
                epoch, request: Uuid::from_u128(request).into(), approver: Uuid::from_u128(approver).into(), lookup,
                ..claims()
            };
            prop_assume!(changed != claims());
            prop_assert!(!verify(&mint(&claims(), &keys).0, &changed, "a", &keys));
            prop_assert!(verify(&mint(&changed, &keys).0, &changed, "a", &keys));
        }
    }
}

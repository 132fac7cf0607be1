//! Secrets: sealed at rest, never printed.
//!
//! A [`Secret`] has neither Display nor Serialize, and its Debug prints only
//! that it is one. At rest it is sealed with XChaCha20-Poly1305 under a master
//! key, with a fresh random nonce, and bound to its record: a sealed value
//! moved to another row or column does not open.

use std::{fmt, fs, io, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::random::Random;

/// Text that must not be seen. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The one way to read it; search for this word to find every use.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Where a sealed value belongs; part of what is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub table: &'a str,
    pub row: uuid::Uuid,
    pub column: &'a str,
}

impl Place<'_> {
    fn associated_data(&self) -> Vec<u8> {
        format!("countersign sealed 1:{}:{}:{}", self.table, self.row, self.column).into_bytes()
    }
}

/// A secret as it lies in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which master key sealed it.
    pub key_id: String,
    /// 24 octets of nonce, then ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(by {}, {} octets)", self.key_id, self.bytes.len())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("master key `{0}` is not among the keys of this installation")]
    UnknownKey(String),
    #[error("a sealed secret does not open: it was changed, or belongs to another record")]
    DoesNotOpen,
    #[error("the master key must be 32 octets in base64, `{0}` is not")]
    NotAKey(String),
    #[error("`{file}` can be read by others than its owner; it must have mode 0600")]
    FileIsOpen { file: String },
    #[error("could not read or write the master key file `{file}`")]
    File { file: String, source: io::Error },
}

const NONCE_OCTETS: usize = 24;

/// The master keys, the newest first: it seals, any of them opens.
#[derive(Clone)]
pub struct MasterKeys(Vec<MasterKey>);

#[derive(Clone, ZeroizeOnDrop)]
struct MasterKey {
    id: String,
    key: [u8; 32],
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl MasterKeys {
    /// Keys as text: one base64 key a line, the newest first; empty lines and
    /// lines that begin with `#` do not count. `origin` names the source in errors.
    pub fn parse(text: &str, origin: &str) -> Result<Self, SecretError> {
        let keys = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                STANDARD
                    .decode(line)
                    .ok()
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
                    .map(MasterKey::new)
                    .ok_or_else(|| SecretError::NotAKey(origin.to_owned()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(SecretError::NotAKey(origin.to_owned()));
        }
        Ok(Self(keys))
    }

    /// Reads the file, or makes it with a fresh key, mode 0600, if there is none.
    pub fn in_file(file: &Path, random: &Random) -> Result<Self, SecretError> {
        let failed = |source| SecretError::File { file: file.display().to_string(), source };
        match fs::read_to_string(file) {
            Ok(text) => {
                refuse_if_open_to_others(file)?;
                Self::parse(&text, &file.display().to_string())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("{}\n", STANDARD.encode(random.bytes::<32>()));
                write_new_private_file(file, &text).map_err(failed)?;
                Self::parse(&text, &file.display().to_string())
            }
            Err(error) => Err(failed(error)),
        }
    }

    pub fn seal(&self, secret: &Secret, place: Place<'_>, random: &Random) -> Sealed {
        let newest = &self.0[0];
        let nonce = random.bytes::<NONCE_OCTETS>();
        let data = place.associated_data();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &data };
        let sealed = newest
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far shorter than the cipher's limit of 256 GB");
        Sealed { key_id: newest.id.clone(), bytes: [&nonce[..], &sealed].concat() }
    }

    pub fn open(&self, sealed: &Sealed, place: Place<'_>) -> Result<Secret, SecretError> {
        let key = self
            .0
            .iter()
            .find(|key| key.id == sealed.key_id)
            .ok_or_else(|| SecretError::UnknownKey(sealed.key_id.clone()))?;
        let (nonce, text) =
            sealed.bytes.split_first_chunk::<NONCE_OCTETS>().ok_or(SecretError::DoesNotOpen)?;
        let data = place.associated_data();
        let opened = key
            .cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: text, aad: &data })
            .map_err(|_| SecretError::DoesNotOpen)?;
        String::from_utf8(opened).map(Secret::new).map_err(|_| SecretError::DoesNotOpen)
    }

    /// The key that seals from now on.
    pub fn newest_id(&self) -> &str {
        &self.0[0].id
    }
}

impl MasterKey {
    /// A key is called by the first 8 octets of its digest, so that the same
    /// key has the same name wherever it is configured.
    fn new(key: [u8; 32]) -> Self {
        let digest =
            Sha256::new().chain_update(b"countersign master key id").chain_update(key).finalize();
        Self { id: data_encoding::HEXLOWER.encode(&digest[..8]), key }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.key.into())
    }
}

#[cfg(unix)]
fn refuse_if_open_to_others(file: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::MetadataExt;
    let name = || file.display().to_string();
    let mode =
        fs::metadata(file).map_err(|source| SecretError::File { file: name(), source })?.mode();
    if mode & 0o077 == 0 { Ok(()) } else { Err(SecretError::FileIsOpen { file: name() }) }
}

#[cfg(unix)]
fn write_new_private_file(file: &Path, text: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const HERE: Place<'_> = Place { table: "credential", row: Uuid::nil(), column: "secret" };

    fn keys(seed: u8) -> MasterKeys {
        MasterKeys::parse(&STANDARD.encode([seed; 32]), "test").unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let keys = keys(1);
        let sealed = keys.seal(&Secret::new("pass".into()), HERE, &Random::seeded(1));
        assert_eq!(keys.open(&sealed, HERE).unwrap().expose(), "pass");
        for elsewhere in [
            Place { table: "other", ..HERE },
            Place { row: Uuid::from_u128(1), ..HERE },
            Place { column: "other", ..HERE },
        ] {
            assert!(matches!(keys.open(&sealed, elsewhere), Err(SecretError::DoesNotOpen)));
        }
    }

    #[test]
    fn a_changed_octet_does_not_open() {
        let keys = keys(1);
        let sealed = keys.seal(&Secret::new("pass".into()), HERE, &Random::seeded(1));
        for n in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[n] ^= 1;
            assert!(keys.open(&changed, HERE).is_err());
        }
        assert!(keys.open(&Sealed { bytes: vec![1; 5], ..sealed }, HERE).is_err());
    }

    #[test]
    fn an_older_key_still_opens_and_the_newest_seals() {
        let old = keys(1);
        let sealed = old.seal(&Secret::new("pass".into()), HERE, &Random::seeded(1));
        let text = format!("{}\n# old\n{}\n", STANDARD.encode([2; 32]), STANDARD.encode([1; 32]));
        let both = MasterKeys::parse(&text, "test").unwrap();
        assert_eq!(both.open(&sealed, HERE).unwrap().expose(), "pass");
        assert_eq!(
            both.seal(&Secret::new("x".into()), HERE, &Random::seeded(2)).key_id,
            keys(2).newest_id()
        );
        assert!(matches!(keys(2).open(&sealed, HERE), Err(SecretError::UnknownKey(_))));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let keys = keys(1);
        let secret = Secret::new("hunter2".into());
        let sealed = keys.seal(&secret, HERE, &Random::seeded(1));
        let printed = format!("{secret:?} {keys:?} {sealed:?}");
        assert!(!printed.contains("hunter2") && !printed.contains(&STANDARD.encode([1; 32])));
    }

    #[test]
    fn the_file_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.key");
        let first = MasterKeys::in_file(&file, &Random::seeded(1)).unwrap();
        let again = MasterKeys::in_file(&file, &Random::seeded(2)).unwrap();
        assert_eq!(first.newest_id(), again.newest_id());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(
            MasterKeys::in_file(&file, &Random::seeded(1)),
            Err(SecretError::FileIsOpen { .. })
        ));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "# nothing\n", "short", &STANDARD.encode([1; 31])] {
            assert!(MasterKeys::parse(text, "test").is_err(), "{text}");
        }
    }
}

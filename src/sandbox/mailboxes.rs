//! Who has a mailbox, and what lies in it. In memory: when the sandbox ends,
//! all of it is gone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::User;
use crate::{clock::Clock, domain::address::EmailAddress};

/// What separates a detail from the base: `access+detail@`.
const SUB_ADDRESS: char = '+';
/// Mails in one mailbox.
const MAILS_MAX: usize = 10_000;
/// Octets in one mailbox.
const OCTETS_MAX: usize = 256 * 1024 * 1024;

/// One mail in one mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub uid: u32,
    pub raw: Arc<[u8]>,
    pub arrived_at: DateTime<Utc>,
    pub flags: Flags,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags(pub u8);

impl Flags {
    pub const SEEN: Self = Self(1);
    pub const DELETED: Self = Self(8);
    const NAMED: [(Self, &'static str); 5] = [
        (Self::SEEN, "\\Seen"),
        (Self(2), "\\Answered"),
        (Self(4), "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self(16), "\\Draft"),
    ];

    /// By its name in any case; keywords are not kept.
    pub fn named(name: &str) -> Self {
        let known = Self::NAMED.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        known.map_or(Self(0), |(flag, _)| *flag)
    }

    pub fn has(self, other: Self) -> bool {
        other.0 != 0 && self.0 & other.0 == other.0
    }

    pub fn text(self) -> String {
        let names = Self::NAMED.iter().filter(|(flag, _)| self.has(*flag));
        names.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
    }
}

struct Mailbox {
    address: EmailAddress,
    password: String,
    uid_next: u32,
    mails: Vec<Mail>,
}

/// Why a mail was not put into a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    NoSuchUser,
    OverQuota,
}

pub(super) struct Mailboxes {
    pub domain: String,
    pub authserv_id: String,
    /// Of every mailbox: all of them began together.
    pub uid_validity: u32,
    clock: Clock,
    by_key: Mutex<BTreeMap<String, Mailbox>>,
    /// Counts changes, so that IDLE hears of them.
    changes: watch::Sender<u64>,
}

impl Mailboxes {
    pub fn new(domain: &str, users: &[User], clock: Clock) -> Self {
        let boxes = users.iter().map(|user| {
            let mailbox = Mailbox {
                address: user.address.clone(),
                password: user.password.clone(),
                uid_next: 1,
                mails: Vec::new(),
            };
            (user.address.key(), mailbox)
        });
        Self {
            domain: domain.to_owned(),
            authserv_id: format!("mx.{domain}"),
            uid_validity: u32::try_from(clock.now().timestamp()).unwrap_or(1).max(1),
            by_key: Mutex::new(boxes.collect()),
            changes: watch::Sender::new(0),
            clock,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn is_local(&self, address: &EmailAddress) -> bool {
        address.domain() == self.domain
    }

    /// The mailbox of an address, sub-addresses included.
    pub fn mailbox_of(&self, address: &EmailAddress) -> Option<String> {
        let boxes = self.lock();
        let exact = Some(address.key()).filter(|key| boxes.contains_key(key));
        exact.or_else(|| {
            let (base, _) = address.local().split_once(SUB_ADDRESS)?;
            let base = EmailAddress::parse(&format!("{base}@{}", address.domain())).ok()?;
            Some(base.key()).filter(|key| boxes.contains_key(key))
        })
    }

    /// Who logs in so, by the key of his mailbox and his address.
    pub fn log_in(&self, username: &str, password: &str) -> Option<(String, EmailAddress)> {
        let key = EmailAddress::parse(username).ok()?.key();
        let boxes = self.lock();
        let mailbox = boxes.get(&key).filter(|mailbox| mailbox.password == password)?;
        Some((key, mailbox.address.clone()))
    }

    pub fn put(&self, key: &str, raw: Vec<u8>) -> Result<(), Full> {
        let arrived_at = self.clock.now();
        let mut boxes = self.lock();
        let mailbox = boxes.get_mut(key).ok_or(Full::NoSuchUser)?;
        let octets: usize = mailbox.mails.iter().map(|mail| mail.raw.len()).sum();
        if mailbox.mails.len() >= MAILS_MAX || octets + raw.len() > OCTETS_MAX {
            return Err(Full::OverQuota);
        }
        let uid = mailbox.uid_next;
        mailbox.uid_next = uid.saturating_add(1);
        mailbox.mails.push(Mail { uid, raw: raw.into(), arrived_at, flags: Flags::default() });
        drop(boxes);
        self.changed();
        Ok(())
    }

    pub fn mails(&self, key: &str) -> Vec<Mail> {
        self.lock().get(key).map(|mailbox| mailbox.mails.clone()).unwrap_or_default()
    }

    pub fn uid_next(&self, key: &str) -> u32 {
        self.lock().get(key).map_or(1, |mailbox| mailbox.uid_next)
    }

    /// Changes the flags of the mails with these UIDs.
    pub fn flag(&self, key: &str, uids: &[u32], change: impl Fn(Flags) -> Flags) {
        let mut boxes = self.lock();
        let mails = boxes.get_mut(key).into_iter().flat_map(|mailbox| &mut mailbox.mails);
        for mail in mails.filter(|mail| uids.contains(&mail.uid)) {
            mail.flags = change(mail.flags);
        }
    }

    /// Removes the mails that are `doomed`.
    pub fn remove(&self, key: &str, doomed: impl Fn(&Mail) -> bool) {
        if let Some(mailbox) = self.lock().get_mut(key) {
            mailbox.mails.retain(|mail| !doomed(mail));
        }
        self.changed();
    }

    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Mailbox>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(written: &str) -> EmailAddress {
        EmailAddress::parse(written).unwrap()
    }

    #[test]
    fn a_detail_reaches_the_base() {
        let user = User { address: address("ana@x.test"), password: "pw".into() };
        let boxes = Mailboxes::new("x.test", &[user], Clock::system());
        for (to, expected) in [
            ("ana@x.test", Some("ana@x.test")),
            ("ANA+any.thing@x.test", Some("ana@x.test")),
            ("anna@x.test", None),
            ("ana@y.test", None),
        ] {
            assert_eq!(boxes.mailbox_of(&address(to)).as_deref(), expected, "{to}");
        }
        assert!(boxes.log_in("ana@x.test", "pw").is_some());
        assert!(boxes.log_in("ana@x.test", "wrong").is_none());
        assert_eq!(boxes.put("nobody@x.test", vec![]), Err(Full::NoSuchUser));
    }

    #[test]
    fn a_mailbox_does_not_grow_for_ever() {
        let user = User { address: address("ana@x.test"), password: "pw".into() };
        let boxes = Mailboxes::new("x.test", &[user], Clock::system());
        for _ in 0..MAILS_MAX {
            boxes.put("ana@x.test", b"x".to_vec()).unwrap();
        }
        assert_eq!(boxes.put("ana@x.test", b"x".to_vec()), Err(Full::OverQuota));
    }
}

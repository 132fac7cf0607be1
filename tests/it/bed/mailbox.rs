//! One mailbox, seen from the disk: what was really delivered, and what is
//! really left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval};

use super::place::{self, LOOK_EVERY};
use super::{DOMAIN, PASSWORD};

/// How long a mail may be under way.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// A mailbox of one test.
pub struct Mailbox {
    pub address: String,
    pub login: String,
    pub password: String,
    maildir: PathBuf,
}

/// One mail as it lies in a mailbox.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Lines end in CRLF, as a client would read them.
    pub raw: Vec<u8>,
    /// Maildir's letters: `S` seen, `R` answered, `T` to be deleted.
    pub flags: String,
}

impl Mailbox {
    pub(super) fn create(name: &str) -> Self {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let address = format!("{name}-{number}@{DOMAIN}");
        let place = place::get();
        let home = PathBuf::from("mail").join(&address);
        place.make_directory(&home);
        let maildir = place.make_directory(home.join("Maildir"));
        for part in ["tmp", "new", "cur"] {
            place.make_directory(home.join("Maildir").join(part));
        }
        Self { login: address.clone(), address, password: PASSWORD.to_owned(), maildir }
    }

    /// First whole in `tmp`, then visible in `new`, as Maildir has it: no
    /// server ever sees half a mail.
    pub(super) fn put(&self, raw: &[u8]) {
        static PUT: AtomicU32 = AtomicU32::new(0);
        // Servers list by name: the number makes the order that of delivery.
        let name = format!("1000000000.{:09}.bed", PUT.fetch_add(1, Ordering::Relaxed));
        let place = place::get();
        let whole = place.write(self.maildir.join("tmp").join(&name), raw);
        fs::rename(whole, self.maildir.join("new").join(&name)).expect("both are ours");
    }

    /// The same, as if it had arrived that long ago: Dovecot takes a file's
    /// time of change for the time of arrival.
    pub fn put_old(&self, raw: &[u8], age: Duration) {
        let before = self.files();
        self.put(raw);
        for path in self.files().difference(&before) {
            let file = fs::File::options().write(true).open(path).expect("it was just put there");
            let arrived = file.metadata().and_then(|found| found.modified()).expect("Linux knows");
            file.set_modified(arrived - age).expect("it is ours");
        }
    }

    fn files(&self) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(self.maildir.join("new")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Makes Dovecot forget every UID: it gives the folder a new UIDVALIDITY,
    /// as after a restore from backup.
    pub fn renumber(&self) {
        for entry in fs::read_dir(&self.maildir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "dovecot-uidlist" || name.starts_with("dovecot.index") {
                fs::remove_file(entry.path()).expect("our own directory is writable");
            }
        }
    }

    /// Where Dovecot keeps the inbox.
    pub fn maildir(&self) -> &Path {
        &self.maildir
    }

    /// What is in the inbox now, in the order of arrival.
    pub fn messages(&self) -> Vec<Mail> {
        read_maildir(&self.maildir)
    }

    /// What is in another folder, such as `Processed`; nothing if there is none.
    pub fn messages_in(&self, folder: &str) -> Vec<Mail> {
        read_maildir(&self.maildir.join(format!(".{}", folder.replace('/', "."))))
    }

    /// Waits until the inbox holds at least `count` mails, and returns them.
    /// Panics when they do not come.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let give_up_at = Instant::now() + ARRIVES_WITHIN;
        let mut look = interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let messages = self.messages();
            if messages.len() >= count {
                return messages;
            }
            assert!(
                Instant::now() < give_up_at,
                "{} of {count} mails reached {} within {ARRIVES_WITHIN:?}\n{}",
                messages.len(),
                self.address,
                place::get().log_tail(&["postfix.log", "dovecot.log"]),
            );
        }
    }
}

impl Mail {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The header's fields from the top, unfolded, as `(name, value)`.
    pub fn fields(&self) -> Vec<(String, String)> {
        let text = self.text();
        let header = text.split("\r\n\r\n").next().unwrap_or_default();
        let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
        let fields = unfolded.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    }

    /// The values of all fields called `name`, from the top.
    pub fn field(&self, name: &str) -> Vec<String> {
        let fields = self.fields().into_iter();
        fields.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
    }
}

/// Names are keys: a file that a server moves from `new` to `cur` while we
/// read is seen in one of the two, and counts once.
fn read_maildir(maildir: &Path) -> Vec<Mail> {
    let mut mails = BTreeMap::new();
    for part in ["new", "cur", "new"] {
        for entry in fs::read_dir(maildir.join(part)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (unique, flags) = name.split_once(":2,").unwrap_or((&name, ""));
            // Gone since the listing: the next part, or nobody, has it.
            let Ok(raw) = fs::read(entry.path()) else {
                continue;
            };
            let unique = unique.split(',').next().unwrap_or_default();
            let mail = Mail { raw: with_crlf(&raw), flags: flags.to_owned() };
            mails.insert(arrival(unique), mail);
        }
    }
    mails.into_values().collect()
}

/// Dovecot's names begin `seconds.MmicrosecondsPpid`; the microseconds are not
/// padded, so the text alone does not sort.
fn arrival(name: &str) -> (u64, u64, String) {
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    let mut parts = name.split('.');
    let seconds = number(parts.next().unwrap_or_default());
    let micros = number(parts.next().unwrap_or_default().trim_start_matches('M'));
    (seconds, micros, name.to_owned())
}

/// Every lone LF becomes CRLF; what is CRLF already stays.
pub fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    let mut before = 0;
    for &byte in raw {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        before = byte;
    }
    out
}

//! Where the bed lives, as whom it runs, and which ports it takes.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

use super::keeper;

/// A socket's path has at most 107 bytes; the longest name below ours
/// (`postfix/queue/private/proxywrite`, `d/login/…`) has less than 50.
const DIRECTORY_BYTES_MAX: usize = 57;
/// How long a server may take to answer on its port. A cold, busy machine is slow.
const START_WITHIN: Duration = Duration::from_secs(60);
/// How often the bed looks whether something has come about.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Below the ports the system hands out by itself (32768 and up on Linux), so
/// that no outgoing connection takes one between our choice and its use.
const PORTS: std::ops::Range<u32> = 12_000..32_000;
/// Processes that start one after the other get blocks that do not touch.
const PORTS_PER_PROCESS: u32 = 50;

/// The directory and the users of one test process.
pub struct Place {
    pub directory: PathBuf,
    /// What the servers may do: start as root and step down, or not.
    pub power: Power,
    /// Owns the mail, and is Dovecot's only user.
    pub owner: Account,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// We are root. Servers that refuse to be root run as users of their own.
    Root,
    /// `sudo` makes us root without asking. What can runs as ourselves.
    Sudo,
    /// Everything runs as ourselves; Postfix cannot.
    Own,
}

pub struct Account {
    pub name: String,
    pub group: String,
    uid: u32,
    gid: u32,
}

/// The one place of this process, made by whoever asks first.
pub fn get() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(Place::create)
}

impl Place {
    fn create() -> Self {
        let power = Power::find();
        // Root's files are of no use to the servers, which are not root.
        let owner = if power == Power::Root { Account::named("nobody") } else { Account::own() };
        let directory = tempfile::Builder::new()
            .prefix("csbed")
            .tempdir_in(Self::parent())
            .expect("a temporary directory can be made")
            .keep();
        Self::open_to_all(&directory, 0o755);
        let place = Self { directory, power, owner };
        for name in ["log", "run", "tls", "mail", "d", "ds", "pg"] {
            place.make_directory(name);
        }
        if std::env::var_os("COUNTERSIGN_BED_KEEP").is_some() {
            fs::write(place.directory.join("keep"), "").expect("our own directory is writable");
        }
        place
    }

    /// The temporary directory, unless its name is too long for sockets or
    /// the servers' users cannot walk into it.
    fn parent() -> PathBuf {
        let usual = std::env::temp_dir();
        let short = usual.as_os_str().len() + "/csbedXXXXXX".len() <= DIRECTORY_BYTES_MAX;
        let open = usual
            .ancestors()
            .all(|directory| fs::metadata(directory).is_ok_and(|found| found.mode() & 0o001 != 0));
        if short && open { usual } else { PathBuf::from("/tmp") }
    }

    /// Makes a directory that belongs to the owner of the mail.
    pub fn make_directory(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(&path).expect("our own directory is writable");
        Self::open_to_all(&path, 0o755);
        self.give_to_owner(&path);
        path
    }

    /// Writes a file that the owner of the mail may change.
    pub fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.join(name);
        fs::write(&path, content).expect("our own directory is writable");
        Self::open_to_all(&path, 0o644);
        self.give_to_owner(&path);
        path
    }

    /// Whatever the caller's umask says: the servers' users read here too.
    fn open_to_all(path: &Path, mode: u32) {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, mode).expect("it is ours");
    }

    fn give_to_owner(&self, path: &Path) {
        if self.power == Power::Root {
            chown(path, Some(self.owner.uid), Some(self.owner.gid)).expect("root may give away");
        }
    }

    /// The words that start a command as `user`, put before it in a script.
    pub fn stepping_down_to(&self, user: &str) -> String {
        match self.power {
            Power::Own => String::new(),
            Power::Root | Power::Sudo => {
                format!("setpriv --reuid {user} --regid \"$(id -g {user})\" --clear-groups ")
            }
        }
    }

    /// The end of what a server wrote, for the message of a failed test.
    pub fn log_tail(&self, names: &[&str]) -> String {
        let mut tail = String::new();
        for name in names {
            let text = fs::read(self.directory.join("log").join(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(25)..];
            tail.push_str(&format!("--- {name}\n{}\n", last.join("\n")));
        }
        tail
    }
}

impl Power {
    fn find() -> Self {
        if Account::own().uid == 0 {
            return Self::Root;
        }
        let sudo = Command::new("sudo")
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if sudo.is_ok_and(|status| status.success()) { Self::Sudo } else { Self::Own }
    }
}

impl Account {
    fn own() -> Self {
        let uid = fs::metadata("/proc/self").expect("this is Linux").uid();
        Self::named(&uid.to_string())
    }

    fn named(user: &str) -> Self {
        let ask = |what: &str| {
            let told = Command::new("id").args([what, user]).output().expect("`id` is everywhere");
            assert!(told.status.success(), "there is no user `{user}` on this machine");
            String::from_utf8_lossy(&told.stdout).trim().to_owned()
        };
        Self {
            name: ask("-un"),
            group: ask("-gn"),
            uid: ask("-u").parse().expect("a user id is a number"),
            gid: ask("-g").parse().expect("a group id is a number"),
        }
    }
}

/// A port of 127.0.0.1 that nobody listens on, never the same twice.
pub fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let size = PORTS.end - PORTS.start;
    let first = std::process::id().wrapping_mul(PORTS_PER_PROCESS) % size;
    for _ in 0..size {
        let step = TRIED.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(PORTS.start + first.wrapping_add(step) % size)
            .expect("the range ends below 65536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 in {PORTS:?}");
}

/// Waits until the server called `name` listens on `port`.
pub async fn wait_for_port(name: &str, port: u16, logs: &[&str]) -> Result<(), String> {
    let give_up_at = Instant::now() + START_WITHIN;
    let mut look = interval(LOOK_EVERY);
    loop {
        look.tick().await;
        // Asked first: what ended may have listened before.
        let ended = keeper::has_ended(name);
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return Ok(());
        }
        if ended || Instant::now() > give_up_at {
            let what = if ended { "ended instead of listening" } else { "does not listen" };
            return Err(format!("{name} {what} on port {port}\n{}", get().log_tail(logs)));
        }
    }
}

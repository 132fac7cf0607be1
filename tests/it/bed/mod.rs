//! A bed of real mail servers and a real database, for tests.
//!
//! The first test that asks starts private copies of Dovecot, Postfix and
//! PostgreSQL on free loopback ports, in a temporary directory; the others in
//! the same process share them. A test gets its own mailbox or its own
//! database from them, so tests do not see each other. When the process ends,
//! in whatever way, everything it started ends with it (see [`keeper`]).
//!
//! Nothing here uses the code under test: what the bed says about a mail is a
//! second opinion.
//!
//! ```ignore
//! let bed = bed::get().await;
//! let anna = bed.mailbox("anna");
//! bed.submit("boss@x.test", &anna.address, b"From: ...").await.unwrap();
//! let mails = anna.wait_for(1).await;
//! ```

mod certificates;
mod dialogue;
mod dovecot;
pub mod faults;
mod keeper;
mod mailbox;
mod place;
mod postfix;
mod postgres;

pub use certificates::Certificates;
pub use dialogue::{Dialogue, Refused};
pub use dovecot::Dovecot;
pub use mailbox::{Mail, Mailbox};
pub use postfix::Postfix;

use tokio::sync::OnceCell;

/// The name Postfix signs its Authentication-Results with.
pub const AUTHSERV_ID: &str = "mx.x.test";
/// The domain of the mailboxes the bed hands out.
pub const DOMAIN: &str = "x.test";
/// A second domain that is delivered here as well.
pub const OTHER_DOMAIN: &str = "y.test";
/// Every user has it.
pub const PASSWORD: &str = "pass";

/// The mail servers, running.
pub struct Bed {
    pub dovecot: Dovecot,
    pub postfix: Postfix,
}

/// The mail servers, started by whoever asks first. Panics with the end of the
/// servers' logs if they cannot be started.
pub async fn get() -> &'static Bed {
    static BED: OnceCell<Result<Bed, String>> = OnceCell::const_new();
    let started = BED.get_or_init(|| async {
        let dovecot = Dovecot::start().await?;
        let postfix = Postfix::start(&dovecot).await?;
        Ok(Bed { dovecot, postfix })
    });
    started.await.as_ref().unwrap_or_else(|problem| panic!("{problem}"))
}

/// A fresh, empty PostgreSQL database, as an URL. PostgreSQL is started by
/// whoever asks first.
pub async fn create_database() -> String {
    postgres::get().await.create_database().await
}

/// The directory everything lives in, for a look around while a test is held.
pub fn directory() -> &'static std::path::Path {
    &place::get().directory
}

impl Bed {
    /// Trust this, and the bed's servers are who they say they are (`localhost`).
    pub fn ca_pem(&self) -> &'static str {
        &self.certificates().ca_pem
    }

    pub fn certificates(&self) -> &'static Certificates {
        certificates::get()
    }

    /// A fresh mailbox. `name` is only for the reader of a failed test; the
    /// address is unlike any other of this process.
    pub fn mailbox(&self, name: &str) -> Mailbox {
        Mailbox::create(name)
    }

    /// Puts `raw` into the mailbox, byte for byte, past all servers.
    pub fn deliver(&self, mailbox: &Mailbox, raw: &[u8]) {
        mailbox.put(raw);
    }

    /// Hands `raw` to Dovecot over LMTP, as Postfix does: Return-Path and
    /// Delivered-To are added, and `user+detail@x.test` reaches `user@x.test`.
    pub async fn deliver_by_lmtp(&self, from: &str, to: &str, raw: &[u8]) -> Result<(), Refused> {
        let mut server = Dialogue::connect(self.dovecot.lmtp_port).await;
        server.expect_smtp("220").await?;
        server.ask_smtp("LHLO test", "250").await?;
        server.hand_over(from, to, raw).await
    }

    /// Sends `raw` as a logged-in user does (STARTTLS, AUTH): the mail arrives
    /// stamped `spf=pass` and `dmarc=pass` for the domain of `from`.
    pub async fn submit(&self, from: &str, to: &str, raw: &[u8]) -> Result<(), Refused> {
        let mut server = Dialogue::connect(self.postfix.submission_port).await;
        server.expect_smtp("220").await?;
        server.ask_smtp("EHLO test", "250").await?;
        server.ask_smtp("STARTTLS", "220").await?;
        let mut server = server.start_tls(self.certificates()).await;
        server.ask_smtp("EHLO test", "250").await?;
        server.log_in_smtp("sender@x.test", PASSWORD).await?;
        server.hand_over(from, to, raw).await
    }

    /// Sends `raw` as a stranger does, which is the road of a forged sender:
    /// the mail arrives stamped `spf=fail` and `dmarc=fail`.
    pub async fn submit_unauthenticated(
        &self,
        from: &str,
        to: &str,
        raw: &[u8],
    ) -> Result<(), Refused> {
        let mut server = Dialogue::connect(self.postfix.smtp_port).await;
        server.expect_smtp("220").await?;
        server.ask_smtp("EHLO test", "250").await?;
        server.hand_over(from, to, raw).await
    }
}

//! A loopback mail server in a few hundred lines: SMTP in, IMAP and POP3 out,
//! mailboxes in memory. It is what `countersign demo` talks to instead of a
//! real one; `serve` never knows of it.
//!
//! It plays both sides of a company's mail system. Whoever logs in to SMTP is
//! an author whom the domain vouches for: his mail is stamped `dmarc=pass`. A
//! sender who does not log in is the rest of the world, and what he claims to
//! be is stamped `dmarc=fail`. Mail for a domain that is not ours bounces as
//! it would after a walk through the internet: with a delivery report.
//!
//! IMAP is TLS only, with a certificate made at start, so that the demo shows
//! an account as it should be set up (a private authority in `ca_pem`). SMTP
//! and POP3 are in the clear, which a login on loopback may be; so both roads
//! of the client are walked.
//!
//! Not here: queues, virus filters, quotas worth the name, folders besides
//! INBOX, message parts in IMAP. Everything has a limit, because a demo may be
//! left running.

mod imap;
mod imap_command;
mod mailboxes;
mod pop3;
mod report;
mod sasl;
mod smtp;
mod stamp;
mod talk;
mod tls;

use std::{future::Future, io, net::Ipv4Addr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};

use self::{mailboxes::Mailboxes, talk::Talk};
use crate::{clock::Clock, domain::address::EmailAddress};

/// Sessions at once, of each protocol.
const SESSIONS_MAX: usize = 100;

/// A mailbox to begin with: its address is also its login.
#[derive(Debug, Clone)]
pub struct User {
    pub address: EmailAddress,
    pub password: String,
}

/// The server, until it is dropped.
pub struct Sandbox {
    pub smtp_port: u16,
    /// TLS from the first byte.
    pub imap_port: u16,
    pub pop3_port: u16,
    /// Trust this, and the server is who it says it is (`localhost`).
    pub ca_pem: String,
    /// What it signs its Authentication-Results with.
    pub authserv_id: String,
    mailboxes: Arc<Mailboxes>,
    _listeners: JoinSet<()>,
}

impl Sandbox {
    /// Listens on free ports of 127.0.0.1 for mail to `domain`.
    pub async fn start(domain: &str, users: &[User], clock: Clock) -> io::Result<Self> {
        let identity = tls::Identity::make()?;
        let mailboxes = Arc::new(Mailboxes::new(domain, users, clock));
        let (smtp, smtp_port) = listen().await?;
        let (imap, imap_port) = listen().await?;
        let (pop3, pop3_port) = listen().await?;
        let mut listeners = JoinSet::new();
        let post = Arc::clone(&mailboxes);
        listeners.spawn(accept(smtp, move |stream| {
            let post = Arc::clone(&post);
            async move { smtp::serve(Talk::new(stream), &post).await }
        }));
        let post = Arc::clone(&mailboxes);
        let acceptor = identity.acceptor;
        listeners.spawn(accept(imap, move |stream| {
            let (post, acceptor) = (Arc::clone(&post), acceptor.clone());
            async move {
                let stream = tls::accept(&acceptor, stream).await?;
                imap::serve(Talk::new(stream), &post).await
            }
        }));
        let post = Arc::clone(&mailboxes);
        listeners.spawn(accept(pop3, move |stream| {
            let post = Arc::clone(&post);
            async move { pop3::serve(Talk::new(stream), &post).await }
        }));
        Ok(Self {
            smtp_port,
            imap_port,
            pop3_port,
            ca_pem: identity.certificate_pem,
            authserv_id: mailboxes.authserv_id.clone(),
            mailboxes,
            _listeners: listeners,
        })
    }

    /// The raw mails in a mailbox, in the order of arrival; for tests that
    /// want a second opinion.
    pub fn mails(&self, address: &EmailAddress) -> Vec<Vec<u8>> {
        let mails = self.mailboxes.mails(&address.key());
        mails.into_iter().map(|mail| mail.raw.to_vec()).collect()
    }
}

async fn listen() -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Serves each caller in a task of its own; a session's end, good or bad, is
/// that session's business. Dropping the listener ends the sessions with it.
async fn accept<Session, Ended>(listener: TcpListener, serve: Session)
where
    Session: Fn(TcpStream) -> Ended,
    Ended: Future<Output = io::Result<()>> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(SESSIONS_MAX));
    let mut sessions: JoinSet<()> = JoinSet::new();
    loop {
        while sessions.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // The caller went away, or there are too many files open.
            Err(_) => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let session = serve(stream);
        sessions.spawn(async move {
            if let Err(error) = session.await {
                tracing::debug!("a sandbox session broke: {error}");
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests;

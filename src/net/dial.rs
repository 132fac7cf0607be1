//! From what an admin typed to a stream that may carry a login: name, address,
//! TCP, TLS. Also who may be called at all, and how long each step may take.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::select_ok;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, sleep, timeout},
};

pub use super::login::{Login, Secret};
use super::{
    reach::{is_this_machine, may_be_called},
    step::{Failure, NetError, Peer, StepLog, StepName},
    tls,
    wire::{Allowance, Wire},
};
use crate::domain::mail_server::{MailServer, Security};

/// How long each wait may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution and TCP, each.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From a command to the end of its answer, where that is short; also the
    /// greeting.
    pub command: Duration,
    /// Between two bytes of a long answer.
    pub idle_bytes: Duration,
    /// A whole long answer: a message, a listing.
    pub transfer: Duration,
    /// The greeting, at a port where only TLS is spoken and we do not: such a
    /// server waits for us as we wait for it.
    pub mix_up: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            tls: Duration::from_secs(30),
            command: Duration::from_secs(60),
            idle_bytes: Duration::from_secs(60),
            transfer: Duration::from_secs(600),
            mix_up: Duration::from_secs(10),
        }
    }
}

/// A stream to a server, and what is known of it.
#[derive(Debug)]
pub struct Link {
    pub wire: Wire,
    pub allowance: Arc<Allowance>,
    pub peer: Peer,
    pub encrypted: bool,
    /// The other end is this machine.
    pub loopback: bool,
}

/// Connects, with TLS where the account says "from the first byte".
pub async fn dial(
    server: &MailServer,
    timeouts: &Timeouts,
    log: &mut StepLog,
) -> Result<Link, NetError> {
    let peer = Peer { host: ascii_host(&server.host), port: server.port };
    let addresses = resolve(&peer, timeouts, log).await?;
    let (stream, address) = connect(&peer, &addresses, timeouts, log).await?;
    let allowance = Allowance::new(timeouts.idle_bytes);
    let link = Link {
        wire: Wire::new(Box::new(stream), Arc::clone(&allowance)),
        allowance,
        peer,
        encrypted: false,
        loopback: is_this_machine(address.ip()),
    };
    match server.security {
        Security::ImplicitTls => link.encrypt(server, timeouts, log).await,
        Security::Starttls | Security::None => Ok(link),
    }
}

impl Link {
    /// Starts TLS on the stream. After STARTTLS the caller has made sure that
    /// nothing was read ahead.
    pub async fn encrypt(
        self,
        server: &MailServer,
        timeouts: &Timeouts,
        log: &mut StepLog,
    ) -> Result<Self, NetError> {
        let began = Instant::now();
        let Self { wire, allowance, peer, loopback, .. } = self;
        let starting = tls::start(wire.into_inner(), &peer.host, server);
        let (stream, certificate) = timeout(timeouts.tls, starting)
            .await
            .map_err(|_| peer.timed_out(StepName::Tls, timeouts.tls))?
            .map_err(|no_tls| peer.error(StepName::Tls, no_tls.kind, &no_tls.words))?;
        log.add(StepName::Tls, began, &format!("TLS, {certificate}"));
        let wire = Wire::new(stream, Arc::clone(&allowance));
        Ok(Self { wire, allowance, peer, encrypted: true, loopback })
    }

    /// Whether a password may be sent over this stream.
    pub fn may_login(&self, server: &MailServer) -> Result<(), NetError> {
        may_login(&self.peer, self.encrypted || self.loopback, server)
    }

    /// A stream that is open already, for tests.
    #[cfg(test)]
    pub(crate) fn over(stream: super::wire::BoxedStream, timeouts: &Timeouts) -> Self {
        let allowance = Allowance::new(timeouts.idle_bytes);
        Self {
            wire: Wire::new(stream, Arc::clone(&allowance)),
            allowance,
            peer: Peer { host: "mail.x.test".into(), port: 4711 },
            encrypted: false,
            loopback: true,
        }
    }
}

/// `is_private`: nobody on the way can read along.
pub(super) fn may_login(
    peer: &Peer,
    is_private: bool,
    server: &MailServer,
) -> Result<(), NetError> {
    if is_private || server.allow_cleartext_login {
        return Ok(());
    }
    let words = "use TLS, or allow a clear-text login for this account";
    Err(peer.error(StepName::Auth, Failure::ClearLoginRefused, words))
}

/// What a server that does not greet may have in mind.
pub(super) fn silent_greeting(peer: &Peer, server: &MailServer, waited: Duration) -> NetError {
    if only_tls_is_spoken(server) {
        let words = format!("port {} usually wants implicit TLS", server.port);
        return peer.error(StepName::Greeting, Failure::SecurityMixUp, &words);
    }
    peer.timed_out(StepName::Greeting, waited)
}

/// How long to wait for the greeting.
pub(super) fn greeting_wait(server: &MailServer, timeouts: &Timeouts) -> Duration {
    if only_tls_is_spoken(server) {
        timeouts.mix_up.min(timeouts.command)
    } else {
        timeouts.command
    }
}

fn only_tls_is_spoken(server: &MailServer) -> bool {
    server.security != Security::ImplicitTls && matches!(server.port, 465 | 993 | 995)
}

fn ascii_host(typed: &str) -> String {
    let host = typed.trim().trim_start_matches('[').trim_end_matches([']', '.']);
    if host.is_ascii() {
        return host.to_owned();
    }
    idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_owned())
}

async fn resolve(
    peer: &Peer,
    timeouts: &Timeouts,
    log: &mut StepLog,
) -> Result<Vec<SocketAddr>, NetError> {
    let began = Instant::now();
    let found: Vec<SocketAddr> =
        timeout(timeouts.connect, lookup_host((peer.host.as_str(), peer.port)))
            .await
            .map_err(|_| peer.timed_out(StepName::Dns, timeouts.connect))?
            .map_err(|error| NetError {
                words: super::step::printable(&error.to_string()),
                source: Some(Box::new(error)),
                ..peer.error(StepName::Dns, Failure::UnknownHost, "")
            })?
            .collect();
    let (allowed, forbidden): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|a| may_be_called(a.ip()));
    let listed = |addresses: &[SocketAddr]| {
        addresses.iter().map(|a| a.ip().to_string()).collect::<Vec<_>>().join(", ")
    };
    match (allowed.is_empty(), forbidden.is_empty()) {
        (true, false) => {
            Err(peer.error(StepName::Dns, Failure::ForbiddenAddress, &listed(&forbidden)))
        }
        (true, true) => Err(peer.error(StepName::Dns, Failure::UnknownHost, "")),
        (false, _) => {
            log.add(StepName::Dns, began, &listed(&allowed));
            Ok(allowed)
        }
    }
}

/// The next address is tried this much later, whatever the first one does
/// (RFC 8305 §5): a dead IPv6 road must not cost a whole timeout.
const ATTEMPTS_APART: Duration = Duration::from_millis(250);
const ADDRESSES_MAX: usize = 6;

async fn connect(
    peer: &Peer,
    addresses: &[SocketAddr],
    timeouts: &Timeouts,
    log: &mut StepLog,
) -> Result<(TcpStream, SocketAddr), NetError> {
    let began = Instant::now();
    let attempts = addresses.iter().take(ADDRESSES_MAX).zip(0_u32..).map(|(&address, nth)| {
        Box::pin(async move {
            if nth > 0 {
                sleep(ATTEMPTS_APART * nth).await;
            }
            TcpStream::connect(address).await.map(|stream| (stream, address))
        })
    });
    let ((stream, address), _) = timeout(timeouts.connect, select_ok(attempts))
        .await
        .map_err(|_| peer.timed_out(StepName::Connect, timeouts.connect))?
        .map_err(|error| peer.io_error(StepName::Connect, error))?;
    // A client that waits for answers gains nothing from collecting its small
    // packets and loses 40 ms for each (Nagle against delayed ACK).
    stream.set_nodelay(true).map_err(|error| peer.io_error(StepName::Connect, error))?;
    log.add(StepName::Connect, began, &address.to_string());
    Ok((stream, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::tests::server;

    async fn check(server: &MailServer, kind: Failure, step: StepName) {
        let error = dial(server, &Timeouts::default(), &mut StepLog::default()).await.unwrap_err();
        assert_eq!((error.kind, error.step), (kind, step), "{error}");
        assert!(error.to_string().contains(&format!(":{}`", server.port)), "{error}");
    }

    #[tokio::test]
    async fn what_cannot_be_reached_is_named() {
        let at =
            |host: &str, port| MailServer { host: host.into(), ..server(port, Security::None) };
        check(&at("169.254.169.254", 25), Failure::ForbiddenAddress, StepName::Dns).await;
        check(&at("[fe80::1]", 25), Failure::ForbiddenAddress, StepName::Dns).await;
        check(&at("no such host.invalid", 25), Failure::UnknownHost, StepName::Dns).await;
        let free = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        check(&at("127.0.0.1", free), Failure::Refused, StepName::Connect).await;
    }

    #[test]
    fn a_login_in_clear_needs_leave_or_loopback() {
        let timeouts = Timeouts::default();
        let (near, _far) = tokio::io::duplex(8);
        let far_away = Link { loopback: false, ..Link::over(Box::new(near), &timeouts) };
        let plain = server(143, Security::None);
        assert_eq!(far_away.may_login(&plain).unwrap_err().kind, Failure::ClearLoginRefused);
        assert!(
            far_away
                .may_login(&MailServer { allow_cleartext_login: true, ..plain.clone() })
                .is_ok()
        );
        assert!(Link { loopback: true, ..far_away }.may_login(&plain).is_ok());
    }
}

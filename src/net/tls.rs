//! Whom we believe when a server shows its certificate.
//!
//! By default the system's authorities and the right name; with `ca_pem`
//! exactly those authorities and the right name; with `pinned_sha256` exactly
//! that certificate, whatever it says of itself; with `accept_invalid_certs`
//! anybody.
//!
//! A connector is kept for each such belief: to make one means to read all
//! roots of the system, 45 ms of CPU, and a poller would do so for each visit.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use native_tls::{Certificate, Protocol, TlsConnector};
use tokio::time::Instant;

use super::{
    certificate::PeerCertificate,
    step::{Failure, printable},
    wire::BoxedStream,
};
use crate::domain::mail_server::MailServer;

/// The belief a connector is made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Trust {
    ca_pem: Option<String>,
    /// Any chain and any name will do: either truly, or because the pin decides.
    any: bool,
}

/// Kept no longer, so that a change of the system's authorities is seen.
const CONNECTOR_KEPT: Duration = Duration::from_secs(3600);
const CONNECTORS_MAX: usize = 64;

static CONNECTORS: LazyLock<Mutex<HashMap<Trust, (Instant, TlsConnector)>>> =
    LazyLock::new(Mutex::default);

/// Why there is no TLS: what kind of failure, and in which words.
#[derive(Debug)]
pub struct NoTls {
    pub kind: Failure,
    pub words: String,
}

impl NoTls {
    fn new(kind: Failure, words: &str) -> Self {
        Self { kind, words: printable(words) }
    }
}

/// Starts TLS on `stream` with the server called `name`. The caller limits
/// the time.
pub async fn start(
    stream: BoxedStream,
    name: &str,
    server: &MailServer,
) -> Result<(BoxedStream, PeerCertificate), NoTls> {
    let pin = server.pinned_sha256.as_deref().map(normalised_pin);
    let trust = Trust {
        ca_pem: server.ca_pem.clone().filter(|_| pin.is_none()),
        any: pin.is_some() || server.accept_invalid_certs,
    };
    let connector = tokio_native_tls::TlsConnector::from(connector(trust).await?);
    let stream =
        connector.connect(name, stream).await.map_err(|error| explained(&error, server))?;
    let der = stream
        .get_ref()
        .peer_certificate()
        .ok()
        .flatten()
        .and_then(|certificate| certificate.to_der().ok())
        .ok_or_else(|| NoTls::new(Failure::Certificate, "the server showed no certificate"))?;
    let certificate = PeerCertificate::of_der(&der);
    if pin.is_some_and(|pin| pin != certificate.sha256) {
        let words = format!("it is not the pinned certificate but another: {certificate}");
        return Err(NoTls::new(Failure::Certificate, &words));
    }
    Ok((Box::new(stream), certificate))
}

/// People copy fingerprints in upper case and with colons.
fn normalised_pin(written: &str) -> String {
    written.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase()
}

async fn connector(trust: Trust) -> Result<TlsConnector, NoTls> {
    let known = |connectors: &HashMap<Trust, (Instant, TlsConnector)>| {
        let (made_at, connector) = connectors.get(&trust)?;
        (made_at.elapsed() < CONNECTOR_KEPT).then(|| connector.clone())
    };
    if let Some(connector) = known(&CONNECTORS.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(connector);
    }
    let wanted = trust.clone();
    let connector = tokio::task::spawn_blocking(move || make(&wanted))
        .await
        .map_err(|_| NoTls::new(Failure::TlsHandshake, "the TLS library failed"))??;
    let mut connectors = CONNECTORS.lock().unwrap_or_else(PoisonError::into_inner);
    if connectors.len() >= CONNECTORS_MAX {
        connectors.clear();
    }
    connectors.insert(trust, (Instant::now(), connector.clone()));
    Ok(connector)
}

fn make(trust: &Trust) -> Result<TlsConnector, NoTls> {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12));
    if trust.any {
        builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    }
    if let Some(pem) = &trust.ca_pem {
        let authorities = Certificate::stack_from_pem(pem.as_bytes())
            .ok()
            .filter(|authorities| !authorities.is_empty())
            .ok_or_else(|| NoTls::new(Failure::Certificate, "`ca_pem` holds no certificate"))?;
        builder.disable_built_in_roots(true);
        for authority in authorities {
            builder.add_root_certificate(authority);
        }
    }
    builder.build().map_err(|error| NoTls::new(Failure::TlsHandshake, &error.to_string()))
}

/// The TLS library's words, for a person who has to do something about it.
fn explained(error: &native_tls::Error, server: &MailServer) -> NoTls {
    let said = error.to_string();
    let has = |part: &str| said.to_ascii_lowercase().contains(part);
    let certificate = |words: &str| NoTls::new(Failure::Certificate, words);
    if has("self-signed certificate in certificate chain")
        || has("self signed certificate in certificate chain")
    {
        certificate("it was issued by an authority that is not among the trusted ones")
    } else if has("self-signed certificate") || has("self signed certificate") {
        certificate("it is self-signed")
    } else if has("certificate has expired") {
        certificate("it has expired")
    } else if has("certificate is not yet valid") {
        certificate("it is not valid yet")
    } else if has("hostname mismatch") || has("ip address mismatch") {
        certificate(&format!("it belongs to another name than `{}`", server.host))
    } else if has("unable to get local issuer") || has("unable to verify the first certificate") {
        certificate("its issuer is unknown here, or the server does not send the whole chain")
    } else if has("certificate verify failed") {
        certificate(&said)
    } else if has("wrong version number") || has("packet length too long") || has("http request") {
        let advice = match server.port {
            25 | 587 | 143 | 110 => format!("port {} usually wants STARTTLS", server.port),
            _ => "the server does not speak TLS at once; try STARTTLS".to_owned(),
        };
        NoTls::new(Failure::SecurityMixUp, &advice)
    } else if has("unexpected eof") || has("connection reset") || has("bytes remaining") {
        NoTls::new(Failure::TlsHandshake, "the server hung up during the handshake")
    } else {
        NoTls::new(Failure::TlsHandshake, &said)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::domain::mail_server::Security;

    /// A certificate and what a server needs to show it.
    pub(crate) struct Shown {
        pub pem: String,
        pub sha256: String,
        pub acceptor: tokio_native_tls::TlsAcceptor,
    }

    fn shown(pem: String, der: &[u8], key: &KeyPair) -> Shown {
        let identity =
            native_tls::Identity::from_pkcs8(pem.as_bytes(), key.serialize_pem().as_bytes())
                .unwrap();
        Shown {
            sha256: PeerCertificate::of_der(der).sha256,
            acceptor: native_tls::TlsAcceptor::new(identity).unwrap().into(),
            pem,
        }
    }

    fn params(name: &str, expires_in_year: i32) -> CertificateParams {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(expires_in_year, 1, 1);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    }

    pub(crate) fn self_signed(name: &str, expires_in_year: i32) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name, expires_in_year).self_signed(&key).unwrap();
        shown(certificate.pem(), certificate.der(), &key)
    }

    /// An authority's PEM, and a certificate it issued.
    pub(crate) fn issued(name: &str, expires_in_year: i32) -> (String, Shown) {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = params("ca.x.test", 2090);
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let certificate = params(name, expires_in_year).signed_by(&key, &issuer).unwrap();
        (ca_pem, shown(certificate.pem(), certificate.der(), &key))
    }

    pub(crate) fn server(port: u16, security: Security) -> MailServer {
        MailServer {
            host: "localhost".into(),
            port,
            security,
            allow_cleartext_login: false,
            accept_invalid_certs: false,
            ca_pem: None,
            pinned_sha256: None,
        }
    }

    async fn attempt(shown: &Shown, server: &MailServer) -> Result<PeerCertificate, NoTls> {
        let (near, far) = duplex(16 * 1024);
        let acceptor = shown.acceptor.clone();
        let serving = tokio::spawn(async move {
            let mut stream: tokio_native_tls::TlsStream<DuplexStream> =
                acceptor.accept(far).await.ok()?;
            let mut byte = [0];
            stream.read_exact(&mut byte).await.ok()?;
            stream.write_all(&byte).await.ok()
        });
        let (mut stream, certificate) = start(Box::new(near), "localhost", server).await?;
        stream.write_all(b"x").await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        serving.await.unwrap().unwrap();
        Ok(certificate)
    }

    async fn check_refused(shown: &Shown, server: &MailServer, part: &str) {
        let refused = attempt(shown, server).await.unwrap_err();
        assert_eq!(refused.kind, Failure::Certificate, "{}", refused.words);
        assert!(refused.words.contains(part), "{}", refused.words);
    }

    fn trusting(ca_pem: &str) -> MailServer {
        MailServer { ca_pem: Some(ca_pem.to_owned()), ..server(993, Security::ImplicitTls) }
    }

    #[tokio::test]
    async fn exactly_the_given_authorities_are_believed() {
        let (ca, good) = issued("localhost", 2090);
        assert_eq!(attempt(&good, &trusting(&ca)).await.unwrap().sha256, good.sha256);
        let other = self_signed("other.x.test", 2090);
        check_refused(&good, &trusting(&other.pem), "issuer is unknown").await;
        check_refused(&good, &server(993, Security::ImplicitTls), "issuer is unknown").await;
        check_refused(&good, &trusting("no certificate at all"), "`ca_pem` holds no certificate")
            .await;
    }

    #[tokio::test]
    async fn an_error_says_what_is_wrong_with_a_certificate() {
        let (ca, named) = issued("mail.x.test", 2090);
        check_refused(&named, &trusting(&ca), "another name than `localhost`").await;
        let (ca, old) = issued("localhost", 2020);
        check_refused(&old, &trusting(&ca), "it has expired").await;
        let own = self_signed("localhost", 2090);
        check_refused(&own, &server(993, Security::ImplicitTls), "it is self-signed").await;
        attempt(&own, &trusting(&own.pem)).await.unwrap();
    }

    #[tokio::test]
    async fn a_pin_believes_one_certificate_and_no_other() {
        let own = self_signed("elsewhere.x.test", 2020);
        let pinned = |pin: &str| MailServer {
            pinned_sha256: Some(pin.to_owned()),
            accept_invalid_certs: true,
            ..server(993, Security::ImplicitTls)
        };
        attempt(&own, &pinned(&own.sha256)).await.unwrap();
        attempt(&own, &pinned(&own.sha256.to_ascii_uppercase())).await.unwrap();
        check_refused(&own, &pinned(&"0".repeat(64)), "not the pinned certificate").await;
        check_refused(&own, &pinned(""), "not the pinned certificate").await;
    }

    #[tokio::test]
    async fn anybody_is_believed_only_where_it_was_asked_for() {
        let own = self_signed("elsewhere.x.test", 2020);
        let lax = MailServer { accept_invalid_certs: true, ..server(993, Security::ImplicitTls) };
        attempt(&own, &lax).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_greets_in_clear_is_a_mix_up() {
        let (near, mut far) = duplex(16 * 1024);
        far.write_all(b"220 mail.x.test ESMTP ready\r\n").await.unwrap();
        let refused = start(Box::new(near), "localhost", &server(587, Security::ImplicitTls))
            .await
            .err()
            .unwrap();
        assert_eq!(refused.kind, Failure::SecurityMixUp);
        assert!(refused.words.contains("STARTTLS"), "{}", refused.words);
    }
}

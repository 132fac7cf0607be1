//! The sandbox's certificate, made at start, and the server's half of TLS.
//!
//! `async-native-tls` has its place here: a server's context holds one
//! certificate and no roots, so making it costs nothing, and its acceptor
//! takes any stream. The certificate is made with the same OpenSSL that
//! speaks TLS anyway, which keeps a second cryptographic library (rcgen's
//! ring) out of the program.

use std::{io, net::Ipv4Addr, time::Duration};

use async_native_tls::{TlsAcceptor, TlsStream};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    hash::MessageDigest,
    nid::Nid,
    pkey::PKey,
    x509::{
        X509, X509NameBuilder,
        extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName},
    },
};
use tokio::{net::TcpStream, time::timeout};

const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// A demo that is left running for a month may be looked into all the same.
const VALID_DAYS: u32 = 30;

pub(super) struct Identity {
    pub certificate_pem: String,
    pub acceptor: TlsAcceptor,
}

impl Identity {
    /// A fresh key and a certificate for `localhost` and 127.0.0.1 that is its
    /// own authority.
    pub(super) fn make() -> io::Result<Self> {
        let (certificate, key) = self_signed().map_err(io::Error::other)?;
        let identity =
            native_tls::Identity::from_pkcs8(&certificate, &key).map_err(io::Error::other)?;
        let acceptor = native_tls::TlsAcceptor::builder(identity)
            .min_protocol_version(Some(native_tls::Protocol::Tlsv12))
            .build()
            .map_err(io::Error::other)?;
        let certificate_pem = String::from_utf8(certificate).map_err(io::Error::other)?;
        Ok(Self { certificate_pem, acceptor: acceptor.into() })
    }
}

/// PEM of a certificate and of its key.
fn self_signed() -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let key = PKey::from_ec_key(EcKey::generate(&group)?)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, "countersign sandbox")?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
    let mut certificate = X509::builder()?;
    certificate.set_version(2)?;
    certificate.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    certificate.set_subject_name(&name)?;
    certificate.set_issuer_name(&name)?;
    certificate.set_pubkey(&key)?;
    certificate.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    certificate.set_not_after(Asn1Time::days_from_now(VALID_DAYS)?.as_ref())?;
    certificate.append_extension(BasicConstraints::new().critical().ca().build()?)?;
    let usage = KeyUsage::new().critical().digital_signature().key_cert_sign().build()?;
    certificate.append_extension(usage)?;
    certificate.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .ip(&Ipv4Addr::LOCALHOST.to_string())
        .build(&certificate.x509v3_context(None, None))?;
    certificate.append_extension(names)?;
    certificate.sign(&key, MessageDigest::sha256())?;
    Ok((certificate.build().to_pem()?, key.private_key_to_pem_pkcs8()?))
}

pub(super) async fn accept(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let accepted = timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
    accepted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map_err(io::Error::other)
}

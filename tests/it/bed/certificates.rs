//! A certificate authority of our own, a certificate for `localhost`, and one
//! that nobody has reason to trust.

use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::place;

pub struct Certificates {
    /// The authority's certificate: what a client must trust.
    pub ca_pem: String,
    /// What the servers show: good for `localhost`, `mx.x.test` and 127.0.0.1.
    pub server_pem: String,
    pub server_key_pem: String,
    /// Self-signed for `localhost`: right name, no authority.
    pub untrusted_pem: String,
    pub untrusted_key_pem: String,
}

/// The certificates of this process, made by whoever asks first. They lie in
/// `tls/` for the servers to read.
pub fn get() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let certificates = Certificates::make().expect("fixed names make valid certificates");
        let place = place::get();
        place.write("tls/ca.pem", &certificates.ca_pem);
        place.write("tls/server.pem", &certificates.server_pem);
        place.write("tls/server.key", &certificates.server_key_pem);
        certificates
    })
}

impl Certificates {
    fn make() -> Result<Self, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        authority.distinguished_name.push(DnType::CommonName, "test bed authority");
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let server_key = KeyPair::generate()?;
        let server_pem = leaf()?.signed_by(&server_key, &issuer)?.pem();
        let untrusted_key = KeyPair::generate()?;
        let untrusted_pem = leaf()?.self_signed(&untrusted_key)?.pem();
        Ok(Self {
            ca_pem,
            server_pem,
            server_key_pem: server_key.serialize_pem(),
            untrusted_pem,
            untrusted_key_pem: untrusted_key.serialize_pem(),
        })
    }
}

fn leaf() -> Result<CertificateParams, rcgen::Error> {
    let names = ["localhost", "mx.x.test", "127.0.0.1"].map(String::from);
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(leaf)
}

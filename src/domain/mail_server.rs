//! How a mail server is reached: what an admin types for any account, SMTP,
//! IMAP or POP3 alike.

use serde::{Deserialize, Serialize};

/// How the connection is protected.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Plain text.
    None,
    /// Plain text first, then TLS by command (RFC 3207, RFC 2595); fails closed.
    Starttls,
    /// TLS from the first byte (RFC 8314 §3).
    #[default]
    ImplicitTls,
}

/// Where an account's server is and what is believed about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Log in even where the connection is not encrypted. Loopback needs no
    /// such leave.
    pub allow_cleartext_login: bool,
    /// Take any certificate. Loud wherever it is shown.
    pub accept_invalid_certs: bool,
    /// Trust exactly these authorities (PEM) instead of the system's.
    pub ca_pem: Option<String>,
    /// Trust exactly this certificate: SHA-256 of its DER form, lower-case hex.
    pub pinned_sha256: Option<String>,
}

//! What can go wrong with a session, told so that a program knows what to do
//! next and a person what to change: host, port, step, kind, and the server's
//! own words.

use std::{error::Error, fmt, io, time::Duration};

use super::{step_name::StepName, wire::LimitReached};
use crate::protocol::imap_guard::Hostile;

/// What went wrong, as far as it changes what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The name has no address.
    UnknownHost,
    /// No road to the host.
    Unreachable,
    /// Nobody listens at the port.
    Refused,
    /// The server said nothing for too long.
    TimedOut,
    /// The certificate is not to be trusted; the words say why.
    Certificate,
    /// TLS could not be agreed on.
    TlsHandshake,
    /// Probably the wrong `security` for this port; the words say which is right.
    SecurityMixUp,
    /// STARTTLS is asked for and the server does not offer it.
    StarttlsUnavailable,
    /// Something came after the answer to STARTTLS that was not encrypted:
    /// somebody may stand in between.
    InjectedBytes,
    /// The password would be readable on the way.
    ClearLoginRefused,
    /// A link-local or metadata address.
    ForbiddenAddress,
    /// Wrong name or password, or no way to log in with one.
    LoginRefused,
    /// The login may succeed later.
    LoginTemporarilyRefused,
    FolderMissing,
    /// The server refused a command other than login.
    CommandRefused,
    /// What the server said is not the protocol.
    Protocol,
    /// A line or a message exceeds its limit.
    TooLarge,
    /// The server hung up.
    Closed,
    /// The server serves us later.
    ServerBusy {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The server will not serve us at all.
    Rejected,
}

impl Failure {
    /// True where trying again changes nothing until a person has acted.
    pub fn needs_a_person(self) -> bool {
        matches!(
            self,
            Self::Certificate
                | Self::SecurityMixUp
                | Self::StarttlsUnavailable
                | Self::ClearLoginRefused
                | Self::ForbiddenAddress
                | Self::LoginRefused
                | Self::FolderMissing
                | Self::Rejected
        )
    }

    /// What an I/O error means on a stream that was already open.
    pub fn of_io(error: &io::Error) -> Self {
        if let Some(inner) = error.get_ref() {
            if inner.is::<LimitReached>() {
                return Self::TooLarge;
            }
            match inner.downcast_ref::<Hostile>() {
                Some(Hostile::LineTooLong | Hostile::LiteralTooLarge { .. }) => {
                    return Self::TooLarge;
                }
                Some(_) => return Self::Protocol,
                None => {}
            }
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkDown => Self::Unreachable,
            io::ErrorKind::InvalidData => Self::Protocol,
            _ => Self::Closed,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::UnknownHost => "the host name has no address",
            Self::Unreachable => "there is no route to the server",
            Self::Refused => "the connection was refused",
            Self::TimedOut => "the server did not answer in time",
            Self::Certificate => "the server's certificate is not trusted",
            Self::TlsHandshake => "TLS could not be started",
            Self::SecurityMixUp => "the connection security does not fit this port",
            Self::StarttlsUnavailable => "the server does not offer STARTTLS",
            Self::InjectedBytes => "unencrypted data arrived after STARTTLS was agreed",
            Self::ClearLoginRefused => "the login would be sent unencrypted",
            Self::ForbiddenAddress => "the address is link-local or a metadata service",
            Self::LoginRefused => "the server refused the login",
            Self::LoginTemporarilyRefused => "the server cannot take the login now",
            Self::FolderMissing => "the folder cannot be opened",
            Self::CommandRefused => "the server refused the command",
            Self::Protocol => "the server's answer is not understood",
            Self::TooLarge => "the server's answer exceeds its limit",
            Self::Closed => "the server closed the connection",
            Self::ServerBusy { .. } => "the server is busy",
            Self::Rejected => "the server refuses to serve us",
        }
    }
}

/// Where something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Peer {
    pub fn error(&self, step: StepName, kind: Failure, words: &str) -> NetError {
        NetError {
            host: self.host.clone(),
            port: self.port,
            step,
            kind,
            words: printable(words),
            source: None,
        }
    }

    /// The error of a stream that was already open.
    pub fn io_error(&self, step: StepName, error: io::Error) -> NetError {
        let kind = Failure::of_io(&error);
        NetError { source: Some(Box::new(error)), ..self.error(step, kind, "") }
    }

    pub fn timed_out(&self, step: StepName, after: Duration) -> NetError {
        self.error(step, Failure::TimedOut, &format!("no answer within {} s", after.as_secs()))
    }
}

/// A session that failed: where, at which step, how, and in whose words.
#[derive(Debug)]
pub struct NetError {
    pub host: String,
    pub port: u16,
    pub step: StepName,
    pub kind: Failure,
    /// The server's words or ours, capped, control characters escaped.
    /// Empty where the sentence says it all.
    pub words: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, step, .. } = self;
        write!(f, "`{host}:{port}` at step `{step}`: {}", self.kind.sentence())?;
        if !self.words.is_empty() {
            write!(f, ": {}", self.words)?;
        }
        Ok(())
    }
}

impl Error for NetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Characters of a stranger's words that are kept.
pub const WORDS_MAX: usize = 500;

/// A stranger's words as they may stand in a log, a page or a terminal: one
/// line, capped, control and direction characters escaped.
pub fn printable(words: &str) -> String {
    let mut safe = String::new();
    for (count, letter) in words.trim().chars().enumerate() {
        if count == WORDS_MAX {
            safe.push('…');
            break;
        }
        let turns_text = matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if letter.is_control() || turns_text {
            safe.extend(letter.escape_unicode());
        } else {
            safe.push(letter);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_host_port_and_step() {
        let peer = Peer { host: "imap.x.test".into(), port: 993 };
        let error = peer.error(StepName::Auth, Failure::LoginRefused, "[AUTH]\r\n\u{1b}[2Jno");
        assert_eq!(
            error.to_string(),
            "`imap.x.test:993` at step `auth`: the server refused the login: [AUTH]\\u{d}\\u{a}\\u{1b}[2Jno"
        );
        let error = peer.io_error(StepName::Connect, io::ErrorKind::ConnectionRefused.into());
        assert_eq!(
            error.to_string(),
            "`imap.x.test:993` at step `connect`: the connection was refused"
        );
        assert!(error.source().is_some());
    }

    #[test]
    fn a_strangers_words_are_capped_and_lie_flat() {
        assert_eq!(printable(&"ä".repeat(600)).chars().count(), WORDS_MAX + 1);
        assert_eq!(printable(" a\u{202e}b "), "a\\u{202e}b");
        assert_eq!(printable(""), "");
    }
}

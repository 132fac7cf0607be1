//! A session line by line, for the part that no library may do for us:
//! greeting, STARTTLS, capabilities, login. Nothing is read ahead unseen, so
//! what an attacker slips in before TLS is noticed ([`Lines::has_leftover`]).

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::wire::{LimitReached, Wire};

/// A line longer than this is no line.
pub const LINE_OCTETS_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub struct Lines {
    wire: Wire,
    pending: Vec<u8>,
}

impl Lines {
    pub fn new(wire: Wire) -> Self {
        Self { wire, pending: Vec::new() }
    }

    /// The next line without its end.
    pub async fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let unsearched = self.pending.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', unsearched) {
                let mut line: Vec<u8> = self.pending.drain(..=searched + at).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            searched = self.pending.len();
            if searched > LINE_OCTETS_MAX {
                return Err(io::Error::other(LimitReached { octets: LINE_OCTETS_MAX as u64 }));
            }
            if self.wire.read_buf(&mut self.pending).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Writes all of it, in one piece.
    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await
    }

    /// Bytes have come that no line was made of yet.
    pub fn has_leftover(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The stream, and what was read from it already.
    pub fn into_parts(self) -> (Wire, Vec<u8>) {
        (self.wire, self.pending)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::duplex;

    use super::*;
    use crate::net::{step::Failure, wire::Allowance};

    fn lines() -> (Lines, tokio::io::DuplexStream) {
        let (near, far) = duplex(256 * 1024);
        let allowance = Allowance::new(Duration::from_secs(60));
        allowance.grant(1 << 20, None);
        (Lines::new(Wire::new(Box::new(near), allowance)), far)
    }

    #[tokio::test]
    async fn a_line_ends_with_crlf_or_lf_and_the_rest_is_seen() {
        let (mut lines, mut far) = lines();
        far.write_all(b"one\r\ntwo\nthr").await.unwrap();
        assert_eq!(lines.line().await.unwrap(), b"one");
        assert_eq!(lines.line().await.unwrap(), b"two");
        assert!(lines.has_leftover());
        far.write_all(b"ee\r\n").await.unwrap();
        assert_eq!(lines.line().await.unwrap(), b"three");
        assert!(!lines.has_leftover());
    }

    #[tokio::test]
    async fn a_line_that_does_not_end_is_an_error() {
        let (mut cut, mut far) = lines();
        far.write_all(b"half").await.unwrap();
        drop(far);
        assert_eq!(Failure::of_io(&cut.line().await.unwrap_err()), Failure::Closed);
        let (mut endless, mut far) = lines();
        far.write_all(&[b'a'; LINE_OCTETS_MAX + 1]).await.unwrap();
        assert_eq!(Failure::of_io(&endless.line().await.unwrap_err()), Failure::TooLarge);
    }
}

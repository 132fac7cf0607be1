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

//! How a library is given a session that is already open.
//!
//! The IMAP and the SMTP library each want to begin by themselves: one with
//! LOGIN, the other with the greeting and EHLO. We do that part, because there
//! a password is in the air and an attacker may speak. So the library gets a
//! stream that first yields `prologue`, then swallows the first line it writes
//! and answers that line itself; after that it is the server.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::Wire;
use crate::protocol::imap_guard::Guard;

/// What to answer to the swallowed line.
type Answer = fn(&[u8]) -> Vec<u8>;

pub struct Handover {
    wire: Wire,
    /// What the library reads next, and how much of it was read.
    ready: Vec<u8>,
    read: usize,
    space: Vec<u8>,
    /// The line being swallowed, until it is whole.
    swallowed: Option<(Vec<u8>, Answer)>,
    /// What the server had sent already (IMAP only).
    leftover: Vec<u8>,
    filter: Filter,
    reader: Option<Waker>,
}

/// What is done to the server's bytes before the library sees them.
enum Filter {
    /// IMAP: what the parser must not see is left out, or ends the session.
    Guard(Guard),
    /// SMTP: the library wants UTF-8 and a space after each code. Servers do
    /// not always send them, and a refusal in Latin-1 or an acceptance without
    /// words must not look like a broken connection. Holds the column.
    Mend(usize),
}

/// Octets read at once: a TLS record.
const SPACE_OCTETS: usize = 16 * 1024;
/// Longest line a library begins with.
const SWALLOWED_OCTETS_MAX: usize = 1_024;
/// RFC 5321 §4.2.
const REPLY_CODE_DIGITS: usize = 3;

impl Handover {
    /// For async-imap: its LOGIN is answered with OK.
    pub fn to_imap(wire: Wire, leftover: Vec<u8>) -> Self {
        let answer: Answer = |line| {
            let tag = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            [tag, b" OK logged in already\r\n"].concat()
        };
        Self::new(wire, Vec::new(), answer, leftover, Filter::Guard(Guard::default()))
    }

    /// For lettre: a greeting, and an answer to its EHLO that offers nothing;
    /// what the server really offers we know ourselves.
    pub fn to_smtp(wire: Wire) -> Self {
        let prologue = b"220 ready\r\n".to_vec();
        Self::new(wire, prologue, |_| b"250 ready\r\n".to_vec(), Vec::new(), Filter::Mend(0))
    }

    fn new(
        wire: Wire,
        prologue: Vec<u8>,
        answer: Answer,
        leftover: Vec<u8>,
        filter: Filter,
    ) -> Self {
        let swallowed = Some((Vec::new(), answer));
        Self {
            wire,
            ready: prologue,
            read: 0,
            space: vec![0; SPACE_OCTETS],
            swallowed,
            leftover,
            filter,
            reader: None,
        }
    }

    fn swallow(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some((line, answer)) = &mut self.swallowed else {
            return Ok(0);
        };
        let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
        let (taken, _) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        line.extend_from_slice(taken);
        if line.len() > SWALLOWED_OCTETS_MAX {
            return Err(io::Error::other("the first command has no end"));
        }
        if line.ends_with(b"\n") {
            self.ready.extend(answer(line));
            if let Filter::Guard(guard) = &mut self.filter {
                let literal_max = self.wire.allowance().left();
                let leftover = std::mem::take(&mut self.leftover);
                guard.pass(&leftover, literal_max, &mut self.ready).map_err(io::Error::other)?;
            }
            self.swallowed = None;
            if let Some(reader) = self.reader.take() {
                reader.wake();
            }
        }
        Ok(taken.len())
    }

    /// Takes what the server said through the filter, to be read by the
    /// library. False at the end of the stream.
    fn poll_filtered(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut fresh = ReadBuf::new(&mut self.space);
        ready!(Pin::new(&mut self.wire).poll_read(cx, &mut fresh))?;
        let said = fresh.filled();
        match &mut self.filter {
            Filter::Guard(guard) => {
                // A literal larger than what the command allows would only be
                // found out at its end; here it is found out at its beginning.
                let literal_max = self.wire.allowance().left();
                if let Err(hostile) = guard.pass(said, literal_max, &mut self.ready) {
                    self.ready.clear();
                    self.read = 0;
                    return Poll::Ready(Err(io::Error::other(hostile)));
                }
            }
            Filter::Mend(column) => {
                for &byte in said {
                    if *column == REPLY_CODE_DIGITS && matches!(byte, b'\r' | b'\n') {
                        self.ready.push(b' ');
                    }
                    *column = if byte == b'\n' { 0 } else { column.saturating_add(1) };
                    self.ready.push(if byte.is_ascii() { byte } else { b'?' });
                }
            }
        }
        Poll::Ready(Ok(!said.is_empty()))
    }
}

impl AsyncRead for Handover {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // All of a read may be left out; that is not the end of the stream.
        while this.ready.len() == this.read {
            this.ready.clear();
            this.read = 0;
            if this.swallowed.is_some() {
                this.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            if !ready!(this.poll_filtered(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        let unread = this.ready.get(this.read..).unwrap_or_default();
        let count = unread.len().min(buf.remaining());
        buf.put_slice(unread.get(..count).unwrap_or_default());
        this.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Handover {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.swallowed.is_some() {
            return Poll::Ready(self.swallow(bytes));
        }
        Pin::new(&mut self.wire).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Handover {
    fn peer_addr(&self) -> io::Result<std::net::SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Shows nothing of what goes through.
impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::net::{step::Failure, wire::Allowance};

    fn wire() -> (Wire, DuplexStream) {
        let (near, far) = duplex(64 * 1024);
        let allowance = Allowance::new(Duration::from_secs(60));
        allowance.grant(1_000, None);
        (Wire::new(Box::new(near), allowance), far)
    }

    async fn read(stream: &mut Handover) -> String {
        let mut buffer = [0; 256];
        let count = stream.read(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_first_line_is_answered_here_and_the_next_there() {
        let (wire, mut far) = wire();
        let mut stream = Handover::to_imap(wire, b"* 1 EXISTS\r\n".to_vec());
        for part in ["A1 ", "LOGIN \"\"", " \"\"\r\n"] {
            stream.write_all(part.as_bytes()).await.unwrap();
        }
        assert_eq!(read(&mut stream).await, "A1 OK logged in already\r\n* 1 EXISTS\r\n");
        stream.write_all(b"A2 NOOP\r\n").await.unwrap();
        let mut heard = [0; 9];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"A2 NOOP\r\n");
    }

    #[tokio::test]
    async fn an_smtp_reply_is_mended_in_any_packets() {
        let (wire, mut far) = wire();
        let mut stream = Handover::to_smtp(wire);
        assert_eq!(read(&mut stream).await, "220 ready\r\n");
        stream.write_all(b"EHLO us\r\n").await.unwrap();
        assert_eq!(read(&mut stream).await, "250 ready\r\n");
        let mut said = String::new();
        for byte in b"250\r\n550 Empf\xe4nger\r\n" {
            far.write_all(&[*byte]).await.unwrap();
            said.push_str(&read(&mut stream).await);
        }
        assert_eq!(said, "250 \r\n550 Empf?nger\r\n");
    }

    #[tokio::test]
    async fn a_literal_beyond_the_allowance_is_refused_at_its_beginning() {
        let (wire, mut far) = wire();
        let mut stream = Handover::to_imap(wire, Vec::new());
        stream.write_all(b"A1 LOGIN\r\n").await.unwrap();
        read(&mut stream).await;
        far.write_all(b"* 1 FETCH (BODY[] {1001}\r\n").await.unwrap();
        let error = stream.read(&mut [0; 256]).await.unwrap_err();
        assert_eq!(Failure::of_io(&error), Failure::TooLarge);
    }
}

//! Lines to and from a client, with limits: no line without an end, no silence
//! for ever.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream},
    time::timeout,
};

/// Octets of a line, the line end included.
const LINE_OCTETS_MAX: usize = 64 * 1024;
/// RFC 9051 §5.4 asks for half an hour of patience; so do clients in IDLE.
const SILENCE_MAX: Duration = Duration::from_secs(1800);
/// A client that does not read is gone.
const WRITE_MAX: Duration = Duration::from_secs(60);

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) struct Talk {
    stream: BufStream<Box<dyn Stream>>,
}

impl Talk {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: BufStream::new(Box::new(stream)) }
    }

    /// The next line without its end; none when the client has hung up. Safe to
    /// drop half-way only if no other line is read afterwards, but for the line
    /// that ends an IDLE, see [`Self::is_ready`].
    pub(super) async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = LINE_OCTETS_MAX as u64;
        let mut limited = (&mut self.stream).take(limit);
        let read = timeout(SILENCE_MAX, limited.read_until(b'\n', &mut line)).await;
        let octets = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        if octets == 0 {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    /// As text; what is not UTF-8 is replaced.
    pub(super) async fn text(&mut self) -> io::Result<Option<String>> {
        Ok(self.line().await?.map(|line| String::from_utf8_lossy(&line).into_owned()))
    }

    /// Waits until the client has said something or hung up; takes nothing
    /// away, so it may be dropped at any time.
    pub(super) async fn is_ready(&mut self) -> io::Result<()> {
        self.stream.fill_buf().await.map(drop)
    }

    /// Exactly so many octets.
    pub(super) async fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut octets = vec![0; count];
        let read = timeout(WRITE_MAX, self.stream.read_exact(&mut octets)).await;
        read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(octets)
    }

    /// A line, sent at once.
    pub(super) async fn say(&mut self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\r\n").as_bytes()).await
    }

    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let written = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        timeout(WRITE_MAX, written).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// A text of many lines that a lone dot ends (RFC 5321 §4.5.2, RFC 1939 §3),
    /// with the doubled dots undone. None where it is larger than `octets_max`:
    /// it is read to its end all the same, or the session would be out of step.
    pub(super) async fn dotted(&mut self, octets_max: usize) -> io::Result<Option<Vec<u8>>> {
        let mut text = Vec::new();
        let mut fits = true;
        loop {
            let Some(line) = self.line().await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            if line == b"." {
                return Ok(fits.then_some(text));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            fits = fits && text.len() + line.len() + 2 <= octets_max;
            if fits {
                text.extend_from_slice(line);
                text.extend_from_slice(b"\r\n");
            }
        }
    }
}

/// A text as it goes over the wire before its ending dot.
pub(super) fn with_doubled_dots(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for line in text.split_inclusive(|&octet| octet == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check_dotted(wire: &[u8], expected: Option<&[u8]>) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 17);
        theirs.write_all(wire).await.unwrap();
        drop(theirs);
        let found = Talk::new(ours).dotted(20).await.ok().flatten();
        assert_eq!(found.as_deref(), expected, "{}", String::from_utf8_lossy(wire));
    }

    #[tokio::test]
    async fn a_lone_dot_ends_a_text() {
        check_dotted(b"a\r\n.\r\nb", Some(b"a\r\n")).await;
        check_dotted(b"..a\r\n...\r\n.\r\n", Some(b".a\r\n..\r\n")).await;
        check_dotted(b".\r\n", Some(b"")).await;
        check_dotted(b"a\r\n", None).await;
        check_dotted(b"more than twenty octets\r\n.\r\n", None).await;
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_refused() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(&vec![b'x'; LINE_OCTETS_MAX + 1]).await.unwrap();
        assert!(Talk::new(ours).line().await.is_err());
    }

    #[test]
    fn dots_are_doubled_at_the_beginning_of_lines() {
        assert_eq!(with_doubled_dots(b".a\r\nb.\r\n.\r\n"), b"..a\r\nb.\r\n..\r\n");
        assert_eq!(with_doubled_dots(b"a"), b"a\r\n");
        assert_eq!(with_doubled_dots(b""), b"");
    }
}

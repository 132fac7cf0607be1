//! A stream that is neither endless nor silent for ever.
//!
//! A server can hold a client in two ways: by sending without end, and by not
//! sending. So the stream below every client counts octets against an
//! [`Allowance`] that each command sets anew, and gives up when a read or a
//! write makes no progress for a while.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Anything bytes go through: TCP, TLS, or a double in a test.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

pub type BoxedStream = Box<dyn Duplex>;

/// The server sent more than the command at hand can need.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the server sent more than the {octets} octets this command allows")]
pub struct LimitReached {
    pub octets: u64,
}

/// What the stream may still do. Shared between the stream, which a library
/// may own, and the client, which sets it for each command.
#[derive(Debug, Default)]
pub struct Allowance {
    granted: AtomicU64,
    left: AtomicU64,
    /// Milliseconds without a byte; zero: for ever.
    read_stall: AtomicU64,
    write_stall: AtomicU64,
    /// Octets written since the stream was opened.
    written: AtomicU64,
    /// Counts the grants, so that a stall is measured from the last one.
    generation: AtomicU64,
}

impl Allowance {
    pub fn new(stall: Duration) -> Arc<Self> {
        let allowance = Self::default();
        allowance.write_stall.store(milliseconds(stall), Ordering::Relaxed);
        allowance.grant(0, Some(stall));
        Arc::new(allowance)
    }

    /// From now on `octets` may be read, with no pause longer than `stall`.
    pub fn grant(&self, octets: u64, stall: Option<Duration>) {
        self.granted.store(octets, Ordering::Relaxed);
        self.left.store(octets, Ordering::Relaxed);
        self.read_stall.store(stall.map_or(0, milliseconds), Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// How long a write may make no progress.
    pub fn set_write_stall(&self, stall: Duration) {
        self.write_stall.store(milliseconds(stall), Ordering::Relaxed);
    }

    /// Octets that may still be read.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Octets written since the stream was opened.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn spend(&self, octets: usize) -> io::Result<()> {
        let octets = octets as u64;
        let left = self.left();
        self.left.store(left.saturating_sub(octets), Ordering::Relaxed);
        if octets > left {
            let granted = self.granted.load(Ordering::Relaxed);
            return Err(io::Error::other(LimitReached { octets: granted }));
        }
        Ok(())
    }
}

/// Zero means "for ever", so a wait that is not zero never becomes it.
fn milliseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The stream itself.
pub struct Wire {
    inner: BoxedStream,
    allowance: Arc<Allowance>,
    reading: Stall,
    writing: Stall,
}

impl Wire {
    pub fn new(inner: BoxedStream, allowance: Arc<Allowance>) -> Self {
        Self { inner, allowance, reading: Stall::default(), writing: Stall::default() }
    }

    pub fn into_inner(self) -> BoxedStream {
        self.inner
    }

    pub fn allowance(&self) -> &Arc<Allowance> {
        &self.allowance
    }

    fn write_progress(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let limit = self.allowance.write_stall.load(Ordering::Relaxed);
        match poll {
            Poll::Pending => self.writing.poll(cx, limit, 0).map(Err),
            Poll::Ready(result) => {
                self.writing = Stall::default();
                if let Ok(octets) = &result {
                    self.allowance.written.fetch_add(*octets as u64, Ordering::Relaxed);
                }
                Poll::Ready(result)
            }
        }
    }
}

/// The clock of one pause.
#[derive(Default)]
struct Stall(Option<(u64, Pin<Box<Sleep>>)>);

impl Stall {
    /// Ready with the error when the pause has lasted `limit` milliseconds.
    fn poll(&mut self, cx: &mut Context<'_>, limit: u64, generation: u64) -> Poll<io::Error> {
        if limit == 0 {
            self.0 = None;
            return Poll::Pending;
        }
        if self.0.as_ref().is_some_and(|(since, _)| *since != generation) {
            self.0 = None;
        }
        let (_, alarm) = self
            .0
            .get_or_insert_with(|| (generation, Box::pin(sleep(Duration::from_millis(limit)))));
        alarm.as_mut().poll(cx).map(|()| {
            let words = format!("nothing moved for {} s", limit / 1000);
            io::Error::new(io::ErrorKind::TimedOut, words)
        })
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(result) => {
                self.reading = Stall::default();
                result?;
                Poll::Ready(self.allowance.spend(buf.filled().len().saturating_sub(before)))
            }
            Poll::Pending => {
                let limit = self.allowance.read_stall.load(Ordering::Relaxed);
                let generation = self.allowance.generation.load(Ordering::Relaxed);
                self.reading.poll(cx, limit, generation).map(Err)
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.write_progress(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx).map_ok(|()| 0);
        self.write_progress(cx, poll).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx).map_ok(|()| 0);
        self.write_progress(cx, poll).map_ok(|_| ())
    }
}

/// Shows nothing of what goes through.
impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::net::step::Failure;

    const STALL: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn more_than_was_granted_is_an_error() {
        let (near, mut far) = duplex(64);
        let mut wire = Wire::new(Box::new(near), Allowance::new(STALL));
        wire.allowance().grant(4, Some(STALL));
        far.write_all(b"abcd").await.unwrap();
        let mut buf = [0; 16];
        assert_eq!(wire.read(&mut buf).await.unwrap(), 4);
        far.write_all(b"e").await.unwrap();
        let error = wire.read(&mut buf).await.unwrap_err();
        assert_eq!(Failure::of_io(&error), Failure::TooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_given_up() {
        let (near, _far) = duplex(64);
        let mut wire = Wire::new(Box::new(near), Allowance::new(STALL));
        wire.allowance().grant(4, Some(STALL));
        let began = tokio::time::Instant::now();
        let error = wire.read(&mut [0; 16]).await.unwrap_err();
        assert_eq!(Failure::of_io(&error), Failure::TimedOut);
        assert!(began.elapsed() >= STALL && began.elapsed() < 2 * STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_reads_nothing_is_given_up() {
        let (near, _far) = duplex(8);
        let mut wire = Wire::new(Box::new(near), Allowance::new(STALL));
        let error = wire.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(Failure::of_io(&error), Failure::TimedOut);
        assert_eq!(wire.allowance().written(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_the_wait_is_as_long_as_the_caller_likes() {
        let (near, _far) = duplex(8);
        let mut wire = Wire::new(Box::new(near), Allowance::new(STALL));
        wire.allowance().grant(4, None);
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, wire.read(&mut [0; 8])).await.is_err());
    }
}

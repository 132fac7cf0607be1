//! A conversation in lines, for talking to the servers by hand: sending test
//! mails, and checking what the servers say. It panics where a server breaks
//! off, because then the bed is broken and not the code under test.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Certificates;
use super::mailbox::with_crlf;

/// How long one answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

pub struct Dialogue {
    stream: BufReader<Box<dyn Stream>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A server's refusal: all of its lines.
#[derive(Debug)]
pub struct Refused(pub String);

impl Dialogue {
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("somebody listens");
        stream.set_nodelay(true).expect("a connected socket takes options");
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    /// Connects to a port that speaks TLS from the first byte.
    pub async fn connect_tls(port: u16, trusted: &Certificates) -> Self {
        Self::connect(port).await.start_tls(trusted).await
    }

    /// Goes on under TLS; the server must prove to be `localhost`.
    pub async fn start_tls(self, trusted: &Certificates) -> Self {
        let authority = native_tls::Certificate::from_pem(trusted.ca_pem.as_bytes());
        let connector = native_tls::TlsConnector::builder()
            .disable_built_in_roots(true)
            .add_root_certificate(authority.expect("we made it"))
            .build()
            .expect("these settings fit together");
        let connector = tokio_native_tls::TlsConnector::from(connector);
        assert!(self.stream.buffer().is_empty(), "nothing may be said before TLS is up");
        let stream = connector.connect("localhost", self.stream.into_inner()).await;
        let stream = stream.expect("the server shows the certificate we gave it");
        Self { stream: BufReader::new(Box::new(stream)) }
    }

    /// The next line, without its end; empty when the server has hung up.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(ANSWERS_WITHIN, self.stream.read_line(&mut line)).await;
        read.expect("the server answers in time").expect("the connection holds");
        line.trim_end().to_owned()
    }

    /// Says one line, and returns the next one that the server says.
    pub async fn ask(&mut self, line: &str) -> String {
        self.say(format!("{line}\r\n").as_bytes()).await;
        self.line().await
    }

    /// Says one line of IMAP under a tag, and returns the tagged answer.
    pub async fn ask_imap(&mut self, command: &str) -> String {
        let mut line = self.ask(&format!("a {command}")).await;
        while !line.starts_with("a ") {
            assert!(!line.is_empty(), "the server hung up during `{command}`");
            line = self.line().await;
        }
        line
    }

    pub async fn ask_smtp(&mut self, line: &str, code: &str) -> Result<String, Refused> {
        self.say(format!("{line}\r\n").as_bytes()).await;
        self.expect_smtp(code).await
    }

    /// Reads a whole reply (RFC 5321 section 4.2.1); `Err` if its code differs.
    pub async fn expect_smtp(&mut self, code: &str) -> Result<String, Refused> {
        let mut reply = String::new();
        loop {
            let line = self.line().await;
            reply.push_str(&line);
            reply.push('\n');
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        if reply.starts_with(code) { Ok(reply) } else { Err(Refused(reply)) }
    }

    pub async fn log_in_smtp(&mut self, user: &str, password: &str) -> Result<(), Refused> {
        let secret = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        self.ask_smtp(&format!("AUTH PLAIN {secret}"), "235").await.map(drop)
    }

    /// One mail to one recipient, from MAIL FROM to the end of the data. Lone
    /// LFs become CRLF on the way.
    pub async fn hand_over(&mut self, from: &str, to: &str, raw: &[u8]) -> Result<(), Refused> {
        let body = if raw.is_ascii() { "" } else { " BODY=8BITMIME" };
        self.ask_smtp(&format!("MAIL FROM:<{from}>{body}"), "250").await?;
        self.ask_smtp(&format!("RCPT TO:<{to}>"), "250").await?;
        self.ask_smtp("DATA", "354").await?;
        self.say(&as_data(raw)).await;
        self.expect_smtp("250").await.map(drop)
    }

    async fn say(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).await.expect("the connection holds");
        stream.flush().await.expect("the connection holds");
    }
}

/// Doubles leading dots and closes with a lone one (RFC 5321 section 4.5.2).
pub(super) fn as_data(raw: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(raw.len() + 5);
    let mut at_line_start = true;
    for byte in with_crlf(raw) {
        if at_line_start && byte == b'.' {
            data.push(b'.');
        }
        data.push(byte);
        at_line_start = byte == b'\n';
    }
    if !at_line_start {
        data.extend(b"\r\n");
    }
    data.extend(b".\r\n");
    data
}

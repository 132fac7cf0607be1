//! A server that follows a script, over a pipe in memory: for tests.
//!
//! | line | what the server does |
//! |---|---|
//! | `S: text` | sends the line |
//! | `S~ text` | sends it without a line end |
//! | `C: text` | waits for exactly this line; with `…` at the end, for one that begins so |
//! | `TLS` | starts TLS |
//! | `HANG` | says nothing more, and does not hang up |
//! | `FLOOD text` | sends the text again and again |
//!
//! `$` in a line is the tag of the client's last command that was awaited with `$`;
//! `\xNN` is a byte. At the end of the
//! script the server hangs up. Other lines are remarks.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex},
    task::JoinHandle,
};
use tokio_native_tls::TlsAcceptor;

use super::wire::BoxedStream;

/// The client's end, and the server at work: its end is the test's, too.
pub(crate) fn server(script: &str, tls: Option<TlsAcceptor>) -> (BoxedStream, JoinHandle<()>) {
    let (near, far) = duplex(64 * 1024);
    let script = script.to_owned();
    (Box::new(near), tokio::spawn(async move { play(&script, Box::new(far), tls).await }))
}

async fn play(script: &str, stream: BoxedStream, tls: Option<TlsAcceptor>) {
    let mut stream = BufReader::new(stream);
    let mut tag = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "TLS" {
            assert!(stream.buffer().is_empty(), "the client spoke before TLS");
            let acceptor = tls.clone().expect("a script with TLS needs an acceptor");
            // A client that does not trust us ends here.
            let Ok(encrypted) = acceptor.accept(stream.into_inner()).await else {
                return;
            };
            stream = BufReader::new(Box::new(encrypted));
        } else if line == "HANG" {
            std::future::pending::<()>().await;
        } else if let Some(text) = line.strip_prefix("FLOOD ") {
            let said = spoken(&format!("S~ {text}"), &tag);
            while stream.write_all(&said).await.is_ok() {}
            return;
        } else if let Some(expected) = line.strip_prefix("C: ") {
            let first = await_line(&mut stream, expected).await;
            if expected.starts_with('$') {
                tag = first;
            }
        } else if line.starts_with("S:") || line.starts_with("S~") {
            // What stands together is sent together: one packet.
            let mut said = spoken(line, &tag);
            while let Some(next) =
                lines.next_if(|next| next.starts_with("S:") || next.starts_with("S~"))
            {
                said.extend(spoken(next, &tag));
            }
            // A client may have heard enough.
            let _ = stream.write_all(&said).await;
            let _ = stream.flush().await;
        }
    }
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(String::from_utf8_lossy(&rest), "", "the client said more than the script");
}

fn spoken(line: &str, tag: &str) -> Vec<u8> {
    let end: &[u8] = if line.starts_with("S:") { b"\r\n" } else { b"" };
    let text = line.get(3..).unwrap_or_default().replace('$', tag);
    // `\xNN` is a byte: a script is UTF-8, a server need not be.
    let mut bytes = Vec::new();
    let mut parts = text.split("\\x");
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two hex digits"));
        bytes.extend(rest.bytes());
    }
    [&bytes, end].concat()
}

async fn await_line(stream: &mut BufReader<BoxedStream>, expected: &str) -> String {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.expect("the client's line");
    let line = String::from_utf8(line).expect("UTF-8");
    let line =
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("wanted {expected:?}, got {line:?}"));
    let tag = line.split(' ').next().unwrap_or_default().to_owned();
    let expected = expected.replace('$', &tag);
    match expected.strip_suffix('…') {
        Some(beginning) => {
            assert!(line.starts_with(beginning), "wanted {expected:?}, got {line:?}")
        }
        None => assert_eq!(line, expected),
    }
    tag
}

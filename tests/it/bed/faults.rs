//! Servers that misbehave, each in one way, as long as the test holds them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What is wrong with a server.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Takes the connection and never says a word.
    Silent,
    /// Takes the connection and closes it.
    ClosesAtOnce,
    /// Says this, whatever the client expects to hear, and then nothing more.
    Greets(&'static str),
    /// A POP3 server with these mails that hangs up when it should answer
    /// QUIT: whether the deletions took place, the client cannot know. Here
    /// they did not (RFC 1939 section 6 has them happen in QUIT).
    DropsPop3AtQuit(Vec<Vec<u8>>),
    /// An SMTP server without TLS or login that takes every mail, but for one
    /// step: there it says `reply` instead, or hangs up if there is none. Hanging
    /// up at [`SmtpStep::EndOfData`] leaves the client not knowing whether the
    /// mail was taken (RFC 5321 section 4.2.5 tells it to send again).
    Smtp { at: SmtpStep, reply: Option<&'static str> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpStep {
    Greeting,
    Hello,
    MailFrom,
    RcptTo,
    Data,
    EndOfData,
    Quit,
}

/// A listener on 127.0.0.1 with one fault. Dropping it closes everything.
pub struct FaultServer {
    pub port: u16,
    heard: Arc<Mutex<Heard>>,
    listening: JoinHandle<()>,
}

#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub connections: usize,
    /// POP3 and SMTP: every command of every connection, as it came.
    pub commands: Vec<String>,
    /// SMTP only: every mail that was wholly received, answered or not, with
    /// its leading dots still doubled.
    pub mails: Vec<Vec<u8>>,
}

impl FaultServer {
    pub async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let listening = tokio::spawn(listen(listener, fault, Arc::clone(&heard)));
        Self { port, heard, listening }
    }

    /// What clients have done so far.
    pub fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// The connections live in this task, so that they end with it.
async fn listen(listener: TcpListener, fault: Fault, heard: Arc<Mutex<Heard>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).connections += 1;
        connections.spawn(misbehave(stream, fault.clone(), Arc::clone(&heard)));
        while connections.try_join_next().is_some() {}
    }
}

async fn misbehave(mut stream: TcpStream, fault: Fault, heard: Arc<Mutex<Heard>>) {
    match fault {
        Fault::ClosesAtOnce => drop(stream),
        Fault::Silent => swallow(stream).await,
        Fault::Greets(text) => {
            // A client that is gone already has seen all it wanted.
            if stream.write_all(format!("{text}\r\n").as_bytes()).await.is_ok() {
                swallow(stream).await;
            }
        }
        Fault::DropsPop3AtQuit(mails) => {
            let mut stream = BufReader::new(stream);
            let _gone = serve_pop3(&mut stream, &mails, &heard).await;
        }
        Fault::Smtp { at, reply } => {
            let mut stream = BufReader::new(stream);
            let _gone = serve_smtp(&mut stream, (at, reply), &heard).await;
        }
    }
}

/// Reads and says nothing until the client hangs up.
async fn swallow(mut stream: TcpStream) {
    let _ended = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
}

async fn serve_pop3(
    stream: &mut BufReader<TcpStream>,
    mails: &[Vec<u8>],
    heard: &Mutex<Heard>,
) -> std::io::Result<()> {
    stream.write_all(b"+OK ready\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        heard.lock().unwrap_or_else(PoisonError::into_inner).commands.push(command.clone());
        match pop3_answer(&command, mails) {
            Some(answer) => stream.write_all(&answer).await?,
            None => return Ok(()),
        }
    }
}

/// `None` hangs up.
fn pop3_answer(command: &str, mails: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut words = command.split_ascii_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_uppercase();
    let number: Option<usize> = words.next().and_then(|word| word.parse().ok());
    let chosen = number.and_then(|n| n.checked_sub(1)).and_then(|index| mails.get(index));
    let size: usize = mails.iter().map(Vec::len).sum();
    let numbered = |value: &dyn Fn(usize, &Vec<u8>) -> String| {
        let lines = mails.iter().enumerate();
        let lines = lines.map(|(i, mail)| format!("{} {}\r\n", i + 1, value(i + 1, mail)));
        format!("+OK\r\n{}.\r\n", lines.collect::<String>())
    };
    let answer = match (verb.as_str(), number, chosen) {
        ("QUIT", ..) => return None,
        ("CAPA", ..) => "+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n".to_owned(),
        ("USER" | "PASS" | "NOOP" | "RSET", ..) => "+OK\r\n".to_owned(),
        ("STAT", ..) => format!("+OK {} {size}\r\n", mails.len()),
        ("LIST", None, _) => numbered(&|_, mail| mail.len().to_string()),
        ("UIDL", None, _) => numbered(&|number, _| format!("uid-{number}")),
        ("LIST", Some(n), Some(mail)) => format!("+OK {n} {}\r\n", mail.len()),
        ("UIDL", Some(n), Some(_)) => format!("+OK {n} uid-{n}\r\n"),
        ("DELE", _, Some(_)) => "+OK marked\r\n".to_owned(),
        ("RETR", _, Some(mail)) => {
            let mut answer = b"+OK\r\n".to_vec();
            answer.extend(super::dialogue::as_data(mail));
            return Some(answer);
        }
        _ => "-ERR not here\r\n".to_owned(),
    };
    Some(answer.into_bytes())
}

async fn serve_smtp(
    stream: &mut BufReader<TcpStream>,
    (fault, reply): (SmtpStep, Option<&str>),
    heard: &Mutex<Heard>,
) -> std::io::Result<()> {
    let mut step = SmtpStep::Greeting;
    loop {
        let answer = if step == fault { reply } else { Some(step.usual_answer()) };
        let Some(answer) = answer else { return Ok(()) };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        if step == SmtpStep::Data && answer.starts_with("354") {
            let mut mail = Vec::new();
            while !mail.ends_with(b"\r\n.\r\n") && mail != b".\r\n" {
                if stream.read_until(b'\n', &mut mail).await? == 0 {
                    return Ok(());
                }
            }
            heard.lock().unwrap_or_else(PoisonError::into_inner).mails.push(mail);
            step = SmtpStep::EndOfData;
            continue;
        }
        if step == SmtpStep::Quit {
            return Ok(());
        }
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        step = SmtpStep::of(&line);
        let line = line.trim_end().to_owned();
        heard.lock().unwrap_or_else(PoisonError::into_inner).commands.push(line);
    }
}

impl SmtpStep {
    fn of(command: &str) -> Self {
        let verb = command.split([' ', ':', '\r', '\n']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "MAIL" => Self::MailFrom,
            "RCPT" => Self::RcptTo,
            "DATA" => Self::Data,
            "QUIT" => Self::Quit,
            // EHLO, HELO, RSET, NOOP: all are content with a plain 250.
            _ => Self::Hello,
        }
    }

    fn usual_answer(self) -> &'static str {
        match self {
            Self::Greeting => "220 ready",
            Self::Data => "354 go on",
            Self::Quit => "221 bye",
            _ => "250 fine",
        }
    }
}

//! Mails, put together from lines: what the sender wrote, and above it what
//! our own server put on top when it took the mail in.

use crate::world::{AUTHSERV, Asked, Scene};

/// A mail in the making. The header's lines are kept as they will stand.
#[derive(Clone)]
pub struct Mail {
    /// Written by our own server: Return-Path, Authentication-Results, Received.
    pub server: Vec<String>,
    pub head: Vec<String>,
    pub body: String,
    /// Takes the place of `body`, for what is no UTF-8.
    pub bytes: Option<Vec<u8>>,
}

pub const SPF_PASS: &str = "spf=pass smtp.mailfrom=ana@x.test; dmarc=pass header.from=x.test";

/// What our server writes of a mail it has checked.
pub fn results(said: &str) -> String {
    format!("Authentication-Results: {AUTHSERV}; {said}")
}

impl Scene {
    /// Ana's honest answer in plain text, with every carrier, proven by SPF.
    pub fn reply(&self, words: &str) -> Mail {
        let quoted: String = self.ana.text.lines().map(|line| format!("> {line}\n")).collect();
        self.bare(&self.ana, &format!(
            "{words}\n\nOn Sat, 21 Nov 2026 at 10:00, countersign <access@own.test> wrote:\n{quoted}"
        ))
    }

    /// The same without any quote.
    pub fn short(&self, words: &str) -> Mail {
        self.bare(&self.ana, &format!("{words}\n"))
    }

    pub fn bare(&self, asked: &Asked, body: &str) -> Mail {
        let Asked { address, message_id, subject, .. } = asked;
        Mail {
            server: vec![
                "Return-Path: <ana@x.test>".to_owned(),
                results(SPF_PASS),
                format!(
                    "Received: from mail.x.test by {AUTHSERV} with ESMTPS id {}; Sat, 21 Nov 2026 10:01:00 +0000",
                    self.number
                ),
            ],
            head: vec![
                "From: Ana Silva <ana@x.test>".to_owned(),
                format!("To: {address}"),
                format!("Subject: Re: {subject}"),
                "Date: Sat, 21 Nov 2026 10:00:30 +0000".to_owned(),
                format!("Message-ID: <m{}@x.test>", self.number),
                format!("In-Reply-To: {message_id}"),
                format!("References: {message_id}"),
                "MIME-Version: 1.0".to_owned(),
                "Content-Type: text/plain; charset=utf-8".to_owned(),
            ],
            body: body.to_owned(),
            bytes: None,
        }
    }

    pub fn html(&self, html: &str) -> Mail {
        self.short(html).with("Content-Type", "text/html; charset=utf-8")
    }

    /// Both views of one answer.
    pub fn both(&self, plain: &str, html: &str) -> Mail {
        self.parts(
            "alternative",
            &[
                &format!("Content-Type: text/plain; charset=utf-8\n\n{plain}"),
                &format!("Content-Type: text/html; charset=utf-8\n\n{html}"),
            ],
        )
    }

    pub fn parts(&self, kind: &str, parts: &[&str]) -> Mail {
        self.short(&multipart("=_b1", parts))
            .with("Content-Type", &format!("multipart/{kind}; boundary=\"=_b1\""))
    }
}

pub fn multipart(boundary: &str, parts: &[&str]) -> String {
    let parts: String = parts.iter().map(|part| format!("--{boundary}\n{part}\n")).collect();
    format!("{parts}--{boundary}--")
}

fn is_field(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name))
}

impl Mail {
    /// Sets a field where it stands, or adds it.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let line = format!("{name}: {value}");
        match self.head.iter_mut().find(|known| is_field(known, name)) {
            Some(known) => *known = line,
            None => self.head.push(line),
        }
        self
    }

    /// One line more, at the end of the sender's header.
    pub fn plus(mut self, line: &str) -> Self {
        self.head.push(line.to_owned());
        self
    }

    /// One line more, on top of the sender's header.
    pub fn topped(mut self, line: &str) -> Self {
        self.head.insert(0, line.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.head.retain(|line| !is_field(line, name));
        self
    }

    /// Takes a field's whole line for another one.
    pub fn line(mut self, name: &str, line: &str) -> Self {
        for known in self.head.iter_mut().filter(|known| is_field(known, name)) {
            *known = line.to_owned();
        }
        self
    }

    pub fn from(self, value: &str) -> Self {
        self.with("From", value)
    }

    /// What our server found out, in place of the honest verdict.
    pub fn said(mut self, said: &str) -> Self {
        self.server[1] = results(said);
        self
    }

    /// Our server's verdict as a whole line.
    pub fn verdict(mut self, line: &str) -> Self {
        self.server[1] = line.to_owned();
        self
    }

    /// Our server checks nothing: what stands below is the sender's.
    pub fn unchecked(mut self) -> Self {
        self.server.remove(1);
        self
    }

    pub fn return_path(mut self, path: &str) -> Self {
        self.server[0] = format!("Return-Path: {path}");
        self
    }

    /// Nothing of the header brings the token back.
    pub fn no_header_token(self, to: &str) -> Self {
        self.with("To", to).without("In-Reply-To").without("References")
    }

    /// Signed by `domain`, these fields covered; no SPF.
    pub fn signed(self, domain: &str, fields: &str) -> Self {
        self.topped(&signature(domain, "s1", fields, "")).said(&format!(
            "spf=none smtp.mailfrom=x@relay.example; dkim=pass header.d={domain} header.s=s1 header.b=AbCdEf12; dmarc=pass header.from=x.test"
        ))
    }

    pub fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    pub fn body_bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes = Some(bytes.to_vec());
        self
    }

    pub fn raw(&self) -> Vec<u8> {
        let lines: Vec<&str> = self.server.iter().chain(&self.head).map(String::as_str).collect();
        let mut raw = lines.join("\n").replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        raw.extend(b"\r\n\r\n");
        match &self.bytes {
            Some(bytes) => raw.extend(bytes),
            None => raw.extend(self.body.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()),
        }
        raw
    }
}

/// Only its shape matters here: our server says what it is worth.
pub fn signature(domain: &str, selector: &str, fields: &str, more: &str) -> String {
    format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector}; h={fields};{more} bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890AbCdEf1234567890"
    )
}

//! How long one mail takes: the split into own words from decoded text, the
//! whole reading from raw bytes, and the worst that fits into 330 kB.
//!
//! `cargo bench --bench mail` prints times; `elem/s` is mails a second on one core.

use std::hint::black_box;

use countersign::actions::explain::explain_alone;
use countersign::domain::message::origin::{Ours, origin};
use countersign::domain::message::parse::{Limits, parse};
use countersign::domain::reply::authored::{OurText, from_html, from_text};
use countersign::domain::reply::lexicon::Lexicon;
use countersign::domain::reply::read::read;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const PROSE: [&str; 6] = [
    "The restore of the billing database has to be tried before the quarter closes, and the run book asks for two people.",
    "Nobody else is on call that evening, so the change board moved the window to nine o'clock.",
    "I looked at the ticket: the account is locked again an hour after the work ends.",
    "Please write down what was done in the change record, as always.",
    "The last time we tried this the replica was behind by ten minutes, which nobody had noticed.",
    "If the numbers do not match by Thursday we go back to the old host.",
];

/// About as many bytes of prose, in lines as mail programs wrap them.
fn prose(bytes: usize, mark: &str) -> String {
    let mut text = String::with_capacity(bytes + 100);
    let mut at = 0;
    while text.len() < bytes {
        let mut width = 0;
        text.push_str(mark);
        for word in PROSE[at % PROSE.len()].split(' ') {
            if width + word.len() > 70 {
                text.push('\n');
                text.push_str(mark);
                width = 0;
            }
            text.push_str(word);
            text.push(' ');
            width += word.len() + 1;
        }
        text.push('\n');
        at += 1;
        if at.is_multiple_of(3) {
            text.push_str(mark);
            text.push('\n');
        }
    }
    text
}

/// A reply as people write it: a few own lines above a thread of two quotes.
fn thread(bytes: usize) -> String {
    let own = "Approved, the window is fine.\nSee ticket 4711.\n\nRegards,\nAnn Lee\nOperations\n+351 210 000 000\n\n";
    let half = bytes.saturating_sub(own.len() + 160) / 2;
    format!(
        "{own}On Mon, Mar 2, 2026 at 9:14 AM Access Desk <access@corp.example> wrote:\n{}> On 1 Mar 2026, at 18:20, Ben Ray <ben@corp.example> wrote:\n{}",
        prose(half, "> "),
        prose(half, "> > ")
    )
}

fn html_thread(bytes: usize) -> String {
    let own = "<div dir=\"ltr\"><div class=\"gmail_default\" style=\"font-family:arial,sans-serif;font-size:small\">Approved, the window is fine.</div><div>See ticket 4711.</div></div><br>";
    let mut quoted = String::new();
    while own.len() + quoted.len() < bytes {
        for line in PROSE {
            quoted.push_str("<p style=\"margin:0cm;font-size:11pt;font-family:Calibri,sans-serif;color:#222222\"><span lang=\"EN-GB\">");
            quoted.push_str(line);
            quoted.push_str("<o:p></o:p></span></p>\n");
        }
    }
    format!(
        "<html><body>{own}<div class=\"gmail_quote\"><div dir=\"ltr\" class=\"gmail_attr\">On Mon, Mar 2, 2026 at 9:14 AM Access Desk &lt;<a href=\"mailto:access@corp.example\">access@corp.example</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\" style=\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex\">{quoted}</blockquote></div></body></html>"
    )
}

fn raw(content_type: &str, body: &str) -> Vec<u8> {
    let head = "Return-Path: <ann@corp.example>\r\nAuthentication-Results: mx.corp.example; spf=pass smtp.mailfrom=corp.example; dmarc=pass header.from=corp.example\r\nReceived: from out.corp.example (out.corp.example [192.0.2.7]) by mx.corp.example with ESMTPS id 1; Mon, 2 Mar 2026 09:30:00 +0000\r\nFrom: Ann Lee <ann@corp.example>\r\nTo: Access Desk <access+72l4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@corp.example>\r\nSubject: Re: Access request AR-1001: root on db1\r\nDate: Mon, 2 Mar 2026 09:29:58 +0000\r\nMessage-ID: <1@corp.example>\r\nIn-Reply-To: <0@corp.example>\r\nReferences: <0@corp.example>\r\nMIME-Version: 1.0\r\n";
    let body = body.replace('\n', "\r\n");
    format!("{head}Content-Type: {content_type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}").into_bytes()
}

/// Everything that is asked of a mail before the store is: structure, origin,
/// own words, answer.
fn pipeline(raw: &[u8]) -> bool {
    let message = parse(raw, &Limits::default());
    let ours =
        Ours { instance: countersign::domain::ids::InstanceId(uuid::Uuid::nil()), addresses: &[] };
    let judged = origin(&message, raw, &ours);
    let (plain, html) = (message.plain.as_deref(), message.html.as_deref());
    let read = read(plain, html, &OurText::unknown(), Some("en"), Lexicon::builtin());
    black_box(judged);
    black_box(read.answer());
    message.structure.is_empty()
}

const WORST_BYTES: usize = 330_000;

/// Bodies made to be slow.
fn worst() -> Vec<(&'static str, Vec<u8>)> {
    let fill = |piece: &str| piece.repeat(WORST_BYTES / piece.len());
    let html = |body: &str| raw("text/html", body);
    let text = |body: &str| raw("text/plain", body);
    let rules: String = (0..4_000).map(|i| format!(".c{i} b, .d{i}>i{{color:#fff}}\n")).collect();
    vec![
        ("prose, HTML", html(&html_thread(WORST_BYTES))),
        ("prose, text", text(&thread(WORST_BYTES))),
        ("nested divs", html(&fill("<div>x"))),
        ("nested block quotes", html(&fill("<blockquote>yes "))),
        ("nested tables", html(&fill("<table><tr><td>no "))),
        (
            "style sheet",
            html(&format!("<style>{rules}</style>{}", "<b class=c1>x</b>".repeat(10_000))),
        ),
        ("attributes", html(&format!("<div {}>x</div>", fill("style=\"color:red\" ")))),
        ("entities", html(&fill("&amp;&lt;&zwnj;"))),
        ("attributions", text(&fill("On 2 Mar 2026 at 10:00, B <b@c.example> wrote\n"))),
        ("header labels", text(&fill("From: b@c.example\nTo: a@c.example\n\n"))),
        (
            "angles and tails",
            text(&fill(
                "> a line that is long enough to have been wrapped by some program\ntail\n",
            )),
        ),
        ("decision words", text(&fill("approved, if not denied; yes no "))),
        ("one word", text(&fill("a"))),
        ("base64 of text", raw("text/plain\r\nX-Odd: 1", &fill("QQ==\n"))),
    ]
}

fn split(c: &mut Criterion) {
    let mut group = c.benchmark_group("own words");
    group.throughput(Throughput::Elements(1));
    let (text, html) = (thread(2_000), html_thread(8_000));
    let ours = OurText::unknown();
    group.bench_function("text, 2 kB", |b| b.iter(|| from_text(black_box(&text), &ours)));
    group.bench_function("HTML, 8 kB", |b| b.iter(|| from_html(black_box(&html), &ours)));
    group.finish();
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("from raw bytes");
    group.throughput(Throughput::Elements(1));
    let text = raw("text/plain", &thread(7_400));
    let html = raw("text/html", &html_thread(7_000));
    group.bench_function(format!("text, {} bytes", text.len()), |b| {
        b.iter(|| pipeline(black_box(&text)));
    });
    group.bench_function(format!("HTML, {} bytes", html.len()), |b| {
        b.iter(|| pipeline(black_box(&html)));
    });
    group.bench_function("text, with the explanation", |b| {
        b.iter(|| explain_alone(black_box(&text)));
    });
    group.finish();
}

fn slowest(c: &mut Criterion) {
    let mut group = c.benchmark_group("worst of 330 kB");
    group.sample_size(20);
    for (name, raw) in worst() {
        group.bench_function(name, |b| b.iter(|| pipeline(black_box(&raw))));
    }
    group.finish();
}

criterion_group!(benches, split, whole, slowest);
criterion_main!(benches);

//! How fast a full mailbox is worked off, and in how much memory: 2,000
//! replies wait in one Dovecot mailbox whose account was there before them;
//! one visit fetches, judges and commits them all. None may be lost, none
//! counted twice.
//!
//! `cargo bench --bench visit` (or `make bench`) prints a line for IMAP and
//! for POP3, keeping and deleting. The memory is the whole process's peak, with
//! the harness in it; each case runs in a process of its own, so that one
//! case's peak is not the next one's.

// The bed and the house serve many tests; this uses a part of them.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on shall say so at once")]
#![allow(clippy::print_stdout, reason = "its figures are its output")]
#![allow(dead_code, reason = "the harness is shared with the integration tests")]

#[path = "../tests/it/bed/mod.rs"]
mod bed;
#[path = "../tests/it/client.rs"]
mod client;
#[path = "../tests/it/house.rs"]
mod house;

use std::process::Command;

use client::Reply;
use house::{House, Plan};

const REPLIES: usize = 2000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [protocol, keep] = arguments.as_slice() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        runtime.block_on(measure(if protocol == "imap" { "imap" } else { "pop3" }, keep == "keep"));
        return;
    }
    let own = std::env::current_exe().expect("we run");
    for protocol in ["imap", "pop3"] {
        for keep in ["keep", "delete"] {
            let ended = Command::new(&own).args([protocol, keep]).status().expect("it starts");
            assert!(ended.success(), "{protocol} {keep} failed");
        }
    }
}

async fn measure(protocol: &'static str, keep_copy: bool) {
    let house = House::open(Plan { protocol, keep_copy, ..Plan::default() }).await;
    let ana = house.bed.mailbox("ana");
    // One in ten decides a request of its own; the others are what a busy
    // mailbox holds beside them: further mails in the same threads.
    let mut requests = Vec::new();
    let mut letters = Vec::new();
    for number in 0..REPLIES / 10 {
        requests.push(house.ask(&ana).await);
        let raw = notification(&house, number).await;
        for turn in 0..10 {
            let words = if turn == 0 { "APPROVE" } else { "Thank you, all the best." };
            letters.push(Reply::to(&raw, &ana.address, words).write());
        }
    }
    for letter in &letters {
        house.bed.deliver(&house.access, &stamped(&letter.raw));
    }
    assert_eq!(house.access.messages().len(), REPLIES);

    let memory_before = memory_peak_kib();
    let began = std::time::Instant::now();
    let summary = house.poll().await;
    let took = began.elapsed();
    println!(
        "{protocol:4} {keep:6}  {REPLIES} messages in {seconds:6.2} s  {rate:6.0} a second  \
         peak memory {peak:4} MiB ({before} MiB before the visit)",
        keep = if keep_copy { "keep" } else { "delete" },
        seconds = took.as_secs_f64(),
        rate = REPLIES as f64 / took.as_secs_f64(),
        peak = memory_peak_kib() / 1024,
        before = memory_before / 1024,
    );

    assert_eq!((summary.listed, summary.fetched, summary.failed), (REPLIES, REPLIES, 0));
    assert_eq!(summary.deleted, if keep_copy { 0 } else { REPLIES });
    assert_eq!(house.access.messages().len(), if keep_copy { REPLIES } else { 0 });
    assert_eq!(summary.judged.get("decided"), Some(&requests.len()), "{summary:?}");
    assert_eq!(summary.judged.values().sum::<usize>(), REPLIES, "{summary:?}");
    assert_eq!(house.decisions().await.len(), requests.len());
    for request in &requests {
        assert_eq!(house.status(request).await, "approved");
    }
    house.assert_books_hold().await;
    let again = house.poll().await;
    assert_eq!((again.fetched, again.deleted), (0, 0), "nothing is read twice");
}

/// The mail that asks, from the outbox: the way there is not measured here.
async fn notification(house: &House, number: usize) -> bed::Mail {
    let mails = house.outbox().await;
    let mut asked = mails.iter().filter(|mail| mail.kind.as_str() == "approval_request");
    let id = asked.next_back().unwrap_or_else(|| panic!("request {number} owes a mail")).id;
    let raw = countersign::actions::outbox::raw(&house.instance, id).await.expect("it is kept");
    bed::Mail { raw, flags: String::new() }
}

/// As Postfix hands it over.
fn stamped(raw: &[u8]) -> Vec<u8> {
    let stamp = format!(
        "Authentication-Results: {}; spf=pass smtp.mailfrom={domain};\r\n dmarc=pass header.from={domain}\r\n\
         Received: from localhost by mx.x.test; Sat, 21 Nov 2026 22:00:00 +0000\r\n",
        bed::AUTHSERV_ID,
        domain = bed::DOMAIN,
    );
    [stamp.as_bytes(), raw].concat()
}

/// The most memory this process has had, in KiB (`VmHWM`, proc(5)).
fn memory_peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).expect("the kernel says it")
}

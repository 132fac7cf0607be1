//! What must hold for any bytes. The fuzzer asks with bytes of its own making,
//! `tests/promises.rs` with the mails of `fixtures/`, bent a little.

use countersign::domain::ids::InstanceId;
use countersign::domain::message::html::visible;
use countersign::domain::message::origin::{Ours, origin};
use countersign::domain::message::parse::{Limits, parse};
use countersign::domain::reply::authored::{Authored, OurText, from_html, from_text};
use countersign::domain::reply::lexicon::Lexicon;
use countersign::domain::reply::read::read;
use countersign::domain::reply::wording::Answer;

/// Raw bytes as a mail: read to the end, and no answer without words.
#[allow(dead_code, reason = "each fuzzer uses one of them")]
pub fn message(raw: &[u8]) {
    let message = parse(raw, &Limits::default());
    let ours = Ours { instance: InstanceId(uuid::Uuid::nil()), addresses: &[] };
    let _ = origin(&message, raw, &ours);
    let (plain, html) = (message.plain.as_deref(), message.html.as_deref());
    let read = read(plain, html, &OurText::unknown(), None, Lexicon::builtin());
    if read.views.iter().all(|view| view.authored.text.trim().is_empty()) {
        assert_eq!(read.answer(), Answer::Unclear);
    }
}

/// Bytes as the HTML of a mail.
#[allow(dead_code, reason = "each fuzzer uses one of them")]
pub fn html(source: &[u8]) {
    let source = String::from_utf8_lossy(source);
    let seen = visible(&source);
    let authored = from_html(&source, &OurText::unknown());
    within(&authored, &seen.text);
}

/// Bytes as the plain text of a mail.
#[allow(dead_code, reason = "each fuzzer uses one of them")]
pub fn quoting(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let authored = from_text(&text, &OurText::unknown());
    within(&authored, &text);
    // What is behind a quote mark is never the person's.
    let quoted: String = text.lines().map(|line| format!("> {line}\n")).collect();
    let behind = from_text(&quoted, &OurText::unknown());
    assert!(behind.text.trim().is_empty(), "{:?}", behind.text);
}

/// Every cut is a piece of the view, in its order.
fn within(authored: &Authored, view: &str) {
    let mut at = 0;
    for cut in &authored.cuts {
        assert!(view.get(cut.start..cut.end).is_some(), "{cut:?}");
        assert!(cut.start >= at, "{cut:?}");
        at = cut.start;
    }
    assert!(authored.text.len() <= view.len() + 8 * authored.text.lines().count() + 8);
}

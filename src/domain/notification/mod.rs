//! What is worth telling one person, and the mail that tells it.
//!
//! [`compose`] is pure: the same facts give the same bytes. A mail is first a
//! list of blocks (`content`), in one language (`languages`), and the blocks
//! become a text part (`text`) and an HTML part (`html`) that say the same;
//! `mime` puts headers around them. Whatever somebody else wrote passes
//! `untrusted` first, so it can form neither a header, nor markup, nor a
//! delimiter, nor a line that a reply parser would take for an answer.
//!
//! Not here: when a notification is owed (`actions`), how it is carried
//! (`outbox`, `delivery`), how its token is made (`token`).

mod content;
mod html;
mod known_lines;
pub mod language;
mod languages;
mod mime;
#[cfg(test)]
mod samples;
mod text;
mod untrusted;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

pub use known_lines::{answer_above_lines, own_lines};
pub use language::Language;
pub use untrusted::{CHARS_MAX as TYPED_CHARS_MAX, LINES_MAX as TYPED_LINES_MAX};

use super::{
    access_request::{AccessRequest, Approver, Vote},
    address::EmailAddress,
    decision::policy::ByMail,
    ids::InstanceId,
};

/// What stands before the token on its own line, in every language.
pub const REF_LABEL: &str = "Ref: ";

/// One thing worth telling one person.
#[derive(Debug, Clone)]
pub enum Notification<'a> {
    /// Asks an approver.
    ApprovalRequest(Ask<'a>),
    /// Reminds an approver who has not answered.
    Reminder(Ask<'a>),
    /// Asks an approver for plainer words.
    Clarification { ask: Ask<'a>, unreadable: Unreadable },
    /// Asks an approver to confirm on the web what he approved by mail.
    Confirmation { request: &'a AccessRequest, link: &'a str },
    /// Tells an approver what was recorded in his name.
    Receipt(Receipt<'a>),
    /// Tells the requester how it ended.
    Outcome {
        request: &'a AccessRequest,
        ending: Ending,
        ended_at: DateTime<Utc>,
        votes: &'a [CountedVote<'a>],
    },
    /// Tells the requester that a level was passed.
    LevelReached {
        request: &'a AccessRequest,
        passed: i64,
        next: i64,
        votes: &'a [CountedVote<'a>],
    },
    /// What an admin sends to see whether an account works.
    Test { account: &'a str, subject: Option<&'a str>, body: Option<&'a str> },
    /// Tells an admin that something needs him.
    Alert { headline: &'a str, sentences: &'a [String], at: DateTime<Utc> },
}

/// What an approver needs to answer.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    pub request: &'a AccessRequest,
    pub approver: &'a Approver,
    /// The reply token's text; it also stands in the envelope's Reply-To and
    /// Message-ID.
    pub token: &'a str,
    /// What the effective policy lets a mail do.
    pub by_mail: ByMail,
    /// The page on which the request can be answered.
    pub link: Option<&'a str>,
    /// Addresses that decide by being written to; none where the reply road
    /// has no sub-addresses.
    pub by_address: Option<ByAddress<'a>>,
}

/// What was recorded in an approver's name.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'a> {
    pub request: &'a AccessRequest,
    pub vote: Vote,
    pub recorded_at: DateTime<Utc>,
    pub channel: Channel<'a>,
    pub comment: Option<&'a str>,
    /// It took the place of an earlier answer of his.
    pub replaces_earlier: bool,
}

/// Two single-use addresses, each with the token its mail is prefilled with.
#[derive(Debug, Clone, Copy)]
pub struct ByAddress<'a> {
    pub approve: (&'a EmailAddress, &'a str),
    pub deny: (&'a EmailAddress, &'a str),
}

/// Why words did not decide, as far as it helps to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// There was no text of the person's own.
    Empty,
    /// No word that decides was found.
    NoDecision,
    /// Words for both answers were found.
    Contradiction,
    /// A condition, a question, a later date, somebody else's opinion.
    Condition,
    /// The mail names two requests.
    TwoRequests,
}

/// How an answer came.
#[derive(Debug, Clone, Copy)]
pub enum Channel<'a> {
    Email { from: &'a EmailAddress, message_id: Option<&'a str> },
    Web,
    Api,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Approved,
    Denied,
    Expired,
    Cancelled,
    /// A deny came after the approval.
    Conflict,
}

/// An answer that counted, as the requester is told of it.
#[derive(Debug, Clone, Copy)]
pub struct CountedVote<'a> {
    pub level: i64,
    /// The approver's name, or his address.
    pub who: &'a str,
    pub vote: Vote,
    pub at: DateTime<Utc>,
    pub comment: Option<&'a str>,
}

/// Everything around the words.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    pub from: &'a EmailAddress,
    /// How this system calls itself.
    pub from_name: &'a str,
    pub to: &'a EmailAddress,
    /// With the token in it, where the reply road has sub-addresses.
    pub reply_to: Option<EmailAddress>,
    /// Without angle brackets; fixed when the mail is enqueued.
    pub message_id: String,
    pub date: DateTime<Utc>,
    /// Without angle brackets.
    pub in_reply_to: Option<String>,
    /// Oldest first, without angle brackets.
    pub references: Vec<String>,
    pub instance: InstanceId,
    /// Where a read receipt is asked to go (RFC 8098 §2.1).
    pub confirmation_to: Option<&'a EmailAddress>,
    /// Say at the end who sent it.
    pub footer: bool,
}

/// A mail, ready to be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// Decoded, one line.
    pub subject: String,
    /// The text part, decoded, with LF.
    pub text: String,
    /// The whole mail, ASCII, CRLF.
    pub raw: Vec<u8>,
}

/// Renders a notification for its reader. `zone` is his; every time in the
/// mail is told in it, with its offset.
pub fn compose(
    envelope: &Envelope<'_>,
    notification: &Notification<'_>,
    language: Language,
    zone: Tz,
) -> Composed {
    let letter = content::letter(envelope, notification, language.words(), zone);
    let text = text::render(&letter);
    let html = html::render(&letter);
    let raw = mime::assemble(envelope, &letter, &text, &html);
    Composed { subject: letter.subject, text, raw }
}

#[cfg(test)]
mod tests;

//! What a mail says: a subject and a list of blocks, in one language. How the
//! blocks look as text and as HTML is the renderers' business, so both parts
//! say the same.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    Ask, ByAddress, Channel, CountedVote, Ending, Envelope, Notification, Receipt, Unreadable,
    language::{Words, fill},
    untrusted::{self, Quoted},
};
use crate::domain::{
    access_request::{AccessRequest, Approver, Vote},
    decision::policy::ByMail,
};

/// Characters of a resource in a subject.
const SUBJECT_RESOURCE_CHARS: usize = 80;
/// Characters of a subject that was handed in.
const SUBJECT_CHARS: usize = 200;
/// Characters of a resource, a name or an address in the body.
const VALUE_CHARS: usize = 300;
/// Counted votes that are told; a request has few approvers.
const VOTES_MAX: usize = 50;
/// Sentences of an alert.
const SENTENCES_MAX: usize = 50;

/// A mail before it is text or HTML.
#[derive(Debug)]
pub struct Letter {
    pub subject: String,
    /// BCP 47.
    pub code: &'static str,
    pub blocks: Vec<Block>,
}

#[derive(Debug)]
pub enum Block {
    /// Above it the answer belongs.
    Marker(&'static str),
    Paragraph(String),
    Facts(Vec<Fact>),
    /// Somebody else's words.
    Quote(Quoted),
    /// What an admin typed for a test mail.
    Typed(Vec<String>),
    Link(String),
    /// Links that start a mail to a deciding address; HTML only, since a bare
    /// address in the text part would come back quoted in every reply.
    MailLinks(Vec<MailLink>),
    /// The token on its own line.
    Ref(String),
}

#[derive(Debug)]
pub struct Fact {
    pub label: String,
    pub value: String,
    /// Made by us alone (a time, a number); the rest is partly what others wrote.
    pub is_ours: bool,
}

#[derive(Debug)]
pub struct MailLink {
    pub href: String,
    pub says: &'static str,
}

pub fn letter(
    envelope: &Envelope<'_>,
    notification: &Notification<'_>,
    words: &'static Words,
    zone: Tz,
) -> Letter {
    let writer = Writer { words, zone };
    let system = inline(envelope.from_name);
    let (subject, mut blocks) = match notification {
        Notification::ApprovalRequest(ask) => writer.approval_request(ask),
        Notification::Reminder(ask) => writer.reminder(ask),
        Notification::Clarification { ask, unreadable } => writer.clarification(ask, *unreadable),
        Notification::Confirmation { request, link } => writer.confirmation(request, link),
        Notification::Receipt(receipt) => writer.receipt(receipt),
        Notification::Outcome { request, ending, ended_at, votes } => {
            let closed = writer.time(words.labels.ended_at, *ended_at);
            let (subject, sentence) = writer.ended(*ending);
            (
                writer.subject(subject, request),
                writer.to_requester(request, sentence.to_owned(), Some(closed), votes),
            )
        }
        Notification::LevelReached { request, passed, next, votes } => {
            let (passed, next) = (passed.to_string(), next.to_string());
            let values = [("passed", passed.as_str()), ("next", next.as_str())];
            let sentence = fill(words.sentences.level_reached, &values);
            let reference = request.reference();
            let values = [("passed", passed.as_str()), ("reference", reference.as_str())];
            (
                fill(words.subjects.level_reached, &values),
                writer.to_requester(request, sentence, None, votes),
            )
        }
        Notification::Test { account, subject, body } => {
            writer.test(&system, account, *subject, *body)
        }
        Notification::Alert { headline, sentences, at } => {
            let headline = untrusted::inline(headline, SUBJECT_CHARS);
            let happened = writer.time(words.labels.happened_at, *at);
            let said = sentences.iter().take(SENTENCES_MAX).map(|s| s.as_str());
            let lines: Vec<&str> = std::iter::once(headline.as_str()).chain(said).collect();
            let blocks = vec![
                paragraph(words.sentences.alert),
                Block::Quote(untrusted::quoted(&lines.join("\n"))),
                Block::Facts(vec![happened]),
            ];
            (fill(words.subjects.alert, &[("headline", &headline)]), blocks)
        }
    };
    if envelope.footer {
        blocks.push(Block::Paragraph(fill(words.sentences.footer, &[("system", &system)])));
    }
    // A resource of nothing that can be seen leaves the colon before it.
    let subject = subject.trim_end_matches([' ', ':']).to_owned();
    Letter { subject, code: words.code, blocks }
}

struct Writer {
    words: &'static Words,
    zone: Tz,
}

impl Writer {
    fn approval_request(&self, ask: &Ask<'_>) -> (String, Vec<Block>) {
        let intro = vec![paragraph(self.words.sentences.ask)];
        (self.subject(self.words.subjects.ask, ask.request), self.asking(intro, ask))
    }

    fn reminder(&self, ask: &Ask<'_>) -> (String, Vec<Block>) {
        let intro = vec![paragraph(self.words.sentences.remind)];
        (self.subject(self.words.subjects.remind, ask.request), self.asking(intro, ask))
    }

    fn clarification(&self, ask: &Ask<'_>, unreadable: Unreadable) -> (String, Vec<Block>) {
        let s = &self.words.sentences;
        let why = match unreadable {
            Unreadable::Empty => s.unclear_empty,
            Unreadable::NoDecision => s.unclear_no_decision,
            Unreadable::Contradiction => s.unclear_contradiction,
            Unreadable::Condition => s.unclear_condition,
            Unreadable::TwoRequests => s.unclear_two_requests,
        };
        // Nothing of the answer is quoted: it would come back as ours.
        let intro = vec![Block::Paragraph(self.words.unclear(why))];
        (self.subject(self.words.subjects.unclear, ask.request), self.asking(intro, ask))
    }

    /// What every mail that wants an answer has, after its own first words.
    fn asking(&self, intro: Vec<Block>, ask: &Ask<'_>) -> Vec<Block> {
        let s = &self.words.sentences;
        let mut blocks = vec![Block::Marker(self.words.answer_above)];
        blocks.extend(intro);
        let mut facts = self.request_facts(ask.request);
        facts.push(self.time(self.words.labels.answer_by, ask.request.expires_at));
        facts.extend(self.level_fact(ask.request, ask.approver));
        blocks.push(Block::Facts(facts));
        blocks.extend(self.reason(ask.request));
        match ask.by_mail {
            ByMail::No => blocks.push(paragraph(s.not_by_mail)),
            ByMail::Yes | ByMail::Confirm => {
                blocks.push(Block::Paragraph(self.words.with_answers(s.how_to_answer)));
                blocks.extend(s.english_words.map(paragraph));
            }
        }
        if ask.by_mail == ByMail::Confirm {
            blocks.push(paragraph(s.must_confirm));
        }
        if let Some(link) = ask.link {
            blocks.extend([paragraph(s.on_the_web), Block::Link(printable(link))]);
        }
        if ask.by_mail != ByMail::No {
            blocks.extend(ask.by_address.map(|by| self.mail_links(ask.request, &by)));
            blocks.push(Block::Paragraph(self.words.with_answers(s.unexpected)));
        }
        blocks.push(Block::Ref(token_text(ask.token)));
        blocks
    }

    fn confirmation(&self, request: &AccessRequest, link: &str) -> (String, Vec<Block>) {
        let mut facts = self.request_facts(request);
        facts.push(self.time(self.words.labels.answer_by, request.expires_at));
        let blocks = vec![
            paragraph(self.words.sentences.confirm),
            Block::Link(printable(link)),
            Block::Facts(facts),
        ];
        (self.subject(self.words.subjects.confirm, request), blocks)
    }

    fn receipt(&self, receipt: &Receipt<'_>) -> (String, Vec<Block>) {
        let (s, labels) = (&self.words.sentences, &self.words.labels);
        let mut facts = vec![
            ours(labels.your_answer, self.done(receipt.vote).to_owned()),
            self.time(labels.recorded_at, receipt.recorded_at),
            theirs(labels.came_by, self.channel(&receipt.channel)),
        ];
        if let Channel::Email { message_id: Some(id), .. } = receipt.channel {
            facts.push(theirs(labels.message_id, inline(id)));
        }
        let mut blocks = vec![paragraph(s.recorded), Block::Facts(facts)];
        blocks.extend(self.comment(s.your_comment, receipt.comment));
        blocks.extend(receipt.replaces_earlier.then(|| paragraph(s.replaces_earlier)));
        blocks.push(Block::Facts(self.request_facts(receipt.request)));
        blocks.push(Block::Paragraph(self.words.with_answers(s.not_you)));
        (self.subject(self.words.subjects.receipt, receipt.request), blocks)
    }

    fn to_requester(
        &self,
        request: &AccessRequest,
        sentence: String,
        closed: Option<Fact>,
        votes: &[CountedVote<'_>],
    ) -> Vec<Block> {
        let facts = self.request_facts(request).into_iter().chain(closed).collect();
        let mut blocks = vec![Block::Paragraph(sentence), Block::Facts(facts)];
        for vote in votes.iter().take(VOTES_MAX) {
            let level = vote.level.to_string();
            let label = fill(self.words.labels.level, &[("level", &level)]);
            let done = format!("{}, {}", self.done(vote.vote), self.moment(vote.at));
            blocks.push(Block::Facts(vec![
                ours(&label, done),
                theirs(self.words.labels.by, inline(vote.who)),
            ]));
            blocks.extend(self.comment(self.words.sentences.their_comment, vote.comment));
        }
        blocks
    }

    fn test(
        &self,
        system: &str,
        account: &str,
        subject: Option<&str>,
        body: Option<&str>,
    ) -> (String, Vec<Block>) {
        let subject = subject
            .map(|typed| untrusted::inline(typed, SUBJECT_CHARS))
            .filter(|typed| !typed.is_empty())
            .unwrap_or_else(|| fill(self.words.subjects.test, &[("system", system)]));
        let block = match body.map(untrusted::quoted).filter(|typed| !typed.lines.is_empty()) {
            Some(typed) => Block::Typed(typed.lines),
            None => {
                let values = [("account", &*inline(account))];
                Block::Paragraph(fill(self.words.sentences.test, &values))
            }
        };
        (subject, vec![block])
    }

    fn subject(&self, template: &str, request: &AccessRequest) -> String {
        let resource = untrusted::inline(&request.resource, SUBJECT_RESOURCE_CHARS);
        fill(template, &[("reference", &request.reference()), ("resource", &resource)])
    }

    fn request_facts(&self, request: &AccessRequest) -> Vec<Fact> {
        let labels = &self.words.labels;
        let mut facts = vec![
            ours(labels.request, request.reference()),
            theirs(labels.who_asks, who(request)),
            theirs(labels.access_to, inline(&request.resource)),
        ];
        let span = [
            (labels.access_from, request.access_starts_at),
            (labels.access_until, request.access_ends_at),
        ];
        facts.extend(span.into_iter().filter_map(|(label, at)| Some(self.time(label, at?))));
        facts
    }

    /// Which of the levels this approver is on, where there are several.
    fn level_fact(&self, request: &AccessRequest, approver: &Approver) -> Option<Fact> {
        let levels: std::collections::BTreeSet<i64> =
            request.approvers.iter().map(|a| a.level).collect();
        let place = levels.iter().position(|&level| level == approver.level)? + 1;
        (levels.len() > 1).then(|| {
            let values = [("level", &*place.to_string()), ("levels", &*levels.len().to_string())];
            ours(self.words.labels.your_level, fill(self.words.labels.level_of, &values))
        })
    }

    fn reason(&self, request: &AccessRequest) -> Vec<Block> {
        let s = &self.words.sentences;
        let given = self.comment(s.reason, request.justification.as_deref());
        if given.is_empty() { vec![paragraph(s.reason_missing)] } else { given }
    }

    /// Somebody's words under a heading; nothing where there are none.
    fn comment(&self, heading: &str, written: Option<&str>) -> Vec<Block> {
        let Some(quote) = written.map(untrusted::quoted).filter(|q| !q.lines.is_empty()) else {
            return Vec::new();
        };
        let shortened = quote.is_shortened.then(|| paragraph(self.words.sentences.shortened));
        [paragraph(heading), Block::Quote(quote)].into_iter().chain(shortened).collect()
    }

    fn mail_links(&self, request: &AccessRequest, by: &ByAddress<'_>) -> Block {
        let s = &self.words.sentences;
        let link = |(address, token): (&dyn std::fmt::Display, &str), says| MailLink {
            href: format!(
                "mailto:{}?subject={}&body={}",
                percent_encoded(&address.to_string()),
                percent_encoded(&request.reference()),
                percent_encoded(&format!("{}{}", super::REF_LABEL, token_text(token))),
            ),
            says,
        };
        Block::MailLinks(vec![
            link((by.approve.0, by.approve.1), s.link_approve),
            link((by.deny.0, by.deny.1), s.link_deny),
        ])
    }

    fn ended(&self, ending: Ending) -> (&'static str, &'static str) {
        let (subjects, s) = (&self.words.subjects, &self.words.sentences);
        match ending {
            Ending::Approved => (subjects.approved, s.ended_approved),
            Ending::Denied => (subjects.denied, s.ended_denied),
            Ending::Expired => (subjects.expired, s.ended_expired),
            Ending::Cancelled => (subjects.cancelled, s.ended_cancelled),
            Ending::Conflict => (subjects.conflict, s.ended_conflict),
        }
    }

    fn done(&self, vote: Vote) -> &'static str {
        match vote {
            Vote::Approve => self.words.sentences.approved,
            Vote::Deny => self.words.sentences.denied,
        }
    }

    fn channel(&self, channel: &Channel<'_>) -> String {
        let s = &self.words.sentences;
        match channel {
            Channel::Email { from, .. } => {
                fill(s.by_email, &[("address", &inline(&from.to_string()))])
            }
            Channel::Web => s.by_web.to_owned(),
            Channel::Api => s.by_api.to_owned(),
        }
    }

    fn moment(&self, at: DateTime<Utc>) -> String {
        self.words.moment(at, self.zone)
    }

    fn time(&self, label: &str, at: DateTime<Utc>) -> Fact {
        ours(label, self.moment(at))
    }
}

fn paragraph(text: &str) -> Block {
    Block::Paragraph(text.to_owned())
}

fn ours(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value, is_ours: true }
}

fn theirs(label: &str, value: String) -> Fact {
    Fact { label: label.to_owned(), value, is_ours: false }
}

fn inline(text: &str) -> String {
    untrusted::inline(text, VALUE_CHARS)
}

/// The address first: it is known to be his, the name is what he says.
fn who(request: &AccessRequest) -> String {
    let address = inline(&request.requester.email.to_string());
    match request.requester.name.as_deref().map(inline).filter(|name| !name.is_empty()) {
        Some(name) => format!("{address} ({name})"),
        None => address,
    }
}

/// Only what a token is made of, lest a mistake elsewhere break the line.
fn token_text(token: &str) -> String {
    token.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// A link of ours, without anything that would end its line.
fn printable(link: &str) -> String {
    link.chars().filter(char::is_ascii_graphic).collect()
}

/// For a `mailto:` link (RFC 6068 §2): all but the unreserved and `@`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

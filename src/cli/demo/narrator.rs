//! Tells what happens while it happens. What the service did is read from its
//! ledger, which everything goes through; nothing is told from the script.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{script::Script, stage::Stage};
use crate::{
    cli::{
        CliError,
        output::{Output, short},
    },
    domain::{
        address::EmailAddress,
        decision::Reason,
        ids::AccessRequestId,
        ledger::{Entry, Kind, PrivatePart},
        outbox::Kind as MailKind,
    },
    store::{inbound_messages, ledger, outbox, requests},
};

/// Ledger entries read at a time.
const PAGE: i64 = 200;
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How often the polling workers are told to look while somebody waits.
const RING_EVERY: Duration = Duration::from_millis(250);
/// Columns for who did it.
const ACTOR: usize = 13;
const WORDS_MAX: usize = 68;

pub(super) type Happened = (Entry, Option<PrivatePart>);

pub(super) struct Narrator<'a> {
    stage: &'a Stage,
    output: Output,
    began: Instant,
    /// The last ledger entry that was told.
    told: i64,
    names: BTreeMap<String, String>,
    references: BTreeMap<AccessRequestId, String>,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(stage: &'a Stage, script: &Script, output: Output) -> Self {
        let names = script
            .people
            .iter()
            .map(|player| (format!("{}@{}", player.mailbox, script.domain), player.name.clone()));
        let names = names.collect();
        let references = BTreeMap::new();
        Self { stage, output, began: Instant::now(), told: 0, names, references }
    }

    pub(super) fn heading(&self, text: &str) {
        self.output.line("");
        self.output.line(text);
    }

    /// Who did what; further lines are set below the first.
    pub(super) fn tell(&self, who: &str, what: &str) {
        let time = self.began.elapsed().as_secs_f64();
        for (at, line) in what.lines().enumerate() {
            let text = match at {
                0 => format!("{time:6.2}s  {:ACTOR$}  {line}", short(who, ACTOR)),
                _ => format!("{:7}  {:ACTOR$}  {line}", "", ""),
            };
            self.output.line(text.trim_end());
        }
    }

    /// Waits for an entry that is `wanted`, telling everything on the way;
    /// false if it does not come before `until`.
    pub(super) async fn wait(
        &mut self,
        until: Instant,
        wanted: impl Fn(&Happened) -> bool,
    ) -> Result<bool, CliError> {
        let mut rang = None;
        loop {
            let found = self.catch_up().await?.iter().any(&wanted);
            if found || Instant::now() >= until {
                return Ok(found);
            }
            if rang.is_none_or(|at: Instant| at.elapsed() >= RING_EVERY) {
                self.stage.ring().await?;
                rang = Some(Instant::now());
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Tells what happened since it was last asked.
    pub(super) async fn catch_up(&mut self) -> Result<Vec<Happened>, CliError> {
        let happened = {
            let mut tx = self.stage.instance.store.read().await?;
            ledger::list(&mut tx, self.told, PAGE).await?
        };
        for (entry, private) in &happened {
            self.told = entry.seq;
            let private = private.as_ref().map_or(&Value::Null, |part| &part.body);
            if let Some(what) = self.sentence(entry, private).await? {
                self.tell("countersign", &what);
            }
        }
        Ok(happened)
    }

    /// Skips what happened before the play.
    pub(super) async fn skip(&mut self) -> Result<(), CliError> {
        let mut tx = self.stage.instance.store.read().await?;
        self.told = ledger::head(&mut tx).await?.0;
        Ok(())
    }

    fn name(&self, address: &str) -> String {
        self.names.get(address).cloned().unwrap_or_else(|| address.to_owned())
    }

    async fn sentence(
        &mut self,
        entry: &Entry,
        private: &Value,
    ) -> Result<Option<String>, CliError> {
        let facts = &entry.facts;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let reference = self.reference(entry.access_request_id).await?;
        Ok(match entry.kind {
            Kind::NotificationEnqueued => Some(self.mail(facts, private).await?),
            Kind::MessageJudged => Some(self.judged(facts, private).await?),
            Kind::DecisionRecorded => {
                let comment = private["comment"].as_str().map(|comment| short(comment, 50));
                let with = comment.map(|c| format!(", with the comment “{c}”")).unwrap_or_default();
                Some(format!("counts it as: {} {reference}{with}", text(&facts["answer"])))
            }
            Kind::LevelReached => Some(format!("{reference} goes on to level {}", facts["level"])),
            Kind::RequestClosed => {
                Some(format!("{reference} is {}", text(&facts["status"]).to_uppercase()))
            }
            Kind::DeliverySettled if facts["state"] != "sent" => {
                Some(self.undelivered(facts).await?)
            }
            _ => None,
        })
    }

    async fn reference(&mut self, id: Option<AccessRequestId>) -> Result<String, CliError> {
        let Some(id) = id else { return Ok(String::new()) };
        if let Some(known) = self.references.get(&id) {
            return Ok(known.clone());
        }
        let mut tx = self.stage.instance.store.read().await?;
        let found = requests::find(&mut tx, id).await?;
        let reference = found.map(|request| request.reference()).unwrap_or_default();
        self.references.insert(id, reference.clone());
        Ok(reference)
    }

    async fn mail(&self, facts: &Value, private: &Value) -> Result<String, CliError> {
        let to = self.name(private["recipient"].as_str().unwrap_or_default());
        let subject = match facts["outbox_message"].as_str().and_then(|id| id.parse().ok()) {
            Some(id) => {
                let mut tx = self.stage.instance.store.read().await?;
                outbox::find(&mut tx, id).await?.map(|mail| mail.subject)
            }
            None => None,
        };
        Ok(format!("mails {to}: {}", short(&subject.unwrap_or_default(), WORDS_MAX)))
    }

    async fn judged(&self, facts: &Value, private: &Value) -> Result<String, CliError> {
        let from = self.name(private["from"].as_str().unwrap_or("a mail server"));
        let disposition = facts["disposition"].as_str().unwrap_or_default();
        let reason = facts["reason"].as_str().and_then(Reason::from_word);
        let because = reason.map_or("", Reason::sentence);
        let mut lines =
            format!("mail from {from}: {}\nbecause {because}", disposition.to_uppercase());
        let is_from_person = !facts["answer"].is_null();
        if let Some(id) = facts["message"].as_str().and_then(|id| id.parse().ok())
            && is_from_person
        {
            let mut tx = self.stage.instance.store.read().await?;
            if let Some(message) = inbound_messages::find(&mut tx, id).await? {
                lines.push_str(&reading(&message.judgement.explanation));
            }
        }
        if is_from_person {
            lines.push_str(&evidence(&facts["authentication"]));
        }
        Ok(lines)
    }

    async fn undelivered(&self, facts: &Value) -> Result<String, CliError> {
        let id = facts["outbox_message"].as_str().and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(String::new()) };
        let mut tx = self.stage.instance.store.read().await?;
        let Some(mail) = outbox::find(&mut tx, id).await? else { return Ok(String::new()) };
        let state = facts["state"].as_str().unwrap_or_default().to_uppercase();
        let about = match mail.kind {
            MailKind::ApprovalRequest => "the question",
            _ => "a mail",
        };
        let reason = mail.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        Ok(format!(
            "{about} to {}: {state}{reason}",
            self.name(&EmailAddress::key(&mail.recipient))
        ))
    }
}

/// The words that were read, each once.
fn reading(explanation: &Value) -> String {
    let views = explanation["views"].as_array().into_iter().flatten();
    let mut words: Vec<&str> = views
        .flat_map(|view| view["words"].as_array().into_iter().flatten())
        .filter_map(|word| word["words"].as_str())
        .collect();
    words.sort_unstable();
    words.dedup();
    match words.is_empty() {
        true => String::new(),
        false => format!("\nthe words: “{}”", short(&words.join("”, “"), WORDS_MAX - 8)),
    }
}

/// What vouches for the sender.
fn evidence(authentication: &Value) -> String {
    let wanted = authentication["wanted"]["proof"].as_str().unwrap_or("none");
    let reached = authentication["reached"].as_str().unwrap_or("none");
    let shortfalls = authentication["shortfalls"].as_array().into_iter().flatten();
    let missing = shortfalls.filter_map(Value::as_str).next();
    match (authentication["by"].as_str(), missing) {
        (Some(_), _) => format!("\nthe sender: proven at level `{reached}`"),
        (None, Some(missing)) => {
            format!("\nthe sender: not proven; `{wanted}` is asked for, but {missing}")
        }
        (None, None) => String::new(),
    }
}

//! `countersign demo`: a whole service on this machine, with a mail server of
//! its own and people who answer, to be watched for a minute.
//!
//! The service is the real one: its own workers send by SMTP and poll by IMAP
//! and POP3, and it sees nothing but mail. The demo plays the others, reads the
//! ledger aloud, and compares what came of each case with what the script
//! expects. Two things are hurried: polling looks as soon as somebody has
//! answered, and one request expires within seconds.

mod clients;
mod desk;
mod narrator;
mod script;
mod stage;

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use chrono::TimeDelta;
use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use self::{
    clients::Answering,
    desk::Office,
    narrator::Narrator,
    script::{Answer, Case, Road, Script, Step},
    stage::{IMAP_INBOX, POP3_INBOX, Stage, TemporaryDirectory},
};
use super::{CliError, output::Output};
use crate::{
    actions::{requests, submit_request::submit_request},
    clock::Clock,
    config::LogConfig,
    domain::{
        access_request::{
            AccessRequest,
            submission::{Submission, SubmittedApprover, SubmittedRequester},
        },
        address::EmailAddress,
        decision::Disposition,
        ids::AccessRequestId,
        ledger::Kind,
        reply::lexicon::Lexicon,
    },
    random::Random,
    serve,
    store::{Page, inbound_messages, ledger, outbox},
    telemetry,
};

/// What takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the ledger is read while the demo stays up.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Mails about one request that the closing table looks at.
const MAILS_MAX: i64 = 100;
const REQUESTER: &str = "rita";

#[derive(Args)]
pub(crate) struct Demo {
    /// Exit when the script is through: 0 if everything came as expected, else 1
    #[arg(long)]
    once: bool,
    /// Where the API listens [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

pub(crate) async fn run(demo: Demo, output: Output) -> Result<ExitCode, CliError> {
    let quiet = LogConfig { filter: "error".to_owned(), ..LogConfig::default() };
    telemetry::start(&quiet).map_err(|error| CliError::Usage(error.to_string()))?;
    let (clock, random) = (Clock::system(), Random::from_system());
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let script = Script::builtin();
    // Its first request is given seconds: they are not to be spent on compiling words.
    let words = tokio::task::spawn_blocking(Lexicon::builtin);
    words.await.map_err(|error| CliError::Failed(format!("the words: {error}")))?;
    let directory = TemporaryDirectory::make(&random)?;
    let office = Office::open(&script, &[IMAP_INBOX, POP3_INBOX], clock.clone()).await?;
    let dice = (clock, random);
    let stage = Stage::set(&script, &office, directory.path(), demo.listen, dice).await?;
    introduce(&office, &stage, &directory, output);

    let service = tokio::spawn(serve::serve(stage.instance.clone(), stop.clone()));
    let result = tokio::select! {
        result = perform(&script, &office, &stage, output, demo.once) => Some(result),
        () = stop.cancelled() => None,
    };
    stop.cancel();
    let served =
        service.await.map_err(|error| CliError::Failed(format!("the service: {error}")))?;
    drop(directory);
    served?;
    match result {
        // Interrupted by whoever watched.
        None => Ok(ExitCode::SUCCESS),
        Some(result) => Ok(if result? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), CliError> {
    let failed = |source| CliError::File { file: "signals".to_owned(), source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

fn introduce(office: &Office, stage: &Stage, directory: &TemporaryDirectory, output: Output) {
    let sandbox = &office.sandbox;
    for line in [
        "People ask for access, others approve or deny by answering a mail. You watch".to_owned(),
        "the real service do it; the people and their mail server are played. Nothing".to_owned(),
        "leaves this machine.".to_owned(),
        String::new(),
        format!("  data         {}", directory.path().display()),
        format!("  API          http://{}", stage.instance.config.listen),
        format!(
            "  mail server  localhost, SMTP {}, IMAP {} (TLS), POP3 {}",
            sandbox.smtp_port, sandbox.imap_port, sandbox.pop3_port
        ),
        format!(
            "  mailboxes    log in as {}, password `{}`, and look",
            office.address(REQUESTER).map(|a| a.to_string()).unwrap_or_default(),
            office.password()
        ),
    ] {
        output.line(&line);
    }
}

/// The whole play; whether everything came as expected.
async fn perform(
    script: &Script,
    office: &Office,
    stage: &Stage,
    output: Output,
    once: bool,
) -> Result<bool, CliError> {
    let narrator = Narrator::new(stage, script, output);
    let mut play = Play { script, office, stage, narrator };
    play.narrator.skip().await?;
    let results = play.perform().await?;
    let all_well = closing_table(script, &results, output);
    if once {
        return Ok(all_well);
    }
    output.line("");
    output.line("The service stays up, and so does this window: Ctrl-C ends both.");
    loop {
        play.narrator.catch_up().await?;
        sleep(LOOK_EVERY).await;
    }
}

struct Play<'a> {
    script: &'a Script,
    office: &'a Office,
    stage: &'a Stage,
    narrator: Narrator<'a>,
}

impl Play<'_> {
    /// What came of each case, in the order of the script.
    async fn perform(&mut self) -> Result<Vec<String>, CliError> {
        let mut asked = Vec::new();
        for case in self.script.cases.iter().filter(|case| case.answered_last) {
            self.narrator.heading(&format!("{} (to be continued below)", case.title));
            asked.push((case, self.ask(case).await?));
        }
        let mut results = Vec::new();
        for case in &self.script.cases {
            if case.answered_last {
                continue;
            }
            self.narrator.heading(&case.title);
            let request = self.ask(case).await?;
            self.answer_all(case, &request).await?;
            results.push((case, request.id));
        }
        for (case, request) in asked {
            self.narrator.heading(&format!("{} (continued)", case.title));
            self.answer_all(case, &request).await?;
            results.push((case, request.id));
        }
        let mut found = Vec::new();
        for case in &self.script.cases {
            let request = results.iter().find(|(played, _)| std::ptr::eq(*played, case));
            found.push(match request {
                Some((_, request)) => self.outcome(*request).await?,
                None => "not played".to_owned(),
            });
        }
        Ok(found)
    }

    /// Somebody asks for access, as a PAM system would on her behalf.
    async fn ask(&mut self, case: &Case) -> Result<AccessRequest, CliError> {
        let requester = self.script.player(REQUESTER).map(|player| player.name.clone());
        let mut approvers = Vec::new();
        for asked in &case.approvers {
            let email = match (&asked.who, &asked.address) {
                (Some(who), _) => self.office.address(who)?,
                (None, Some(written)) => parsed(written)?,
                (None, None) => return Err(CliError::Failed("an approver is nobody".to_owned())),
            };
            let (name, locale, aliases) = (None, None, Vec::new());
            approvers.push(SubmittedApprover { email, name, locale, level: asked.level, aliases });
        }
        let who = requester.clone().unwrap_or_default();
        self.narrator.tell(&who, &format!("asks for: {}\nreason: {}", case.resource, case.why));
        let now = self.stage.instance.clock.now();
        let submission = Submission {
            external_id: None,
            requester: SubmittedRequester {
                email: self.office.address(REQUESTER)?,
                name: requester,
                aliases: Vec::new(),
            },
            resource: case.resource.clone(),
            justification: Some(case.why.clone()),
            access_starts_at: None,
            access_ends_at: None,
            expires_at: now + TimeDelta::seconds(case.expires_in_seconds),
            approvers,
            quorum: case.quorum,
            proof: None,
            by_mail: None,
            smtp_account_id: Some(self.stage.sender(case.through)),
            metadata: serde_json::json!({}),
        };
        let request = submit_request(&self.stage.instance, submission).await?;
        self.narrator.catch_up().await?;
        Ok(request)
    }

    async fn answer_all(&mut self, case: &Case, request: &AccessRequest) -> Result<(), CliError> {
        for step in &case.steps {
            let went_on = match step {
                Step::Answer(answer) => self.answer(answer, request).await?,
                Step::Wait { waits_for } => self.mail_is(waits_for).await?,
            };
            if !went_on {
                self.narrator.tell("demo", "nothing happens any more; on to the next");
                break;
            }
        }
        Ok(())
    }

    /// Until a mail of ours has come to this; the play has one at a time.
    async fn mail_is(&mut self, state: &str) -> Result<bool, CliError> {
        let until = Instant::now() + PATIENCE;
        let settled = |kind, facts: &serde_json::Value| {
            kind == Kind::DeliverySettled && facts["state"].as_str() == Some(state)
        };
        self.narrator.wait(until, |(entry, _)| settled(entry.kind, &entry.facts)).await
    }

    /// False if there was nothing to answer, or the answer was never judged.
    async fn answer(&mut self, answer: &Answer, request: &AccessRequest) -> Result<bool, CliError> {
        let until = Instant::now() + PATIENCE;
        let id = request.id;
        if answer.after_expiry && !self.is_over(id).await? {
            let closed = move |kind, of| kind == Kind::RequestClosed && of == Some(id);
            let is_closed =
                |(entry, _): &narrator::Happened| closed(entry.kind, entry.access_request_id);
            if !self.narrator.wait(until, is_closed).await? {
                return Ok(false);
            }
        }
        let reader = self.script.player(&answer.who);
        let writer = self.script.player(answer.by.as_ref().unwrap_or(&answer.who));
        let (Some(reader), Some(writer)) = (reader, writer) else { return Ok(false) };
        let question =
            self.office.question(reader, &request.reference(), answer.mail, until).await?;
        let Some(question) = question else { return Ok(false) };
        let Some(to) = question.header_values("Reply-To").next() else { return Ok(false) };
        let to = to.trim().trim_matches(['<', '>']).to_owned();

        let instance = &self.stage.instance;
        let from = self.office.address(&writer.mailbox)?;
        let unique = data_encoding::HEXLOWER.encode(&instance.random.bytes::<8>());
        let message_id = format!("{unique}@{}", self.script.domain);
        let raw = Answering {
            original: &question,
            name: &writer.name,
            from: &from,
            to: &to,
            says: &answer.says,
            at: instance.clock.now(),
            message_id: &message_id,
        }
        .written_with(answer.client);
        self.tell_answer(answer, &writer.name);
        self.office.send(&from, answer.road == Road::Own, &parsed(&to)?, &raw).await?;
        let is_it = |private: &serde_json::Value| private["message_id"] == message_id.as_str();
        self.narrator
            .wait(until, |(entry, private)| {
                entry.kind == Kind::MessageJudged
                    && private.as_ref().is_some_and(|part| is_it(&part.body))
            })
            .await
    }

    fn tell_answer(&self, answer: &Answer, writer: &str) {
        let (who, how) = match (answer.road, &answer.by) {
            (Road::Outside, _) => ("an attacker", format!("answers as {writer}, from outside")),
            (_, Some(_)) => {
                let asked = self.script.player(&answer.who).map_or("", |player| &player.name);
                (writer, format!("answers in the place of {asked} ({})", answer.client.name()))
            }
            (_, None) => (writer, format!("answers ({})", answer.client.name())),
        };
        let says = answer.says.trim().lines().filter(|line| !line.is_empty());
        let says: Vec<String> = says.map(|line| format!("> {line}")).collect();
        self.narrator.tell(who, &format!("{how}:\n{}", says.join("\n")));
    }

    async fn is_over(&self, id: AccessRequestId) -> Result<bool, CliError> {
        let found = requests::find(&self.stage.instance, &id.to_string()).await?;
        Ok(found.closed_at.is_some())
    }

    /// What came of a request, in the words that the script expects: asked of
    /// the store, not of what was told on the way.
    async fn outcome(&mut self, id: AccessRequestId) -> Result<String, CliError> {
        let request = requests::find(&self.stage.instance, &id.to_string()).await?;
        let mut tx = self.stage.instance.store.read().await?;
        let page = Page::first(MAILS_MAX);
        let filter = outbox::OutboxFilter { request: Some(id), ..Default::default() };
        let ours = outbox::list(&mut tx, &filter, &page).await?.items;
        let all = inbound_messages::list(&mut tx, &Default::default(), &page).await?.items;
        let about_it = all.into_iter().rev().filter(|message| {
            let judgement = &message.judgement;
            judgement.access_request_id == Some(id)
                || ours.iter().any(|mail| judgement.outbox_message_id == Some(mail.id))
        });
        let mut parts: Vec<String> = about_it.map(|message| came_to(&message.judgement)).collect();
        let unhappy = ours.iter().filter(|mail| mail.state.is_settled());
        let unhappy = unhappy.filter(|mail| mail.state != crate::domain::outbox::State::Sent);
        parts.extend(unhappy.map(|mail| format!("mail {}", mail.state)));
        let entries = ledger::list_of_request(&mut tx, id).await?;
        let closings = entries.iter().filter(|(entry, _)| entry.kind == Kind::RequestClosed);
        if closings.count() > 1 {
            parts.push("closed twice".to_owned());
        }
        Ok(format!("{} -> {}", parts.join(", "), request.status))
    }
}

/// `approve`, or why it did not count.
fn came_to(judgement: &inbound_messages::Judgement) -> String {
    let disposition = judgement.disposition;
    if disposition != Disposition::Decided {
        return disposition.to_string();
    }
    let answer = judgement.answer.as_deref().unwrap_or("nothing");
    let comment = if judgement.comment.is_some() { " + comment" } else { "" };
    format!("{answer}{comment}")
}

fn parsed(written: &str) -> Result<EmailAddress, CliError> {
    EmailAddress::parse(written)
        .map_err(|problem| CliError::Failed(format!("`{written}`: {problem}")))
}

/// Prints what was expected and what came; whether they are the same.
fn closing_table(script: &Script, results: &[String], output: Output) -> bool {
    let mut rows = Vec::new();
    let mut well = 0;
    for (case, got) in script.cases.iter().zip(results) {
        let is_well = case.expected == *got;
        well += usize::from(is_well);
        // Twice the same words in a row would be hard to compare by eye.
        let shown = if is_well { "the same" } else { got.as_str() };
        let verdict = if is_well { "ok" } else { "WRONG" };
        rows.push([verdict, &case.title, &case.expected, shown].map(str::to_owned).to_vec());
    }
    output.line("");
    output.table(&["verdict", "case", "expected", "got"], rows);
    output.line(&format!("{well} of {} cases came as expected", script.cases.len()));
    well == script.cases.len()
}

//! A dry run: what a mail would come to, and why, with nothing committed.
//!
//! Every step runs whatever failed before, so that an admin sees all of it;
//! the disposition names the first failure, as the service would. Away from an
//! instance the mail is judged alone, and `not_checked` says what is missing.
//!
//! Not here: how it is printed (`cli::explain`, `http`).

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ActionError, Instance,
    judge::{self, Loaded, Opened, Panicked, Surroundings},
    receive_message::sha256,
};
use crate::{
    domain::{
        decision::{self, Disposition, Reason, policy::Policy, proof::Proven},
        ids::InstanceId,
        inbox_account::InboxAccount,
        message::{
            authentication::{authentication_results, dkim_signatures},
            header::Header,
            html,
            origin::Origin,
            parse::Message,
        },
        reply::{
            lexicon::Lexicon,
            read::{self, Read, View},
            wording::{Answer, Evidence},
        },
    },
    store::{Tx, inbox_accounts},
};

/// What a mail came to and everything that led there.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    #[serde(flatten)]
    pub summary: Summary,
    #[serde(flatten)]
    pub detail: Detail,
}

/// The short form: one line of `countersign explain --json`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Summary {
    /// `person`, `auto_reply`, `bounce`, `feedback_report`, `read_receipt`, `list` or `loop`.
    #[schema(value_type = String)]
    pub origin: Origin,
    /// The person's own words, without quotes and signature.
    pub reply_text: String,
    pub reply_with_signature: String,
    /// `approve`, `deny` or `unclear`.
    #[schema(value_type = String)]
    pub answer: Answer,
    /// What stands beside the deciding words.
    pub comment: String,
    /// Of the deciding words, such as `pt`.
    pub language: Option<String>,
    #[schema(value_type = String)]
    pub disposition: Disposition,
    /// The first check that failed, or the decision; a code of `docs/REASONS.md`.
    #[schema(value_type = String)]
    pub reason: Reason,
    /// What could not be looked at; the disposition holds as far as the rest tells.
    pub not_checked: Vec<&'static str>,
    pub cuts: Vec<ShownCut>,
    pub hidden: Vec<ShownHidden>,
    pub structure: Vec<ShownFinding>,
}

/// A piece of a view that is not the person's answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownCut {
    /// `plain` or `html`.
    pub view: &'static str,
    pub rule: &'static str,
    /// Bytes of the view.
    pub start: usize,
    pub end: usize,
    /// How it begins.
    pub text: String,
}

/// Something that was in a view but not to be seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownHidden {
    pub view: &'static str,
    pub rule: &'static str,
    pub text: String,
}

/// Something odd about the structure.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownFinding {
    pub code: &'static str,
    pub detail: String,
    /// A mail with such a finding never decides.
    pub disqualifies: bool,
}

/// The long form: what a screen and the API show besides.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Detail {
    /// The reason as a sentence.
    pub sentence: &'static str,
    /// The only mailbox of the only From.
    pub from: Option<String>,
    pub from_problem: Option<&'static str>,
    pub subject: String,
    /// The rule that told the origin.
    pub origin_because: &'static str,
    /// Why the words answer so.
    pub why: &'static str,
    pub views: Vec<ShownView>,
    pub evidence: ShownEvidence,
}

/// One view of the mail and how it was read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownView {
    /// `plain` or `html`.
    pub view: &'static str,
    /// Of the whole view, quotes and all.
    pub size_bytes: usize,
    pub own_words: String,
    #[schema(value_type = String)]
    pub answer: Answer,
    pub why: &'static str,
    pub language: Option<String>,
    /// Where the split into own words and the rest could not be known.
    pub uncertain: Option<&'static str>,
    pub words: Vec<ShownWords>,
}

/// Words that bore on the answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownWords {
    /// Bytes of the view's own words.
    pub start: usize,
    pub end: usize,
    pub words: String,
    pub role: String,
    pub language: String,
}

/// What vouches for the sender and for the token.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownEvidence {
    /// What each DKIM-Signature field claims, topmost first.
    pub signatures: Vec<ShownSignature>,
    /// What Authentication-Results fields say, whoever wrote them.
    pub results: Vec<ShownResults>,
    /// Where something of token shape stands.
    pub token_carriers: Vec<&'static str>,
    /// None without an instance.
    pub judged: Option<JudgedEvidence>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownSignature {
    pub domain: Option<String>,
    pub selector: Option<String>,
    pub algorithm: Option<String>,
    pub signed_headers: Vec<String>,
    /// `l=`: only so many octets of the body are signed.
    pub body_length: Option<u64>,
    /// Why the field says nothing.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShownResults {
    pub authserv_id: Option<String>,
    /// `dmarc=pass`; empty where the field could not be read.
    pub results: Vec<String>,
}

/// What an instance makes of the evidence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct JudgedEvidence {
    /// What the token came to.
    pub token: &'static str,
    /// Who the From is to the request.
    pub sender: &'static str,
    pub request: Option<String>,
    /// The inbox account whose settings were used.
    pub inbox: String,
    pub proof_wanted: &'static str,
    pub proof_reached: &'static str,
    pub shortfalls: Vec<&'static str>,
}

/// What only an instance knows.
const NOT_CHECKED: [&str; 5] = ["token", "sender", "request_state", "authentication", "policy"];

/// Judges a mail by itself.
pub fn explain_alone(raw: &[u8]) -> Explanation {
    explained_alone(raw).unwrap_or_else(|panicked| gave_up(&panicked))
}

/// Judges a mail against an instance's store, which is only read.
pub async fn explain(instance: &Instance, raw: &[u8]) -> Result<Explanation, ActionError> {
    let mut tx = instance.store.read().await?;
    let around = Surroundings::load(&mut tx).await?;
    let opened = match judge::open(instance, raw, &around) {
        Ok(opened) => opened,
        Err(panicked) => return Ok(gave_up(&panicked)),
    };
    let Some(account) = receiving(&mut tx, &opened.message).await? else {
        return Ok(explain_alone(raw));
    };
    let loaded = judge::load(instance, &mut tx, &opened, &sha256(raw), None).await?;
    let now = tx.now().await?;
    let explained = judge::conclude(&opened, &loaded, &account, now).and_then(|concluded| {
        let judged =
            judged_evidence(&loaded, &account, concluded.policy, concluded.proven.as_ref());
        judge::guarded(|| {
            explanation(&opened, &concluded.read, concluded.verdict.reason, Some(judged))
        })
    });
    Ok(explained.unwrap_or_else(|panicked| gave_up(&panicked)))
}

fn explained_alone(raw: &[u8]) -> Result<Explanation, Panicked> {
    let nobody = InstanceId(uuid::Uuid::nil());
    let opened = judge::open_as(nobody, raw, &Surroundings::default())?;
    judge::guarded(|| {
        let loaded = Loaded::nothing();
        let message = &opened.message;
        let read = read::read(
            message.plain.as_deref(),
            message.html.as_deref(),
            &loaded.ours,
            None,
            Lexicon::builtin(),
        );
        let facts = judge::mail_facts(&opened, &loaded, None, Policy::default());
        let reason = decision::of_the_mail_alone(&facts, read.answer());
        explanation(&opened, &read, reason, None)
    })
}

/// The inbox account that the mail is addressed to, or the first.
async fn receiving(tx: &mut Tx, message: &Message) -> Result<Option<InboxAccount>, ActionError> {
    let mut accounts = inbox_accounts::list(tx).await?;
    let takes = |account: &InboxAccount| {
        account.addresses.iter().any(|base| {
            message.to.iter().chain(&message.cc).any(|to| {
                let separator = account.sub_address.as_deref();
                to.address.is_same_mailbox(base)
                    || separator.is_some_and(|s| to.address.detail_of(base, s).is_some())
            })
        })
    };
    let at = accounts.iter().position(takes).unwrap_or(0);
    Ok((at < accounts.len()).then(|| accounts.swap_remove(at)))
}

fn explanation(
    opened: &Opened,
    read: &Read,
    reason: Reason,
    judged: Option<JudgedEvidence>,
) -> Explanation {
    let message = &opened.message;
    let together = &read.together;
    let visible = message.html.as_deref().map(|source| html::visible(source).text);
    let text_of = |view: &View| match view.name {
        "html" => visible.as_deref().unwrap_or_default(),
        _ => message.plain.as_deref().unwrap_or_default(),
    };
    let not_checked = if judged.is_some() { Vec::new() } else { NOT_CHECKED.to_vec() };
    Explanation {
        summary: Summary {
            origin: opened.origin.origin,
            reply_text: read.text().to_owned(),
            reply_with_signature: read.text_with_signature().to_owned(),
            answer: together.answer,
            comment: together.comment.clone(),
            language: together.language.clone(),
            disposition: reason.disposition(),
            reason,
            not_checked,
            cuts: read.views.iter().flat_map(|view| cuts(view, text_of(view))).collect(),
            hidden: read.views.iter().flat_map(hidden).collect(),
            structure: structure(message),
        },
        detail: Detail {
            sentence: reason.sentence(),
            from: message.from.as_ref().ok().map(|from| from.address.to_string()),
            from_problem: message.from.as_ref().err().map(|problem| problem.code()),
            subject: message.subject.clone(),
            origin_because: opened.origin.because,
            why: together.reason.code(),
            views: read.views.iter().map(|view| shown_view(view, text_of(view).len())).collect(),
            evidence: evidence(opened, judged),
        },
    }
}

/// Neighbouring pieces of one rule are shown as one.
fn cuts(view: &View, text: &str) -> Vec<ShownCut> {
    let mut shown: Vec<ShownCut> = Vec::new();
    for cut in &view.authored.cuts {
        if let Some(last) = shown.last_mut()
            && last.rule == cut.rule
            && last.end + 1 >= cut.start
        {
            last.end = last.end.max(cut.end);
            continue;
        }
        let (rule, start, end) = (cut.rule, cut.start, cut.end);
        shown.push(ShownCut { view: view.name, rule, start, end, text: String::new() });
    }
    for cut in &mut shown {
        cut.text = beginning(text.get(cut.start..cut.end).unwrap_or_default());
    }
    shown
}

/// On one line, at most so many characters.
fn beginning(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let words: Vec<&str> = text.split_whitespace().take(CHARS_MAX).collect();
    words.join(" ").chars().take(CHARS_MAX).collect()
}

fn hidden(view: &View) -> Vec<ShownHidden> {
    let shown = |hidden: &html::Hidden| ShownHidden {
        view: view.name,
        rule: hidden.rule,
        text: hidden.text.clone(),
    };
    view.authored.hidden.iter().map(shown).collect()
}

fn structure(message: &Message) -> Vec<ShownFinding> {
    let from = message.from.as_ref().err().map(|problem| ShownFinding {
        code: problem.code(),
        detail: "From".to_owned(),
        disqualifies: true,
    });
    let findings = message.structure.iter().map(|finding| ShownFinding {
        code: finding.code,
        detail: finding.detail.clone(),
        disqualifies: finding.disqualifies,
    });
    findings.chain(from).collect()
}

fn shown_view(view: &View, size_bytes: usize) -> ShownView {
    let reading = &view.reading;
    ShownView {
        view: view.name,
        size_bytes,
        own_words: view.authored.text.clone(),
        answer: reading.answer,
        why: reading.reason.code(),
        language: reading.language.clone(),
        uncertain: view.authored.uncertain,
        words: reading.evidence.iter().map(shown_words).collect(),
    }
}

fn shown_words(evidence: &Evidence) -> ShownWords {
    ShownWords {
        start: evidence.start,
        end: evidence.end,
        words: evidence.words.clone(),
        role: snake(&format!("{:?}", evidence.role)),
        language: evidence.language.clone(),
    }
}

fn evidence(opened: &Opened, judged: Option<JudgedEvidence>) -> ShownEvidence {
    let headers = &opened.message.headers;
    let mut token_carriers: Vec<&'static str> =
        opened.sightings.iter().map(|sighting| sighting.carrier.code()).collect();
    token_carriers.dedup();
    ShownEvidence {
        signatures: signatures(headers),
        results: results(headers),
        token_carriers,
        judged,
    }
}

fn signatures(headers: &[Header]) -> Vec<ShownSignature> {
    let shown = |field: Result<_, _>| match field {
        Ok(claim) => {
            let claim: crate::domain::message::authentication::DkimSignature = claim;
            ShownSignature {
                domain: Some(claim.domain),
                selector: Some(claim.selector),
                algorithm: Some(snake(&format!("{:?}", claim.algorithm))),
                signed_headers: claim.signed_headers,
                body_length: claim.body_length,
                problem: None,
            }
        }
        Err(problem) => {
            let problem: crate::domain::message::authentication::NotASignature = problem;
            ShownSignature {
                domain: None,
                selector: None,
                algorithm: None,
                signed_headers: Vec::new(),
                body_length: None,
                problem: Some(problem.to_string()),
            }
        }
    };
    dkim_signatures(headers).into_iter().map(|field| shown(field.signature)).collect()
}

fn results(headers: &[Header]) -> Vec<ShownResults> {
    authentication_results(headers)
        .into_iter()
        .map(|field| ShownResults {
            authserv_id: field.authserv_id,
            results: field
                .results
                .into_iter()
                .flatten()
                .map(|said| format!("{}={}", said.method, snake(&format!("{:?}", said.result))))
                .collect(),
        })
        .collect()
}

fn judged_evidence(
    loaded: &Loaded,
    account: &InboxAccount,
    policy: Policy,
    proven: Option<&Proven>,
) -> JudgedEvidence {
    let reached = proven.map_or(decision::policy::Proof::TokenOnly, |proven| proven.level);
    JudgedEvidence {
        token: judge::token_word(&loaded.finding),
        sender: judge::sender_word(loaded.sender),
        request: loaded.request.as_ref().map(|request| request.reference()),
        inbox: account.name.clone(),
        proof_wanted: policy.proof.code(),
        proof_reached: reached.code(),
        shortfalls: proven
            .map(|proven| proven.shortfalls.iter().map(|shortfall| shortfall.code()).collect())
            .unwrap_or_default(),
    }
}

/// The service would try such a mail three times and then keep it unjudged.
fn gave_up(panicked: &Panicked) -> Explanation {
    tracing::error!(%panicked, "a mail could not be judged");
    let reason = Reason::FailedThreeTimes;
    Explanation {
        summary: Summary {
            origin: Origin::Person,
            reply_text: String::new(),
            reply_with_signature: String::new(),
            answer: Answer::Unclear,
            comment: String::new(),
            language: None,
            disposition: reason.disposition(),
            reason,
            not_checked: NOT_CHECKED.to_vec(),
            cuts: Vec::new(),
            hidden: Vec::new(),
            structure: Vec::new(),
        },
        detail: Detail {
            sentence: reason.sentence(),
            from: None,
            from_problem: None,
            subject: String::new(),
            origin_because: "not_judged",
            why: "not_judged",
            views: Vec::new(),
            evidence: ShownEvidence {
                signatures: Vec::new(),
                results: Vec::new(),
                token_carriers: Vec::new(),
                judged: None,
            },
        },
    }
}

/// `RsaSha256` as `rsa_sha256`.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(mail: &str) -> Explanation {
        explain_alone(mail.replace('\n', "\r\n").as_bytes())
    }

    fn check(mail: &str, answer: Answer, reason: Reason) {
        let got = explained(mail).summary;
        assert_eq!((got.answer, got.reason), (answer, reason), "{mail}");
        assert_eq!(got.disposition, reason.disposition());
        assert_eq!(got.not_checked, NOT_CHECKED);
    }

    #[test]
    fn a_mail_alone_says_what_it_would_be() {
        check("From: a@x.test\n\nApproved.\n", Answer::Approve, Reason::Approved);
        check("From: a@x.test\n\nI deny this.\n", Answer::Deny, Reason::Denied);
        check("From: a@x.test\n\nwho is asking?\n", Answer::Unclear, Reason::WordsUnclear);
    }

    #[test]
    fn the_first_failure_names_the_disposition_and_every_step_still_runs() {
        check(
            "From: a@x.test\nFrom: b@x.test\n\nApproved.\n",
            Answer::Approve,
            Reason::AmbiguousStructure,
        );
        check(
            "From: a@x.test, b@x.test\n\nApproved.\n",
            Answer::Approve,
            Reason::FromNotOneMailbox,
        );
        let automatic = "From: a@x.test\nAuto-Submitted: auto-replied\n\nApproved.\n";
        check(automatic, Answer::Approve, Reason::AutomaticReply);
    }

    #[test]
    fn what_was_cut_is_shown_with_its_place() {
        let got = explained("From: a@x.test\n\nApproved.\n\n> yes or no?\n> it matters\n").summary;
        let [cut] = &got.cuts[..] else { panic!("{:?}", got.cuts) };
        assert_eq!((cut.view, cut.text.as_str()), ("plain", "> yes or no? > it matters"));
        assert_eq!(got.reply_text.trim(), "Approved.");
    }

    #[test]
    fn the_words_that_decided_are_shown_with_their_place() {
        let got = explained("From: a@x.test\n\nHi, I approve.\n").detail;
        let words = &got.views[0].words[0];
        assert_eq!(&got.views[0].own_words[words.start..words.end], words.words);
    }
}

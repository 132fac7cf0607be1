//! What a server's answer means for the mail it was about. Pure: the delivery
//! worker tells what happened, this says what follows, and why, by a stable
//! code.
//!
//! The rules (reliability I13, I14), the first that fits:
//!
//! | what happened | what follows |
//! |---|---|
//! | accepted after the final dot | sent |
//! | no reply after the final dot | unknown; again, same Message-ID |
//! | DNS, TCP, TLS, a timeout | deferred |
//! | 421 anywhere | deferred, on a new connection |
//! | 535, 530, 5.7.x or any other final refusal at AUTH | account paused, mail kept |
//! | 530, 535, 5.7.x at MAIL | account paused, mail kept |
//! | 552, 5.3.4, 5.2.3 at MAIL, RCPT or DATA | this mail failed |
//! | 4xx | deferred |
//! | 5xx at RCPT, DATA, or at MAIL for this mail | failed |
//! | 5xx before MAIL | deferred: it is about us or the server, not the mail |

use chrono::{DateTime, Utc};

use super::{
    State,
    schedule::{gives_up_at, next_attempt},
};

/// Where in the conversation a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Dns,
    Connector,
    Connect,
    Tls,
    /// The 220 that opens (RFC 5321 §3.1).
    Greeting,
    Ehlo,
    Auth,
    Mail,
    Rcpt,
    /// DATA itself and what answers the final dot.
    Data,
}

impl Step {
    /// The word for it in a delivery attempt.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connector => "connector",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
        }
    }
}

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendResult {
    /// A 2xx after the final dot.
    Accepted { code: u16, text: String },
    /// The server said no; `enhanced` is its status code (RFC 3463), `5.7.1`.
    Refused { step: Step, code: u16, enhanced: Option<String>, text: String },
    /// The final dot was sent and nothing came back.
    NoReplyAfterData { text: String },
    /// There was no answer to have: DNS, TCP, TLS, a timeout, a closed line.
    Unreachable { step: Step, text: String },
}

/// The mail's life so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Tries made, this one included.
    pub attempts: i64,
    pub enqueued_at: DateTime<Utc>,
    /// After this the mail is of no use.
    pub not_after: Option<DateTime<Utc>>,
}

/// What follows from a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    pub state: State,
    /// A stable code; none where the mail was sent.
    pub reason: Option<&'static str>,
    /// When to try again; none where nothing more is tried, and where the
    /// account is paused (a person ends that, and then all of its queue is due).
    pub due_at: Option<DateTime<Utc>>,
    /// The account must not be used until a person has acted; an alert is owed.
    /// Its text names the server's words.
    pub pause_account: Option<String>,
    /// The connection is of no further use.
    pub reconnect: bool,
}

/// Says what follows. `jitter` is in `0.0..1.0`.
pub fn outcome(sent: &SendResult, trial: Trial, now: DateTime<Utc>, jitter: f64) -> After {
    match sent {
        SendResult::Accepted { .. } => settled(State::Sent, None),
        SendResult::NoReplyAfterData { .. } => {
            let again = again(State::Unknown, "no_reply_after_data", trial, now, jitter);
            After { reconnect: true, ..again }
        }
        SendResult::Unreachable { step, .. } => {
            let again = again(State::Deferred, unreachable_reason(*step), trial, now, jitter);
            After { reconnect: true, ..again }
        }
        SendResult::Refused { step, code, enhanced, text } => {
            let refusal = Refusal { step: *step, code: *code, enhanced: enhanced.as_deref() };
            match refusal.meaning() {
                Meaning::PauseAccount(reason) => After {
                    state: State::Queued,
                    reason: Some(reason),
                    due_at: None,
                    pause_account: Some(pause_text(*step, *code, text)),
                    reconnect: true,
                },
                Meaning::Failed(reason) => settled(State::Failed, Some(reason)),
                Meaning::Later { reason, reconnect } => {
                    After { reconnect, ..again(State::Deferred, reason, trial, now, jitter) }
                }
            }
        }
    }
}

struct Refusal<'a> {
    step: Step,
    code: u16,
    enhanced: Option<&'a str>,
}

enum Meaning {
    PauseAccount(&'static str),
    Failed(&'static str),
    Later { reason: &'static str, reconnect: bool },
}

impl Refusal<'_> {
    fn meaning(&self) -> Meaning {
        let before_mail = !matches!(self.step, Step::Auth | Step::Mail | Step::Rcpt | Step::Data);
        if self.code == 421 {
            return Meaning::Later { reason: "server_closing", reconnect: true };
        }
        if !self.is_final() || before_mail {
            let reason = if before_mail { "server_refuses_us" } else { "refused_for_now" };
            let reconnect = before_mail || self.step == Step::Auth;
            return Meaning::Later { reason, reconnect };
        }
        match self.step {
            Step::Auth => Meaning::PauseAccount("login_refused"),
            _ if self.is_too_large() => Meaning::Failed("too_large"),
            Step::Mail if self.is_about_the_account() => {
                Meaning::PauseAccount("sender_not_permitted")
            }
            Step::Mail => Meaning::Failed("sender_refused"),
            Step::Rcpt => Meaning::Failed("recipient_refused"),
            _ => Meaning::Failed("content_refused"),
        }
    }

    /// 5xx. The enhanced code is more exact where the two disagree
    /// (RFC 3463 §2); what is neither 4xx nor 5xx is a broken server, which
    /// may mend.
    fn is_final(&self) -> bool {
        match self.enhanced.map(str::as_bytes) {
            Some([b'4', b'.', ..]) => false,
            _ => (500..600).contains(&self.code),
        }
    }

    /// RFC 3463 §3.3, §3.4: 5.2.3 longer than the mailbox allows, 5.3.4 too
    /// big for the system. 552 alone says the same, unless its enhanced code
    /// says that the mailbox is full (5.2.2), which ends the same way here.
    fn is_too_large(&self) -> bool {
        matches!(self.enhanced, Some("5.3.4" | "5.2.3")) || (self.code == 552 && !self.is_full())
    }

    fn is_full(&self) -> bool {
        self.enhanced == Some("5.2.2")
    }

    fn is_about_the_account(&self) -> bool {
        matches!(self.code, 530 | 535)
            || self.enhanced.is_some_and(|enhanced| enhanced.starts_with("5.7."))
    }
}

/// Deferred or unknown, unless the time for it has run out.
fn again(
    state: State,
    reason: &'static str,
    trial: Trial,
    now: DateTime<Utc>,
    jitter: f64,
) -> After {
    let due_at = next_attempt(now, trial.attempts, jitter);
    if due_at < gives_up_at(trial.enqueued_at, trial.not_after) {
        let due_at = Some(due_at);
        return After {
            state,
            reason: Some(reason),
            due_at,
            pause_account: None,
            reconnect: false,
        };
    }
    // Where it is perhaps sent, that stays the truth about it: the reason says so.
    match (state, trial.not_after) {
        (State::Unknown, _) => settled(State::Expired, Some("perhaps_sent")),
        (_, Some(_)) => settled(State::Expired, Some("out_of_time")),
        (_, None) => settled(State::Failed, Some("tried_five_days")),
    }
}

fn settled(state: State, reason: Option<&'static str>) -> After {
    After { state, reason, due_at: None, pause_account: None, reconnect: false }
}

fn unreachable_reason(step: Step) -> &'static str {
    match step {
        Step::Dns => "dns_failed",
        Step::Connector => "connector_failed",
        Step::Connect => "connect_failed",
        Step::Tls => "tls_failed",
        _ => "connection_lost",
    }
}

fn pause_text(step: Step, code: u16, text: &str) -> String {
    let words: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
    format!("the server refused us at {}: {code} {}", step.as_str().to_uppercase(), words.trim())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn noon() -> DateTime<Utc> {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn first() -> Trial {
        Trial { attempts: 1, enqueued_at: noon(), not_after: None }
    }

    fn refused(step: Step, code: u16, enhanced: &str) -> SendResult {
        let enhanced = (!enhanced.is_empty()).then(|| enhanced.to_owned());
        SendResult::Refused { step, code, enhanced, text: "no\r\nthanks".to_owned() }
    }

    /// (state, reason, pauses, reconnects)
    fn check(sent: &SendResult, expected: (State, &str, bool, bool)) {
        let after = outcome(sent, first(), noon(), 0.0);
        let got = (
            after.state,
            after.reason.unwrap_or_default(),
            after.pause_account.is_some(),
            after.reconnect,
        );
        assert_eq!(got, expected, "{sent:?}");
        let waits = matches!(after.state, State::Deferred | State::Unknown);
        assert_eq!(after.due_at.is_some(), waits, "{sent:?}");
        if waits {
            assert_eq!(after.due_at, Some(noon() + TimeDelta::minutes(1)));
        }
    }

    #[test]
    fn accepted_is_sent() {
        let accepted = SendResult::Accepted { code: 250, text: "queued".to_owned() };
        check(&accepted, (State::Sent, "", false, false));
    }

    #[test]
    fn what_passes_is_tried_again() {
        use Step::{Auth, Connect, Connector, Data, Dns, Ehlo, Greeting, Mail, Rcpt, Tls};
        for (step, reason) in [
            (Dns, "dns_failed"),
            (Connector, "connector_failed"),
            (Connect, "connect_failed"),
            (Tls, "tls_failed"),
            (Greeting, "connection_lost"),
            (Rcpt, "connection_lost"),
        ] {
            let text = "timed out".to_owned();
            let sent = SendResult::Unreachable { step, text };
            check(&sent, (State::Deferred, reason, false, true));
        }
        for (step, code, enhanced, reason, reconnect) in [
            (Greeting, 421, "", "server_closing", true),
            (Rcpt, 421, "4.3.2", "server_closing", true),
            (Data, 421, "", "server_closing", true),
            (Greeting, 554, "", "server_refuses_us", true),
            (Ehlo, 550, "", "server_refuses_us", true),
            (Auth, 454, "4.7.0", "refused_for_now", true),
            (Mail, 451, "", "refused_for_now", false),
            (Mail, 452, "4.3.1", "refused_for_now", false),
            (Rcpt, 450, "4.2.0", "refused_for_now", false),
            (Rcpt, 550, "4.2.2", "refused_for_now", false),
            (Data, 451, "4.7.1", "refused_for_now", false),
            (Rcpt, 999, "", "refused_for_now", false),
            (Rcpt, 0, "", "refused_for_now", false),
        ] {
            check(&refused(step, code, enhanced), (State::Deferred, reason, false, reconnect));
        }
    }

    #[test]
    fn what_a_person_must_mend_pauses_the_account_and_keeps_the_mail() {
        use Step::{Auth, Mail};
        for (step, code, enhanced, reason) in [
            (Auth, 535, "5.7.8", "login_refused"),
            (Auth, 530, "", "login_refused"),
            (Auth, 534, "5.7.9", "login_refused"),
            (Auth, 500, "", "login_refused"),
            (Mail, 530, "5.7.0", "sender_not_permitted"),
            (Mail, 535, "", "sender_not_permitted"),
            (Mail, 550, "5.7.60", "sender_not_permitted"),
            (Mail, 553, "5.7.1", "sender_not_permitted"),
        ] {
            check(&refused(step, code, enhanced), (State::Queued, reason, true, true));
        }
        let after = outcome(&refused(Auth, 535, "5.7.8"), first(), noon(), 0.0);
        let text = after.pause_account.unwrap();
        assert_eq!(text, "the server refused us at AUTH: 535 no  thanks");
    }

    #[test]
    fn what_no_time_mends_has_failed() {
        use Step::{Data, Mail, Rcpt};
        for (step, code, enhanced, reason) in [
            (Mail, 552, "", "too_large"),
            (Mail, 552, "5.3.4", "too_large"),
            (Mail, 550, "5.2.3", "too_large"),
            (Mail, 550, "5.1.7", "sender_refused"),
            (Rcpt, 550, "5.1.1", "recipient_refused"),
            (Rcpt, 550, "5.7.1", "recipient_refused"),
            (Rcpt, 552, "5.2.2", "recipient_refused"),
            (Rcpt, 553, "", "recipient_refused"),
            (Data, 554, "5.7.1", "content_refused"),
            (Data, 552, "", "too_large"),
        ] {
            check(&refused(step, code, enhanced), (State::Failed, reason, false, false));
        }
    }

    #[test]
    fn silence_after_the_final_dot_is_unknown_and_tried_again() {
        let silent = SendResult::NoReplyAfterData { text: "timed out".to_owned() };
        check(&silent, (State::Unknown, "no_reply_after_data", false, true));
    }

    #[test]
    fn trying_ends_when_it_is_of_no_use() {
        let busy = refused(Step::Rcpt, 450, "");
        let silent = SendResult::NoReplyAfterData { text: String::new() };
        let soon = Some(noon() + TimeDelta::seconds(60));
        let later = Some(noon() + TimeDelta::seconds(61));
        let long_ago = noon() - TimeDelta::days(5) + TimeDelta::minutes(30);
        for (sent, attempts, enqueued_at, not_after, state, reason) in [
            (&busy, 1, noon(), later, State::Deferred, "refused_for_now"),
            (&busy, 1, noon(), soon, State::Expired, "out_of_time"),
            (&busy, 99, long_ago, None, State::Failed, "tried_five_days"),
            (&silent, 1, noon(), soon, State::Expired, "perhaps_sent"),
            (&silent, 1, noon(), later, State::Unknown, "no_reply_after_data"),
        ] {
            let trial = Trial { attempts, enqueued_at, not_after };
            let after = outcome(sent, trial, noon(), 0.0);
            assert_eq!((after.state, after.reason), (state, Some(reason)), "{sent:?} {trial:?}");
            assert_eq!(after.due_at.is_none(), after.state.is_settled());
        }
    }
}

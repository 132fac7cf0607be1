//! An explanation as a screen that an admin reads from top to bottom: what
//! came in, what was made of it, and last what it would come to.

use std::fmt::Write;

use crate::{
    actions::explain::{Explanation, ShownEvidence, ShownView},
    cli::output::{printable, short},
};

pub(super) fn screen(file: &str, explanation: &Explanation) -> String {
    let mut screen = Screen::default();
    let (summary, detail) = (&explanation.summary, &explanation.detail);
    screen.heading(file);
    match (&detail.from, detail.from_problem) {
        (Some(from), _) => screen.row("from", from),
        (None, problem) => {
            screen.row("from", &format!("nobody ({})", problem.unwrap_or("missing")))
        }
    }
    screen.row("subject", &short(&detail.subject, 100));
    screen.row("origin", &format!("{}, because {}", word(&summary.origin), detail.origin_because));
    screen.structure(explanation);
    for view in &detail.views {
        screen.view(view, explanation);
    }
    if detail.views.is_empty() {
        screen.row("views", "none: there is nothing to read");
    }
    screen.evidence(&detail.evidence);
    screen.verdict(explanation);
    screen.text
}

#[derive(Default)]
struct Screen {
    text: String,
}

impl Screen {
    fn heading(&mut self, file: &str) {
        let _ = writeln!(self.text, "{}", printable(file));
    }

    fn row(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.text, "  {name:<15}{}", printable(value).replace('\n', " "));
    }

    fn under(&mut self, line: &str) {
        let _ = writeln!(self.text, "    {}", printable(line).replace('\n', " ").trim_end());
    }

    fn structure(&mut self, explanation: &Explanation) {
        let findings = &explanation.summary.structure;
        if findings.is_empty() {
            return self.row("structure", "one reading, nothing odd");
        }
        self.row("structure", "");
        for finding in findings {
            let weight = if finding.disqualifies { "forbids a decision" } else { "noted" };
            self.under(&format!("{:<32}{:<20}{}", finding.code, weight, finding.detail));
        }
    }

    fn view(&mut self, view: &ShownView, explanation: &Explanation) {
        let says = match &view.language {
            Some(language) => format!("{} ({}, {language})", word(&view.answer), view.why),
            None => format!("{} ({})", word(&view.answer), view.why),
        };
        let name = format!("{} view", view.view);
        self.row(&name, &format!("{} bytes, says {says}", view.size_bytes));
        if let Some(rule) = view.uncertain {
            self.under(&format!("where the own words end is uncertain: {rule}"));
        }
        const LINES_SHOWN: usize = 20;
        self.under(if view.own_words.trim().is_empty() { "own words: none" } else { "own words" });
        let lines: Vec<&str> = view.own_words.trim_end().lines().collect();
        for line in lines.iter().take(LINES_SHOWN) {
            self.under(&format!("  | {}", short(line, 110)));
        }
        if lines.len() > LINES_SHOWN {
            self.under(&format!("  | and {} lines more", lines.len() - LINES_SHOWN));
        }
        if !view.words.is_empty() {
            self.under("decided by");
        }
        for words in &view.words {
            let place = format!("{}..{}", words.start, words.end);
            let said = format!("\"{}\"", short(&words.words, 60));
            self.under(&format!("  {place:<12}{said:<28} {} ({})", words.role, words.language));
        }
        self.cuts(view.view, explanation);
    }

    fn cuts(&mut self, view: &str, explanation: &Explanation) {
        let mut cuts = explanation.summary.cuts.iter().filter(|cut| cut.view == view).peekable();
        if cuts.peek().is_some() {
            self.under("cut");
        }
        for cut in cuts {
            let place = format!("{}..{}", cut.start, cut.end);
            self.under(&format!("  {place:<12}{:<28} {}", cut.rule, short(&cut.text, 60)));
        }
        let mut hidden =
            explanation.summary.hidden.iter().filter(|hidden| hidden.view == view).peekable();
        if hidden.peek().is_some() {
            self.under("hidden from the eye, and not read");
        }
        for hidden in hidden {
            self.under(&format!("  {:<40} {}", hidden.rule, short(&hidden.text, 60)));
        }
    }

    fn evidence(&mut self, evidence: &ShownEvidence) {
        self.row("sender's proof", "");
        if evidence.signatures.is_empty() {
            self.under("no DKIM signature");
        }
        for signature in &evidence.signatures {
            let line = match &signature.problem {
                Some(problem) => format!("DKIM-Signature says nothing: {problem}"),
                None => format!(
                    "DKIM-Signature claims {} (selector {}, {}) over {}{}",
                    signature.domain.as_deref().unwrap_or("?"),
                    signature.selector.as_deref().unwrap_or("?"),
                    signature.algorithm.as_deref().unwrap_or("?"),
                    signature.signed_headers.join(", "),
                    signature
                        .body_length
                        .map_or(String::new(), |l| format!("; only {l} octets of the body")),
                ),
            };
            self.under(&line);
        }
        for results in &evidence.results {
            let by = results.authserv_id.as_deref().unwrap_or("nobody named");
            let said = if results.results.is_empty() {
                "nothing that can be read".to_owned()
            } else {
                results.results.join(" ")
            };
            self.under(&format!("Authentication-Results of {by}: {said}"));
        }
        let carriers = match evidence.token_carriers.as_slice() {
            [] => "nothing of token shape".to_owned(),
            carriers => format!("something of token shape in {}", carriers.join(", ")),
        };
        self.under(&carriers);
        if let Some(judged) = &evidence.judged {
            self.under(&format!(
                "token {}, request {}, sender is the request's {}",
                judged.token,
                judged.request.as_deref().unwrap_or("unknown"),
                judged.sender
            ));
            self.under(&format!(
                "proof reached {}, inbox `{}` and the request ask for {}",
                judged.proof_reached, judged.inbox, judged.proof_wanted
            ));
            for shortfall in &judged.shortfalls {
                self.under(&format!("  falls short: {shortfall}"));
            }
        }
    }

    fn verdict(&mut self, explanation: &Explanation) {
        let (summary, detail) = (&explanation.summary, &explanation.detail);
        self.row("answer", &format!("{} ({})", word(&summary.answer), detail.why));
        if !summary.comment.trim().is_empty() {
            self.row("comment", &short(summary.comment.trim(), 100));
        }
        let alone = if summary.not_checked.is_empty() { "" } else { "would be " };
        self.row(
            "verdict",
            &format!("{alone}{} ({}): {}", summary.disposition, summary.reason, detail.sentence),
        );
        if !summary.not_checked.is_empty() {
            self.row("not checked", &summary.not_checked.join(", "));
            self.under("by the mail alone; --instance checks these too");
        }
    }
}

/// The stable word of an enum.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}

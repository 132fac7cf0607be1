//! Our own words, which never count as the person's.
//!
//! Some programs quote without any mark, so the text of the notification is
//! compared with the reply: whole lines, and runs of words where the quote was
//! wrapped anew.

use std::collections::HashSet;

/// A shorter line can be a person's own ("Approved.").
const LINE_CHARS_MIN: usize = 14;
/// What stands before each line that a requester wrote (`notification`).
const BAR: char = '|';
/// We wrap such lines, so a longer one is not as we sent it.
const BARRED_BYTES_MAX: usize = 500;
/// Words in a row that must all be ours where the wrapping differs.
const RUN: usize = 6;
const LINE_BYTES_MAX: usize = 4_000;

/// What we know of the mail that is being answered.
#[derive(Debug, Clone, Default)]
pub struct OurText {
    lines: HashSet<String>,
    /// Lines too short to be told from the person's, save next to a longer one.
    short: HashSet<String>,
    runs: HashSet<String>,
    /// What the requester wrote, all in one: we set a bar before each line.
    barred: String,
    /// What stands behind a label or a bar, each by itself.
    values: HashSet<String>,
    /// `Resource: db1` whole, and `Resource:` alone.
    labelled: HashSet<String>,
    labels: HashSet<String>,
}

impl OurText {
    /// From the plain text of the notification as it was sent.
    pub fn new(notification_text: &str) -> Self {
        let mut ours = Self::default();
        for line in notification_text.lines() {
            let line = bare(line);
            if line.chars().filter(|c| !c.is_whitespace()).count() >= LINE_CHARS_MIN {
                ours.lines.insert(line);
            } else if !line.is_empty() {
                ours.short.insert(line);
            }
        }
        for line in notification_text.lines() {
            match line.split_once(": ") {
                _ if line.starts_with(BAR) => {
                    ours.values.insert(bare(line));
                }
                Some((label, value)) => {
                    ours.values.insert(bare(value));
                    ours.labelled.insert(bare(line));
                    ours.labels.insert(bare(label));
                }
                None => {}
            }
        }
        for line in notification_text.lines().filter(|line| line.starts_with(BAR)) {
            ours.barred.push(' ');
            ours.barred.push_str(&bare(line));
        }
        ours.barred.push(' ');
        let whole = bare(notification_text);
        let words: Vec<&str> = whole.split(' ').collect();
        ours.runs = words.windows(RUN).map(|run| run.join(" ")).collect();
        ours
    }

    /// We do not know what is being answered.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Whether nothing is known of the mail that is answered.
    pub(super) fn is_unknown(&self) -> bool {
        self.lines.is_empty() && self.short.is_empty()
    }

    /// Whether this line could be ours, if the one above it is.
    pub(super) fn may_hold(&self, line: &str) -> bool {
        line.len() <= LINE_BYTES_MAX && self.short.contains(&bare(line))
    }

    /// Whether others may have written this line into our text, so that only its
    /// neighbours tell whose it is. Labels and bars get lost on the way.
    pub(super) fn may_quote(&self, line: &str) -> bool {
        line.len() <= BARRED_BYTES_MAX && self.values.contains(&bare(line))
    }

    /// Whether this line of a reply is ours.
    pub(super) fn holds(&self, line: &str) -> bool {
        if self.lines.is_empty() || line.len() > LINE_BYTES_MAX {
            return false;
        }
        if line.starts_with(BAR) && self.is_barred(line) {
            return true;
        }
        let is_label = line.trim_end().ends_with(':');
        let line = bare(line);
        if self.labelled.contains(&line) || is_label && self.labels.contains(&line) {
            return true;
        }
        if self.lines.contains(&line) {
            return true;
        }
        let words: Vec<&str> = line.split(' ').collect();
        words.len() >= RUN && words.windows(RUN).all(|run| self.runs.contains(&run.join(" ")))
    }
}

impl OurText {
    /// Words behind a bar are the requester's, however few: nobody begins his
    /// answer with one. "APPROVE" may well be among them.
    fn is_barred(&self, line: &str) -> bool {
        line.len() <= BARRED_BYTES_MAX && self.barred.contains(&format!(" {} ", bare(line)))
    }
}

/// Letters and digits only: programs turn stars, brackets and rules as they like.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_alphanumeric() {
            bare.extend(character.to_lowercase());
        } else if !bare.ends_with(' ') && !bare.is_empty() {
            bare.push(' ');
        }
    }
    bare.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTIFICATION: &str = "Resource: yes\n| APPROVE\nBen asks for root on db-7.\n\nTo let him in, answer this mail with the single word\nAPPROVE on a line of its own, to refuse with DENY.\nRef: 9f-22-abcd-0001\n";

    fn check(line: &str, ours: bool) {
        assert_eq!(OurText::new(NOTIFICATION).holds(line), ours, "{line}");
    }

    #[test]
    fn a_line_of_ours_is_known_whatever_its_case_and_marks() {
        check("Ben asks for root on db-7.", true);
        check("| *ben asks for ROOT on db-7*", true);
        check("Ref: 9f-22-abcd-0001", true);
    }

    #[test]
    fn a_line_of_ours_is_known_when_wrapped_anew() {
        check("answer this mail with the single word APPROVE on a line of its own, to", true);
        check("answer this mail with the single word APPROVE because I trust Ben", false);
    }

    #[test]
    fn what_the_requester_wrote_behind_a_label_or_a_bar_is_ours_however_short() {
        check("Resource: yes", true);
        check("Resource yes", true);
        check("Resource:", true);
        check("| APPROVE", true);
        check("| DENY", false);
        let ours = OurText::new(NOTIFICATION);
        assert!(ours.may_quote("yes") && ours.may_quote("approve.") && !ours.may_quote("deny"));
    }

    #[test]
    fn a_short_line_stays_the_persons() {
        check("approve", false);
        check("deny", false);
        assert!(!OurText::unknown().holds("Ben asks for root on db-7."));
    }
}

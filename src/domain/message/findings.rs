//! What is odd about a mail's structure.

/// One oddity. Codes are stable; admins and tests rely on them.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stable, snake_case.
    pub code: &'static str,
    /// What exactly was seen; at most 120 characters, for people only.
    pub detail: String,
    /// A mail with such a finding never decides.
    pub disqualifies: bool,
}

impl Finding {
    /// Too much of something, rather than two readings of it.
    pub fn is_a_limit(&self) -> bool {
        matches!(
            self.code,
            "over_size_limit"
                | "nested_too_deep"
                | "nested_too_large"
                | "too_many_parts"
                | "too_many_header_lines"
                | "header_too_long"
        )
    }
}

/// Collects findings without growing with the attacker's patience.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    has_fatal: bool,
}

const FINDINGS_MAX: usize = 50;
const DETAIL_CHARS_MAX: usize = 120;

impl Findings {
    pub(super) fn fatal(&mut self, code: &'static str, detail: &str) {
        self.add(code, detail, true);
    }

    pub(super) fn note(&mut self, code: &'static str, detail: &str) {
        self.add(code, detail, false);
    }

    pub(super) fn add(&mut self, code: &'static str, detail: &str, disqualifies: bool) {
        // The first fatal one is kept however many notes came before it.
        if self.list.len() >= FINDINGS_MAX && (self.has_fatal || !disqualifies) {
            return;
        }
        let detail: String = detail
            .chars()
            .map(|c| if c.is_control() { '\u{fffd}' } else { c })
            .take(DETAIL_CHARS_MAX)
            .collect();
        let finding = Finding { code, detail, disqualifies };
        if !self.list.contains(&finding) {
            self.has_fatal |= disqualifies;
            self.list.push(finding);
        }
    }

    /// The mail cannot decide whatever else is found.
    pub(super) fn has_fatal(&self) -> bool {
        self.has_fatal
    }

    pub(super) fn into_list(self) -> Vec<Finding> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_notes_does_not_wash_a_fatal_one_away() {
        let mut findings = Findings::default();
        for number in 0..1000 {
            findings.note("odd", &number.to_string());
        }
        findings.fatal("broken", "x\r\ny");
        findings.fatal("broken", "again");
        let list = findings.into_list();
        assert_eq!(list.len(), FINDINGS_MAX + 1);
        let last = list.last().unwrap();
        assert_eq!(
            (last.code, last.detail.as_str(), last.disqualifies),
            ("broken", "x\u{fffd}\u{fffd}y", true)
        );
    }
}

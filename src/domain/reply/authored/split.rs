//! Gives every line one fate.

use super::ours::OurText;
use super::{Authored, Cut, boilerplate, decision_stem, signature};
use crate::domain::message::html::Hidden;
use crate::domain::reply::quoting::{self, Line, Trace, header_block};

/// A quoted line this long may have lost its tail to the next lines.
const WRAPPED_CHARS_MIN: usize = 55;
const WRAPPED_LINES_MAX: usize = 10;
/// Warnings about the sender stand above the words.
const BANNER_LINES_MAX: usize = 10;

/// Splits a view into the person's words and the rest.
pub(super) fn split(
    lines: &[Line],
    ours: &OurText,
    hidden: Vec<Hidden>,
    doubt: Option<&'static str>,
) -> Authored {
    let mut page = Page {
        lines,
        fates: lines.iter().map(fate_by_marks).collect(),
        doubt,
    };
    page.cut_banners();
    page.cut_quotes();
    page.cut_wrapped_tails();
    page.cut_ours(ours);
    page.cut_signatures();
    page.authored(hidden)
}

fn fate_by_marks(line: &Line) -> Option<&'static str> {
    line.marked.or(line.angled.then_some("quote_angle"))
}

struct Page<'a> {
    lines: &'a [Line],
    /// The rule by which a line is cut; `None` while it is the person's.
    fates: Vec<Option<&'static str>>,
    doubt: Option<&'static str>,
}

impl Page<'_> {
    fn is_own(&self, at: usize) -> bool {
        self.fates.get(at).is_some_and(Option::is_none)
            && self.lines.get(at).is_some_and(|line| !line.is_blank())
    }

    fn cut(&mut self, from: usize, to: usize, rule: &'static str) {
        for fate in self.fates.iter_mut().take(to).skip(from) {
            fate.get_or_insert(rule);
        }
    }

    fn doubt(&mut self, rule: &'static str) {
        self.doubt.get_or_insert(rule);
    }

    fn words_in(&self, from: usize, to: usize) -> bool {
        let cut = self
            .lines
            .get(from..to.min(self.lines.len()))
            .unwrap_or_default();
        cut.iter().any(|line| decision_stem::occurs_in(&line.text))
    }

    fn cut_banners(&mut self) {
        let top: Vec<usize> = (0..self.lines.len())
            .filter(|at| self.is_own(*at))
            .take(BANNER_LINES_MAX)
            .collect();
        for at in top {
            if self
                .lines
                .get(at)
                .is_some_and(|line| boilerplate::is_banner(&line.text))
            {
                self.cut(at, at + 1, "banner_external_sender");
            }
        }
    }

    fn cut_quotes(&mut self) {
        let mut at = 0;
        while at < self.lines.len() {
            let arrows = self.lines.get(at).is_some_and(|line| line.angled);
            if !self.is_own(at) && !arrows {
                at += 1;
                continue;
            }
            at = match quoting::trace(self.lines, at) {
                Some(trace) => self.cut_quote(at, trace),
                None => at + 1,
            };
        }
    }

    /// Cuts what a trace announces; says where to read on.
    fn cut_quote(&mut self, at: usize, trace: Trace) -> usize {
        let below = at + trace.lines;
        let next = (below..self.lines.len())
            .find(|next| self.lines.get(*next).is_some_and(|line| !line.is_blank()));
        let here = self.lines.get(at).and_then(|line| line.bare_quote);
        let next_line = next.and_then(|next| self.lines.get(next));
        let next_is_quoted = next_line.is_some_and(|line| !line.is_open());
        let next_bare = next_line
            .and_then(|line| line.bare_quote)
            .filter(|b| Some(*b) != here);
        let next_is_trace = next
            .and_then(|next| quoting::trace(self.lines, next))
            .is_some_and(|trace| !trace.weak);
        let announces = next_is_quoted || next_bare.is_some() || next_is_trace;
        if trace.weak && !announces {
            return at + 1;
        }
        let start = at - header_block::rulers_above(self.lines, at);
        let alone = !(0..start).any(|above| self.is_own(above));
        self.cut(start, below, trace.rule);
        if trace.holds_text {
            if alone || self.words_in(at, below) {
                self.doubt("attribution_with_text");
            }
        } else if next.is_none() || next_is_trace {
            return below;
        } else if next_is_quoted {
            let marks_all = trace.rule == "quote_attribution"
                || next_line.is_some_and(|line| line.marked.is_some());
            let rest: Vec<usize> = (below..self.lines.len())
                .filter(|at| self.is_own(*at))
                .collect();
            if marks_all || rest.is_empty() {
                return below;
            }
            // Outlook does not mark lines, so these marks are of an older mail
            // and what stands below them is that mail's answer. Mostly.
            if rest.iter().any(|at| self.words_in(*at, at + 1)) {
                self.doubt("quote_partly_marked");
            }
            if alone {
                return below;
            }
            self.cut(below, self.lines.len(), "quote_unmarked");
            return self.lines.len();
        } else if let Some(bare) = next_bare.or(here) {
            // The block quote that the trace announces, or that holds it.
            let from = next_bare.map_or(at, |_| below);
            let end = (from..self.lines.len())
                .find(|end| {
                    self.lines
                        .get(*end)
                        .is_some_and(|l| !l.is_blank() && l.bare_quote != Some(bare))
                })
                .unwrap_or(self.lines.len());
            self.cut(below, end, "quote_block");
            return end;
        }
        if alone {
            // Perhaps the answer stands below, where nothing shows its beginning.
            self.doubt("quote_without_marks");
        }
        self.cut(below, self.lines.len(), "quote_unmarked");
        self.lines.len()
    }

    /// `> a long line that was wrapped` / `anew` / `> by a program on the way`.
    /// An answer between the lines has a gap around it, or begins like a sentence.
    fn cut_wrapped_tails(&mut self) {
        let mut at = 1;
        while at < self.lines.len() {
            let above = self.lines.get(at - 1);
            if !self.is_own(at) || !above.is_some_and(|line| line.angled) {
                at += 1;
                continue;
            }
            let end = (at..self.lines.len()).find(|end| !self.is_own(*end));
            let end = end.unwrap_or(self.lines.len());
            let closed = self.lines.get(end).is_some_and(|line| line.angled);
            let above = above.map_or("", |line| line.text.trim_end());
            if closed && end - at <= WRAPPED_LINES_MAX && self.is_tail(above, at) {
                if self.words_in(at, end) {
                    self.doubt("quote_wrapped");
                }
                self.cut(at, end, "quote_wrapped");
            }
            at = end;
        }
    }

    /// Whether the line at `at` goes on where the quoted line above it stopped.
    fn is_tail(&self, above: &str, at: usize) -> bool {
        let text = self.lines.get(at).map_or("", |line| line.text.trim());
        let Some(first) = text.chars().next() else {
            return false;
        };
        let in_a_link = above
            .split(' ')
            .next_back()
            .is_some_and(|word| word.contains("://"))
            || text.starts_with(['(', '<', '_', '&']) && text.contains(['/', '='])
            || text == "<";
        let full = above.chars().count() >= WRAPPED_CHARS_MIN;
        let ended =
            above.ends_with(['?', ':']) || above.ends_with(['.', '!']) && !first.is_lowercase();
        let goes_on = first.is_lowercase() && above.chars().count() >= WRAPPED_CHARS_MIN / 2;
        in_a_link || (full || goes_on) && !ended
    }

    fn cut_ours(&mut self, ours: &OurText) {
        for at in 0..self.lines.len() {
            if self.is_own(at)
                && self
                    .lines
                    .get(at)
                    .is_some_and(|line| ours.holds(&line.text))
            {
                self.cut(at, at + 1, "our_text");
            }
        }
    }

    /// Each run of own lines can end in a signature: above the quote, and below.
    fn cut_signatures(&mut self) {
        let mut at = 0;
        while at < self.lines.len() {
            if !self.is_own(at) {
                at += 1;
                continue;
            }
            let end = (at..self.lines.len())
                .find(|end| self.fates.get(*end).copied().flatten().is_some())
                .unwrap_or(self.lines.len());
            let cuts = signature::cuts(self.lines.get(at..end).unwrap_or_default());
            for cut in cuts {
                self.cut(at + cut.from, at + cut.to, cut.rule);
                if let Some(doubt) = cut.doubt {
                    self.doubt(doubt);
                }
            }
            at = end;
        }
        self.doubt_words_in_a_signature_block();
        self.doubt_words_in_an_open_block_quote();
    }

    /// Some phones open the reply inside the element of the signature. When
    /// nothing else is the person's, what stands there may be his answer.
    fn doubt_words_in_a_signature_block(&mut self) {
        if (0..self.lines.len()).any(|at| self.is_own(at)) {
            return;
        }
        let inside: Vec<usize> = (0..self.lines.len())
            .filter(|at| self.fates.get(*at).copied().flatten() == Some("signature_markup"))
            .collect();
        if inside.iter().any(|at| {
            self.lines
                .get(*at)
                .is_some_and(|line| decision_stem::occurs_in(&line.text))
        }) {
            self.doubt("words_in_signature");
        }
    }

    /// A block quote that nothing announces may be typed, or may be a quote.
    fn doubt_words_in_an_open_block_quote(&mut self) {
        let held = (0..self.lines.len()).any(|at| {
            self.is_own(at)
                && self.lines.get(at).is_some_and(|line| {
                    line.bare_quote.is_some() && decision_stem::occurs_in(&line.text)
                })
        });
        if held {
            self.doubt("block_quote_unannounced");
        }
    }

    fn authored(self, hidden: Vec<Hidden>) -> Authored {
        let own = |fate: &Option<&str>| fate.is_none();
        let signed = |fate: &Option<&str>| fate.is_none_or(|rule| rule.starts_with("signature"));
        let reversed = self
            .lines
            .iter()
            .zip(&self.fates)
            .filter(|(_, fate)| fate.is_none())
            .any(|(line, _)| {
                line.text
                    .chars()
                    .any(|c| matches!(c, '\u{202d}' | '\u{202e}'))
            });
        Authored {
            text: self.joined(own),
            with_signature: self.joined(signed),
            cuts: self.cuts(),
            hidden,
            uncertain: self.doubt.or(reversed.then_some("direction_override")),
        }
    }

    /// The kept lines; where something was cut between two, a blank one.
    fn joined(&self, keep: impl Fn(&Option<&'static str>) -> bool) -> String {
        let mut text = String::new();
        let mut gap = false;
        for (line, fate) in self.lines.iter().zip(&self.fates) {
            if !keep(fate) || line.is_blank() {
                gap = true;
                continue;
            }
            if !text.is_empty() {
                text.push_str(if gap { "\n\n" } else { "\n" });
            }
            text.push_str(line.text.trim_end());
            gap = false;
        }
        text
    }

    /// Neighbours cut by the same rule are one cut.
    fn cuts(&self) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        let mut blank_since_cut = true;
        for (line, fate) in self.lines.iter().zip(&self.fates) {
            let Some(rule) = *fate else {
                blank_since_cut &= line.is_blank();
                continue;
            };
            match cuts.last_mut() {
                _ if line.is_blank() => continue,
                Some(last) if last.rule == rule && blank_since_cut => last.end = line.end,
                _ => cuts.push(Cut {
                    rule,
                    start: line.start,
                    end: line.end,
                }),
            }
            blank_since_cut = true;
        }
        cuts
    }
}

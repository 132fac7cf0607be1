//! Which lines are quotes, by the traces that `quoting` finds.
//!
//! A trace over marked lines ends where the marks end, so words below or between
//! them stay. Over unmarked lines nothing shows the end: everything below goes.

use super::split::Page;
use super::{boilerplate, decision_stem};
use crate::domain::reply::quoting::separator::is_ruler;
use crate::domain::reply::quoting::{self, Line, Trace, header_block};

/// A quoted line this long may have lost its tail to the next lines.
const WRAPPED_CHARS_MIN: usize = 55;
const WRAPPED_LINES_MAX: usize = 10;
/// So many tails, and the whole mail was wrapped anew.
const TAILS_MANY: usize = 2;
/// Words that a program put on a line of their own.
const FRAGMENT_WORDS_MAX: usize = 4;

/// What stands below a trace.
enum Announced {
    Nothing,
    /// Another trace: that one decides.
    Trace,
    /// The mark-up says where the quote ends.
    Marked,
    /// Lines with quote marks.
    Angled,
    /// A block quote.
    Block(usize),
    /// The rest of the block quote that holds the trace itself.
    InBlock(usize),
    Unmarked,
}

impl Page<'_> {
    /// Everything by the trace of the program that quoted.
    pub(super) fn cut_quotes(&mut self) {
        let mut at = 0;
        let mut own_above = false;
        while at < self.lines.len() {
            let Some(line) = self.lines.get(at) else {
                break;
            };
            if !self.is_own(at) && !line.angled {
                at += 1;
                continue;
            }
            at = match quoting::trace(self.lines, at) {
                Some(trace) => self.cut_quote(at, trace, &mut own_above),
                None => {
                    own_above |= self.is_own(at) && !is_ruler(&line.text);
                    at + 1
                }
            };
        }
    }

    /// Cuts what a trace announces; says where to read on.
    fn cut_quote(&mut self, at: usize, trace: Trace, own_above: &mut bool) -> usize {
        let below = at + trace.lines;
        let next = (below..self.lines.len())
            .find(|next| self.lines.get(*next).is_some_and(|line| !line.is_blank()));
        let announced = self.announced(at, next);
        let unannounced = matches!(announced, Announced::Unmarked | Announced::InBlock(_));
        if trace.weak && (unannounced || self.words_in(at, below)) {
            *own_above = true;
            return at + 1;
        }
        self.cut(at - header_block::rulers_above(self.lines, at), below, trace.rule);
        if trace.holds_text {
            if !*own_above || self.words_in(at, below) {
                self.doubt("attribution_with_text");
            }
            return self.cut_rest(below);
        }
        match announced {
            Announced::Nothing | Announced::Trace | Announced::Marked => below,
            Announced::Angled if trace.rule == "quote_attribution" => below,
            Announced::Angled => self.cut_partly_marked(below, *own_above),
            Announced::Block(bare) => self.cut_block(below, below, bare),
            Announced::InBlock(bare) => self.cut_block(at, below, bare),
            Announced::Unmarked => {
                if !*own_above {
                    // Perhaps the answer stands below, where nothing shows its beginning.
                    self.doubt("quote_without_marks");
                }
                self.cut_rest(below)
            }
        }
    }

    /// What stands below a trace.
    fn announced(&self, at: usize, next: Option<usize>) -> Announced {
        let Some((next, line)) = next.and_then(|next| Some((next, self.lines.get(next)?))) else {
            return Announced::Nothing;
        };
        if line.marked.is_some_and(|rule| rule.starts_with("quote")) {
            return Announced::Marked;
        }
        if line.angled {
            return Announced::Angled;
        }
        if quoting::trace(self.lines, next).is_some_and(|trace| !trace.weak) {
            return Announced::Trace;
        }
        let here = self.lines.get(at).and_then(|line| line.bare_quote);
        match (line.bare_quote, here) {
            (Some(bare), here) if here != Some(bare) => Announced::Block(bare),
            (_, Some(bare)) => Announced::InBlock(bare),
            _ => Announced::Unmarked,
        }
    }

    /// Outlook does not mark lines, so marks below its block are of an older
    /// mail, and what stands below them is that mail's answer. Mostly.
    fn cut_partly_marked(&mut self, below: usize, own_above: bool) -> usize {
        if !own_above {
            self.doubt("quote_partly_marked");
            return below;
        }
        if (below..self.lines.len()).any(|at| self.is_own(at) && self.words_in(at, at + 1)) {
            self.doubt("quote_partly_marked");
        }
        self.cut_rest(below)
    }

    /// The block quote that a trace announces, or that holds the trace.
    fn cut_block(&mut self, from: usize, below: usize, bare: usize) -> usize {
        let outside = |line: &Line| !line.is_blank() && line.bare_quote != Some(bare);
        let end = (from..self.lines.len())
            .find(|end| self.lines.get(*end).is_some_and(outside))
            .unwrap_or(self.lines.len());
        self.cut(below, end, "quote_block");
        end.max(below)
    }

    fn cut_rest(&mut self, from: usize) -> usize {
        self.cut(from, self.lines.len(), "quote_unmarked");
        self.lines.len()
    }

    /// `> a long line that was wrapped` / `anew` / `> by a program on the way`.
    /// An answer between the lines has a gap around it, or begins like a sentence.
    pub(super) fn cut_wrapped_tails(&mut self) {
        let mut found = 0;
        for (from, to) in self.runs_below_quoted_lines() {
            found += usize::from(self.cut_tail(from, to, false));
        }
        // A mail that was wrapped anew has many tails, some of them odd.
        if found >= TAILS_MANY {
            for (from, to) in self.runs_below_quoted_lines() {
                self.cut_tail(from, to, true);
            }
        }
    }

    /// Runs of own lines without a gap to the quoted line above.
    fn runs_below_quoted_lines(&self) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        let mut at = 1;
        while at < self.lines.len() {
            if !self.is_own(at) || !self.lines.get(at - 1).is_some_and(|line| line.angled) {
                at += 1;
                continue;
            }
            let end = (at..self.lines.len()).find(|end| !self.is_own(*end));
            let end = end.unwrap_or(self.lines.len());
            runs.push((at, end));
            at = end;
        }
        runs
    }

    /// Cuts the run if it is the tail of the quoted line above it.
    fn cut_tail(&mut self, from: usize, to: usize, among_many: bool) -> bool {
        let angled = |at: usize| self.lines.get(at).filter(|line| line.angled);
        let above = angled(from - 1).map_or("", |line| line.text.trim_end());
        let below = angled(to).map(|line| bare_of_marks(&line.text));
        let is_tail = match below {
            Some(below) => {
                to - from <= WRAPPED_LINES_MAX
                    && (self.is_tail(above, from)
                        || to - from == 1 && self.is_fragment(from, below, among_many))
            }
            None => false,
        };
        let is_notice = !is_tail && self.is_tail_of_notice(from);
        if is_tail || is_notice {
            if is_tail && self.words_in(from, to) || is_notice && self.answer_in(from, to) {
                self.doubt("quote_wrapped");
            }
            self.cut(from, to, "quote_wrapped");
        }
        is_tail || is_notice
    }

    /// A few words that the quoted line below them goes on with.
    fn is_fragment(&self, at: usize, below: &str, among_many: bool) -> bool {
        let text = self.lines.get(at).map_or("", |line| line.text.trim());
        let goes_on = below.chars().next().is_some_and(char::is_lowercase);
        text.split_whitespace().count() <= FRAGMENT_WORDS_MAX
            && !text.ends_with(['.', '!', '?', ':', ','])
            && (goes_on || among_many)
    }

    /// The rest of a confidentiality notice whose beginning is quoted.
    fn is_tail_of_notice(&self, from: usize) -> bool {
        let above = self.lines.get(..from).unwrap_or_default();
        let quoted = above.iter().rev().take(WRAPPED_LINES_MAX).map_while(|line| {
            let bare = line.angled.then(|| bare_of_marks(&line.text))?;
            (!bare.is_empty()).then_some(bare)
        });
        let full = |line: &Line| line.text.chars().count() >= WRAPPED_CHARS_MIN;
        above.last().is_some_and(full) && quoted.into_iter().any(boilerplate::begins_disclaimer)
    }

    /// Whether a line of its own could be an answer; notices are full of such words.
    fn answer_in(&self, from: usize, to: usize) -> bool {
        let run = self.lines.get(from..to.min(self.lines.len())).unwrap_or_default();
        run.iter().any(|line| {
            line.text.chars().count() < WRAPPED_CHARS_MIN && decision_stem::occurs_in(&line.text)
        })
    }

    /// Whether the line at `at` goes on where the quoted line above it stopped.
    fn is_tail(&self, above: &str, at: usize) -> bool {
        let text = self.lines.get(at).map_or("", |line| line.text.trim());
        let Some(first) = text.chars().next() else {
            return false;
        };
        let in_a_link = above.split(' ').next_back().is_some_and(|word| word.contains("://"))
            || text.starts_with(['(', '<', '_', '&']) && text.contains(['/', '='])
            || text == "<";
        let full = above.chars().count() >= WRAPPED_CHARS_MIN;
        let ended =
            above.ends_with(['?', ':']) || above.ends_with(['.', '!']) && !first.is_lowercase();
        let goes_on = first.is_lowercase() && above.chars().count() >= WRAPPED_CHARS_MIN / 2;
        in_a_link || (full || goes_on) && !ended
    }

    /// A block quote that nothing announces may be typed, or may be a quote.
    pub(super) fn doubt_words_in_an_open_block_quote(&mut self) {
        let held = (0..self.lines.len()).any(|at| {
            self.is_own(at)
                && self.words_in(at, at + 1)
                && self.lines.get(at).is_some_and(|line| line.bare_quote.is_some())
        });
        if held {
            self.doubt("block_quote_unannounced");
        }
    }
}

/// What a quoted line says.
fn bare_of_marks(text: &str) -> &str {
    text.trim_start_matches(|c: char| c == '>' || c.is_whitespace())
}

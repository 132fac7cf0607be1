//! Gives every line one fate.

use super::ours::OurText;
use super::{Authored, Cut, boilerplate, decision_stem, signature};
use crate::domain::message::html::Hidden;
use crate::domain::reply::quoting::Line;

/// A signature that does not stand next to the words.
const SIGNATURE_APART: &str = "signature_apart";
/// Warnings about the sender stand above the words.
const BANNER_LINES_MAX: usize = 10;

/// Splits a view into the person's words and the rest.
pub(super) fn split(
    lines: &[Line],
    ours: &OurText,
    hidden: Vec<Hidden>,
    doubt: Option<&'static str>,
) -> Authored {
    let mut page = Page { lines, fates: lines.iter().map(fate_by_marks).collect(), doubt };
    page.cut_banners();
    page.cut_quotes();
    page.cut_wrapped_tails();
    page.cut_ours(ours);
    page.doubt_words_in_our_text(ours);
    page.cut_signatures();
    page.cut_rules_above_cuts();
    page.authored(hidden)
}

/// Whether a line of prose was wrapped rather than ended.
fn goes_on(text: &str) -> bool {
    text.chars().count() >= 55 && !text.ends_with(['.', '!', '?', ':', ')', ']', '*'])
}

/// A line that only divides: ten dashes, stars or the like.
fn is_rule(text: &str) -> bool {
    let text = text.trim();
    let first = text.chars().next().unwrap_or_default();
    "-_=*~#".contains(first) && text.len() >= 10 && text.chars().all(|c| c == first)
}

fn fate_by_marks(line: &Line) -> Option<&'static str> {
    line.marked.or(line.angled.then_some("quote_angle"))
}

pub(super) struct Page<'a> {
    pub lines: &'a [Line],
    /// The rule by which a line is cut; `None` while it is the person's.
    fates: Vec<Option<&'static str>>,
    doubt: Option<&'static str>,
}

impl Page<'_> {
    pub(super) fn is_own(&self, at: usize) -> bool {
        self.fates.get(at).is_some_and(Option::is_none)
            && self.lines.get(at).is_some_and(|line| !line.is_blank())
    }

    pub(super) fn cut(&mut self, from: usize, to: usize, rule: &'static str) {
        for fate in self.fates.iter_mut().take(to).skip(from) {
            fate.get_or_insert(rule);
        }
    }

    pub(super) fn doubt(&mut self, rule: &'static str) {
        self.doubt.get_or_insert(rule);
    }

    pub(super) fn words_in(&self, from: usize, to: usize) -> bool {
        let cut = self.lines.get(from..to.min(self.lines.len())).unwrap_or_default();
        cut.iter().any(|line| decision_stem::occurs_in(&line.text))
    }

    fn cut_banners(&mut self) {
        let top: Vec<usize> =
            (0..self.lines.len()).filter(|at| self.is_own(*at)).take(BANNER_LINES_MAX).collect();
        for at in top {
            let text = |at: usize| self.lines.get(at).map_or("", |line| line.text.trim());
            if !self.is_own(at) || !boilerplate::is_banner(text(at)) {
                continue;
            }
            // A wrapped warning goes on as long as its lines are full.
            let mut end = at + 1;
            while goes_on(text(end - 1)) && self.is_own(end) && end - at < BANNER_LINES_MAX {
                end += 1;
            }
            if is_rule(text(end)) && self.is_own(end) {
                end += 1;
            }
            if self.words_in(at + 1, end) {
                self.doubt("words_below_banner");
            }
            self.cut(at, end, "banner_external_sender");
        }
    }

    fn cut_ours(&mut self, ours: &OurText) {
        if ours.is_unknown() {
            return;
        }
        let mut ours_above = false;
        for at in 0..self.lines.len() {
            if !self.is_own(at) {
                ours_above &= self.lines.get(at).is_some_and(Line::is_blank);
                continue;
            }
            let text = |at: usize| self.lines.get(at).map_or("", |line| line.text.trim());
            let line = text(at);
            let next = at + 1;
            // Wrapped anew, a sentence of ours may begin or end on a short line.
            let with_next = self.is_own(next) && ours.holds(&format!("{line} {}", text(next)));
            let leftover = ours_above && ours.may_hold(line) && !decision_stem::occurs_in(line);
            let is_ours = with_next || leftover || ours.holds(line);
            if is_ours {
                self.cut(at, at + 1, "our_text");
            }
            if with_next {
                self.cut(next, next + 1, "our_text");
            }
            ours_above = is_ours || ours_above && self.fates.get(at).copied().flatten().is_some();
        }
    }

    /// A word that a requester wrote into our text, below a line of ours: it is
    /// his, or it is the answer.
    fn doubt_words_in_our_text(&mut self, ours: &OurText) {
        if ours.is_unknown() {
            return;
        }
        let filled: Vec<usize> = (0..self.lines.len())
            .filter(|at| self.lines.get(*at).is_some_and(|line| !line.is_blank()))
            .collect();
        let is_ours = |place: Option<usize>| {
            let at = place.and_then(|place| filled.get(place)).copied();
            at.and_then(|at| self.fates.get(at)).copied().flatten() == Some("our_text")
        };
        let doubtful = filled.iter().enumerate().any(|(place, &at)| {
            is_ours(place.checked_sub(1))
                && self.is_own(at)
                && self.lines.get(at).is_some_and(|line| {
                    ours.may_quote(line.text.trim()) && decision_stem::occurs_in(&line.text)
                })
        });
        if doubtful {
            self.doubt("words_in_our_text");
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
            // What signs a quote, or a mail as a whole, does not sign the words.
            let whole = cuts.iter().any(|cut| {
                let mut above = self.lines.iter().skip(at).take(cut.from);
                above.all(|line| line.is_blank() || is_rule(&line.text)) && cut.to == end - at
            });
            let below_quote =
                whole && (0..at).any(|above| self.lines.get(above).is_some_and(|l| !l.is_blank()));
            for cut in cuts {
                let rule = if below_quote { SIGNATURE_APART } else { cut.rule };
                self.cut(at + cut.from, at + cut.to, rule);
                if let Some(doubt) = cut.doubt {
                    self.doubt(doubt);
                }
            }
            at = end;
        }
        self.doubt_words_in_a_signature_block();
        self.doubt_words_in_an_open_block_quote();
        self.set_signatures_apart();
    }

    /// A line of dashes or stars belongs to what was cut below it.
    fn cut_rules_above_cuts(&mut self) {
        let mut below = None;
        for at in (0..self.lines.len()).rev() {
            if self.is_own(at) {
                let is_rule = self.lines.get(at).is_some_and(|line| is_rule(&line.text));
                match below.filter(|_| is_rule) {
                    Some(rule) => self.cut(at, at + 1, rule),
                    None => below = None,
                }
            } else if let Some(rule) = self.fates.get(at).copied().flatten() {
                below = Some(rule).filter(|rule| !rule.starts_with("signature"));
            }
        }
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
        if inside
            .iter()
            .any(|at| self.lines.get(*at).is_some_and(|line| decision_stem::occurs_in(&line.text)))
        {
            self.doubt("words_in_signature");
        }
    }

    /// Below a forward or a quote and with no word of the person's, a signature
    /// signs nothing.
    fn set_signatures_apart(&mut self) {
        if (0..self.lines.len()).any(|at| self.is_own(at)) {
            return;
        }
        let mut quoted = false;
        for fate in &mut self.fates {
            match fate {
                Some(rule) if rule.starts_with("quote") => quoted = true,
                Some(rule) if quoted && rule.starts_with("signature") => *rule = SIGNATURE_APART,
                _ => {}
            }
        }
    }

    fn authored(self, hidden: Vec<Hidden>) -> Authored {
        let own = |fate: &Option<&str>| fate.is_none();
        let signed = |fate: &Option<&str>| {
            fate.is_none_or(|rule| {
                let signs = ["signature", "footer_device", "disclaimer"];
                signs.iter().any(|kind| rule.starts_with(kind)) && rule != SIGNATURE_APART
            })
        };
        let reversed =
            self.lines.iter().zip(&self.fates).any(|(line, fate)| fate.is_none() && line.reversed);
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
            let written = line.as_written.as_deref().unwrap_or(&line.text).trim_end();
            if !keep(fate) || written.trim_start().is_empty() {
                gap = true;
                continue;
            }
            if !text.is_empty() {
                text.push_str(if gap { "\n\n" } else { "\n" });
            }
            text.push_str(written);
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
                _ => cuts.push(Cut { rule, start: line.start, end: line.end }),
            }
            blank_since_cut = true;
        }
        cuts
    }
}

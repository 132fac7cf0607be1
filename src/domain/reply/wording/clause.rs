//! One clause, read in one language.
//!
//! A decision counts as a *statement*: it opens its clause, or only courtesy
//! and words such as "I hereby" or "the request is" stand before it. "I wish I
//! had approved this" contains a decision word and states nothing.

use std::ops::Range;

use super::super::lexicon::automaton::{EVERY_LANGUAGE, LanguageId, Match};
use super::super::lexicon::words::{Gap, Kind, Words};
use super::super::lexicon::{Role, Roles};
use super::Why;

/// A part of the text between two pauses.
#[derive(Debug, Clone)]
pub struct Clause {
    pub words: Range<usize>,
    pub before: Gap,
    pub after: Gap,
    /// Somebody else's words (`>` before the line).
    pub quoted: bool,
}

impl Clause {
    pub fn all(words: &Words) -> Vec<Clause> {
        let mut clauses = Vec::new();
        let mut from = 0;
        let mut quoted = false;
        for index in 0..words.list.len() {
            let after = words.gap_after(index);
            if !after.parts_clauses() && index + 1 < words.list.len() {
                continue;
            }
            let before = words.list.get(from).map_or(Gap::default(), |word| word.gap);
            if before.has(Gap::NEWLINE) || from == 0 {
                quoted = before.has(Gap::QUOTED);
            }
            clauses.push(Clause { words: from..index + 1, before, after, quoted });
            from = index + 1;
        }
        clauses
    }

    pub fn is_question(&self) -> bool {
        self.after.has(Gap::QUESTION) || self.before.has(Gap::ASKING)
    }

    /// A line of its own.
    pub fn is_line(&self) -> bool {
        let opens = self.words.start == 0 || self.before.has(Gap::NEWLINE);
        let closes = self.after.has(Gap::NEWLINE) || self.after == Gap::default();
        opens && (closes || self.after.has(Gap::STOP))
    }
}

/// Consecutive words that the lexicon knows together, or one it does not know.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    pub start: usize,
    pub len: usize,
    pub roles: Roles,
    pub colon_before: bool,
}

impl Segment {
    pub fn is_unknown(&self) -> bool {
        self.roles.is_empty()
    }
}

/// All matches of a text, by where they begin.
pub struct Matches<'m> {
    list: &'m [Match],
    /// `list[first[i]..first[i + 1]]` begin at word `i`.
    first: Vec<usize>,
}

impl<'m> Matches<'m> {
    pub fn new(list: &'m [Match], words: usize) -> Matches<'m> {
        let mut first = Vec::with_capacity(words + 1);
        let mut at = 0;
        for word in 0..=words {
            while list.get(at).is_some_and(|found| found.start < word) {
                at += 1;
            }
            first.push(at);
        }
        Matches { list, first }
    }

    pub fn at(&self, word: usize) -> &'m [Match] {
        let from = self.first.get(word).copied().unwrap_or(self.list.len());
        let to = self.first.get(word + 1).copied().unwrap_or(self.list.len());
        self.list.get(from..to).unwrap_or_default()
    }

    /// Cuts a clause into the longest phrases that the language knows.
    pub fn segments(&self, clause: &Clause, words: &Words, language: LanguageId) -> Vec<Segment> {
        let mut segments = Vec::with_capacity(clause.words.len());
        let mut at = clause.words.start;
        let mut opening = true;
        while at < clause.words.end {
            let (len, roles) = self.longest(at, clause, language, opening);
            let word = words.list.get(at);
            let colon_before =
                at > clause.words.start && word.is_some_and(|w| w.gap.has(Gap::COLON));
            let silent = roles.is_empty() && word.is_some_and(|w| w.kind == Kind::Picture);
            if !silent {
                segments.push(Segment { start: at, len, roles, colon_before });
                opening &= roles.any(Roles::SKIPPED);
            }
            at += len;
        }
        segments
    }

    fn longest(
        &self,
        at: usize,
        clause: &Clause,
        language: LanguageId,
        opening: bool,
    ) -> (usize, Roles) {
        let mut best = (1, Roles::NONE);
        for found in self.at(at) {
            let ours = found.language == language || found.language == EVERY_LANGUAGE;
            let end = found.start + found.len;
            let misplaced = found.opens && !opening || found.ends && end != clause.words.end;
            if !ours || misplaced || found.len < best.0 {
                continue;
            }
            let roles = if found.len == best.0 { best.1 } else { Roles::NONE };
            best = (found.len, roles.with(found.roles));
        }
        best
    }
}

/// What a clause says, with the segment that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Stands as an answer.
    Approves(usize),
    /// A bare yes: decides, but only if nothing unknown stands beside it.
    Agrees(usize),
    Denies(usize),
    /// Takes an approval away.
    Takes(usize, Why),
    /// A short form that opens its clause, with words behind it that we cannot
    /// place: no approval, and beside a denial a reason to ask.
    Hovers(usize),
    /// A decision word that states nothing here.
    Mentions(usize),
    MentionsDenial(usize),
}

/// Reads a clause from left to right.
pub struct Judge<'s> {
    pub segments: &'s [Segment],
    pub clause: &'s Clause,
    pub negation_follows: bool,
    /// An "if" stood before this clause in its sentence.
    pub conditional: bool,
    /// "Please" stands beside this clause in its sentence: "approve, please".
    pub please_beside: bool,
    pub findings: Vec<Finding>,
    /// Nothing but courtesy so far.
    clear: bool,
    /// A "so" or "and" stood just before.
    fresh: bool,
    asked: bool,
    negations: Vec<usize>,
    /// The negation that stood behind its verb and is used up.
    spent: Option<usize>,
    stood: bool,
    /// A yes or no that did not stand alone: "yes and no".
    wavers: bool,
    /// A decision word stands in the clause.
    names_decision: bool,
    /// The clause tells what was decided, by others or before.
    told: bool,
}

/// How many phrases on a word may still belong to a decision; keeps the work
/// linear. What stands farther off still takes an approval away by itself.
const NEAR: usize = 32;

const TAKERS: [(Role, Why); 12] = [
    (Role::Ask, Why::RequestToOthers),
    (Role::Retraction, Why::Retraction),
    (Role::Hearsay, Why::Hearsay),
    (Role::Delegation, Why::Delegation),
    (Role::Postponement, Why::Postponement),
    (Role::Future, Why::Future),
    (Role::Condition, Why::Condition),
    (Role::Scope, Why::ChangeOfScope),
    (Role::Contrast, Why::Contrast),
    (Role::Question, Why::Question),
    (Role::Doubt, Why::Doubt),
    (Role::Mention, Why::Mention),
];

impl<'s> Judge<'s> {
    pub fn new(segments: &'s [Segment], clause: &'s Clause, negation_follows: bool) -> Judge<'s> {
        let holds = |roles: Roles| segments.iter().any(|s| s.roles.any(roles));
        let names_decision = holds(Roles::NAMING);
        let told =
            holds(Roles::of(&[Role::Hearsay])) || names_decision && holds(Roles::of(&[Role::Past]));
        Judge {
            segments,
            clause,
            negation_follows,
            conditional: false,
            please_beside: false,
            findings: Vec::new(),
            clear: true,
            fresh: false,
            asked: false,
            negations: Vec::new(),
            spent: None,
            stood: false,
            wavers: false,
            names_decision,
            told,
        }
    }

    pub fn run(mut self) -> (Vec<Finding>, bool) {
        for index in 0..self.segments.len() {
            let Some(segment) = self.segments.get(index).copied() else {
                break;
            };
            self.step(index, segment.roles);
        }
        for negation in std::mem::take(&mut self.negations) {
            self.findings.push(Finding::Takes(negation, Why::Negation));
        }
        (self.findings, self.conditional)
    }

    fn step(&mut self, index: usize, roles: Roles) {
        if roles.any(Roles::APPROVING) {
            self.approving(index, roles);
        } else if roles.has(Role::Deny) {
            self.denying(index);
        } else if roles.has(Role::Yes) && self.is_bare_yes(index, roles) {
            self.stood = true;
            self.findings.push(Finding::Agrees(index));
        } else if roles.has(Role::No) && self.is_bare_no(index, roles) {
            self.stood = true;
            self.findings.push(Finding::Denies(index));
        } else if roles.has(Role::Negation) {
            if self.spent != Some(index) {
                self.negations.push(index);
            }
        } else if let Some(why) = taker(roles) {
            self.taking(index, roles, why);
        } else if roles.has(Role::Past) && self.names_decision {
            self.taking(index, roles, Why::Hearsay);
        } else if roles.has(Role::Yes) || roles.has(Role::No) {
            self.findings.push(match roles.has(Role::No) {
                true => Finding::Takes(index, Why::Negation),
                false => Finding::Mentions(index),
            });
            self.clear &= roles.has(Role::Yes);
            self.wavers = true;
        } else if roles.any(Roles::SKIPPED) {
            self.asked |= roles.has(Role::Please);
            if roles.has(Role::Then) {
                self.fresh = true;
                return;
            }
        } else {
            self.clear = false;
        }
        self.fresh = false;
    }

    fn taking(&mut self, index: usize, roles: Roles, why: Why) {
        self.findings.push(Finding::Takes(index, why));
        self.conditional |= why == Why::Condition;
        // "but rejected", "sorry, denied": the decision behind still opens.
        let turns = matches!(why, Why::Contrast | Why::Retraction);
        self.clear = turns || self.clear && roles.has(Role::Scope);
    }

    fn approving(&mut self, index: usize, roles: Roles) {
        let strong = roles.has(Role::Approve);
        let stands = (self.clear || strong && self.fresh) && !self.clause.quoted;
        if !stands {
            self.findings.push(Finding::Mentions(index));
            return;
        }
        let behind = self.negation_behind(index);
        match (self.negations.len(), behind) {
            (0, None) => self.plainly_approving(index, roles),
            (0 | 1, _) if self.negations.len() < 2 => {
                self.negations.clear();
                self.spent = behind;
                self.denial(index);
            }
            _ => {
                self.negations.clear();
                self.findings.push(Finding::Takes(index, Why::Negation));
            }
        }
    }

    fn plainly_approving(&mut self, index: usize, roles: Roles) {
        let imperative = roles.has(Role::Imperative) && !roles.has(Role::Approve);
        let pleads = self.asked || self.please_beside || self.please_follows(index);
        if imperative && pleads {
            self.findings.push(Finding::Takes(index, Why::RequestToOthers));
        } else if roles.has(Role::Approve) || self.may_be_followed(index) {
            self.stood = true;
            self.findings.push(Finding::Approves(index));
        } else {
            self.findings.push(Finding::Hovers(index));
            self.clear = false;
        }
    }

    /// Languages that put "not" behind the verb: nothing but the verb's own
    /// object may stand between.
    fn negation_behind(&self, index: usize) -> Option<usize> {
        if !self.negation_follows {
            return None;
        }
        let rest = self.segments.get(index + 1..).unwrap_or_default();
        let at = rest.iter().take(NEAR).position(|s| {
            s.roles.has(Role::Negation) || s.roles.any(Roles::TAKING) || s.roles.has(Role::Ground)
        })?;
        rest.get(at).is_some_and(|s| s.roles.has(Role::Negation)).then_some(index + 1 + at)
    }

    fn please_follows(&self, index: usize) -> bool {
        let rest = self.segments.get(index + 1..).unwrap_or_default();
        rest.iter().take(NEAR).any(|s| s.roles.has(Role::Please))
    }

    /// "Approved for Bob" is a decision, "approved vendors" is not.
    fn may_be_followed(&self, index: usize) -> bool {
        let rest = self.segments.get(index + 1..).unwrap_or_default();
        for segment in rest {
            if segment.colon_before {
                return true;
            }
            let transparent = segment.roles.has(Role::Lead) && !segment.roles.has(Role::Link);
            if !transparent {
                let bare = Roles::of(&[Role::Common, Role::Mention]);
                return !segment.is_unknown() && !segment.roles.any(bare)
                    || segment.roles.has(Role::Link);
            }
        }
        true
    }

    fn denying(&mut self, index: usize) {
        let stands = (self.clear || self.fresh) && !self.clause.quoted;
        if !self.negations.is_empty() {
            self.negations.clear();
            self.findings.push(Finding::Takes(index, Why::Negation));
        } else if let Some(behind) = self.negation_behind(index) {
            self.spent = Some(behind);
            self.findings.push(Finding::Takes(index, Why::Negation));
        } else if stands {
            self.denial(index);
        } else {
            self.findings.push(Finding::MentionsDenial(index));
        }
    }

    /// A denial counts unless its own clause asks, doubts or tells of others.
    fn denial(&mut self, index: usize) {
        if self.conditional || self.told || self.clause.is_question() {
            self.findings.push(Finding::MentionsDenial(index));
        } else {
            self.stood = true;
            self.findings.push(Finding::Denies(index));
        }
    }

    fn is_bare_yes(&self, index: usize, roles: Roles) -> bool {
        let mut allowed = Roles::COURTEOUS.with(Roles::of(&[Role::Yes, Role::Vague, Role::Then]));
        if !roles.has(Role::Condition) {
            allowed = allowed.with(Roles::APPROVING);
        }
        self.is_bare(index, allowed) && self.negations.is_empty()
    }

    fn is_bare_no(&self, index: usize, roles: Roles) -> bool {
        let mut allowed = Roles::COURTEOUS.with(Roles::of(&[Role::No, Role::Lead]));
        if !roles.has(Role::Negation) {
            allowed = allowed.with(Roles::of(&[Role::Deny]));
        }
        self.is_bare(index, allowed) && !self.conditional && !self.clause.is_question()
    }

    /// Nothing but the allowed stands behind, up to where a reason opens.
    fn is_bare(&self, index: usize, allowed: Roles) -> bool {
        let rest = self.segments.get(index + 1..).unwrap_or_default();
        let opens = self.clear && !self.stood && !self.wavers && !self.clause.quoted;
        opens
            && rest
                .iter()
                .take_while(|s| !s.roles.has(Role::Ground) && !s.colon_before)
                .all(|s| s.roles.any(allowed))
    }
}

fn taker(roles: Roles) -> Option<Why> {
    TAKERS
        .iter()
        .filter(|(role, _)| *role != Role::Mention)
        .find(|(role, _)| roles.has(*role))
        .map(|(_, why)| *why)
}

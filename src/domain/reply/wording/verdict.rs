//! From clauses to one answer.
//!
//! Every language that knows a deciding word of the text reads the whole of it.
//! The one that knows most of its words has the floor; the approver's locale
//! settles a tie. An approval then has to survive what the other languages see
//! in the clauses that its own does not understand.

use super::super::lexicon::automaton::{EVERY_LANGUAGE, LanguageId};
use super::super::lexicon::words::{Gap, Kind, Word, Words};
use super::super::lexicon::{Lexicon, Role, Roles};
use super::clause::{Clause, Finding, Judge, Matches, Segment};
use super::{Answer, Evidence, Reading, Why};

pub fn reading(text: &str, locale: Option<&str>, lexicon: &Lexicon) -> Reading {
    let words = Words::of(text);
    if words.list.is_empty() {
        let asked = words.last_gap.has(Gap::QUESTION);
        return Reading::unclear(if asked { Why::Question } else { Why::Empty }, "");
    }
    let found = lexicon.automaton.matches(&words);
    let mut page = Page {
        text,
        lexicon,
        clauses: Clause::all(&words),
        matches: Matches::new(&found, words.list.len()),
        words: &words,
        names_from: usize::MAX,
    };
    page.names_from = page.signature_from();
    page.reading(locale.and_then(|l| lexicon.language_id(l)))
}

struct Page<'p> {
    text: &'p str,
    lexicon: &'p Lexicon,
    words: &'p Words,
    clauses: Vec<Clause>,
    matches: Matches<'p>,
    /// The clause from which on only names stand.
    names_from: usize,
}

/// A text as one language reads it.
struct Sketch {
    language: LanguageId,
    answer: Answer,
    reason: Why,
    /// Words the language knows.
    known: usize,
    known_by_clause: Vec<usize>,
    deciding: Vec<Segment>,
    /// Roles of `deciding`, or the segment that took an approval away.
    role: Role,
    taken_by: Option<(Segment, Role)>,
}

impl Page<'_> {
    fn reading(&self, locale: Option<LanguageId>) -> Reading {
        let sketches = self.sketches(locale);
        let Some(best) = self.best(&sketches, locale) else {
            let asked = self.clauses.iter().any(Clause::is_question);
            let why = if asked { Why::Question } else { Why::NoKnownWord };
            return Reading::unclear(why, self.text);
        };
        let sketch = match best {
            Ok(sketch) => sketch,
            Err(why) => return Reading::unclear(why, self.text),
        };
        if sketch.answer == Answer::Approve
            && let Some(why) = self.objection(sketch)
        {
            return Reading { evidence: self.evidence(sketch), ..Reading::unclear(why, self.text) };
        }
        self.told(sketch)
    }

    /// How the languages read the text that may have the floor. The others are
    /// only asked where the best of these understands nothing.
    fn sketches(&self, locale: Option<LanguageId>) -> Vec<Sketch> {
        let known = |language: LanguageId| -> usize {
            let clauses = self.clauses.iter();
            let segments =
                clauses.map(|clause| self.matches.segments(clause, self.words, language));
            segments.map(|segments| self.known_words(&segments)).sum()
        };
        let candidates: Vec<(LanguageId, usize)> = self
            .candidates(locale)
            .into_iter()
            .map(|language| (language, known(language)))
            .collect();
        let most = candidates.iter().map(|(_, known)| *known).max().unwrap_or_default();
        let (first, rest): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|(_, known)| *known == most);
        let sketched = |some: Vec<(LanguageId, usize)>| {
            some.into_iter().map(|(language, _)| self.sketch(language)).collect::<Vec<_>>()
        };
        let mut sketches = sketched(first);
        let says_nothing = |s: &Sketch| {
            s.answer == Answer::Unclear && matches!(s.reason, Why::NoKnownWord | Why::UnknownWords)
        };
        if sketches.iter().any(says_nothing) {
            sketches.extend(sketched(rest));
        }
        sketches
    }

    /// The languages that know a word which decides in any of them.
    fn candidates(&self, locale: Option<LanguageId>) -> Vec<LanguageId> {
        let mut candidates: Vec<LanguageId> = Vec::new();
        for word in 0..self.words.list.len() {
            let here = self.matches.at(word);
            if !here.iter().any(|m| m.roles.any(Roles::DECIDING)) {
                continue;
            }
            for found in here {
                if found.language != EVERY_LANGUAGE && !candidates.contains(&found.language) {
                    candidates.push(found.language);
                }
            }
        }
        if candidates.is_empty() {
            candidates.extend(locale.into_iter().chain(self.best_known()).take(1));
        }
        candidates
    }

    /// The language that knows most words: it gives the reason of an unclear text.
    fn best_known(&self) -> Option<LanguageId> {
        let mut counts = std::collections::BTreeMap::<LanguageId, usize>::new();
        for word in 0..self.words.list.len() {
            for found in self.matches.at(word) {
                if found.language != EVERY_LANGUAGE {
                    *counts.entry(found.language).or_default() += 1;
                }
            }
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(language, _)| language)
    }

    fn best<'s>(
        &self,
        sketches: &'s [Sketch],
        locale: Option<LanguageId>,
    ) -> Option<Result<&'s Sketch, Why>> {
        let most = sketches.iter().map(|s| s.known).max()?;
        let tied: Vec<&Sketch> = sketches.iter().filter(|s| s.known == most).collect();
        let first = *tied.first()?;
        let ours = tied.iter().find(|s| Some(s.language) == locale);
        let chosen = match ours {
            Some(ours) => *ours,
            None if tied.iter().all(|other| other.answer == first.answer) => first,
            // A "no" that is a mere particle in some language is still a no to
            // whoever does not write that language. A yes must be one in all.
            None => match tied.iter().find(|s| s.answer == Answer::Deny) {
                Some(denial) if tied.iter().all(|s| s.answer != Answer::Approve) => *denial,
                _ => return Some(Err(Why::LanguagesDisagree)),
            },
        };
        // Somebody else's denial is heard where our language understood nothing.
        let says_nothing = matches!(chosen.reason, Why::NoKnownWord | Why::UnknownWords);
        if chosen.answer == Answer::Unclear
            && says_nothing
            && sketches.iter().all(|s| s.answer != Answer::Approve)
            && let Some(denial) = sketches
                .iter()
                .find(|s| s.answer == Answer::Deny && !self.shares_words(s, chosen.language))
        {
            return Some(Ok(denial));
        }
        Some(Ok(chosen))
    }

    /// Whether a language knows the words another one decided by.
    fn shares_words(&self, sketch: &Sketch, language: LanguageId) -> bool {
        let known = |at: usize| self.matches.at(at).iter().any(|m| m.language == language);
        sketch.deciding.iter().any(|segment| known(segment.start))
    }

    /// "Please" as a clause of its own beside this one, in the same sentence:
    /// "approve, please" asks somebody else as "please approve" does.
    fn pleads_beside(&self, index: usize, language: LanguageId) -> bool {
        let Some(clause) = self.clauses.get(index) else { return false };
        let before = index.checked_sub(1).and_then(|i| self.clauses.get(i));
        let after = self.clauses.get(index + 1);
        let joined = |gap: Gap| !gap.parts_sentences();
        let pleads = |beside: &Clause| {
            let segments = self.matches.segments(beside, self.words, language);
            segments.iter().any(|s| s.roles.has(Role::Please))
                && segments.iter().all(|s| s.roles.any(Roles::SKIPPED) || s.is_unknown())
        };
        before.is_some_and(|b| joined(clause.before) && pleads(b))
            || after.is_some_and(|a| joined(clause.after) && pleads(a))
    }

    fn sketch(&self, language: LanguageId) -> Sketch {
        let mut draft = Draft::default();
        let mut known_by_clause = Vec::with_capacity(self.clauses.len());
        let mut conditional = false;
        for (index, clause) in self.clauses.iter().enumerate() {
            if clause.before.parts_sentences() {
                conditional = false;
            }
            let segments = self.matches.segments(clause, self.words, language);
            known_by_clause.push(self.known_words(&segments));
            let mut judge = Judge::new(&segments, clause, self.lexicon.negation_follows(language));
            judge.conditional = conditional;
            judge.please_beside = segments.iter().any(|s| s.roles.has(Role::Imperative))
                && self.pleads_beside(index, language);
            let (findings, still_conditional) = judge.run();
            conditional = still_conditional;
            let bystander = self.is_bystander(index, &segments, &draft);
            draft.hear(&findings, &segments, clause);
            draft.unknown_content |= !bystander && findings.is_empty();
            draft.sentence_closed = draft.agreed_before() || clause.after.parts_sentences();
        }
        draft.sketch(language, known_by_clause)
    }

    fn known_words(&self, segments: &[Segment]) -> usize {
        let known = segments.iter().filter(|s| !s.is_unknown());
        known
            .map(|s| {
                let words = self.words.list.get(s.start..s.start + s.len).unwrap_or_default();
                words.iter().filter(|w| matches!(w.kind, Kind::Word | Kind::Character)).count()
            })
            .sum()
    }

    /// A clause that may stand beside a bare yes: courtesy, a name, a reason.
    fn is_bystander(&self, index: usize, segments: &[Segment], draft: &Draft) -> bool {
        let Some(clause) = self.clauses.get(index) else {
            return false;
        };
        let has = |role: Role| segments.iter().any(|s| s.roles.has(role));
        let unknown = segments.iter().filter(|s| s.is_unknown()).count();
        // Behind "Yes." a sentence of its own is a comment like any other, if we
        // can read it.
        let is_read = 2 * unknown <= segments.len();
        if index >= self.names_from || is_read && draft.agreed_before() {
            return true;
        }
        let harmless =
            Roles::SKIPPED.with(Roles::of(&[Role::Yes, Role::No])).with(Roles::APPROVING);
        if segments.iter().all(|s| s.roles.any(harmless)) || has(Role::Ground) {
            return true;
        }
        let numbered = |s: &Segment| {
            let word = self
                .words
                .list
                .get(s.start)
                .map_or("", |w| self.text.get(w.start..w.end).unwrap_or_default());
            word.contains(|c: char| c.is_ascii_digit())
        };
        let told_of = Roles::of(&[Role::Lead, Role::Link, Role::Common]);
        // "ticket 4711", "CHG-42".
        if segments.iter().any(numbered)
            && segments.iter().all(|s| numbered(s) || s.roles.any(told_of))
        {
            return true;
        }
        let greeting = has(Role::Greeting) && unknown <= 4;
        let last_line = index + 1 == self.clauses.len() && clause.before.has(Gap::NEWLINE);
        let name = segments.len() == unknown
            && unknown <= 3
            && (index == 0 || last_line)
            && (unknown == 1 || !self.has_small_words(clause));
        greeting || name || has(Role::Closing) || draft.closed && unknown <= 4
    }

    /// The clause that opens a block of names at the end: "Ana Silva / IT Manager".
    ///
    /// It stands behind an empty line and every line of it is short and written
    /// with capitals, as no sentence is. What it may hold of known words is still
    /// heard; only what nobody knows in it is no reason for doubt.
    fn signature_from(&self) -> usize {
        let end = self.clauses.len();
        let block = self.clauses.iter().rposition(|clause| clause.before.has(Gap::BLANK_LINE));
        match block {
            Some(from) if from > 0 && end - from <= SIGNATURE_LINES => {
                let lines = self.clauses.get(from..).unwrap_or_default();
                if lines.iter().all(|line| self.is_name_like(line)) { from } else { end }
            }
            _ => end,
        }
    }

    /// A word that opens small, as words of a name seldom do. Scripts without
    /// capitals have none.
    fn has_small_words(&self, clause: &Clause) -> bool {
        let words = self.words.list.get(clause.words.clone()).unwrap_or_default();
        words.iter().any(|word| {
            let written = self.text.get(word.start..word.end).unwrap_or_default();
            written.starts_with(char::is_lowercase) && written.chars().count() > PARTICLE_CHARS
        })
    }

    fn is_name_like(&self, clause: &Clause) -> bool {
        let words = self.words.list.get(clause.words.clone()).unwrap_or_default();
        let capital = |c: char| c.is_uppercase() || c.is_numeric();
        words.len() <= SIGNATURE_WORDS
            && !clause.is_question()
            && words.iter().all(|word| {
                let written = self.text.get(word.start..word.end).unwrap_or_default();
                written.starts_with(capital) || written.chars().count() <= PARTICLE_CHARS
            })
            && words.first().is_some_and(|word| {
                self.text.get(word.start..).is_some_and(|rest| rest.starts_with(capital))
            })
    }

    /// What another language sees in the words that ours does not understand.
    fn objection(&self, sketch: &Sketch) -> Option<Why> {
        for (clause, known) in self.clauses.iter().zip(&sketch.known_by_clause) {
            if self.is_denied_elsewhere(clause, sketch) {
                return Some(Why::Both);
            }
            // Where we know every word, nobody knows more: only a denial is left to hear.
            let readable = |w: &&Word| matches!(w.kind, Kind::Word | Kind::Character);
            let words = self.words.list.get(clause.words.clone()).unwrap_or_default();
            let all_known = words.iter().filter(readable).count() <= *known;
            let objecting = if all_known { DENYING } else { OBJECTING };
            for language in self.languages_with_objections(clause, sketch.language, objecting) {
                let segments = self.matches.segments(clause, self.words, language);
                let known_there = self.known_words(&segments);
                let speaks = segments.iter().any(|s| s.roles.any(OBJECTING));
                if speaks && known_there > *known {
                    return Some(Why::LanguagesDisagree);
                }
                let findings = Judge::new(&segments, clause, false).run().0;
                let denies = findings.iter().any(|f| matches!(f, Finding::Denies(_)));
                if denies && known_there >= *known {
                    return Some(Why::LanguagesDisagree);
                }
            }
        }
        self.is_foreign(sketch).then_some(Why::UnknownWords)
    }

    /// A word of denial that our language does not know, but another does.
    fn is_denied_elsewhere(&self, clause: &Clause, sketch: &Sketch) -> bool {
        let segments = self.matches.segments(clause, self.words, sketch.language);
        segments
            .iter()
            .filter(|segment| segment.is_unknown())
            .flat_map(|segment| self.matches.at(segment.start))
            .any(|found| {
                let last = found.start + found.len == clause.words.end;
                found.roles.has(Role::Deny) || last && found.roles.has(Role::No)
            })
    }

    fn languages_with_objections(
        &self,
        clause: &Clause,
        ours: LanguageId,
        objecting: Roles,
    ) -> Vec<LanguageId> {
        let mut others = Vec::new();
        for word in clause.words.clone() {
            for found in self.matches.at(word) {
                let language = found.language;
                if language != ours
                    && language != EVERY_LANGUAGE
                    && found.roles.any(objecting)
                    && !others.contains(&language)
                {
                    others.push(language);
                }
            }
        }
        others
    }

    /// Most of the words beside the decision are known to no language: a
    /// condition may hide in them.
    fn is_foreign(&self, sketch: &Sketch) -> bool {
        let segments = self
            .clauses
            .iter()
            .take(self.names_from)
            .flat_map(|clause| self.matches.segments(clause, self.words, sketch.language));
        let of_characters = self.is_of_characters(sketch);
        let (mut known, mut unknown) = (0_usize, 0_usize);
        for segment in segments {
            let Some(word) = self.words.list.get(segment.start) else {
                continue;
            };
            match (segment.is_unknown(), word.kind) {
                (true, Kind::Word) => unknown += 1,
                (true, Kind::Character) if !of_characters => unknown += 1,
                (false, Kind::Word | Kind::Character) => known += segment.len,
                _ => {}
            }
        }
        let decided: usize = sketch.deciding.iter().map(|s| s.len).sum();
        let known = known.saturating_sub(decided);
        unknown >= FOREIGN_WORDS_MIN && known * FOREIGN_SHARE < unknown
    }

    /// Scripts without spaces have no unknown *words*, if they are the decision's own.
    fn is_of_characters(&self, sketch: &Sketch) -> bool {
        sketch
            .deciding
            .iter()
            .any(|s| self.words.list.get(s.start).is_some_and(|word| word.kind == Kind::Character))
    }

    fn told(&self, sketch: &Sketch) -> Reading {
        let decided = sketch.answer != Answer::Unclear;
        Reading {
            answer: sketch.answer,
            language: decided.then(|| self.lexicon.code(sketch.language).to_owned()),
            reason: sketch.reason,
            comment: if decided { self.comment(sketch) } else { self.text.trim().to_owned() },
            evidence: self.evidence(sketch),
        }
    }

    fn evidence(&self, sketch: &Sketch) -> Vec<Evidence> {
        let deciding = sketch.deciding.iter().map(|segment| (*segment, sketch.role));
        deciding
            .chain(sketch.taken_by)
            .filter_map(|(segment, role)| {
                let (start, end) = self.span(&segment)?;
                Some(Evidence {
                    start,
                    end,
                    words: self.text.get(start..end)?.to_owned(),
                    role,
                    language: self.lexicon.code(sketch.language).to_owned(),
                })
            })
            .collect()
    }

    fn span(&self, segment: &Segment) -> Option<(usize, usize)> {
        let first = self.words.list.get(segment.start)?;
        let last = self.words.list.get((segment.start + segment.len).checked_sub(1)?)?;
        Some((first.start, last.end))
    }

    /// The text without its deciding words.
    fn comment(&self, sketch: &Sketch) -> String {
        let mut comment = String::with_capacity(self.text.len());
        let mut at = 0;
        for (start, end) in sketch.deciding.iter().filter_map(|s| self.span(s)) {
            if start >= at {
                comment.push_str(self.text.get(at..start).unwrap_or_default());
                at = end;
            }
        }
        comment.push_str(self.text.get(at..).unwrap_or_default());
        let noise = |c: char| {
            c.is_whitespace() || ".,;:!-*_'\"\u{2013}\u{2014}\u{3002}\u{FF0C}\u{FF01}".contains(c)
        };
        comment.trim_start_matches(noise).trim().trim_matches(|c: char| c == '*').to_owned()
    }
}

/// Without one of these nothing is denied.
const DENYING: Roles = Roles::of(&[Role::Negation, Role::Deny, Role::No]);
/// What another language may hold against an approval.
const OBJECTING: Roles = Roles::TAKING.with(DENYING);
/// A block of names: name, title, department, company, telephone.
const SIGNATURE_LINES: usize = 6;
const SIGNATURE_WORDS: usize = 5;
/// "de", "of", "van": written small between capitals.
const PARTICLE_CHARS: usize = 3;
/// Fewer unknown words may be a name and a place.
const FOREIGN_WORDS_MIN: usize = 4;
/// One known word vouches for so many unknown ones.
const FOREIGN_SHARE: usize = 3;

/// What has been heard so far.
#[derive(Default)]
struct Draft {
    approvals: Vec<Segment>,
    agreements: Vec<Segment>,
    denials: Vec<Segment>,
    taken: Option<(Segment, Role, Why)>,
    /// A retraction behind a denial: the denial no longer stands.
    denial_retracted: bool,
    mention: Option<Segment>,
    denial_mention: Option<Segment>,
    /// Something is perhaps approved: "denied for db1, approved db2".
    hovers: bool,
    /// The decision had a line for itself.
    alone: bool,
    /// A closing formula was heard: names follow.
    closed: bool,
    unknown_content: bool,
    /// The sentence of the last clause is at its end.
    sentence_closed: bool,
}

impl Draft {
    /// A yes has been said, and its sentence is over.
    fn agreed_before(&self) -> bool {
        self.sentence_closed && !self.agreements.is_empty()
    }

    fn hear(&mut self, findings: &[Finding], segments: &[Segment], clause: &Clause) {
        let single = segments.len() == 1 && clause.is_line();
        for finding in findings {
            match *finding {
                Finding::Approves(at) => {
                    self.approvals.extend(segments.get(at));
                    self.alone |= single;
                }
                Finding::Agrees(at) => self.agreements.extend(segments.get(at)),
                Finding::Denies(at) => {
                    self.denials.extend(segments.get(at));
                    self.alone |= single;
                }
                Finding::Takes(at, why) => self.take(segments.get(at), why),
                Finding::Mentions(at) => self.mention = self.mention.or(segments.get(at).copied()),
                Finding::Hovers(at) => {
                    self.hovers = true;
                    self.mention = self.mention.or(segments.get(at).copied());
                }
                Finding::MentionsDenial(at) => {
                    self.denial_mention = self.denial_mention.or(segments.get(at).copied());
                }
            }
        }
        if clause.is_question() {
            self.take(segments.first(), Why::Question);
        }
        if clause.before.has(Gap::STRUCK) || clause.after.has(Gap::STRUCK) {
            self.take(segments.first(), Why::Retraction);
        }
        self.closed |= segments.iter().any(|s| s.roles.has(Role::Closing));
    }

    fn take(&mut self, segment: Option<&Segment>, why: Why) {
        let Some(segment) = segment else { return };
        self.denial_retracted |= why == Why::Retraction && !self.denials.is_empty();
        if self.taken.is_none() {
            self.taken = Some((*segment, role_of(why), why));
        }
    }

    fn sketch(self, language: LanguageId, known_by_clause: Vec<usize>) -> Sketch {
        let (answer, reason) = self.verdict();
        let taken_by = match answer {
            Answer::Unclear => self.taken.map(|(segment, role, _)| (segment, role)),
            _ => None,
        };
        let (role, mut deciding) = match answer {
            Answer::Deny => (Role::Deny, self.denials),
            _ if !self.approvals.is_empty() => (Role::Approve, self.approvals),
            _ if !self.agreements.is_empty() => (Role::Yes, self.agreements),
            _ => (Role::Mention, self.mention.into_iter().chain(self.denial_mention).collect()),
        };
        deciding.sort_by_key(|segment| segment.start);
        let known = known_by_clause.iter().sum();
        Sketch { language, answer, reason, known, known_by_clause, deciding, role, taken_by }
    }

    fn verdict(&self) -> (Answer, Why) {
        let approves = !self.approvals.is_empty() || !self.agreements.is_empty();
        let stated = if self.alone { Why::Keyword } else { Why::PlainWords };
        match (approves, !self.denials.is_empty()) {
            (true, true) => (Answer::Unclear, Why::Both),
            (false, true) if self.hovers => (Answer::Unclear, Why::Both),
            (false, true) if self.denial_retracted => (Answer::Unclear, Why::Retraction),
            (false, true) => (Answer::Deny, stated),
            (true, false) => match self.objection() {
                Some(why) => (Answer::Unclear, why),
                None => (Answer::Approve, stated),
            },
            (false, false) => (Answer::Unclear, self.why_nothing()),
        }
    }

    fn objection(&self) -> Option<Why> {
        let only_agrees = self.approvals.is_empty();
        if let Some((_, _, why)) = self.taken {
            return Some(why);
        }
        if self.denial_mention.is_some() {
            return Some(Why::Both);
        }
        (only_agrees && (self.unknown_content || self.mention.is_some()))
            .then_some(Why::UnknownWords)
    }

    fn why_nothing(&self) -> Why {
        if let Some((_, _, why)) = self.taken {
            return why;
        }
        if self.mention.is_some() || self.denial_mention.is_some() {
            return Why::Mention;
        }
        Why::NoKnownWord
    }
}

fn role_of(why: Why) -> Role {
    match why {
        Why::Condition => Role::Condition,
        Why::ChangeOfScope => Role::Scope,
        Why::Contrast => Role::Contrast,
        Why::Question => Role::Question,
        Why::Postponement => Role::Postponement,
        Why::Delegation => Role::Delegation,
        Why::Hearsay => Role::Hearsay,
        Why::Retraction => Role::Retraction,
        Why::Future => Role::Future,
        Why::RequestToOthers => Role::Ask,
        Why::Negation => Role::Negation,
        _ => Role::Doubt,
    }
}

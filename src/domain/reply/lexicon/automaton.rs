//! Finds every phrase of every language in one pass over the words.
//!
//! Words become numbers by a hash look-up, phrases are a tree over those
//! numbers. The work for one word is bounded by the longest phrase, so the whole
//! is linear in the text.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::pattern::{Phrase, Place};
use super::role::{Role, Roles};
use super::words::{Kind, Words};

/// A language by its place in the lexicon.
pub type LanguageId = u8;
/// Phrases that hold in every language.
pub const EVERY_LANGUAGE: LanguageId = u8::MAX;

/// A phrase found in a text.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    /// Index of its first word.
    pub start: usize,
    /// In words.
    pub len: usize,
    pub language: LanguageId,
    pub roles: Roles,
    pub opens: bool,
    pub ends: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct End {
    language: LanguageId,
    roles: Roles,
    opens: bool,
    ends: bool,
}

/// Not made for hostile keys: the tables it serves are only ever filled from
/// the lexicon, and a look-up cannot make them slow.
#[derive(Default, Clone)]
pub struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut eight = [0; 8];
            for (to, from) in eight.iter_mut().zip(chunk) {
                *to = *from;
            }
            self.write_u64(u64::from_le_bytes(eight));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

type Quick<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;
type Symbol = u32;
type Node = u32;

const ROOT: Node = 0;
const NUMBER: Symbol = 0;
/// The set of a node at which no phrase ends.
const NOTHING: u32 = 0;

/// Which symbols a word can be read as; a word is seldom more than two.
#[derive(Debug, Clone, Copy, Default)]
struct Symbols {
    list: [Symbol; 6],
    len: usize,
}

impl Symbols {
    fn add(&mut self, symbol: Symbol) {
        if let Some(slot) = self.list.get_mut(self.len) {
            *slot = symbol;
            self.len += 1;
        }
    }
    fn all(&self) -> &[Symbol] {
        self.list.get(..self.len).unwrap_or_default()
    }
}

/// A decision word that may be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slip {
    word: Box<str>,
    approves: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Automaton {
    words: Quick<Box<str>, Symbol>,
    prefixes: Quick<Box<str>, Symbol>,
    /// Words with repeated letters taken once, for `aproved` and `yesss`.
    squeezed: Quick<Box<str>, Vec<Symbol>>,
    /// Decision words with one letter left out, for other slips of the finger.
    slips: Quick<Box<str>, Vec<Slip>>,
    steps: Quick<(Node, Symbol), Node>,
    /// What ends at each node: a place in `sets`, since few sets are different.
    ends: Vec<u32>,
    sets: Vec<Vec<End>>,
    set_ids: HashMap<Vec<End>, u32>,
    symbols: u32,
}

impl Automaton {
    pub fn new() -> Automaton {
        Automaton {
            ends: vec![NOTHING],
            sets: vec![Vec::new()],
            set_ids: HashMap::from([(Vec::new(), NOTHING)]),
            symbols: 1,
            ..Automaton::default()
        }
    }

    pub fn add(&mut self, phrase: &Phrase, language: LanguageId, role: Role) {
        let node = self.node_of(phrase);
        self.forgive_slips(phrase, role);
        let mut ends = self.ends_of(node).to_vec();
        let (opens, closes) = (phrase.opens, phrase.ends);
        let same = ends
            .iter_mut()
            .find(|e| e.language == language && e.opens == opens && e.ends == closes);
        match same {
            Some(end) => end.roles = end.roles.with(Roles::of(&[role])),
            None => ends.push(End { language, roles: Roles::of(&[role]), opens, ends: closes }),
        }
        self.set_ends(node, ends);
    }

    fn ends_of(&self, node: Node) -> &[End] {
        let set = self.ends.get(node as usize).copied().unwrap_or(NOTHING);
        self.sets.get(set as usize).map_or(&[], Vec::as_slice)
    }

    fn set_ends(&mut self, node: Node, ends: Vec<End>) {
        let fresh = u32::try_from(self.sets.len()).unwrap_or(NOTHING);
        let id = match self.set_ids.get(&ends) {
            Some(id) => *id,
            None => {
                self.sets.push(ends.clone());
                self.set_ids.insert(ends, fresh);
                fresh
            }
        };
        if let Some(end) = self.ends.get_mut(node as usize) {
            *end = id;
        }
    }

    /// Gives the phrase this role and no other.
    pub fn replace(&mut self, phrase: &Phrase, language: LanguageId, role: Role) {
        let node = self.node_of(phrase);
        let mut ends = self.ends_of(node).to_vec();
        ends.retain(|end| end.language != language);
        self.set_ends(node, ends);
        self.add(phrase, language, role);
    }

    /// What a phrase already means in a language.
    pub fn roles_of(&self, phrase: &Phrase, language: LanguageId) -> Roles {
        let mut node = ROOT;
        for place in &phrase.places {
            let symbol = match place {
                Place::Number => Some(NUMBER),
                Place::Word(word) => self.words.get(word).copied(),
                Place::Prefix(stem) => self.prefixes.get(stem).copied(),
            };
            match symbol.and_then(|symbol| self.steps.get(&(node, symbol))) {
                Some(next) => node = *next,
                None => return Roles::NONE,
            }
        }
        self.ends_of(node)
            .iter()
            .filter(|end| end.language == language || end.language == EVERY_LANGUAGE)
            .fold(Roles::NONE, |all, end| all.with(end.roles))
    }

    fn node_of(&mut self, phrase: &Phrase) -> Node {
        let mut node = ROOT;
        for place in &phrase.places {
            let symbol = self.symbol_of(place);
            let fresh = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
            node = *self.steps.entry((node, symbol)).or_insert(fresh);
            if node == fresh {
                self.ends.push(NOTHING);
            }
        }
        node
    }

    fn symbol_of(&mut self, place: &Place) -> Symbol {
        let fresh = self.symbols;
        let symbol = match place {
            Place::Number => return NUMBER,
            Place::Prefix(stem) => *self.prefixes.entry(stem.clone()).or_insert(fresh),
            Place::Word(word) => {
                let symbol = *self.words.entry(word.clone()).or_insert(fresh);
                if symbol == fresh {
                    self.squeezed.entry(squeeze(word).into()).or_default().push(fresh);
                }
                symbol
            }
        };
        if symbol == fresh {
            self.symbols += 1;
        }
        symbol
    }

    fn forgive_slips(&mut self, phrase: &Phrase, role: Role) {
        let forgiven = Roles::APPROVING.has(role) || role == Role::Deny;
        let [Place::Word(word)] = phrase.places.as_slice() else {
            return;
        };
        let squeezed = squeeze(word);
        if !forgiven || squeezed.chars().count() < SLIP_LETTERS_MIN {
            return;
        }
        for key in one_letter_less(&squeezed).chain([squeezed.clone()]) {
            let known = self.slips.entry(key.into()).or_default();
            let slip = Slip { word: word.clone(), approves: role != Role::Deny };
            if !known.contains(&slip) {
                known.push(slip);
            }
        }
    }

    /// All phrases of the text that stay within one clause, by where they begin.
    pub fn matches(&self, words: &Words) -> Vec<Match> {
        let symbols: Vec<Symbols> = (0..words.list.len()).map(|i| self.symbols(words, i)).collect();
        let mut found = Vec::with_capacity(words.list.len() * 2);
        for start in 0..words.list.len() {
            self.walk(words, &symbols, start, &mut found);
        }
        found
    }

    fn walk(&self, words: &Words, symbols: &[Symbols], start: usize, found: &mut Vec<Match>) {
        let mut nodes = [ROOT; BRANCHES_MAX];
        let mut live = 1;
        for (index, reading) in symbols.iter().enumerate().skip(start) {
            let parted = words.list.get(index).is_some_and(|word| word.gap.parts_clauses());
            if index > start && parted {
                return;
            }
            let mut next = [ROOT; BRANCHES_MAX];
            let mut count = 0;
            for node in nodes.iter().take(live) {
                for symbol in reading.all() {
                    let Some(to) = self.steps.get(&(*node, *symbol)) else {
                        continue;
                    };
                    let Some(slot) = next.get_mut(count) else {
                        break;
                    };
                    *slot = *to;
                    count += 1;
                }
            }
            if count == 0 {
                return;
            }
            for node in next.iter().take(count) {
                let ends = self.ends_of(*node);
                found.extend(ends.iter().map(|end| Match {
                    start,
                    len: index + 1 - start,
                    language: end.language,
                    roles: end.roles,
                    opens: end.opens,
                    ends: end.ends,
                }));
            }
            nodes = next;
            live = count;
        }
    }

    fn symbols(&self, words: &Words, index: usize) -> Symbols {
        let mut symbols = Symbols::default();
        let Some(word) = words.list.get(index) else {
            return symbols;
        };
        let folded = words.folded(word);
        if word.kind == Kind::Number {
            symbols.add(NUMBER);
        }
        if let Some(symbol) = self.words.get(folded) {
            symbols.add(*symbol);
        }
        if word.kind == Kind::Word && folded.len() <= WORD_BYTES_MAX {
            for (end, _) in folded.char_indices().skip(1).chain([(folded.len(), ' ')]) {
                if let Some(symbol) = folded.get(..end).and_then(|stem| self.prefixes.get(stem)) {
                    symbols.add(*symbol);
                }
            }
            if symbols.len == 0 {
                self.forgive(folded, &mut symbols);
            }
        }
        symbols
    }

    /// An unknown word may be a known one with a letter too many, too few, or
    /// two letters swapped. It counts only if all words so near say the same.
    fn forgive(&self, folded: &str, symbols: &mut Symbols) {
        let squeezed = squeeze(folded);
        // "zz" is not Polish "z".
        if squeezed.chars().count() < SQUEEZED_LETTERS_MIN {
            return;
        }
        if let Some(same) = self.squeezed.get(squeezed.as_str()) {
            same.iter().for_each(|symbol| symbols.add(*symbol));
            return;
        }
        if squeezed.chars().count() + 1 < SLIP_LETTERS_MIN {
            return;
        }
        let mut near: Vec<&Slip> = Vec::new();
        for key in one_letter_less(&squeezed).chain([squeezed.clone()]) {
            for slip in self.slips.get(key.as_str()).into_iter().flatten() {
                if !near.contains(&slip) && is_one_slip(&squeezed, &squeeze(&slip.word)) {
                    near.push(slip);
                }
            }
        }
        if near.iter().any(|slip| near.iter().any(|other| other.approves != slip.approves)) {
            return;
        }
        for slip in near {
            if let Some(symbol) = self.words.get(&slip.word) {
                symbols.add(*symbol);
            }
        }
    }
}

const BRANCHES_MAX: usize = 16;
/// Longer words are no words.
const WORD_BYTES_MAX: usize = 96;
/// A single letter, however often, is no word.
const SQUEEZED_LETTERS_MIN: usize = 2;
/// Shorter words have too many neighbours that mean something else.
const SLIP_LETTERS_MIN: usize = 6;

/// Repeated letters taken once.
fn squeeze(word: &str) -> String {
    let mut squeezed = String::with_capacity(word.len());
    let mut before = None;
    for c in word.chars() {
        if before != Some(c) {
            squeezed.push(c);
        }
        before = Some(c);
    }
    squeezed
}

/// The first letter stays: `probado` ("tested") is not `aprobado`.
fn one_letter_less(word: &str) -> impl Iterator<Item = String> + '_ {
    word.char_indices().skip(1).map(|(at, c)| {
        let mut shorter = String::with_capacity(word.len());
        shorter.push_str(word.get(..at).unwrap_or_default());
        shorter.push_str(word.get(at + c.len_utf8()..).unwrap_or_default());
        shorter
    })
}

/// One letter added, left out, changed, or swapped with its neighbour.
fn is_one_slip(a: &str, b: &str) -> bool {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    // A letter of another script is no slip of the finger but a disguise.
    let latin = |word: &[char]| word.iter().any(char::is_ascii);
    let mixed = |word: &[char]| latin(word) && !word.iter().all(char::is_ascii);
    if a.first() != b.first() || mixed(&a) || mixed(&b) || latin(&a) != latin(&b) {
        return false;
    }
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a, b) {
        (a, b) if a.len() <= 1 && b.len() <= 1 => true,
        ([p, q], [r, s]) => p == s && q == r,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_one_slip() {
        for (a, b, expected) in [
            ("aproved", "aprovd", true),
            ("aproved", "aporved", true),
            ("aproved", "aprooved", true),
            ("aproved", "reproved", false),
            ("aprobado", "probado", false),
            ("aproved", "aprvoef", false),
        ] {
            assert_eq!(is_one_slip(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn letters_are_taken_once() {
        assert_eq!(squeeze("apprroved"), "aproved");
        assert_eq!(squeeze("nooo"), "no");
    }
}

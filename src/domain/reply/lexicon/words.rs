//! A text as a row of words.
//!
//! Text and lexicon go through the same folding (compatibility forms, case,
//! accents, repeated spaces), so what matches does not depend on a keyboard.
//! Every word remembers where it stood in the text, in bytes, because a verdict
//! must be able to point at its reasons.
//!
//! Scripts that are written without spaces (Han, kana, Thai) give one word for
//! each character: a phrase is then found wherever it stands.

use unicode_normalization::{
    UnicodeNormalization,
    char::{compose, decompose_compatible},
};

/// Vietnamese: "tối duyệt" is "I approve this evening", "tôi duyệt" is "I
/// approve"; "vắng" is "absent", "vâng" is "yes". Typed without any accents they
/// are taken for the second, as everybody would.
const KEPT: [&str; 2] = ["tối", "vắng"];
/// In whatever form of Unicode.
const KEPT_BYTES_MAX: usize = 12;

/// What stood between two words. A set of bits, because a full stop and an
/// empty line often come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gap(u16);

impl Gap {
    pub const COLON: Gap = Gap(1);
    pub const COMMA: Gap = Gap(2);
    pub const STOP: Gap = Gap(4);
    pub const QUESTION: Gap = Gap(8);
    pub const NEWLINE: Gap = Gap(16);
    pub const BLANK_LINE: Gap = Gap(32);
    /// The next line opens with `>`: somebody else's words.
    pub const QUOTED: Gap = Gap(64);
    /// `~~`, struck out.
    pub const STRUCK: Gap = Gap(128);
    /// `¿`: the sentence that follows is a question.
    pub const ASKING: Gap = Gap(256);

    pub fn has(self, any_of: Gap) -> bool {
        self.0 & any_of.0 != 0
    }
    fn add(&mut self, other: Gap) {
        self.0 |= other.0;
    }
    fn remove(&mut self, other: Gap) {
        self.0 &= !other.0;
    }
    /// Ends a clause.
    pub fn parts_clauses(self) -> bool {
        self.has(Gap(Gap::COMMA.0 | Gap::STOP.0 | Gap::QUESTION.0 | Gap::NEWLINE.0 | Gap::ASKING.0))
    }
    /// Ends a sentence.
    pub fn parts_sentences(self) -> bool {
        self.has(Gap(Gap::STOP.0 | Gap::QUESTION.0 | Gap::NEWLINE.0))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    /// One character of a script without spaces.
    Character,
    /// An emoji or another picture. Unknown ones are as good as absent.
    Picture,
    /// An address of the web or of a mailbox.
    Address,
}

#[derive(Debug, Clone, Copy)]
pub struct Word {
    /// Bytes of the text it was read from.
    pub start: usize,
    pub end: usize,
    /// Bytes of `Words::folded`.
    folded_from: usize,
    folded_to: usize,
    pub kind: Kind,
    /// What stood before it.
    pub gap: Gap,
}

/// The words of one text.
#[derive(Debug, Default)]
pub struct Words {
    folded: String,
    pub list: Vec<Word>,
    /// What stood after the last word.
    pub last_gap: Gap,
}

/// A line is taken for wrapped by a mail program when the next word would have
/// gone past this column. Programs wrap at 65 to 80.
const WRAP_COLUMN: usize = 60;

impl Words {
    pub fn of(text: &str) -> Words {
        let mut reader = Reader {
            text,
            words: Words::default(),
            gap: Gap::default(),
            line: Line::default(),
            plain_until: 0,
        };
        reader.run();
        reader.words
    }

    pub fn folded(&self, word: &Word) -> &str {
        self.folded.get(word.folded_from..word.folded_to).unwrap_or_default()
    }

    /// What stood after word number `index`.
    pub fn gap_after(&self, index: usize) -> Gap {
        self.list.get(index + 1).map_or(self.last_gap, |next| next.gap)
    }
}

#[derive(Default)]
struct Line {
    /// Columns so far.
    width: usize,
    /// Columns of the line before, if it was not empty.
    width_before: usize,
    has_text: bool,
}

struct Reader<'t> {
    text: &'t str,
    words: Words,
    gap: Gap,
    line: Line,
    /// No address opens before this byte.
    plain_until: usize,
}

impl Reader<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut at = 0;
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let here = at;
            at += c.len_utf8();
            self.line.width += if is_wide(c) { 2 } else { 1 };
            if is_word(c) || (c == '+' && opens_plus_one(text, here)) {
                at = self.word(here);
            } else if is_picture(c) {
                self.picture(here, at, c);
            } else {
                self.mark(c, here, at);
            }
        }
        self.words.last_gap = self.gap;
    }

    /// Reads the word at `start`; answers where it ends.
    fn word(&mut self, start: usize) -> usize {
        let (run_end, address) = match start < self.plain_until {
            true => (self.plain_until, None),
            false => address_end(self.text, start),
        };
        self.plain_until = run_end;
        if let Some(end) = address {
            let from = self.words.folded.len();
            self.push(start, end, from, Kind::Address);
            return end;
        }
        let from = self.words.folded.len();
        let mut end = start;
        let mut digits_only = true;
        for (offset, c) in self.text.get(start..).unwrap_or_default().char_indices() {
            let plus = offset == 0 && c == '+';
            if !(plus || is_word(c) || is_inside_word(c)) || (offset > 0 && is_character(c)) {
                break;
            }
            end = start + offset + c.len_utf8();
            if plus {
                self.words.folded.push('+');
                digits_only = false;
                continue;
            }
            digits_only &= c.is_numeric();
            fold(c, &mut self.words.folded);
            if is_character(c) {
                end = self.voicing_marks(end);
                self.push(start, end, from, Kind::Character);
                return end;
            }
        }
        self.keep_accents(start, end, from);
        self.push(start, end, from, if digits_only { Kind::Number } else { Kind::Word });
        end
    }

    /// A few words that only their accents tell from one that decides.
    fn keep_accents(&mut self, start: usize, end: usize, folded_from: usize) {
        let written = self.text.get(start..end).unwrap_or_default();
        if written.is_ascii() || written.len() > KEPT_BYTES_MAX {
            return;
        }
        let written: String = written.nfc().flat_map(char::to_lowercase).collect();
        if KEPT.contains(&written.as_str()) {
            self.words.folded.truncate(folded_from);
            self.words.folded.push_str(&written);
        }
    }

    /// Kana typed as letter and voicing mark are one letter.
    fn voicing_marks(&mut self, mut end: usize) -> usize {
        while let Some(c @ ('\u{3099}' | '\u{309A}')) =
            self.text.get(end..).and_then(|rest| rest.chars().next())
        {
            fold(c, &mut self.words.folded);
            end += c.len_utf8();
        }
        end
    }

    fn picture(&mut self, start: usize, end: usize, c: char) {
        if matches!(c, '\u{2753}' | '\u{2754}' | '\u{1F914}') {
            self.gap.add(Gap::QUESTION);
            return;
        }
        let from = self.words.folded.len();
        self.words.folded.push(c);
        self.push(start, end, from, Kind::Picture);
    }

    fn push(&mut self, start: usize, end: usize, folded_from: usize, kind: Kind) {
        let folded_to = self.words.folded.len();
        let columns = self.text.get(start..end).map_or(0, |w| w.chars().count());
        let mut gap = self.gap;
        let wrapped = gap == Gap::NEWLINE && self.line.width_before + 1 + columns >= WRAP_COLUMN;
        if wrapped {
            gap.remove(Gap::NEWLINE);
        }
        self.words.list.push(Word { start, end, folded_from, folded_to, kind, gap });
        self.gap = Gap::default();
        self.line.width += columns.saturating_sub(1);
        self.line.has_text = true;
    }

    fn mark(&mut self, c: char, here: usize, next: usize) {
        match c {
            '\n' => self.newline(),
            '?' | '\u{FF1F}' | '\u{61F}' | '\u{37E}' | '\u{FE56}' | '\u{203D}' => {
                self.gap.add(Gap::QUESTION);
            }
            ';' | '\u{FF1B}' if self.after_greek(here) => self.gap.add(Gap::QUESTION),
            '\u{BF}' => self.gap.add(Gap::ASKING),
            '.' | '\u{FF0E}' if self.inside_a_name(here, next) => {}
            '.' | '!' | '\u{2026}' | '\u{3002}' | '\u{FF01}' | '\u{FF0E}' | '\u{FF61}'
            | '\u{964}' | '\u{965}' | '\u{6D4}' | '\u{A1}' => self.gap.add(Gap::STOP),
            ',' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '\u{3001}' | '\u{FF0C}' | '\u{60C}'
            | '\u{61B}' | '\u{FF1B}' | '\u{2013}' | '\u{2014}' | '\u{FF08}' | '\u{FF09}'
            | '\u{300C}' | '\u{300D}' | '\u{FF64}' => self.gap.add(Gap::COMMA),
            '-' if self.stands_free(here, next) => self.gap.add(Gap::COMMA),
            ':' | '\u{FF1A}' => self.gap.add(Gap::COLON),
            '>' if !self.line.has_text => self.gap.add(Gap::QUOTED),
            '~' | '\u{FF5E}' if self.text.get(next..).is_some_and(|rest| rest.starts_with(c)) => {
                self.gap.add(Gap::STRUCK);
            }
            _ => {}
        }
    }

    fn newline(&mut self) {
        if self.gap.has(Gap::NEWLINE) && !self.line.has_text {
            self.gap.add(Gap::BLANK_LINE);
        }
        self.gap.add(Gap::NEWLINE);
        self.line = Line { width: 0, width_before: self.line.width, has_text: false };
    }

    /// The Greek question mark looks like a semicolon and is usually typed as one.
    fn after_greek(&self, here: usize) -> bool {
        self.text
            .get(..here)
            .and_then(|before| before.trim_end().chars().next_back())
            .is_some_and(|c| matches!(c, '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}'))
    }

    /// `example.org`, `3.5`: this full stop ends nothing.
    fn inside_a_name(&self, here: usize, next: usize) -> bool {
        let before = self.text.get(..here).and_then(|t| t.chars().next_back());
        let after = self.text.get(next..).and_then(|t| t.chars().next());
        matches!((before, after), (Some(b), Some(a)) if b.is_alphanumeric() && a.is_alphanumeric())
    }

    /// A hyphen between words is a dash; one inside a word is not.
    fn stands_free(&self, here: usize, next: usize) -> bool {
        let before = self.text.get(..here).and_then(|t| t.chars().next_back());
        let after = self.text.get(next..).and_then(|t| t.chars().next());
        !(before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric))
    }
}

fn opens_plus_one(text: &str, here: usize) -> bool {
    text.get(here + 1..).is_some_and(|rest| rest.starts_with('1'))
        && !text.get(here + 2..).and_then(|r| r.chars().next()).is_some_and(char::is_alphanumeric)
}

/// How far the run of characters at `start` goes, and where the address ends
/// if it is one. A run is read once, so a hostile text costs no more than its length.
fn address_end(text: &str, start: usize) -> (usize, Option<usize>) {
    let rest = text.get(start..).unwrap_or_default();
    if !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return (start, None);
    }
    let len = rest
        .find(|c: char| c.is_whitespace() || !c.is_ascii() || "<>,;()[]\"!".contains(c))
        .unwrap_or(rest.len());
    let run = rest.get(..len).unwrap_or_default().trim_end_matches(['.', '?', ':', '-']);
    let is_address = run.contains("://") || run.contains('@') || run.starts_with("www.");
    (start + len, is_address.then_some(start + run.len()))
}

fn is_wide(c: char) -> bool {
    is_character(c) && !matches!(c, '\u{E00}'..='\u{E7F}') || matches!(c, '\u{AC00}'..='\u{D7A3}')
}

/// Written without spaces.
fn is_character(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{FF66}'..='\u{FF9F}'
        | '\u{20000}'..='\u{3FFFF}' | '\u{E01}'..='\u{E4E}')
        && c != '\u{30FB}'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_character(c)
}

/// Marks and invisible characters that a word may contain but not open with.
fn is_inside_word(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5C7}'
        | '\u{610}'..='\u{61A}' | '\u{640}' | '\u{64B}'..='\u{65F}' | '\u{670}'
        | '\u{900}'..='\u{963}' | '\u{966}'..='\u{DFF}' | '\u{AD}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{FE00}'..='\u{FE0F}')
}

fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Folds one character onto the end of `folded`.
fn fold(c: char, folded: &mut String) {
    if c.is_ascii() {
        folded.push(c.to_ascii_lowercase());
        return;
    }
    if matches!(c, '\u{AC00}'..='\u{D7A3}') {
        folded.push(c);
        return;
    }
    for lower in c.to_lowercase() {
        decompose_compatible(lower, |part| {
            for part in part.to_lowercase() {
                fold_part(part, folded);
            }
        });
    }
}

fn fold_part(part: char, folded: &mut String) {
    match part {
        '\u{3099}' | '\u{309A}' | '\u{1161}'..='\u{1175}' | '\u{11A8}'..='\u{11C2}' => {
            let joined = folded.chars().next_back().and_then(|before| compose(before, part));
            match joined {
                Some(one) => {
                    folded.pop();
                    folded.push(one);
                }
                None => folded.push(part),
            }
        }
        '\u{300}'..='\u{36F}'
        | '\u{483}'..='\u{487}'
        | '\u{591}'..='\u{5C7}'
        | '\u{610}'..='\u{61A}'
        | '\u{640}'
        | '\u{64B}'..='\u{65F}'
        | '\u{670}'
        | '\u{AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{93C}' => {}
        'ß' => folded.push_str("ss"),
        'ø' => folded.push('o'),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'ł' => folded.push('l'),
        'đ' | 'ð' => folded.push('d'),
        'þ' => folded.push_str("th"),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        'ى' | 'ی' => folded.push('ي'),
        'ک' => folded.push('ك'),
        'ة' | 'ۀ' => folded.push('ه'),
        other => folded.push(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let words = Words::of(text);
        let folded: Vec<&str> = words.list.iter().map(|w| words.folded(w)).collect();
        assert_eq!(folded, expected, "{text}");
    }

    #[test]
    fn width_case_and_accents_do_not_matter() {
        check("ＡＰＰＲＯＶＥ", &["approve"]);
        check("NÃO", &["nao"]);
        check("na\u{303}o", &["nao"]);
        check("İPTAL ıptal", &["iptal", "iptal"]);
        check("Straße Łódź Øl", &["strasse", "lodz", "ol"]);
        check("app\u{200B}rove", &["approve"]);
    }

    #[test]
    fn scripts_without_spaces_give_a_word_for_each_character() {
        check("不批准", &["不", "批", "准"]);
        check("ガか\u{3099}", &["ガ", "が"]);
        check("승인 합니다", &["승인", "합니다"]);
    }

    #[test]
    fn a_word_knows_where_it_stood() {
        let text = "«Não», é ＮＯ";
        let words = Words::of(text);
        let stood: Vec<&str> = words.list.iter().map(|w| &text[w.start..w.end]).collect();
        assert_eq!(stood, ["Não", "é", "ＮＯ"]);
    }

    #[test]
    fn full_stops_inside_names_part_nothing() {
        let words = Words::of("db.example 3.5 GB. Done");
        let parts: Vec<bool> = words.list.iter().map(|w| w.gap.parts_clauses()).collect();
        assert_eq!(parts, [false, false, false, false, false, true]);
        check("see https://approve.example/x?y now", &["see", "", "now"]);
    }

    #[test]
    fn a_wrapped_line_goes_on() {
        let long = "the people of the second floor think that this should really be";
        assert!(!Words::of(&format!("{long}\napproved")).list.last().unwrap().gap.parts_clauses());
        assert!(Words::of("Hello Bob\napproved").list.last().unwrap().gap.parts_clauses());
    }
}

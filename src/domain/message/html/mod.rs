//! What a person sees of an HTML body.
//!
//! Mail programs hide text in many ways: previews, tracking words, the other
//! half of a conditional comment. A decision must rest on what stood on the
//! screen, so whatever is not seen is taken out here and noted, never read.
//!
//! The tree is a flat list in document order; nothing recurses, every step is
//! linear in the source, and what lies past the limits is reported instead of
//! guessed. What of the visible text is a quote is *not* decided here.

mod colour;
mod grow;
mod render;
mod selector;
mod sheet;
mod style;
mod tree;

pub(crate) use render::{Line, render};
pub(crate) use tree::{Element, NodeId, Tree, text_of};

/// The visible text of a body, and what was taken out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visible {
    /// Blocks are separated by line feeds; white space is folded as a browser
    /// folds it.
    pub text: String,
    pub hidden: Vec<Hidden>,
}

/// Something that was in the mail but not to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// A stable code: `display_none`, `same_colour`, `zero_width_character`, …
    pub rule: &'static str,
    /// The beginning of what was hidden, at most [`HIDDEN_CHARS_MAX`] characters.
    pub text: String,
}

/// How much of one hidden piece is kept for the explanation.
pub const HIDDEN_CHARS_MAX: usize = 160;
/// How many hidden pieces are kept; a newsletter can have thousands.
pub(crate) const HIDDEN_PIECES_MAX: usize = 40;

/// Reads HTML as a browser would show it, without running or loading anything.
pub fn visible(source: &str) -> Visible {
    let rendered = render(&Tree::read(source));
    Visible { text: rendered.text(), hidden: rendered.hidden }
}

/// Characters that have no shape of their own. A joiner between letters that
/// need it (Persian, Hindi) or between emoji is spelling and stays.
pub(crate) fn shapeless(character: char) -> Option<&'static str> {
    match character {
        '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' | '\u{034f}' => {
            Some("zero_width_character")
        }
        '\u{00ad}' => Some("soft_hyphen"),
        '\u{200c}' | '\u{200d}' => Some("joiner"),
        '\u{200e}' | '\u{200f}' | '\u{061c}' => Some("direction_mark"),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{206a}'..='\u{206f}' => {
            Some("bidi_control")
        }
        '\u{e0000}'..='\u{e007f}' => Some("tag_character"),
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => Some("filler"),
        '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' => Some("control_character"),
        _ => None,
    }
}

/// The text without [`shapeless`] characters. Marks that honest mails are full
/// of (soft hyphens, direction marks) go without a note.
pub(crate) fn without_shapeless(text: &str, hidden: &mut Vec<Hidden>) -> String {
    if text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(rule) = shapeless(character) else {
            kept.push(character);
            continue;
        };
        let joins = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && c as u32 >= 0x590);
        match rule {
            "joiner" if joins(kept.chars().next_back()) && joins(characters.peek().copied()) => {
                kept.push(character);
            }
            "joiner" | "soft_hyphen" | "direction_mark" => {}
            _ => note(hidden, rule, &format!("U+{:04X}", character as u32)),
        }
    }
    kept
}

/// Notes a hidden piece once: the same rule twice in a row for the same text
/// tells nothing new.
pub(crate) fn note(hidden: &mut Vec<Hidden>, rule: &'static str, text: &str) {
    let text = text.trim();
    if text.is_empty() || hidden.len() >= HIDDEN_PIECES_MAX {
        return;
    }
    let text: String = text.chars().take(HIDDEN_CHARS_MAX).collect();
    if hidden.iter().any(|known| known.rule == rule && known.text == text) {
        return;
    }
    hidden.push(Hidden { rule, text });
}

#[cfg(test)]
mod tests;

//! A letter as plain text.
//!
//! Lines are wrapped here, at [`WIDTH`], so that no mail program does it for
//! us: a reply that quotes us without a quote mark would otherwise begin a
//! line with whatever word stood at the fold. The fold is moved before a word
//! that decides in any language.

use super::{
    REF_LABEL,
    content::{Block, Fact, Letter},
    language::Language,
    untrusted::PREFIX,
};

/// Characters of a line, prefix included.
const WIDTH: usize = 72;

/// With LF, and one at the end.
pub fn render(letter: &Letter) -> String {
    let mut text = String::new();
    for block in &letter.blocks {
        if matches!(block, Block::MailLinks(_)) {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        for line in lines(block) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text
}

fn lines(block: &Block) -> Vec<String> {
    match block {
        Block::Marker(says) => vec![marker(says)],
        Block::Paragraph(says) => wrapped(says, ""),
        Block::Facts(facts) => facts.iter().flat_map(fact_lines).collect(),
        Block::Quote(quote) => quote.lines.iter().flat_map(|line| wrapped(line, PREFIX)).collect(),
        Block::Typed(typed) => typed.clone(),
        Block::Link(url) => vec![url.clone()],
        Block::MailLinks(_) => Vec::new(),
        Block::Ref(token) => vec![format!("{REF_LABEL}{token}")],
    }
}

/// A time is kept whole, since it holds nothing that a fold could bring to the
/// front. What others wrote goes on behind the prefix.
fn fact_lines(fact: &Fact) -> Vec<String> {
    let line = format!("{}: {}", fact.label, fact.value);
    if fact.is_ours {
        return vec![line];
    }
    let mut lines = wrapped_within(&line, "", WIDTH - PREFIX.len());
    for continued in lines.iter_mut().skip(1) {
        continued.insert_str(0, PREFIX);
    }
    lines
}

/// The line above which the answer belongs. Its frame is the same in every
/// language and survives programs that rename ids and drop classes.
pub fn marker(says: &str) -> String {
    format!("##- {says} -##")
}

/// Folds one line at white space, each piece behind `prefix`; a word longer
/// than a line is cut.
pub fn wrapped(line: &str, prefix: &str) -> Vec<String> {
    wrapped_within(line, prefix, WIDTH - prefix.len())
}

fn wrapped_within(line: &str, prefix: &str, room: usize) -> Vec<String> {
    let mut folded: Vec<Vec<&str>> = vec![Vec::new()];
    let mut used = 0;
    for word in line.split_whitespace().flat_map(|word| pieces(word, room)) {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            let carried = carried_over(folded.last_mut(), word);
            used = carried.iter().map(|w| w.chars().count() + 1).sum::<usize>().saturating_sub(1);
            folded.push(carried);
        }
        used += length + usize::from(used > 0);
        if let Some(last) = folded.last_mut() {
            last.push(word);
        }
    }
    folded.into_iter().map(|words| format!("{prefix}{}", words.join(" "))).collect()
}

/// What the fold takes along to the next line, so that it does not begin with
/// a word that decides. A line of nothing else is left as it is.
fn carried_over<'a>(line: Option<&mut Vec<&'a str>>, next: &str) -> Vec<&'a str> {
    let Some(line) = line else { return Vec::new() };
    let mut at = line.len();
    let mut first = next;
    while begins_with_deciding(first) {
        match at.checked_sub(1).filter(|&kept| kept > 0) {
            Some(kept) => {
                at = kept;
                first = line.get(at).copied().unwrap_or_default();
            }
            None => return Vec::new(),
        }
    }
    line.split_off(at)
}

fn pieces(word: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// Whether a line's first word decides in any language, whatever stands
/// around it.
pub fn begins_with_deciding(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    let bare = first.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    Language::ALL.iter().any(|language| language.words().deciding.contains(&bare.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fold_never_leaves_a_deciding_word_first() {
        let filler = "word ".repeat(13);
        for word in ["APPROVE", "disapprove,", "“yes”", "não", "sí.", "no"] {
            for shift in 0..8 {
                let line = format!("{}{} {word} and on", "x".repeat(shift), filler);
                for folded in wrapped(&line, "") {
                    assert!(!begins_with_deciding(&folded), "{folded:?} of {line:?}");
                    assert!(folded.chars().count() <= WIDTH, "{folded:?}");
                }
            }
        }
    }

    #[test]
    fn folding_loses_no_word() {
        let line = "one two three ".repeat(40);
        assert_eq!(wrapped(&line, "").join(" "), line.trim());
        let long = "y".repeat(200);
        let cut = wrapped(&long, PREFIX);
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|piece| piece.starts_with(PREFIX) && piece.len() <= WIDTH));
        assert_eq!(wrapped("", PREFIX), [PREFIX]);
    }
}

//! What stands in our notifications whatever they are about, for whoever must
//! tell our words from a person's.

use super::{Language, text};

/// The line above which the answer belongs, in every language.
pub fn answer_above_lines() -> impl Iterator<Item = String> {
    Language::ALL.iter().map(|language| text::marker(language.words().answer_above))
}

/// The lines that stand in notifications of any language whatever they are
/// about: each sentence of ours as one line (as HTML shows it) and as the
/// lines it is wrapped into in the text part. A reply parser that meets one
/// outside a quote knows that the person did not write it. What is filled in
/// differs from mail to mail; the outbox keeps each mail's text for that.
pub fn own_lines() -> Vec<String> {
    let mut lines: Vec<String> = answer_above_lines().collect();
    for language in Language::ALL {
        let words = language.words();
        let sentences = words.fixed().map(str::to_owned).chain(words.filled());
        for sentence in sentences {
            lines.extend(text::wrapped(&sentence, ""));
            lines.push(sentence);
        }
    }
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sentence_begins_with_a_deciding_word_of_any_language() {
        for line in own_lines() {
            assert!(!text::begins_with_deciding(&line), "{line}");
        }
    }
}

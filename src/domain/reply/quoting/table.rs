//! Reads the word tables: `key TAB word|word|…`, `#` for remarks.

/// Every word with its key, in the order of the table, lower case.
pub(crate) fn words(table: &'static str) -> impl Iterator<Item = (&'static str, String)> {
    table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .flat_map(|(key, words)| words.split('|').map(move |word| (key, fold(word))))
        .filter(|(_, word)| !word.is_empty())
}

/// The words as one alternation, longest first so that none hides another.
pub(crate) fn alternation<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    words.dedup();
    let words: Vec<String> =
        words.iter().map(|word| regex::escape(word).replace(' ', r"\s+")).collect();
    words.join("|")
}

/// Lower case, single blanks, plain apostrophes, no emphasis marks at the ends:
/// how words of a table are compared with words of a mail.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        for word in text.split(char::is_whitespace).filter(|word| !word.is_empty()) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.extend(word.chars().map(|c| if c == '`' { '\'' } else { c }));
        }
        folded.make_ascii_lowercase();
        return folded;
    }
    for word in text.split(|c: char| c.is_whitespace() || c == '\u{a0}') {
        if word.is_empty() {
            continue;
        }
        if !folded.is_empty() {
            folded.push(' ');
        }
        for character in word.chars() {
            match character {
                '’' | '‘' | '`' | '´' => folded.push('\''),
                '‑' | '‐' => folded.push('-'),
                // Lower case would keep the dot as a character of its own.
                'İ' => folded.push('i'),
                '\u{307}' => {}
                _ => folded.extend(character.to_lowercase()),
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_every_table_is_read() {
        for (name, table) in [
            ("attribution_verbs", include_str!("attribution_verbs.txt")),
            ("attribution_openings", include_str!("attribution_openings.txt")),
            ("header_labels", include_str!("header_labels.txt")),
            ("separators", include_str!("separators.txt")),
            ("markup_names", include_str!("markup_names.txt")),
            ("closings", include_str!("../authored/closings.txt")),
            ("decision_stems", include_str!("../authored/decision_stems.txt")),
        ] {
            let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
            for line in lines {
                assert!(
                    line.split_once('\t').is_some_and(|(_, words)| !words.is_empty()),
                    "{name}: {line}"
                );
            }
            assert!(words(table).count() > 20, "{name}");
        }
    }

    #[test]
    fn words_are_compared_folded() {
        assert_eq!(fold("  Message\u{a0} D’Origine "), "message d'origine");
        assert_eq!(fold("İletilen"), "iletilen");
    }

    #[test]
    fn the_longest_word_comes_first() {
        assert_eq!(alternation(["a", "a b", "a"].into_iter()), r"a\s+b|a");
    }
}

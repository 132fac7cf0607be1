//! What an IMAP client asks, taken apart: strings, UID sets, the items of a
//! FETCH, the keys of a SEARCH (RFC 3501 §9). What is not understood is None,
//! which the session answers with BAD.

use super::mailboxes::{Flags, Mail};

/// Pieces of one set: `1:3,7,9:*`.
const PIECES_MAX: usize = 10_000;
/// Items of one FETCH, keys of one SEARCH.
const ITEMS_MAX: usize = 100;

/// Atoms and quoted strings, apart. A literal was put in as a quoted string by
/// whoever read it.
pub(super) fn strings(rest: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut letters = rest.chars().peekable();
    while let Some(&letter) = letters.peek() {
        if letter == ' ' {
            letters.next();
            continue;
        }
        let mut word = String::new();
        if letter == '"' {
            letters.next();
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => word.push(letters.next()?),
                    other => word.push(other),
                }
            }
        } else {
            while let Some(&next) = letters.peek().filter(|&&next| next != ' ') {
                word.push(next);
                letters.next();
            }
        }
        found.push(word);
        if found.len() > ITEMS_MAX {
            return None;
        }
    }
    Some(found)
}

/// A string as a quoted one.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Of the numbers that are there, those that the set names. `*` is the last.
pub(super) fn in_set(set: &str, present: &[u32]) -> Option<Vec<u32>> {
    let last = present.iter().copied().max().unwrap_or(0);
    let number = |text: &str| match text {
        "*" => Some(last),
        digits => digits.parse::<u32>().ok().filter(|&number| number > 0),
    };
    let mut ranges = Vec::new();
    for piece in set.split(',') {
        let (from, to) = piece.split_once(':').unwrap_or((piece, piece));
        let (from, to) = (number(from)?, number(to)?);
        ranges.push((from.min(to), from.max(to)));
        if ranges.len() > PIECES_MAX {
            return None;
        }
    }
    ranges.sort_unstable();
    // Ascending numbers meet ascending ranges, so each is looked at once.
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (from, to) in ranges {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    let is_in = |number: u32| {
        let at = merged.partition_point(|&(_, to)| to < number);
        merged.get(at).is_some_and(|&(from, _)| from <= number)
    };
    Some(present.iter().copied().filter(|&number| is_in(number)).collect())
}

/// One thing asked of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    /// As it was asked for, so that it can be answered under that name.
    Section {
        named: String,
        what: Section,
        peek: bool,
        from: Option<usize>,
        count: Option<usize>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Section {
    Whole,
    Header,
    Text,
    /// Only the fields of these names, lower case.
    Fields(Vec<String>),
}

/// `(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (From To)]<0.100>)`
pub(super) fn items(asked: &str) -> Option<Vec<Item>> {
    let asked = asked.trim();
    let inside = asked.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(asked);
    let mut found = Vec::new();
    for word in words_outside_brackets(inside) {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "UID" => found.push(Item::Uid),
            "FLAGS" => found.push(Item::Flags),
            "INTERNALDATE" => found.push(Item::InternalDate),
            "RFC822.SIZE" => found.push(Item::Size),
            "FAST" => found.extend([Item::Flags, Item::InternalDate, Item::Size]),
            "RFC822" => found.push(section(&upper, Section::Whole, false)),
            "RFC822.HEADER" => found.push(section(&upper, Section::Header, true)),
            "RFC822.TEXT" => found.push(section(&upper, Section::Text, false)),
            _ => found.push(body(&upper)?),
        }
        if found.len() > ITEMS_MAX {
            return None;
        }
    }
    Some(found).filter(|found| !found.is_empty())
}

fn section(named: &str, what: Section, peek: bool) -> Item {
    Item::Section { named: named.to_owned(), what, peek, from: None, count: None }
}

/// `BODY[…]`, `BODY.PEEK[…]`, each with an optional `<from.count>`.
fn body(word: &str) -> Option<Item> {
    let (rest, peek) = match word.strip_prefix("BODY.PEEK[") {
        Some(rest) => (rest, true),
        None => (word.strip_prefix("BODY[")?, false),
    };
    let (name, partial) = rest.split_once(']')?;
    let what = match name {
        "" => Section::Whole,
        "HEADER" => Section::Header,
        "TEXT" => Section::Text,
        _ => {
            let names = name.strip_prefix("HEADER.FIELDS")?.trim();
            let names = names.strip_prefix('(')?.strip_suffix(')')?;
            Section::Fields(names.split_ascii_whitespace().map(str::to_lowercase).collect())
        }
    };
    let (mut from, mut count) = (None, None);
    if !partial.is_empty() {
        let (start, octets) = partial.strip_prefix('<')?.strip_suffix('>')?.split_once('.')?;
        (from, count) = (Some(start.parse().ok()?), Some(octets.parse().ok()?));
    }
    let start = from.map(|from| format!("<{from}>")).unwrap_or_default();
    Some(Item::Section { named: format!("BODY[{name}]{start}"), what, peek, from, count })
}

fn words_outside_brackets(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut inside) = (0, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            ' ' if !inside => {
                words.extend(text.get(start..at).filter(|word| !word.is_empty()));
                start = at + 1;
            }
            _ => {}
        }
    }
    words.extend(text.get(start..).filter(|word| !word.is_empty()));
    words
}

/// What a SEARCH asks; all of it must hold.
pub(super) fn search(asked: &str, present: &[u32]) -> Option<impl Fn(&Mail) -> bool + use<>> {
    enum Key {
        Flag(Flags),
        Uids(Vec<u32>),
        All,
    }
    let words = strings(asked)?;
    let mut words = words.iter();
    let mut keys: Vec<(Key, bool)> = Vec::new();
    let mut wanted = true;
    while let Some(word) = words.next() {
        let key = match word.to_ascii_uppercase().as_str() {
            "NOT" => {
                wanted = !wanted;
                continue;
            }
            "CHARSET" => {
                words.next()?;
                continue;
            }
            "ALL" => Key::All,
            "UID" => Key::Uids(in_set(words.next()?, present)?),
            name => {
                let positive = name.strip_prefix("UN").unwrap_or(name);
                let flag = Flags::named(&format!("\\{positive}"));
                if flag == Flags::default() {
                    return None;
                }
                if positive.len() < name.len() {
                    wanted = !wanted;
                }
                Key::Flag(flag)
            }
        };
        keys.push((key, wanted));
        wanted = true;
    }
    Some(move |mail: &Mail| {
        keys.iter().all(|(key, wanted)| {
            let holds = match key {
                Key::All => true,
                Key::Flag(flag) => mail.flags.has(*flag),
                Key::Uids(uids) => uids.binary_search(&mail.uid).is_ok(),
            };
            holds == *wanted
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_atoms_or_quoted() {
        let check = |rest, expected: Option<&[&str]>| {
            let found = strings(rest);
            let found = found.as_ref().map(|f| f.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{rest}");
        };
        check(r#"ana@x.test "a \"b\" c""#, Some(&["ana@x.test", "a \"b\" c"]));
        check(r#""" "*""#, Some(&["", "*"]));
        check(r#""open"#, None);
        assert_eq!(strings(&quoted("a\"\\")).unwrap(), ["a\"\\"]);
    }

    #[test]
    fn a_set_names_what_is_there() {
        let present = [2, 3, 7, 9];
        for (set, expected) in [
            ("1:3,9", Some(vec![2, 3, 9])),
            ("*", Some(vec![9])),
            ("20:*", Some(vec![9])),
            ("*:8", Some(vec![9])),
            ("3:2,3", Some(vec![2, 3])),
            ("0", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(in_set(set, &present), expected, "{set}");
        }
        assert_eq!(in_set("1:*", &[]), Some(vec![]), "nothing is there to be last");
    }

    #[test]
    fn sections_keep_the_name_they_were_asked_by() {
        let names = |asked| {
            let items = items(asked)?;
            Some(
                items
                    .into_iter()
                    .map(|item| match item {
                        Item::Section { named, peek, count, .. } => {
                            format!("{named} {peek} {count:?}")
                        }
                        other => format!("{other:?}"),
                    })
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        };
        for (asked, expected) in [
            ("(UID RFC822.SIZE INTERNALDATE)", Some("Uid; Size; InternalDate")),
            ("(UID BODY.PEEK[])", Some("Uid; BODY[] true None")),
            ("BODY[]<10.20>", Some("BODY[]<10> false Some(20)")),
            (
                "(flags body.peek[header.fields (From To)])",
                Some("Flags; BODY[HEADER.FIELDS (FROM TO)] true None"),
            ),
            ("(ENVELOPE)", None),
            ("BODY[1]", None),
            ("()", None),
        ] {
            assert_eq!(names(asked).as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn a_search_is_a_conjunction() {
        let mail = |uid, flags| Mail {
            uid,
            raw: [].into(),
            arrived_at: chrono::DateTime::UNIX_EPOCH,
            flags,
        };
        let mails = [mail(1, Flags::default()), mail(2, Flags::SEEN), mail(3, Flags::DELETED)];
        for (asked, expected) in [
            ("ALL", Some(vec![1, 2, 3])),
            ("UNSEEN", Some(vec![1, 3])),
            ("DELETED NOT UID 3", Some(vec![])),
            ("NOT DELETED UID 2:*", Some(vec![2])),
            ("FROM ana", None),
        ] {
            let found = search(asked, &[1, 2, 3])
                .map(|fits| mails.iter().filter(|mail| fits(mail)).map(|mail| mail.uid).collect());
            assert_eq!(found, expected, "{asked}");
        }
    }
}

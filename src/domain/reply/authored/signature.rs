//! Where the words end and the signature begins.
//!
//! Dashes and phone footers are certain. A closing with a name, a name alone, a
//! block of telephone numbers are guesses: they are cut only when nothing in them
//! could be an answer.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;

use super::{boilerplate, decision_stem};
use crate::domain::reply::quoting::Line;
use crate::domain::reply::quoting::separator::is_ruler;
use crate::domain::reply::quoting::table::{fold, words};

/// How many lines a signature that is only guessed can have.
const GUESS_LINES_MAX: usize = 12;
const NAME_CHARS_MAX: usize = 40;
/// Parts of a name that are written small.
const PARTICLES: &[&str] =
    &["van", "von", "de", "der", "den", "da", "di", "la", "le", "bin", "al", "zu", "dos", "del"];

/// Lines of a run that go, with the rule, and a doubt if there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunCut {
    pub from: usize,
    pub to: usize,
    pub rule: &'static str,
    pub doubt: Option<&'static str>,
}

static CLOSINGS: LazyLock<HashSet<String>> =
    LazyLock::new(|| words(include_str!("closings.txt")).map(|(_, word)| word).collect());

static CONTACT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:\+|\b|\()\(?\d{1,4}\)?[\s./()-]{0,3}\d{2,5}[\s./()-]{0,3}\d{2,5}|[^\s@<>]+@[^\s@<>]+\.\p{L}{2,}|\bwww\.|https?://|\b(?:tel|phone|fax|mobile?|cell|handy|telefon|tél|skype|ext|direct|office)\b\s*[.:]|(?:电话|電話|手机|手機|传真|傳真|邮箱|郵箱|内線|携帯|전화|휴대폰|팩스|тел\.|моб\.)",
    )
    .expect("the pattern is fixed and tested")
});

/// The parts of a run of own lines that are not words to us.
pub(super) fn cuts(run: &[Line]) -> Vec<RunCut> {
    let mut cuts = Vec::new();
    let mut end = run.len();
    let mut words_above = false;
    for (at, line) in run.iter().enumerate() {
        if line.is_blank() {
            continue;
        }
        let Some(rule) = certain_start(run, at) else {
            words_above = true;
            continue;
        };
        let below = run.get(at + 1..).unwrap_or_default();
        if rule == "footer_device" && !words_above && below.iter().any(|line| !line.is_blank()) {
            // Some phones put the footer first and the answer below it.
            cuts.push(RunCut { from: at, to: at + 1, rule, doubt: None });
            continue;
        }
        let doubt = match rule {
            "signature_dashes" | "disclaimer_notice" if words_above => None,
            _ => may_hold_an_answer(below, words_above).then_some("words_below_signature"),
        };
        cuts.push(RunCut { from: at, to: run.len(), rule, doubt });
        end = at;
        break;
    }
    // One signature is enough: a name above the dashes is left with the words.
    let signed = cuts.iter().any(|cut| cut.to == run.len() && cut.rule != "disclaimer_notice");
    let first = cuts.iter().filter(|cut| cut.to < run.len()).map(|cut| cut.to).max().unwrap_or(0);
    if !signed && let Some((from, rule)) = guessed_start(run.get(..end).unwrap_or_default(), first)
    {
        cuts.push(RunCut { from, to: end, rule, doubt: None });
    }
    cuts
}

/// Whether an answer could stand below the beginning of a signature. Notices of
/// companies are full of "no" and "accept"; an answer is short and comes soon.
fn may_hold_an_answer(below: &[Line], words_above: bool) -> bool {
    let reach = if words_above { 4 } else { GUESS_LINES_MAX };
    let filled = below.iter().filter(|line| !line.is_blank()).take(reach);
    filled
        .take_while(|line| !boilerplate::begins_disclaimer(&line.text))
        .any(|line| line.text.chars().count() <= 80 && decision_stem::occurs_in(&line.text))
}

/// The rule by which this line surely begins what is no answer.
fn certain_start(run: &[Line], at: usize) -> Option<&'static str> {
    let text = run.get(at)?.text.trim();
    let bare = text.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{a0}');
    let below = run.iter().skip(at + 1).find(|line| !line.is_blank());
    if text.starts_with('_')
        && is_ruler(&text.replace('_', "__"))
        && below.is_some_and(|line| fold(&line.text).contains("mailing list"))
    {
        return Some("footer_list");
    }
    if matches!(bare, "--" | "—" | "–" | "---" | "__" | "—-" | "--=20" | "-- =20")
        && !divides_parts(run, at, bare)
    {
        return Some("signature_dashes");
    }
    if let Some(rule) = boilerplate::begins(text) {
        return Some(rule);
    }
    let underscores = text.chars().filter(|c| *c == '_').count() >= 5;
    let drawn = is_ruler(text) && (underscores || matches!(text, "* * *" | "***"));
    if drawn && below.is_some() && !is_form(run, at) || rules_off_contact(run, at, text) {
        return Some("signature_ruler");
    }
    None
}

/// Dashes that part a longer text, as headings and comments do, and sign nothing.
fn divides_parts(run: &[Line], at: usize, dashes: &str) -> bool {
    let below = run.get(at + 1..).unwrap_or_default();
    let filled = || below.iter().map(|line| line.text.trim()).filter(|text| !text.is_empty());
    let comment = filled().next().is_some_and(|text| text.starts_with("-- ") && text.len() > 3);
    let heading = filled().any(|text| text.starts_with("## "));
    let again = run.iter().filter(|line| line.text.trim() == dashes).count() > 1;
    comment || dashes == "---" && (heading || again)
}

/// Blanks to be filled in: a line of underscores below others that hold some.
fn is_form(run: &[Line], at: usize) -> bool {
    let above = run.get(..at).unwrap_or_default();
    above.iter().rev().take(3).any(|line| {
        let text = line.text.trim();
        text.contains("____") && !is_ruler(text)
    })
}

/// A ruler of dashes or stars above a block with a telephone number or the like.
fn rules_off_contact(run: &[Line], at: usize, text: &str) -> bool {
    if !is_ruler(text) || text.chars().count() < 5 {
        return false;
    }
    let below = run.get(at + 1..).unwrap_or_default();
    let filled: Vec<&str> =
        below.iter().map(|line| line.text.trim()).filter(|text| !text.is_empty()).collect();
    !filled.is_empty()
        && filled.len() <= GUESS_LINES_MAX
        && filled.iter().any(|line| CONTACT.is_match(line))
        && filled.iter().all(|line| is_like_signature(line) || is_ruler(line))
}

/// Where a signature without any mark begins.
fn guessed_start(run: &[Line], first: usize) -> Option<(usize, &'static str)> {
    let filled: Vec<usize> =
        (first..run.len()).filter(|at| run.get(*at).is_some_and(|line| !line.is_blank())).collect();
    let text = |at: usize| run.get(at).map_or("", |line| line.text.trim());
    let last = filled.last().copied();
    let mut best = None;
    let mut contact = false;
    let mut titles = true;
    for at in filled.iter().rev().take(GUESS_LINES_MAX + 1).copied() {
        // Nothing above: then this is all the person wrote.
        if Some(&at) == filled.first() {
            break;
        }
        let line = text(at);
        // A closing alone is a courtesy, not a signature.
        if closing_with_name(line) || is_closing(line) && Some(at) != last {
            best = Some((at, "signature_closing"));
        } else if is_dashed_name(line) {
            best = Some((at, "signature_name"));
        }
        contact |= CONTACT.is_match(line);
        let above = run.get(at.wrapping_sub(1));
        // With a telephone number below it, a name needs no gap above it.
        let gap = above.is_some_and(|line| {
            let prose = line.text.split_whitespace().count() >= 5;
            line.is_blank() || contact && (prose || ends_a_sentence(&line.text))
        });
        let alone = Some(at) == last;
        if gap && best.is_none_or(|(_, rule)| rule == "signature_name") && is_name_line(line) {
            let block = contact || titles && !alone;
            if block || alone && follows_prose(run, &filled, at) {
                best = Some((at, "signature_name"));
            }
        }
        titles &= is_title(line);
        if !is_like_signature(line) {
            break;
        }
    }
    best
}

/// A name, perhaps with a degree, or with a telephone number behind it.
fn is_name_line(line: &str) -> bool {
    let name = line.trim_end_matches(|c: char| {
        c.is_numeric() || c.is_whitespace() || "+-–()./:,;x".contains(c)
    });
    let name = name.split_once([',', '|', '(']).map_or(name, |(name, _)| name);
    !is_closing(name) && is_name(name) && (name.len() == line.len() || is_like_signature(line))
}

/// "Head of Sales", "ACME Ltd.", "12 High Street": capitals, no sentence.
fn is_title(line: &str) -> bool {
    let words = line.split_whitespace().count();
    words <= 6
        && !line.ends_with(['!', '?', ':', ','])
        && line
            .chars()
            .next()
            .is_some_and(|c| c == 'x' || c.is_uppercase() || c.is_numeric() || c == '+' || c == '(')
        && !decision_stem::occurs_in(line)
}

/// "Regards,", "Thanks, Bob", "Mit freundlichen Grüßen".
fn is_closing(line: &str) -> bool {
    if line.len() > 200 || decision_stem::occurs_in(line) {
        return false;
    }
    let folded = fold(line);
    let bare = folded.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '.');
    if CLOSINGS.contains(bare) || CLOSINGS.contains(bare.trim_end_matches('.')) {
        return true;
    }
    closing_with_name(line)
}

/// "Thanks, Bob".
fn closing_with_name(line: &str) -> bool {
    line.len() <= 200
        && line.split_once([',', '!', '.', '-', '–', '~']).is_some_and(|(closing, name)| {
            CLOSINGS.contains(fold(closing).as_str()) && is_name(name.trim())
        })
}

/// "-Bob", "— Daniel".
fn is_dashed_name(line: &str) -> bool {
    let name = line.trim_start_matches(['-', '–', '—', '~', '/']);
    name.len() < line.len() && line.len() - name.len() <= 6 && is_name(name.trim())
}

/// One to four capitalised words, or initials.
fn is_name(line: &str) -> bool {
    let line = line.trim_matches(|c: char| c.is_whitespace() || ",.*_".contains(c));
    let length = line.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || decision_stem::occurs_in(line) {
        return false;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    if is_name_of_characters(line) {
        return true;
    }
    words.len() <= 4
        && words.iter().all(|word| {
            let capital = word.chars().next().is_some_and(char::is_uppercase);
            // "J." and "Ph.D." but no "notes.txt".
            let dot = word.find('.').is_none_or(|at| at + 1 == word.len() || at <= 2);
            let letters = word.chars().all(|c| c.is_alphabetic() || ".'-’\"".contains(c));
            dot && letters && (capital || PARTICLES.contains(word))
        })
}

/// Two to four characters of Chinese, Japanese or Korean, perhaps with a blank.
fn is_name_of_characters(line: &str) -> bool {
    let letters = line.chars().filter(|c| !c.is_whitespace());
    (2..=4).contains(&letters.clone().count())
        && letters.clone().all(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'))
}

fn ends_a_sentence(text: &str) -> bool {
    text.trim_end().ends_with(['.', '!', '?', '。'])
}

/// A name alone is taken for one only below real sentences.
fn follows_prose(run: &[Line], filled: &[usize], at: usize) -> bool {
    let above = filled.iter().rev().find(|above| **above < at);
    above.and_then(|above| run.get(*above)).is_some_and(|line| {
        let text = line.text.trim_end();
        let words = text.split_whitespace().count();
        words >= 4 || words >= 3 && text.ends_with(['.', '!', '?', '。'])
    })
}

/// Short, no question, nothing that could be an answer.
fn is_like_signature(line: &str) -> bool {
    let words = line.split_whitespace().count();
    line.chars().count() <= 90
        && words <= 10
        && !line.ends_with(['?', ':'])
        && !(words > 4 && line.ends_with('!'))
        && !decision_stem::occurs_in(line)
        && !(words > 5 && line.ends_with('.') && !ends_in_abbreviation(line))
}

/// "S.L.", "Ltd.", "e.V."
fn ends_in_abbreviation(line: &str) -> bool {
    line.split_whitespace().next_back().is_some_and(|word| {
        let dots = word.matches('.').count();
        let capital = word.chars().any(char::is_uppercase);
        capital && word.chars().count() <= 5 && (dots >= 2 || word.chars().count() <= 4)
    })
}

//! Out-of-office and acknowledgement mails that do not declare themselves.
//!
//! RFC 3834 asks a responder for `Auto-Submitted`; many write only a subject
//! or a first sentence. Both are matched at their beginning, never in the
//! middle: "Re: out of office access" and "Approved. I am out of office from
//! Monday" are written by people.

use super::phrases::{Phrases, fold, phrases};

/// Begins only the subjects of responders.
static REPLY_SUBJECTS: Phrases = phrases!["reply_subjects.txt"];

/// Says that somebody is away. A person may begin a subject so too, hence
/// what follows is looked at.
static AWAY_SUBJECTS: Phrases = phrases!["away_subjects.txt"];

/// May follow a word of absence in a responder's subject.
static AWAY_GOES_ON: Phrases = phrases!["away_goes_on.txt"];

/// In the middle of a subject, after a name: "Ana Silva is out of the office".
static SOMEBODY_IS_AWAY: Phrases = phrases!["somebody_is_away.txt"];

/// Begins a sentence only of absence notes and answering robots.
static OPENINGS: Phrases = phrases!["openings.txt"];

/// Words of absence that may begin anything; needs one of the next list.
static LOOSE_OPENINGS: Phrases = phrases!["loose_openings.txt"];

static ABSENCE_WORDS: Phrases = phrases!["absence_words.txt"];

/// A line or sentence before the point: greetings and thanks for the mail.
static GREETINGS: Phrases = phrases!["greetings.txt"];

/// Whether a subject is that of a responder. The subject as shown, decoded.
pub(super) fn subject_is_automatic(subject: &str) -> bool {
    let folded = fold(subject);
    let head = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    if REPLY_SUBJECTS.begin(head).is_some() {
        return true;
    }
    if AWAY_SUBJECTS.begin(head).is_some_and(away_may_go_on) {
        return true;
    }
    // "Re: your request (Out of Office)", "[Auto-Reply]" at the end.
    let in_brackets = folded.split(['(', '[']).skip(1).any(|inside| {
        REPLY_SUBJECTS.begin(inside).is_some()
            || AWAY_SUBJECTS.begin(inside).is_some_and(|rest| rest.starts_with([')', ']']))
    });
    in_brackets || (!is_reply(&folded) && SOMEBODY_IS_AWAY.stand_in(&folded))
}

fn away_may_go_on(rest: &str) -> bool {
    let trimmed = rest.trim_start();
    trimmed.is_empty()
        || trimmed.starts_with(|c: char| !c.is_alphanumeric())
        || trimmed.starts_with(|c: char| c.is_ascii_digit())
        || AWAY_GOES_ON.begin(trimmed).is_some()
}

/// A folded subject that begins with one of the marks of an answer or a
/// forwarded mail.
pub(super) fn is_reply(folded: &str) -> bool {
    const MARKS: [&str; 32] = [
        "re", "aw", "antw", "antwort", "sv", "vs", "res", "ref", "rif", "r", "odp", "ynt", "yn",
        "vl", "at", "fw", "fwd", "wg", "tr", "rv", "enc", "i", "doorst", "vb", "pd", "ilt", "转发",
        "回复", "答复", "回覆", "返信", "re^2",
    ];
    let Some((head, _)) = folded.split_once([':', '\u{ff1a}']) else {
        return false;
    };
    let head = head
        .trim_end()
        .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')'));
    MARKS.contains(&head.trim_end())
}

/// How much of a text an absence note needs to show itself.
const OPENING_CHARS: usize = 1_500;
const SENTENCES: usize = 6;

/// Whether a text opens like an absence note or a robot's acknowledgement.
/// A text with a quote below is a person's: responders do not quote.
pub(super) fn body_is_automatic(text: &str) -> bool {
    if has_quote(text) {
        return false;
    }
    let opening: String = text.chars().take(OPENING_CHARS).collect();
    for sentence in sentences(&opening).take(SENTENCES) {
        let folded = fold(sentence);
        let folded = folded.trim_matches(|c: char| !c.is_alphanumeric());
        if folded.is_empty() {
            continue;
        }
        if opens_absence(folded) {
            return true;
        }
        // "Hi Ana, I am out of the office" on one line.
        let is_greeting = GREETINGS.begin(folded).is_some();
        if is_greeting
            && folded
                .split([',', '-', '!', ':', '、', '，'])
                .skip(1)
                .any(|it| opens_absence(it.trim_start()))
        {
            return true;
        }
        if !is_greeting && !is_name_line(sentence) {
            return false;
        }
    }
    false
}

fn opens_absence(folded: &str) -> bool {
    OPENINGS.begin(folded).is_some()
        || LOOSE_OPENINGS.begin(folded).is_some_and(|rest| ABSENCE_WORDS.stand_in(rest))
}

/// "Ana," or "All," on a line of its own.
fn is_name_line(sentence: &str) -> bool {
    let line = sentence.trim();
    line.ends_with([',', '!', '\u{ff0c}'])
        && line.chars().count() <= 30
        && line.split_whitespace().count() <= 3
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\u{3002}', '\u{ff01}'])
        .flat_map(sentences_of_line)
        .filter(|piece| !piece.trim().is_empty())
}

/// A full stop after a number is a date's: "vom 1. bis 4. Mai".
fn sentences_of_line(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for at in memchr::memchr3_iter(b'.', b'!', b'?', line.as_bytes()) {
        let (before, after) = line.split_at(at);
        let ends = after[1..].starts_with(' ') && !before.ends_with(|c: char| c.is_ascii_digit());
        if ends {
            pieces.extend(line.get(start..=at));
            start = at + 1;
        }
    }
    pieces.extend(line.get(start..));
    pieces
}

fn has_quote(text: &str) -> bool {
    text.lines().take(400).any(|line| {
        let line = line.trim_start();
        line.starts_with('>')
            || line.starts_with("-----")
            || line.starts_with("_____")
            || (line.ends_with(':') && line.contains('@'))
            || ["From:", "Von:", "De:", "Da:", "Van:", "Fra:", "Fr\u{e5}n:", "Od:", "От:", "发件人"]
                .iter()
                .any(|mark| line.starts_with(mark))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_subject(subject: &str, expected: bool) {
        assert_eq!(subject_is_automatic(subject), expected, "{subject}");
    }

    fn check_body(text: &str, expected: bool) {
        assert_eq!(body_is_automatic(text), expected, "{text}");
    }

    #[test]
    fn responders_are_known_by_their_subject() {
        for subject in [
            "Automatic reply: Access to db-7",
            "Out of Office: Access to db-7",
            "Out of Office AutoReply: Access to db-7",
            "Out of office until 4 May",
            "OOO Re: Access to db-7",
            "[Auto-Reply] Access to db-7",
            "Re: Access to db-7 (Out of Office)",
            "Ana Silva is out of the office.",
            "Abwesenheitsnotiz: Zugriff",
            "Abwesend bis 4. Mai",
            "AUTOMATISCHE ANTWORT: Zugriff",
            "R\u{e9}ponse automatique : Acc\u{e8}s",
            "Respuesta autom\u{e1}tica: Acceso",
            "Resposta autom\u{e1}tica: Acesso",
            "Automatisch antwoord: Toegang",
            "Autosvar: Adgang",
            "Automaattinen vastaus: P\u{e4}\u{e4}sy",
            "Odpowied\u{17a} automatyczna: Dost\u{119}p",
            "Автоответ: Доступ",
            "自動応答: アクセス",
            "自动回复: 访问",
            "자동 회신: 접근",
            "תשובה אוטומטית: גישה",
            "Otomatik yan\u{131}t: Eri\u{15f}im",
        ] {
            check_subject(subject, true);
        }
    }

    #[test]
    fn people_may_write_about_absence() {
        for subject in [
            "Re: out of office access",
            "AW: Abwesenheitsnotiz einrichten",
            "Out of office calendar access for db-7",
            "Vacation planner: access",
            "Absent colleagues need access",
            "Re: Automatic reply: Access",
            "Urlaubsantrag",
            "Access to db-7",
            "",
        ] {
            check_subject(subject, false);
        }
    }

    #[test]
    fn absence_notes_are_known_by_their_first_sentence() {
        for text in [
            "I am out of the office until 4 May and will answer then.",
            "Hello,\n\nThank you for your email. I am currently out of the office.",
            "Hi Ana, I'm on vacation.",
            "Sehr geehrte Damen und Herren,\n\nich bin derzeit nicht im B\u{fc}ro.",
            "Guten Tag,\n\nich bin vom 1. bis 4. Mai abwesend.",
            "Bonjour,\n\nJe suis absente jusqu'au 4 mai.",
            "Hola,\nEstoy fuera de la oficina hasta el lunes.",
            "您好，\n我正在休假。",
            "This is an automated response. Do not answer.",
        ] {
            check_body(text, true);
        }
    }

    #[test]
    fn people_may_say_that_they_are_away() {
        for text in [
            "Approved. I am out of office from Monday.",
            "Yes.\n\nI am on vacation until 4 May.",
            "I am out of the office until Monday, but yes.\n\nOn Mon, Ana <a@x.test> wrote:\n> Approve?",
            "I am fine with it.",
            "Momentan bin ich dagegen.",
            "Ik ben momenteel niet akkoord.",
            "We have received your request and approve it.",
            "I am currently reviewing it, no.",
            "Genehmigt. Ich bin ab dem 4. Mai nicht da.",
            "",
        ] {
            check_body(text, false);
        }
    }
}

//! A mail's views, each reduced to the person's own words and read, and what
//! they come to together.

use super::{
    authored::{self, Authored, OurText},
    lexicon::Lexicon,
    wording::{self, Answer, Reading, Why},
};

/// One view: the plain text or the visible HTML.
#[derive(Debug, Clone)]
pub struct View {
    /// `plain` or `html`.
    pub name: &'static str,
    pub authored: Authored,
    pub reading: Reading,
}

/// What the person wrote and what it means.
#[derive(Debug, Clone)]
pub struct Read {
    pub views: Vec<View>,
    pub together: Reading,
}

impl Read {
    /// The person's own words, without quotes and signature: of the plain
    /// view, or of the HTML one where the plain one is empty.
    pub fn text(&self) -> &str {
        self.first_with_words().map_or("", |view| &view.authored.text)
    }

    pub fn text_with_signature(&self) -> &str {
        self.first_with_words().map_or("", |view| &view.authored.with_signature)
    }

    pub fn answer(&self) -> Answer {
        self.together.answer
    }

    fn first_with_words(&self) -> Option<&View> {
        let has_words = |view: &&View| !view.authored.text.trim().is_empty();
        self.views.iter().find(has_words).or(self.views.first())
    }
}

/// Reads both views. A split that is uncertain lets no decision stand.
pub fn read(
    plain: Option<&str>,
    html: Option<&str>,
    ours: &OurText,
    locale: Option<&str>,
    lexicon: &Lexicon,
) -> Read {
    let authored = [
        plain.map(|text| ("plain", authored::from_text(text, ours))),
        html.map(|source| ("html", authored::from_html(source, ours))),
    ];
    let views: Vec<View> = authored
        .into_iter()
        .flatten()
        .map(|(name, authored)| {
            let reading = match authored.uncertain {
                Some(_) => Reading::unclear(Why::UncertainSplit, &authored.text),
                None => wording::read(&authored.text, locale, lexicon),
            };
            View { name, authored, reading }
        })
        .collect();
    let readings: Vec<Reading> = views.iter().map(|view| view.reading.clone()).collect();
    Read { together: wording::together(&readings), views }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(plain: Option<&str>, html: Option<&str>, expected: Answer) {
        let read = read(plain, html, &OurText::unknown(), Some("en"), Lexicon::builtin());
        assert_eq!(read.answer(), expected, "{plain:?} {html:?}");
    }

    #[test]
    fn views_that_agree_decide() {
        check(Some("APPROVE"), None, Answer::Approve);
        check(Some("APPROVE"), Some("<p>APPROVE</p>"), Answer::Approve);
        check(None, Some("<p>DISAPPROVE</p>"), Answer::Deny);
    }

    #[test]
    fn views_that_differ_do_not() {
        check(Some("APPROVE"), Some("<p>DISAPPROVE</p>"), Answer::Unclear);
        check(Some("APPROVE"), Some("<p>who is asking?</p>"), Answer::Unclear);
        check(None, None, Answer::Unclear);
    }

    #[test]
    fn a_quoted_yes_is_not_an_answer() {
        check(Some("who is asking?\n\n> yes\n"), None, Answer::Unclear);
    }
}

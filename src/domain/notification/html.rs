//! A letter as HTML: readable on a phone, in light and dark, with nothing
//! remote, no script and nothing that tracks. askama escapes every value.

use askama::Template;

use super::{
    REF_LABEL,
    content::{Block, Letter},
    text,
    untrusted::PREFIX,
};

#[derive(Template)]
#[template(path = "mail/notification.html")]
struct Page<'a> {
    letter: &'a Letter,
}

/// With LF.
pub fn render(letter: &Letter) -> String {
    Page { letter }.render().expect("writing to a String cannot fail")
}

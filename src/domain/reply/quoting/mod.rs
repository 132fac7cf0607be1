//! How mail programs say "what follows is not mine".
//!
//! Four traces, each with its own file: the line that names the author
//! ([`attribution`]), the block of From/Sent/To/Subject ([`header_block`]), words
//! between dashes ([`separator`]), and the marks in HTML ([`markup`]). The words
//! of the many languages are tables beside the code. What to *do* about a trace
//! is decided in `authored`, not here.

pub(crate) mod attribution;
pub(crate) mod author;
pub(crate) mod header_block;
pub(crate) mod markup;
pub(crate) mod notes_header;
pub(crate) mod separator;
pub(crate) mod table;

/// One line of a view, as the traces see it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line {
    /// Without shapeless characters and trailing white space.
    pub text: String,
    /// How it is shown, where that is not how it is recognised.
    pub as_written: Option<String>,
    /// Where the line stood in the view.
    pub start: usize,
    pub end: usize,
    /// It held a character that turns the order of the letters.
    pub reversed: bool,
    /// It carries quote marks (`>`).
    pub angled: bool,
    /// The mark-up says what it is: a rule code.
    pub marked: Option<&'static str>,
    /// It stands in a block quote of which the mark-up does not say whose it is.
    pub bare_quote: Option<usize>,
}

impl Line {
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Whether it could still be the person's own.
    pub fn is_open(&self) -> bool {
        !self.angled && self.marked.is_none()
    }
}

/// A trace of a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    pub rule: &'static str,
    /// How many lines it takes, at least one.
    pub lines: usize,
    /// A weak trace counts only when quoted lines follow it.
    pub weak: bool,
    /// The quote begins on the last line of the trace itself.
    pub holds_text: bool,
}

impl Trace {
    pub fn new(rule: &'static str, lines: usize) -> Self {
        Self { rule, lines, weak: false, holds_text: false }
    }
}

/// The trace that begins on this line, if one does.
pub(crate) fn trace(lines: &[Line], at: usize) -> Option<Trace> {
    separator::find(lines, at)
        .or_else(|| header_block::find(lines, at))
        .or_else(|| notes_header::find(lines, at))
        .or_else(|| attribution::find(lines, at))
}

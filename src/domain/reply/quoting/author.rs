//! Whose mail a place in a view was quoted from.
//!
//! A token in a body counts because the sender's signature covers the body. But
//! somebody who holds a leaked notification can put it below a question of his
//! own and get a genuine, signed "yes, thanks" back, token and all. So what
//! matters is who is named right above the place: us, or somebody whose mail in
//! turn quotes us.

use super::{Line, Trace, separator::is_ruler, trace};
use crate::domain::address::EmailAddress;

/// Lines past this announce nothing; no person's mail is so long.
const LINES_MAX: usize = 40_000;
/// More marks before a line than these are all the same to us.
const DEPTH_MAX: usize = 50;

/// The lines of a view that announce a quote, in order.
pub(crate) struct Announcements {
    /// Where each line ends, and how many quote marks it has.
    lines: Vec<(usize, usize)>,
    found: Vec<Announcement>,
}

/// "On … wrote:", or a block of From/Sent/To/Subject.
struct Announcement {
    /// Its last line.
    line: usize,
    depth: usize,
    /// The first address in it.
    author: Option<EmailAddress>,
}

impl Announcements {
    /// Reads a view: plain text, or the visible text of HTML.
    pub(crate) fn of(text: &str) -> Self {
        let mut places = Vec::new();
        let mut lines = Vec::new();
        let mut start = 0;
        for raw in text.split('\n').take(LINES_MAX) {
            let (depth, bare) = without_marks(raw);
            places.push((start + raw.len(), depth));
            lines.push(Line { text: bare.trim_end().to_owned(), ..Line::default() });
            start += raw.len() + 1;
        }
        let found = found(&lines, &places);
        Self { lines: places, found }
    }

    /// Whom the mail answers: the author whom its outermost quote names by address.
    pub(crate) fn answered(&self) -> Option<&EmailAddress> {
        self.found.first().filter(|it| it.depth == 0)?.author.as_ref()
    }

    /// Whether the place `at`, in octets, stands in a quote of a mail that is
    /// not ours, or in a quote within a quote.
    pub(crate) fn is_of_another(&self, at: usize, is_ours: impl Fn(&EmailAddress) -> bool) -> bool {
        let line = self.lines.partition_point(|(end, _)| *end < at);
        let depth = self.lines.get(line).map_or(0, |(_, depth)| *depth);
        let mut above = self.found.iter().filter(|it| it.line < line && it.depth <= depth);
        let Some(nearest) = above.next_back() else { return depth > 1 };
        let is_anothers = nearest.author.as_ref().is_some_and(|author| !is_ours(author));
        depth > 1 || is_anothers || above.next_back().is_some()
    }
}

fn found(lines: &[Line], places: &[(usize, usize)]) -> Vec<Announcement> {
    let mut found: Vec<Announcement> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        // "Please answer above this line" stands in our own text, and names nobody.
        let names = |trace: &Trace| !trace.weak && trace.rule != "quote_reply_line";
        let Some(trace) = trace(lines, at).filter(names) else {
            at += 1;
            continue;
        };
        let end = at + trace.lines.max(1);
        let author =
            lines.get(at..end).unwrap_or_default().iter().find_map(|line| address(&line.text));
        let depth = places.get(at).map_or(0, |(_, depth)| *depth);
        let blank_between = |from: usize| {
            lines
                .get(from..at)
                .unwrap_or_default()
                .iter()
                .all(|l| l.is_blank() || is_ruler(&l.text))
        };
        match found.last_mut() {
            // "-----Original Message-----" and the block below it are one.
            Some(last) if last.author.is_none() && blank_between(last.line + 1) => {
                *last = Announcement { line: end - 1, depth: last.depth.min(depth), author };
            }
            _ => found.push(Announcement { line: end - 1, depth, author }),
        }
        at = end;
    }
    found
}

/// How many quote marks stand before a line, and what is behind them.
fn without_marks(line: &str) -> (usize, &str) {
    let mut depth = 0;
    let mut rest = line;
    while let Some(inside) = rest.trim_start().strip_prefix('>').filter(|_| depth < DEPTH_MAX) {
        depth += 1;
        rest = inside;
    }
    (depth, rest)
}

/// The first address in a line.
fn address(text: &str) -> Option<EmailAddress> {
    text.split(|c: char| c.is_whitespace() || "<>()[]\"',;:*".contains(c))
        .filter(|word| word.contains('@'))
        .find_map(|word| EmailAddress::parse(word).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, of_another: bool) {
        let at = text.find("Ref").unwrap();
        let ours = EmailAddress::parse("access@own.test").unwrap();
        let found = Announcements::of(text).is_of_another(at, |it| it.is_same_mailbox(&ours));
        assert_eq!(found, of_another, "{text}");
    }

    #[test]
    fn a_quote_of_our_mail_is_ours() {
        check("yes\n\nRef: a", false);
        check("yes\n> Ref: a", false);
        check(
            "yes\n\nOn Sat, 21 Nov 2026 at 10:00, A <access@own.test> wrote:\n> hi\n> Ref: a",
            false,
        );
        check("yes\n\nOn Sat, 21 Nov 2026 at 10:00, Access wrote:\n> hi\n> Ref: a", false);
        check(
            "yes\n\n-----Original Message-----\nFrom: Access <access@own.test>\nSent: Saturday, 21 November 2026 10:00\nTo: Ana <ana@x.test>\nSubject: x\n\nRef: a",
            false,
        );
    }

    #[test]
    fn a_quote_of_somebody_who_quotes_us_is_not() {
        check("yes\n> > Ref: a", true);
        check(">>Ref: a", true);
        check(
            "yes\n\nOn Sat, 21 Nov 2026 at 10:00, Eve <eve@y.test> wrote:\n> fine?\n> Ref: a",
            true,
        );
        check(
            "yes\n\nOn Sat, 21 Nov 2026 at 10:00, Eve wrote:\nfine?\n\nOn Sat, 21 Nov 2026 at 09:00, A <access@own.test> wrote:\nRef: a",
            true,
        );
        check(
            "yes\n\nFrom: Eve <eve@y.test>\nSent: Saturday, 21 November 2026 10:00\nTo: Ana <ana@x.test>\nCc: access@own.test\nSubject: x\n\nfine? Ref: a",
            true,
        );
    }
}

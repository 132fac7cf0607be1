//! The marks that mail programs leave in HTML around what is not the person's.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::table::words;
use crate::domain::message::html::{Element, Line, NodeId, Tree};

/// What the mark-up says about one node and all in it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    /// A rule code, `quote_…` or `signature_…`.
    pub rule: Option<&'static str>,
    /// The outermost block quote without a sign of whose it is.
    pub bare_quote: Option<NodeId>,
}

/// How far a mark reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Within,
    /// Everything after it too: the quote's own block is not its parent.
    ToTheEnd,
}

static NAMES: LazyLock<HashMap<String, (&'static str, Reach)>> = LazyLock::new(|| {
    words(include_str!("markup_names.txt"))
        .map(|(kind, name)| {
            let mark = match kind {
                "quote" => ("quote_markup", Reach::Within),
                "rest" => ("quote_markup", Reach::ToTheEnd),
                _ => ("signature_markup", Reach::Within),
            };
            (name, mark)
        })
        .collect()
});

/// The mark of each node, in the order of the tree.
pub(crate) fn marks(tree: &Tree, lines: &[Line]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::with_capacity(tree.nodes.len());
    // Where a mark that reaches on ends.
    let mut rest: Option<NodeId> = None;
    // Where the outermost quote around us ends.
    let mut quote_end = 0;
    let mut shared: HashSet<NodeId> = HashSet::new();
    for (id, node) in tree.nodes.iter().enumerate() {
        let mut mark = if id == 0 {
            Mark::default()
        } else {
            marks.get(node.parent).copied().unwrap_or_default()
        };
        if rest.is_some_and(|end| id < end)
            && mark.rule.is_none_or(|rule| !rule.starts_with("quote"))
        {
            mark.rule = Some("quote_markup");
        }
        if mark.rule.is_none_or(|rule| !rule.starts_with("quote"))
            && let Some(element) = tree.element(id)
        {
            let own = if is_shared(tree, id, element) {
                shared.insert(id);
                None
            } else if element.name == "blockquote" && shared.contains(&node.parent) {
                Some(("quote_markup", Reach::Within))
            } else {
                own_mark(tree, id, element)
            };
            match own {
                Some((rule, reach)) => {
                    mark.rule = Some(rule);
                    if rule.starts_with("quote") {
                        quote_end = node.end.max(quote_end);
                    }
                    if reach == Reach::ToTheEnd {
                        let end = if id < quote_end && node.end < quote_end {
                            quote_end
                        } else {
                            tree.nodes.len()
                        };
                        rest = Some(rest.map_or(end, |known| known.max(end)));
                    }
                }
                None if element.name == "blockquote"
                    && mark.bare_quote.is_none()
                    && !is_indent(element) =>
                {
                    mark.bare_quote = Some(id);
                }
                None => {}
            }
        }
        marks.push(mark);
    }
    debug_assert!(lines.iter().all(|line| line.node < marks.len().max(1)));
    marks
}

/// Gmail puts the answers below and between the quotes into the element of the
/// quote. Who is named in it and its block quotes are the quote then.
fn is_shared(tree: &Tree, id: NodeId, element: &Element) -> bool {
    const CHILDREN_MAX: usize = 400;
    if element.name != "div" || !element.classes().any(|class| class == "gmail_quote") {
        return false;
    }
    let end = tree.nodes.get(id).map_or(id, |node| node.end);
    let (mut named, mut quoted) = (false, false);
    let mut child = id + 1;
    for _ in 0..CHILDREN_MAX {
        if child >= end {
            break;
        }
        if let Some(inner) = tree.element(child) {
            let is = |name: &str| inner.classes().any(|class| class == name);
            named |= !quoted && is("gmail_attr");
            quoted |= named && inner.name == "blockquote" && is("gmail_quote");
        }
        child = tree.nodes.get(child).map_or(end, |node| node.end.max(child + 1));
    }
    quoted
}

fn own_mark(tree: &Tree, id: NodeId, element: &Element) -> Option<(&'static str, Reach)> {
    let named = ["id", "name", "data-marker", "data-type"]
        .iter()
        .filter_map(|name| element.attribute(name))
        .chain(element.classes())
        .take(24)
        .find_map(known);
    // A quote button makes a block quote of that class; a reply wraps it in
    // another element of that class.
    let typed = element.name == "blockquote"
        && element.classes().any(|c| c == "gmail_quote")
        && element.attribute("type").is_none();
    if named.is_some() && !typed {
        return named;
    }
    if element.name == "blockquote" {
        let cited = element.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cite"))
            || element.attribute("cite").is_some_and(|source| {
                source.starts_with("mid:") || source.starts_with("cid:") || source.contains('@')
            });
        return cited.then_some(("quote_markup", Reach::Within));
    }
    let ruled = style_has(element, "border-top:solid")
        || style_has(element, "border-top:1px") && style_has(element, "solid");
    if ruled && element.name != "td" && begins_with_label(tree, id) {
        return Some(("quote_markup", Reach::ToTheEnd));
    }
    None
}

/// A name as it is known: Outlook puts `x_` before names that are not its own,
/// once for every hop, and Yahoo a random word.
fn known(name: &str) -> Option<(&'static str, Reach)> {
    if name.len() > 100 {
        return None;
    }
    let mut name = name.to_ascii_lowercase();
    while let Some(rest) = name.strip_prefix("x_").or_else(|| name.strip_prefix("m_")) {
        name = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned();
    }
    if name.starts_with("ydp") && name.ends_with("yahoo_quoted") {
        name = "yahoo_quoted".to_owned();
    }
    let trimmed = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    NAMES.get(&name).or_else(|| NAMES.get(trimmed)).copied()
}

/// The button that moves a paragraph in makes a block quote too: Gmail's and
/// Outlook's has no border, Apple's has a class.
fn is_indent(element: &Element) -> bool {
    style_has(element, "border:none")
        || element.classes().any(|class| class == "webkit-indent-blockquote")
}

fn style_has(element: &Element, wanted: &str) -> bool {
    element.attribute("style").is_some_and(|style| {
        style.len() < 2_000
            && style.to_ascii_lowercase().replace([' ', '\n', '\r', '\t'], "").contains(wanted)
    })
}

/// "From:" in whatever language: the first text of the block ends with a colon,
/// and is short.
fn begins_with_label(tree: &Tree, id: NodeId) -> bool {
    use crate::domain::message::html::text_of;
    (id..id + 16)
        .filter_map(|node| text_of(tree, node))
        .map(str::trim)
        .find(|text| !text.is_empty())
        .is_some_and(|text| {
            let label = text.split([':', '：']).next().unwrap_or_default();
            label.len() < text.len() && label.chars().count() <= 24
        })
}

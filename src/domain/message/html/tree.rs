//! The document as a flat list in document order.
//!
//! Each node knows its parent and where its subtree ends, so a walk is a loop.

pub(crate) type NodeId = usize;

pub(super) const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd",
    "label", "mark", "nobr", "o:p", "q", "s", "samp", "small", "span", "strike", "strong", "sub",
    "sup", "tt", "u", "var",
];
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    /// What `<style>` elements said.
    pub sheet: String,
    /// The limits were passed, so the end of the document is missing.
    pub truncated: bool,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub parent: NodeId,
    /// The first node after this one's subtree.
    pub end: NodeId,
    pub content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Element(Element),
    Text(String),
    Comment(String),
}

/// A start tag; names are lower case.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn classes(&self) -> impl Iterator<Item = &str> {
        self.attribute("class").unwrap_or_default().split_ascii_whitespace()
    }

    pub fn is_inline(&self) -> bool {
        INLINE.contains(&self.name.as_str())
    }
}

impl Tree {
    pub fn element(&self, node: NodeId) -> Option<&Element> {
        match &self.nodes.get(node)?.content {
            Content::Element(element) => Some(element),
            Content::Text(_) | Content::Comment(_) => None,
        }
    }
}

/// The text of a text node.
pub(crate) fn text_of(tree: &Tree, node: NodeId) -> Option<&str> {
    match &tree.nodes.get(node)?.content {
        Content::Text(text) => Some(text),
        Content::Element(_) | Content::Comment(_) => None,
    }
}

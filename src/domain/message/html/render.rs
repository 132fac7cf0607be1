//! From the tree to lines, as they stand on the screen.

use super::sheet::Sheet;
use super::style::Look;
use super::tree::{Content, Element, NodeId, Tree};
use super::{Hidden, note, without_shapeless};

/// One line of the visible text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub text: String,
    /// The node its first text came from; an empty line has the node that broke it.
    pub node: NodeId,
}

#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub lines: Vec<Line>,
    pub hidden: Vec<Hidden>,
    /// The document or its sheet was too large to be read whole.
    pub is_cut: bool,
}

impl Rendered {
    /// The lines with line feeds between them.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }
}

/// Lays the document out: what is seen as lines, what is not as notes.
pub(crate) fn render(tree: &Tree) -> Rendered {
    let sheet = Sheet::read(&tree.sheet);
    let mut page = Page::default();
    let mut looks: Vec<Look> = Vec::with_capacity(tree.nodes.len());
    // Blocks that are open, so that leaving one ends its line.
    let mut open: Vec<(NodeId, bool)> = Vec::new();
    for (id, node) in tree.nodes.iter().enumerate() {
        while let Some((end, paragraph)) = open.last().copied() {
            if id < end {
                break;
            }
            open.pop();
            page.block(id, paragraph);
        }
        let outer = if id == 0 {
            Look::default()
        } else {
            looks.get(node.parent).copied().unwrap_or_default()
        };
        let look = match &node.content {
            Content::Element(element) => {
                let mut look = outer.inside(element, &sheet.style(tree, id, element));
                look.gone = look.gone.or_else(|| sheet.may_hide(tree, id));
                if look.gone.is_none() {
                    if let Some(paragraph) = block(element) {
                        page.block(id, paragraph);
                        open.push((node.end, paragraph));
                    }
                    page.element(id, element);
                }
                look
            }
            Content::Text(text) => {
                page.text(id, text, &outer);
                outer
            }
            Content::Comment(text) => {
                page.comment(text);
                outer
            }
        };
        looks.push(look);
    }
    page.rendered.is_cut = tree.truncated || sheet.is_cut();
    if page.rendered.is_cut {
        note(&mut page.rendered.hidden, "document_too_large", "the end of the document");
    }
    page.finished()
}

/// Whether an element stands on lines of its own, and with a gap around it.
fn block(element: &Element) -> Option<bool> {
    match element.name.as_str() {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "pre" | "ul" | "ol"
        | "dl" | "table" => Some(true),
        "td" | "th" | "#root" | "html" | "body" | "br" | "img" | "wbr" | "input" | "col"
        | "textarea" | "select" | "button" => None,
        // Mail programs wrap quotes in a named span.
        "span" => element.attribute("id").map(|_| false),
        _ if element.is_inline() => None,
        _ => Some(false),
    }
}

#[derive(Default)]
struct Page {
    rendered: Rendered,
    line: String,
    line_node: Option<NodeId>,
    space: bool,
    gap: bool,
}

impl Page {
    fn element(&mut self, id: NodeId, element: &Element) {
        match element.name.as_str() {
            "br" => self.end_line(id),
            "td" | "th" => self.space = true,
            "hr" => {
                self.end_open_line(id);
                self.end_line(id);
            }
            _ => {}
        }
    }

    fn text(&mut self, id: NodeId, text: &str, look: &Look) {
        if let Some(rule) = look.hides() {
            if !matches!(rule, "style_sheet" | "head" | "script" | "replaced_element") {
                note(&mut self.rendered.hidden, rule, text);
            }
            return;
        }
        let text = without_shapeless(text, &mut self.rendered.hidden);
        for character in text.chars() {
            match character {
                '\n' if look.preformatted => self.end_line(id),
                '\r' if look.preformatted => {}
                _ if character == '\u{a0}' || look.preformatted && character.is_whitespace() => {
                    self.put(id, ' ');
                }
                _ if character.is_ascii_whitespace() || character == '\u{85}' => self.space = true,
                '\u{2028}' | '\u{2029}' => self.end_line(id),
                _ => self.put(id, character),
            }
        }
    }

    fn put(&mut self, id: NodeId, character: char) {
        if self.space && !self.line.is_empty() {
            self.line.push(' ');
        }
        self.space = false;
        self.line_node.get_or_insert(id);
        self.line.push(character);
    }

    fn comment(&mut self, text: &str) {
        let conditional = text.trim_start().starts_with("[if") || text.starts_with("[endif");
        let rule = if conditional { "conditional_comment" } else { "comment" };
        // Of a comment only words matter; layout hacks for Outlook are none.
        let words = text.split('<').filter_map(|piece| match piece.split_once('>') {
            Some((_, after)) => Some(after),
            None if conditional => None,
            None => Some(piece),
        });
        let words = words.collect::<Vec<_>>().join(" ");
        if words.chars().any(char::is_alphabetic) {
            note(&mut self.rendered.hidden, rule, &words);
        }
    }

    /// A block begins or ends: whatever stands on the line is complete.
    fn block(&mut self, id: NodeId, paragraph: bool) {
        self.end_open_line(id);
        self.gap |= paragraph;
    }

    fn end_open_line(&mut self, id: NodeId) {
        if !self.line.is_empty() {
            self.end_line(id);
        }
        self.space = false;
    }

    fn end_line(&mut self, id: NodeId) {
        let text = std::mem::take(&mut self.line);
        let text = text.trim_end().to_owned();
        let node = self.line_node.take().unwrap_or(id);
        self.space = false;
        let last_is_empty = self.rendered.lines.last().is_none_or(|line| line.text.is_empty());
        if self.gap && !text.is_empty() && !last_is_empty {
            self.rendered.lines.push(Line { text: String::new(), node });
        }
        if !text.is_empty() {
            self.gap = false;
        }
        self.rendered.lines.push(Line { text, node });
    }

    fn finished(mut self) -> Rendered {
        let id = self.line_node.unwrap_or(0);
        self.end_open_line(id);
        while self.rendered.lines.last().is_some_and(|line| line.text.is_empty()) {
            self.rendered.lines.pop();
        }
        self.rendered
    }
}

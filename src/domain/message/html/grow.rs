//! Grows the tree from the tokens.
//!
//! The rules of the HTML standard (§13.2.6) for unclosed and misplaced tags are
//! followed as far as they move text in or out of an element: `<p>` ends a
//! `<p>`, an inline end tag does not close a block, `</div>` does not leave a
//! table cell.

use std::cell::RefCell;
use std::collections::HashMap;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::tree::{Content, Element, INLINE, Node, NodeId, Tree};

/// More than any honest mail has; the rest is dropped and said to be.
const NODES_MAX: usize = 200_000;
/// Attributes and their values past these are cut: no rule of ours looks there.
const ATTRIBUTES_MAX: usize = 40;
const ATTRIBUTE_BYTES_MAX: usize = 8_000;
/// Attributes of one tag past which a source is hostile: the tokenizer compares
/// each attribute with all before it.
const TAG_ATTRIBUTES_MAX: usize = 256;
/// How far up an implied end tag looks for the element it ends.
const IMPLIED_REACH: usize = 64;
/// All style sheets together.
const SHEET_BYTES_MAX: usize = 400_000;

/// Elements without content (HTML §13.1.2).
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];
/// An end tag does not reach past these (HTML §13.2.4.2, "in scope").
const SCOPES: &[&str] =
    &["applet", "caption", "html", "table", "td", "th", "marquee", "object", "template", "button"];
const IN_HEAD: &[&str] =
    &["base", "head", "html", "link", "meta", "noscript", "script", "style", "template", "title"];

impl Tree {
    /// Never fails: whatever the source is, a browser shows something.
    pub fn read(source: &str) -> Self {
        grown(source)
    }
}

/// The tree of any source.
fn grown(source: &str) -> Tree {
    let honest = honest_part(source);
    let tokenizer = Tokenizer::new(Builder(RefCell::new(Growing::new())), TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(honest));
    while !queue.is_empty() {
        // Scripts are not run; the tokenizer only hands control back.
        let _ = tokenizer.feed(&queue);
    }
    tokenizer.end();
    let mut tree = tokenizer.sink.0.into_inner().finished();
    tree.truncated |= honest.len() < source.len();
    tree
}

/// Where the tokenizer stands inside a tag (HTML §13.2.5.32 to 39).
#[derive(Clone, Copy, PartialEq, Eq)]
enum InTag {
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Unquoted,
    Quoted(u8),
}

/// The source up to a tag with too many attributes.
fn honest_part(source: &str) -> &str {
    let bytes = source.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', bytes.get(at..).unwrap_or_default()) {
        let start = at + found;
        let inside = start + 1;
        if !bytes.get(inside).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/') {
            at = inside;
            continue;
        }
        let mut state = InTag::TagName;
        let mut attributes = 0;
        at = bytes.len();
        for (offset, byte) in bytes.get(inside..).unwrap_or_default().iter().enumerate() {
            let Some(next) = step(state, *byte) else {
                at = inside + offset + 1;
                break;
            };
            attributes += usize::from(next == InTag::Name && state != InTag::Name);
            if attributes > TAG_ATTRIBUTES_MAX {
                return source.get(..start).unwrap_or_default();
            }
            state = next;
        }
    }
    source
}

/// The next state, or none when the tag ends.
fn step(state: InTag, byte: u8) -> Option<InTag> {
    let space = byte.is_ascii_whitespace();
    Some(match (state, byte) {
        (InTag::Quoted(quote), _) if byte == quote => InTag::BeforeName,
        (InTag::Quoted(_), _) => state,
        (_, b'>') => return None,
        (InTag::BeforeValue, b'"' | b'\'') => InTag::Quoted(byte),
        (InTag::BeforeValue, _) if space => state,
        (InTag::BeforeValue | InTag::Unquoted, _) if !space => InTag::Unquoted,
        (InTag::Unquoted, _) => InTag::BeforeName,
        (_, b'/') => InTag::BeforeName,
        (InTag::TagName, _) => {
            if space {
                InTag::BeforeName
            } else {
                state
            }
        }
        (InTag::Name | InTag::AfterName, b'=') => InTag::BeforeValue,
        (InTag::Name | InTag::AfterName, _) if space => InTag::AfterName,
        (InTag::BeforeName, _) if space => state,
        _ => InTag::Name,
    })
}

struct Builder(RefCell<Growing>);

impl TokenSink for Builder {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut growing = self.0.borrow_mut();
        match token {
            Token::CharacterTokens(text) => growing.text(&text),
            Token::TagToken(tag) => return growing.tag(&tag),
            Token::CommentToken(text) => growing.comment(&text),
            Token::NullCharacterToken
            | Token::DoctypeToken(_)
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

struct Growing {
    tree: Tree,
    open: Vec<NodeId>,
    /// How many elements of a name are open in each scope, innermost last: an
    /// end tag that closes nothing must not cost a walk up the stack.
    scopes: Vec<HashMap<String, usize>>,
}

impl Growing {
    fn new() -> Self {
        let root = Node {
            parent: 0,
            end: 0,
            content: Content::Element(Element { name: "#root".into(), ..Element::default() }),
        };
        Self {
            tree: Tree { nodes: vec![root], ..Tree::default() },
            open: vec![0],
            scopes: vec![HashMap::new()],
        }
    }

    fn finished(mut self) -> Tree {
        let end = self.tree.nodes.len();
        for node in self.open {
            if let Some(node) = self.tree.nodes.get_mut(node) {
                node.end = end;
            }
        }
        self.tree
    }

    fn current(&self) -> NodeId {
        self.open.last().copied().unwrap_or(0)
    }

    fn name_of(&self, node: NodeId) -> &str {
        self.tree.element(node).map_or("", |element| element.name.as_str())
    }

    fn add(&mut self, content: Content) -> Option<NodeId> {
        let id = self.tree.nodes.len();
        if id >= NODES_MAX {
            self.tree.truncated = true;
            return None;
        }
        self.tree.nodes.push(Node { parent: self.current(), end: id + 1, content });
        Some(id)
    }

    fn text(&mut self, text: &str) {
        let current = self.current();
        match self.name_of(current) {
            "style" => {
                let room = SHEET_BYTES_MAX.saturating_sub(self.tree.sheet.len());
                self.tree.sheet.push_str(floor(text, room));
                return;
            }
            // Text ends the head (HTML §13.2.6.4.4).
            "head" if !text.trim().is_empty() => self.close_top(),
            _ => {}
        }
        // The tokenizer hands text over in pieces; one run is one node.
        let current = self.current();
        if let Some(last) = self.tree.nodes.last_mut()
            && last.parent == current
            && let Content::Text(known) = &mut last.content
        {
            known.push_str(text);
            return;
        }
        self.add(Content::Text(text.to_owned()));
    }

    fn comment(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.add(Content::Comment(floor(text, 2_000).to_owned()));
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name: &str = &tag.name;
        match tag.kind {
            TagKind::StartTag => self.start(name, tag),
            TagKind::EndTag => {
                self.end(name);
                TokenSinkResult::Continue
            }
        }
    }

    fn start(&mut self, name: &str, tag: &Tag) -> TokenSinkResult<()> {
        self.imply_ends(name);
        let element = Element {
            name: name.to_owned(),
            attributes: tag
                .attrs
                .iter()
                .take(ATTRIBUTES_MAX)
                .map(|attribute| {
                    let value = floor(&attribute.value, ATTRIBUTE_BYTES_MAX);
                    (attribute.name.local.to_string(), value.to_owned())
                })
                .collect(),
        };
        let Some(id) = self.add(Content::Element(element)) else {
            return TokenSinkResult::Continue;
        };
        if VOID.contains(&name) {
            return TokenSinkResult::Continue;
        }
        self.open.push(id);
        if SCOPES.contains(&name) {
            self.scopes.push(HashMap::new());
        } else if let Some(scope) = self.scopes.last_mut() {
            *scope.entry(name.to_owned()).or_default() += 1;
        }
        match name {
            "script" => TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                TokenSinkResult::RawData(RawKind::Rawtext)
            }
            "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
            "plaintext" => TokenSinkResult::Plaintext,
            _ => TokenSinkResult::Continue,
        }
    }

    /// Closes what the coming start tag ends by itself (HTML §13.1.2.4).
    fn imply_ends(&mut self, name: &str) {
        if self.name_of(self.current()) == "head" && !IN_HEAD.contains(&name) {
            self.close_top();
        }
        match name {
            "body" => self.close_nearest(&["head"], &["body"]),
            "li" => self.close_nearest(&["li"], &["ul", "ol", "menu", "blockquote", "div"]),
            "dd" | "dt" => self.close_nearest(&["dd", "dt"], &["dl", "blockquote", "div"]),
            "option" => self.close_nearest(&["option"], &["select"]),
            "td" | "th" => self.close_nearest(&["td", "th"], &["tr", "table"]),
            "tr" => {
                self.close_nearest(&["td", "th"], &["tr", "table"]);
                self.close_nearest(&["tr"], &["table"]);
            }
            "tbody" | "thead" | "tfoot" => {
                self.close_nearest(&["td", "th"], &["tr", "table"]);
                self.close_nearest(&["tbody", "thead", "tfoot"], &["table"]);
            }
            _ => {}
        }
        if !INLINE.contains(&name) && !VOID.contains(&name) || name == "hr" {
            let paragraph_open =
                self.scopes.last().and_then(|scope| scope.get("p")).is_some_and(|open| *open > 0);
            if paragraph_open {
                self.end("p");
            }
        }
    }

    /// Closes the nearest open element of `names`, unless one of `walls` is nearer.
    fn close_nearest(&mut self, names: &[&str], walls: &[&str]) {
        let mut found = None;
        for (up, node) in self.open.iter().rev().take(IMPLIED_REACH).enumerate() {
            let name = self.name_of(*node);
            if names.contains(&name) {
                found = Some(up);
                break;
            }
            if walls.contains(&name) {
                break;
            }
        }
        for _ in 0..found.map_or(0, |up| up + 1) {
            self.close_top();
        }
    }

    fn end(&mut self, name: &str) {
        if SCOPES.contains(&name) {
            let known = self.open.iter().rev().take(4 * IMPLIED_REACH);
            if let Some(up) = known.enumerate().find(|(_, n)| self.name_of(**n) == name) {
                for _ in 0..=up.0 {
                    self.close_top();
                }
            }
            return;
        }
        let is_open = self.scopes.last().and_then(|scope| scope.get(name)).is_some_and(|n| *n > 0);
        if !is_open {
            return;
        }
        let inline = INLINE.contains(&name);
        while self.open.len() > 1 {
            let top = self.name_of(self.current()).to_owned();
            // A misplaced `</b>` must not carry text out of a quote's block.
            if inline && top != name && !INLINE.contains(&top.as_str()) {
                return;
            }
            self.close_top();
            if top == name {
                return;
            }
        }
    }

    fn close_top(&mut self) {
        if self.open.len() <= 1 {
            return;
        }
        let Some(node) = self.open.pop() else { return };
        let end = self.tree.nodes.len();
        if let Some(node) = self.tree.nodes.get_mut(node) {
            node.end = end;
        }
        let name = self.name_of(node).to_owned();
        if SCOPES.contains(&name.as_str()) {
            if self.scopes.len() > 1 {
                self.scopes.pop();
            }
        } else if let Some(open) = self.scopes.last_mut().and_then(|scope| scope.get_mut(&name)) {
            *open = open.saturating_sub(1);
        }
    }
}

/// The longest beginning of at most `bytes` that ends on a character.
fn floor(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

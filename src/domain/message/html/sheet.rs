//! Style sheets inside a mail.
//!
//! A class that hides must hide here as well. Simple selectors are looked up,
//! others are tried one by one. What depends on a screen, a sibling or a state
//! we do not evaluate: such a rule only counts if it hides, and then it hides.

use std::{cell::Cell, collections::HashMap};

use super::selector::Selector;
use super::style::{Declarations, Look, plain};
use super::tree::{Element, NodeId, Tree};

/// More rules than any mail program writes.
const RULES_MAX: usize = 2_000;
/// Rules for one selector; more would make each element costly.
const RULES_EACH_MAX: usize = 8;
const BODY_BYTES_MAX: usize = 2_000;
const CLASSES_MAX: usize = 16;
/// Below this it is a phone's screen.
const NARROW_PIXELS: u32 = 900;
/// Selectors of one rule.
const SELECTORS_MAX: usize = 64;
/// Rules that are tried on each element.
const TRIED_MAX: usize = 200;
/// Steps up the tree for all of them together.
const STEPS_MAX: usize = 10_000_000;

#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// `tag`, `.class`, `#id`, `tag.class`, `tag#id`, each with its declarations.
    simple: HashMap<String, Vec<String>>,
    exact: Vec<(Selector, String)>,
    /// What may apply, and the rule by which it hides.
    doubtful: Vec<(Selector, &'static str)>,
    steps_left: Cell<usize>,
    /// Rules were left out, perhaps the one that hides.
    is_cut: bool,
}

impl Sheet {
    pub fn read(source: &str) -> Self {
        let source = plain(&without_comments(source)).into_owned();
        let mut sheet = Self { steps_left: Cell::new(STEPS_MAX), ..Self::default() };
        sheet.read_rules(&source, false);
        sheet
    }

    fn read_rules(&mut self, source: &str, doubtful: bool) {
        let mut rest = source;
        let mut rules = 0;
        while let Some((selectors, after)) = rest.split_once('{') {
            // `@import …;` has no block of its own.
            let selectors = selectors.rsplit([';', '}']).next().unwrap_or(selectors).trim();
            if let Some(at) = selectors.strip_prefix('@') {
                let at = at.to_ascii_lowercase();
                rest = match at.as_str() {
                    // The rules inside hold on every screen: read on within.
                    "media all" | "media screen" | "media only screen" => after,
                    _ => {
                        let next = after_block(after);
                        let inside = after.len().saturating_sub(next.len());
                        if !doubtful
                            && may_hold(&at)
                            && let Some(block) = after.get(..inside)
                        {
                            self.read_rules(block.strip_suffix('}').unwrap_or(block), true);
                        }
                        next
                    }
                };
                continue;
            }
            let Some((body, after)) = after.split_once('}') else {
                break;
            };
            rest = after;
            rules += 1;
            if rules > RULES_MAX {
                self.is_cut = true;
                break;
            }
            if body.len() > BODY_BYTES_MAX {
                self.is_cut = true;
                continue;
            }
            match body.split_once('{') {
                // A rule in a rule: `div { & p { … } }`.
                Some((outer, inner)) => {
                    let (outer, nested) = outer.rsplit_once(';').unwrap_or(("", outer));
                    self.add(selectors, outer, doubtful);
                    self.add(nested, inner, true);
                }
                None => self.add(selectors, body, doubtful),
            }
        }
    }

    fn add(&mut self, selectors: &str, body: &str, doubtful: bool) {
        let selectors = selectors.trim_start_matches(['}', ' ', '\n', '\r', '\t']);
        self.is_cut |= selectors.split(',').nth(SELECTORS_MAX).is_some();
        for selector in selectors.split(',').take(SELECTORS_MAX) {
            let selector = selector.trim();
            let simple = !selector.is_empty()
                && selector.len() <= 100
                && !selector.contains([' ', '>', '+', '~', ':', '[', '*', '\n', '\t']);
            if !simple || doubtful || selector.matches(['.', '#']).count() > 1 {
                self.add_tried(selector, body, doubtful);
                continue;
            }
            let bodies = self.simple.entry(selector.to_ascii_lowercase()).or_default();
            if bodies.len() >= RULES_EACH_MAX {
                self.is_cut |= !bodies.iter().any(|known| known == body);
            } else {
                bodies.push(body.to_owned());
            }
        }
    }

    fn add_tried(&mut self, selector: &str, body: &str, doubtful: bool) {
        let full = self.exact.len() + self.doubtful.len() >= TRIED_MAX;
        let Some(selector) = Selector::parse(&selector.to_ascii_lowercase()) else {
            return;
        };
        if full {
            self.is_cut = true;
            return;
        }
        if !doubtful && !selector.doubtful {
            self.exact.push((selector, body.to_owned()));
        } else if let Some(rule) = Look::hidden_by(body) {
            self.doubtful.push((selector, rule));
        }
    }

    /// Whether what hides may have been overlooked.
    pub fn is_cut(&self) -> bool {
        self.is_cut || self.steps_left.get() == 0
    }

    /// The rule by which an element may be hidden.
    pub fn may_hide(&self, tree: &Tree, id: NodeId) -> Option<&'static str> {
        self.doubtful
            .iter()
            .find(|(selector, _)| selector.matches(tree, id, &self.steps_left))
            .map(|(_, rule)| *rule)
    }

    /// The style of an element: its tag, classes, id, and at last its own.
    pub fn style(&self, tree: &Tree, id: NodeId, element: &Element) -> Declarations {
        let mut style = Declarations::default();
        let tag = element.name.as_str();
        if !self.simple.is_empty() {
            self.apply(&mut style, tag);
            for class in element.classes().take(CLASSES_MAX) {
                let class = class.to_ascii_lowercase();
                self.apply(&mut style, &format!(".{class}"));
                self.apply(&mut style, &format!("{tag}.{class}"));
            }
            if let Some(id) = element.attribute("id") {
                let id = id.to_ascii_lowercase();
                self.apply(&mut style, &format!("#{id}"));
                self.apply(&mut style, &format!("{tag}#{id}"));
            }
        }
        for (_, body) in
            self.exact.iter().filter(|(selector, _)| selector.matches(tree, id, &self.steps_left))
        {
            style.add(body);
        }
        if let Some(own) = element.attribute("style") {
            style.add(own);
        }
        style
    }

    fn apply(&self, style: &mut Declarations, selector: &str) {
        for body in self.simple.get(selector).into_iter().flatten() {
            style.add(body);
        }
    }
}

/// Without `/* … */` and the `<!--` that old pages put around their rules.
fn without_comments(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.replace("<!--", " ").replace("-->", " ")
}

/// Whether the rules in an at-rule may hold on a screen of ordinary width.
fn may_hold(at: &str) -> bool {
    let narrow = at.split("max-width").nth(1).or_else(|| at.split("max-device-width").nth(1));
    let is_narrow = narrow.is_some_and(|rest| {
        let digits: String =
            rest.trim_start_matches([':', ' ']).chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().is_ok_and(|width| width <= NARROW_PIXELS)
    });
    !is_narrow && !at.starts_with("font-face") && !at.contains("print")
}

/// What follows the block we stand in.
fn after_block(source: &str) -> &str {
    let mut depth = 1_usize;
    for (at, character) in source.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return source.get(at + 1..).unwrap_or_default();
        }
    }
    ""
}

//! Style sheets inside a mail: simple selectors only.
//!
//! A class that hides must hide here as well. Selectors with descendants,
//! states or attributes are skipped: mail programs disagree about them.

use std::collections::HashMap;

use super::style::Declarations;
use super::tree::Element;

/// More rules than any mail program writes.
const RULES_MAX: usize = 2_000;
/// Rules for one selector; more would make each element costly.
const RULES_EACH_MAX: usize = 8;
const BODY_BYTES_MAX: usize = 2_000;
const CLASSES_MAX: usize = 16;

/// `tag`, `.class`, `#id`, `tag.class`, `tag#id`, each with its declarations.
#[derive(Debug, Default)]
pub(super) struct Sheet(HashMap<String, Vec<String>>);

impl Sheet {
    pub fn read(source: &str) -> Self {
        let source = without_comments(source);
        let mut sheet = Self::default();
        let mut rest = source.as_str();
        let mut rules = 0;
        while let Some((selectors, after)) = rest.split_once('{') {
            // `@import …;` has no block of its own.
            let selectors = selectors.rsplit(';').next().unwrap_or(selectors).trim();
            if let Some(at) = selectors.strip_prefix('@') {
                let at = at.to_ascii_lowercase();
                rest = match at.as_str() {
                    // The rules inside hold on every screen: read on within.
                    "media all" | "media screen" | "media only screen" => after,
                    _ => after_block(after),
                };
                continue;
            }
            let Some((body, after)) = after.split_once('}') else {
                break;
            };
            rest = after;
            rules += 1;
            if rules > RULES_MAX {
                break;
            }
            if body.len() <= BODY_BYTES_MAX {
                sheet.add(selectors, body);
            }
        }
        sheet
    }

    fn add(&mut self, selectors: &str, body: &str) {
        let selectors = selectors.trim_start_matches(['}', ' ', '\n', '\r', '\t']);
        for selector in selectors.split(',').take(64) {
            let selector = selector.trim();
            let simple = !selector.is_empty()
                && selector.len() <= 100
                && !selector.contains([' ', '>', '+', '~', ':', '[', '*', '\n', '\t']);
            if !simple {
                continue;
            }
            let bodies = self.0.entry(selector.to_ascii_lowercase()).or_default();
            if bodies.len() < RULES_EACH_MAX {
                bodies.push(body.to_owned());
            }
        }
    }

    /// The style of an element: its tag, classes, id, and at last its own.
    pub fn style(&self, element: &Element) -> Declarations {
        let mut style = Declarations::default();
        let tag = element.name.as_str();
        if !self.0.is_empty() {
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
        if let Some(own) = element.attribute("style") {
            style.add(own);
        }
        style
    }

    fn apply(&self, style: &mut Declarations, selector: &str) {
        for body in self.0.get(selector).into_iter().flatten() {
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

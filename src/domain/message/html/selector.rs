//! Selectors of more than one simple word, matched exactly where we can and
//! otherwise, for what hides, in doubt: a rule that may hide is taken to hide.

use std::cell::Cell;

use super::tree::{Element, NodeId, Tree};

/// How far up a descendant is looked for.
const ANCESTORS_MAX: usize = 64;
const COMPOUNDS_MAX: usize = 8;

/// `div.a > p[x] b:first-child`, read from its right end.
#[derive(Debug)]
pub(super) struct Selector {
    /// The rightmost first; true: the one to its left must be the parent.
    compounds: Vec<(Compound, bool)>,
    /// Holds something that we do not evaluate.
    pub doubtful: bool,
}

#[derive(Debug, Default)]
struct Compound {
    tag: Option<String>,
    id: Option<String>,
    classes: Vec<String>,
    attributes: Vec<String>,
}

/// States and pieces that are not the element as it lies there.
const OTHER_STATES: &[&str] =
    &["hover", "active", "focus", "visited", "before", "after", "selection", "placeholder"];

impl Selector {
    /// None for what selects nothing that lies in a mail as it is opened.
    pub fn parse(source: &str) -> Option<Self> {
        let mut selector = Self { compounds: Vec::new(), doubtful: false };
        let spaced = source.trim().replace('>', " > ").replace('+', " + ").replace('~', " ~ ");
        let mut parent = false;
        for word in spaced.split_ascii_whitespace().rev() {
            match word {
                ">" => parent = true,
                // Which sibling stands before is not looked at.
                "+" | "~" => {
                    selector.doubtful = true;
                    break;
                }
                _ => {
                    if parent && let Some((_, is_child)) = selector.compounds.last_mut() {
                        *is_child = true;
                    }
                    parent = false;
                    let compound = selector.compound(word)?;
                    selector.compounds.push((compound, false));
                    if selector.compounds.len() >= COMPOUNDS_MAX {
                        selector.doubtful = true;
                        break;
                    }
                }
            }
        }
        (!selector.compounds.is_empty()).then_some(selector)
    }

    fn compound(&mut self, word: &str) -> Option<Compound> {
        let mut compound = Compound::default();
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let body = if first == '.' || first == '#' || first == '[' || first == ':' {
                rest.get(1..).unwrap_or_default()
            } else {
                rest
            };
            let end = body.find(['.', '#', '[', ':']).unwrap_or(body.len());
            let (name, after) = body.split_at_checked(end)?;
            match first {
                '.' => compound.classes.push(name.to_owned()),
                '#' => compound.id = Some(name.to_owned()),
                '[' => {
                    self.doubtful |= body.contains('=');
                    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
                    compound.attributes.push(name.split(ends).next()?.to_owned());
                    rest = body.split_once(']').map_or("", |(_, after)| after);
                    continue;
                }
                ':' => {
                    let name = name.trim_start_matches(':');
                    if OTHER_STATES.contains(&name) {
                        return None;
                    }
                    self.doubtful |= !name.is_empty();
                    if name.contains('(') {
                        // `:not(.x)`: the dot in it is none of ours.
                        rest = body.split_once(')').map_or("", |(_, after)| after);
                        continue;
                    }
                }
                '*' | '&' => {}
                _ => compound.tag = Some(name.to_owned()),
            }
            rest = after;
        }
        Some(compound)
    }

    /// Takes its steps up the tree from `budget`. Once that is used up, what
    /// would have to be looked for above is taken to be there if in doubt.
    pub fn matches(&self, tree: &Tree, id: NodeId, budget: &Cell<usize>) -> bool {
        let mut compounds = self.compounds.iter();
        let Some((first, child)) = compounds.next() else { return false };
        let mut child = *child;
        if !tree.element(id).is_some_and(|element| first.matches(element)) {
            return false;
        }
        let mut at = id;
        let mut steps = 0;
        for (compound, next_child) in compounds {
            loop {
                let Some(node) = tree.nodes.get(at).filter(|node| node.parent != at) else {
                    return false;
                };
                at = node.parent;
                steps += 1;
                let Some(left) = budget.get().checked_sub(1) else { return self.doubtful };
                budget.set(left);
                if steps > ANCESTORS_MAX {
                    return self.doubtful;
                }
                if tree.element(at).is_some_and(|element| compound.matches(element)) {
                    break;
                }
                if child {
                    return false;
                }
            }
            child = *next_child;
        }
        true
    }
}

impl Compound {
    /// Names in a selector are in lower case here; ids and classes are
    /// compared without regard to case, as mail programs' quirks mode does.
    fn matches(&self, element: &Element) -> bool {
        self.tag.as_ref().is_none_or(|tag| *tag == element.name)
            && self.id.as_ref().is_none_or(|id| {
                element.attribute("id").is_some_and(|own| own.eq_ignore_ascii_case(id))
            })
            && self
                .classes
                .iter()
                .all(|class| element.classes().any(|own| own.eq_ignore_ascii_case(class)))
            && self.attributes.iter().all(|name| element.attribute(name).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the selector matches the first `b` of a document, for sure or in doubt.
    fn check(selector: &str, html: &str, expected: Option<bool>) {
        let tree = Tree::read(html);
        let is_b = |id: &NodeId| tree.element(*id).is_some_and(|element| element.name == "b");
        let id = (0..tree.nodes.len()).find(is_b).unwrap();
        let found = Selector::parse(selector)
            .filter(|selector| selector.matches(&tree, id, &Cell::new(100)))
            .map(|selector| selector.doubtful);
        assert_eq!(found, expected, "{selector} {html}");
    }

    #[test]
    fn selectors_match_what_they_name() {
        let html = "<div class='A c' id=i><p><b data-x=1>x</b></p></div>";
        for selector in ["b", "div b", "div.a.c b", "#i > p > b", "p>b", "* b", "b[data-x]"] {
            check(selector, html, Some(false));
        }
        for selector in ["i", "span b", "div > b", "div.z b", "b[title]", "b.x", "#j b"] {
            check(selector, html, None);
        }
    }

    #[test]
    fn what_is_not_evaluated_is_doubtful_and_other_states_are_none() {
        let html = "<div><i></i><b title=y>x</b></div>";
        for selector in ["b:first-child", "i + b", "i ~ b", "b:not(.z)", "b[title=q]"] {
            check(selector, html, Some(true));
        }
        for selector in ["b:hover", "b::before", "", ">"] {
            check(selector, html, None);
        }
    }
}

//! Who uses whom: between rooms, within the domain, and between files.

use std::collections::{BTreeMap, BTreeSet};

use crate::code;
use crate::tree::Tree;

/// From the top down. A room uses rooms of lower lines only; rooms of one line
/// do not know each other.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["serve", "sandbox"],
    &["http"],
    &["polling", "delivery"],
    &["actions"],
    &["store", "net"],
    &["config", "secret", "protocol", "domain"],
];
/// Used from anywhere but the pure rooms.
const ANYWHERE: &[&str] = &["clock", "random", "telemetry"];
const PURE: &[&str] = &["domain", "protocol"];
/// Arrows that the lines above do not allow, each with its reason.
const ALLOWED_ARROWS: &[(&str, &str, &str)] = &[
    ("config", "secret", "the configuration names the key that seals secrets"),
    ("config", "domain", "settings are parsed into the domain's own types"),
    ("secret", "random", "sealing needs a nonce"),
    ("telemetry", "config", "what is logged, and how, is configured"),
];
/// Each room of the domain stands on those before it only.
const DOMAIN_ORDER: &[&str] = &[
    "ids",
    "address",
    "mail_server",
    "person",
    "token",
    "message",
    "reply",
    "access_request",
    "decision",
    "ledger",
    "notification",
    "settings",
    "inbox_account",
    "smtp_account",
    "outbox",
];
/// Files of the domain that rooms above theirs may use, each with the reason.
const ALLOWED_IN_DOMAIN: &[(&str, &str, &str)] = &[(
    "access_request",
    "decision::policy",
    "how much proof an answer needs is fixed on the request; policy itself knows no request",
)];
/// Needs that are not counted when circles are looked for: `(file, needs, reason)`.
const UNCOUNTED_NEEDS: &[(&str, &str, &str)] = &[];
/// How many re-exports may stand between a name and its home.
const REEXPORTS_MAX: usize = 8;

/// Complains of each file that uses a room it must not use.
pub fn wrong_arrows(tree: &Tree) -> Vec<String> {
    let map = Map::of(tree);
    let mut complaints = Vec::new();
    for (path, uses) in map.uses() {
        let module = &map.modules[path];
        for target in uses {
            let to = target[0].as_str();
            // Not a room but an item of lib.rs, such as an exported macro.
            if !map.is_room(to) {
                continue;
            }
            let from = module.first().map_or("main", String::as_str);
            if !room_may_use(from, to) {
                complaints.push(format!("{path}: `{from}` must not use `{to}`"));
            } else if let (true, Some(a), Some(b)) =
                (from == "domain" && to == "domain", module.get(1), target.get(1))
                && map.is_module(&target[..2])
                && !domain_room_may_use(a, &target[1..])
            {
                complaints.push(format!("{path}: `domain::{a}` must not use `domain::{b}`"));
            }
        }
    }
    for room in map.rooms() {
        let known = LAYERS.concat().contains(&room) || ANYWHERE.contains(&room);
        if !known {
            complaints.push(format!("src/{room}: give this room its line in {}", file!()));
        }
    }
    for room in map.rooms_of_domain() {
        if !DOMAIN_ORDER.contains(&room) {
            complaints.push(format!("src/domain/{room}: give it its place in {}", file!()));
        }
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

fn room_may_use(from: &str, to: &str) -> bool {
    let line = |room: &str| LAYERS.iter().position(|line| line.contains(&room));
    if from == to || ALLOWED_ARROWS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) {
        return true;
    }
    match (from, line(from), line(to)) {
        ("main", ..) => to == "cli",
        _ if ANYWHERE.contains(&to) => !PURE.contains(&from),
        _ if ANYWHERE.contains(&from) => to == "domain",
        (_, Some(from), Some(to)) => from < to,
        _ => false,
    }
}

fn domain_room_may_use(from: &str, target: &[String]) -> bool {
    let place = |room: &str| DOMAIN_ORDER.iter().position(|known| *known == room);
    let allowed = ALLOWED_IN_DOMAIN.iter().any(|(room, file, _)| {
        *room == from && file.split("::").zip(target).filter(|(a, b)| a == b).count() == 2
    });
    // A room without a place is complained of elsewhere.
    let (Some(own), Some(other)) = (place(from), place(&target[0])) else { return true };
    allowed || other <= own
}

/// Complains of files that need each other. A `mod.rs` is the ground its own
/// files stand on: they may use what it defines, and that it puts them
/// together is not counted as its needing them.
pub fn circles(tree: &Tree) -> Vec<String> {
    let map = Map::of(tree);
    let mut needs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, uses) in map.uses() {
        let own = &map.modules[path];
        let targets = uses.iter().filter_map(|target| map.home(target, 0));
        let targets = targets.filter(|file| {
            let found = &map.modules[*file];
            let counted = !UNCOUNTED_NEEDS.iter().any(|(a, b, _)| (*a, *b) == (path, *file));
            counted && *file != path && !found.starts_with(own)
        });
        needs.insert(path, targets.collect());
    }
    let ahead: BTreeMap<_, _> = needs.keys().map(|file| (*file, reach(&needs, file))).collect();
    let mut circles = BTreeSet::new();
    for (start, seen) in &ahead {
        if seen.contains(start) {
            let members = seen.iter().filter(|other| ahead[*other].contains(start));
            circles.insert(members.copied().collect::<Vec<_>>().join(", "));
        }
    }
    circles.into_iter().map(|circle| format!("these files need each other: {circle}")).collect()
}

/// Every file that can be come to from `start` in one step or more.
fn reach<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&str> = needs.get(start).into_iter().flatten().copied().collect();
    while let Some(file) = next.pop() {
        if seen.insert(file) {
            next.extend(needs.get(file).into_iter().flatten());
        }
    }
    seen
}

/// Which file is which module, and what each names.
struct Map<'a> {
    modules: BTreeMap<&'a str, Vec<String>>,
    files: BTreeMap<Vec<String>, &'a str>,
    /// Every module, those without a file of their own too.
    known: BTreeSet<Vec<String>>,
    code: BTreeMap<&'a str, String>,
    /// What each file's `pub use` lines show, as paths from the top.
    shown: BTreeMap<&'a str, Vec<Vec<String>>>,
}

impl<'a> Map<'a> {
    fn of(tree: &'a Tree) -> Self {
        let code: BTreeMap<_, _> = tree.product("src/").collect();
        let modules: BTreeMap<_, _> = code.keys().map(|path| (*path, module_of(path))).collect();
        let named = modules.iter().filter(|(path, _)| **path != "src/main.rs");
        let files: BTreeMap<_, _> = named.map(|(path, module)| (module.clone(), *path)).collect();
        let prefixes =
            files.keys().flat_map(|module| (1..=module.len()).map(|n| module[..n].to_vec()));
        let known = prefixes.collect();
        let mut map = Self { modules, files, known, code, shown: BTreeMap::new() };
        map.shown = map.code.keys().map(|file| (*file, map.reexports(file))).collect();
        map
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.known.contains(path)
    }

    fn is_room(&self, name: &str) -> bool {
        self.is_module(&[name.to_owned()])
    }

    fn rooms(&self) -> BTreeSet<&str> {
        self.files.keys().filter_map(|module| module.first()).map(String::as_str).collect()
    }

    fn rooms_of_domain(&self) -> BTreeSet<&str> {
        let domain =
            self.files.keys().filter(|module| module.first().is_some_and(|r| r == "domain"));
        domain.filter_map(|module| module.get(1)).map(String::as_str).collect()
    }

    /// For each file but lib.rs, the paths of this crate that it names, from the top.
    fn uses(&self) -> impl Iterator<Item = (&'a str, BTreeSet<Vec<String>>)> {
        let files = self.code.iter().filter(|(path, _)| **path != "src/lib.rs");
        files.map(|(path, code)| {
            let own = &self.modules[path];
            let named = code::paths(code);
            (*path, named.iter().filter_map(|path| self.absolute(own, path)).collect())
        })
    }

    /// `None`: another crate's, or nothing that is a path to a module.
    fn absolute(&self, own: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut rest = path;
        let mut base = own.to_vec();
        match path[0].as_str() {
            "crate" | "countersign" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            child => {
                base.push(child.to_owned());
                if own.is_empty() || !self.is_module(&base) {
                    return None;
                }
                rest = &path[1..];
            }
        }
        base.extend_from_slice(rest);
        (!base.is_empty()).then_some(base)
    }

    /// The file where what `path` names is written down: re-exports are
    /// followed to where they lead.
    fn home(&self, path: &[String], depth: usize) -> Option<&'a str> {
        let (length, file) = (1..=path.len())
            .rev()
            .find_map(|length| self.files.get(&path[..length]).map(|file| (length, *file)))?;
        let Some(name) = path.get(length) else {
            return Some(file);
        };
        if depth == REEXPORTS_MAX {
            return Some(file);
        }
        let shown = &self.shown[file];
        let by_name = shown.iter().find(|target| target.last() == Some(name));
        let by_star = || {
            shown.iter().filter(|target| target.last().is_some_and(|word| word == "*")).find(
                |star| {
                    let home = self.files.get(&star[..star.len() - 1]);
                    home.is_some_and(|home| code::names(&self.code[home], name))
                },
            )
        };
        match by_name.or_else(by_star) {
            Some(target) => self.home(target, depth + 1).or(Some(file)),
            None => Some(file),
        }
    }

    fn reexports(&self, file: &str) -> Vec<Vec<String>> {
        let own = &self.modules[file];
        let mut shown = Vec::new();
        for (at, _) in self.code[file].match_indices("use ") {
            let code = &self.code[file];
            let before = code[..at].trim_end();
            if !(before.ends_with("pub") || before.ends_with(')')) {
                continue;
            }
            let line = code[at + 4..].split(';').next().unwrap_or_default();
            let named = code::paths(line);
            shown.extend(named.iter().filter_map(|path| self.absolute(own, path)));
        }
        shown
    }
}

fn module_of(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let words = inner.split('/').filter(|word| !["mod", "lib", "main"].contains(word));
    words.map(str::to_owned).collect()
}

#[cfg(test)]
fn check(found: fn(&Tree) -> Vec<String>, files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(found(&Tree::sample(files)), expected, "{files:?}");
}

#[test]
fn an_arrow_up_is_found() {
    let check = |path, text, expected: &[&str]| {
        let all = [
            ("src/lib.rs", "pub mod http;"),
            ("src/http/mod.rs", ""),
            ("src/store/mod.rs", ""),
            ("src/net/mod.rs", ""),
            ("src/clock.rs", ""),
            ("src/sandbox/mod.rs", ""),
            ("src/cli/mod.rs", ""),
            ("src/domain/mod.rs", ""),
            ("src/domain/token.rs", ""),
            ("src/domain/outbox/mod.rs", ""),
            ("src/domain/decision/policy.rs", ""),
            (path, text),
        ];
        check(wrong_arrows, &all, expected);
    };
    check("src/http/a.rs", "use crate::store::Store;", &[]);
    check(
        "src/store/a.rs",
        "fn f() { crate::http::g() }",
        &["src/store/a.rs: `store` must not use `http`"],
    );
    check(
        "src/store/a.rs",
        "use super::super::http::X;",
        &["src/store/a.rs: `store` must not use `http`"],
    );
    check(
        "src/store/a.rs",
        "use crate::{clock::Clock, net::Dial};",
        &["src/store/a.rs: `store` must not use `net`"],
    );
    check("src/store/a.rs", "// crate::http::g()\n#[cfg(test)] mod t { use crate::http::X; }", &[]);
    check(
        "src/domain/token.rs",
        "use crate::clock::Clock;",
        &["src/domain/token.rs: `domain` must not use `clock`"],
    );
    check(
        "src/domain/token.rs",
        "use crate::domain::outbox::Outbox;",
        &["src/domain/token.rs: `domain::token` must not use `domain::outbox`"],
    );
    check(
        "src/domain/token.rs",
        "use super::outbox;",
        &["src/domain/token.rs: `domain::token` must not use `domain::outbox`"],
    );
    check("src/domain/outbox/a.rs", "use crate::domain::token::Token;", &[]);
    check(
        "src/http/a.rs",
        "use crate::sandbox::Server;",
        &["src/http/a.rs: `http` must not use `sandbox`"],
    );
    check("src/cli/demo.rs", "use crate::sandbox::Server;", &[]);
    check(
        "src/main.rs",
        "fn main() { countersign::store::go() }",
        &["src/main.rs: `main` must not use `store`"],
    );
}

#[test]
fn a_room_without_a_place_is_found() {
    let check = |path, expected: &str| {
        let found = wrong_arrows(&Tree::sample(&[(path, "")]));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    };
    check("src/attic.rs", "src/attic: give this room its line");
    check("src/domain/attic/mod.rs", "src/domain/attic: give it its place");
}

#[test]
fn a_circle_of_files_is_found() {
    let found = "these files need each other: src/net/a.rs, src/net/b.rs";
    check(
        circles,
        &[("src/net/a.rs", "use super::b::B;"), ("src/net/b.rs", "use super::a::A;")],
        &[found],
    );
    let through_a_reexport = [
        ("src/net/mod.rs", "mod a; mod b; pub use b::{B, C}; pub use self::a::*;"),
        ("src/net/a.rs", "use crate::net::B; pub struct A;"),
        ("src/net/b.rs", "use super::A; pub struct B;"),
    ];
    check(circles, &through_a_reexport, &[found]);
    let one_way = [
        ("src/net/mod.rs", "mod a; mod b; pub use b::B; struct Shared; fn f() { a::g() }"),
        ("src/net/a.rs", "use super::{B, Shared}; pub struct A;"),
        ("src/net/b.rs", "use super::Shared;"),
    ];
    check(circles, &one_way, &[]);
    let of_rooms =
        [("src/net/mod.rs", "use crate::store::S;"), ("src/store/mod.rs", "use crate::net::N;")];
    check(circles, &of_rooms, &["these files need each other: src/net/mod.rs, src/store/mod.rs"]);
}

//! The source checks itself: what `docs/CONVENTIONS.md` and
//! `docs/ARCHITECTURE.md` promise of it, as far as a program can tell.
//!
//! Each check is a function from a tree of files to its complaints, and is
//! tried beside its definition on a small sample that must displease it.
//! Exceptions are tables at the top of each file, with reasons.

#[path = "tidy/arrows.rs"]
mod arrows;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/pure.rs"]
mod pure;
#[path = "tidy/tree.rs"]
mod tree;

use tree::Tree;

fn check(complaints: fn(&Tree) -> Vec<String>) {
    let found = complaints(&Tree::of_this_repository());
    assert!(found.is_empty(), "\n  {}\n", found.join("\n  "));
}

#[test]
fn rooms_use_only_rooms_below_them() {
    check(arrows::wrong_arrows);
}

#[test]
fn no_files_need_each_other() {
    check(arrows::circles);
}

#[test]
fn pure_rooms_are_pure() {
    check(pure::impure);
}

#[test]
fn both_databases_have_the_same_migrations() {
    check(files::migrations_out_of_step);
}

#[test]
fn documents_name_only_paths_that_exist() {
    check(files::dead_paths);
}

#[test]
fn no_file_is_too_long() {
    check(files::too_long);
}

#[test]
fn no_place_on_one_machine_is_named() {
    check(files::private_paths);
}

#[test]
fn no_work_is_left_undone() {
    check(files::undone);
}

#[test]
fn every_file_says_what_it_is() {
    check(files::without_an_opening);
}

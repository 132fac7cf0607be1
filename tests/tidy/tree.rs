//! The repository's files as a value, so that a check can be given a small
//! made-up repository too.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::code;

/// Never part of the source.
const LEFT_OUT: [&str; 3] = ["target", ".git", "node_modules"];
/// Files whose text a check looks at; of the others only the names are known.
const READ: [&str; 2] = [".rs", ".md"];

/// Path (with `/`, from the top of the repository) to text.
pub struct Tree {
    pub files: BTreeMap<String, String>,
}

impl Tree {
    pub fn of_this_repository() -> Self {
        let mut files = BTreeMap::new();
        // Cargo says at run time where the repository is; a checkout may have moved.
        let here = std::env::var("CARGO_MANIFEST_DIR");
        let here = here.as_deref().unwrap_or(env!("CARGO_MANIFEST_DIR"));
        collect(Path::new(here), "", &mut files);
        assert!(files.contains_key("src/lib.rs"), "the source was not found");
        Self { files }
    }

    /// A made-up repository.
    pub fn sample(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| (path.to_string(), text.to_string()));
        Self { files: files.collect() }
    }

    /// Rust files under `folder`, with their text.
    pub fn rust(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        let within = self.files.iter().filter(move |(path, _)| path.starts_with(folder));
        let rust = within.filter(|(path, _)| path.ends_with(".rs"));
        rust.map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The product's code under `folder`: no comments, literals or unit tests.
    pub fn product(&self, folder: &str) -> impl Iterator<Item = (&str, String)> {
        let product = self.rust(folder).filter(|(path, _)| !is_test_file(path));
        product.map(|(path, text)| {
            let code = code::only(text);
            (path, code::without_tests(&code, &code))
        })
    }

    /// Whether there is a file or a folder of that name.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }
}

/// `#[cfg(test)] mod tests;` puts the unit tests into a file of this name.
pub fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn collect(directory: &Path, name: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).expect("the repository is readable") {
        let entry = entry.expect("the repository is readable");
        let own = entry.file_name().to_string_lossy().into_owned();
        if LEFT_OUT.contains(&own.as_str()) {
            continue;
        }
        let path = if name.is_empty() { own } else { format!("{name}/{own}") };
        if entry.file_type().expect("a listed file has a type").is_dir() {
            collect(&entry.path(), &path, files);
        } else if READ.iter().any(|ending| path.ends_with(ending)) {
            let text = fs::read_to_string(entry.path()).expect("source is UTF-8");
            files.insert(path, text);
        } else {
            files.insert(path, String::new());
        }
    }
}

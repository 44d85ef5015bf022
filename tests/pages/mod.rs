//! Pages of the documentation that say where in the sources something is.
#![allow(unreachable_pub, missing_docs, clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// A page's text.
pub fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The cells of each row of a text's tables, their heads and rules among them.
pub fn rows(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .collect()
}

/// A file, and the name of something in it.
pub type Place = (String, String);

/// The names in a cell that are such names, with their files: `` `name`, `name` (file); `name` (file) ``.
pub fn named(cell: &str, is_name: impl Fn(&str) -> bool) -> Vec<Place> {
    let (mut names, mut found) = (Vec::new(), Vec::new());
    for (number, part) in cell.split('`').enumerate() {
        if number % 2 == 1 && is_name(part) {
            names.push(part.to_owned());
        } else if let Some(file) = part.trim_start().strip_prefix('(') {
            let (file, _) = file.split_once(')').unwrap();
            found.extend(names.drain(..).map(|name| (file.to_owned(), name)));
        }
    }
    assert!(names.is_empty(), "no file behind {names:?}");
    found
}

//! Pages of the documentation that say where in the sources something is.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

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

/// Whether it may be in a name.
pub fn is_ident(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether something of this name is declared in a text, by one of these words.
pub fn declares(text: &str, words: &[&str], name: &str) -> bool {
    words.iter().any(|word| {
        let declaration = format!("{word} {name}");
        let mut behind = text.split(&declaration).skip(1);
        behind.any(|rest| !rest.starts_with(is_ident))
    })
}

/// Whether this is a test: `#[test]` stands before it, with nothing but attributes in between.
pub fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let declaration = format!("fn {name}(");
    let Some(at) = lines.iter().position(|line| line.starts_with(&declaration)) else {
        return false;
    };
    let before = lines[..at].iter().rev();
    before
        .take_while(|line| line.starts_with("#["))
        .any(|line| *line == "#[test]")
}

/// What is wrong with a place, if something is.
pub fn missing(place: &Place, is_there: impl Fn(&str, &str) -> bool) -> Option<String> {
    let (file, name) = place;
    let text = fs::read_to_string(root().join(file));
    match text {
        Ok(text) if is_there(&text, name) => None,
        Ok(_) => Some(format!("{file} has no {name}")),
        Err(_) => Some(format!("{file}, of {name}, is not there")),
    }
}

//! The layers of the crate: a file imports only from rows above its own, and stays small.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// The rows, from the bottom of what is known to the top of what is offered. Modules of one row do not
/// know each other. docs/architecture.md says what each is for.
const ROWS: &[&[&str]] = &[
    &["codec"],
    &["wire"],
    &["error", "stats", "timer"],
    &["crypto"],
    &["certificate"],
    &["cookie", "key_log", "resumption", "srtp", "trace"],
    &["record"],
    // What a connection is told; `record` is above it for the choice of what happens to replays.
    &["config"],
    &["flight"],
    &["association"],
    // What a handshake leaves behind.
    &["session"],
    &["handshake"],
    &["connection"],
    &["lab", "net"],
];

/// Lines that a file may have, its unit tests included.
const LONGEST: usize = 450;

/// Files that are longer still, with what they have. A file that has become shorter leaves this list.
const LONGER: &[(&str, usize)] = &[];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files: path below `src`, with `/`, and content.
fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![source()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let parts = path.strip_prefix(source()).unwrap().iter();
                let name: Vec<_> = parts.map(|part| part.to_str().unwrap()).collect();
                found.push((name.join("/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn module(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// What follows `crate::` in the code, comments left out: a module, or something else of the root.
fn named(code: &str) -> impl Iterator<Item = &str> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            &rest[..end.unwrap_or(rest.len())]
        })
}

#[test]
fn every_module_has_one_row() {
    for (file, _) in files() {
        let module = module(&file);
        let rows = ROWS.iter().filter(|row| row.contains(&module)).count();
        assert_eq!(rows, usize::from(module != "lib"), "{file}: rows");
    }
}

#[test]
fn a_file_imports_only_from_rows_above_its_own() {
    let mut wrong = Vec::new();
    for (file, code) in files().iter().filter(|(file, _)| file != "lib.rs") {
        let own = module(file);
        for other in named(code).filter(|other| *other != own) {
            match row(other) {
                Some(theirs) if Some(theirs) < row(own) => {}
                Some(_) => wrong.push(format!("{file} imports from {other}, which is not above")),
                None => wrong.push(format!("{file} imports {other:?} from the crate's root")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_stay_small() {
    let allowed = |file: &str| LONGER.iter().find(|(longer, _)| *longer == file);
    for (file, code) in files() {
        let lines = code.lines().count();
        match allowed(&file) {
            None => assert!(lines <= LONGEST, "{file} has {lines} lines, split it"),
            Some((_, most)) => {
                assert!(
                    lines <= *most,
                    "{file} has grown to {lines} lines, split it"
                );
                assert!(lines > LONGEST, "{file} is short now: take it off the list");
            }
        }
    }
    let names: Vec<String> = files().into_iter().map(|(file, _)| file).collect();
    for (longer, _) in LONGER {
        assert!(names.iter().any(|name| name == longer), "{longer} is gone");
    }
}

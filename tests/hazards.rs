//! docs/hazards.md and the tests agree: every line has its tests or a reason, and every test that bears
//! a code is named where the code is.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod pages;

use pages::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// How many lines each letter has.
const LINES: [(char, u32); 11] = [
    ('A', 21),
    ('B', 24),
    ('C', 15),
    ('D', 23),
    ('E', 16),
    ('F', 8),
    ('G', 8),
    ('H', 14),
    ('I', 20),
    ('J', 8),
    ('P', 74),
];

/// What stands before a reason for there being no test.
const REASON: &str = "Does not apply: ";

/// Each code as it stands in the page and in names, such as `A6` and `a06`.
fn codes() -> BTreeMap<String, String> {
    LINES
        .iter()
        .flat_map(|(letter, lines)| (1..=*lines).map(move |line| (letter, line)))
        .map(|(letter, line)| {
            let short = letter.to_ascii_lowercase();
            (format!("{letter}{line}"), format!("{short}{line:02}"))
        })
        .collect()
}

/// The page's rows: a code each, and what stands in the last column.
fn rows() -> Vec<(String, String)> {
    let page = pages::page("hazards.md");
    let codes = codes();
    pages::rows(&page)
        .into_iter()
        .filter(|cells| codes.contains_key(cells[0]))
        .map(|cells| (cells[0].to_owned(), cells[2..].join(" | ")))
        .collect()
}

/// Every test whose name begins with codes: the file and the name.
fn tests() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut directories = vec![root().join("src"), root().join("tests")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("target") {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = path.strip_prefix(root()).unwrap();
                let file = file.to_str().unwrap().replace('\\', "/");
                let text = fs::read_to_string(&path).unwrap();
                let names = functions(&text).into_iter();
                let names = names.filter(|(name, _)| !borne(name).is_empty());
                for (name, attributes) in names {
                    assert!(
                        runs(&attributes),
                        "{file}: {name} does not run: {attributes:?}"
                    );
                    found.insert((file.clone(), name));
                }
            }
        }
    }
    found
}

/// The functions of a text, each with the lines of attributes above it.
fn functions(text: &str) -> Vec<(String, Vec<&str>)> {
    let (mut functions, mut attributes) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_start) {
        let name = line.strip_prefix("fn ").map(|rest| rest.split(['(', '<']));
        if let Some(name) = name.and_then(|mut parts| parts.next()) {
            functions.push((name.to_owned(), std::mem::take(&mut attributes)));
        } else if line.starts_with("#[") {
            attributes.push(line);
        } else if !line.starts_with("//") {
            attributes.clear();
        }
    }
    functions
}

/// Whether `cargo test` runs what stands under these attributes.
fn runs(attributes: &[&str]) -> bool {
    attributes.contains(&"#[test]") && !attributes.iter().any(|line| line.contains("ignore"))
}

/// The codes that a name begins with.
fn borne(name: &str) -> Vec<&str> {
    let is_code = |part: &&str| {
        let digits = part.strip_prefix(|c: char| ('a'..='j').contains(&c) || c == 'p');
        digits.is_some_and(|digits| digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    name.split('_').take_while(is_code).collect()
}

/// The tests that a row names, with their files.
fn named(row: &str) -> BTreeSet<pages::Place> {
    let is_test = |name: &str| !borne(name).is_empty();
    pages::named(row, is_test).into_iter().collect()
}

#[test]
fn every_line_has_one_row() {
    let mut rows: Vec<_> = rows().into_iter().map(|(code, _)| code).collect();
    rows.sort();
    let codes: Vec<_> = codes().into_keys().collect();
    assert_eq!(rows, codes);
}

#[test]
fn every_row_has_its_tests_or_a_reason() {
    let tests = tests();
    let codes = codes();
    let mut wrong = Vec::new();
    for (code, row) in rows() {
        let borne_as = &codes[&code];
        let bearing: BTreeSet<_> = tests
            .iter()
            .filter(|(_, name)| borne(name).contains(&borne_as.as_str()))
            .cloned()
            .collect();
        let in_order = match row.strip_prefix(REASON) {
            Some(reason) => bearing.is_empty() && reason.split(' ').count() > 2,
            None => !bearing.is_empty() && named(&row) == bearing,
        };
        if !in_order {
            wrong.push(format!("{code}: {bearing:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A code that no line has would be one that nobody can look up.
#[test]
fn every_code_in_a_name_has_a_line() {
    let codes: BTreeSet<_> = codes().into_values().collect();
    for (file, name) in tests() {
        for code in borne(&name) {
            assert!(codes.contains(code), "{name} ({file}): {code}");
        }
    }
}

/// A function that no test harness calls shows nothing, whatever its name says.
#[test]
fn what_does_not_run_is_no_test() {
    let text = "#[test]\nfn one() {}\n/// A word.\n#[test]\n#[ignore = \"slow\"]\nfn two() {}\n\
                #[test]\n#[cfg(unix)]\nfn three() {}\nfn four() {}\n    #[test]\n    fn five(\n";
    let running: Vec<_> = functions(text)
        .into_iter()
        .filter(|(_, attributes)| runs(attributes))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(running, ["one", "three", "five"]);
}

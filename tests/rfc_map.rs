//! docs/rfc-map.md is true: whatever it names is where it says, its rows are whole and in the order of the
//! RFCs' sections, and no sentence that demands something is left out.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod pages;

use pages::{declares, is_test, missing, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// How many sentences of each section say MUST, SHALL or REQUIRED, in the RFC; and as many as its revision, which
/// is *bis*, adds. Sentences that explain these words are none, nor are those of appendices.
#[rustfmt::skip]
const DEMANDS: [(&str, &[(&str, usize)]); 3] = [
    (
        "RFC 9147",
        &[
            ("4", 7), ("4.1", 4), ("4.2.1", 3), ("4.2.3", 3), ("4.3", 3), ("4.4", 2), ("4.5.1", 3),
            ("4.5.2", 1), ("4.5.3", 5), ("5", 1), ("5.1", 6), ("5.2", 3), ("5.3", 4), ("5.5", 5),
            ("5.8.1", 2), ("5.8.4", 1), ("5.9", 1), ("5.10", 1), ("5.11", 2), ("6.1", 1), ("7", 4),
            ("7.1", 3), ("7.2", 3), ("8", 6), ("9", 8), ("9.1", 1), ("11", 4), ("14", 1),
        ],
    ),
    (
        "RFC 9147 *bis*",
        &[("4.5.2", 2), ("5", 1), ("5.2", 1), ("7", 4), ("7.1", 1), ("7.2", 1), ("8", 4)],
    ),
    (
        "RFC 6347",
        &[
            ("4.1", 5), ("4.1.1", 1), ("4.1.1.1", 2), ("4.1.2.1", 1), ("4.1.2.2", 1), ("4.1.2.5", 1),
            ("4.1.2.6", 4), ("4.1.2.7", 1), ("4.2.1", 10), ("4.2.2", 1), ("4.2.3", 4), ("4.2.4", 2),
            ("4.2.5", 2), ("4.2.6", 2), ("4.2.8", 2), ("5", 1), ("7", 1),
        ],
    ),
];

/// Where the names of BoringSSL's cases stand.
const CASES: &str = "tests/bogo/cases.txt";

/// A chapter of the page: its head, and the cells of its table's rows.
struct Chapter {
    head: String,
    rows: Vec<Vec<String>>,
}

fn chapters() -> Vec<Chapter> {
    let page = pages::page("rfc-map.md");
    let chapter = |text: &str| {
        let (head, body) = text.split_once('\n').unwrap();
        // The first row is the table's head.
        let rows = pages::rows(body).into_iter().skip(1);
        Chapter {
            head: head.to_owned(),
            rows: rows
                .filter(|cells| cells[0] != "---")
                .map(|cells| cells.into_iter().map(str::to_owned).collect())
                .collect(),
        }
    };
    page.split("\n## ").skip(1).map(chapter).collect()
}

/// The chapters about what is demanded and done.
fn maps() -> Vec<Chapter> {
    let mut chapters = chapters();
    chapters.retain(|chapter| chapter.head.starts_with("RFC "));
    assert_eq!(chapters.len(), 3);
    chapters
}

/// A section's number, without the mark of a row that another text than the RFC demands.
fn section(cell: &str) -> &str {
    cell.split(' ').next().unwrap()
}

#[test]
fn every_row_is_whole() {
    for chapter in chapters() {
        assert!(!chapter.rows.is_empty(), "{}: no rows", chapter.head);
        for cells in &chapter.rows {
            assert_eq!(cells.len(), 4, "{}: {cells:?}", chapter.head);
            assert!(
                !cells.iter().any(|cell| cell.trim().is_empty()),
                "{cells:?}"
            );
        }
    }
}

#[test]
fn rows_are_in_the_order_of_sections() {
    let numbers = |cell: &str| -> Vec<u32> {
        let parts = section(cell).split('.');
        parts
            .map(|part| part.parse().unwrap_or_else(|_| panic!("{cell}")))
            .collect()
    };
    for chapter in maps() {
        let sections: Vec<_> = chapter
            .rows
            .iter()
            .map(|cells| numbers(&cells[0]))
            .collect();
        assert!(sections.is_sorted(), "{}: {sections:?}", chapter.head);
    }
}

#[test]
fn every_item_and_every_test_is_where_the_page_says() {
    let words = ["fn", "struct", "enum", "const", "static", "type", "trait"];
    let cases = fs::read_to_string(root().join(CASES)).unwrap();
    let cases: BTreeSet<&str> = cases.lines().collect();
    let mut wrong = Vec::new();
    for cells in maps().iter().flat_map(|chapter| &chapter.rows) {
        let items = pages::named(&cells[2], |_| true);
        let tests = pages::named(&cells[3], |_| true);
        assert!(!items.is_empty() && !tests.is_empty(), "{cells:?}");
        for item in &items {
            assert!(item.0.starts_with("src/"), "{item:?}");
            wrong.extend(missing(item, |text, name| declares(text, &words, name)));
        }
        for test in &tests {
            wrong.extend(missing(test, |text, name| match test.0 == CASES {
                true => cases.contains(name),
                false => is_test(text, name),
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A section and whose it is, with the number of sentences that are answered: of a cell such as `5.1 *bis* (2)`,
/// where one is meant if none stands there.
fn counted(rfc: &str, cell: &str, default: usize) -> ((String, String), usize) {
    let number = cell
        .split_once('(')
        .map(|(_, rest)| rest.trim_end_matches(')'));
    let number = number.map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{cell}")));
    let text = match cell.contains("*bis*") {
        true => format!("{rfc} *bis*"),
        false => rfc.to_owned(),
    };
    ((text, section(cell).to_owned()), number)
}

/// How many sentences a row answers, section by section.
fn answered(chapter: &Chapter, cells: &[String]) -> Vec<((String, String), usize)> {
    if chapter.head.starts_with("RFC ") {
        let rfc = chapter.head.split(',').next().unwrap();
        return vec![counted(rfc, &cells[0], 1)];
    }
    let default = usize::from(!chapter.head.starts_with("Departures"));
    // `RFC 9147 §4, §9 (7), RFC 6347 §1`
    let (mut rfc, mut found) = (String::new(), Vec::new());
    for part in cells[0].split(", ") {
        let (before, section) = part.split_once('§').unwrap_or_else(|| panic!("{cells:?}"));
        if !before.is_empty() {
            rfc = before.trim().to_owned();
        }
        found.push(counted(&rfc, section, default));
    }
    found
}

/// Each sentence that demands something is answered once: it is done, or it is said why not.
#[test]
fn no_demand_is_left_out() {
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for chapter in chapters() {
        for cells in &chapter.rows {
            for (section, number) in answered(&chapter, cells) {
                *told.entry(section).or_default() += number;
            }
        }
    }
    told.retain(|(text, _), number| *number > 0 && !text.starts_with("RFC 8446"));
    let mut demanded = BTreeMap::new();
    for (text, sections) in DEMANDS {
        for (section, number) in sections {
            demanded.insert((text.to_owned(), (*section).to_owned()), *number);
        }
    }
    let wrong: Vec<_> = told
        .keys()
        .chain(demanded.keys())
        .filter(|section| told.get(*section) != demanded.get(*section))
        .map(|section| (section, demanded.get(section), told.get(section)))
        .collect();
    assert!(wrong.is_empty(), "demanded, and told: {wrong:#?}");
}

//! The report: a line for each case as it ends, and a page of tables.

use crate::case::Role;
use crate::feature::Lack;
use crate::section::Table;
use crate::trial::{Attempts, Counterpart, Trial};
use flightline::ProtocolVersion;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Failed,
    Lacking,
    Passed,
}

/// Everything that came out.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    cells: BTreeMap<(usize, Key), Cell>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    table: Table,
    name: String,
}

/// The peer's name and role.
type Key = (&'static str, Role);

/// On a good path, and on a bad one; a case that must fail has no bad path.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    good: Option<Verdict>,
    bad: Option<Verdict>,
}

impl Report {
    pub fn passed(&mut self, trial: &Trial) {
        self.note(trial, Verdict::Passed);
    }

    pub fn failed(&mut self, trial: &Trial) {
        self.note(trial, Verdict::Failed);
    }

    pub fn lacks(&mut self, trial: &Trial) {
        self.note(trial, Verdict::Lacking);
    }

    /// Gives the trial's case a row. The rows' order is that of these calls.
    pub fn expect(&mut self, trial: &Trial) -> usize {
        let row = Row {
            table: trial.case.table(),
            name: trial.case.name.clone(),
        };
        match self.rows.iter().position(|other| *other == row) {
            Some(number) => number,
            None => {
                self.rows.push(row);
                self.rows.len() - 1
            }
        }
    }

    fn note(&mut self, trial: &Trial, verdict: Verdict) {
        let case = &trial.case;
        let key = (self.expect(trial), (trial.with.name, case.theirs()));
        let cell = self.cells.entry(key).or_default();
        match case.seed {
            None => cell.good = Some(verdict),
            Some(_) => cell.bad = Some(verdict),
        }
    }

    /// The page, up to what may differ between machines.
    pub fn page(&self, counterparts: &[Counterpart]) -> String {
        let mut page = String::from(INTRODUCTION);
        let mut tables: Vec<Table> = self.rows.iter().map(|row| row.table).collect();
        tables.sort();
        tables.dedup();
        let mut version = None;
        for table in tables {
            let columns: Vec<&'static str> = counterparts
                .iter()
                .map(|counterpart| counterpart.name)
                .filter(|name| self.stands_in(name, table))
                .collect();
            let section = table.section();
            if version != table.version() {
                version = table.version();
                page += &version.map_or(String::new(), |version| format!("\n## {version}\n"));
            }
            let level = if version.is_some() { "###" } else { "##" };
            let _ = write!(page, "\n{level} {}\n\n", section.title());
            let _ = write!(page, "{}| |", section.introduction());
            for name in &columns {
                let _ = write!(page, " {name} |");
            }
            page += "\n| --- |";
            page += &" :-: |".repeat(columns.len());
            page += "\n";
            for (number, row) in self.rows.iter().enumerate() {
                if row.table != table {
                    continue;
                }
                let _ = write!(page, "| {} |", row.name);
                for name in &columns {
                    let marks =
                        [Role::Client, Role::Server].map(|role| self.mark(number, (name, role)));
                    let _ = write!(page, " {} |", marks.join(" "));
                }
                page += "\n";
            }
        }
        page += "\n## What the peers lack\n\n| peer | as | version | what | why |\n| --- | --- | --- | --- | --- |\n";
        for counterpart in counterparts {
            for lack in counterpart.lacks {
                let _ = writeln!(page, "| {} | {} |", counterpart.name, lacking(lack));
            }
        }
        page + &attempts(counterparts)
    }

    fn stands_in(&self, name: &str, table: Table) -> bool {
        let mut cells = self.cells.keys();
        cells.any(|(number, (other, _))| *other == name && self.rows[*number].table == table)
    }

    fn mark(&self, number: usize, key: Key) -> &'static str {
        let cell = self.cells.get(&(number, key)).copied().unwrap_or_default();
        match (cell.good, cell.bad) {
            (None, None) => " ",
            (Some(Verdict::Failed), _) | (_, Some(Verdict::Failed)) => "✗",
            (Some(Verdict::Lacking), _) => "–",
            (_, Some(Verdict::Passed)) => "●",
            _ => "○",
        }
    }
}

const INTRODUCTION: &str = "\
# Interoperability

Written by a run of `tests/interop`; [testing.md](testing.md) says how to run it. Each cell has two marks: the peer as the
client and our server, then the peer as the server and our client.

| mark | |
| :-: | --- |
| ● | passes, also where a fifth of all datagrams is lost; with some peers the case may begin again there, as often as [a table below](#attempts) says |
| ○ | passes on a path without faults; [a table below](#what-the-peers-lack) says why not on the other, or it is a case that must fail |
| – | not tried: the peer lacks it; [a table below](#what-the-peers-lack) says why |
| ✗ | fails |
";

fn lacking(lack: &Lack) -> String {
    let role = match lack.role {
        None => "both",
        Some(Role::Client) => "client",
        Some(Role::Server) => "server",
    };
    let features: Vec<String> = lack.features.iter().map(ToString::to_string).collect();
    let what = match features.join(", ") {
        none if none.is_empty() => "everything".into(),
        some => some,
    };
    let version = match lack.version {
        None => "any",
        Some(ProtocolVersion::DTLS1_3) => "1.3",
        Some(_) => "1.2",
    };
    format!("{role} | {version} | {what} | {}", lack.why)
}

fn attempts(counterparts: &[Counterpart]) -> String {
    let mut text = String::from(ATTEMPTS);
    for Counterpart { name, attempts, .. } in counterparts {
        if *attempts != Attempts::ONE {
            let _ = writeln!(text, "| {name} | {} | {} |", attempts.most, attempts.why);
        }
    }
    text
}

const ATTEMPTS: &str = "
## Attempts

Where datagrams are lost, a case begins again, on another path, if a handshake has not ended in our time or, by the peer's own
word, in its; with wolfSSL, if it complains of a duplicate; with libcoap, if a request was not answered. Every other failure
counts. How many begin again differs from run to run; a run tells it of each case. Peers that are not here have one attempt.

| peer | attempts at most | why |
| --- | :-: | --- |
";

/// The page's last part: what may differ between machines.
pub fn versions(counterparts: &[Counterpart]) -> String {
    let mut text = format!("\n{VERSIONS}\n\n| peer | version |\n| --- | --- |\n");
    for counterpart in counterparts {
        let _ = writeln!(text, "| {} | {} |", counterpart.name, counterpart.version);
    }
    text
}

const VERSIONS: &str = "## Versions";

/// Whether a page says the same as another, versions aside.
pub fn same(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|page| match page.split_once(VERSIONS) {
        Some((tables, _)) => tables.trim(),
        None => page.trim(),
    });
    one == other
}

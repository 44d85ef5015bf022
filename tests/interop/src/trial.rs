//! What is tried, and with whom.

use crate::Res;
use crate::case::{Case, Role};
use crate::feature::Lack;
use crate::pki::Pki;
use crate::section::{Section, Table};

/// A program or library that is not ours. It has a column in the report.
pub struct Counterpart {
    pub name: &'static str,
    pub version: String,
    pub lacks: &'static [Lack],
    pub attempts: Attempts,
}

/// How often a case may begin on a bad path. It does so once more, on another, where a handshake did not end in
/// its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    pub most: usize,
    /// Why one is not enough.
    pub why: &'static str,
}

impl Attempts {
    pub const ONE: Attempts = Attempts { most: 1, why: "" };
}

/// One case with one counterpart.
pub struct Trial<'a> {
    pub with: &'a Counterpart,
    pub case: Case,
    pub run: Run<'a>,
}

/// Runs the case; says what was agreed on, or what went wrong.
pub type Run<'a> = Box<dyn Fn(&Case, &Pki) -> Res<String> + Send + Sync + 'a>;

impl Trial<'_> {
    pub fn is_lacking(&self) -> bool {
        self.with.lacks.iter().any(|lack| lack.concerns(&self.case))
    }

    /// Whether the counterpart does not speak the version that the case is of, and has no place in its table.
    pub fn is_out_of_place(&self) -> bool {
        let mut lacks = self.with.lacks.iter();
        !matches!(self.case.table(), Table::Other(_))
            && lacks.any(|lack| lack.is_of_version(&self.case))
    }

    /// How it is called.
    pub fn line(&self) -> String {
        let (case, name) = (&self.case, self.with.name);
        let sides = match (case.section, case.ours) {
            (Section::Captures, Role::Client) => format!("client's key log -> {name}"),
            (Section::Captures, Role::Server) => format!("server's key log -> {name}"),
            (_, Role::Client) => format!("client -> {name}"),
            (_, Role::Server) => format!("{name} -> server"),
        };
        let loss = match case.seed {
            Some(_) => ", 20 % loss",
            None => "",
        };
        format!("{sides}  {}: {}{loss}", case.table(), case.name)
    }
}

//! What is tried, and with whom.

use crate::Res;
use crate::case::{Case, Role, Section};
use crate::feature::Lack;
use crate::pki::Pki;

/// A program or library that is not ours. It has a column in the report.
pub struct Counterpart {
    pub name: &'static str,
    pub version: String,
    pub lacks: &'static [Lack],
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
        format!("{sides}  {}: {}{loss}", case.section.title(), case.name)
    }
}

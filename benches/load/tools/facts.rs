//! What one process tells another in a line: `name=value name=value`.

use super::Outcome;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

#[derive(Debug, Default)]
pub(crate) struct Facts(BTreeMap<String, String>);

impl Facts {
    pub(crate) fn new() -> Facts {
        Facts::default()
    }

    pub(crate) fn with(mut self, name: &str, value: impl fmt::Display) -> Facts {
        self.0.insert(name.into(), value.to_string());
        self
    }

    pub(crate) fn get<T: FromStr>(&self, name: &str) -> Outcome<T> {
        let value = self.0.get(name).ok_or(format!("no {name} in: {self}"))?;
        value
            .parse()
            .map_err(|_| format!("{name} cannot be {value}").into())
    }

    /// A list, its members separated by commas.
    pub(crate) fn list(&self, name: &str) -> Outcome<Vec<f64>> {
        let value: String = self.get(name)?;
        let members = value.split(',').filter(|member| !member.is_empty());
        Ok(members.map(str::parse).collect::<Result<_, _>>()?)
    }

    pub(crate) fn with_list(self, name: &str, members: &[f64]) -> Facts {
        let members: Vec<_> = members.iter().map(f64::to_string).collect();
        self.with(name, members.join(","))
    }

    /// How much `name` has grown since `before`.
    pub(crate) fn since(&self, before: &Facts, name: &str) -> Outcome<f64> {
        Ok(self.get::<f64>(name)? - before.get::<f64>(name)?)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts: Vec<_> = self.0.iter().map(|(k, v)| format!("{k}={v}")).collect();
        f.write_str(&facts.join(" "))
    }
}

impl FromStr for Facts {
    type Err = String;

    fn from_str(line: &str) -> Result<Facts, String> {
        let mut facts = Facts::new();
        for fact in line.split_whitespace() {
            let (name, value) = fact.split_once('=').ok_or(format!("no fact: {fact}"))?;
            facts = facts.with(name, value);
        }
        Ok(facts)
    }
}

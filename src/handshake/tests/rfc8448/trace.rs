//! The numbers of RFC 8448, out of a file that holds them as the RFC does.

use crate::codec::from_hex;

/// One section's: names and what they stand for, in the RFC's order.
pub(super) struct Trace(Vec<(&'static str, Vec<u8>)>);

impl Trace {
    pub(super) fn of(section: u8) -> Trace {
        let (_, trace) = include_str!("traces.txt")
            .split_once(&format!("\n§{section} "))
            .unwrap();
        let trace = trace.split("\n§").next().unwrap();
        let mut values: Vec<(&str, Vec<u8>)> = Vec::new();
        for line in trace.lines() {
            if let Some(name) = line.strip_suffix(':') {
                values.push((name, Vec::new()));
            } else if let (true, Some((_, value))) = (line.starts_with(' '), values.last_mut()) {
                value.extend(from_hex(line.trim()));
            }
        }
        Trace(values)
    }

    pub(super) fn find(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| &value[..])
    }

    pub(super) fn get(&self, name: &str) -> &[u8] {
        let found = self.find(name);
        found.unwrap_or_else(|| panic!("the trace has no {name}"))
    }

    /// The messages, by their names.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let all = self.0.iter().map(|(name, value)| (*name, &value[..]));
        all.filter(|(name, _)| name.contains(char::is_uppercase))
    }
}

/// A message without its header, whose length must be right.
pub(super) fn body(message: &[u8]) -> &[u8] {
    let (header, body) = message.split_at(4);
    assert_eq!(header[1..], body.len().to_be_bytes()[5..]);
    body
}

//! A child: this program again, in a role. It takes orders from standard input, tells facts on standard
//! output, and ends when its input does.

use super::{Facts, Outcome};
use clap::ValueEnum;
use std::fmt::Display;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

/// An option of a role: its name, and its value.
pub(crate) type Opt<'a> = (&'a str, &'a dyn Display);

/// What a command line calls this value.
pub(crate) fn name(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().into())
}

pub(crate) struct Child {
    role: String,
    process: std::process::Child,
    orders: ChildStdin,
    told: BufReader<ChildStdout>,
}

impl Child {
    pub(crate) fn start(role: &str, options: &[Opt<'_>]) -> Outcome<Child> {
        let options = options
            .iter()
            .map(|(name, value)| format!("--{name}={value}"));
        let mut process = Command::new(std::env::current_exe()?)
            .arg(role)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (orders, told) = pipes.ok_or("a child has no pipes")?;
        Ok(Child {
            role: role.into(),
            process,
            orders,
            told: BufReader::new(told),
        })
    }

    pub(crate) fn order(&mut self, order: impl Display) -> Outcome<()> {
        Ok(writeln!(self.orders, "{order}")?)
    }

    /// Waits for what the child tells next.
    pub(crate) fn hear(&mut self) -> Outcome<Facts> {
        let mut line = String::new();
        if self.told.read_line(&mut line)? == 0 {
            let status = self.process.wait()?;
            return Err(
                format!("the child that is to do \"{}\" ended: {status}", self.role).into(),
            );
        }
        Ok(line.parse()?)
    }

    pub(crate) fn ask(&mut self, order: impl Display) -> Outcome<Facts> {
        self.order(order)?;
        self.hear()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // One that has ended already cannot be ended again.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

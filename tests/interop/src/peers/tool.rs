//! A process of a program: what is written to it, what it wrote, and its certain end.

use super::{Conversation, Srtp};
use crate::Res;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running tool. Dropping it kills it.
pub struct Tool {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Mutex<Vec<u8>>>,
    errors: Arc<Mutex<Vec<u8>>>,
    speech: Speech,
}

/// What a program writes beside the data that it receives.
#[derive(Clone, Copy)]
pub struct Speech {
    /// It prints nothing on standard output but what it receives.
    pub data_only: bool,
    /// Marks of the lines on standard error that tell why it failed.
    pub complaints: &'static [&'static str],
    /// Finds the keys for SRTP in what it printed.
    pub srtp: fn(&str) -> Option<Srtp>,
    /// What stands before the keys that it exports, in hexadecimal.
    pub exported: &'static str,
    /// The line by which it says that it goes on with a session, if it says so.
    pub resumed: Option<&'static str>,
}

impl Tool {
    pub fn start(program: &str, arguments: &[String], speech: Speech) -> Res<Tool> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program} cannot be run, install it: {error}"))?;
        let input = child.stdin.take();
        let output = collect(child.stdout.take());
        let errors = collect(child.stderr.take());
        Ok(Tool {
            child,
            input,
            output,
            errors,
            speech,
        })
    }

    /// All that it wrote on standard error.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned()
    }
}

impl Conversation for Tool {
    fn say(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // In one write, or the tool may send the line and its end apart.
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    fn hears_data_only(&self) -> bool {
        self.speech.data_only
    }

    fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().ok().flatten().map(|s| s.success())
    }

    fn complaint(&self) -> String {
        let errors = self.errors();
        let marks = self.speech.complaints;
        let lines: Vec<&str> = errors
            .lines()
            .filter(|line| marks.iter().any(|mark| line.contains(mark)))
            .collect();
        lines.join(" | ")
    }

    fn srtp(&self) -> Option<Srtp> {
        (self.speech.srtp)(&self.heard())
    }

    fn exported(&self) -> Option<Vec<u8>> {
        printed_bytes(&self.heard(), self.speech.exported)
    }

    fn resumed(&self) -> Option<bool> {
        self.speech.resumed.map(|line| self.has_heard(line))
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line that the program prints of its version.
pub fn version(program: &str, argument: &str) -> Res<String> {
    let output = Command::new(program)
        .arg(argument)
        .output()
        .map_err(|error| format!("{program} cannot be run, install it: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// A port that is free, and not among those that the system hands out by itself: one of these could be taken
/// by another case before the program has it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let port = 15_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 15_000;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn strings<const N: usize>(args: [&str; N]) -> Vec<String> {
    args.map(str::to_owned).to_vec()
}

pub fn files<'a>(args: &mut Vec<String>, files: impl IntoIterator<Item = (&'a str, PathBuf)>) {
    for (option, path) in files {
        args.push(option.into());
        args.push(path.to_string_lossy().into_owned());
    }
}

/// What follows the label in one of the lines.
pub fn printed<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    lines.find_map(|line| line.trim().strip_prefix(label))
}

/// The bytes that follow the label, in hexadecimal.
pub fn printed_bytes(text: &str, label: &str) -> Option<Vec<u8>> {
    let digits = printed(text, label)?.as_bytes().chunks(2);
    let bytes = digits.map(|digits| {
        let digits = std::str::from_utf8(digits).ok()?;
        u8::from_str_radix(digits, 16).ok()
    });
    bytes.collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> Arc<Mutex<Vec<u8>>> {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let into = collected.clone();
    if let Some(mut pipe) = pipe {
        thread::spawn(move || {
            let mut buf = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buf) {
                into.lock().unwrap().extend_from_slice(&buf[..length]);
            }
        });
    }
    collected
}

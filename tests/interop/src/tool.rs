//! A process of openssl or gnutls-cli: what is written to it, what it wrote, and its certain end.

use crate::Res;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running tool. Dropping it kills it.
pub struct Tool {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Mutex<Vec<u8>>>,
    errors: Arc<Mutex<Vec<u8>>>,
}

impl Tool {
    pub fn start(program: &str, arguments: &[String]) -> Res<Tool> {
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
        })
    }

    /// Writes a line to the tool, which sends it. A tool that has ended does not mind.
    pub fn say(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // In one write, or the tool may send the line and its end apart.
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Whether the tool has printed this line.
    pub fn has_printed(&self, line: &str) -> bool {
        let output = self.output.lock().unwrap();
        String::from_utf8_lossy(&output).lines().any(|l| l == line)
    }

    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// The exit status, if it has ended: true is success.
    pub fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().ok().flatten().map(|s| s.success())
    }

    /// The last lines that it complained with.
    pub fn complaint(&self) -> String {
        let errors = String::from_utf8_lossy(&self.errors.lock().unwrap()).into_owned();
        let lines: Vec<&str> = errors
            .lines()
            .filter(|line| {
                ["error:", "ERROR", "*** Fatal"]
                    .iter()
                    .any(|mark| line.contains(mark))
            })
            .collect();
        lines.join(" | ")
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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

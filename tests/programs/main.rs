//! The programs among the examples: bad input gets one line that says what to do, and a failure.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod coap;
mod lesson;
mod metrics;

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// Cargo builds the examples before it runs the tests, and puts them beside them.
fn program(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    let hint = "is missing: `cargo test` builds it, `cargo test --test programs` does not";
    assert!(
        path.with_extension(std::env::consts::EXE_EXTENSION)
            .exists(),
        "{path:?} {hint}"
    );
    Command::new(path)
}

/// With its output, which it goes on writing.
struct Server(Child, Lines<BufReader<ChildStdout>>);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// A server on a free port, with its address.
    fn start(name: &str, arguments: &[&str]) -> (Server, String) {
        let mut command = program(name);
        command.arg("127.0.0.1:0").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Server(child, lines);
        let address = server.says("listening on ");
        (server, address)
    }

    /// What stands behind this mark in the first line that has it.
    fn says(&mut self, mark: &str) -> String {
        let mut lines = self.1.by_ref().map(Result::unwrap);
        let line = lines.find(|line| line.contains(mark)).unwrap();
        let (_, rest) = line.split_once(mark).unwrap();
        rest.to_owned()
    }

    /// Writes this to its input.
    fn is_told(&mut self, words: &str) {
        let input = self.0.stdin.as_mut().unwrap();
        input.write_all(words.as_bytes()).unwrap();
    }

    /// Waits until it ends by itself.
    fn ends(&mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

/// A `dtls_server`, with its address and its certificate's fingerprint.
fn server() -> (Server, String, String) {
    let (mut server, address) = Server::start("dtls_server", &[]);
    let fingerprint = server.says("(SHA-256): ");
    (server, address, fingerprint)
}

#[test]
fn without_arguments_the_server_echoes_to_a_client_that_pins_it() {
    let (_server, address, fingerprint) = server();
    let mut client = program("dtls_client");
    client.args([&address, "--pin", &fingerprint]);
    let mut client = client
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client
        .stdin
        .take()
        .unwrap()
        .write_all(b"one\ntwo\n")
        .unwrap();
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "one\ntwo\n");
}

#[test]
fn bad_input_gets_one_line_that_says_what_to_do() {
    let (_server, address, _) = server();
    let psk = ["--psk-identity", "a", "--psk"];
    let cases: [(&str, Vec<&str>, &str); 7] = [
        (
            "dtls_client",
            vec![&address, "--pin", "12"],
            "64 hexadecimal digits",
        ),
        (
            "dtls_client",
            vec![&address, "--ca", "/no/such/file.pem"],
            "/no/such/file.pem",
        ),
        ("dtls_client", vec![&address], "trust"),
        (
            "dtls_client",
            [&[&*address][..], &psk[..], &["xyz"]].concat(),
            "hexadecimal",
        ),
        ("dtls_server", vec![&address], "in use"),
        (
            "dtls_server",
            vec!["127.0.0.1:0", "--cert", "/no/such", "--key", "/no/such"],
            "/no/such",
        ),
        ("dtls_server", vec!["127.0.0.1:0", "--mtu", "7"], "128"),
    ];
    for (name, arguments, says) in cases {
        let output = program(name)
            .args(&arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{name} {arguments:?}");
        assert!(told.contains(says), "{name} {arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{name} {arguments:?}: {told}");
    }
}

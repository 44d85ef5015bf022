//! The programs among the examples: bad input gets one line that says what to do, and a failure.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod coap;
mod dtls;
mod event_loop;
mod lesson;
mod metrics;

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::TcpListener;
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
struct Server(Child, Option<Lines<BufReader<ChildStdout>>>);

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
        Server::run(&mut command)
    }

    fn run(command: &mut Command) -> (Server, String) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Server(child, Some(lines));
        let address = server.says("listening on ");
        (server, address)
    }

    /// What stands behind this mark in the first line that has it.
    fn says(&mut self, mark: &str) -> String {
        let mut lines = self.1.as_mut().unwrap().map(Result::unwrap);
        let line = lines.find(|line| line.contains(mark)).unwrap();
        let (_, rest) = line.split_once(mark).unwrap();
        rest.to_owned()
    }

    /// Nobody reads its output any more.
    fn is_not_listened_to(&mut self) {
        self.1 = None;
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
fn bad_input_gets_one_line_that_says_what_to_do() {
    let (_server, address, pin) = server();
    let in_use = TcpListener::bind("127.0.0.1:0").unwrap();
    let in_use = in_use.local_addr().unwrap().to_string();
    let taken = format!("{in_use}: Address already in use");
    let psk = ["--psk-identity", "a", "--psk"];
    let cases: [(&str, Vec<&str>, &str); 12] = [
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
        (
            "dtls_client",
            vec![&address, "--dtls", "1.1"],
            "[possible values: 1.2, 1.3]",
        ),
        (
            "dtls_client",
            vec![&address, "--pin", &pin, "--handshake-max", "500"],
            "--handshake-min 1000 is longer than --handshake-max 500",
        ),
        (
            "dtls_client",
            vec![&address, "--connect-timeout", "0"],
            "1..",
        ),
        ("dtls_server", vec![&address], &address),
        (
            "dtls_server",
            vec![&address],
            "another program listens there",
        ),
        ("metrics", vec!["127.0.0.1:0", "--metrics", &in_use], &taken),
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

//! The program that BoringSSL's test runner, BoGo, starts for each test: a client or a server made of
//! this library's public interface, which talks datagrams with the runner through a TCP connection.
//!
//! Exit status: 0 success, 1 failure with the cause on stderr, 89 a flag that asks for what is not there.

mod checks;
mod configuration;
mod errors;
mod flags;
mod observer;
mod process;
mod program;
mod sessions;
mod stream;
mod verifier;

use flags::Connections;
use std::process::ExitCode;

const UNIMPLEMENTED: u8 = 89;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|flag| flag == "-is-handshaker-supported") {
        println!("No");
        return ExitCode::SUCCESS;
    }
    let connections = match Connections::parse(&arguments) {
        Ok(connections) => connections,
        Err(unsupported) => {
            println!("not supported: {}", unsupported.0);
            return ExitCode::from(UNIMPLEMENTED);
        }
    };
    match process::run(&connections) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

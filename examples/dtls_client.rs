//! A DTLS client: sends each line of its input as a message and prints what comes back.

#[path = "shared/client.rs"]
mod client;
mod shared;

use clap::Parser;
use client::ClientOptions;
use flightline::{DtlsSocket, Error};
use shared::Outcome;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

/// Sends each line of standard input as a message over DTLS and prints what comes back.
#[derive(Parser, Debug)]
struct Options {
    /// The server: host and port
    #[arg(default_value = "127.0.0.1:4433")]
    address: String,
    /// Give up when the server has been silent for this long, in milliseconds
    #[arg(long, value_name = "MS")]
    read_timeout: Option<u64>,
    /// How long to wait for answers after the end of the input, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    wait: u64,
    #[command(flatten)]
    client: ClientOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.client.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let socket = options.client.connect(&options.address)?;
    if let Some(timeout) = options.read_timeout {
        socket.set_read_timeout(Some(Duration::from_millis(timeout)))?;
    }
    let outcome = converse(&socket, Duration::from_millis(options.wait));
    socket.close(Duration::from_secs(1));
    outcome
}

/// What the main thread waits for.
enum Event {
    Line(Vec<u8>),
    EndOfInput,
    Message(Vec<u8>),
    Ended(Error),
}

/// One thread reads the input, one reads the socket, and this one acts.
fn converse(socket: &DtlsSocket, wait: Duration) -> Outcome<()> {
    let (sender, events) = mpsc::channel();
    let input = sender.clone();
    thread::spawn(move || read_input(&input));
    let reader = socket.clone();
    thread::spawn(move || read_socket(&reader, &sender));

    let (mut lines, mut sent, mut received, mut ending) = (0_u64, 0_u64, 0_u64, false);
    while !(ending && received >= sent) {
        let event = if ending {
            events.recv_timeout(wait).ok()
        } else {
            events.recv().ok()
        };
        match event {
            Some(Event::Line(line)) => {
                lines = lines.saturating_add(1);
                match socket.send(&line) {
                    Err(error @ Error::MessageTooLong { .. }) => {
                        eprintln!("line {lines} is not sent: {error}; see --mtu");
                    }
                    outcome => {
                        outcome?;
                        sent = sent.saturating_add(1);
                    }
                }
            }
            Some(Event::Message(message)) => {
                let mut out = io::stdout().lock();
                out.write_all(&message)?;
                out.flush()?;
                received = received.saturating_add(1);
            }
            Some(Event::EndOfInput) => ending = true,
            Some(Event::Ended(Error::Closed)) => {
                eprintln!("the server closed the connection");
                break;
            }
            Some(Event::Ended(error)) => return Err(error.into()),
            None => break,
        }
    }
    match lines.saturating_sub(received) {
        0 => Ok(()),
        missing => Err(format!("{missing} of {lines} messages had no answer").into()),
    }
}

/// Sends lines with their ends, as they stand, so that an empty line is a message too.
fn read_input(events: &Sender<Event>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let event = match input.read_until(b'\n', &mut line) {
            Ok(0) => Event::EndOfInput,
            Ok(_) => Event::Line(line),
            Err(error) => Event::Ended(error.into()),
        };
        let last = !matches!(event, Event::Line(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn read_socket(socket: &DtlsSocket, events: &Sender<Event>) {
    let mut buf = vec![0; 65_536];
    loop {
        let event = match socket.recv(&mut buf) {
            Ok(length) => Event::Message(buf.get(..length).unwrap_or_default().to_vec()),
            Err(error) => Event::Ended(error),
        };
        let last = matches!(event, Event::Ended(_));
        if events.send(event).is_err() || last {
            return;
        }
    }
}

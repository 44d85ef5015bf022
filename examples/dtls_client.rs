//! A DTLS client: sends each line of its input as a message and prints what comes back.

mod shared;

use clap::Parser;
use flightline::{
    ClientConfig, DtlsSocket, Error, Fingerprint, Identity, RootCertificates, ServerName,
    ServerTrust,
};
use shared::{Outcome, SharedOptions};
use std::io::{self, BufRead, Write};
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Sends each line of standard input as a message over DTLS and prints what comes back.
#[derive(Parser, Debug)]
struct Options {
    /// The server: host and port
    #[arg(default_value = "127.0.0.1:4433")]
    address: String,
    /// The name that the server's certificate must be for (default: the host)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Trust servers with a certificate of the authorities in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "psk"])]
    ca: Option<PathBuf>,
    /// Trust the server with this SHA-256 fingerprint; may be repeated
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "psk")]
    pin: Vec<Fingerprint>,
    /// A PEM file with our certificate, for servers that ask
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "psk")]
    cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Give up when the server has been silent for this long, in milliseconds
    #[arg(long, value_name = "MS")]
    read_timeout: Option<u64>,
    /// How long to wait for answers after the end of the input, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    wait: u64,
    #[command(flatten)]
    shared: SharedOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let mut builder = options
        .shared
        .apply(ClientConfig::builder(trust(options)?))?;
    if let (Some(cert), Some(key)) = (&options.cert, &options.key) {
        builder = builder.identity(Identity::from_pem_files(cert, key)?);
    }
    if let Some(timeout) = options.read_timeout {
        builder = builder.read_timeout(Duration::from_millis(timeout));
    }
    let config = builder.build()?;

    let start = Instant::now();
    let address = &options.address;
    address
        .to_socket_addrs()
        .map_err(|error| format!("{address}: {error}; give host:port"))?;
    let socket = DtlsSocket::connect(address.as_str(), server_name(options)?, config)?;
    let alpn = match socket.alpn() {
        Some(protocol) => format!(", ALPN {}", protocol.escape_ascii()),
        None => String::new(),
    };
    eprintln!(
        "connected to {} in {:.0?}: {}, {}{alpn}",
        socket.peer_addr()?,
        start.elapsed(),
        socket.version(),
        socket.cipher_suite(),
    );
    let outcome = converse(&socket, Duration::from_millis(options.wait));
    socket.close(Duration::from_secs(1));
    outcome
}

fn trust(options: &Options) -> Outcome<ServerTrust> {
    if let Some(psk) = options.shared.pre_shared_key()? {
        return Ok(ServerTrust::psk(psk));
    }
    if let Some(path) = &options.ca {
        return Ok(ServerTrust::roots(RootCertificates::from_pem_file(path)?));
    }
    if options.pin.is_empty() {
        return Err(
            "whom to trust? give --pin (the server prints it), --ca, or --psk-identity with --psk"
                .into(),
        );
    }
    Ok(ServerTrust::pinned(options.pin.iter().copied()))
}

fn server_name(options: &Options) -> Outcome<ServerName> {
    if let Some(name) = &options.name {
        return Ok(ServerName::new(name)?);
    }
    let host = match options.address.rsplit_once(':') {
        Some((host, _)) => host.trim_start_matches('[').trim_end_matches(']'),
        None => &options.address,
    };
    Ok(ServerName::new(host)?)
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

    let (mut sent, mut received, mut ending) = (0_u64, 0_u64, false);
    while !(ending && received >= sent) {
        let event = if ending {
            events.recv_timeout(wait).ok()
        } else {
            events.recv().ok()
        };
        match event {
            Some(Event::Line(line)) => {
                socket.send(&line)?;
                sent = sent.saturating_add(1);
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
                return Ok(());
            }
            Some(Event::Ended(error)) => return Err(error.into()),
            None => {
                let missing = sent.saturating_sub(received);
                eprintln!("{missing} of {sent} messages had no answer");
                return Ok(());
            }
        }
    }
    Ok(())
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

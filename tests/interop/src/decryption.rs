//! Connections between two sides of ours that are captured, and read by tshark with the key log of one
//! of them.

use crate::Res;
use crate::capture::{self, Capture};
use crate::case::{Case, Resumed, Role};
use crate::feature::{Feature, Lack};
use crate::matrix;
use crate::ours::{client_builder, server_builder};
use crate::pki::{NAME, Pki};
use crate::proxy::Proxy;
use crate::section::Section;
use crate::trial::{Attempts, Counterpart, Trial};
use flightline::{
    CipherSuite, DtlsListener, DtlsSocket, Error, KeyLogFile, Retransmission, ServerName,
};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What is sent, with a number behind it.
const WORDS: &str = "the quick brown fox";

/// How many messages have to be answered on each connection.
const MESSAGES: usize = 3;

/// How long to wait for an answer before the next message.
const PATIENCE: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_secs(60);

const LACKS: &[Lack] = &[
    Lack::both(
        &[
            Feature::Suite(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256),
            Feature::Suite(CipherSuite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256),
        ],
        "tshark 4.0 does not decrypt ChaCha20-Poly1305 in DTLS 1.2, of two OpenSSLs neither",
    ),
    Lack::both(
        &[
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384),
        ],
        "tshark 4.0 does not decrypt ECDHE_PSK with AES-GCM",
    ),
];

pub fn counterpart() -> Res<Counterpart> {
    Ok(Counterpart {
        name: "tshark",
        version: capture::version()?,
        lacks: LACKS,
        attempts: Attempts::ONE,
    })
}

/// Every suite, handshakes in small pieces, sessions that are gone on with.
pub fn trials(counterparts: &[Counterpart], seed: u64) -> Vec<Trial<'_>> {
    let good = [Role::Client, Role::Server].map(cases).concat();
    let bad = matrix::on_bad_paths(&good, seed);
    let tshark = counterparts.iter().filter(|with| with.name == "tshark");
    tshark
        .flat_map(|with| {
            good.iter().chain(&bad).map(move |case| Trial {
                with,
                case: case.clone(),
                run: Box::new(run),
            })
        })
        .collect()
}

/// The side that flightline takes in them is the one that writes the key log.
fn cases(ours: Role) -> Vec<Case> {
    let mut cases = matrix::of_12(ours);
    cases.retain(|case| match case.section {
        Section::Suites | Section::Mtu => true,
        Section::Resumption => case.resumed == Some(Resumed::ByTicket),
        _ => false,
    });
    for case in &mut cases {
        case.name = match case.section {
            Section::Mtu => format!("MTU {}", case.name),
            Section::Resumption => format!("resumed {}", case.name),
            _ => case.name.clone(),
        };
        case.section = Section::Captures;
        // The server is ours, too.
        case.cookies = true;
    }
    cases
}

/// Runs the case; says how much tshark read.
fn run(case: &Case, pki: &Pki) -> Res<String> {
    let directory = tempfile::tempdir()?;
    let files = Files::new(directory.path());
    let conversation = converse(case, pki, &files)?;
    if contains(&fs::read(&files.capture)?, WORDS.as_bytes()) {
        return Err("the capture shows the data without any key".into());
    }
    let server = conversation.server;
    let read = capture::read(&files.capture, server, &files.key_log)?;
    let (from_server, from_client): (Vec<_>, Vec<_>) = read
        .into_iter()
        .partition(|(port, _)| *port == server.port());
    for (read, sent) in [
        (from_client, &conversation.from_client),
        (from_server, &conversation.from_server),
    ] {
        let read: Vec<_> = read.into_iter().map(|(_, data)| data).collect();
        if read != *sent {
            let [read, sent] = [&read, sent].map(|messages| messages.concat());
            let [read, sent] = [read, sent].map(|bytes| bytes.escape_ascii().to_string());
            return Err(format!("tshark read {read:?} where {sent:?} was sent").into());
        }
    }
    // The control: tshark finds the connections in this key log, too, but not their secrets.
    let key_log = fs::read_to_string(&files.key_log)?;
    fs::write(&files.wrong, with_other_secrets(&key_log))?;
    if !capture::read(&files.capture, server, &files.wrong)?.is_empty() {
        return Err("tshark reads the data with a wrong key log".into());
    }
    let messages = conversation.from_client.len() + conversation.from_server.len();
    Ok(format!("tshark read {messages} messages"))
}

struct Files {
    capture: PathBuf,
    key_log: PathBuf,
    wrong: PathBuf,
}

impl Files {
    fn new(directory: &Path) -> Files {
        Files {
            capture: directory.join("capture.pcap"),
            key_log: directory.join("secrets.keys"),
            wrong: directory.join("wrong.keys"),
        }
    }
}

/// What was said, by whom.
struct Conversation {
    server: SocketAddr,
    from_client: Vec<Vec<u8>>,
    from_server: Vec<Vec<u8>>,
}

fn converse(case: &Case, pki: &Pki, files: &Files) -> Res<Conversation> {
    let key_log = Arc::new(KeyLogFile::create(&files.key_log)?);
    let (mut client, mut server) = (
        client_builder(case, pki, Arc::default())?,
        server_builder(case, pki, Arc::default())?,
    );
    client = client.retransmission(Retransmission::LOSSY);
    server = server.retransmission(Retransmission::LOSSY);
    match case.ours {
        Role::Client => client = client.key_log(key_log),
        Role::Server => server = server.key_log(key_log),
    }
    let config = Arc::new(client.build()?);
    let listener = DtlsListener::bind("127.0.0.1:0", server.build()?)?;
    let server = listener.local_addr()?;
    let closer = listener.closer();
    let echoes = Arc::new(Mutex::new(Vec::new()));
    let echoed = echoes.clone();
    let serving = thread::spawn(move || listener.serve(move |socket| echo(&socket, &echoed)));

    let capture = Arc::new(Mutex::new(Capture::create(&files.capture)?));
    let (mut from_client, mut paths) = (Vec::new(), Vec::new());
    for (number, seed) in case.paths().into_iter().enumerate() {
        let capture = capture.clone();
        let watcher = move |from, to, datagram: &[u8]| {
            let written = capture.lock().unwrap().write(from, to, datagram);
            written.expect("a capture can be written");
        };
        let path = Proxy::watched(server, seed, Box::new(watcher))?;
        let name = match case.psk {
            true => ServerName::unnamed(),
            false => ServerName::new(NAME)?,
        };
        let socket = DtlsSocket::connect_timeout(&path.address(), name, config.clone(), LIMIT)?;
        if socket.resumed() != (number > 0) {
            return Err(format!("connection {number}: resumed is {}", socket.resumed()).into());
        }
        talk(&socket, &mut from_client)?;
        socket.close(Duration::from_millis(100));
        paths.push(path);
    }
    closer.close();
    serving.join().map_err(|_| "the listener panicked")??;
    // The last echoes pass after the clients have gone.
    drop(paths);
    let from_server = echoes.lock().unwrap().clone();
    Ok(Conversation {
        server,
        from_client,
        from_server,
    })
}

/// Sends messages, each of them another, until enough have come back.
fn talk(socket: &DtlsSocket, sent: &mut Vec<Vec<u8>>) -> Res<()> {
    socket.set_read_timeout(Some(PATIENCE))?;
    let (start, mut answers, mut buf) = (Instant::now(), BTreeSet::new(), [0; 2048]);
    while answers.len() < MESSAGES {
        if start.elapsed() > LIMIT {
            return Err("no data after the handshake".into());
        }
        let message = format!("{WORDS}, {}", sent.len()).into_bytes();
        socket.send(&message)?;
        sent.push(message);
        match socket.recv(&mut buf) {
            Ok(length) => drop(answers.insert(buf[..length].to_vec())),
            Err(Error::ReadTimeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sends everything back, and notes it.
fn echo(socket: &DtlsSocket, echoed: &Mutex<Vec<Vec<u8>>>) -> flightline::Result<()> {
    let mut buf = [0; 2048];
    loop {
        let length = match socket.recv(&mut buf) {
            Ok(length) => length,
            Err(Error::Closed) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut echoed = echoed.lock().unwrap();
        socket.send(&buf[..length])?;
        echoed.push(buf[..length].to_vec());
    }
}

/// The same connections, and the first digit of each secret another.
fn with_other_secrets(key_log: &str) -> String {
    let mut changed = String::new();
    for line in key_log.lines() {
        if let Some((connection, secret)) = line.rsplit_once(' ') {
            let first = if secret.starts_with('0') { '1' } else { '0' };
            changed += &format!("{connection} {first}{}\n", &secret[1..]);
        }
    }
    changed
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

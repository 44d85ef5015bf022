//! `metrics` is scraped as Prometheus does it, and what it says is read as Prometheus reads it.

use crate::Server;
use flightline::{ClientConfig, DtlsSocket, ServerName, ServerTrust};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

/// A `metrics`, with its address, its certificate's fingerprint and the address for scrapes.
fn metrics() -> (Server, String, String, String) {
    let (mut server, address) =
        Server::start("metrics", &["--metrics", "127.0.0.1:0", "--grace", "1"]);
    let fingerprint = server.says("(SHA-256): ");
    let scraped = server.says("metrics at http://");
    let scraped = scraped.strip_suffix("/metrics").unwrap().to_owned();
    (server, address, fingerprint, scraped)
}

/// The whole answer to these bytes.
fn ask(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The samples of a scrape by their names and labels. What the text format 0.0.4 asks for is checked: each
/// metric has one HELP and one TYPE before its samples, counters end in `_total`, and nothing else does.
fn scrape(address: &str) -> HashMap<String, u64> {
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("Content-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    assert!(body.ends_with('\n'));
    let mut kinds = HashMap::new();
    let mut helped = "";
    let mut samples = HashMap::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.'), "{line}");
            helped = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped);
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(kinds.insert(name, kind), None, "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            assert_eq!(name, helped, "{line}");
            assert!(kinds.contains_key(name), "{line}");
            assert!(name.starts_with("flightline_"), "{line}");
            let value = value.parse().unwrap();
            assert_eq!(samples.insert(sample.to_owned(), value), None, "{line}");
        }
    }
    samples
}

/// The samples, once one has this value.
fn scrape_until(address: &str, name: &str, value: u64) -> HashMap<String, u64> {
    let start = Instant::now();
    loop {
        let samples = scrape(address);
        if samples[name] == value {
            return samples;
        }
        assert!(start.elapsed() < LONG, "{name} is not {value}: {samples:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn connect(address: &str, fingerprint: &str) -> DtlsSocket {
    let trust = ServerTrust::pinned([fingerprint.parse().unwrap()]);
    let builder = ClientConfig::builder(trust).read_timeout(LONG);
    DtlsSocket::connect(address, ServerName::unnamed(), builder.build().unwrap()).unwrap()
}

#[test]
fn a_handshake_moves_the_counters_and_a_close_the_gauge() {
    let (mut server, address, fingerprint, scraped) = metrics();
    let before = scrape(&scraped);
    assert!(before.values().all(|value| *value == 0), "{before:?}");

    let socket = connect(&address, &fingerprint);
    socket.send(b"hello").unwrap();
    let mut buf = [0; 16];
    assert_eq!(socket.recv(&mut buf).unwrap(), 5);
    assert_eq!(&buf[..5], b"hello");

    let during = scrape_until(&scraped, "flightline_connections", 1);
    assert_eq!(during["flightline_handshakes"], 0);
    assert_eq!(during["flightline_challenges_sent_total"], 1);
    assert_eq!(during["flightline_handshakes_started_total"], 1);
    assert!(during["flightline_datagrams_received_total"] >= 4);

    let junk = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    junk.send_to(b"junk", &*address).unwrap();
    let unknown = "flightline_datagrams_dropped_total{reason=\"unknown\"}";
    scrape_until(&scraped, unknown, 1);

    drop(socket);
    let after = scrape_until(&scraped, "flightline_connections", 0);
    assert_eq!(after["flightline_handshakes_started_total"], 1);

    // Who is there goes on for a while when the server is stopped, and is told then.
    let socket = connect(&address, &fingerprint);
    scrape_until(&scraped, "flightline_connections", 1);
    server.is_told("quit\n");
    server.says("draining");
    socket.send(b"hello").unwrap();
    assert_eq!(socket.recv(&mut buf).unwrap(), 5);
    let outcome = socket.recv(&mut buf);
    assert!(
        matches!(outcome, Err(flightline::Error::Closed)),
        "{outcome:?}"
    );
    assert!(server.ends().success());
}

#[test]
fn what_is_no_scrape_is_refused_and_keeps_nobody() {
    let (_server, _, _, scraped) = metrics();
    let many_headers = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65));
    // As much as is read, and no end in it.
    let endless = [&b"GET /"[..], &[b'a'; 8192 - 5]].concat();
    let cases: [(&[u8], &str); 7] = [
        (b"GET / HTTP/1.1\r\n\r\n", "404"),
        (b"GET /metrics?x HTTP/1.1\r\n\r\n", "404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "404"),
        (b"", "400"),
        (b"\0\x01\x02", "400"),
        (many_headers.as_bytes(), "400"),
        (&endless, "400"),
    ];
    for (request, status) in cases {
        let answer = ask(&scraped, request);
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{request:?}: {answer}");
    }
    // One that asks nothing holds the others up for two seconds at most.
    let _silent = TcpStream::connect(&scraped).unwrap();
    scrape(&scraped);
}

//! A DTLS echo server that can be watched and stopped: its listener's counters are there for Prometheus, over
//! HTTP; what goes wrong with clients is printed; and a line `quit` on its standard input ends it.
//!
//! HTTP is for a scraper in the same house: one request a connection, one connection at a time, on an
//! address of its own that the Internet should not reach.

#[path = "shared/echo.rs"]
mod echo;
#[path = "shared/server.rs"]
mod server;
mod shared;

use clap::Parser;
use flightline::Closer;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use server::{ServerOptions, say};
use shared::Outcome;
use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// A DTLS server that sends every message back and tells Prometheus how it is.
#[derive(Parser, Debug)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:4433")]
    address: SocketAddr,
    /// Where to serve /metrics over HTTP
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9433")]
    metrics: SocketAddr,
    /// How long clients may go on after the word `quit`, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    #[command(flatten)]
    server: ServerOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.server.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let (listener, _) = options.server.listen(options.address)?;
    // `serve` takes the listener; this stays, for the counters and for the end.
    let closer = listener.closer();
    let scraped = TcpListener::bind(options.metrics)
        .map_err(|error| server::cannot_listen(options.metrics, error))?;
    say(format!(
        "metrics at http://{}/metrics",
        scraped.local_addr()?
    ));
    let mut registry = Registry::with_prefix("flightline");
    registry.register_collector(Box::new(Stats(closer.clone())));
    thread::spawn(move || serve_metrics(&scraped, &registry));
    let grace = Duration::from_secs(options.grace);
    thread::spawn(move || drain_on_command(&closer, grace));
    server::serve(listener, echo::echo)
}

/// Ends the server at the word of whoever runs it; a daemon would wait for a signal here. The end of the input
/// is no such word. Whoever is connected has a while to finish, and is told then.
fn drain_on_command(closer: &Closer, grace: Duration) {
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    if lines.any(|line| line.trim() == "quit") {
        say(format!(
            "draining: nobody new is let in, and who is there has {grace:?}"
        ));
        closer.drain(grace);
    }
}

/// A listener's counters, read anew for each scrape.
#[derive(Debug)]
struct Stats(Closer);

/// Fields of the same names, each with its name and what it means.
macro_rules! fields {
    ($stats:ident: $($name:ident $help:literal)*) => {
        [$((stringify!($name), $help, $stats.$name)),*]
    };
}

impl Collector for Stats {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let stats = self.0.stats();
        let gauges = fields! { stats:
            connections "Connections that are established."
            handshakes "Handshakes in progress."
        };
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        }
        // The encoder appends `_total`.
        let counters = fields! { stats:
            datagrams_received "Datagrams received."
            challenges_sent "Hellos answered with a cookie."
            handshakes_started "Handshakes begun by clients that have proven their address."
            connections_replaced "Connections whose client began anew from the same address."
            connections_idle "Connections ended since nothing came from their client for too long."
            worker_panics "Handlers that panicked."
            threads_failed "Clients turned away since no thread could be started."
            socket_errors "Errors of the listener's socket."
        };
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)?;
        }
        let refused = [
            ("connections", stats.refused_connections),
            ("handshakes", stats.refused_handshakes),
            (
                "handshakes_per_address",
                stats.refused_handshakes_per_address,
            ),
            ("backlog", stats.refused_backlog),
            ("draining", stats.refused_draining),
        ];
        let help = "Verified clients turned away, by the bound that was reached.";
        family(&mut encoder, "clients_refused", help, &refused)?;
        let dropped = [
            ("unknown", stats.dropped_unknown),
            ("hello", stats.dropped_hellos),
            ("inbox_full", stats.dropped_inbox_full),
            ("truncated", stats.dropped_truncated),
        ];
        let help = "Datagrams dropped before any connection saw them, by reason.";
        family(&mut encoder, "datagrams_dropped", help, &dropped)
    }
}

/// One counter with a value for each reason.
fn family(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: &[(&str, u64)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (reason, value) in values {
        let labels = [("reason", *reason)];
        ConstCounter::new(*value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// Answers scrapes, one at a time.
fn serve_metrics(listener: &TcpListener, registry: &Registry) {
    for stream in listener.incoming() {
        let answered = stream.and_then(|stream| answer(stream, registry));
        if let Err(error) = answered {
            log::debug!("a scrape failed: {error}");
            // Without descriptors `accept` fails at once, and again.
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The longest head of a request that is read.
const LONGEST_HEAD: usize = 8 * 1024;

/// How long a scraper may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

fn answer(mut stream: TcpStream, registry: &Registry) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let (status, kind, body) = match read_request(&mut stream)?.as_deref() {
        Some("GET /metrics") => {
            let mut text = String::new();
            prometheus_text::encode(&mut text, registry).map_err(io::Error::other)?;
            ("200 OK", prometheus_text::CONTENT_TYPE, text)
        }
        Some(_) => {
            let text = "what there is here is GET /metrics\n".to_owned();
            ("404 Not Found", "text/plain", text)
        }
        None => ("400 Bad Request", "text/plain", String::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Method and path of a request; `None` if it is none.
fn read_request(stream: &mut TcpStream) -> io::Result<Option<String>> {
    let start = Instant::now();
    let mut head = Vec::new();
    let mut buf = [0; 1024];
    while head.len() < LONGEST_HEAD {
        // A scraper that sends a byte now and then must not keep the others for longer.
        let left = PATIENCE.saturating_sub(start.elapsed());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let length = stream.read(&mut buf)?;
        if length == 0 || left.is_zero() {
            break;
        }
        head.extend_from_slice(buf.get(..length).unwrap_or_default());
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(_)) => {
                let (method, path) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
                return Ok(Some(format!("{method} {path}")));
            }
            Err(_) => break,
        }
    }
    Ok(None)
}

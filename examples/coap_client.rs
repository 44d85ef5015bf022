//! A CoAP client over DTLS (`coaps`, RFC 7252 §9): makes one request and prints what it is answered.
//!
//!     cargo run --release --example coap_client -- 127.0.0.1:5684 /echo -m post -e hello --pin ...
//!
//! Sections are those of RFC 7252.

#[path = "shared/client.rs"]
mod client;
#[path = "shared/coap.rs"]
mod coap;
mod shared;

use clap::{Parser, ValueEnum};
use client::ClientOptions;
use coap::Content;
use coap_lite::{CoapRequest, MessageType, Packet, RequestType};
use flightline::{DtlsSocket, Error};
use shared::Outcome;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Makes a CoAP request over DTLS and prints what it is answered.
#[derive(Parser, Debug)]
struct Options {
    /// The server: host and port
    #[arg(default_value = "127.0.0.1:5684")]
    address: String,
    /// The path of the resource
    #[arg(default_value = "/.well-known/core")]
    path: String,
    /// What to do with it
    #[arg(short, long, value_enum, default_value = "get")]
    method: Method,
    /// What to send
    #[arg(short = 'e', long, value_name = "TEXT", default_value = "")]
    payload: String,
    /// Send the request once, Non-confirmable
    #[arg(short, long)]
    non_confirmable: bool,
    /// How long to wait at first before the request is sent again, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    ack_timeout: u64,
    #[command(flatten)]
    client: ClientOptions,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Method {
    Get,
    Post,
    Put,
    Delete,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.client.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let socket = options.client.connect(&options.address)?;
    let request = request(options);
    let ack_timeout = Duration::from_millis(options.ack_timeout);
    let exchange = Exchange {
        socket: &socket,
        request: &request,
        waits: Waits::new(request.header.get_type(), ack_timeout),
    };
    let answer = exchange.complete()?;
    socket.close(Duration::from_secs(1));
    let code = answer.header.code;
    // §5.9.2, §5.9.3: errors of the client and of the server. §5.5.2: their payload is for people.
    if matches!(coap::class(code), 4 | 5) {
        let why = String::from_utf8_lossy(&answer.payload);
        let colon = if why.is_empty() { "" } else { ": " };
        return Err(format!("{}{colon}{why}", coap::name(code)).into());
    }
    eprintln!("{}", coap::name(code));
    io::stdout().write_all(&answer.payload)?;
    Ok(())
}

fn request(options: &Options) -> Packet {
    let mut request: CoapRequest<()> = CoapRequest::new();
    request.set_method(match options.method {
        Method::Get => RequestType::Get,
        Method::Post => RequestType::Post,
        Method::Put => RequestType::Put,
        Method::Delete => RequestType::Delete,
    });
    // §6.4: the root is no segment, where `coap-lite` would make an empty one.
    if options.path != "/" {
        request.set_path(&options.path);
    }
    let mut request = request.message;
    request.payload = options.payload.clone().into_bytes();
    request.header.set_type(if options.non_confirmable {
        MessageType::NonConfirmable
    } else {
        MessageType::Confirmable
    });
    // §4.4, §5.3.1: by the one an Acknowledgement, by the other an answer finds its request.
    request.header.message_id = rand::random();
    request.set_token(rand::random::<[u8; 4]>().to_vec());
    request
}

/// §4.8: by what to stretch the first wait, at random, and how often to send again.
const ACK_RANDOM_FACTOR: f64 = 1.5;
const MAX_RETRANSMIT: u32 = 4;

/// How long to wait.
struct Waits {
    /// For an Acknowledgement, after each time that the request was sent.
    after_each: Vec<Duration>,
    /// For an answer, once the request was acknowledged.
    acknowledged: Duration,
}

impl Waits {
    fn new(kind: MessageType, ack_timeout: Duration) -> Waits {
        // §4.2: each wait is twice the one before.
        let doubled = |first: Duration| {
            (0..=MAX_RETRANSMIT).map(move |times| first.saturating_mul(1 << times))
        };
        // §4.8.2: MAX_TRANSMIT_WAIT, when all of them are over. It will do for the rest, too.
        let all = doubled(ack_timeout.mul_f64(ACK_RANDOM_FACTOR)).sum();
        let first = ack_timeout.mul_f64(rand::random_range(1.0..ACK_RANDOM_FACTOR));
        Waits {
            after_each: match kind {
                MessageType::Confirmable => doubled(first).collect(),
                _ => vec![all],
            },
            acknowledged: all,
        }
    }
}

/// A request on its way to its answer.
struct Exchange<'a> {
    socket: &'a DtlsSocket,
    request: &'a Packet,
    waits: Waits,
}

impl Exchange<'_> {
    /// Sends the request, again if need be, until it is answered.
    fn complete(&self) -> Outcome<Packet> {
        for wait in &self.waits.after_each {
            self.send(self.request)?;
            if let Some(answer) = self.hear(*wait)? {
                return Ok(answer);
            }
        }
        Err("the server does not answer the request".into())
    }

    /// Waits for the answer. If the request was acknowledged and no answer came, there is no use in
    /// sending it again.
    fn hear(&self, mut wait: Duration) -> Outcome<Option<Packet>> {
        let (start, mut acknowledged) = (Instant::now(), false);
        let mut buf = vec![0; 65_536];
        loop {
            let left = wait.saturating_sub(start.elapsed());
            if left.is_zero() && acknowledged {
                return Err("the server acknowledged the request, but does not answer it".into());
            }
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let datagram = match self.socket.recv(&mut buf) {
                Ok(length) => buf.get(..length).unwrap_or_default(),
                Err(Error::ReadTimeout) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some((content, message)) = coap::read(datagram) else {
                continue;
            };
            let kind = message.header.get_type();
            let to_request = message.header.message_id == self.request.header.message_id;
            match (content, kind) {
                // §5.3.2: an answer has the request's token, in an Acknowledgement its Message ID too.
                (Content::Response, _)
                    if message.get_token() == self.request.get_token()
                        && (to_request || kind != MessageType::Acknowledgement) =>
                {
                    return self.take(message).map(Some);
                }
                (Content::Empty, MessageType::Acknowledgement) if to_request => {
                    acknowledged = true;
                    wait = start.elapsed().saturating_add(self.waits.acknowledged);
                }
                (Content::Empty, MessageType::Reset) if to_request => {
                    return Err("the server rejected the request".into());
                }
                _ => {
                    if let Some(rejection) = coap::rejection(&message) {
                        self.send(&rejection)?;
                    }
                }
            }
        }
    }

    /// Takes the answer, and acknowledges it if it came in a message of its own (§5.2.2).
    fn take(&self, answer: Packet) -> Outcome<Packet> {
        let header = &answer.header;
        // §5.4.1
        if let Some(option) = coap::bad_option(&answer, &[]) {
            if let Some(rejection) = coap::rejection(&answer) {
                self.send(&rejection)?;
            }
            return Err(format!("the answer needs {option:?} to be understood").into());
        }
        if header.get_type() == MessageType::Confirmable {
            self.send(&coap::empty(
                MessageType::Acknowledgement,
                header.message_id,
            ))?;
        }
        Ok(answer)
    }

    fn send(&self, message: &Packet) -> Outcome<()> {
        self.socket.send(&message.to_bytes_unlimited()?)?;
        Ok(())
    }
}

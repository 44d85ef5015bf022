//! CoAP over DTLS: `coap-client` and `coap-server` of libcoap, with OpenSSL and with GnuTLS under them,
//! and the two programs among our examples. All of them run as they are.

mod programs;
mod requests;

use crate::Res;
use crate::case::{Case, Role, Wrong};
use crate::feature::{Feature, Lack};
use crate::matrix;
use crate::peers::Conversation;
use crate::peers::tool::Tool;
use crate::pki::{Kind, Pki};
use crate::proxy::Proxy;
use crate::trial::{Attempts, Counterpart, Trial};
use programs::{coap_client, coap_server, our_client, our_server};
use requests::{Request, requests};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// libcoap as Debian builds it. Its programs are named after the library under them.
struct LibCoap {
    name: &'static str,
    flavour: &'static str,
    lacks: &'static [Lack],
    /// How often a request may be made on a bad path, until one comes through.
    requests: Attempts,
}

const UNCONFIRMED: Lack = Lack::both(
    &[Feature::LossOfUnconfirmed],
    "a Non-confirmable request is not repeated, nor its answer (RFC 7252 §4.3): what is lost is lost",
);

static LIBCOAPS: [LibCoap; 2] = [
    LibCoap {
        name: "libcoap with OpenSSL",
        flavour: "openssl",
        lacks: &[
            Lack::server(
                &[Feature::ServerCertificate(Kind::Ed25519)],
                "OpenSSL's server finds no suite for such a key in DTLS 1.2",
            ),
            UNCONFIRMED,
        ],
        requests: Attempts {
            most: 6,
            why: "a Confirmable request is sent five times (RFC 7252 §4.2), a handshake with delays that double from a second on",
        },
    },
    LibCoap {
        name: "libcoap with GnuTLS",
        flavour: "gnutls",
        lacks: &[UNCONFIRMED],
        // With a fifth of all datagrams lost that is every other one, and more of them with itself as the peer.
        requests: Attempts {
            most: 16,
            why: "gives up a handshake after its fifth timeout of about a second",
        },
    },
];

/// How long a request and its handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn counterparts() -> Res<Vec<Counterpart>> {
    let counterpart = |libcoap: &LibCoap| {
        let program = format!("coap-client-{}", libcoap.flavour);
        // Without a URI it tells how it is called, and its version in the first line.
        let output = Command::new(&program)
            .output()
            .map_err(|error| format!("{program} cannot be run, install it: {error}"))?;
        let usage = String::from_utf8_lossy(&output.stderr).into_owned();
        let version = usage.lines().find(|line| line.contains(" v"));
        Ok(Counterpart {
            name: libcoap.name,
            version: version.unwrap_or_default().into(),
            lacks: libcoap.lacks,
            attempts: libcoap.requests,
        })
    };
    LIBCOAPS.iter().map(counterpart).collect()
}

/// Every request on a good path, then again on a bad one if it ought to be answered there.
pub fn trials(counterparts: &[Counterpart], seed: u64) -> Vec<Trial<'_>> {
    let good = [Role::Client, Role::Server].map(requests).concat();
    let bad = good.iter().zip(seed..).flat_map(|((case, request), seed)| {
        let cases = matrix::on_bad_paths(std::slice::from_ref(case), seed);
        cases.into_iter().map(|case| (case, *request))
    });
    let requests = [good.clone(), bad.collect()].concat();
    let pairs = LIBCOAPS.iter().flat_map(|libcoap| {
        let mut with = counterparts.iter();
        let with = with.find(|with| with.name == libcoap.name);
        with.map(|with| (libcoap, with))
    });
    let trials = pairs.flat_map(|(libcoap, with)| {
        requests.iter().map(move |(case, request)| {
            let request = *request;
            Trial {
                with,
                case: case.clone(),
                run: Box::new(move |case, pki| run(case, request, libcoap, pki)),
            }
        })
    });
    trials.collect()
}

/// Runs one request; says how it was answered.
fn run(case: &Case, request: Request, libcoap: &LibCoap, pki: &Pki) -> Res<String> {
    let (server, address) = match case.ours {
        Role::Client => coap_server(case, libcoap.flavour, pki)?,
        Role::Server => our_server(case, pki)?,
    };
    let requests = case.seed.map_or(1, |_| libcoap.requests.most);
    let mut told = String::new();
    for number in 1..=requests {
        // Each on a path of its own: what is left of one must not come to the next.
        let seed = case
            .seed
            .zip(u64::try_from(number).ok())
            .map(|(seed, number)| seed.wrapping_mul(31).wrapping_add(number));
        let path = seed.map(|seed| Proxy::start(address, seed)).transpose()?;
        let to = path.as_ref().map_or(address, Proxy::address);
        let client = match case.ours {
            Role::Client => our_client(case, request, to, pki)?,
            Role::Server => coap_client(case, request, to, libcoap.flavour, pki)?,
        };
        told = finish(client);
        let answered = told.lines().any(|line| line.starts_with(request.answer));
        match (answered, case.succeeds()) {
            (true, true) => return Ok(format!("request {number}")),
            (true, false) => return Err("the request was answered and must not".into()),
            (false, false) if reasons(case).iter().any(|reason| told.contains(reason)) => {
                return Ok(format!("as it must: {}", in_a_line(&told)));
            }
            (false, _) => {}
        }
    }
    let [told, server] = [told, server.heard() + &server.errors()].map(|text| in_a_line(&text));
    Err(format!("the client: {told}; the server: {server}").into())
}

/// What a client says of which the case must fail.
fn reasons(case: &Case) -> &'static [&'static str] {
    match case.wrong {
        Wrong::Psk => &[
            "the handshake did not end",
            "the peer gave up",
            "decrypt error",
            "Decrypt error",
        ],
        Wrong::Authority => &[
            "it was not issued by a trusted authority",
            "unable to get local issuer certificate",
            "CA is unknown",
        ],
        _ => &["the peer gave up", "handshake failure", "Handshake failed"],
    }
}

/// What a client said, on both its outputs, until it ended or was too long about it.
fn finish(mut client: Tool) -> String {
    let start = Instant::now();
    while client.ended().is_none() && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    // What it wrote last may still be on its way.
    thread::sleep(Duration::from_millis(50));
    // One line for each error, with what our client puts before it left out.
    let errors = client.errors().replace("error: ", "");
    format!("{}\n{errors}", client.heard())
}

fn in_a_line(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join(" | ")
}

//! CoAP over DTLS: `coap-client` and `coap-server` of libcoap, with OpenSSL and with GnuTLS under them,
//! and the two programs among our examples. All of them run as they are.

use crate::Res;
use crate::case::{Case, ClientAuth, Role, Section, Wrong};
use crate::feature::{Feature, Lack};
use crate::matrix;
use crate::ours::{PSK, PSK_IDENTITY, WRONG_PSK};
use crate::peers::Conversation;
use crate::peers::tool::{Speech, Tool, files, hex, strings};
use crate::pki::{Kind, NAME, Pki};
use crate::proxy::Proxy;
use crate::trial::{Counterpart, Trial};
use flightline::CipherSuite;
use std::env;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// libcoap as Debian builds it. Its programs are named after the library under them.
struct LibCoap {
    name: &'static str,
    library: &'static str,
    lacks: &'static [Lack],
    /// How often a request may be made on a bad path, until one comes through.
    requests: u64,
}

static LIBCOAPS: [LibCoap; 2] = [
    LibCoap {
        name: "libcoap with OpenSSL",
        library: "openssl",
        lacks: &[Lack::server(
            &[Feature::ServerCertificate(Kind::Ed25519)],
            "OpenSSL's server finds no suite for such a key in DTLS 1.2",
        )],
        requests: 6,
    },
    LibCoap {
        name: "libcoap with GnuTLS",
        library: "gnutls",
        lacks: &[],
        // It gives up a handshake after its fifth timeout of about a second: with a fifth of all datagrams lost
        // every other one, and more of them with itself as the peer.
        requests: 16,
    },
];

/// How long a request and its handshake may take.
const PATIENCE: Duration = Duration::from_secs(90);

pub fn counterparts() -> Res<Vec<Counterpart>> {
    let counterpart = |libcoap: &LibCoap| {
        let program = format!("coap-client-{}", libcoap.library);
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
        })
    };
    LIBCOAPS.iter().map(counterpart).collect()
}

/// A request, as the program of either side makes it.
#[derive(Clone, Copy)]
struct Request {
    method: &'static str,
    path: &'static str,
    payload: &'static str,
    /// Options of the program that makes it.
    options: &'static [&'static str],
    /// The answer, or what begins it.
    answer: &'static str,
}

/// The option of either program by which it sends a Non-confirmable request.
const NON_CONFIRMABLE: [&str; 2] = ["-N", "-n"];

impl Request {
    fn confirmable(&self) -> bool {
        let mut options = self.options.iter();
        !options.any(|option| NON_CONFIRMABLE.contains(option))
    }
}

/// Every request on a good path, then again on a bad one if it ought to be answered there.
pub fn trials(counterparts: &[Counterpart], seed: u64) -> Vec<Trial<'_>> {
    let good = [Role::Client, Role::Server].map(requests).concat();
    // A Non-confirmable request that is lost is lost.
    let confirmable = good.iter().filter(|(_, request)| request.confirmable());
    let bad = confirmable.zip(seed..).flat_map(|((case, request), seed)| {
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

fn requests(ours: Role) -> Vec<(Case, Request)> {
    let plain = Case {
        section: Section::Coap,
        ..matrix::plain(ours)
    };
    let psk = Case {
        suite: Some(CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256),
        ..plain.clone()
    };
    let named = |name: &str, case: &Case| Case {
        name: name.to_owned(),
        ..case.clone()
    };
    // What the server of either side has.
    let (post, get) = match ours {
        Role::Server => (
            Request {
                method: "post",
                path: "/echo",
                payload: "hello",
                options: &[],
                answer: "hello",
            },
            Request {
                method: "get",
                path: "/.well-known/core",
                payload: "",
                options: &[],
                answer: "</echo>,</peer>;ct=0",
            },
        ),
        Role::Client => (
            Request {
                method: "put",
                path: "/example_data",
                payload: "hello",
                options: &[],
                answer: "hello",
            },
            Request {
                method: "get",
                path: "/",
                payload: "",
                options: &[],
                answer: "This is a test server made with libcoap",
            },
        ),
    };
    let mut requests = vec![
        (named("pre-shared key, with a payload", &psk), post),
        (named("pre-shared key, without", &psk), get),
    ];
    for kind in Kind::ALL {
        let server = Case {
            kind,
            ..named(&format!("server {kind}"), &plain)
        };
        let both = Case {
            name: format!("both {kind}"),
            client_auth: ClientAuth::Required(kind),
            ..server.clone()
        };
        // Our server tells who the client is.
        let of_both = match ours {
            Role::Client => get,
            Role::Server => Request {
                path: "/peer",
                answer: "certificate ",
                ..get
            },
        };
        requests.extend([(server, post), (both, of_both)]);
    }
    let non_confirmable = match ours {
        Role::Server => &NON_CONFIRMABLE[..1],
        Role::Client => &NON_CONFIRMABLE[1..],
    };
    let of = |name: &str, request: Request| (named(name, &psk), request);
    requests.extend([
        of(
            "Non-confirmable",
            Request {
                options: non_confirmable,
                ..post
            },
        ),
        of(
            "unknown path",
            Request {
                path: "/nowhere",
                answer: "4.04",
                ..get
            },
        ),
        of(
            "method that is not allowed",
            Request {
                method: "delete",
                answer: "4.05",
                ..get
            },
        ),
    ]);
    requests.push(match ours {
        Role::Server => of(
            "critical option that is unknown",
            Request {
                options: &["-O", "65001,x"],
                answer: "4.02",
                ..post
            },
        ),
        Role::Client => of(
            "answer that comes later",
            Request {
                path: "/async",
                answer: "done",
                ..get
            },
        ),
    });
    let wrong = |name: &str, wrong: Wrong, case: &Case| Case {
        wrong,
        ..named(name, case)
    };
    let without_certificate = Case {
        client_auth: ClientAuth::RequiredWithout,
        ..named("no client certificate", &plain)
    };
    requests.extend([
        (wrong("wrong pre-shared key", Wrong::Psk, &psk), post),
        (wrong("wrong authority", Wrong::Authority, &plain), post),
        (without_certificate, post),
    ]);
    requests
}

/// Runs one request; says how it was answered.
fn run(case: &Case, request: Request, libcoap: &LibCoap, pki: &Pki) -> Res<String> {
    let (server, address) = match case.ours {
        Role::Client => coap_server(case, libcoap, pki)?,
        Role::Server => our_server(case, pki)?,
    };
    let requests = case.seed.map_or(1, |_| libcoap.requests);
    let mut told = String::new();
    for number in 1..=requests {
        // Each on a path of its own: what is left of one must not come to the next.
        let seed = case
            .seed
            .map(|seed| seed.wrapping_mul(31).wrapping_add(number));
        let path = seed.map(|seed| Proxy::start(address, seed)).transpose()?;
        let to = path.as_ref().map_or(address, Proxy::address);
        let client = match case.ours {
            Role::Client => our_client(case, request, to, pki)?,
            Role::Server => coap_client(case, request, to, libcoap, pki)?,
        };
        told = finish(client)?;
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

/// What a client said, on both its outputs, until it ended.
fn finish(mut client: Tool) -> Res<String> {
    let start = Instant::now();
    while client.ended().is_none() {
        if start.elapsed() > PATIENCE {
            return Err(format!("no end: {}", in_a_line(&client.errors())).into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    // What it wrote last may still be on its way.
    thread::sleep(Duration::from_millis(50));
    // One line for each error, with what our client puts before it left out.
    let errors = client.errors().replace("error: ", "");
    Ok(format!("{}\n{errors}", client.heard()))
}

fn in_a_line(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.collect::<Vec<_>>().join(" | ")
}

// Ours.

static PROGRAMS: LazyLock<Result<PathBuf, String>> = LazyLock::new(build);

/// Builds our programs; where they are.
fn build() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release"])
        .args(["--example", "coap_server", "--example", "coap_client"])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .status();
    match status {
        Ok(status) if status.success() => {
            let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
            let target = target.unwrap_or_else(|| root.join("target"));
            Ok(target.join("release/examples"))
        }
        Ok(_) => Err("our programs do not build".into()),
        Err(error) => Err(format!("cargo cannot be run: {error}")),
    }
}

fn start_ours(name: &str, arguments: &[String]) -> Res<Tool> {
    let directory = PROGRAMS.as_ref().map_err(String::as_str)?;
    Tool::start(&directory.join(name).to_string_lossy(), arguments, SPEECH)
}

const SPEECH: Speech = Speech {
    data_only: false,
    complaints: &[],
    srtp: |_| None,
};

fn our_server(case: &Case, pki: &Pki) -> Res<(Tool, SocketAddr)> {
    let mut arguments = of_ours(case);
    arguments.push("127.0.0.1:0".into());
    if !case.uses_psk() {
        let name = case.kind.name();
        files(
            &mut arguments,
            [("--cert", pki.certificate(name)), ("--key", pki.key(name))],
        );
    }
    if case.client_auth != ClientAuth::None {
        files(&mut arguments, [("--client-ca", pki.ca())]);
    }
    let server = start_ours("coap_server", &arguments)?;
    let start = Instant::now();
    loop {
        let heard = server.heard();
        let address = heard
            .lines()
            .find_map(|line| line.strip_prefix("listening on "));
        if let Some(address) = address {
            return Ok((server, address.parse()?));
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("our server does not listen: {}", server.errors()).into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn our_client(case: &Case, request: Request, to: SocketAddr, pki: &Pki) -> Res<Tool> {
    let mut arguments = vec![to.to_string(), request.path.into()];
    arguments.extend(strings(["-m", request.method, "-e", request.payload]));
    arguments.extend(strings(["--ack-timeout", "500"]));
    arguments.extend(request.options.iter().map(|option| (*option).to_owned()));
    arguments.extend(of_ours(case));
    if !case.uses_psk() {
        let authority = pki.certificate(case.trusted_by_client());
        files(&mut arguments, [("--ca", authority)]);
        arguments.extend(strings(["--name", NAME]));
    }
    if let Some(name) = case.client_certificate() {
        files(
            &mut arguments,
            [("--cert", pki.certificate(name)), ("--key", pki.key(name))],
        );
    }
    start_ours("coap_client", &arguments)
}

fn of_ours(case: &Case) -> Vec<String> {
    // Not longer than a peer takes that gives up, or than a case that must fail.
    let mut arguments = strings(["--handshake-min", "250", "--handshake-max", "8000"]);
    if case.uses_psk() {
        let key = match case.wrong {
            Wrong::Psk => WRONG_PSK,
            _ => PSK,
        };
        arguments.extend(strings([
            "--psk-identity",
            PSK_IDENTITY,
            "--psk",
            &hex(&key),
        ]));
    }
    arguments
}

// libcoap's.

fn coap_server(case: &Case, libcoap: &LibCoap, pki: &Pki) -> Res<(Tool, SocketAddr)> {
    let (port, address) = two_ports()?;
    let mut arguments = strings(["-A", "127.0.0.1", "-p", &port.to_string(), "-e"]);
    if case.uses_psk() {
        arguments.extend(strings(["-k", &key()]));
    } else {
        let name = case.kind.name();
        files(
            &mut arguments,
            [("-c", pki.certificate(name)), ("-j", pki.key(name))],
        );
    }
    match case.client_auth {
        ClientAuth::None => arguments.push("-n".into()),
        _ => files(&mut arguments, [("-C", pki.ca())]),
    }
    let server = Tool::start(
        &format!("coap-server-{}", libcoap.library),
        &arguments,
        SPEECH,
    )?;
    // It says nothing when it is ready. Our client sends its first hello again after a quarter of a second.
    Ok((server, address))
}

/// A port that is free, and whose next is free; that one is for DTLS.
fn two_ports() -> Res<(u16, SocketAddr)> {
    loop {
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let next = SocketAddr::from(([127, 0, 0, 1], port.wrapping_add(1)));
        if UdpSocket::bind(next).is_ok() {
            return Ok((port, next));
        }
    }
}

fn coap_client(
    case: &Case,
    request: Request,
    to: SocketAddr,
    libcoap: &LibCoap,
    pki: &Pki,
) -> Res<Tool> {
    let mut arguments = strings(["-m", request.method]);
    if !request.payload.is_empty() {
        arguments.extend(strings(["-e", request.payload]));
    }
    arguments.extend(request.options.iter().map(|option| (*option).to_owned()));
    if case.uses_psk() {
        arguments.extend(strings(["-u", PSK_IDENTITY, "-k", &key()]));
    } else {
        let authority = pki.certificate(case.trusted_by_client());
        files(&mut arguments, [("-R", authority)]);
    }
    if let Some(name) = case.client_certificate() {
        files(
            &mut arguments,
            [("-c", pki.certificate(name)), ("-j", pki.key(name))],
        );
    }
    arguments.push(format!("coaps://{to}{}", request.path));
    Tool::start(
        &format!("coap-client-{}", libcoap.library),
        &arguments,
        SPEECH,
    )
}

/// libcoap's programs want the key as text.
fn key() -> String {
    String::from_utf8_lossy(&PSK).into_owned()
}

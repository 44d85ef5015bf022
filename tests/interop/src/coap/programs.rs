//! The programs of either side, as a case wants them to be started.

use super::PATIENCE;
use super::requests::Request;
use crate::Res;
use crate::case::{Case, ClientAuth, Wrong};
use crate::ours::{PSK, PSK_IDENTITY, WRONG_PSK};
use crate::peers::Conversation;
use crate::peers::tool::{Speech, Tool, files, hex, strings};
use crate::pki::{NAME, Pki};
use std::env;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

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
    exported: "exports nothing",
    resumed: None,
};

pub fn our_server(case: &Case, pki: &Pki) -> Res<(Tool, SocketAddr)> {
    let mut arguments = of_ours(case);
    arguments.push("127.0.0.1:0".into());
    if !case.psk {
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

pub fn our_client(case: &Case, request: Request, to: SocketAddr, pki: &Pki) -> Res<Tool> {
    let mut arguments = vec![to.to_string(), request.path.into()];
    arguments.extend(strings(["-m", request.method, "-e", request.payload]));
    arguments.extend(strings(["--ack-timeout", "500"]));
    arguments.extend(request.options.iter().map(|option| (*option).to_owned()));
    arguments.extend(of_ours(case));
    if !case.psk {
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
    if case.psk {
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

pub fn coap_server(case: &Case, library: &str, pki: &Pki) -> Res<(Tool, SocketAddr)> {
    let (port, address) = two_ports()?;
    let mut arguments = strings(["-A", "127.0.0.1", "-p", &port.to_string(), "-e"]);
    if case.psk {
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
    let server = Tool::start(&format!("coap-server-{library}"), &arguments, SPEECH)?;
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

pub fn coap_client(
    case: &Case,
    request: Request,
    to: SocketAddr,
    library: &str,
    pki: &Pki,
) -> Res<Tool> {
    let mut arguments = strings(["-m", request.method]);
    if !request.payload.is_empty() {
        arguments.extend(strings(["-e", request.payload]));
    }
    arguments.extend(request.options.iter().map(|option| (*option).to_owned()));
    if case.psk {
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
    Tool::start(&format!("coap-client-{library}"), &arguments, SPEECH)
}

/// libcoap's programs want the key as text.
fn key() -> String {
    String::from_utf8_lossy(&PSK).into_owned()
}

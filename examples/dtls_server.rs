//! A DTLS echo server. Without arguments it listens on 127.0.0.1:4433 with a certificate made at
//! start, and prints commands with which to talk to it.

#[path = "shared/echo.rs"]
mod echo;
#[path = "shared/server.rs"]
mod server;
mod shared;

use clap::Parser;
use server::ServerOptions;
use shared::Outcome;
use std::net::SocketAddr;
use std::process::ExitCode;

/// A DTLS server that sends every message back.
#[derive(Parser, Debug)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:4433")]
    address: SocketAddr,
    #[command(flatten)]
    server: ServerOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.server.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let (listener, fingerprint) = options.server.listen(options.address)?;
    let address = listener.local_addr()?;
    let (host, port) = (address.ip(), address.port());
    if let Some(fingerprint) = fingerprint {
        println!(
            "
talk to it (the last two do not check the certificate):
    cargo run --release --example dtls_client -- {address} --pin {fingerprint}
    openssl s_client -dtls1_2 -connect {address}
    gnutls-cli --udp --insecure -p {port} {host}"
        );
    }
    if let Some((name, key)) = options.server.shared.psk_arguments() {
        println!(
            "
talk to it by the pre-shared key {name:?}:
    cargo run --release --example dtls_client -- {address} --psk-identity {name} --psk {key}
    openssl s_client -dtls1_2 -connect {address} -psk_identity {name} -psk {key}
    gnutls-cli --udp --priority NORMAL:-KX-ALL:+ECDHE-PSK:+PSK --pskusername {name} --pskkey {key} -p {port} {host}"
        );
    }
    server::serve(listener, echo::echo)
}

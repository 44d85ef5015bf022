//! A DTLS echo server. Without arguments it listens on 127.0.0.1:4433 with a certificate made at
//! start, and prints commands with which to talk to it.

#[path = "shared/commands.rs"]
mod commands;
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
    let server = &options.server;
    let address = commands::from_here(listener.local_addr()?);
    let (host, port) = (address.ip(), address.port());
    if let Some(fingerprint) = fingerprint {
        let [ours, openssl, gnutls] = [
            " --cert CLIENT.pem --key CLIENT.key",
            " -cert CLIENT.pem -key CLIENT.key",
            " --x509certfile CLIENT.pem --x509keyfile CLIENT.key",
        ]
        .map(|arguments| commands::where_demanded(server, arguments));
        commands::print(
            server,
            "talk to it (of these only the first checks the certificate)",
            &format!("dtls_client -- {address} --pin {fingerprint}{ours}"),
            &[
                format!("openssl s_client -dtls1_2 -connect {address}{openssl}"),
                format!("gnutls-cli --udp --insecure{gnutls} -p {port} {host}"),
            ],
        );
    }
    if let Some((name, key)) = server.shared.psk_arguments() {
        let gnutls = "--priority NORMAL:-KX-ALL:+ECDHE-PSK:+PSK";
        commands::print(
            server,
            &format!("talk to it by the pre-shared key {name:?}"),
            &format!("dtls_client -- {address} --psk-identity {name} --psk {key}"),
            &[
                format!(
                    "openssl s_client -dtls1_2 -connect {address} -psk_identity {name} -psk {key}"
                ),
                format!(
                    "gnutls-cli --udp {gnutls} --pskusername {name} --pskkey {key} -p {port} {host}"
                ),
            ],
        );
    }
    server::serve(listener, echo::echo)
}

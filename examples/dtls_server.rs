//! A DTLS echo server. Without arguments it listens on 127.0.0.1:4433 with a certificate made at
//! start, and prints commands with which to talk to it.

mod shared;

use clap::{Parser, ValueEnum};
use flightline::{
    ClientAuth, DtlsListener, DtlsSocket, Error, Identity, OnError, PeerIdentity, RootCertificates,
    RootsVerifier, ServeOptions, ServerConfig, ServerIdentity,
};
use shared::{Outcome, SharedOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// A DTLS server that sends every message back.
#[derive(Parser, Debug)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:4433")]
    address: SocketAddr,
    /// A PEM file with our certificate and its issuers, in this order
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A PEM file with the authorities whose clients are trusted
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Whether clients must show a certificate of those authorities
    #[arg(long, value_enum, default_value = "required", requires = "client_ca")]
    client_auth: Demand,
    /// A hint by which clients choose their pre-shared key
    #[arg(long, value_name = "TEXT", requires = "psk")]
    psk_hint: Option<String>,
    /// End a connection from which nothing has come for this long, in milliseconds
    #[arg(long, value_name = "MS")]
    read_timeout: Option<u64>,
    #[command(flatten)]
    shared: SharedOptions,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Demand {
    Optional,
    Required,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let (identity, help) = identity(options)?;
    let mut builder = options.shared.apply(ServerConfig::builder(identity))?;
    if let Some(path) = &options.client_ca {
        let verifier = RootsVerifier::new(RootCertificates::from_pem_file(path)?);
        builder = builder.client_auth(match options.client_auth {
            Demand::Optional => ClientAuth::optional(verifier),
            Demand::Required => ClientAuth::required(verifier),
        });
    }
    if let Some(timeout) = options.read_timeout {
        builder = builder.read_timeout(Duration::from_millis(timeout));
    }
    let listener = DtlsListener::bind(options.address, builder.build()?)?;
    let address = listener.local_addr()?;
    println!("listening on {address}; every message is sent back");
    println!("{}", help.replace("ADDRESS", &address.to_string()));
    let on_error: OnError = Arc::new(|client, error| println!("{client}: {error}"));
    let serving = ServeOptions {
        on_error: Some(on_error),
        ..ServeOptions::default()
    };
    listener.serve_with(serving, echo)?;
    Ok(())
}

fn echo(socket: DtlsSocket) -> Result<(), Error> {
    let peer = socket.peer_addr()?;
    println!(
        "{peer}: connected, {}, {}, {}",
        socket.version(),
        socket.cipher_suite(),
        describe(socket.peer_identity())
    );
    let mut buf = vec![0; 65_536];
    let why = loop {
        match socket.recv(&mut buf) {
            Ok(length) => {
                let message = buf.get(..length).unwrap_or_default();
                socket.send(message)?;
            }
            Err(Error::Closed) => break "the client closed".to_owned(),
            Err(Error::ReadTimeout) => break "nothing came for too long".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    println!("{peer}: ended: {why}");
    Ok(())
}

fn describe(peer: &PeerIdentity) -> String {
    match peer {
        PeerIdentity::Psk(identity) => format!("PSK {}", identity.escape_ascii()),
        PeerIdentity::Certificate(chain) => {
            let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
            let fingerprint = flightline::Fingerprint::of(leaf);
            format!("certificate {fingerprint}")
        }
        _ => "anonymous".to_owned(),
    }
}

/// Who we are, and commands for a terminal with which to reach us.
fn identity(options: &Options) -> Outcome<(ServerIdentity, String)> {
    let psk = options.shared.pre_shared_key()?;
    let certificate = match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => Some(Identity::from_pem_files(cert, key)?),
        _ if psk.is_some() => None,
        _ => Some(make_certificate()?),
    };
    let mut identity = ServerIdentity::default();
    let mut help = String::new();
    if let Some(certificate) = certificate {
        let fingerprint = certificate.fingerprint();
        identity = ServerIdentity::certificate(certificate);
        help = format!(
            "certificate fingerprint (SHA-256): {fingerprint}

talk to it (the last two do not check the certificate):
    cargo run --release --example dtls_client -- ADDRESS --pin {fingerprint}
    openssl s_client -dtls1_2 -connect ADDRESS
    gnutls-cli --udp --insecure {}
",
            gnutls_address(options.address)
        );
    }
    if let Some(psk) = psk {
        let (name, key) = (&options.shared.psk_identity, &options.shared.psk);
        let (name, key) = (
            name.as_deref().unwrap_or_default(),
            key.as_deref().unwrap_or_default(),
        );
        identity = identity.with_psk(psk);
        if let Some(hint) = &options.psk_hint {
            identity = identity.with_psk_hint(hint);
        }
        help.push_str(&format!(
            "talk to it by the pre-shared key {name:?}:
    cargo run --release --example dtls_client -- ADDRESS --psk-identity {name} --psk {key}
    openssl s_client -dtls1_2 -connect ADDRESS -psk_identity {name} -psk {key}
    gnutls-cli --udp --priority NORMAL:-KX-ALL:+ECDHE-PSK:+PSK --pskusername {name} --pskkey {key} {}
",
            gnutls_address(options.address)
        ));
    }
    Ok((identity, help))
}

fn gnutls_address(address: SocketAddr) -> String {
    format!("-p {} {}", address.port(), address.ip())
}

/// A certificate for this machine's local names, signed by itself.
fn make_certificate() -> Outcome<Identity> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = made.signing_key.serialize_pem();
    Ok(Identity::from_pem(
        made.cert.pem().as_bytes(),
        key.as_bytes(),
    )?)
}

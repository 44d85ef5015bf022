//! What a server is told: who it is, and which clients it trusts.

use crate::shared::{Outcome, SharedOptions};
use clap::{Args, ValueEnum};
use flightline::{
    ClientAuth, DtlsListener, DtlsSocket, Fingerprint, Identity, OnError, PeerIdentity,
    RootCertificates, RootsVerifier, ServeOptions, ServerConfig, ServerIdentity,
};
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Args, Debug)]
pub(crate) struct ServerOptions {
    /// A PEM file with our certificate and its issuers, in this order
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// A PEM file with the authorities whose clients are trusted
    #[arg(long, value_name = "FILE")]
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether clients must show a certificate of those authorities
    #[arg(long, value_enum, default_value = "required", requires = "client_ca")]
    pub(crate) client_auth: Demand,
    /// A hint by which clients choose their pre-shared key
    #[arg(long, value_name = "TEXT", requires = "psk")]
    psk_hint: Option<String>,
    /// End a connection from which nothing has come for this long, in milliseconds
    #[arg(long, value_name = "MS")]
    read_timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) shared: SharedOptions,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Debug)]
pub(crate) enum Demand {
    Optional,
    Required,
}

impl ServerOptions {
    /// Listens at `address` and says so, with the fingerprint of our certificate if we have one.
    pub(crate) fn listen(
        &self,
        address: SocketAddr,
    ) -> Outcome<(DtlsListener, Option<Fingerprint>)> {
        let (identity, fingerprint) = self.identity()?;
        let mut builder = self.shared.apply(ServerConfig::builder(identity))?;
        if let Some(path) = &self.client_ca {
            let verifier = RootsVerifier::new(RootCertificates::from_pem_file(path)?);
            builder = builder.client_auth(match self.client_auth {
                Demand::Optional => ClientAuth::optional(verifier),
                Demand::Required => ClientAuth::required(verifier),
            });
        }
        if let Some(timeout) = self.read_timeout {
            builder = builder.read_timeout(Duration::from_millis(timeout));
        }
        let listener = DtlsListener::bind(address, builder.build()?)
            .map_err(|error| cannot_listen(address, error))?;
        say(format!("listening on {}", listener.local_addr()?));
        if let Some(fingerprint) = fingerprint {
            say(format!("certificate fingerprint (SHA-256): {fingerprint}"));
        }
        Ok((listener, fingerprint))
    }

    /// Who we are: by certificate, by pre-shared key, or both. Without either, a certificate is made.
    fn identity(&self) -> Outcome<(ServerIdentity, Option<Fingerprint>)> {
        let psk = self.shared.pre_shared_key()?;
        let certificate = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Identity::from_pem_files(cert, key)?),
            _ if psk.is_some() => None,
            _ => Some(make_certificate()?),
        };
        let fingerprint = certificate.as_ref().map(Identity::fingerprint);
        let mut identity =
            certificate.map_or_else(ServerIdentity::default, ServerIdentity::certificate);
        if let Some(psk) = psk {
            identity = identity.with_psk(psk);
        }
        if let Some(hint) = &self.psk_hint {
            identity = identity.with_psk_hint(hint);
        }
        Ok((identity, fingerprint))
    }
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

/// Prints a line. That nobody reads the output any more, as behind `head`, is no reason to end.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Which address it was, and what to do.
pub(crate) fn cannot_listen(address: SocketAddr, error: impl Into<io::Error>) -> String {
    let error = error.into();
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there: stop it, or give another port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; this machine has no such address: `ip address` lists those it has"
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: give another port",
        _ => "",
    };
    format!("{address}: {error}{advice}")
}

/// Serves until the listener fails. What goes wrong with a client is printed and harms no other.
pub(crate) fn serve<O: flightline::Outcome>(
    listener: DtlsListener,
    handler: impl Fn(DtlsSocket) -> O + Send + Sync + 'static,
) -> Outcome<()> {
    let on_error: OnError = Arc::new(|client, error| say(format!("{client}: {error}")));
    let options = ServeOptions {
        on_error: Some(on_error),
        ..ServeOptions::default()
    };
    Ok(listener.serve_with(options, handler)?)
}

/// Who the client proved to be.
pub(crate) fn describe(peer: &PeerIdentity) -> String {
    match peer {
        PeerIdentity::Psk(identity) => format!("PSK {}", identity.escape_ascii()),
        PeerIdentity::Certificate(chain) => {
            let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
            format!("certificate {}", Fingerprint::of(leaf))
        }
        PeerIdentity::Anonymous => "anonymous".to_owned(),
        other => format!("{other:?}"),
    }
}

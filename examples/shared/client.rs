//! What a client is told: whom to trust, and who it is itself.

use crate::shared::{Outcome, SharedOptions};
use clap::Args;
use flightline::{
    ClientConfig, DtlsSocket, Fingerprint, Identity, RootCertificates, ServerName, ServerTrust,
};
use std::net::ToSocketAddrs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Args, Debug)]
pub(crate) struct ClientOptions {
    /// The name that the server's certificate must be for (default: the host)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Trust servers with a certificate of the authorities in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "psk"])]
    ca: Option<PathBuf>,
    /// Trust the server with this SHA-256 fingerprint; may be repeated
    #[arg(long, value_name = "FINGERPRINT", conflicts_with = "psk")]
    pin: Vec<Fingerprint>,
    /// A PEM file with our certificate, for servers that ask
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "psk")]
    cert: Option<PathBuf>,
    /// A PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Give up a handshake that takes longer, in seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    connect_timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) shared: SharedOptions,
}

impl ClientOptions {
    /// Connects to the server at `address`, host and port, and says so on standard error.
    pub(crate) fn connect(&self, address: &str) -> Outcome<DtlsSocket> {
        let mut builder = self.shared.apply(ClientConfig::builder(self.trust()?))?;
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            builder = builder.identity(Identity::from_pem_files(cert, key)?);
        }
        if let Some(seconds) = self.connect_timeout {
            builder = builder.handshake_deadline(Duration::from_secs(seconds));
        }
        let config = builder.build()?;

        let start = Instant::now();
        address
            .to_socket_addrs()
            .map_err(|error| format!("{address}: {error}; give host:port"))?;
        eprintln!("connecting to {address}");
        let socket = DtlsSocket::connect(address, self.server_name(address)?, config)?;
        let alpn = match socket.alpn() {
            Some(protocol) => format!(", ALPN {}", protocol.escape_ascii()),
            None => String::new(),
        };
        eprintln!(
            "connected to {} in {:.0?}: {}, {}{alpn}",
            socket.peer_addr()?,
            start.elapsed(),
            socket.version(),
            socket.cipher_suite(),
        );
        Ok(socket)
    }

    fn trust(&self) -> Outcome<ServerTrust> {
        if let Some(psk) = self.shared.pre_shared_key()? {
            return Ok(ServerTrust::psk(psk));
        }
        if let Some(path) = &self.ca {
            return Ok(ServerTrust::roots(RootCertificates::from_pem_file(path)?));
        }
        if self.pin.is_empty() {
            return Err("whom to trust? give --pin (the server prints it), --ca, \
                        or --psk-identity with --psk"
                .into());
        }
        Ok(ServerTrust::pinned(self.pin.iter().copied()))
    }

    fn server_name(&self, address: &str) -> Outcome<ServerName> {
        if let Some(name) = &self.name {
            return Ok(ServerName::new(name)?);
        }
        let host = match address.rsplit_once(':') {
            Some((host, _)) => host.trim_start_matches('[').trim_end_matches(']'),
            None => address,
        };
        Ok(ServerName::new(host)?)
    }
}

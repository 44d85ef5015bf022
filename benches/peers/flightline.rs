//! flightline's columns: both versions of DTLS through its public API, over the in-memory wire.

use flightline::{
    CipherSuite, ClientConfig, CookieContext, DtlsSocket, Error, Handshake, Identity, NamedGroup,
    ProtocolVersion, RootCertificates, ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport,
};
use peers::wire::{self, End};
use peers::*;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Room for the largest record, so that the measurement of large ones needs no second setting; the
/// flights of the handshake stay far below the harness's MTU all the same.
const MTU: usize = 17_000;

/// One end of the wire. Buffers are as large as the largest record so far needs, so that a pair that
/// never carries a large one does not hold room for it.
struct Wire {
    end: End,
    longest: Arc<AtomicUsize>,
}

impl Transport for Wire {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        wire::send(self.end, datagram);
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let longest = self.longest.load(Ordering::Relaxed);
        if buf.len() < longest {
            buf.resize(longest, 0);
        }
        wire::recv(self.end, buf).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

struct Flightline {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    cookies: Arc<CookieContext>,
    name: ServerName,
}

fn new(pki: &Pki, version: ProtocolVersion) -> Res<Box<dyn Peer>> {
    let roots = RootCertificates::from_pem(pki.ca.as_bytes())?;
    let identity = Identity::from_pem(pki.leaf.as_bytes(), pki.key.as_bytes())?;
    let suites = [
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::TLS_AES_128_GCM_SHA256,
    ];
    Ok(Box::new(Flightline {
        client: ClientConfig::builder(ServerTrust::roots(roots))
            .without_resumption()
            .versions([version])
            .cipher_suites(suites)
            // P-256 is the certificate's curve; the server chooses X25519.
            .groups([NamedGroup::X25519, NamedGroup::SECP256R1])
            .mtu(MTU)
            .build()?
            .into(),
        server: ServerConfig::builder(ServerIdentity::certificate(identity))
            .without_resumption()
            .versions([version])
            .cipher_suites(suites)
            .groups([NamedGroup::X25519])
            .mtu(MTU)
            .build()?
            .into(),
        cookies: Arc::new(CookieContext::new()?),
        name: ServerName::new(Pki::NAME)?,
    }))
}

impl Flightline {
    /// A server that waits for a hello.
    fn server(&self, longest: &Arc<AtomicUsize>) -> Res<Handshake> {
        let (config, cookies) = (self.server.clone(), self.cookies.clone());
        let wire = Wire { end: End::Server, longest: longest.clone() };
        Ok(Handshake::server(wire, "the client", cookies, config)?)
    }
}

fn is_done(outcome: Result<(), Error>) -> Res<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Error::WantRead) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

struct Sockets {
    client: DtlsSocket,
    server: DtlsSocket,
    longest: Arc<AtomicUsize>,
}

impl Peer for Flightline {
    fn version(&self) -> String {
        "flightline 0.1".into()
    }

    fn handshake(&mut self) -> Res<Box<dyn Pair>> {
        let longest = Arc::new(AtomicUsize::new(2048));
        let wire = Wire { end: End::Client, longest: longest.clone() };
        let mut client = Handshake::client(wire, self.name.clone(), self.client.clone())?;
        let mut server = self.server(&longest)?;
        drive(
            || is_done(client.handshake()),
            || match server.handshake() {
                // It has answered with a cookie; the next hello is for a fresh one.
                Err(Error::HelloVerifyRequired) => {
                    server = self.server(&longest)?;
                    Ok(false)
                }
                outcome => is_done(outcome),
            },
        )?;
        let (client, server) = (client.into_socket()?, server.into_socket()?);
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        Ok(Box::new(Sockets { client, server, longest }))
    }
}

impl Pair for Sockets {
    fn record(&mut self, data: &[u8], out: &mut [u8]) -> Res<usize> {
        self.longest.fetch_max(data.len() + 256, Ordering::Relaxed);
        self.client.send(data)?;
        Ok(self.server.recv(out)?)
    }
}

fn main() {
    run(&[
        ("flightline-1.2", |pki| new(pki, ProtocolVersion::DTLS1_2)),
        ("flightline-1.3", |pki| new(pki, ProtocolVersion::DTLS1_3)),
    ]);
}

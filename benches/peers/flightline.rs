//! flightline's column: DTLS 1.2 through its public API, over the in-memory wire.

use flightline::{
    CipherSuite, ClientConfig, CookieContext, DtlsSocket, Error, Handshake, Identity, NamedGroup,
    RootCertificates, ServerConfig, ServerIdentity, ServerName, ServerTrust, Transport,
};
use peers::wire::{self, End};
use peers::*;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Room for the largest record, so that the measurement of large ones needs no second setting; the
/// flights of the handshake stay far below the harness's MTU all the same.
const MTU: usize = 17_000;

struct Wire(End);

impl Transport for Wire {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        wire::send(self.0, datagram);
        Ok(())
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        if buf.len() < MTU {
            buf.resize(MTU, 0);
        }
        wire::recv(self.0, buf).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
}

struct Flightline {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    cookies: Arc<CookieContext>,
    name: ServerName,
}

fn new(pki: &Pki) -> Res<Box<dyn Peer>> {
    let roots = RootCertificates::from_pem(pki.ca.as_bytes())?;
    let identity = Identity::from_pem(pki.leaf.as_bytes(), pki.key.as_bytes())?;
    let suites = [CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256];
    Ok(Box::new(Flightline {
        client: ClientConfig::builder(ServerTrust::roots(roots))
            .cipher_suites(suites)
            .groups([NamedGroup::X25519])
            .mtu(MTU)
            .build()?
            .into(),
        server: ServerConfig::builder(ServerIdentity::certificate(identity))
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
    fn server(&self) -> Res<Handshake> {
        let config = self.server.clone();
        Ok(Handshake::server(Wire(End::Server), "the client", self.cookies.clone(), config)?)
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
}

impl Peer for Flightline {
    fn version(&self) -> String {
        "flightline 0.1".into()
    }

    fn handshake(&mut self) -> Res<Box<dyn Pair>> {
        let mut client =
            Handshake::client(Wire(End::Client), self.name.clone(), self.client.clone())?;
        let mut server = self.server()?;
        drive(
            || is_done(client.handshake()),
            || match server.handshake() {
                // It has answered with a cookie; the next hello is for a fresh one.
                Err(Error::HelloVerifyRequired) => {
                    server = self.server()?;
                    Ok(false)
                }
                outcome => is_done(outcome),
            },
        )?;
        let (client, server) = (client.into_socket()?, server.into_socket()?);
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        Ok(Box::new(Sockets { client, server }))
    }
}

impl Pair for Sockets {
    fn record(&mut self, data: &[u8], out: &mut [u8]) -> Res<usize> {
        self.client.send(data)?;
        Ok(self.server.recv(out)?)
    }
}

fn main() {
    run(&[("flightline-1.2", new)]);
}

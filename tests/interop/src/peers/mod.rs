//! The peers, and what each of them has to be able to do here. Each is one file.

mod boringssl;
mod dimpl;
mod gnutls;
mod gnutls_serv;
mod library;
mod mbedtls;
mod names;
mod openssl;
pub mod tool;
mod wolfssl;

use crate::Res;
use crate::case::{Case, KeyUpdate};
use crate::feature::Lack;
use crate::pki::Pki;
use crate::trial::{Attempts, Counterpart};
use flightline::{Retransmission, SrtpProfile};
use std::net::SocketAddr;
use std::time::Duration;

/// Every peer. One that is missing on this machine is an error of its `version`.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(openssl::OpenSsl),
        Box::new(gnutls::GnuTls),
        Box::new(boringssl::boringssl()),
        Box::new(wolfssl::wolfssl()),
        Box::new(mbedtls::mbedtls()),
        Box::new(dimpl::dimpl()),
    ]
}

pub fn counterpart(peer: &dyn Peer) -> Res<Counterpart> {
    Ok(Counterpart {
        name: peer.name(),
        version: peer.version()?,
        lacks: peer.lacks(),
        attempts: peer.attempts(),
    })
}

/// Another implementation of DTLS.
pub trait Peer: Sync {
    fn name(&self) -> &'static str;

    /// The version that it tells.
    fn version(&self) -> Res<String>;

    /// What it cannot do. Every case that is not among them must pass.
    fn lacks(&self) -> &'static [Lack];

    /// How long a handshake on a bad path may take. Delays that double want much: a hello and its answer
    /// get through in two cases of three, so it takes a dozen hellos until one in 100,000 is stranded.
    fn patience(&self) -> Duration {
        Duration::from_secs(200)
    }

    /// How often a case may begin on a bad path.
    fn attempts(&self) -> Attempts;

    /// When we send again. Some need pauses that are longer than their own.
    fn retransmission(&self) -> Retransmission {
        Retransmission::LOSSY
    }

    /// Its server for the case, which takes our connections one after the other.
    fn server(&self, case: &Case, pki: &Pki) -> Res<Server>;

    /// Its client for the case.
    fn client<'a>(&self, case: &'a Case, pki: &'a Pki) -> Res<Box<dyn Client + 'a>>;
}

/// A peer's client, with the sessions that it keeps.
pub trait Client {
    /// Connects. A client of a case with two connections resumes the session of the first in the second.
    fn connect(&mut self, to: SocketAddr) -> Res<Box<dyn Conversation>>;

    /// Whether `connect` makes both connections of a case that has two, and talks on the second alone.
    fn connects_twice(&self) -> bool {
        false
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub conversation: Box<dyn Conversation>,
}

/// The profile for SRTP that a peer agreed on, with the keys and salts as RFC 5764 §4.2 orders them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srtp {
    pub profile: SrtpProfile,
    pub material: Vec<u8>,
}

/// A peer that is running. Dropping it stops it.
pub trait Conversation {
    /// Lets it send a line. One that has ended, or has nobody to send to yet, does not mind.
    fn say(&mut self, line: &str);

    /// Whether it sends nothing of its own, but what it receives.
    fn echoes(&self) -> bool {
        false
    }

    /// What it has received, and maybe more that it prints.
    fn heard(&self) -> String;

    /// Whether `heard` holds nothing but what was received.
    fn hears_data_only(&self) -> bool;

    /// Whether it has ended, and if so, whether it has nothing to complain of.
    fn ended(&mut self) -> Option<bool>;

    fn complaint(&self) -> String;

    fn srtp(&self) -> Option<Srtp>;

    /// The keys that it exports under our label.
    fn exported(&self) -> Option<Vec<u8>>;

    /// Whether it went on with an earlier session, where it tells.
    fn resumed(&self) -> Option<bool> {
        None
    }

    /// Lets it take new keys in DTLS 1.3, or more. One that speaks no DTLS 1.3 is never asked.
    fn update_keys(&mut self, _: KeyUpdate) {}

    fn has_heard(&self, line: &str) -> bool {
        self.heard().lines().any(|other| other == line)
    }
}

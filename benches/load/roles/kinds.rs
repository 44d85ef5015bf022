//! The kinds of floods, and what each sends.

use crate::tools::Outcome;
use crate::tools::learn::{self, socket};
use crate::tools::pki::{self, Offer};
use clap::ValueEnum;
use flightline::DtlsSocket;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Hellos12,
    Hellos13,
    /// Both in turns.
    Hellos,
    Garbage,
    Fragments,
    Replays,
    BadMacs,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] = [
        Kind::Hellos12,
        Kind::Hellos13,
        Kind::Garbage,
        Kind::Fragments,
        Kind::Replays,
        Kind::BadMacs,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Kind::Hellos12 => "hellos of DTLS 1.2",
            Kind::Hellos13 => "hellos of DTLS 1.3",
            Kind::Hellos => "hellos of both",
            Kind::Garbage => "garbage",
            Kind::Fragments => "first halves of hellos",
            Kind::Replays => "cookied hellos, replayed",
            Kind::BadMacs => "forged records at live addresses",
        }
    }

    /// Whether each datagram is answered with a cookie.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, Kind::Hellos12 | Kind::Hellos13 | Kind::Hellos)
    }

    /// The hello that is answered, for a flood of one sort.
    fn offer(self) -> Offer {
        match self {
            Kind::Hellos12 => Offer::Only12,
            _ => Offer::Default,
        }
    }
}

/// What strangers send, who all may be anyone, or those whom the server knows by their address.
pub(crate) enum Ammunition {
    Strangers(Vec<Datagram>),
    Known(Vec<Known>),
}

pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    /// Where the hello's random begins, which is another in each.
    pub(crate) random_at: Option<usize>,
}

pub(crate) struct Known {
    pub(crate) socket: UdpSocket,
    pub(crate) datagram: Vec<u8>,
    /// The connection lives as long as this does.
    _connection: Option<DtlsSocket>,
}

/// Addresses that the server knows.
const KNOWN: u8 = 64;

/// Behind the headers of record and message, and the version.
const RANDOM_AT: usize = 13 + 12 + 2;

impl Ammunition {
    /// Makes it, with the help of a server where that takes one.
    pub(crate) fn new(kind: Kind, server: SocketAddr, ca: &str) -> Outcome<Ammunition> {
        let offer = pki::client(ca, kind.offer())?;
        let known = |each: &dyn Fn(UdpSocket) -> Outcome<Known>| {
            let sockets = (1..=KNOWN).map(|last| socket(Ipv4Addr::new(127, 40, 0, last), server));
            let known = sockets.map(|socket| each(socket?));
            Ok(Ammunition::Known(known.collect::<Outcome<_>>()?))
        };
        match kind {
            Kind::Hellos12 | Kind::Hellos13 => {
                Ok(Ammunition::Strangers(vec![varying(learn::hello(&offer)?)]))
            }
            Kind::Hellos => {
                let offers = [Offer::Only12, Offer::Default];
                let hellos = offers.map(|offer| learn::hello(&pki::client(ca, offer)?));
                let hellos: Outcome<Vec<_>> = hellos.into_iter().collect();
                Ok(Ammunition::Strangers(
                    hellos?.into_iter().map(varying).collect(),
                ))
            }
            Kind::Garbage => Ok(Ammunition::Strangers(garbage())),
            Kind::Fragments => {
                let hello = learn::hello(&offer)?;
                Ok(Ammunition::Strangers(vec![varying(first_half(&hello))]))
            }
            Kind::Replays => known(&|socket| {
                let (socket, datagram) = learn::cookied_hello(socket, &offer)?;
                Ok(Known {
                    socket,
                    datagram,
                    _connection: None,
                })
            }),
            Kind::BadMacs => known(&|socket| {
                let (connection, socket, mut datagram) = learn::record(socket, &offer)?;
                if let Some(last) = datagram.last_mut() {
                    *last ^= 1;
                }
                Ok(Known {
                    socket,
                    datagram,
                    _connection: Some(connection),
                })
            }),
        }
    }
}

fn varying(bytes: Vec<u8>) -> Datagram {
    Datagram {
        bytes,
        random_at: Some(RANDOM_AT),
    }
}

/// Of all lengths up to a usual datagram's.
fn garbage() -> Vec<Datagram> {
    let mut dice = StdRng::seed_from_u64(6);
    let one = |_| {
        let length = dice.random_range(1..1200);
        Datagram {
            bytes: (0..length).map(|_| dice.random()).collect(),
            random_at: None,
        }
    };
    (0..1024).map(one).collect()
}

/// The first half of a hello, as a fragment (RFC 6347 §4.2.3).
fn first_half(hello: &[u8]) -> Vec<u8> {
    let (headers, body) = hello.split_at(25);
    let half = &body[..body.len() / 2];
    let mut fragment = [headers, half].concat();
    let length = half.len() as u32;
    fragment[11..13].copy_from_slice(&(length as u16 + 12).to_be_bytes());
    fragment[22..25].copy_from_slice(&length.to_be_bytes()[1..]);
    fragment
}

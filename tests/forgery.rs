//! What anyone can send into a handshake, since nothing authenticates it yet (hazards A21, D11): an
//! application's handshake survives it, and one that believes everything ends by it.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{Cookie, MINUTE, NAME, VARIANTS, Variant};
use flightline::lab::{Arrival, End, Pair, Weather};
use flightline::{
    AlertDescription, CipherSuite, ClientConfig, Error, ProtocolVersion, ServerConfig,
    ServerIdentity, ServerName, ServerTrust,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A record that nobody sent who shakes hands.
struct Forgery {
    name: &'static str,
    datagram: Vec<u8>,
    /// What it is to one who believes it.
    is: fn(&Error) -> bool,
}

/// A record with a number far from all true ones.
fn record(content_type: u8, epoch: u16, fragment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(fragment.len()).unwrap();
    let mut record = vec![content_type, 0xfe, 0xfd];
    record.extend(epoch.to_be_bytes());
    record.extend([0, 0x40, 0, 0, 0, 0]);
    record.extend(length.to_be_bytes());
    record.extend(fragment);
    record
}

/// The first records of the first epochs.
fn acks() -> Vec<u8> {
    let numbers = (0..4_u64).flat_map(|epoch| (0..20_u64).map(move |number| [epoch, number]));
    let numbers: Vec<u8> = numbers.flatten().flat_map(u64::to_be_bytes).collect();
    let length = u16::try_from(numbers.len()).unwrap();
    [&length.to_be_bytes()[..], &numbers].concat()
}

/// The first bytes of a handshake message of `length` bytes.
fn fragment(typ: u8, message_seq: u8, length: u8, first: &[u8]) -> Vec<u8> {
    let here = u8::try_from(first.len()).unwrap();
    let header = [typ, 0, 0, length, 0, message_seq, 0, 0, 0, 0, 0, here];
    record(22, 0, &[&header, first].concat())
}

/// Of each version, with suites that nobody has and that everybody has.
const HELLOS: [(&str, ProtocolVersion, [u8; 2]); 4] = [
    (
        "a hello without a suite",
        ProtocolVersion::DTLS1_2,
        [0x5a, 0x5a],
    ),
    ("a hello", ProtocolVersion::DTLS1_2, [0xc0, 0x2b]),
    (
        "a hello of DTLS 1.3 without a suite",
        ProtocolVersion::DTLS1_3,
        [0x5a, 0x5a],
    ),
    (
        "a hello of DTLS 1.3",
        ProtocolVersion::DTLS1_3,
        [0x13, 0x01],
    ),
];

/// What is answered by a HelloRetryRequest; behind it stands a share in X25519.
#[rustfmt::skip]
const OFFER_OF_DTLS_1_3: &[u8] = &[
    0, 65,
    0, 43, 0, 3, 2, 0xfe, 0xfc,
    0, 10, 0, 4, 0, 2, 0, 29,
    0, 13, 0, 4, 0, 2, 4, 3,
    0, 51, 0, 38, 0, 36, 0, 29, 0, 32,
];

/// A ClientHello that says all that it must, of a client that nobody is.
fn hello(version: ProtocolVersion, suite: [u8; 2]) -> Vec<u8> {
    let extensions = match version {
        ProtocolVersion::DTLS1_2 => vec![0, 0],
        _ => [OFFER_OF_DTLS_1_3, &[9; 32]].concat(),
    };
    let random = [0x77; 32];
    let suites = [&[0, 2][..], &suite].concat();
    [
        &[0xfe, 0xfd],
        &random[..],
        &[0, 0],
        &suites,
        &[1, 0],
        &extensions,
    ]
    .concat()
}

fn forgeries() -> Vec<Forgery> {
    let forgery = |name, datagram, is| Forgery { name, datagram, is };
    let mut forgeries = vec![
        forgery("a fatal alert", record(21, 0, &[2, 40]), |error| {
            matches!(error, Error::PeerAlert(AlertDescription::HANDSHAKE_FAILURE))
        }),
        forgery("close_notify", record(21, 0, &[1, 0]), |error| {
            matches!(error, Error::PeerAlert(AlertDescription::CLOSE_NOTIFY))
        }),
        forgery("half an alert", record(21, 0, &[2]), |error| {
            matches!(error, Error::Decode { what: "alert", .. })
        }),
        forgery("application data", record(23, 0, b"hello"), |error| {
            matches!(error, Error::UnexpectedRecord(_))
        }),
        forgery("a record of no known type", record(99, 0, b"?"), |error| {
            matches!(error, Error::UnexpectedRecord(_))
        }),
        forgery("ChangeCipherSpec of two", record(20, 0, &[2]), |error| {
            matches!(error, Error::IllegalParameter(_))
        }),
        forgery(
            "half a handshake header",
            record(22, 0, &[11; 5]),
            |error| matches!(error, Error::Decode { .. }),
        ),
        forgery("no handshake header", record(22, 0, &[]), |error| {
            matches!(error, Error::Decode { .. })
        }),
        forgery("an ACK of all records", record(26, 0, &acks()), |error| {
            matches!(error, Error::UnexpectedRecord(_))
        }),
        forgery("half an ACK", record(26, 0, &[0, 16, 0]), |error| {
            matches!(error, Error::Decode { what: "ACK", .. })
        }),
        forgery(
            "a record under other keys of DTLS 1.3",
            [&[0x2e, 1, 1, 0, 60], &[7; 60][..]].concat(),
            |error| matches!(error, Error::CannotDecrypt),
        ),
        forgery(
            "a record under other keys",
            record(22, 1, &[7; 60]),
            |error| matches!(error, Error::CannotDecrypt),
        ),
    ];
    for message_seq in 0..9 {
        forgeries.extend([
            forgery(
                "a message of no known type",
                fragment(99, message_seq, 4, &[1; 4]),
                |error| matches!(error, Error::UnexpectedMessage { .. }),
            ),
            forgery(
                "a message with half a body",
                fragment(2, message_seq, 4, &[1; 4]),
                |error| {
                    matches!(
                        error,
                        Error::Decode { .. } | Error::UnexpectedMessage { .. }
                    )
                },
            ),
            forgery(
                "a part of another message",
                fragment(16, message_seq, 200, &[1; 8]),
                |error| matches!(error, Error::FragmentMismatch),
            ),
        ]);
    }
    forgeries
}

/// Well-formed hellos of another client, under every number.
fn hellos() -> Vec<Forgery> {
    let mut hellos = Vec::new();
    for message_seq in 0..9 {
        for (name, version, suite) in HELLOS {
            let hello = hello(version, suite);
            let length = u8::try_from(hello.len()).unwrap();
            hellos.push(Forgery {
                name,
                datagram: fragment(1, message_seq, length, &hello),
                is: |error| matches!(error, Error::UnexpectedMessage { .. }),
            });
        }
    }
    hellos
}

/// A handshake in which the forgery overtakes the datagram of this number succeeds, and data flows both ways.
fn survives(variant: &Variant, forgery: &Forgery, number: u64) {
    let at = format!(
        "{}, {} before datagram {number}",
        variant.name, forgery.name
    );
    let mut pair = variant.pair(overtaking(forgery, number));
    pair.establish(MINUTE)
        .unwrap_or_else(|error| panic!("{at}: {error}"));
    pair.exchange(b"request", b"response")
        .unwrap_or_else(|error| panic!("{at}: {error}"));
}

/// The forgery overtakes the datagram of this number.
fn overtaking(forgery: &Forgery, number: u64) -> Weather {
    let forged = forgery.datagram.clone();
    Weather::new(move |datagram| {
        let arrives = |after, bytes| Arrival {
            after: Duration::from_millis(after),
            bytes,
        };
        let mut arrivals = vec![arrives(10, datagram.bytes)];
        if datagram.number == number {
            arrivals.push(arrives(9, forged.clone()));
        }
        arrivals
    })
}

/// Datagrams of a handshake that nothing disturbs.
fn datagrams(variant: &Variant) -> u64 {
    let mut pair = variant.pair(Weather::clear());
    pair.establish(MINUTE).unwrap();
    pair.datagrams_sent()
}

/// The first datagram in which a server answers a hello that it has let in.
fn server_hello(variant: &Variant) -> u64 {
    // Behind two headers and a version stands the random.
    const RANDOM: std::ops::Range<usize> = 27..59;
    let found = Arc::<Mutex<Option<u64>>>::default();
    let first = found.clone();
    let weather = Weather::clear().watched(move |datagram, _| {
        let bytes = &datagram.bytes;
        let is_one = datagram.from == End::Server && bytes.first() == Some(&22);
        let is_answer = is_one && bytes.get(13) == Some(&2);
        if is_answer && bytes.get(RANDOM) != Some(&HELLO_RETRY_REQUEST) {
            first.lock().unwrap().get_or_insert(datagram.number);
        }
    });
    let mut pair = variant.pair(weather);
    pair.establish(MINUTE).unwrap();
    let found = *found.lock().unwrap();
    found.unwrap()
}

/// The random of a HelloRetryRequest (RFC 8446 §4.1.3).
const HELLO_RETRY_REQUEST: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Another client's hello changes nothing, whatever it offers, whichever side gets it, and whichever request it
/// brings; unless it comes first, and there is no way back (docs/security.md): to a server without cookies, which
/// lets it in, or in DTLS 1.3, where a request is answered once and a wrong cookie ends the handshake.
#[test]
fn a21_a_handshake_survives_another_clients_hello() {
    for variant in VARIANTS {
        let first = match (variant.cookie, variant.version) {
            (Cookie::Without, _) => server_hello(variant),
            (Cookie::With, ProtocolVersion::DTLS1_3) => 1,
            (Cookie::With, _) => 0,
        };
        for number in first..datagrams(variant) {
            for forgery in hellos() {
                survives(variant, &forgery, number);
            }
        }
    }
}

/// Whoever answers a request of nobody's has the server ask again, and is let in once its hello has come again.
#[test]
fn a21_a_false_cookie_costs_a_client_one_timer() {
    let with_cookie = VARIANTS.iter().filter(|variant| {
        variant.version == ProtocolVersion::DTLS1_2 && variant.cookie == Cookie::With
    });
    for variant in with_cookie {
        let weather = Weather::new(|datagram| {
            let mut bytes = datagram.bytes;
            if datagram.number == 1 {
                *bytes.last_mut().unwrap() ^= 1;
            }
            let after = Duration::from_millis(10);
            vec![Arrival { after, bytes }]
        });
        let mut pair = variant.pair(weather);
        pair.establish(MINUTE)
            .unwrap_or_else(|error| panic!("{}: {error}", variant.name));
        let resent = pair.stats(End::Client).flights_resent;
        assert_eq!(resent, 1, "{}", variant.name);
        pair.exchange(b"request", b"response").unwrap();
    }
}

/// A server's refusal is believed in time, whatever requests are forged meanwhile: they are no progress.
#[test]
fn a21_d11_requests_for_a_cookie_that_are_passed_over_do_not_put_off_the_end() {
    let mut request = Vec::new();
    let weather = Weather::new(move |datagram| {
        let arrival = |after, bytes| Arrival { after, bytes };
        if datagram.number == 1 {
            // Its answer is under way, so that another like it is not answered.
            request = record(22, 0, datagram.bytes.get(13..).unwrap());
        }
        let mut arrivals = vec![arrival(Duration::from_millis(10), datagram.bytes)];
        if datagram.number == 3 {
            let forged = (1..120).map(|s| arrival(Duration::from_secs(s), request.clone()));
            arrivals.extend(forged);
        }
        arrivals
    });
    let psk = common::psk();
    let client = ClientConfig::builder(ServerTrust::psk(psk.clone()))
        .versions([ProtocolVersion::DTLS1_2])
        .cipher_suites([CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256]);
    let server = ServerConfig::builder(ServerIdentity::psk(psk))
        .versions([ProtocolVersion::DTLS1_2])
        .cipher_suites([CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384]);
    let (client, server) = (client.build().unwrap(), server.build().unwrap());
    let mut pair = Pair::new(client, server, ServerName::unnamed(), weather).unwrap();
    while pair.failure(End::Client).is_none() {
        assert!(pair.step());
    }
    let error = pair.failure(End::Client);
    assert!(
        matches!(
            error,
            Some(Error::PeerAlert(AlertDescription::HANDSHAKE_FAILURE))
        ),
        "{error:?}"
    );
    assert!(pair.now() < Duration::from_secs(7), "{:?}", pair.now());
}

/// Nor do so many of them that answering each, or keeping it in mind, would use something up.
#[test]
fn a21_i18_a_flood_of_requests_for_a_cookie_leaves_room_for_the_handshake() {
    let request = [&[0xfe, 0xff, 32][..], &[7; 32]].concat();
    let request = fragment(3, 0, 35, &request);
    let asked = |variant: &&Variant| variant.cookie == Cookie::With;
    for variant in VARIANTS.iter().filter(asked) {
        let forged = request.clone();
        let weather = Weather::new(move |datagram| {
            let arrival = |after, bytes| Arrival {
                after: Duration::from_millis(after),
                bytes,
            };
            let mut arrivals = vec![arrival(10, datagram.bytes)];
            if datagram.from == End::Server && datagram.number > 1 {
                arrivals.extend((0..1000).map(|_| arrival(9, forged.clone())));
            }
            arrivals
        });
        let mut pair = variant.pair(weather);
        pair.establish(MINUTE)
            .unwrap_or_else(|error| panic!("{}: {error}", variant.name));
        pair.exchange(b"request", b"response").unwrap();
    }
}

#[test]
fn a21_d11_a_handshake_survives_every_forgery_at_every_place() {
    for variant in VARIANTS {
        for number in 0..datagrams(variant) {
            for forgery in forgeries() {
                survives(variant, &forgery, number);
            }
        }
    }
}

/// What a ChangeCipherSpec does is only to put keys in force that are there, so that one more or one too
/// early harms nobody.
#[test]
fn d02_p16_p17_p24_a_change_cipher_spec_at_any_place_harms_no_handshake() {
    for variant in VARIANTS {
        for number in 0..datagrams(variant) {
            let change = record(20, 0, &[1]);
            let weather = Weather::new(move |datagram| {
                let arrives = |after, bytes| Arrival {
                    after: Duration::from_millis(after),
                    bytes,
                };
                let mut arrivals = vec![arrives(10, datagram.bytes)];
                if datagram.number == number {
                    arrivals.extend((5..10).map(|after| arrives(after, change.clone())));
                }
                arrivals
            });
            let at = format!("{}, before datagram {number}", variant.name);
            let mut pair = variant.pair(weather);
            pair.establish(MINUTE)
                .unwrap_or_else(|error| panic!("{at}: {error}"));
            pair.exchange(b"request", b"response")
                .unwrap_or_else(|error| panic!("{at}: {error}"));
        }
    }
}

/// A handshake that suspects nothing and believes all.
fn credulous(variant: &Variant, weather: Weather) -> Pair {
    let client = variant.client().mtu(300).suspicion(Duration::ZERO);
    let server = variant.server().mtu(300).suspicion(Duration::ZERO);
    let (client, server) = (client.build().unwrap(), server.build().unwrap());
    Pair::new(client, server, ServerName::new(NAME).unwrap(), weather).unwrap()
}

#[test]
fn without_suspicion_every_forgery_ends_a_handshake_somewhere() {
    let all = || forgeries().into_iter().chain(hellos());
    let mut harmless: Vec<_> = all().map(|forgery| forgery.name).collect();
    let versions = ["mutual", "DTLS 1.3, mutual"];
    for variant in VARIANTS.iter().filter(|v| versions.contains(&v.name)) {
        let last = datagrams(variant);
        for forgery in all() {
            for number in 0..last {
                let mut pair = credulous(variant, overtaking(&forgery, number));
                if pair.establish(MINUTE).is_ok() {
                    continue;
                }
                let ends = [End::Client, End::Server];
                let errors: Vec<_> = ends.iter().filter_map(|end| pair.failure(*end)).collect();
                if errors.iter().any(|error| (forgery.is)(error)) {
                    harmless.retain(|name| *name != forgery.name);
                }
            }
        }
    }
    assert!(harmless.is_empty(), "{harmless:?}");
}

use super::*;
use crate::codec::Writer;
use crate::config::{Psk, ServerIdentity, ServerTrust};
use crate::cookie::{Choices13, Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::record::Records;
use crate::wire::{ContentType, RECORD_HEADER, RecordHeader};

#[cfg(feature = "x509")]
mod states;

const NOW: Duration = Duration::ZERO;

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_3];

/// A client that has sent its hello, and a server that has it, with a key in common.
fn pair() -> (Connection, Connection) {
    pair_in(ProtocolVersion::DTLS1_2)
}

/// The same in this version.
fn pair_in(version: ProtocolVersion) -> (Connection, Connection) {
    let psk = Psk::new("tester", [7; 32]).unwrap();
    pair_with(
        version,
        ServerTrust::psk(psk.clone()),
        ServerIdentity::psk(psk),
    )
}

/// The same for a client that trusts `trust` and a server that is `identity`.
fn pair_of(trust: ServerTrust, identity: ServerIdentity) -> (Connection, Connection) {
    pair_with(ProtocolVersion::DTLS1_2, trust, identity)
}

fn pair_with(
    version: ProtocolVersion,
    trust: ServerTrust,
    identity: ServerIdentity,
) -> (Connection, Connection) {
    let (client, mut server) = unanswered(version, trust, identity);
    server.begin(NOW).unwrap();
    (client, server)
}

/// A client that has sent its hello, and a server that has it and has yet to begin.
fn unanswered(
    version: ProtocolVersion,
    trust: ServerTrust,
    identity: ServerIdentity,
) -> (Connection, Connection) {
    let versions = [version];
    let client = ClientConfig::builder(trust)
        .versions(versions)
        .build()
        .unwrap();
    let server = ServerConfig::builder(identity)
        .versions(versions)
        .danger_without_hello_verification()
        .build()
        .unwrap();
    let name = ServerName::new("device.example").unwrap();
    let mut client = Connection::client(client.into(), name, "client".into(), NOW);
    client.begin(NOW).unwrap();
    let hello = client.transmit().unwrap();
    let mut entrance = Entrance::new(HelloVerification::Waived, Choices13::default(), 1);
    let mut reply = ReplyBuffer::new();
    let Verdict::Verified(hello) = entrance.check(b"client", &hello, NOW, &mut reply) else {
        panic!("the gate is open");
    };
    let server = Connection::server(server.into(), *hello, "server".into(), NOW);
    (client, server)
}

/// Hands over everything that `from` has to say.
fn carry(from: &mut Connection, to: &mut Connection) {
    carry_at(NOW, from, to);
}

fn carry_at(now: Duration, from: &mut Connection, to: &mut Connection) {
    while let Some(mut datagram) = from.transmit() {
        to.receive(&mut datagram, now, &mut |_| {}).unwrap();
    }
}

/// A wait is for what remains of it.
#[test]
fn p07_junk_does_not_postpone_the_timer() {
    let psk = Psk::new("tester", [7; 32]).unwrap();
    let client = ClientConfig::builder(ServerTrust::psk(psk))
        .build()
        .unwrap();
    let name = ServerName::unnamed();
    let mut client = Connection::client(client.into(), name, "client".into(), NOW);
    client.begin(NOW).unwrap();
    let due = client.next_deadline();
    assert_eq!(due, Some(Duration::from_secs(1)));
    for tenths in 1..10 {
        let now = Duration::from_millis(100 * tenths);
        for mut junk in [vec![], vec![0; 9], vec![22; 60], vec![0xfe; 2000]] {
            client.receive(&mut junk, now, &mut |_| {}).unwrap();
            client.tick(now).unwrap();
        }
        assert_eq!(client.next_deadline(), due);
    }
    while client.transmit().is_some() {}
    client.tick(due.unwrap()).unwrap();
    assert!(client.transmit().is_some(), "the hello again");
}

/// Whoever repeats its flight for ever re-arms a timer, and gets answers; but the handshake ends.
#[test]
fn e16_repetitions_do_not_keep_a_handshake_for_ever() {
    for (mut client, mut server) in VERSIONS.map(pair_in) {
        let second = Duration::from_secs(1);
        client.tick(second).unwrap();
        let hello = client.transmit().unwrap();
        let mut now = second;
        let error = loop {
            let heard = server.receive(&mut hello.clone(), now, &mut |_| {});
            if let Err(error) = heard.and_then(|()| server.tick(now)) {
                break error;
            }
            while server.transmit().is_some() {}
            now += second / 2;
            assert!(now < 1000 * second, "a handshake without an end");
        };
        assert!(matches!(error, Error::HandshakeTimeout { .. }), "{error:?}");
    }
}

/// A client that begins anew takes the first answer it hears for the answer to its new hello. So an old
/// handshake's first answer waits until the client asks for it again, or until it is the only one.
#[test]
fn a_first_answer_waits_while_its_client_may_have_begun_anew() {
    let second = Duration::from_secs(1);
    for (version, asked_again) in VERSIONS.map(|v| [(v, true), (v, false)]).concat() {
        let psk = Psk::new("tester", [7; 32]).unwrap();
        let trust = ServerTrust::psk(psk.clone());
        let (mut client, mut server) = unanswered(version, trust, ServerIdentity::psk(psk));
        server.set_rival(Rival::Newer);
        server.begin(NOW).unwrap();
        server.tick(second).unwrap();
        assert!(server.transmit().is_none(), "{version}: nobody asked");
        let later = 3 * second;
        if asked_again {
            client.tick(later).unwrap();
        } else {
            server.set_rival(Rival::None);
            server.tick(later).unwrap();
        }
        while !(client.is_established() && server.is_established()) {
            let before = (client.stats(), server.stats());
            carry_at(later, &mut client, &mut server);
            carry_at(later, &mut server, &mut client);
            assert_ne!(before, (client.stats(), server.stats()), "{version}: stuck");
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let ends = [&mut client, &mut server];
            let mut datagram = ends[from].send(b"anew").unwrap().to_vec();
            let mut heard = Vec::new();
            let mut hear = |message: &[u8]| heard.extend_from_slice(message);
            ends[to].receive(&mut datagram, NOW, &mut hear).unwrap();
            assert_eq!(heard, b"anew", "{version}");
        }
    }
}

/// Where the system refuses a flight's datagrams, the flight in its new cut takes the place of all that
/// is left of the old one.
#[test]
fn p12_a_flight_in_shorter_datagrams_is_not_sent_beside_the_old_ones() {
    let psk = Psk::new("x".repeat(900), [7; 32]).unwrap();
    let (mut client, mut server) = pair_of(ServerTrust::psk(psk.clone()), ServerIdentity::psk(psk));
    client.set_max_datagram(Some(400));
    carry(&mut server, &mut client);
    assert_eq!(client.transmit().unwrap().len(), 400, "it is refused");
    client.lower_mtu(400, NOW);
    let flight: Vec<_> = std::iter::from_fn(|| client.transmit()).collect();
    assert!(flight.iter().all(|datagram| datagram.len() <= 256));
    let bytes: usize = flight.iter().map(Vec::len).sum();
    assert!((900..1400).contains(&bytes), "{bytes}");
    for mut datagram in flight {
        server.receive(&mut datagram, NOW, &mut |_| {}).unwrap();
    }
    carry(&mut server, &mut client);
    assert!(client.is_established() && server.is_established());
}

/// However many records stand between a ChangeCipherSpec and the Finished in a datagram, none of them
/// need be kept for later: the keys are there when they are read.
#[test]
fn a_record_is_read_under_the_keys_that_the_one_before_it_brought() {
    let (mut client, mut server) = pair();
    carry(&mut server, &mut client);
    let mut flight = client.transmit().unwrap();
    let finished: usize = Records::new(&mut flight.clone())
        .map(|record| record.unwrap().full().0)
        .take_while(|header| header.epoch == 0)
        .map(|header| usize::from(header.length) + RECORD_HEADER)
        .sum();
    let junk = Writer::bytes_of(|w| {
        for sequence in 100..120 {
            RecordHeader {
                content_type: ContentType::HANDSHAKE,
                version: ProtocolVersion::DTLS1_2,
                epoch: 1,
                sequence,
                length: 40,
            }
            .write(w);
            w.bytes(&[0; 40]);
        }
    });
    flight.splice(finished..finished, junk);
    server.receive(&mut flight, NOW, &mut |_| {}).unwrap();
    assert!(server.is_established());
    carry(&mut server, &mut client);
    assert!(client.is_established());
}

/// Whoever holds no key but hands a client its own messages back gets nowhere with it (RFC 9257 §4.1).
#[test]
fn d22_a_client_does_not_shake_hands_with_itself() {
    for version in VERSIONS {
        let (mut client, mut server) = pair_in(version);
        let hello = server.transmit().unwrap();
        // In DTLS 1.3 the client is the first to be established, by the server's Finished.
        let reflect = |client: &mut Connection| {
            let before = client.is_established();
            let said: Vec<_> = std::iter::from_fn(|| client.transmit()).collect();
            for datagram in &said {
                client
                    .receive(&mut datagram.clone(), NOW, &mut |_| panic!("delivered"))
                    .unwrap();
            }
            assert_eq!(client.is_established(), before, "{version}");
            said
        };
        client.tick(Duration::from_secs(1)).unwrap();
        assert!(!reflect(&mut client).is_empty(), "its hello");
        client
            .receive(&mut hello.clone(), NOW, &mut |_| {})
            .unwrap();
        let flight = reflect(&mut client);
        assert!(!flight.is_empty(), "its Finished");
        for mut datagram in flight {
            server.receive(&mut datagram, NOW, &mut |_| {}).unwrap();
        }
        carry(&mut server, &mut client);
        assert!(client.is_established() && server.is_established());
    }
}

/// RFC 6347 §4.2.1: the first ServerHello has the record number of the hello that it answers, and from there on
/// numbers go up; the message numbers go on from the hello's, too.
#[cfg(feature = "hello-verify")]
#[test]
fn a_servers_numbers_go_on_from_the_hello() {
    let psk = Psk::new("tester", [7; 32]).unwrap();
    let versions = [ProtocolVersion::DTLS1_2];
    let client = ClientConfig::builder(ServerTrust::psk(psk.clone()));
    let server = ServerConfig::builder(ServerIdentity::psk(psk)).versions(versions);
    let (client, server) = (
        client.versions(versions).build().unwrap(),
        server.build().unwrap(),
    );
    let mut client = Connection::client(client.into(), ServerName::unnamed(), "client".into(), NOW);
    client.begin(NOW).unwrap();
    // It comes twice before there is an answer.
    client.tick(Duration::from_secs(1)).unwrap();
    let _ = client.transmit();
    let hello = client.transmit().unwrap();
    let cookies = Arc::new(crate::cookie::CookieContext::new().unwrap());
    let verification = HelloVerification::Cookies(cookies);
    let mut entrance = Entrance::new(verification, Choices13::default(), 1);
    let mut reply = ReplyBuffer::new();
    let Verdict::Challenge(request) = entrance.check(b"client", &hello, NOW, &mut reply) else {
        panic!("no challenge");
    };
    let mut request = request.to_vec();
    client.receive(&mut request, NOW, &mut |_| {}).unwrap();
    let hello = client.transmit().unwrap();
    let Verdict::Verified(verified) = entrance.check(b"client", &hello, NOW, &mut reply) else {
        panic!("a good cookie");
    };
    let mut server = Connection::server(server.into(), *verified, "server".into(), NOW);
    server.begin(NOW).unwrap();
    let numbers = |datagram: &[u8]| -> Vec<(u64, u8)> {
        Records::new(&mut datagram.to_vec())
            .map(|record| record.unwrap().full())
            .map(|(header, fragment)| (header.sequence, fragment[5]))
            .collect()
    };
    assert_eq!(numbers(&hello), [(2, 1)]);
    let flight = [(2, 1), (3, 2), (4, 3)];
    assert_eq!(numbers(&server.transmit().unwrap()), flight);
    carry(&mut server, &mut client);
}

/// RFC 6066 §3: a server that uses the name says so, and no other does.
#[cfg(feature = "x509")]
#[test]
fn a_server_acknowledges_a_name_that_makes_a_difference() {
    use crate::certificate::Identity;
    use crate::codec::Reader;
    use crate::wire::{Body, HandshakeHeader, ServerHello};

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["device.example".into()]).unwrap();
    let chain = vec![cert.der().to_vec()];
    let identity = Identity::from_der(chain, &signing_key.serialize_der()).unwrap();
    let trust = || ServerTrust::pinned([identity.fingerprint()]);
    let by_name = {
        let identity = identity.clone();
        ServerIdentity::resolver(move |_: Option<&str>| vec![identity.clone()])
    };
    for (server, acknowledges) in [
        (by_name, true),
        (ServerIdentity::certificate(identity.clone()), false),
    ] {
        let (_, mut server) = pair_of(trust(), server);
        let mut flight = server.transmit().unwrap();
        let (_, record) = Records::new(&mut flight).next().unwrap().unwrap().full();
        let (_, hello) = HandshakeHeader::read_fragment(&mut Reader::new(record)).unwrap();
        let extensions = ServerHello::decode(hello).unwrap().extensions;
        assert_eq!(extensions.server_name, acknowledges);
    }
}

/// A client of both suites, and a server that prefers the second, behind a HelloRetryRequest by a server that shares its
/// cookies and prefers the first. Both hellos are changed on the way.
fn retried_elsewhere(change: fn(&mut [u8])) -> (Connection, Connection) {
    use crate::cookie::CookieContext;
    use crate::wire::CipherSuite;
    let psk = Psk::new("tester", [7; 32]).unwrap();
    let suites = [
        CipherSuite::TLS_AES_128_GCM_SHA256,
        CipherSuite::TLS_CHACHA20_POLY1305_SHA256,
    ];
    let [first, second] = [suites, [suites[1], suites[0]]].map(|suites| {
        let server = ServerConfig::builder(ServerIdentity::psk(psk.clone()))
            .versions([ProtocolVersion::DTLS1_3])
            .cipher_suites(suites);
        Arc::new(server.build().unwrap())
    });
    let context = Arc::new(CookieContext::new().unwrap());
    let [mut asks, mut answers] = [&first, &second].map(|server| {
        let cookies = HelloVerification::Cookies(context.clone());
        Entrance::new(cookies, server.choices13(), 1)
    });
    let client = ClientConfig::builder(ServerTrust::psk(psk)).cipher_suites(suites);
    let client = client.build().unwrap();
    let name = ServerName::unnamed();
    let mut client = Connection::client(client.into(), name, "client".into(), NOW);
    client.begin(NOW).unwrap();
    let mut hello = client.transmit().unwrap();
    change(&mut hello);
    let mut reply = ReplyBuffer::new();
    let Verdict::Challenge(request) = asks.check(b"client", &hello, NOW, &mut reply) else {
        panic!("no challenge");
    };
    let mut request = request.to_vec();
    client.receive(&mut request, NOW, &mut |_| {}).unwrap();
    let mut hello = client.transmit().unwrap();
    change(&mut hello);
    let mut reply = ReplyBuffer::new();
    let Verdict::Verified(hello) = answers.check(b"client", &hello, NOW, &mut reply) else {
        panic!("not let in");
    };
    let server = Connection::server(second, *hello, "server".into(), NOW);
    (client, server)
}

/// RFC 8446 §4.1.4: the suite of the HelloRetryRequest.
#[test]
fn a_server_goes_on_with_the_suite_of_anothers_hello_retry_request() {
    let (mut client, mut server) = retried_elsewhere(|_| ());
    server.begin(NOW).unwrap();
    carry(&mut server, &mut client);
    carry(&mut client, &mut server);
    assert!(client.is_established() && server.is_established());
}

/// RFC 8446 §4.1.2, also where a cookie says which suite it is.
#[test]
fn d15_a_hello_with_compression_is_refused_behind_a_cookie_too() {
    let (_, mut server) = retried_elsewhere(|hello| {
        // Behind the random neither a session ID nor a cookie, but a list of suites.
        let suites = RECORD_HEADER + 12 + 2 + 32 + 1 + 1;
        let method = suites + 2 + usize::from(hello[suites + 1]) + 1;
        assert_eq!(hello[method - 1..=method], [1, 0]);
        hello[method] = 1;
    });
    let outcome = server.begin(NOW);
    assert!(
        matches!(outcome, Err(Error::IllegalParameter(_))),
        "{outcome:?}"
    );
}

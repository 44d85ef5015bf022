//! Hellos of DTLS 1.3.

use super::*;
use crate::crypto::SUITES13;
use crate::wire::{KeyShareAnswer, NamedGroup, RECORD_HEADER, ServerHello};
use allocation_counter::measure;

/// What is offered besides what [`Hello::new`] offers.
#[derive(Clone)]
struct Offer {
    versions: Vec<u16>,
    shares: Vec<u16>,
    cookie: Option<Vec<u8>>,
}

impl Offer {
    fn new() -> Self {
        Offer {
            versions: vec![0xfefc, 0xfefd],
            shares: vec![29],
            cookie: None,
        }
    }

    fn hello(&self) -> Hello {
        let extensions = Writer::bytes_of(|w| {
            w.u16(10);
            w.vec16(|w| w.u16_list([29, 23]));
            w.u16(43);
            w.vec16(|w| w.vec8(|w| self.versions.iter().for_each(|version| w.u16(*version))));
            w.u16(51);
            w.vec16(|w| {
                w.vec16(|w| {
                    for group in &self.shares {
                        w.u16(*group);
                        w.vec16(|w| w.bytes(&[9; 32]));
                    }
                });
            });
            if let Some(cookie) = &self.cookie {
                w.u16(44);
                w.vec16(|w| w.vec16(|w| w.bytes(cookie)));
            }
        });
        Hello {
            session_id: vec![],
            cipher_suites: vec![0x1301, 0xc02b],
            extensions: Some(extensions),
            ..Hello::new()
        }
    }

    fn again(&self, cookie: &[u8]) -> Offer {
        Offer {
            cookie: Some(cookie.to_vec()),
            ..self.clone()
        }
    }
}

/// A gate before a server that speaks both versions.
fn gate13() -> Gate {
    gate_of(vec![NamedGroup::X25519, NamedGroup::SECP256R1])
}

fn gate_of(groups: Vec<NamedGroup>) -> Gate {
    let context = Arc::new(CookieContext::new().unwrap());
    let choices = Choices13 {
        suites: SUITES13.iter().collect(),
        groups,
    };
    Gate::new(HelloVerification::Cookies(context), choices)
}

fn retry_request(reply: &[u8]) -> ServerHello {
    ServerHello::decode(&reply[25..]).unwrap()
}

fn retry_cookie(gate: &Gate, offer: &Offer) -> Vec<u8> {
    let reply = ask(gate, &offer.hello().datagram()).reply();
    retry_request(&reply).extensions.cookie.unwrap()
}

/// What a hello gets: a request of this type, a handshake of this version, or an alert.
fn outcome(answer: Answer) -> &'static str {
    match answer {
        Answer::Challenge(reply) if reply[13] == HandshakeType::SERVER_HELLO.0 => "retry",
        Answer::Challenge(_) => "verify",
        Answer::Verified(hello) if hello.retried().is_some() => "1.3",
        Answer::Verified(_) => "1.2",
        Answer::Refuse(_) => "alert",
        Answer::Drop(_) | Answer::NoContext => "nothing",
    }
}

/// Every cookie of either version, in a hello that offers DTLS 1.3 and in one that does not.
#[test]
fn a09_one_table_decides_about_both_versions_and_both_cookies() {
    let gate = gate13();
    let new = Offer::new();
    let old = Offer {
        versions: vec![0xfefd],
        ..Offer::new()
    };
    // What a cookie of DTLS 1.2 is bound to is the same in both hellos.
    let good_old = ask(&gate, &old.hello().datagram()).cookie();
    let good_new = retry_cookie(&gate, &new);
    let bad = |cookie: &[u8]| {
        let mut bad = cookie.to_vec();
        *bad.last_mut().unwrap() ^= 1;
        bad
    };
    let old_cookies = [vec![], good_old.clone(), bad(&good_old)];
    let new_cookies = [None, Some(good_new.clone()), Some(bad(&good_new))];
    let table = [
        (
            &new,
            [["retry", "1.3", "alert"], ["alert"; 3], ["alert"; 3]],
        ),
        (&old, [["verify"; 3], ["1.2"; 3], ["verify"; 3]]),
    ];
    for (offer, rows) in table {
        for (old_cookie, row) in old_cookies.iter().zip(rows) {
            for (new_cookie, expected) in new_cookies.iter().zip(row) {
                let offer = Offer {
                    cookie: new_cookie.clone(),
                    ..offer.clone()
                };
                let hello = Hello {
                    cookie: old_cookie.clone(),
                    ..offer.hello()
                };
                let what = format!("{:?} {old_cookie:?} {new_cookie:?}", offer.versions);
                assert_eq!(outcome(ask(&gate, &hello.datagram())), expected, "{what}");
            }
        }
    }
}

/// The answer that nobody kept is made again, byte for byte, and asks for a share only where none will do.
#[test]
fn the_request_is_made_again_from_the_cookie() {
    for (shares, group) in [
        (vec![29], None),
        (vec![24, 23], None),
        (vec![], Some(NamedGroup::X25519)),
        (vec![24], Some(NamedGroup::X25519)),
    ] {
        let gate = gate13();
        let offer = Offer {
            shares,
            ..Offer::new()
        };
        let reply = ask(&gate, &offer.hello().datagram()).reply();
        let request = retry_request(&reply);
        assert!(request.is_retry_request());
        assert_eq!(request.encode(), reply[25..]);
        let extensions = &request.extensions;
        assert_eq!(extensions.key_share, group.map(KeyShareAnswer::Group));
        let cookie = extensions.cookie.as_ref().unwrap();
        let hello = offer.again(cookie).hello().datagram();
        let verified = ask(&gate, &hello).verified();
        let retried = verified.retried().unwrap();
        assert_eq!(retried.request, reply[25..]);
        assert_eq!(retried.state.group, group);
        let body = offer.hello().body();
        let header = [1, 0, 0, body.len() as u8];
        let hash = SUITES13[0].hash.digest_of(&[&header, &body]);
        assert_eq!(retried.state.hello_hash(), hash.as_ref());
    }
}

/// RFC 9147 §5: a session ID is repeated by no server of DTLS 1.3.
#[test]
fn p63_the_request_repeats_no_session_id() {
    let hello = Hello {
        session_id: vec![7; 32],
        ..Offer::new().hello()
    };
    let reply = ask(&gate13(), &hello.datagram()).reply();
    assert!(retry_request(&reply).session_id.is_empty());
}

/// The cookie is bound to the address, to the time, and to everything that the second hello repeats.
#[test]
fn a03_a04_a05_a_retry_cookie_is_good_for_one_client_and_hello() {
    let gate = gate13();
    let cookie = retry_cookie(&gate, &Offer::new());
    let good = Offer::new().again(&cookie).hello();
    assert_eq!(outcome(ask(&gate, &good.datagram())), "1.3");
    let elsewhere = ask_at(&gate, b"192.0.2.1:40001", &good.datagram(), NOW);
    assert_eq!(outcome(elsewhere), "alert");
    let changed = [
        Hello {
            random: [8; 32],
            ..good.clone()
        },
        Hello {
            cipher_suites: vec![0x1301],
            ..good.clone()
        },
    ];
    for hello in changed {
        assert_eq!(outcome(ask(&gate, &hello.datagram())), "alert");
    }
    // The session ID alone is not bound: it serves nobody in DTLS 1.3.
    let other_session = Hello {
        session_id: vec![1],
        ..good.clone()
    };
    assert_eq!(outcome(ask(&gate, &other_session.datagram())), "1.3");
    for at in 0..cookie.len() {
        let mut cookie = cookie.clone();
        cookie[at] ^= 1;
        let hello = Offer::new().again(&cookie).hello();
        assert_eq!(outcome(ask(&gate, &hello.datagram())), "alert", "byte {at}");
        let hello = Offer::new().again(&cookie[..at.max(1)]).hello();
        assert_eq!(
            outcome(ask(&gate, &hello.datagram())),
            "alert",
            "{at} bytes"
        );
    }
    assert_eq!(outcome(ask(&gate, &good.datagram())), "1.3", "still good");
    // The gate forgets its key then, so nothing can be asked behind this.
    let late = NOW + Duration::from_secs(256);
    assert_eq!(
        outcome(ask_at(&gate, ADDRESS, &good.datagram(), late)),
        "alert"
    );
}

#[test]
fn a01_a_stranger_gets_less_than_three_times_what_it_sends() {
    let gate = gate13();
    let shortest = Hello {
        cipher_suites: vec![0x1302],
        ..Offer {
            versions: vec![0xfefc],
            shares: vec![],
            cookie: None,
        }
        .hello()
    };
    let datagram = shortest.datagram();
    let mut reply = ReplyBuffer::new();
    let Verdict::Challenge(reply) = gate.check(ADDRESS, &datagram, NOW, &mut reply) else {
        panic!("no challenge");
    };
    assert!(reply.len() < 2 * datagram.len(), "{}", reply.len());
    let refused = Hello {
        cookie: vec![1],
        ..shortest
    };
    let datagram = refused.datagram();
    match ask(&gate, &datagram) {
        Answer::Refuse(alert) => assert!(alert.len() < datagram.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_with_nothing_in_common_is_told() {
    let gate = gate13();
    let none = Offer {
        shares: vec![24],
        ..Offer::new()
    };
    let mut hello = none.hello();
    hello.cipher_suites = vec![0x1304, 0xc02b];
    let other_groups = gate_of(vec![NamedGroup::SECP384R1]);
    for (gate, hello, description) in [
        // RFC 8446 §4.1.1: handshake_failure.
        (&gate, hello, 40),
        (&other_groups, Offer::new().hello(), 40),
        // RFC 8446 §9.2: missing_extension.
        (&gate, without(ExtensionType::SUPPORTED_GROUPS), 109),
        (&gate, without(ExtensionType::KEY_SHARE), 109),
    ] {
        let datagram = hello.datagram();
        match ask(gate, &datagram) {
            Answer::Refuse(alert) => {
                assert_eq!(alert[13..], [2, description]);
                assert!(alert.len() < datagram.len());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// RFC 9147 §5.1: a server may answer a bad cookie with an alert. Whatever hello is refused gets one record that
/// is shorter than itself, however often it comes; so an alert costs its cause more than it brings, and there is
/// nothing that counts, for which a stranger would have to be remembered.
#[test]
fn a20_a_hello_that_is_refused_gets_one_alert_shorter_than_itself() {
    const ALERT: usize = RECORD_HEADER + 2;
    let gate = gate13();
    let cookie = retry_cookie(&gate, &Offer::new());
    let damaged = |at: usize| {
        let mut cookie = cookie.clone();
        cookie[at] ^= 1;
        Offer::new().again(&cookie).hello()
    };
    let no_suite = Hello {
        cipher_suites: vec![0x1304],
        ..Offer::new().hello()
    };
    let old_cookie = Hello {
        cookie: vec![7; 17],
        ..Offer::new().hello()
    };
    let refused = [
        damaged(0),
        damaged(1),
        damaged(cookie.len() - 1),
        Offer::new().again(&[0]).hello(),
        no_suite,
        old_cookie,
        without(ExtensionType::SUPPORTED_GROUPS),
        without(ExtensionType::KEY_SHARE),
    ];
    for hello in refused {
        for record_sequence in 0..3 {
            let hello = Hello {
                record_sequence,
                ..hello.clone()
            };
            let datagram = hello.datagram();
            match ask(&gate, &datagram) {
                Answer::Refuse(alert) => {
                    assert_eq!(alert.len(), ALERT);
                    assert_eq!(alert[..3], [21, 0xfe, 0xfd]);
                    // RFC 9147 §5.1: under the number of what it answers.
                    assert_eq!(alert[3..11], datagram[3..11]);
                    assert_eq!(alert[11..14], [0, 2, 2], "fatal");
                    assert!(alert.len() < datagram.len());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // To a server that speaks DTLS 1.2 alone none of these is anything but a hello without a cookie.
    let old = super::gate();
    assert!(ask(&old, &damaged(0).datagram()).is_challenge());
}

/// A hello with all extensions but this one.
fn without(left_out: ExtensionType) -> Hello {
    let hello = Offer::new().hello();
    let extensions = hello.extensions.clone().unwrap();
    let mut reader = Reader::new(&extensions);
    let mut kept = Vec::new();
    while let Ok(typ) = reader.u16() {
        let body = reader.vec16().unwrap();
        if typ != left_out.0 {
            kept.extend(Writer::bytes_of(|w| {
                w.u16(typ);
                w.vec16(|w| w.bytes(body));
            }));
        }
    }
    Hello {
        extensions: Some(kept),
        ..hello
    }
}

/// The same is true of DTLS 1.3.
#[test]
fn a13_no_verdict_on_a_stranger_that_offers_dtls_1_3_allocates() {
    let gate = gate13();
    let offers = [
        Offer::new(),
        Offer {
            shares: vec![24],
            ..Offer::new()
        },
        Offer::new().again(&[7; 53]),
        Offer::new().again(&[0; 1]),
    ];
    let mut datagrams: Vec<_> = offers
        .iter()
        .map(|offer| offer.hello().datagram())
        .collect();
    let whole = datagrams[0].clone();
    datagrams.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
    let mut reply = ReplyBuffer::new();
    // The first cookie key is drawn when the first cookie is.
    let _ = gate.check(ADDRESS, &whole, NOW, &mut reply);
    for datagram in &datagrams {
        let info = measure(|| {
            let verdict = gate.check(ADDRESS, datagram, NOW, &mut reply);
            assert!(!matches!(verdict, Verdict::Verified(_)));
        });
        assert_eq!(info.count_total, 0, "{datagram:02x?}");
    }
}

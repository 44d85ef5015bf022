//! Who proves what by a binder (RFC 8446 §4.2.11), and early data, which nobody sends.

use super::super::keys13::{PskKind, binders_made};
use super::honest::{HOUR, Set, Store, TODAY, psk};
use super::honest13::*;
use super::puppet::{Puppet, Verdict};
use crate::crypto::Secret;
use crate::error::Error;
use crate::wire::{
    AlertDescription, Body, ClientExtensions, ClientHello, EncryptedExtensions, ExtensionType,
    HandshakeType, HelloVerifyRequest, NamedGroup, ProtocolVersion, ServerHello,
};
use std::sync::Arc;

/// RFC 8446 §4.2.11: a binder that does not verify ends the handshake, and tells nobody which keys there
/// are.
#[test]
fn d21_g05_j07_a_server_goes_on_with_a_key_only_if_its_binder_is_right() {
    type Case = (&'static str, &'static [&'static [u8]], fn(&mut ClientHello));
    let refused: [Case; 8] = [
        ("cut", &[b"tester"], |hello| {
            psks(hello).binders[0].pop();
        }),
        ("longer", &[b"tester"], |hello| {
            psks(hello).binders[0].push(0);
        }),
        ("empty", &[b"tester"], |hello| {
            psks(hello).binders[0].clear();
        }),
        ("of a ticket", &[b"tester"], |hello| {
            psks(hello).binders[0] = binder(hello, &[], PskKind::Resumption);
        }),
        ("of another hello", &[b"tester"], |hello| {
            hello.random[0] ^= 1;
        }),
        ("of another key's", &[b"nobody", b"tester"], |hello| {
            psks(hello).binders[1][0] ^= 1;
        }),
        ("of no known key", &[b"nobody"], |_| ()),
        (
            "of a key that is not looked at",
            &[b"1", b"2", b"3", b"4", b"tester"],
            |_| (),
        ),
    ];
    for (case, identities, change) in refused {
        let mut hello = bound(hello13(), &[], identities);
        change(&mut hello);
        let puppet = puppet_client(server13(), &hello);
        let verdict = Verdict::Failed(Error::UnknownPskIdentity);
        assert_eq!(puppet.verdict(), verdict, "{case}");
    }
    let alert = Error::UnknownPskIdentity.alert();
    assert_eq!(alert, Some(AlertDescription::DECRYPT_ERROR));
    for bit in 0..8 * HASH.len() {
        let mut hello = bound(hello13(), &[], &[b"tester"]);
        psks(&mut hello).binders[0][bit / 8] ^= 1 << (bit % 8);
        let puppet = puppet_client(server13(), &hello);
        assert_ne!(puppet.verdict(), Verdict::Waits, "{bit}");
    }
    // As many binders as keys.
    for binders in [1, 3] {
        let mut hello = bound(hello13(), &[], &[b"tester", b"nobody"]);
        psks(&mut hello).binders.resize(binders, vec![0; 32]);
        let puppet = puppet_client(server13(), &hello);
        let number = Error::IllegalParameter("number of binders");
        assert_eq!(puppet.verdict(), Verdict::Failed(number));
    }
    // Whatever is wrong with what nobody knows is nothing.
    for (identities, place) in [
        (&[&b"tester"[..]][..], 0),
        (&[b"nobody", b"tester"], 1),
        (&[b"1", b"2", b"3", b"tester"], 3),
    ] {
        let mut hello = bound(hello13(), &[], identities);
        psks(&mut hello).binders[..place].fill(vec![0; 32]);
        let mut puppet = puppet_client(server13(), &hello);
        let answer = puppet.hear::<ServerHello>();
        assert_eq!(answer.extensions.pre_shared_key, Some(place as u16));
    }
}

/// Hazard J7: how long a refusal takes does not tell whether the identity is known. And whatever key is used in its
/// place, nobody is let in by it.
#[test]
fn j07_a_server_makes_one_binder_whatever_it_refuses() {
    let offers: [&[&[u8]]; 5] = [
        &[b"tester"],
        &[b"nobody"],
        &[b"nobody", b"tester"],
        &[b"1", b"2"],
        &[b"1", b"2", b"3", b"4", b"tester"],
    ];
    for identities in offers {
        for key in [vec![0; 32], vec![9; 32]] {
            let mut hello = bound(hello13(), &[], identities);
            let wrong = binder_by(&Secret::new(key), &hello, &[], PskKind::External);
            psks(&mut hello).binders.fill(wrong);
            let before = binders_made();
            let puppet = puppet_client(server13(), &hello);
            let refused = Verdict::Failed(Error::UnknownPskIdentity);
            assert_eq!(puppet.verdict(), refused, "{identities:?}");
            assert_eq!(binders_made() - before, 1, "{identities:?}");
        }
    }
}

/// RFC 8446 §4.2.11: what stands behind the binders would be vouched for by none.
#[test]
fn g05_nothing_stands_behind_the_binders() {
    let hello = bound(hello13(), &[], &[b"tester"]);
    let mut body = hello.encode();
    assert!(ClientHello::decode(&body).is_ok());
    let without = ClientHello {
        extensions: ClientExtensions::default(),
        ..hello
    };
    // An extension that nobody knows, and the length of them all.
    let at = without.encode().len() - 2;
    body.extend([0xfa, 0xfa, 0, 0]);
    let length = u16::try_from(body.len() - at - 2).unwrap();
    body[at..at + 2].copy_from_slice(&length.to_be_bytes());
    assert!(ClientHello::decode(&body).is_err());
}

/// RFC 8446 §4.2.11.2: behind a HelloRetryRequest they are made over what came before, too.
#[test]
fn d17_g05_binders_are_made_anew_behind_a_hello_retry_request() {
    let retried = |make: fn(ClientHello, &ClientHello, &ServerHello) -> ClientHello| {
        let server = server13().groups([NamedGroup::SECP384R1]);
        let first = bound(hello13(), &[], &[b"tester"]);
        let mut puppet = puppet_client(server, &first);
        let request = puppet.hear::<ServerHello>();
        assert!(request.is_retry_request());
        let mut second = first.clone();
        second.extensions.key_shares = Some(vec![share(NamedGroup::SECP384R1)]);
        puppet.say(&make(second, &first, &request));
        puppet.verdict()
    };
    let refused = Verdict::Failed(Error::UnknownPskIdentity);
    assert_eq!(retried(|second, _, _| second), refused, "the old one");
    let alone = retried(|second, _, _| bound(second, &[], &[b"tester"]));
    assert_eq!(alone, refused, "over the second hello alone");
    let good = retried(|second, first, request| {
        bound(second, &before_second(first, request), &[b"tester"])
    });
    assert_eq!(good, Verdict::Waits);

    // A client does the same, also behind a HelloVerifyRequest, which is in no transcript.
    let mut puppet = puppet_server(client13());
    let check = |hello: &ClientHello, before: &[u8]| {
        let good = binder(hello, before, PskKind::External);
        let binders = &hello.extensions.pre_shared_key.as_ref().unwrap().binders;
        assert_eq!(*binders, [good]);
    };
    check(&puppet.hear(), &[]);
    puppet.say(&HelloVerifyRequest {
        version: ProtocolVersion::DTLS1_0,
        cookie: vec![7; 20],
    });
    check(&puppet.hear(), &[]);
    let mut puppet = puppet_server(client13());
    let first = puppet.hear();
    check(&first, &[]);
    let request = retry_request();
    puppet.say(&request);
    check(&puppet.hear(), &before_second(&first, &request));
}

/// RFC 8446 §4.2.11: a ticket and the key beside it, each with a proof of its own, in every hello.
#[test]
fn g01_a_client_offers_its_ticket_first_and_then_the_key_that_it_was_told() {
    let session = session13();
    let check = |hello: &ClientHello, before: &[u8]| {
        let offered = hello.extensions.pre_shared_key.as_ref().unwrap();
        let identities = offered.identities.iter().map(|psk| &*psk.identity);
        assert!(identities.eq([&TICKET[..], psk().identity()]));
        let master = &session.state().master;
        let good = [
            binder_by(master, hello, before, PskKind::Resumption),
            binder(hello, before, PskKind::External),
        ];
        assert_eq!(offered.binders, good);
    };
    let approach = || {
        let client = client13().sessions(Store::with(session.clone()));
        let mut puppet = puppet_server(client);
        let first = puppet.hear();
        check(&first, &[]);
        (puppet, first)
    };
    let choices = [
        (None, Verdict::Waits),
        (Some(0), Verdict::Waits),
        (Some(1), Verdict::Waits),
        (
            Some(2),
            Verdict::Failed(Error::IllegalParameter("pre-shared key")),
        ),
    ];
    for (choice, verdict) in choices {
        let mut answer = answer13();
        answer.extensions.pre_shared_key = choice;
        let (mut puppet, _) = approach();
        puppet.say(&answer);
        assert_eq!(puppet.verdict(), verdict, "{choice:?}");

        let (mut puppet, first) = approach();
        let request = retry_request();
        puppet.say(&request);
        check(&puppet.hear(), &before_second(&first, &request));
        puppet.say(&answer);
        assert_eq!(puppet.verdict(), verdict, "{choice:?}, after a request");
    }
    let (mut puppet, _) = approach();
    puppet.say(&HelloVerifyRequest {
        version: ProtocolVersion::DTLS1_0,
        cookie: vec![7; 20],
    });
    check(&puppet.hear(), &[]);
}

/// RFC 8446 §4.1.2: the age of a ticket is told anew, too. §4.2.11.1: in milliseconds, and disguised.
#[test]
fn a_tickets_age_is_told_as_it_is_in_every_hello() {
    let answers: [fn(&mut Puppet); 2] = [
        |puppet| puppet.say(&retry_request()),
        |puppet| {
            puppet.say(&HelloVerifyRequest {
                version: ProtocolVersion::DTLS1_0,
                cookie: vec![7; 20],
            });
        },
    ];
    for answer in answers {
        let clock = Arc::new(Set::to(TODAY));
        let store = Store::with(session13());
        let client = client13().sessions(store).clock(clock.clone());
        let mut puppet = puppet_server(client);
        let age = |puppet: &mut Puppet| {
            let hello = puppet.hear::<ClientHello>();
            let offered = hello.extensions.pre_shared_key.unwrap();
            let [ticket, external] = &offered.identities[..] else {
                panic!("{offered:?}");
            };
            assert_eq!(external.obfuscated_ticket_age, 0);
            ticket.obfuscated_ticket_age.wrapping_sub(AGE_ADD)
        };
        assert_eq!(u64::from(age(&mut puppet)), HOUR * 1000);
        clock.set(TODAY + 5);
        answer(&mut puppet);
        assert_eq!(u64::from(age(&mut puppet)), HOUR * 1000 + 5000);
    }
}

/// Nothing that could be replayed is sent before the handshake, and nothing that was is taken.
#[test]
fn g06_early_data_is_neither_offered_nor_accepted() {
    let mut puppet = puppet_server(client13());
    assert!(!puppet.hear::<ClientHello>().extensions.early_data);
    puppet.say(&answer13());
    puppet.write_under(handshake_keys());
    let [high, low] = ExtensionType::EARLY_DATA.0.to_be_bytes();
    let accepted = [0, 4, high, low, 0, 0];
    puppet.say_bytes(HandshakeType::ENCRYPTED_EXTENSIONS, &accepted);
    let unsolicited = Error::UnsolicitedExtension(ExtensionType::EARLY_DATA);
    assert_eq!(puppet.verdict(), Verdict::Failed(unsolicited));

    let mut hello = hello13();
    hello.extensions.early_data = true;
    let mut puppet = puppet_client(server13(), &bound(hello, &[], &[b"tester"]));
    puppet.hear::<ServerHello>();
    let extensions = puppet.hear::<EncryptedExtensions>().extensions;
    assert!(!extensions.types.contains(&ExtensionType::EARLY_DATA));
    assert_eq!(puppet.verdict(), Verdict::Waits);
}

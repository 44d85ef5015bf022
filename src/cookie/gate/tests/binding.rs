//! What a cookie is bound to, and how long it is good.

use super::*;
use proptest::prelude::*;

#[test]
fn a_cookie_that_came_back_proves_the_address() {
    let (gate, hello) = proven();
    let hello = Hello {
        record_sequence: 77,
        ..hello
    };
    let verified = ask(&gate, &hello.datagram()).verified();
    assert_eq!(verified.record_sequence(), 77);
    assert_eq!(verified.message_seq(), 1);
    assert_eq!(verified.body(), hello.body());
    assert_eq!(verified.hello().random, hello.random);
    assert!(verified.hello().extensions.extended_master_secret);
}

#[test]
fn a03_another_address_is_challenged_anew() {
    let (gate, hello) = proven();
    for other in [b"192.0.2.1:40001".as_slice(), b"192.0.2.2:40000", b""] {
        assert!(ask_at(&gate, other, &hello.datagram(), NOW).is_challenge());
    }
}

#[test]
fn a04_a_changed_hello_is_challenged_anew() {
    let (gate, hello) = proven();
    let changes: [fn(&mut Hello); 7] = [
        |hello| hello.version = 0xfeff,
        |hello| hello.random[31] ^= 1,
        |hello| hello.cipher_suites = vec![0xc02b],
        |hello| hello.cipher_suites.reverse(),
        |hello| hello.cipher_suites.push(0xc02f),
        |hello| hello.compression_methods = vec![1],
        |hello| hello.compression_methods = vec![0, 1],
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut changed = hello.clone();
        change(&mut changed);
        let answer = ask(&gate, &changed.datagram());
        assert!(answer.is_challenge(), "change {i}: {answer:?}");
    }
}

#[test]
fn a04_no_byte_moves_from_one_field_to_the_next() {
    let (gate, hello) = proven();
    let address = [ADDRESS, &[0xfe]].concat();
    assert!(ask_at(&gate, &address, &hello.datagram(), NOW).is_challenge());

    // The same bytes in a row, cut between suites and compression methods elsewhere.
    let mut first = Hello::new();
    first.cipher_suites = vec![0xc02b, 0x0100];
    first.compression_methods = vec![0];
    let cookie = ask(&gate, &first.datagram()).cookie();
    let mut second = first.with_cookie(&cookie);
    second.cipher_suites = vec![0xc02b];
    second.compression_methods = vec![1, 0, 0];
    assert!(ask(&gate, &second.datagram()).is_challenge());
}

/// Mbed TLS 2.28 draws another for each hello in which it shows a ticket.
#[test]
fn another_session_id_leaves_the_cookie_good() {
    let (gate, hello) = proven();
    for session_id in [vec![], vec![1, 2, 4], vec![9; 32]] {
        let changed = Hello {
            session_id,
            ..hello.clone()
        };
        ask(&gate, &changed.datagram()).verified();
    }
}

#[test]
fn p26_changed_extensions_leave_the_cookie_good() {
    let (gate, hello) = proven();
    for extensions in [None, Some(vec![]), Some(vec![0xff, 1, 0, 1, 0])] {
        let changed = Hello {
            extensions,
            ..hello.clone()
        };
        ask(&gate, &changed.datagram()).verified();
    }
}

#[test]
fn a05_an_old_cookie_is_as_none() {
    let (gate, hello) = proven();
    let at = |seconds| ask_at(&gate, ADDRESS, &hello.datagram(), NOW + seconds);
    at(Duration::from_secs(128)).verified();
    assert!(at(Duration::from_secs(256)).is_challenge());
}

#[test]
fn p38_keys_rotate_in_the_middle_of_a_handshake() {
    let gate = gate();
    let period = Duration::from_secs(128);
    let first = Hello::new();
    let cookie = ask_at(&gate, ADDRESS, &first.datagram(), period * 3 - period / 100).cookie();
    let second = first.with_cookie(&cookie).datagram();
    ask_at(&gate, ADDRESS, &second, period * 3).verified();
}

#[test]
fn a07_two_contexts_never_accept_each_others_cookies() {
    let (_, hello) = proven();
    assert!(ask(&gate(), &hello.datagram()).is_challenge());
}

#[test]
fn a08_a_cookie_has_one_length_and_every_bit_counts() {
    let (gate, hello) = proven();
    let cookie = &hello.cookie;
    for byte in 0..cookie.len() {
        for bit in 0..8 {
            let mut altered = hello.clone();
            altered.cookie[byte] ^= 1 << bit;
            assert!(ask(&gate, &altered.datagram()).is_challenge());
        }
    }
    for length in (0..=255).filter(|length| *length != cookie.len()) {
        let mut altered = hello.clone();
        altered.cookie.resize(length, 0);
        assert!(ask(&gate, &altered.datagram()).is_challenge());
    }
}

proptest! {
    #[test]
    fn a04_damage_to_a_good_hello_never_passes_in_what_is_signed(
        damage in proptest::collection::vec((0_usize..100, any::<u8>()), 1..4),
    ) {
        let (gate, hello) = proven();
        let mut datagram = hello.datagram();
        for (place, value) in damage {
            if let Some(byte) = datagram.get_mut(place) {
                *byte = value;
            }
        }
        if let Answer::Verified(verified) = ask(&gate, &datagram) {
            let got = verified.hello();
            prop_assert_eq!(got.version.0, hello.version);
            prop_assert_eq!(got.random, hello.random);
            prop_assert_eq!(&got.cookie, &hello.cookie);
            prop_assert_eq!(&got.compression_methods, &hello.compression_methods);
            let suites: Vec<u16> = got.cipher_suites.iter().map(|suite| suite.0).collect();
            prop_assert_eq!(suites, hello.cipher_suites);
        }
    }
}

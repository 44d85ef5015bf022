//! What anyone may send.

use super::*;
use crate::wire::RECORD_HEADER;
use proptest::prelude::*;

#[test]
fn a08_a_length_that_lies_is_malformed() {
    let (gate, hello) = proven();
    // Session id, cookie, suites, compression methods, extensions.
    for place in [59, 63, 82, 87, 90] {
        let mut datagram = hello.datagram();
        datagram[place] = 250;
        assert!(matches!(
            ask(&gate, &datagram).dropped(),
            GateDrop::Malformed(_)
        ));
    }
}

#[test]
fn a08_p34_no_truncation_verifies() {
    let (gate, hello) = proven();
    let whole = hello.datagram();
    let waived = Gate::new(HelloVerification::Waived, Choices13::default());
    for length in 0..whole.len() {
        // As it is, and with lengths in both headers that are true.
        let mut cut = whole[..length].to_vec();
        ask(&gate, &cut).dropped();
        ask(&waived, &cut).dropped();
        // Without its last field, the extensions, a hello is whole again.
        let whole_again = length == whole.len() - 6;
        if length > 25 && !whole_again {
            cut[12] = length as u8 - 13;
            cut[16] = length as u8 - 25;
            cut[24] = length as u8 - 25;
            assert!(matches!(ask(&gate, &cut).dropped(), GateDrop::Malformed(_)));
            assert!(matches!(
                ask(&waived, &cut).dropped(),
                GateDrop::Malformed(_)
            ));
        }
    }
}

#[test]
fn a10_a_part_of_a_hello_gets_no_reply() {
    let (gate, hello) = proven();
    let body = hello.body();
    for (from, to) in [(0, 40), (0, 0), (40, body.len()), (body.len(), body.len())] {
        let header = HandshakeHeader {
            typ: HandshakeType::CLIENT_HELLO,
            length: body.len() as u32,
            message_seq: 0,
            fragment_offset: from as u32,
            fragment_length: (to - from) as u32,
        };
        let datagram = hello.datagram_of(header, &body[from..to]);
        assert_eq!(ask(&gate, &datagram).dropped(), GateDrop::Fragmented);
    }
}

#[test]
fn a14_a20_p36_what_is_no_hello_in_the_clear_is_dropped() {
    let gate = gate();
    let datagram = Hello::new().datagram();
    let mut tls = vec![22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3];
    tls.resize(80, 0);
    let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    stun.resize(80, 0);
    let mut encrypted = datagram.clone();
    encrypted[4] = 1;
    for datagram in [
        vec![],
        vec![22],
        vec![0; 80],
        vec![0xff; 80],
        tls,
        stun,
        encrypted,
    ] {
        assert_eq!(ask(&gate, &datagram).dropped(), GateDrop::NotAHello);
    }
    let tls_inside = Hello {
        version: 0x0303,
        ..Hello::new()
    };
    assert_eq!(
        ask(&gate, &tls_inside.datagram()).dropped(),
        GateDrop::WrongVersion(ProtocolVersion(0x0303))
    );
}

#[test]
fn a14_only_the_first_record_is_looked_at() {
    let (gate, hello) = proven();
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let behind = [&hello.datagram()[..], &alert].concat();
    ask(&gate, &behind).verified();
    let before = [&alert[..], &hello.datagram()].concat();
    assert_eq!(ask(&gate, &before).dropped(), GateDrop::NotAHello);
}

#[test]
fn a14_a_record_holds_one_hello_and_no_more_than_a_record_may() {
    let (gate, hello) = proven();
    let mut longer = hello.datagram();
    longer[12] += 1;
    longer.push(0);
    assert!(matches!(
        ask(&gate, &longer).dropped(),
        GateDrop::Malformed(_)
    ));

    let of_record_length = |length: usize| {
        let mut hello = Hello::new();
        let rest = length - (hello.datagram().len() - RECORD_HEADER);
        hello.extensions = hello.extensions.map(|mut extensions| {
            extensions.extend([0x42, 0x42]);
            extensions.extend(u16::try_from(rest - 4).unwrap().to_be_bytes());
            extensions.resize(extensions.len() + rest - 4, 0);
            extensions
        });
        hello.datagram()
    };
    assert!(ask(&gate, &of_record_length(MAX_PLAINTEXT)).is_challenge());
    let huge = ask(&gate, &of_record_length(MAX_PLAINTEXT + 1));
    assert!(matches!(huge.dropped(), GateDrop::Malformed(_)));
}

#[test]
fn a19_no_server_is_ever_answered() {
    let gate = gate();
    let reply = ask(&gate, &Hello::new().datagram()).reply();
    let of_a_server = GateDrop::OtherMessage(HandshakeType::HELLO_VERIFY_REQUEST);
    assert_eq!(ask(&gate, &reply).dropped(), of_a_server);
    for typ in (0..=255).filter(|typ| *typ != HandshakeType::CLIENT_HELLO.0) {
        let mut datagram = Hello::new().datagram();
        datagram[13] = typ;
        let other = GateDrop::OtherMessage(HandshakeType(typ));
        assert_eq!(ask(&gate, &datagram).dropped(), other);
    }
    for typ in (0..=255).filter(|typ| *typ != ContentType::HANDSHAKE.0) {
        let mut datagram = Hello::new().datagram();
        datagram[0] = typ;
        assert_eq!(ask(&gate, &datagram).dropped(), GateDrop::NotAHello);
    }
}

#[test]
fn p27_a_malformed_hello_with_a_good_cookie_does_not_pass() {
    let (gate, hello) = proven();
    for extensions in [vec![0], vec![0, 23, 0, 1], vec![0, 23, 0, 0, 0, 23, 0, 0]] {
        let malformed = Hello {
            extensions: Some(extensions),
            ..hello.clone()
        };
        let answer = ask(&gate, &malformed.datagram());
        assert!(matches!(answer.dropped(), GateDrop::Malformed(_)));
    }
}

/// It may have been meant by the one client that somebody waits for.
#[test]
fn what_is_dropped_tells_what_was_wrong_with_it() {
    let finished = GateDrop::OtherMessage(HandshakeType::FINISHED);
    let unexpected = finished.suspicion();
    assert!(matches!(
        unexpected,
        Some(Error::UnexpectedMessage {
            got: HandshakeType::FINISHED,
            expected: HandshakeType::CLIENT_HELLO,
        })
    ));
    let malformed = GateDrop::Malformed(DecodeError::BadLength).suspicion();
    assert!(matches!(
        malformed,
        Some(Error::Decode {
            cause: DecodeError::BadLength,
            ..
        })
    ));
    let tls = GateDrop::WrongVersion(ProtocolVersion(0x0303)).suspicion();
    assert!(matches!(
        tls,
        Some(Error::UnsupportedVersion(ProtocolVersion(0x0303)))
    ));
    for harmless in [
        GateDrop::NotAHello,
        GateDrop::Fragmented,
        GateDrop::TooManyChallenges,
        GateDrop::NoCookie,
        GateDrop::NotTheFirst,
    ] {
        assert!(harmless.suspicion().is_none(), "{harmless:?}");
    }
}

/// A server's log tells what becomes of hellos.
#[test]
fn each_verdict_has_its_line() {
    for (verdict, line) in [
        (Verdict::Challenge(b""), "a cookie for its sender"),
        (Verdict::Refuse(b""), "leads nowhere, and ---> ALERT"),
        (Verdict::Drop(GateDrop::Fragmented), "a part of a hello"),
        (
            Verdict::Drop(GateDrop::NoCookie),
            "no hello to answer: NoCookie",
        ),
        (Verdict::NoContext, "no cookie context"),
    ] {
        let told = verdict.to_string();
        assert!(told.contains(line), "{told}");
    }
    let datagram = Hello::new().datagram();
    let open = Gate::new(HelloVerification::Waived, Choices13::default());
    let mut reply = ReplyBuffer::new();
    let verdict = open.check(b"client", &datagram, Duration::ZERO, &mut reply);
    assert!(verdict.to_string().contains("a hello with our cookie"));
}

proptest! {
    #[test]
    fn c15_arbitrary_bytes_never_verify(
        datagram in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let answer = ask(&gate(), &datagram);
        prop_assert!(!matches!(answer, Answer::Verified(_)));
    }

    #[test]
    fn c15_arbitrary_bytes_in_a_hello_never_verify_by_cookie(
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let length = body.len() as u32;
        let header = HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, length);
        let datagram = Hello::new().datagram_of(header, &body);
        let answer = ask(&gate(), &datagram);
        prop_assert!(!matches!(answer, Answer::Verified(_)));
        ask(&Gate::new(HelloVerification::Waived, Choices13::default()), &datagram);
    }
}

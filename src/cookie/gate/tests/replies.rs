//! The reply, and the ways to have none.

use super::*;
use crate::cookie::CookieSigner;
use crate::cookie::hello_verify_request::{REPLY_LEN, SHORTEST_HELLO};

#[test]
fn a01_the_reply_is_shorter_than_the_shortest_hello() {
    let datagram = Hello::shortest().datagram();
    assert_eq!(datagram.len(), SHORTEST_HELLO);
    let reply = ask(&gate(), &datagram).reply();
    assert_eq!(reply.len(), REPLY_LEN);
}

#[test]
fn a09_no_hello_passes_without_a_context() {
    let (_, hello) = proven();
    let gate = Gate::new(HelloVerification::None, Choices13::default());
    for datagram in [Hello::new().datagram(), hello.datagram()] {
        assert!(matches!(ask(&gate, &datagram), Answer::NoContext));
    }
    assert_eq!(ask(&gate, b"").dropped(), GateDrop::NotAHello);
}

#[test]
fn a09_a_session_to_resume_is_no_proof() {
    let mut hello = Hello::new();
    hello.session_id = vec![9; 32];
    assert!(ask(&gate(), &hello.datagram()).is_challenge());
}

#[test]
fn a12_p28_the_reply_has_the_numbers_of_the_hello() {
    let gate = gate();
    for (record_sequence, message_seq) in [(0, 0), (3, 0), (0x0102_0304_0506, 1), (9, 255)] {
        let hello = Hello {
            record_sequence,
            message_seq,
            ..Hello::new()
        };
        let reply = ask(&gate, &hello.datagram()).reply();
        let mut reader = Reader::new(&reply);
        let record = RecordHeader::read(&mut reader).unwrap();
        let (header, _) = HandshakeHeader::read_fragment(&mut reader).unwrap();
        assert_eq!(record.sequence, record_sequence);
        assert_eq!(header.message_seq, message_seq);
        assert!(header.is_whole());
    }
    // Behind those there would be no numbers left for a server's own.
    for (record_sequence, message_seq) in [(0, 256), (1 << 47, 0), ((1 << 48) - 1, 0)] {
        let hello = Hello {
            record_sequence,
            message_seq,
            ..Hello::new()
        };
        let dropped = ask(&gate, &hello.datagram()).dropped();
        assert_eq!(dropped, GateDrop::TooManyChallenges);
    }
}

#[test]
fn p29_the_reply_says_dtls_1_0_whatever_the_hello_says() {
    for version in [0xfeff, 0xfefd, 0xfefc] {
        let hello = Hello {
            record_version: version,
            version,
            ..Hello::new()
        };
        let reply = ask(&gate(), &hello.datagram()).reply();
        assert_eq!(reply[1..3], [0xfe, 0xff]);
        assert_eq!(reply[25..27], [0xfe, 0xff]);
    }
}

#[test]
fn a_waived_verification_takes_every_whole_hello() {
    let gate = Gate::new(HelloVerification::Waived, Choices13::default());
    let verified = ask(&gate, &Hello::new().datagram()).verified();
    assert_eq!(verified.message_seq(), 0);
    assert_eq!(ask(&gate, b"no hello").dropped(), GateDrop::NotAHello);
    let second = Hello::new().with_cookie(b"somebody's");
    assert_eq!(ask(&gate, &second.datagram()).verified().message_seq(), 1);
}

#[test]
fn a_waived_verification_begins_with_the_first_message() {
    let gate = Gate::new(HelloVerification::Waived, Choices13::default());
    for message_seq in [1, 7] {
        let hello = Hello {
            message_seq,
            ..Hello::new()
        };
        let dropped = ask(&gate, &hello.datagram()).dropped();
        assert_eq!(dropped, GateDrop::NotTheFirst);
    }
}

#[test]
fn versions_that_are_still_to_come_are_no_obstacle() {
    let gate = Gate::new(HelloVerification::Waived, Choices13::default());
    for version in [0xfefc, 0xfefb, 0xfe00, 0xfdff, 0x80ff] {
        let hello = Hello {
            version,
            ..Hello::new()
        };
        ask(&gate, &hello.datagram()).verified();
    }
}

#[test]
fn a_signer_can_refuse() {
    struct RefuseAll;
    impl CookieSigner for RefuseAll {
        fn period(&self, _: Duration) -> u8 {
            0
        }
        fn sign(&self, _: u8, _: &[&[u8]]) -> Option<[u8; 16]> {
            None
        }
        fn verify(&self, _: Duration, _: u8, _: &[&[u8]], _: &[u8; 16]) -> bool {
            false
        }
    }
    let context = Arc::new(CookieContext::with_signer(RefuseAll));
    let gate = Gate::new(HelloVerification::Cookies(context), Choices13::default());
    let (_, hello) = proven();
    assert_eq!(ask(&gate, &hello.datagram()).dropped(), GateDrop::NoCookie);
}

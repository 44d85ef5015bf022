//! The cookie exchange as a client sees it.

use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::error::Error;
use crate::wire::{Body, CipherSuite, ClientHello, HelloVerifyRequest, ProtocolVersion};

/// RFC 6347 §4.2.1: a cookie has up to 2^8-1 bytes.
const LONGEST: usize = 255;

fn ask(puppet: &mut Puppet, cookie: u8) {
    let request = HelloVerifyRequest {
        version: ProtocolVersion::DTLS1_0,
        cookie: vec![cookie; LONGEST],
    };
    puppet.say_bytes(HelloVerifyRequest::TYPE, &request.encode());
}

/// RFC 6347 §4.2.1: the hello comes again with the cookie, and else as it was. A server may ask more than once
/// where the hello had to be sent again, but not for ever; and since anyone can ask, that ends no handshake at
/// once.
#[test]
fn a21_d06_d09_p30_a_hello_comes_again_as_it_was_and_not_for_ever() {
    let mut puppet = Puppet::server(client(), ServerName::unnamed());
    let first = puppet.hear::<ClientHello>();
    for cookie in 1..=4 {
        ask(&mut puppet, cookie);
        let again = puppet.hear::<ClientHello>();
        let expected = ClientHello {
            cookie: vec![cookie; LONGEST],
            ..first.clone()
        };
        assert_eq!(again.encode(), expected.encode());
        ask(&mut puppet, cookie);
        ask(&mut puppet, cookie + 100);
        puppet.assert_silence();
        assert_eq!(puppet.verdict(), Verdict::Waits);
        puppet.let_time_pass();
        ask(&mut puppet, cookie);
        puppet.assert_silence();
    }
    ask(&mut puppet, 5);
    puppet.assert_silence();
    let endless = Error::IllegalParameter("endless row of HelloVerifyRequests");
    assert_eq!(puppet.verdict(), Verdict::Refused(endless));
    puppet.say(&answer());
    assert_eq!(puppet.verdict(), Verdict::Waits);
}

/// Where a way is longer than the timer, the first hello is sent more than once, and each brings a request. A
/// server whose cookies tell the time has another for each.
#[test]
fn d06_p10_requests_for_the_hello_before_are_passed_over() {
    let mut puppet = Puppet::server(client(), ServerName::unnamed());
    puppet.hear::<ClientHello>();
    puppet.let_time_pass();
    puppet.let_time_pass();
    ask(&mut puppet, 1);
    puppet.hear::<ClientHello>();
    puppet.let_time_pass();
    for cookie in [2, 3] {
        ask(&mut puppet, cookie);
        puppet.assert_silence();
    }
    ask(&mut puppet, 4);
    assert_eq!(puppet.hear::<ClientHello>().cookie, [4; LONGEST]);
}

/// RFC 9147 §5.1: DTLS 1.3 asks for no cookie in this way. Its servers refuse a hello that was changed so (§5.3),
/// so anyone could spoil the handshake of a client that answers.
#[test]
fn d06_a_client_of_dtls_1_3_alone_answers_no_hello_verify_request() {
    let client = client()
        .versions([ProtocolVersion::DTLS1_3])
        .cipher_suites([CipherSuite::TLS_AES_128_GCM_SHA256]);
    let mut puppet = Puppet::server_of_any_version(client, ServerName::unnamed());
    puppet.hear::<ClientHello>();
    ask(&mut puppet, 1);
    puppet.assert_silence();
    let old = Error::UnsupportedVersion(ProtocolVersion::DTLS1_2);
    assert_eq!(puppet.verdict(), Verdict::Refused(old));
}

#[test]
fn d09_every_connection_has_a_random_of_its_own() {
    let mut randoms: Vec<_> = (0..20)
        .map(|_| {
            let mut puppet = Puppet::server(client(), ServerName::unnamed());
            puppet.hear::<ClientHello>().random
        })
        .collect();
    randoms.push([0; 32]);
    randoms.sort_unstable();
    randoms.dedup();
    assert_eq!(randoms.len(), 21);
}

/// RFC 6347 §4.2.1: neither the first hello nor the request for a cookie is in the transcript.
#[test]
fn d17_the_cookie_exchange_is_in_no_transcript() {
    let mut puppet = Puppet::server(client(), ServerName::unnamed());
    puppet.hear::<ClientHello>();
    ask(&mut puppet, 1);
    // A duplicate, which changes nothing.
    ask(&mut puppet, 1);
    // The puppet, too, begins with the second hello.
    puppet.io().restart(1);
    let keys = serve(&mut puppet, |_| ());
    finish_as_server(&mut puppet, &keys);
    assert_eq!(puppet.verdict(), Verdict::Established);
    // What both agree on begins with message 1, a hello that has the cookie.
    let transcript = puppet.io().transcript();
    assert_eq!(transcript[..6], [1, 0, 1, transcript[3], 0, 1]);
    let cookie = [1; LONGEST];
    assert!(transcript.windows(LONGEST).any(|bytes| bytes == cookie));
}

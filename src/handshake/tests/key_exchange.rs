//! Messages between the hellos and Finished, out of place or out of shape, where the key is pre-shared.

use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::{PeerIdentity, ServerName};
use crate::codec::DecodeError;
use crate::config::{ClientConfig, Psk, ServerConfig, ServerIdentity, ServerTrust};
use crate::error::Error;
use crate::record::Replay;
use crate::wire::{
    Certificate, CertificateRequest, ClientHello, ClientKeyExchange, HandshakeType,
    NewSessionTicket, ServerHello, ServerHelloDone, ServerKeyExchange,
};

fn instead(got: HandshakeType, expected: HandshakeType) -> Verdict {
    Verdict::Refused(Error::UnexpectedMessage { got, expected })
}

/// A client that has the server's hello.
fn answered() -> Puppet {
    let mut puppet = Puppet::server(client(), ServerName::unnamed());
    puppet.hear::<ClientHello>();
    puppet.say(&answer());
    puppet
}

/// RFC 4279 §2: a server that holds the same key shows no certificate and asks for none. What nothing
/// authenticates yet may be forged, so each of these is passed over and the true message is taken.
#[test]
fn d05_d06_a_client_waits_for_the_end_of_the_servers_flight() {
    type Lie = fn(&mut Puppet);
    let done = HandshakeType::SERVER_HELLO_DONE;
    let request = HandshakeType::CERTIFICATE_REQUEST;
    let ticket = HandshakeType::NEW_SESSION_TICKET;
    let verify = HandshakeType::HELLO_VERIFY_REQUEST;
    let lies: [(Lie, Verdict); 5] = [
        (
            |puppet| puppet.say_bytes(HandshakeType::HELLO_VERIFY_REQUEST, &[0xfe, 0xff, 1, 7]),
            instead(verify, done),
        ),
        (
            |puppet| {
                puppet.say(&CertificateRequest {
                    schemes: Vec::new(),
                })
            },
            instead(request, done),
        ),
        (
            |puppet| puppet.say(&Certificate { chain: Vec::new() }),
            instead(HandshakeType::CERTIFICATE, done),
        ),
        (
            |puppet| {
                puppet.say(&NewSessionTicket {
                    lifetime_hint: 0,
                    ticket: vec![1],
                })
            },
            instead(ticket, done),
        ),
        (
            |puppet| puppet.say(&answer()),
            instead(HandshakeType::SERVER_HELLO, done),
        ),
    ];
    for (lie, verdict) in lies {
        let mut puppet = answered();
        lie(&mut puppet);
        assert_eq!(puppet.verdict(), verdict);
        puppet.assert_silence();
        puppet.say(&ServerHelloDone);
        assert_eq!(puppet.verdict(), Verdict::Waits);
        puppet.hear::<ClientKeyExchange>();
    }
}

/// Behind a hint there is nothing more to say.
#[test]
fn d05_a_client_takes_one_hint() {
    let mut puppet = answered();
    puppet.say(&ServerKeyExchange::psk(b"hint"));
    puppet.say(&ServerKeyExchange::psk(b"another"));
    let exchange = HandshakeType::SERVER_KEY_EXCHANGE;
    let done = HandshakeType::SERVER_HELLO_DONE;
    assert_eq!(puppet.verdict(), instead(exchange, done));
}

/// RFC 5489 §2 has it so, and RFC 4279 §2 leaves a server that has no hint nothing else to say.
#[test]
fn an_empty_hint_is_none() {
    let only_without = |hint: Option<&[u8]>| hint.is_none().then(psk);
    let client = ClientConfig::builder(ServerTrust::psk_for_hint(only_without))
        .cipher_suites([SUITE])
        .replay(Replay::AcceptDuplicates);
    let mut puppet = Puppet::server(client, ServerName::unnamed());
    puppet.hear::<ClientHello>();
    puppet.say(&answer());
    puppet.say(&ServerKeyExchange::psk(b""));
    puppet.say(&ServerHelloDone);
    assert_eq!(puppet.verdict(), Verdict::Waits);
    puppet.hear::<ClientKeyExchange>();
}

/// A server that has said all.
fn waiting() -> Puppet {
    let mut puppet = Puppet::client(server(), &hello());
    puppet.hear::<ServerHello>();
    puppet.hear::<ServerHelloDone>();
    puppet
}

#[test]
fn d05_a_server_takes_no_certificate_unasked() {
    let mut puppet = waiting();
    puppet.say(&Certificate { chain: Vec::new() });
    let certificate = HandshakeType::CERTIFICATE;
    let exchange = HandshakeType::CLIENT_KEY_EXCHANGE;
    assert_eq!(puppet.verdict(), instead(certificate, exchange));
}

#[test]
fn a_server_reads_a_key_exchange_to_its_end() {
    let malformed = |cause| {
        Verdict::Failed(Error::Decode {
            what: "CLIENT_KEY_EXCHANGE",
            cause,
        })
    };
    let bodies: [(&[u8], DecodeError); 3] = [
        (&[], DecodeError::Truncated),
        (&[0, 3, b'a', b'b'], DecodeError::Truncated),
        (&[0, 1, b'a', b'b'], DecodeError::TrailingData),
    ];
    for (body, cause) in bodies {
        let mut puppet = waiting();
        puppet.say_bytes(HandshakeType::CLIENT_KEY_EXCHANGE, body);
        assert_eq!(puppet.verdict(), malformed(cause), "{body:?}");
    }
}

/// RFC 4279 §2, hazards D21 and J7: nobody can list identities by trying them.
#[test]
fn d21_j07_an_unknown_identity_looks_like_a_wrong_key() {
    let knows = |identity: &[u8]| (identity == psk().identity()).then(psk);
    let known = psk();
    let nobody: &[u8] = b"nobody";
    for (identity, guess) in [
        (known.identity(), [0x43; 32].as_slice()),
        (nobody, &[0x43; 32]),
        (nobody, &[0; 32]),
        (nobody, known.key().as_bytes()),
        (nobody, nobody),
    ] {
        let server = ServerConfig::builder(ServerIdentity::psk(knows));
        let mut puppet = Puppet::client(plain(server), &hello());
        let answer = puppet.hear::<ServerHello>();
        puppet.hear::<ServerHelloDone>();
        puppet.say(&ClientKeyExchange::psk(identity));
        assert_eq!(puppet.verdict(), Verdict::Waits);
        let guess = Psk::new(identity, guess).unwrap();
        let keys = psk_keys(&mut puppet, &guess, randoms(&hello(), &answer));
        finish_as_client(&mut puppet, &keys);
        assert_eq!(puppet.verdict(), Verdict::Failed(Error::BadFinished));
        puppet.assert_silence();
    }
}

#[test]
fn a_server_knows_its_client_by_the_identity() {
    let (mut puppet, keys, _) = approach(server(), &hello());
    finish_as_client(&mut puppet, &keys);
    let peer = &puppet.session().peer_identity;
    assert_eq!(*peer, PeerIdentity::Psk(psk().identity().to_vec()));
}

//! A client goes on only with a session that is its own: of the key that it would use now, or of the certificate
//! that it would show. Stores are shared here, and keys come and go.
#![cfg(feature = "x509")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]

mod common;
mod resuming;

use common::{NAME, pki, psk};
use flightline::lab::End;
use flightline::{
    ClientConfig, Fingerprint, Identity, PeerIdentity, ProtocolVersion, Psk, PskLookup,
    ServerIdentity, ServerTrust,
};
use resuming::{
    Client, KEPT, MINUTE, Server, Store, asking, client_of, client_with_psk, connect_as,
    remembering, resumed, server,
};
use std::sync::{Arc, Mutex};

fn key(identity: &[u8], byte: u8) -> Psk {
    Psk::new(identity, [byte; 32]).unwrap()
}

/// The mirror of what a server does with sessions of a key that it knows no more.
#[test]
fn g03_a_psk_that_its_client_withdraws_or_changes_ends_its_sessions() {
    for (version, keep) in KEPT {
        for then in [
            None,
            Some(key(psk().identity(), 0x43)),
            Some(key(b"another", 0x42)),
        ] {
            let [ours, theirs] = [(); 2].map(|()| Arc::new(Mutex::new(Some(psk()))));
            let trust = {
                let ours = ours.clone();
                ServerTrust::psk_for_hint(move |_| ours.lock().unwrap().clone())
            };
            let lookup = {
                let theirs = theirs.clone();
                move |identity: &[u8]| theirs.lock().unwrap().as_ref()?.find(identity)
            };
            let server = keep(remembering(ServerIdentity::psk(lookup)));
            let client = ClientConfig::builder(trust).versions([version]);
            let client = client.sessions(Store::default());
            let at = format!("{version}, {then:?}");
            assert!(!resumed(&client, &server), "{at}");
            assert!(resumed(&client, &server), "{at}");
            *ours.lock().unwrap() = then.clone();
            let mut pair = connect_as(NAME, &client, &server);
            assert!(pair.establish(MINUTE).is_err(), "{at}");
            if then.is_some() {
                *theirs.lock().unwrap() = then;
                assert!(!resumed(&client, &server), "{at}");
                assert!(resumed(&client, &server), "{at}");
            }
        }
    }
}

/// Shakes hands, talks, and tells whether a session was gone on with and who the server says that the client is:
/// the identity of a key, a certificate's fingerprint, or nothing.
fn known_as(client: &Client, server: &Server) -> (bool, Vec<u8>) {
    let mut pair = connect_as(NAME, client, server);
    pair.establish(MINUTE).unwrap();
    pair.exchange(b"request", b"response").unwrap();
    let peer = match pair.peer_identity(End::Server).unwrap() {
        PeerIdentity::Psk(identity) => identity.clone(),
        PeerIdentity::Certificate(chain) => Fingerprint::of(&chain[0]).as_bytes().to_vec(),
        _ => Vec::new(),
    };
    (pair.resumed(End::Server).unwrap(), peer)
}

/// Each of the clients connects twice, after the one before it has left its session in their store: it is who it
/// is by its own configuration.
fn assert_each_is_itself(clients: &[(Client, Vec<u8>)], server: &Server, at: &str) {
    for (client, itself) in clients.iter().chain(clients) {
        for again in [false, true] {
            let expected = (again, itself.clone());
            assert_eq!(known_as(client, server), expected, "{at}");
        }
    }
}

#[test]
fn g03_d23_clients_with_keys_of_their_own_may_share_a_store() {
    for (version, keep) in KEPT {
        let keys = |identity: &[u8]| match identity {
            b"alice" => Some(key(identity, 1)),
            b"bob" => Some(key(identity, 2)),
            _ => None,
        };
        let store = Store::default();
        let of = |name: &[u8]| {
            let client = client_with_psk(version, &store, keys(name).unwrap());
            (client, name.to_vec())
        };
        let server = keep(remembering(ServerIdentity::psk(keys)));
        assert_each_is_itself(&[of(b"alice"), of(b"bob")], &server, &version.to_string());
    }
}

#[test]
fn g03_d23_clients_with_certificates_of_their_own_or_none_may_share_a_store() {
    for (version, keep) in KEPT {
        let store = Store::default();
        let of = |identity: Option<Identity>| {
            let client = client_of(version, &store);
            match identity {
                Some(identity) => {
                    let itself = identity.fingerprint().as_bytes().to_vec();
                    (client.identity(identity), itself)
                }
                None => (client, Vec::new()),
            }
        };
        let clients = [
            of(None),
            of(Some(pki().client.clone())),
            of(Some(pki().issue_long_client(100))),
        ];
        let server = keep(server().client_auth(asking()));
        assert_each_is_itself(&clients, &server, &version.to_string());
    }
}

/// What a server will hint is not known before its session is offered, so only a key that is also the choice
/// without a hint has sessions.
#[test]
fn a_key_that_depends_on_the_hint_has_no_sessions() {
    type Choose = fn(Option<&[u8]>) -> Option<Psk>;
    let hinted: Choose = |hint| (hint == Some(b"here")).then(psk);
    let either: Choose = |hint| {
        let byte = if hint == Some(b"here") { 0x42 } else { 0x43 };
        Some(key(psk().identity(), byte))
    };
    let the_same: Choose = |_| Some(psk());
    for keep in [|server: Server| server, Server::without_tickets] {
        let identity = ServerIdentity::psk(psk()).with_psk_hint("here");
        let server = keep(remembering(identity));
        for (name, choose, goes_on) in [
            ("by the hint alone", hinted, false),
            ("another without", either, false),
            ("the same without", the_same, true),
        ] {
            let client = ClientConfig::builder(ServerTrust::psk_for_hint(choose))
                .versions([ProtocolVersion::DTLS1_2])
                .sessions(Store::default());
            assert!(!resumed(&client, &server), "{name}");
            for _ in 0..2 {
                assert_eq!(resumed(&client, &server), goes_on, "{name}");
            }
        }
    }
}

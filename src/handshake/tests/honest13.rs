//! What an honest peer says in the hellos of DTLS 1.3, with a pre-shared key.

use super::super::keys13::{EarlySecret, PskKind};
use super::honest::*;
use super::puppet::Puppet;
use crate::certificate::ServerName;
use crate::config::{ClientConfig, ConfigBuilder, ServerConfig, ServerIdentity, ServerTrust};
use crate::crypto::{EphemeralKey, HashAlgorithm, SUITES13, Secret};
use crate::error::Result;
use crate::record::{Replay, Sealer, TrafficSecret};
use crate::resumption::{ClientSession, Handle, SessionState};
use crate::wire::{
    Body, CipherSuite, ClientExtensions, ClientHello, HELLO_RETRY_REQUEST, HandshakeType, KeyShare,
    KeyShareAnswer, NamedGroup, OfferedPsks, PSK_DHE_KE, ProtocolVersion, PskIdentity,
    ServerExtensions, ServerHello,
};
use std::sync::Arc;

pub(super) const DTLS1_2: ProtocolVersion = ProtocolVersion::DTLS1_2;
pub(super) const DTLS1_3: ProtocolVersion = ProtocolVersion::DTLS1_3;

pub(super) const SUITE13: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
pub(super) const TICKET: [u8; 100] = [1; 100];
/// So large that ages wrap.
pub(super) const AGE_ADD: u32 = u32::MAX - 7;
pub(super) const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// A client that offers both versions.
pub(super) fn client13() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
        .replay(Replay::AcceptDuplicates)
        .clock(Arc::new(At(TODAY)))
}

pub(super) fn server13() -> ConfigBuilder<ServerConfig> {
    plain(ServerConfig::builder(ServerIdentity::psk(psk())))
}

pub(super) fn puppet_server(client: ConfigBuilder<ClientConfig>) -> Puppet {
    Puppet::server_of_any_version(client, ServerName::unnamed())
}

pub(super) fn puppet_client(server: ConfigBuilder<ServerConfig>, hello: &ClientHello) -> Puppet {
    Puppet::client_of_any_version(server, hello)
}

pub(super) fn share(group: NamedGroup) -> KeyShare {
    let (_, share) = EphemeralKey::generate(group).unwrap();
    KeyShare { group, share }
}

/// A hello that offers nothing but DTLS 1.3.
pub(super) fn hello13() -> ClientHello {
    ClientHello {
        cipher_suites: vec![SUITE13],
        extensions: ClientExtensions {
            supported_versions: Some(vec![DTLS1_3]),
            supported_groups: Some(vec![NamedGroup::SECP384R1, NamedGroup::X25519]),
            key_shares: Some(vec![share(NamedGroup::X25519)]),
            psk_modes: Some(vec![PSK_DHE_KE]),
            ..ClientExtensions::default()
        },
        ..hello()
    }
}

/// The answer of a server that goes on with the one key that was offered.
pub(super) fn answer13() -> ServerHello {
    ServerHello {
        cipher_suite: SUITE13,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            key_share: Some(KeyShareAnswer::Share(share(NamedGroup::X25519))),
            pre_shared_key: Some(0),
            ..ServerExtensions::default()
        },
        ..answer()
    }
}

pub(super) fn retry_request() -> ServerHello {
    ServerHello {
        random: HELLO_RETRY_REQUEST,
        extensions: ServerExtensions {
            selected_version: Some(DTLS1_3),
            cookie: Some(vec![7; 20]),
            ..ServerExtensions::default()
        },
        ..answer13()
    }
}

/// A message as transcripts have it.
pub(super) fn message(typ: HandshakeType, body: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = body.len().to_be_bytes();
    [&[typ.0, high, middle, low], body].concat()
}

/// What stands before the second hello in a transcript.
pub(super) fn before_second(first: &ClientHello, request: &ServerHello) -> Vec<u8> {
    let first = message(HandshakeType::CLIENT_HELLO, &first.encode());
    let hash = HASH.digest(&first);
    [
        message(HandshakeType::MESSAGE_HASH, hash.as_ref()),
        message(HandshakeType::SERVER_HELLO, &request.encode()),
    ]
    .concat()
}

/// The proof that whoever says `hello` behind these messages holds the key that both sides were told (RFC 8446
/// §4.2.11.2).
pub(super) fn binder(hello: &ClientHello, before: &[u8], kind: PskKind) -> Vec<u8> {
    binder_by(psk().key(), hello, before, kind)
}

/// The same for another key.
pub(super) fn binder_by(
    key: &Secret,
    hello: &ClientHello,
    before: &[u8],
    kind: PskKind,
) -> Vec<u8> {
    let binders = hello.extensions.pre_shared_key.as_ref().unwrap();
    let mut hello = message(HandshakeType::CLIENT_HELLO, &hello.encode());
    hello.truncate(hello.len() - binders.binders_len());
    let hash = HASH.digest_of(&[before, &hello]);
    let early = EarlySecret::new(SUITES13[0].hkdf(), Some(key));
    early.binder(kind, hash.as_ref()).unwrap()
}

/// The hello with these identities, and a good binder for each.
pub(super) fn bound(hello: ClientHello, before: &[u8], identities: &[&[u8]]) -> ClientHello {
    let identity = |identity: &&[u8]| PskIdentity {
        identity: identity.to_vec(),
        obfuscated_ticket_age: 0,
    };
    let mut hello = hello;
    hello.extensions.pre_shared_key = Some(OfferedPsks {
        identities: identities.iter().map(identity).collect(),
        binders: vec![vec![0; HASH.len()]; identities.len()],
    });
    let good = binder(&hello, before, PskKind::External);
    psks(&mut hello).binders.fill(good);
    hello
}

pub(super) fn psks(hello: &mut ClientHello) -> &mut OfferedPsks {
    hello.extensions.pre_shared_key.as_mut().unwrap()
}

/// A session of DTLS 1.3 that was made an hour ago, and whose ticket came at once.
pub(super) fn session13() -> ClientSession {
    let handle = Handle::Ticket13 {
        ticket: TICKET.to_vec(),
        age_add: AGE_ADD,
        received: TODAY - HOUR,
    };
    let state = SessionState {
        version: DTLS1_3,
        cipher_suite: SUITE13,
        master: Secret::new(vec![7; 32]),
        ..session(handle.clone()).state().clone()
    };
    ClientSession::new(&ServerName::unnamed(), handle, state, None, date(TODAY))
}

/// Keys of the handshake. None is ever used, but it says that there are some.
pub(super) fn handshake_keys() -> Result<Sealer> {
    let secret = TrafficSecret::new(&SUITES13[0], Secret::new(vec![7; 32]));
    secret.sealer(2)
}

//! What an honest peer says, with one word in each message that the test may change. All of it is about
//! the shortest handshake, that of a plain pre-shared key.

use super::super::keys12::{Derivation, Keys, Randoms, psk_pre_master};
use super::puppet::Puppet;
use crate::certificate::{PeerIdentity, ServerName};
use crate::config::{ClientConfig, ConfigBuilder, Psk, ServerConfig, ServerIdentity, ServerTrust};
use crate::crypto::{Secret, Suite};
use crate::record::Replay;
use crate::resumption::{ClientSession, ClientSessions, Handle, SessionState};
use crate::timer::Clock;
use crate::wire::{
    CipherSuite, ClientExtensions, ClientHello, ClientKeyExchange, NewSessionTicket,
    ProtocolVersion, ServerExtensions, ServerHello, ServerHelloDone,
};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
pub(super) const OTHER_SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384;

/// The date of everything that happens here, in seconds since 1970.
pub(super) const TODAY: u64 = 1_800_000_000;

pub(super) const HOUR: u64 = 60 * 60;

/// A clock that stands still.
pub(super) struct At(pub(super) u64);

impl Clock for At {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn date(&self) -> SystemTime {
        date(self.0)
    }
}

/// A clock that a test sets.
pub(super) struct Set(Mutex<u64>);

impl Set {
    pub(super) fn to(seconds: u64) -> Set {
        Set(Mutex::new(seconds))
    }

    pub(super) fn set(&self, seconds: u64) {
        *self.0.lock() = seconds;
    }
}

impl Clock for Set {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn date(&self) -> SystemTime {
        date(*self.0.lock())
    }
}

pub(super) fn date(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(super) fn psk() -> Psk {
    Psk::new("tester", [0x42; 32]).unwrap()
}

pub(super) fn client() -> ConfigBuilder<ClientConfig> {
    ClientConfig::builder(ServerTrust::psk(psk()))
        .cipher_suites([SUITE])
        .replay(Replay::AcceptDuplicates)
        .clock(Arc::new(At(TODAY)))
}

pub(super) fn server() -> ConfigBuilder<ServerConfig> {
    plain(ServerConfig::builder(ServerIdentity::psk(psk())))
}

/// What every build of the crate can do.
pub(super) fn plain(server: ConfigBuilder<ServerConfig>) -> ConfigBuilder<ServerConfig> {
    server
        .replay(Replay::AcceptDuplicates)
        .danger_without_hello_verification()
        .clock(Arc::new(At(TODAY)))
}

/// A client's store of one session, into which tests look.
#[derive(Clone, Default)]
pub(super) struct Store(Arc<Mutex<Option<ClientSession>>>);

impl Store {
    pub(super) fn with(session: ClientSession) -> Store {
        Store(Arc::new(Mutex::new(Some(session))))
    }

    pub(super) fn session(&self) -> Option<ClientSession> {
        self.0.lock().clone()
    }
}

impl ClientSessions for Store {
    fn put(&self, _: &ServerName, session: ClientSession) {
        *self.0.lock() = Some(session);
    }

    fn take(&self, _: &ServerName) -> Option<ClientSession> {
        self.0.lock().take()
    }
}

/// A hello that offers everything that these tests need, and no session.
pub(super) fn hello() -> ClientHello {
    ClientHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0xc1; 32],
        session_id: Vec::new(),
        cookie: Vec::new(),
        cipher_suites: vec![SUITE],
        compression_methods: vec![0],
        extensions: ClientExtensions {
            extended_master_secret: true,
            renegotiation_info: Some(Vec::new()),
            ..ClientExtensions::default()
        },
    }
}

/// The least that a server has to answer.
pub(super) fn answer() -> ServerHello {
    ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0x51; 32],
        session_id: Vec::new(),
        cipher_suite: SUITE,
        compression_method: 0,
        extensions: ServerExtensions {
            extended_master_secret: true,
            ..ServerExtensions::default()
        },
    }
}

pub(super) fn randoms(hello: &ClientHello, answer: &ServerHello) -> Randoms {
    Randoms {
        client: hello.random,
        server: answer.random,
    }
}

pub(super) fn suite() -> &'static Suite {
    Suite::find(SUITE).unwrap()
}

/// The keys of a full handshake, whose last message was the ClientKeyExchange.
pub(super) fn psk_keys(puppet: &mut Puppet, key: &Psk, randoms: Randoms) -> Keys {
    let pre_master = psk_pre_master(key, None);
    let derivation = Derivation::Extended;
    Keys::derive(puppet.io(), suite(), derivation, &pre_master, randoms)
}

/// A full handshake with a client, up to where the server's ticket and Finished are due.
pub(super) fn serve(puppet: &mut Puppet, change: impl FnOnce(&mut ServerHello)) -> Keys {
    let hello = puppet.hear::<ClientHello>();
    let mut answer = answer();
    change(&mut answer);
    puppet.say(&answer);
    puppet.say(&ServerHelloDone);
    let exchange = puppet.hear::<ClientKeyExchange>();
    assert_eq!(exchange.as_psk().unwrap(), psk().identity());
    let derivation = match answer.extensions.extended_master_secret {
        true => Derivation::Extended,
        false => Derivation::Classic,
    };
    let pre_master = psk_pre_master(&psk(), None);
    let randoms = randoms(&hello, &answer);
    let keys = Keys::derive(puppet.io(), suite(), derivation, &pre_master, randoms);
    puppet.read_under(keys.server_read());
    let expected = keys.client_finished(puppet.io());
    puppet.hear_finished(&expected);
    keys
}

/// An abbreviated handshake with a client, up to where the server's ticket and Finished are due.
pub(super) fn serve_again(
    puppet: &mut Puppet,
    master: &Secret,
    change: impl FnOnce(&mut ServerHello),
) -> Keys {
    let hello = puppet.hear::<ClientHello>();
    let mut answer = ServerHello {
        session_id: hello.session_id.clone(),
        ..answer()
    };
    change(&mut answer);
    puppet.say(&answer);
    let randoms = randoms(&hello, &answer);
    Keys::resume(puppet.io(), suite(), master.clone(), randoms)
}

/// The server's Finished under its keys.
pub(super) fn finish_as_server(puppet: &mut Puppet, keys: &Keys) {
    puppet.write_under(keys.server_write());
    let finished = keys.server_finished(puppet.io());
    puppet.say(&finished);
}

/// The client's Finished under its keys.
pub(super) fn finish_as_client(puppet: &mut Puppet, keys: &Keys) {
    puppet.write_under(keys.client_write());
    let finished = keys.client_finished(puppet.io());
    puppet.say(&finished);
}

/// A full handshake with a server, up to where the client's Finished is due; and the server's answer.
pub(super) fn approach(
    server: ConfigBuilder<ServerConfig>,
    hello: &ClientHello,
) -> (Puppet, Keys, ServerHello) {
    let mut puppet = Puppet::client(server, hello);
    let answer = puppet.hear::<ServerHello>();
    puppet.hear::<ServerHelloDone>();
    puppet.assert_silence();
    puppet.say(&ClientKeyExchange::psk(psk().identity()));
    let keys = psk_keys(&mut puppet, &psk(), randoms(hello, &answer));
    (puppet, keys, answer)
}

/// An abbreviated handshake with a server, up to where the client's Finished is due; and its answer.
pub(super) fn approach_again(
    server: ConfigBuilder<ServerConfig>,
    hello: &ClientHello,
    master: &Secret,
) -> (Puppet, Keys, ServerHello) {
    let mut puppet = Puppet::client(server, hello);
    let answer = puppet.hear::<ServerHello>();
    let randoms = randoms(hello, &answer);
    let keys = Keys::resume(puppet.io(), suite(), master.clone(), randoms);
    if answer.extensions.session_ticket {
        puppet.hear::<NewSessionTicket>();
    }
    puppet.read_under(keys.client_read());
    let expected = keys.server_finished(puppet.io());
    puppet.hear_finished(&expected);
    (puppet, keys, answer)
}

/// A session that a client has with the unnamed server since an hour.
pub(super) fn session(handle: Handle) -> ClientSession {
    let state = SessionState {
        version: ProtocolVersion::DTLS1_2,
        cipher_suite: SUITE,
        master: Secret::new(vec![7; 48]),
        created: TODAY - HOUR,
        server_name: None,
        alpn: None,
        peer: PeerIdentity::Psk(psk().identity().to_vec()),
        client_mark: psk().mark().unwrap(),
    };
    ClientSession::new(&ServerName::unnamed(), handle, state, None, date(TODAY))
}

/// A server for a client that has this session to offer.
pub(super) fn server_for(client: ConfigBuilder<ClientConfig>, session: &ClientSession) -> Puppet {
    let store = Store::with(session.clone());
    Puppet::server(client.sessions(store), ServerName::unnamed())
}

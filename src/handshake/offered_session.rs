//! The session that a client offers to go on with.

use super::io::{Io, Outcome};
use super::psk13::OfferedPsk;
use crate::certificate::ServerName;
use crate::config::ClientConfig;
use crate::cookie::LONGEST_HELLO;
use crate::crypto::random;
use crate::error::Result;
use crate::resumption::{ClientSession, Handle};
use crate::wire::{Body, ClientHello, ProtocolVersion, ServerHello};
use std::sync::Arc;

/// What a hello must find room for beside a ticket: a cookie as most servers make it.
const COOKIE: usize = 32;

/// The same where the server may speak DTLS 1.3: the cookie holds a hash, too (RFC 8446 §4.2.2).
const COOKIE13: usize = 72;

/// A session on offer, if there is one. It goes back to the store that it came from where the server says
/// nothing: one that cannot be reached costs no session, as long as the hello goes whole. But one that failed must be forgotten
/// (RFC 5246 §7.2.2, RFC 5077 §3.2), and one whose hello was cut may have failed: many servers take no such
/// hello, or none in so many parts, and say nothing.
pub(super) struct OfferedSession {
    config: Arc<ClientConfig>,
    server: ServerName,
    session: Option<ClientSession>,
    outcome: Outcome,
}

impl OfferedSession {
    /// Writes the offer into `hello`, if there is a session that fits it.
    pub(super) fn make(
        io: &Io,
        config: &Arc<ClientConfig>,
        server: &ServerName,
        hello: &mut ClientHello,
    ) -> Result<OfferedSession> {
        let sessions = config.resumption.sessions();
        // RFC 5077 §3.2: an empty ticket asks for one.
        hello.extensions.session_ticket = sessions.map(|_| Vec::new());
        let session = sessions.and_then(|sessions| {
            let session = sessions.take(server)?;
            let fits = fits(config, server, hello, &session);
            if !fits && is_alive(config, &session) {
                sessions.put(server, session);
                return None;
            }
            fits.then_some(session)
        });
        if let Some(session) = &session {
            show(config, session, random::array()?, hello);
        }
        Ok(OfferedSession {
            config: config.clone(),
            server: server.clone(),
            session,
            outcome: io.outcome(),
        })
    }

    /// What is on offer.
    pub(super) fn session(&self) -> Option<&ClientSession> {
        self.session.as_ref()
    }

    /// Whether the server goes on with the session or not, its ticket has been shown (RFC 8446 §C.4: a ticket is
    /// best used once), and if the handshake fails it may be the cause.
    pub(super) fn used(&mut self) {
        self.session = None;
    }

    /// The server has answered: the session, if it goes on with it.
    pub(super) fn answered(
        &mut self,
        hello: &ClientHello,
        answer: &ServerHello,
    ) -> Option<ClientSession> {
        // RFC 5246 §7.4.1.3: the same session ID says so.
        self.session
            .take()
            .filter(|session| !matches!(session.handle(), Handle::Ticket13 { .. }))
            .filter(|_| answer.session_id == hello.session_id)
    }
}

impl Drop for OfferedSession {
    fn drop(&mut self) {
        let session = self
            .session
            .take()
            .filter(|_| self.outcome.allows_another_try());
        if let (Some(session), Some(sessions)) = (session, self.config.resumption.sessions()) {
            sessions.put(&self.server, session);
        }
    }
}

/// Writes what names the session to its server into the hello.
fn show(config: &ClientConfig, session: &ClientSession, id: [u8; 32], hello: &mut ClientHello) {
    match session.handle() {
        Handle::Id(id) => hello.session_id = id.clone(),
        Handle::Ticket(ticket) => {
            // RFC 5077 §3.4: the server repeats this ID if it takes the ticket.
            hello.session_id = id.to_vec();
            hello.extensions.session_ticket = Some(ticket.clone());
        }
        // RFC 9147 §5.3: DTLS 1.3 has no session IDs; its tickets are offered as keys.
        Handle::Ticket13 { .. } => {
            if let Some(psk) = OfferedPsk::resumption(session) {
                psk.stand_first(config.settings.clock.date(), hello);
            }
        }
    }
}

fn is_alive(config: &ClientConfig, session: &ClientSession) -> bool {
    let date = config.settings.clock.date();
    !session.state().is_over(date) && date < session.expires()
}

/// Whether the session is still good, and bound to what this hello offers (hazards D23, G3).
fn fits(
    config: &ClientConfig,
    server: &ServerName,
    hello: &ClientHello,
    session: &ClientSession,
) -> bool {
    let state = session.state();
    let known_protocol =
        |protocol: &Vec<u8>| config.allow_unknown_alpn || config.settings.alpn.contains(protocol);
    is_alive(config, session)
        && session.is_with(server)
        && is_of_its_version(session)
        && config.is_client_of(state)
        && hello.offers(state.version)
        && hello.cipher_suites.contains(&state.cipher_suite)
        && state.alpn.as_ref().is_none_or(known_protocol)
        && small_enough(config, hello, session)
}

/// Each version has handles of its own.
fn is_of_its_version(session: &ClientSession) -> bool {
    let is_13 = session.state().version == ProtocolVersion::DTLS1_3;
    is_13 == matches!(session.handle(), Handle::Ticket13 { .. })
}

/// A ticket must not be what makes the hello longer than a datagram: many servers do not put hellos
/// together, and then neither the session nor a new one would come about. Where the hello is longer without it,
/// it must not be what makes it longer than a gate of ours puts together.
fn small_enough(config: &ClientConfig, hello: &ClientHello, session: &ClientSession) -> bool {
    if matches!(session.handle(), Handle::Id(_)) {
        return true;
    }
    let mut longest = hello.clone();
    show(config, session, [0; 32], &mut longest);
    match hello.offers(ProtocolVersion::DTLS1_3) {
        true => longest.extensions.cookie = Some(vec![0; COOKIE13]),
        false => longest.cookie = vec![0; COOKIE],
    }
    let in_fragments = || !config.sends_whole(hello) && longest.encode().len() <= LONGEST_HELLO;
    config.sends_whole(&longest) || in_fragments()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::PeerIdentity;
    use crate::config::{ConfigBuilder, Psk, ServerTrust};
    use crate::crypto::Secret;
    use crate::record::Replay;
    use crate::resumption::{SessionState, seconds};
    use crate::wire::{CipherSuite, ClientExtensions, HANDSHAKE_HEADER, RECORD_HEADER};
    use std::time::{Duration, SystemTime};

    const SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
    const SUITE13: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;
    const DAY: u64 = 24 * 60 * 60;

    fn psk() -> Psk {
        Psk::new("tester", [7; 32]).unwrap()
    }

    fn client() -> ConfigBuilder<ClientConfig> {
        ClientConfig::builder(ServerTrust::psk(psk()))
            .replay(Replay::AcceptDuplicates)
            .alpn(["coap"])
    }

    fn name() -> ServerName {
        ServerName::new("server.test").unwrap()
    }

    fn hello() -> ClientHello {
        ClientHello {
            version: ProtocolVersion::DTLS1_2,
            random: [1; 32],
            session_id: Vec::new(),
            cookie: Vec::new(),
            cipher_suites: vec![SUITE],
            compression_methods: vec![0],
            extensions: ClientExtensions {
                session_ticket: Some(Vec::new()),
                ..ClientExtensions::default()
            },
        }
    }

    /// What a session is made of, for a test to change.
    struct Made {
        with: ServerName,
        handle: Handle,
        state: SessionState,
        hint: Option<Duration>,
        date: SystemTime,
    }

    fn made(change: impl FnOnce(&mut Made)) -> ClientSession {
        let date = SystemTime::now();
        let mut made = Made {
            with: name(),
            handle: Handle::Ticket(vec![1; 100]),
            state: SessionState {
                version: ProtocolVersion::DTLS1_2,
                cipher_suite: SUITE,
                master: Secret::new(vec![7; 48]),
                created: seconds(date),
                server_name: Some("server.test".into()),
                alpn: Some(b"coap".to_vec()),
                peer: PeerIdentity::Psk(b"tester".to_vec()),
                client_mark: psk().mark().unwrap(),
            },
            hint: None,
            date,
        };
        change(&mut made);
        let Made {
            with,
            handle,
            state,
            hint,
            date,
        } = made;
        ClientSession::new(&with, handle, state, hint, date)
    }

    #[test]
    fn g03_a_session_is_offered_only_where_it_fits() {
        type Lie = (&'static str, bool, fn(&mut Made));
        let lies: [Lie; 12] = [
            ("nothing", true, |_| ()),
            ("no protocol", true, |made| made.state.alpn = None),
            ("protocol", false, |made| made.state.alpn = Some(vec![1])),
            ("version", false, |made| {
                made.state.version = ProtocolVersion::DTLS1_3;
            }),
            ("suite", false, |made| {
                made.state.cipher_suite = CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384;
            }),
            ("server", false, |made| {
                made.with = ServerName::new("192.0.2.1").unwrap();
            }),
            ("trust", false, |made| {
                made.state.peer = PeerIdentity::Certificate(vec![vec![1]]);
            }),
            ("identity", false, |made| {
                made.state.peer = PeerIdentity::Psk(b"teste".to_vec());
            }),
            ("key", false, |made| made.state.client_mark[15] ^= 1),
            ("age", false, |made| made.state.created -= DAY),
            ("hint", false, |made| made.hint = Some(Duration::ZERO)),
            ("length", false, |made| {
                made.handle = Handle::Ticket(vec![1; 1400])
            }),
        ];
        let config = client().build().unwrap();
        for (lie, good, change) in lies {
            let session = made(change);
            assert_eq!(fits(&config, &name(), &hello(), &session), good, "{lie}");
        }
        let any = client().allow_unknown_alpn().build().unwrap();
        let session = made(|made| made.state.alpn = Some(vec![1]));
        assert!(fits(&any, &name(), &hello(), &session));
    }

    /// A hello with ticket and cookie, and whatever goes with them, may be as long as a datagram, and no byte
    /// longer; but for one that is longer by itself.
    #[test]
    fn a_ticket_has_the_room_that_a_datagram_leaves() {
        let old = hello();
        let new = ClientHello {
            cipher_suites: vec![SUITE13],
            extensions: ClientExtensions {
                supported_versions: Some(vec![ProtocolVersion::DTLS1_3]),
                ..ClientExtensions::default()
            },
            ..hello()
        };
        let mut both = new.clone();
        OfferedPsk::external(&client().build().unwrap())
            .unwrap()
            .unwrap()
            .stand_first(SystemTime::now(), &mut both);
        // Each list in the extension and the extension itself have a length, and so have identity and binder.
        let key = 2 + 4 + 1 + 32;
        let cookie13 = 4 + 2 + 72;
        type Of = fn(&mut Made, usize);
        let of_12: Of = |made, ticket| made.handle = Handle::Ticket(vec![1; ticket]);
        let of_13: Of = |made, ticket| {
            made.state.version = ProtocolVersion::DTLS1_3;
            made.state.cipher_suite = SUITE13;
            made.handle = Handle::Ticket13 {
                ticket: vec![1; ticket],
                age_add: 7,
                received: made.state.created,
            };
        };
        for (hello, make, beside) in [
            (old, of_12, 32 + 32),
            (new, of_13, cookie13 + 4 + 2 + 2 + key),
            (both, of_13, cookie13 + key),
        ] {
            let bare = RECORD_HEADER + HANDSHAKE_HEADER + hello.encode().len() + beside;
            for (ticket, good) in [(500 - bare, true), (501 - bare, false)] {
                let config = client().mtu(500).build().unwrap();
                let session = made(|made| make(made, ticket));
                assert_eq!(fits(&config, &name(), &hello, &session), good, "{ticket}");
            }
        }
        let config = client().mtu(128).build().unwrap();
        let mut long = hello();
        for (without, good) in [(128, false), (129, true)] {
            long.extensions.server_name = Some(vec![b'a'; 50]);
            let bare = RECORD_HEADER + HANDSHAKE_HEADER + long.encode().len();
            long.extensions.server_name = Some(vec![b'a'; 50 + without - bare]);
            let session = made(|_| ());
            assert_eq!(fits(&config, &name(), &long, &session), good, "{without}");
        }
        let by_id = made(|made| made.handle = Handle::Id(vec![1; 32]));
        assert!(fits(&config, &name(), &hello(), &by_id));

        // In fragments as much goes as a gate puts together.
        let bare = long.encode().len() + 32 + 32;
        for (ticket, good) in [
            (LONGEST_HELLO - bare, true),
            (LONGEST_HELLO + 1 - bare, false),
        ] {
            let session = made(|made| of_12(made, ticket));
            assert_eq!(fits(&config, &name(), &long, &session), good, "{ticket}");
        }
    }
}

//! The sessions that a server knows again: by a ticket or by a session ID (RFC 5077 §3.4, RFC 8446 §4.2.11).

use super::auth;
use super::keys12::Derivation;
use super::new_session::hands_out_tickets;
use super::terms::Terms;
use crate::certificate::PeerIdentity;
use crate::config::ServerConfig;
use crate::crypto::{Secret, Suite, Suite13};
use crate::error::{Error, Result};
use crate::resumption::{OpenedTicket, SessionState, Ticketer};
use crate::wire::{ClientHello, ProtocolVersion};
use std::sync::Arc;

/// A session that a client may go on with.
pub(super) struct KnownSession {
    pub(super) suite: &'static Suite,
    pub(super) state: SessionState,
    /// Its ticket is about to expire: the client gets another.
    pub(super) renewal: Option<Arc<dyn Ticketer>>,
}

/// The session that the client offers, if it is known and bound to what the client offers now and
/// this server still wants (hazards D23, G1, G3). Anything else means a full handshake.
pub(super) fn find(
    config: &ServerConfig,
    hello: &ClientHello,
    derivation: Derivation,
    terms: &Terms,
) -> Result<Option<KnownSession>> {
    let Some((state, renewal)) = look_up(config, hello) else {
        return Ok(None);
    };
    let mut suites = config.suites();
    let suite = suites
        .find(|suite| suite.id == state.cipher_suite)
        .filter(|suite| hello.cipher_suites.contains(&suite.id));
    let Some(suite) = suite else { return Ok(None) };
    let bound = state.version == ProtocolVersion::DTLS1_2
        && suite.uses_psk() == matches!(state.peer, PeerIdentity::Psk(_))
        && is_bound(config, &state, terms);
    if !bound {
        return Ok(None);
    }
    // RFC 7627 §5.3: a known session has the extended master secret; a hello without it is refused.
    if derivation != Derivation::Extended {
        return Err(Error::NoExtendedMasterSecret);
    }
    Ok(Some(KnownSession {
        suite,
        state,
        renewal,
    }))
}

/// What a connection and the session that it goes on with must have in common, in any version.
fn is_bound(config: &ServerConfig, state: &SessionState, terms: &Terms) -> bool {
    state.server_name == terms.server_name
        && state.alpn == terms.alpn
        && !state.is_over(config.settings.clock.date())
        && still_welcome(config, state)
}

/// The session of DTLS 1.3 that a ticket is of, if it goes with the suite and everything else that it is
/// bound to (RFC 8446 §4.2.11, hazards D23 and G3).
pub(super) fn find13(
    config: &ServerConfig,
    ticket: &[u8],
    terms: &Terms,
    suite: &Suite13,
) -> Option<SessionState> {
    let sealed = config.resumption.tickets().and_then(|t| t.open(ticket));
    let state = match sealed {
        Some(OpenedTicket::Fresh(state) | OpenedTicket::Ageing(state)) => state,
        // The ticket may be an ID under which the state is kept here.
        None => config.resumption.sessions()?.get(ticket)?,
    };
    let state = decode(state)?;
    let hash = Suite13::find(state.cipher_suite)?.hash;
    let fits = state.version == ProtocolVersion::DTLS1_3
        && hash == suite.hash
        && is_bound(config, &state, terms);
    fits.then_some(state)
}

/// RFC 5077 §3.4: where there is a ticket, the session ID is not looked up.
fn look_up(
    config: &ServerConfig,
    hello: &ClientHello,
) -> Option<(SessionState, Option<Arc<dyn Ticketer>>)> {
    let resumption = &config.resumption;
    match hello.extensions.session_ticket.as_deref() {
        Some(ticket) if !ticket.is_empty() => {
            let ticketer = resumption.tickets()?;
            let (state, renewal) = match ticketer.open(ticket)? {
                OpenedTicket::Fresh(state) => (state, None),
                OpenedTicket::Ageing(state) => (state, Some(ticketer.clone())),
            };
            let renewal = renewal.filter(|ticketer| hands_out_tickets(&**ticketer));
            Some((decode(state)?, renewal))
        }
        _ if hello.session_id.is_empty() => None,
        _ => {
            let sessions = resumption.sessions()?;
            Some((decode(sessions.get(&hello.session_id)?)?, None))
        }
    }
}

fn decode(state: Vec<u8>) -> Option<SessionState> {
    SessionState::decode(Secret::new(state).as_bytes())
}

/// Whether a full handshake would let this client in, as far as that can be told without one.
fn still_welcome(config: &ServerConfig, state: &SessionState) -> bool {
    match &state.peer {
        PeerIdentity::Psk(_) => config.knows_key_of(state),
        peer => config.identity.has_certificates() && auth::admits(config, peer),
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_session::Keeping;
    use super::*;
    use crate::config::{ExtendedMasterSecret, Psk, ServerIdentity};
    use crate::resumption::{ServerSessionCache, ServerSessions, seconds};
    use crate::wire::{CipherSuite, ClientExtensions};

    const SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
    const ID: [u8; 32] = [9; 32];

    /// A server that knows a session under this ID, and a hello that offers it.
    fn server_and_hello() -> (ServerConfig, ClientHello) {
        server_and_hello_with(|_| ())
    }

    fn server_and_hello_with(
        change: impl FnOnce(&mut SessionState),
    ) -> (ServerConfig, ClientHello) {
        let cache = Arc::new(ServerSessionCache::default());
        let identity = ServerIdentity::psk(Psk::new("tester", [7; 32]).unwrap());
        let config = ServerConfig::builder(identity)
            .replay(crate::record::Replay::AcceptDuplicates)
            .extended_master_secret(ExtendedMasterSecret::Optional)
            .danger_without_hello_verification()
            .sessions(cache.clone())
            .build()
            .unwrap();
        let mut state = SessionState {
            version: ProtocolVersion::DTLS1_2,
            cipher_suite: SUITE,
            master: Secret::new(vec![7; 48]),
            created: seconds(config.settings.clock.date()),
            server_name: None,
            alpn: None,
            peer: PeerIdentity::Psk(b"tester".to_vec()),
            client_mark: Vec::new(),
        };
        state.client_mark = config.client_mark(&state.peer).unwrap();
        change(&mut state);
        cache.put(&ID, state.encode().as_bytes());
        let hello = ClientHello {
            version: ProtocolVersion::DTLS1_2,
            random: [1; 32],
            session_id: ID.to_vec(),
            cookie: Vec::new(),
            cipher_suites: vec![SUITE],
            compression_methods: vec![0],
            extensions: ClientExtensions::default(),
        };
        (config, hello)
    }

    /// G3: everything that a session is bound to, in the server's own state and in the hello.
    #[test]
    fn g03_a_session_is_found_only_as_it_was() {
        const DAY: u64 = 24 * 60 * 60;
        type Lie = (&'static str, bool, fn(&mut SessionState));
        let lies: [Lie; 9] = [
            ("nothing", true, |_| ()),
            ("half a day old", true, |state| state.created -= DAY / 2),
            ("a day old", false, |state| state.created -= DAY),
            ("of the day after", false, |state| state.created += DAY),
            ("version", false, |state| {
                state.version = ProtocolVersion::DTLS1_3;
            }),
            ("suite", false, |state| {
                state.cipher_suite = CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384;
            }),
            ("name", false, |state| {
                state.server_name = Some("a.test".into())
            }),
            ("protocol", false, |state| {
                state.alpn = Some(b"coap".to_vec())
            }),
            ("key", false, |state| state.client_mark[15] ^= 1),
        ];
        for (lie, found, change) in lies {
            let (config, hello) = server_and_hello_with(change);
            let known = find(&config, &hello, Derivation::Extended, &terms()).unwrap();
            assert_eq!(known.is_some(), found, "{lie}");
        }
        let peers = [
            PeerIdentity::Anonymous,
            PeerIdentity::Certificate(vec![vec![1]]),
            PeerIdentity::Psk(b"nobody".to_vec()),
        ];
        for peer in peers {
            let (config, hello) = server_and_hello_with(|state| state.peer = peer);
            let known = find(&config, &hello, Derivation::Extended, &terms()).unwrap();
            assert!(known.is_none());
        }
    }

    fn terms() -> Terms {
        Terms {
            alpn: None,
            srtp_profile: None,
            server_name: None,
        }
    }

    #[test]
    fn d16_a_known_session_offered_without_the_extended_master_secret_is_refused() {
        let (config, hello) = server_and_hello();
        let found = |derivation| find(&config, &hello, derivation, &terms());
        assert!(found(Derivation::Extended).unwrap().is_some());
        assert!(matches!(
            found(Derivation::Classic),
            Err(Error::NoExtendedMasterSecret)
        ));
    }

    #[test]
    fn d16_a_session_without_the_extended_master_secret_is_not_kept() {
        let (config, hello) = server_and_hello();
        let announced = |derivation| {
            let keeping = Keeping::choose(&config, &hello, derivation, None);
            keeping.unwrap().announce()
        };
        assert_eq!(announced(Derivation::Extended).0.len(), 32);
        assert_eq!(announced(Derivation::Classic), (Vec::new(), false));
    }

    #[test]
    fn beside_a_ticket_the_session_id_does_not_count() {
        let (config, mut hello) = server_and_hello();
        hello.extensions.session_ticket = Some(Vec::new());
        let found = |hello: &ClientHello| find(&config, hello, Derivation::Extended, &terms());
        assert!(found(&hello).unwrap().is_some());
        hello.extensions.session_ticket = Some(vec![1; 100]);
        assert!(found(&hello).unwrap().is_none());
    }
}

//! The abbreviated handshake of DTLS 1.2, both sides of it (RFC 5246 §7.3, figure 2; RFC 5077 §3.1). The
//! server finishes first, so the last flight is the client's.
//!
//! ```text
//! ClientHello with ticket or number -->                            Flight 3
//!                                              ServerHello    \
//!                                        [NewSessionTicket]    \   Flight 4
//!                                        [ChangeCipherSpec]    /
//!                                   <--           Finished    /
//! [ChangeCipherSpec]                                          \    Flight 5
//! Finished                          -->                       /
//! ```

use super::auth;
use super::client12;
use super::io::Io;
use super::keys12::{Derivation, Keys, Randoms, verify_finished};
use super::server12::{self, Terms};
use crate::certificate::{PeerIdentity, ServerName};
use crate::config::{ClientConfig, ServerConfig};
use crate::crypto::{Secret, Suite, random};
use crate::error::{Error, Result};
use crate::resumption::{
    ClientSession, Handle, OpenedTicket, ServerSessions, SessionState, Ticketer, seconds,
};
use crate::session::Session;
use crate::wire::{ClientHello, Finished, NewSessionTicket, ProtocolVersion, ServerHello};
use std::sync::Arc;
use std::time::Duration;

/// The client, whose offer the server has taken.
pub(super) async fn client(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
    agreed: client12::Agreed,
    answer: ServerHello,
    earlier: ClientSession,
) -> Result<Session> {
    let state = earlier.state();
    // RFC 5246 §7.4.1.3: version and suite are the session's.
    if answer.version != state.version || agreed.suite.id != state.cipher_suite {
        return Err(Error::IllegalParameter("parameters of a resumed session"));
    }
    // RFC 7627 §5.3: the session has it, so the connection must.
    if agreed.derivation != Derivation::Extended {
        return Err(Error::NoExtendedMasterSecret);
    }
    let keys = Keys::resume(&mut io, agreed.suite, state.master.clone(), agreed.randoms);

    // Flight 4: perhaps a new ticket; and the server holds the session's keys.
    let ticket = recv_ticket(&mut io, &answer).await?;
    let expected = keys.server_finished(&io);
    io.expect_change_cipher_spec(keys.client_read()?);
    verify_finished(&io.recv::<Finished>().await?, &expected)?;

    // Flight 5: so do we.
    io.send_change_cipher_spec(keys.client_write()?);
    io.send(&keys.client_finished(&io))?;

    let session = Session {
        version: answer.version,
        cipher_suite: agreed.suite.id,
        alpn: answer.extensions.alpn,
        srtp_profile: answer.extensions.use_srtp.map(|choice| choice.profile),
        peer_identity: state.peer.clone(),
        server_name: server.sni().map(str::to_owned),
        resumed: true,
        exporter: keys.exporter(),
    };
    match (ticket, &config.resumption.sessions) {
        (Some(new), _) if !new.ticket.is_empty() => {
            keep(&config, &server, &session, state.created, Some(new), &[]);
        }
        (_, Some(sessions)) => sessions.put(&server, earlier),
        (_, None) => {}
    }
    Ok(session)
}

/// The server, with a session that it was asked to go on with.
pub(super) async fn server(
    mut io: Io,
    config: Arc<ServerConfig>,
    hello: ClientHello,
    terms: Terms,
    earlier: Earlier,
) -> Result<Session> {
    let Earlier { suite, state, .. } = &earlier;
    let mut extensions = server12::extensions(&hello, &terms);
    extensions.session_ticket = earlier.renewal.is_some();
    let answer = ServerHello {
        version: ProtocolVersion::DTLS1_2,
        random: random::array()?,
        session_id: hello.session_id,
        cipher_suite: suite.id,
        compression_method: 0,
        extensions,
    };
    let randoms = Randoms {
        client: hello.random,
        server: answer.random,
    };

    // Flight 4: on with the session, perhaps under a new ticket; and we hold its keys.
    io.send(&answer)?;
    let keys = Keys::resume(&mut io, suite, state.master.clone(), randoms);
    if let Some(ticketer) = &earlier.renewal {
        io.send(&ticket(&config, &**ticketer, Some(state)))?;
    }
    io.send_change_cipher_spec(keys.server_write()?);
    io.send(&keys.server_finished(&io))?;

    // Flight 5: so does the client.
    let expected = keys.client_finished(&io);
    io.expect_change_cipher_spec(keys.server_read()?);
    verify_finished(&io.recv::<Finished>().await?, &expected)?;

    Ok(Session {
        version: answer.version,
        cipher_suite: suite.id,
        alpn: terms.alpn,
        srtp_profile: terms.srtp_profile,
        peer_identity: state.peer.clone(),
        server_name: terms.server_name,
        resumed: true,
        exporter: keys.exporter(),
    })
}

/// A session that a client may go on with.
pub(super) struct Earlier {
    suite: &'static Suite,
    state: SessionState,
    /// Its ticket is about to expire: the client gets another.
    renewal: Option<Arc<dyn Ticketer>>,
}

/// The session that the client offers, if it is known and bound to what the client offers now and
/// this server still wants (hazards D23, G1, G3). Anything else means a full handshake.
pub(super) fn find(
    config: &ServerConfig,
    hello: &ClientHello,
    terms: &Terms,
) -> Result<Option<Earlier>> {
    let Some((state, renewal)) = look_up(config, hello) else {
        return Ok(None);
    };
    let mut suites = config.settings.suites();
    let suite = suites
        .find(|suite| suite.id == state.cipher_suite)
        .filter(|suite| hello.cipher_suites.contains(&suite.id));
    let Some(suite) = suite else { return Ok(None) };
    let bound = state.version == ProtocolVersion::DTLS1_2
        && state.server_name == terms.server_name
        && state.alpn == terms.alpn
        && !state.is_over(config.settings.clock.date())
        && still_welcome(config, &state);
    if !bound {
        return Ok(None);
    }
    // RFC 7627 §5.3: a known session has the extended master secret; a hello without it is refused.
    if terms.derivation != Derivation::Extended {
        return Err(Error::NoExtendedMasterSecret);
    }
    Ok(Some(Earlier {
        suite,
        state,
        renewal,
    }))
}

/// RFC 5077 §3.4: where there is a ticket, the number is not looked up.
fn look_up(
    config: &ServerConfig,
    hello: &ClientHello,
) -> Option<(SessionState, Option<Arc<dyn Ticketer>>)> {
    let resumption = &config.resumption;
    match hello.extensions.session_ticket.as_deref() {
        Some(ticket) if !ticket.is_empty() => {
            let ticketer = resumption.tickets.as_ref()?;
            let (state, renewal) = match ticketer.open(config.settings.clock.now(), ticket)? {
                OpenedTicket::Fresh(state) => (state, None),
                OpenedTicket::Ageing(state) => (state, Some(ticketer.clone())),
            };
            Some((decode(state)?, renewal))
        }
        _ if hello.session_id.is_empty() => None,
        _ => {
            let sessions = resumption.sessions.as_ref()?;
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
        PeerIdentity::Psk(identity) => {
            let lookup = config.identity.psk.as_ref();
            lookup.is_some_and(|lookup| lookup.find(identity).is_some())
        }
        peer => auth::admits(config, peer),
    }
}

/// How a server will know a new session again.
pub(super) enum Keeping {
    Ticket(Arc<dyn Ticketer>),
    Id(Vec<u8>, Arc<dyn ServerSessions>),
    Not,
}

impl Keeping {
    /// By ticket, if the client takes one. Without the extended master secret not at all (RFC 7627 §5.3).
    pub(super) fn choose(
        config: &ServerConfig,
        hello: &ClientHello,
        terms: &Terms,
    ) -> Result<Keeping> {
        if terms.derivation != Derivation::Extended {
            return Ok(Keeping::Not);
        }
        let resumption = &config.resumption;
        match (
            &hello.extensions.session_ticket,
            &resumption.tickets,
            &resumption.sessions,
        ) {
            (Some(_), Some(ticketer), _) => Ok(Keeping::Ticket(ticketer.clone())),
            (_, _, Some(sessions)) => {
                let id = random::array::<32>()?.to_vec();
                Ok(Keeping::Id(id, sessions.clone()))
            }
            (_, _, None) => Ok(Keeping::Not),
        }
    }

    /// What the ServerHello says of it: the session's number, empty where there will be a ticket (RFC 5077
    /// §3.4), and whether there will be one.
    pub(super) fn announce(&self) -> (Vec<u8>, bool) {
        match self {
            Keeping::Ticket(_) => (Vec::new(), true),
            Keeping::Id(id, _) => (id.clone(), false),
            Keeping::Not => (Vec::new(), false),
        }
    }

    /// Keeps the session, now that the client has proven itself. The ticket that was announced, if so.
    pub(super) fn keep(
        &self,
        config: &ServerConfig,
        session: &Session,
    ) -> Option<NewSessionTicket> {
        let created = seconds(config.settings.clock.date());
        let state = session.state(created);
        match self {
            Keeping::Ticket(ticketer) => Some(ticket(config, &**ticketer, state.as_ref())),
            Keeping::Id(id, sessions) => {
                sessions.put(id, state?.encode().as_bytes());
                None
            }
            Keeping::Not => None,
        }
    }
}

/// RFC 5077 §3.3: an announced ticket is sent, if need be an empty one.
fn ticket(
    config: &ServerConfig,
    ticketer: &dyn Ticketer,
    state: Option<&SessionState>,
) -> NewSessionTicket {
    let clock = &config.settings.clock;
    let sealed = state
        .and_then(|state| ticketer.seal(clock.now(), state.encode().as_bytes()))
        .filter(|ticket| u16::try_from(ticket.len()).is_ok());
    let left = state.map_or(Duration::ZERO, |state| state.time_left(clock.date()));
    let lifetime = ticketer.lifetime().min(left).as_secs();
    NewSessionTicket {
        lifetime_hint: u32::try_from(lifetime).unwrap_or(u32::MAX),
        ticket: sealed.unwrap_or_default(),
    }
}

/// The ticket that the server announced, if it did. RFC 5077 §3.3: it comes before ChangeCipherSpec.
pub(super) async fn recv_ticket(
    io: &mut Io,
    answer: &ServerHello,
) -> Result<Option<NewSessionTicket>> {
    match answer.extensions.session_ticket {
        true => io.recv::<NewSessionTicket>().await.map(Some),
        false => Ok(None),
    }
}

/// Keeps a client's session under its ticket or its number, now that the server's Finished is verified
/// (RFC 5077 §3.3).
pub(super) fn keep(
    config: &ClientConfig,
    server: &ServerName,
    session: &Session,
    created: u64,
    ticket: Option<NewSessionTicket>,
    id: &[u8],
) {
    let (Some(sessions), Some(state)) = (&config.resumption.sessions, session.state(created))
    else {
        return;
    };
    let (handle, hint) = match ticket {
        Some(new) if !new.ticket.is_empty() => {
            let seconds = u64::from(new.lifetime_hint);
            let hint = (seconds > 0).then(|| Duration::from_secs(seconds));
            (Handle::Ticket(new.ticket), hint)
        }
        _ if !id.is_empty() => (Handle::Id(id.to_vec()), None),
        _ => return,
    };
    let date = config.settings.clock.date();
    sessions.put(server, ClientSession::new(handle, state, hint, date));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ExtendedMasterSecret, Psk, ServerIdentity};
    use crate::resumption::ServerSessionCache;
    use crate::wire::{CipherSuite, ClientExtensions};

    const SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
    const ID: [u8; 32] = [9; 32];

    /// A server that knows a session under this number, and a hello that offers it.
    fn server_and_hello() -> (ServerConfig, ClientHello) {
        let cache = ServerSessionCache::default();
        let state = SessionState {
            version: ProtocolVersion::DTLS1_2,
            cipher_suite: SUITE,
            master: Secret::new(vec![7; 48]),
            created: seconds(std::time::SystemTime::now()),
            server_name: None,
            alpn: None,
            peer: PeerIdentity::Psk(b"tester".to_vec()),
        };
        cache.put(&ID, state.encode().as_bytes());
        let identity = ServerIdentity::psk(Psk::new("tester", [7; 32]).unwrap());
        let config = ServerConfig::builder(identity)
            .replay(crate::record::Replay::AcceptDuplicates)
            .extended_master_secret(ExtendedMasterSecret::Optional)
            .danger_without_hello_verification()
            .sessions(cache);
        let hello = ClientHello {
            version: ProtocolVersion::DTLS1_2,
            random: [1; 32],
            session_id: ID.to_vec(),
            cookie: Vec::new(),
            cipher_suites: vec![SUITE],
            compression_methods: vec![0],
            extensions: ClientExtensions::default(),
        };
        (config.build().unwrap(), hello)
    }

    fn terms(derivation: Derivation) -> Terms {
        Terms {
            derivation,
            alpn: None,
            srtp_profile: None,
            server_name: None,
        }
    }

    #[test]
    fn d16_a_known_session_offered_without_the_extended_master_secret_is_refused() {
        let (config, hello) = server_and_hello();
        let found = |derivation| find(&config, &hello, &terms(derivation));
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
            let keeping = Keeping::choose(&config, &hello, &terms(derivation)).unwrap();
            keeping.announce()
        };
        assert_eq!(announced(Derivation::Extended).0.len(), 32);
        assert_eq!(announced(Derivation::Classic), (Vec::new(), false));
    }

    #[test]
    fn beside_a_ticket_the_number_does_not_count() {
        let (config, mut hello) = server_and_hello();
        hello.extensions.session_ticket = Some(Vec::new());
        let found = |hello: &ClientHello| find(&config, hello, &terms(Derivation::Extended));
        assert!(found(&hello).unwrap().is_some());
        hello.extensions.session_ticket = Some(vec![1; 100]);
        assert!(found(&hello).unwrap().is_none());
    }
}

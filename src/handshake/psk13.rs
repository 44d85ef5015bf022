//! Pre-shared keys in DTLS 1.3: those that both sides were told, and those of tickets (RFC 8446 §4.2.11).

use super::io::Io;
use super::keys13::{EarlySecret, PskKind};
use super::known_session;
use super::terms::Terms;
use crate::certificate::PeerIdentity;
use crate::config::{ClientConfig, ServerConfig, Trust};
use crate::crypto::{self, EXTERNAL_PSK_HKDF, Hkdf, Secret, Suite13};
use crate::error::{Error, Result};
use crate::resumption::{ClientSession, Handle, SessionState, seconds};
use crate::wire::{Body, ClientHello, ExtensionType, OfferedPsks, PSK_DHE_KE, PskIdentity};
use std::time::SystemTime;

/// How many identities of a hello a server looks at.
const MOST_IDENTITIES: usize = 4;

/// Takes the place of a key that is not known.
const NOBODYS_KEY: [u8; 32] = [0; 32];

/// How old a ticket is, told in a way that joins no two connections (RFC 8446 §4.2.11.1).
struct TicketAge {
    /// In seconds since 1970.
    received: u64,
    add: u32,
}

impl TicketAge {
    fn obfuscated(&self, date: SystemTime) -> u32 {
        let age = seconds(date).saturating_sub(self.received);
        // Milliseconds modulo 2^32, as the age is told.
        let age = u32::try_from(age.saturating_mul(1000) % (1 << 32)).unwrap_or_default();
        age.wrapping_add(self.add)
    }
}

/// A key that a client offers.
pub(super) struct OfferedPsk {
    origin: Origin,
    hkdf: Hkdf,
    key: Secret,
    /// Its name, or its ticket.
    identity: Vec<u8>,
    /// Who the server is, if it takes the key.
    peer: PeerIdentity,
    client_mark: Vec<u8>,
}

/// Where a key comes from.
enum Origin {
    /// The client was told it.
    External,
    /// A session whose full handshake was at this time, in seconds since 1970.
    Session { ticket_age: TicketAge, created: u64 },
}

impl OfferedPsk {
    /// The key of the session to go on with, if that is one of DTLS 1.3.
    pub(super) fn resumption(session: &ClientSession) -> Option<Self> {
        let Handle::Ticket13 {
            ticket,
            age_add,
            received,
        } = session.handle()
        else {
            return None;
        };
        let state = session.state();
        Some(OfferedPsk {
            origin: Origin::Session {
                ticket_age: TicketAge {
                    received: *received,
                    add: *age_add,
                },
                created: state.created,
            },
            hkdf: Suite13::find(state.cipher_suite)?.hkdf(),
            key: state.master.clone(),
            identity: ticket.clone(),
            peer: state.peer.clone(),
            client_mark: state.client_mark.clone(),
        })
    }

    /// The key that the client was told.
    pub(super) fn external(config: &ClientConfig) -> Result<Option<Self>> {
        let psk = match &config.trust.0 {
            Trust::Psk(choose) => choose(None),
            #[cfg(feature = "x509")]
            Trust::Certificates { .. } => None,
        };
        let Some(psk) = psk else { return Ok(None) };
        Ok(Some(OfferedPsk {
            origin: Origin::External,
            hkdf: EXTERNAL_PSK_HKDF,
            key: psk.key().clone(),
            identity: psk.identity().to_vec(),
            peer: PeerIdentity::Psk(psk.identity().to_vec()),
            client_mark: psk.mark()?,
        }))
    }

    pub(super) fn goes_with(&self, suite: &Suite13) -> bool {
        self.hkdf.hash == suite.hash
    }

    pub(super) fn is_resumption(&self) -> bool {
        matches!(self.origin, Origin::Session { .. })
    }

    pub(super) fn peer(&self) -> &PeerIdentity {
        &self.peer
    }

    /// When the session's full handshake was, in seconds since 1970.
    pub(super) fn created(&self) -> Option<u64> {
        match self.origin {
            Origin::External => None,
            Origin::Session { created, .. } => Some(created),
        }
    }

    /// By what we are known again: the mark of this key, or that of the session.
    pub(super) fn client_mark(&self) -> &[u8] {
        &self.client_mark
    }

    fn identity(&self, date: SystemTime) -> PskIdentity {
        PskIdentity {
            identity: self.identity.clone(),
            obfuscated_ticket_age: match &self.origin {
                Origin::External => 0,
                Origin::Session { ticket_age, .. } => ticket_age.obfuscated(date),
            },
        }
    }

    /// Puts the key before those that stand in the hello, with a binder of zeros, which is as long as the right
    /// one.
    pub(super) fn stand_first(&self, date: SystemTime, hello: &mut ClientHello) {
        let offered = &mut hello.extensions.pre_shared_key;
        let offered = offered.get_or_insert_with(OfferedPsks::default);
        offered.identities.insert(0, self.identity(date));
        offered.binders.insert(0, vec![0; self.hkdf.hash.len()]);
    }

    fn kind(&self) -> PskKind {
        match self.origin {
            Origin::External => PskKind::External,
            Origin::Session { .. } => PskKind::Resumption,
        }
    }

    pub(super) fn early_secret(&self) -> EarlySecret {
        EarlySecret::new(self.hkdf, Some(&self.key))
    }
}

/// Writes identities and binders into the hello that is about to be sent. Each binder is made with its key's
/// own hash, over the hello without any binder (RFC 8446 §4.2.11.2).
pub(super) fn offer(
    psks: &[OfferedPsk],
    io: &Io,
    date: SystemTime,
    hello: &mut ClientHello,
) -> Result<()> {
    hello.extensions.pre_shared_key = None;
    psks.iter()
        .rev()
        .for_each(|psk| psk.stand_first(date, hello));
    let offered = hello.extensions.pre_shared_key.as_ref();
    let binders_len = offered.map_or(0, OfferedPsks::binders_len);
    let encoded = hello.encode();
    let binders = psks.iter().map(|psk| {
        let hash = io.partial_hash(psk.hkdf.hash, &encoded, binders_len);
        psk.early_secret().binder(psk.kind(), &hash)
    });
    let binders = binders.collect::<Result<_>>()?;
    if let Some(offered) = &mut hello.extensions.pre_shared_key {
        offered.binders = binders;
    }
    Ok(())
}

/// The key that a server goes on with.
pub(super) struct ChosenPsk {
    /// Its place among those offered.
    pub(super) index: u16,
    pub(super) early: EarlySecret,
    pub(super) client: KnownClient,
}

/// Who holds the key.
pub(super) enum KnownClient {
    /// Whoever was told it.
    External(Vec<u8>),
    /// The client of an earlier session.
    Session(Box<SessionState>),
}

impl ChosenPsk {
    pub(super) fn is_resumption(&self) -> bool {
        matches!(self.client, KnownClient::Session(_))
    }

    /// When the session's full handshake was, in seconds since 1970.
    pub(super) fn created(&self) -> Option<u64> {
        match &self.client {
            KnownClient::External(_) => None,
            KnownClient::Session(state) => Some(state.created),
        }
    }

    pub(super) fn peer(&self) -> PeerIdentity {
        match &self.client {
            KnownClient::External(identity) => PeerIdentity::Psk(identity.clone()),
            KnownClient::Session(state) => state.peer.clone(),
        }
    }
}

/// The first key of the hello that is known and goes with the suite. The transcript must end with the
/// hello. A binder that does not verify is an error (RFC 8446 §4.2.11).
pub(super) fn choose(
    io: &Io,
    config: &ServerConfig,
    hello: &ClientHello,
    terms: &Terms,
    suite: &'static Suite13,
) -> Result<Option<ChosenPsk>> {
    let Some(offered) = &hello.extensions.pre_shared_key else {
        return Ok(None);
    };
    let missing = Error::MissingExtension(ExtensionType::PSK_KEY_EXCHANGE_MODES);
    let modes = hello.extensions.psk_modes.as_ref().ok_or(missing)?;
    if offered.identities.len() != offered.binders.len() {
        return Err(Error::IllegalParameter("number of binders"));
    }
    if !modes.contains(&PSK_DHE_KE) {
        return Ok(None);
    }
    let check = |binder: &[u8], kind: PskKind, key: &Secret| -> Result<(EarlySecret, bool)> {
        let early = EarlySecret::new(suite.hkdf(), Some(key));
        let hash = io.transcript_hash_without(suite.hash, offered.binders_len());
        let is_good = crypto::equal(&early.binder(kind, &hash)?, binder);
        Ok((early, is_good))
    };
    let pairs = offered.identities.iter().zip(&offered.binders);
    for ((identity, binder), index) in pairs.zip(0..).take(MOST_IDENTITIES) {
        let Some((kind, key, client)) = look_up(config, &identity.identity, terms, suite) else {
            continue;
        };
        let (early, is_good) = check(binder, kind, &key)?;
        if !is_good {
            return Err(match kind {
                PskKind::External => Error::UnknownPskIdentity,
                PskKind::Resumption => Error::BadFinished,
            });
        }
        return Ok(Some(ChosenPsk {
            index,
            early,
            client,
        }));
    }
    if let (Some(binder), false) = (offered.binders.first(), config.identity.has_certificates()) {
        // Hazards D21 and J7: the handshake fails as by a wrong key, and takes as long. The outcome is thrown away:
        // anyone can know this key.
        check(
            binder,
            PskKind::External,
            &Secret::new(NOBODYS_KEY.to_vec()),
        )?;
        return Err(Error::UnknownPskIdentity);
    }
    Ok(None)
}

fn look_up(
    config: &ServerConfig,
    identity: &[u8],
    terms: &Terms,
    suite: &'static Suite13,
) -> Option<(PskKind, Secret, KnownClient)> {
    if let Some(state) = known_session::find13(config, identity, terms, suite) {
        let key = state.master.clone();
        return Some((
            PskKind::Resumption,
            key,
            KnownClient::Session(Box::new(state)),
        ));
    }
    if !suite.goes_with_external_psk() {
        return None;
    }
    let psk = config.identity.psk.as_ref()?.find(identity)?;
    let client = KnownClient::External(identity.to_vec());
    Some((PskKind::External, psk.key().clone(), client))
}

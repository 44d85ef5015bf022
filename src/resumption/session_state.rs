//! What must be known to go on with a session, and everything that it is bound to.

use crate::certificate::PeerIdentity;
use crate::codec::{self, DecodeError, Reader, Writer};
use crate::crypto::Secret;
use crate::wire::{CipherSuite, ProtocolVersion};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names this encoding, so that a later one is not misread.
const FORMAT: u8 = 3;

/// RFC 5246 §F.1.4: a session is gone on with for 24 hours at most.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// How far clocks may differ, or one be set back.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(60 * 60);

/// A master secret of DTLS 1.2 has 48 bytes (RFC 5246 §8.1), a pre-shared key of 1.3 as many as its hash.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 32..=48;

/// A session as it is kept. Of DTLS 1.2 only sessions with the extended master secret are (RFC 7627 §5.3).
#[derive(Debug, Clone)]
pub(crate) struct SessionState {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher_suite: CipherSuite,
    /// The master secret; in DTLS 1.3 the pre-shared key of a ticket.
    pub(crate) master: Secret,
    /// When its full handshake was, in seconds since 1970.
    pub(crate) created: u64,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<Vec<u8>>,
    /// Who the other side proved to be.
    pub(crate) peer: PeerIdentity,
    /// By what the client is known again: a salted tag of its pre-shared key, else, on the client's side, the
    /// fingerprint of its certificate. Empty: the session is bound to neither.
    pub(crate) client_mark: Vec<u8>,
}

impl SessionState {
    /// How much longer the session may be gone on with. A date that lies before its beginning, since
    /// somebody set the clock, counts as its beginning (hazard I7), but not if it lies far before.
    pub(crate) fn time_left(&self, date: SystemTime) -> Duration {
        let (date, began) = (
            Duration::from_secs(seconds(date)),
            Duration::from_secs(self.created),
        );
        if began > date.saturating_add(CLOCK_SKEW) {
            return Duration::ZERO;
        }
        LIFETIME.saturating_sub(date.saturating_sub(began))
    }

    pub(crate) fn is_over(&self, date: SystemTime) -> bool {
        self.time_left(date).is_zero()
    }

    /// The encoding holds the master secret, so it is one.
    pub(crate) fn encode(&self) -> Secret {
        Secret::new(Writer::bytes_of(|w| self.write(w)))
    }

    /// `None` for what [`encode`](Self::encode) did not make.
    pub(crate) fn decode(bytes: &[u8]) -> Option<SessionState> {
        Reader::whole(bytes, SessionState::read).ok()
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.u8(FORMAT);
        w.u16(self.version.0);
        w.u16(self.cipher_suite.0);
        w.vec8(|w| w.bytes(self.master.as_bytes()));
        w.u64(self.created);
        w.vec8(|w| w.bytes(self.server_name.as_deref().unwrap_or_default().as_bytes()));
        w.vec8(|w| w.bytes(self.alpn.as_deref().unwrap_or_default()));
        match &self.peer {
            PeerIdentity::Anonymous => w.u8(0),
            PeerIdentity::Certificate(chain) => {
                w.u8(1);
                w.vec24(|w| chain.iter().for_each(|cert| w.vec24(|w| w.bytes(cert))));
            }
            PeerIdentity::Psk(identity) => {
                w.u8(2);
                w.vec16(|w| w.bytes(identity));
            }
        }
        w.vec8(|w| w.bytes(&self.client_mark));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> codec::Result<SessionState> {
        if reader.u8()? != FORMAT {
            return Err(DecodeError::IllegalValue);
        }
        let some = |bytes: &[u8]| (!bytes.is_empty()).then(|| bytes.to_vec());
        Ok(SessionState {
            version: ProtocolVersion(reader.u16()?),
            cipher_suite: CipherSuite(reader.u16()?),
            master: master(reader.vec8()?)?,
            created: reader.u64()?,
            server_name: some(reader.vec8()?)
                .map(String::from_utf8)
                .transpose()
                .map_err(|_| DecodeError::IllegalValue)?,
            alpn: some(reader.vec8()?),
            peer: match reader.u8()? {
                0 => PeerIdentity::Anonymous,
                1 => PeerIdentity::Certificate(certificates(reader.vec24()?)?),
                2 => PeerIdentity::Psk(reader.vec16()?.to_vec()),
                _ => return Err(DecodeError::IllegalValue),
            },
            client_mark: reader.vec8()?.to_vec(),
        })
    }
}

fn master(bytes: &[u8]) -> codec::Result<Secret> {
    match SECRET_LENGTHS.contains(&bytes.len()) {
        true => Ok(Secret::new(bytes.to_vec())),
        false => Err(DecodeError::BadLength),
    }
}

fn certificates(list: &[u8]) -> codec::Result<Vec<Vec<u8>>> {
    let mut reader = Reader::new(list);
    let mut chain = Vec::new();
    while !reader.is_empty() {
        chain.push(reader.vec24()?.to_vec());
    }
    Ok(chain)
}

/// A date as sessions note it.
pub(crate) fn seconds(date: SystemTime) -> u64 {
    date.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

#[cfg(test)]
pub(super) fn example(peer: PeerIdentity) -> SessionState {
    SessionState {
        version: ProtocolVersion::DTLS1_2,
        cipher_suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        master: Secret::new(vec![7; 48]),
        created: 1_000,
        server_name: Some("server.test".into()),
        alpn: None,
        peer,
        client_mark: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back_and_nothing_else_does() {
        let peers = [
            PeerIdentity::Anonymous,
            PeerIdentity::Certificate(vec![vec![1; 300], vec![2]]),
            PeerIdentity::Psk(b"sensor-7".to_vec()),
        ];
        for peer in peers {
            let state = SessionState {
                alpn: Some(b"coap".to_vec()),
                client_mark: vec![3; 16],
                ..example(peer)
            };
            let bytes = state.encode();
            let bytes = bytes.as_bytes();
            let back = SessionState::decode(bytes).unwrap();
            assert_eq!(back.encode().as_bytes(), bytes);
            assert_eq!(back.peer, state.peer);
            assert_eq!(back.client_mark, state.client_mark);
            assert_eq!(back.server_name, state.server_name);
            assert_eq!(back.alpn, state.alpn);
            for end in 0..bytes.len() {
                assert!(SessionState::decode(&bytes[..end]).is_none(), "{end}");
            }
            assert!(SessionState::decode(&[bytes, &[0]].concat()).is_none());
            // Of another format.
            assert!(SessionState::decode(&[&[FORMAT + 1], &bytes[1..]].concat()).is_none());
        }
    }

    #[test]
    fn a_peer_is_of_a_kind_that_is_known() {
        let mut bytes = example(PeerIdentity::Anonymous)
            .encode()
            .as_bytes()
            .to_vec();
        assert!(SessionState::decode(&bytes).is_some());
        // The kind, and the length of what tells the client from others.
        let [.., kind, 0] = &mut bytes[..] else {
            panic!("{bytes:?}");
        };
        assert_eq!(std::mem::replace(kind, 3), 0);
        assert!(SessionState::decode(&bytes).is_none());
    }

    #[test]
    fn g02_i07_a_session_lives_for_a_day() {
        let state = example(PeerIdentity::Anonymous);
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let day = 24 * 60 * 60;
        assert_eq!(state.time_left(at(1_000)).as_secs(), day);
        assert_eq!(state.time_left(at(1_000 + day - 1)).as_secs(), 1);
        assert!(state.is_over(at(1_000 + day)));
        assert!(state.is_over(at(u64::from(u32::MAX))));
        // The clock was set back, a little or by far.
        assert_eq!(state.time_left(at(0)).as_secs(), day);
        let later = SessionState {
            created: 10_000,
            ..state
        };
        assert_eq!(later.time_left(at(10_000 - 3_600)).as_secs(), day);
        assert!(later.is_over(at(10_000 - 3_601)));
        // Before all counting of seconds.
        assert_eq!(seconds(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}

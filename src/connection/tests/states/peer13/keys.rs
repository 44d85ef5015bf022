//! The peer's key schedule: RFC 8446 §7.1, RFC 9147 §5.9 and §6.1. It owes nothing to that of the scripts.

use super::super::setup::{TICKET_SECRET, psk};
use super::super::symbol::{Role, Under};
use super::super::variants::{Method, Variant};
use super::{Peer13, Said};
use crate::crypto::{HashAlgorithm, HmacKey, SUITES13, Secret, Suite13};
use crate::record::TrafficSecret;
use crate::wire::{CipherSuite, HandshakeType};

const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// The epoch of the handshake's messages, and the first of application data.
pub(super) const HANDSHAKE: u16 = 2;
pub(super) const APPLICATION: u16 = 3;

/// Those of both sides for one stage, and what the next stage follows from.
#[derive(Clone)]
pub(super) struct Secrets {
    stage: Secret,
    client: Secret,
    server: Secret,
}

impl Secrets {
    fn of(stage: Secret, labels: [&[u8]; 2], transcript: &[u8]) -> Secrets {
        let [client, server] = labels.map(|label| derive_secret(&stage, label, transcript));
        Secrets {
            stage,
            client,
            server,
        }
    }

    fn side(&self, role: Role) -> &Secret {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }
}

impl Peer13 {
    /// The secrets that follow from a message of this type, which stands last in the transcript.
    pub(super) fn derive(&self, said: &mut Said, typ: HandshakeType, of: Role) {
        match (typ, &self.shared) {
            (HandshakeType::SERVER_HELLO, Some(shared)) if said.handshake.is_none() => {
                let salt = derive_secret(&early_secret(self.variant), b"derived", &[]);
                let stage = SUITES13[0]
                    .hkdf()
                    .extract(salt.as_bytes(), shared.as_bytes());
                let labels: [&[u8]; 2] = [b"c hs traffic", b"s hs traffic"];
                said.handshake = Some(Secrets::of(stage, labels, &said.transcript));
            }
            (HandshakeType::FINISHED, _) if of == Role::Server => {
                said.application = said.handshake.as_ref().map(|handshake| {
                    let salt = derive_secret(&handshake.stage, b"derived", &[]);
                    let stage = SUITES13[0].hkdf().extract(salt.as_bytes(), &[0; 32]);
                    let labels: [&[u8]; 2] = [b"c ap traffic", b"s ap traffic"];
                    Secrets::of(stage, labels, &said.transcript)
                });
            }
            _ => {}
        }
    }

    /// The epoch and the secret that it speaks under.
    pub(super) fn keys(&self, under: Under, said: &Said) -> Option<(u16, Secret)> {
        let handshake = || Some((HANDSHAKE, said.handshake.as_ref()?.side(self.role).clone()));
        let application = |updates: u16| {
            let first = said.application.as_ref()?.side(self.role);
            let secret = (0..updates).fold(first.clone(), |secret, _| next(&secret));
            Some((APPLICATION + updates, secret))
        };
        match under {
            Under::Nothing
            | Under::OldVersionKeys
            | Under::WrongOldVersionKeys
            | Under::OtherVersionKeys => None,
            Under::RightKeys | Under::WrongKeys => handshake(),
            Under::DataKeys | Under::WrongDataKeys => application(said.updates),
            Under::OldKeys => application(said.updates.checked_sub(1)?),
            Under::NextKeys => application(said.updates + 1),
        }
    }

    /// Makes the keys that the subject speaks under, unless they are made.
    pub(super) fn listen(&mut self) {
        let subject = self.role.other();
        let stages = [
            (HANDSHAKE, &self.said.handshake),
            (APPLICATION, &self.said.application),
        ];
        for (epoch, secrets) in stages {
            let known = self.openers.iter().any(|opener| opener.epoch() == epoch);
            if let (Some(secrets), false) = (secrets, known) {
                let secret = secrets.side(subject);
                self.openers.push(traffic(secret).opener(epoch).unwrap());
                self.theirs = Some(secret.clone());
            }
        }
    }

    /// The subject has said that its next keys follow.
    pub(super) fn listen_under_next_keys(&mut self) {
        let secret = next(self.theirs.as_ref().unwrap());
        let epoch = self.openers.last().unwrap().epoch() + 1;
        self.openers.push(traffic(&secret).opener(epoch).unwrap());
        self.theirs = Some(secret);
    }

    /// RFC 8446 §4.4.4.
    pub(super) fn verify_data(&self, said: &Said, of: Role) -> Vec<u8> {
        let Some(secrets) = &said.handshake else {
            return vec![0; HASH.len()];
        };
        finished(secrets.side(of), &hash(&said.transcript))
    }
}

/// RFC 8446 §4.2.11.2: over the transcript up to the binders.
pub(super) fn binder(variant: &Variant, transcript: &[u8]) -> Vec<u8> {
    let label: &[u8] = match variant.session.is_resumed() {
        true => b"res binder",
        false => b"ext binder",
    };
    let key = derive_secret(&early_secret(variant), label, &[]);
    finished(&key, &hash(transcript))
}

pub(super) fn hash(messages: &[u8]) -> Vec<u8> {
    HASH.digest(messages).as_ref().to_vec()
}

pub(super) fn traffic(secret: &Secret) -> TrafficSecret {
    let suite = Suite13::find(CipherSuite::TLS_AES_128_GCM_SHA256);
    TrafficSecret::new(suite.unwrap(), secret.clone())
}

/// One that nobody agreed on.
pub(super) fn nobodys_secret() -> Secret {
    Secret::new(vec![0xee; 32])
}

fn early_secret(variant: &Variant) -> Secret {
    let key = match variant.method {
        _ if variant.session.is_resumed() => TICKET_SECRET.to_vec(),
        Method::Psk | Method::EcdhePsk => psk().key().as_bytes().to_vec(),
        Method::Ecdhe => vec![0; HASH.len()],
    };
    SUITES13[0].hkdf().extract(&[], &key)
}

fn next(secret: &Secret) -> Secret {
    SUITES13[0]
        .hkdf()
        .expand_secret(secret, b"traffic upd", &[])
        .unwrap()
}

fn derive_secret(secret: &Secret, label: &[u8], messages: &[u8]) -> Secret {
    SUITES13[0]
        .hkdf()
        .expand_secret(secret, label, &hash(messages))
        .unwrap()
}

fn finished(base: &Secret, transcript_hash: &[u8]) -> Vec<u8> {
    let key = SUITES13[0]
        .hkdf()
        .expand_secret(base, b"finished", &[])
        .unwrap();
    let mac = HmacKey::new(HASH, key.as_bytes()).sign(&[transcript_hash]);
    mac.as_ref().to_vec()
}

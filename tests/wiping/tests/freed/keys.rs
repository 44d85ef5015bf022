//! What is secret in a connection, by the secrets that its key log tells.

use crate::sides::Logged;
use ring::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};
use ring::hmac;
use wiping::Secret;

pub type Secrets = Vec<Secret>;

/// Secrets that are ours for ever, and keys that ring has too, which does not wipe them when it is done with them.
#[derive(Default)]
pub struct Found {
    pub lasting: Secrets,
    pub traffic: Secrets,
}

impl Found {
    /// Those of a connection of DTLS 1.2.
    pub fn add_12(&mut self, logged: &Logged, server_random: &[u8; 32], suite: &str) {
        let master = logged.secret();
        add_parts(&mut self.lasting, "the master secret", master);
        let hash = match suite.contains("SHA384") {
            true => hmac::HMAC_SHA384,
            false => hmac::HMAC_SHA256,
        };
        let block = key_block(hash, master, &logged.client_random, server_random);
        let key = key_length(suite);
        let iv = if suite.contains("CHACHA20") { 12 } else { 4 };
        add_parts(&mut self.traffic, "a traffic key", &block[..2 * key]);
        // The salts of GCM are too short to be looked for one by one.
        let ivs = &block[2 * key..2 * (key + iv)];
        ivs.chunks_exact(iv.max(8))
            .for_each(|iv| add(&mut self.traffic, "an IV", &iv[..8]));
    }

    /// Those of a secret of DTLS 1.3 (RFC 8446 §7.3).
    pub fn add_13(&mut self, name: &'static str, secret: &[u8]) {
        add_parts(&mut self.lasting, name, secret);
        if name.contains("traffic") {
            let iv = expand(secret, b"iv", 12);
            add(&mut self.lasting, "an IV", &iv[..8]);
            add(&mut self.lasting, "an IV", &iv[4..]);
        }
    }
}

/// As what a secret is known that is logged under this label.
pub fn name_13(label: &str) -> &'static str {
    match label {
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET" | "SERVER_HANDSHAKE_TRAFFIC_SECRET" => {
            "a traffic secret of the handshake"
        }
        "CLIENT_TRAFFIC_SECRET_0" | "SERVER_TRAFFIC_SECRET_0" => "an application traffic secret",
        "EXPORTER_SECRET" => "the exporter's secret",
        other => panic!("{other}"),
    }
}

/// The key of a session of DTLS 1.3, as a client stores it: behind the version and the suite.
pub fn session_key(stored: &[u8]) -> &[u8] {
    let mut at = stored.windows(5).enumerate();
    let wanted = |bytes: &[u8]| {
        bytes[..2] == [0xfe, 0xfc] && bytes[2] == 0x13 && [32, 48].contains(&bytes[4])
    };
    let (at, found) = at.rfind(|(_, bytes)| wanted(bytes)).unwrap();
    &stored[at + 5..at + 5 + usize::from(found[4])]
}

/// The secret after a KeyUpdate (RFC 8446 §7.2).
pub fn next_13(secret: &[u8]) -> Vec<u8> {
    expand(secret, b"traffic upd", secret.len())
}

fn key_length(suite: &str) -> usize {
    match suite.contains("AES_128") {
        true => 16,
        false => 32,
    }
}

/// HKDF-Expand-Label of DTLS 1.3, with the hash that has secrets of this length.
fn expand(secret: &[u8], label: &[u8], length: usize) -> Vec<u8> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let hash = if secret.len() == 48 {
        HKDF_SHA384
    } else {
        HKDF_SHA256
    };
    let short = |n: usize| u8::try_from(n).unwrap();
    let mut info = vec![0, short(length), short(6 + label.len())];
    info.extend([b"dtls13", label].concat());
    info.push(0);
    let mut out = vec![0; length];
    let prk = Prk::new_less_safe(hash, secret);
    let info = [&info[..]];
    let okm = prk.expand(&info, Length(length)).unwrap();
    okm.fill(&mut out).unwrap();
    out
}

pub fn add(secrets: &mut Secrets, name: &'static str, secret: &[u8]) {
    secrets.push((name, secret.to_vec().leak()));
}

/// Each part is a secret, so that what was overwritten in part is found as well.
pub fn add_parts(secrets: &mut Secrets, name: &'static str, secret: &[u8]) {
    secret
        .chunks_exact(16)
        .for_each(|part| add(secrets, name, part));
}

/// RFC 5246 §5 and §6.3, with the hash that the suite has.
fn key_block(
    hash: hmac::Algorithm,
    master: &[u8],
    client: &[u8; 32],
    server: &[u8; 32],
) -> Vec<u8> {
    let key = hmac::Key::new(hash, master);
    let seed = [b"key expansion", &server[..], client].concat();
    let mut a = hmac::sign(&key, &seed);
    let mut block = Vec::new();
    while block.len() < 88 {
        block.extend(hmac::sign(&key, &[a.as_ref(), &seed].concat()).as_ref());
        a = hmac::sign(&key, a.as_ref());
    }
    block
}

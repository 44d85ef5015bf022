//! The pseudorandom function of TLS 1.2 (RFC 5246 §5) and everything that is derived with it.

use super::hash::{HashAlgorithm, HmacKey};
use super::{AeadAlgorithm, Secret};
use zeroize::Zeroizing;

const MASTER_SECRET_LEN: usize = 48;

/// The label of the client's Finished (RFC 5246 §7.4.9).
pub(crate) const CLIENT_FINISHED: &[u8] = b"client finished";
/// The label of the server's Finished (RFC 5246 §7.4.9).
pub(crate) const SERVER_FINISHED: &[u8] = b"server finished";

/// RFC 5246 §5: `PRF(secret, label, seed) = P_hash(secret, label + seed)`; fills `out`.
pub(crate) fn prf(
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seed: &[&[u8]],
    out: &mut [u8],
) {
    let key = HmacKey::new(hash, secret);
    let mut label_and_seed = vec![label];
    label_and_seed.extend_from_slice(seed);

    // A(1) = HMAC(secret, A(0)) with A(0) = seed, and so on.
    let mut a = key.sign(&label_and_seed);
    for block in out.chunks_mut(hash.len()) {
        let mut parts = vec![a.as_ref()];
        parts.extend_from_slice(&label_and_seed);
        let output = key.sign(&parts);
        block
            .iter_mut()
            .zip(output.as_ref())
            .for_each(|(to, from)| *to = *from);
        a = key.sign(&[a.as_ref()]);
    }
}

/// RFC 5246 §8.1.
pub(crate) fn master_secret(
    hash: HashAlgorithm,
    pre_master: &[u8],
    client_random: &[u8; 32],
    server_random: &[u8; 32],
) -> Secret {
    let mut out = vec![0; MASTER_SECRET_LEN];
    let seed: [&[u8]; 2] = [client_random, server_random];
    prf(hash, pre_master, b"master secret", &seed, &mut out);
    Secret::new(out)
}

/// RFC 7627 §4. The session hash is that of the handshake up to and with ClientKeyExchange.
pub(crate) fn extended_master_secret(
    hash: HashAlgorithm,
    pre_master: &[u8],
    session_hash: &[u8],
) -> Secret {
    let mut out = vec![0; MASTER_SECRET_LEN];
    prf(
        hash,
        pre_master,
        b"extended master secret",
        &[session_hash],
        &mut out,
    );
    Secret::new(out)
}

/// What a Finished carries (RFC 5246 §7.4.9).
pub(crate) fn verify_data(
    hash: HashAlgorithm,
    master: &Secret,
    label: &[u8],
    handshake_hash: &[u8],
) -> [u8; 12] {
    let mut out = [0; 12];
    prf(hash, master.as_bytes(), label, &[handshake_hash], &mut out);
    out
}

/// The key material of both directions (RFC 5246 §6.3). An AEAD has no MAC keys.
#[derive(Debug)]
pub(crate) struct KeyBlock {
    pub(crate) client: WriteKeys,
    pub(crate) server: WriteKeys,
}

/// What a side writes with.
#[derive(Debug)]
pub(crate) struct WriteKeys {
    pub(crate) key: Secret,
    pub(crate) iv: Secret,
}

/// RFC 5246 §6.3.
pub(crate) fn key_block(
    hash: HashAlgorithm,
    master: &Secret,
    client_random: &[u8; 32],
    server_random: &[u8; 32],
    aead: AeadAlgorithm,
) -> KeyBlock {
    let (key_len, iv_len) = (aead.key_len(), aead.fixed_iv_len());
    let mut block = Zeroizing::new(vec![0; key_len.saturating_add(iv_len).saturating_mul(2)]);
    // The randoms stand in another order here than for the master secret.
    let seed: [&[u8]; 2] = [server_random, client_random];
    prf(hash, master.as_bytes(), b"key expansion", &seed, &mut block);

    let mut rest = block.as_slice();
    let mut take = |length| {
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        Secret::new(part.to_vec())
    };
    let [client_key, server_key] = [key_len, key_len].map(&mut take);
    let [client_iv, server_iv] = [iv_len, iv_len].map(&mut take);
    KeyBlock {
        client: WriteKeys {
            key: client_key,
            iv: client_iv,
        },
        server: WriteKeys {
            key: server_key,
            iv: server_iv,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use HashAlgorithm::{Sha256, Sha384};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The vectors that were published on the TLS working group's list when the PRF was new.
    #[test]
    fn the_prf_is_the_published_one() {
        let secret = 0x9bbe436ba940f017b17652849a71db35_u128.to_be_bytes();
        let seed = 0xa0ba9f936cda311827a6f796ffd5198c_u128.to_be_bytes();
        let mut out = [0; 100];
        prf(Sha256, &secret, b"test label", &[&seed], &mut out);
        assert_eq!(
            hex(&out),
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791\
             e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b\
             97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
        );

        let secret = 0xb80b733d6ceefcdc71566ea48e5567df_u128.to_be_bytes();
        let seed = 0xcd665cf6a8447dd6ff8b27555edb7465_u128.to_be_bytes();
        let mut out = [0; 148];
        prf(Sha384, &secret, b"test label", &[&seed], &mut out);
        assert_eq!(
            hex(&out),
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa\
             60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d7\
             92eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec4\
             79e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070\
             3d73e56f"
        );
    }

    // What follows was computed by a second implementation from the RFCs' formulas.

    fn master(hash: HashAlgorithm) -> Secret {
        let pre_master: Vec<u8> = (0..32).collect();
        master_secret(hash, &pre_master, &[0xc1; 32], &[0x51; 32])
    }

    #[test]
    fn master_secrets() {
        assert_eq!(
            hex(master(Sha256).as_bytes()),
            "579db8025449affe8b9343018b5c2df37136c2103ef9f653370bcc0567e1559ec07ec9ae\
             d01719988bb4200c6b285a0b"
        );
        assert_eq!(
            hex(master(Sha384).as_bytes()),
            "d2038d109d6318f04cee94f5645848948810b9947fc2f2eaebc3524aab3548e40026052f\
             b6ffe4e78d9efdac7c0614c3"
        );
    }

    #[test]
    fn extended_master_secrets() {
        let pre_master: Vec<u8> = (0..32).collect();
        assert_eq!(
            hex(extended_master_secret(Sha256, &pre_master, &[7; 32]).as_bytes()),
            "0ec0c39fbcbd8a8ea11a1a00492d30991232cb30629a5da536fa8be41fad54a78919cd30\
             7d91a6eb5724117c482cec6b"
        );
        assert_eq!(
            hex(extended_master_secret(Sha384, &pre_master, &[7; 48]).as_bytes()),
            "8ddfd38013dee7a896269698798457316781301a72826625fda3a1f71bf26be7d5aea9c7\
             9f2ec5489272e75263f3c2a8"
        );
    }

    #[test]
    fn finished() {
        let of = |hash: HashAlgorithm, label| {
            hex(&verify_data(
                hash,
                &master(hash),
                label,
                &vec![7; hash.len()],
            ))
        };
        assert_eq!(of(Sha256, CLIENT_FINISHED), "637833373eb8bb80ec38a7a1");
        assert_eq!(of(Sha256, SERVER_FINISHED), "c69e509c5e0dabc053e59da9");
        assert_eq!(of(Sha384, CLIENT_FINISHED), "6d08748152930e7520b07949");
        assert_eq!(of(Sha384, SERVER_FINISHED), "60645743014603c8fe158162");
    }

    #[test]
    fn key_blocks() {
        let keys = key_block(
            Sha256,
            &master(Sha256),
            &[0xc1; 32],
            &[0x51; 32],
            AeadAlgorithm::Aes128Gcm,
        );
        assert_eq!(
            hex(keys.client.key.as_bytes()),
            "a7798daa9ad85118cc9bd5bb2bcd3513"
        );
        assert_eq!(
            hex(keys.server.key.as_bytes()),
            "38770721891259461a0caa802f5ae2ce"
        );
        assert_eq!(hex(keys.client.iv.as_bytes()), "632fc7f0");
        assert_eq!(hex(keys.server.iv.as_bytes()), "b341a99f");

        let keys = key_block(
            Sha384,
            &master(Sha384),
            &[0xc1; 32],
            &[0x51; 32],
            AeadAlgorithm::ChaCha20Poly1305,
        );
        assert_eq!(
            hex(keys.client.key.as_bytes()),
            "1b4454cd7d4bccf6bef2f268f31614ee7deedcf58961769d9da951ba7f2816a5"
        );
        assert_eq!(
            hex(keys.server.key.as_bytes()),
            "65e925b438634584a80f5d231f4d202f3c947a851cb724625c41d7989893b26a"
        );
        assert_eq!(hex(keys.client.iv.as_bytes()), "3836440a34d7989e4f3e226b");
        assert_eq!(hex(keys.server.iv.as_bytes()), "52f4f1ba6ecd009d479d7d92");
    }
}

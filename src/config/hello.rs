//! What a client's configuration says in its hello, and how long that may become.

use super::ClientConfig;
use super::psk::LONGEST_IDENTITY;
#[cfg(feature = "x509")]
use crate::certificate::SUPPORTED_SCHEMES;
use crate::cookie::LONGEST_HELLO;
use crate::error::{Error, Result};
use crate::wire::{
    Body, ClientExtensions, ClientHello, HANDSHAKE_HEADER, KeyShare, NamedGroup, OfferedPsks,
    PSK_DHE_KE, ProtocolVersion, PskIdentity, RECORD_HEADER,
};

/// RFC 1035 §2.3.4: 255 bytes on the wire, which are two less as text.
const LONGEST_NAME: usize = 253;

/// RFC 6347 §4.2.1. Our own cookies of DTLS 1.3 are no longer.
const LONGEST_COOKIE: usize = 255;

/// A point on P-384 (RFC 8446 §4.2.8.2).
const LONGEST_SHARE: usize = 97;

/// RFC 5246 §7.4.1.2.
const SESSION_ID: usize = 32;

/// External keys go with SHA-256 (RFC 8446 §4.2.11).
const BINDER: usize = 32;

impl ClientConfig {
    /// The hello, without its random and what names sessions and keys. With a share it offers DTLS 1.3, too.
    pub(crate) fn hello(&self, server_name: Option<&str>, share: Option<&KeyShare>) -> ClientHello {
        let settings = &self.settings;
        let suites13 = share.map(|_| self.suites13());
        let suites13 = suites13.into_iter().flatten().map(|suite| suite.id);
        let old = self.suites().next().map(|_| ProtocolVersion::DTLS1_2);
        let versions = || [ProtocolVersion::DTLS1_3].into_iter().chain(old).collect();
        ClientHello {
            version: ProtocolVersion::DTLS1_2,
            random: [0; 32],
            session_id: Vec::new(),
            cookie: Vec::new(),
            cipher_suites: suites13
                .chain(self.suites().map(|suite| suite.id))
                .collect(),
            compression_methods: vec![0],
            extensions: ClientExtensions {
                server_name: server_name.map(|name| name.as_bytes().to_vec()),
                // RFC 8422 §5.1.1 has one list for key agreement and for ECDSA keys. It is what the
                // configuration says and no more: a curve added for the sake of certificates could be
                // chosen for the key agreement too. A server with an ECDSA key on another curve must not
                // use it then, but where one does, its signature is as good.
                supported_groups: (share.is_some()
                    || self.suites().any(|suite| suite.agrees_on_keys()))
                .then(|| settings.groups.clone()),
                #[cfg(feature = "x509")]
                signature_algorithms: (!self.trust.is_psk()).then(|| SUPPORTED_SCHEMES.to_vec()),
                srtp_profiles: (!settings.srtp_profiles.is_empty())
                    .then(|| settings.srtp_profiles.clone()),
                alpn: (!settings.alpn.is_empty()).then(|| settings.alpn.clone()),
                extended_master_secret: true,
                // RFC 5746 §3.4: empty, since there was no handshake before.
                renegotiation_info: Some(Vec::new()),
                supported_versions: share.map(|_| versions()),
                psk_modes: share.map(|_| vec![PSK_DHE_KE]),
                key_shares: share.map(|share| vec![share.clone()]),
                ..ClientExtensions::default()
            },
        }
    }

    /// Whether the hello fits into one datagram.
    pub(crate) fn sends_whole(&self, hello: &ClientHello) -> bool {
        let parts = [RECORD_HEADER, HANDSHAKE_HEADER, hello.encode().len()];
        parts.iter().sum::<usize>() <= self.settings.mtu
    }

    /// A hello that is longer than a datagram must not be longer than a gate puts together, or nobody answers it.
    /// A ticket is left out where it would be what makes it so.
    pub(super) fn check_hello(&self) -> Result<()> {
        let hello = self.longest_hello();
        let length = hello.encode().len();
        if self.sends_whole(&hello) || length <= LONGEST_HELLO {
            return Ok(());
        }
        Err(Error::Config(format!(
            "the hello may have {length} bytes, and of one that is longer than a datagram servers put 4,096 together: name fewer or shorter ALPN protocols, or raise the MTU"
        )))
    }

    /// Whatever its server, and whatever that asks for; but without a ticket.
    fn longest_hello(&self) -> ClientHello {
        let offers13 = self.suites13().next().is_some();
        let share = KeyShare {
            group: NamedGroup::SECP384R1,
            share: vec![0; LONGEST_SHARE],
        };
        let mut hello = self.hello(Some(&"n".repeat(LONGEST_NAME)), offers13.then_some(&share));
        hello.session_id = vec![0; SESSION_ID];
        let extensions = &mut hello.extensions;
        extensions.session_ticket = self.resumption.sessions().map(|_| Vec::new());
        match offers13 {
            true => extensions.cookie = Some(vec![0; LONGEST_COOKIE]),
            false => hello.cookie = vec![0; LONGEST_COOKIE],
        }
        // Which key it will be, only the handshake knows.
        extensions.pre_shared_key = (offers13 && self.trust.is_psk()).then(|| OfferedPsks {
            identities: vec![PskIdentity {
                identity: vec![0; LONGEST_IDENTITY],
                obfuscated_ticket_age: 0,
            }],
            binders: vec![vec![0; BINDER]],
        });
        hello
    }
}

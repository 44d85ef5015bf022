//! Mbed TLS's branch 2.28, by the crate `mbedtls`. The crate configures; it has no way to sessions, so
//! connections are driven by `mbedtls-sys-auto`.

mod connection;

use super::library::{Connection, Context, FIRST_TIMEOUT, Library, Wire};
use crate::Res;
use crate::case::{Case, ClientAuth, Resumed, Role};
use crate::feature::{Feature, Lack};
use crate::ours::{PSK, PSK_IDENTITY, THEIR_ALPN};
use crate::pki::{Kind, OTHER_NAME, Pki};
use crate::trial::Attempts;
use connection::Ssl;
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use mbedtls::alloc::List;
use mbedtls::cipher::raw::CipherType;
use mbedtls::pk::Pk;
use mbedtls::rng::{CtrDrbg, OsEntropy};
use mbedtls::ssl::config::{
    AuthMode, Endpoint, NullTerminatedStrList, Preset, Transport, UseSessionTickets,
};
use mbedtls::ssl::context::HandshakeContext;
use mbedtls::ssl::{Config, CookieContext, TicketContext, Version};
use mbedtls::x509::Certificate;
use mbedtls_sys::*;
use std::ffi::{CString, c_int};
use std::net::SocketAddr;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub fn mbedtls() -> Library {
    Library {
        name: "Mbed TLS",
        version: || {
            let mut text = [0_u8; 32];
            // SAFETY: it writes at most 18 bytes.
            unsafe { version_get_string_full(text.as_mut_ptr().cast()) };
            let text = String::from_utf8_lossy(&text);
            format!("{} (mbedtls 0.13.6)", text.trim_end_matches('\0'))
        },
        lacks: LACKS,
        attempts: Attempts::ONE,
        context,
    }
}

const LACKS: &[Lack] = &[
    Lack::both(
        &[Feature::Version(ProtocolVersion::DTLS1_3)],
        "has no DTLS 1.3",
    ),
    Lack::both(
        &[Feature::Exporter],
        "2.28 hands out secrets, and exports no keys of them",
    ),
    Lack::both(
        &[
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384),
        ],
        "has no ECDHE_PSK with AES-GCM",
    ),
    Lack::both(
        &[
            Feature::ServerCertificate(Kind::Ed25519),
            Feature::ClientCertificate(Kind::Ed25519),
        ],
        "has no Ed25519",
    ),
    Lack::both(
        &[
            Feature::Signature(SignatureScheme::RSA_PSS_RSAE_SHA256),
            Feature::Signature(SignatureScheme::RSA_PSS_RSAE_SHA384),
            Feature::Signature(SignatureScheme::RSA_PSS_RSAE_SHA512),
        ],
        "has no RSA-PSS in TLS 1.2",
    ),
    Lack::both(
        &[Feature::Srtp],
        "its build by `mbedtls-sys-auto` is without SRTP",
    ),
];

/// Beyond this delay it gives up.
const LAST_TIMEOUT: Duration = Duration::from_secs(200);

struct MbedTls {
    role: Role,
    config: Arc<Config>,
    /// The name that a client asks for, and wants: it knows no difference.
    name: Option<CString>,
    mtu: Option<u16>,
    resumes: bool,
    /// Of a client: the session that it was given last.
    session: Arc<Mutex<Option<Session>>>,
    /// Of a server that knows sessions by ID. The configuration points to it.
    _cache: Option<Cache>,
}

struct Session(Box<ssl_session>);

// SAFETY: a session is used under a lock.
unsafe impl Send for Session {}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: it was initialized, and nobody has it any more.
        unsafe { ssl_session_free(&mut *self.0) }
    }
}

struct Cache(Box<ssl_cache_context>);

// SAFETY: a context's connections all live on one thread, and nobody else uses it.
unsafe impl Send for Cache {}
unsafe impl Sync for Cache {}

impl Drop for Cache {
    fn drop(&mut self) {
        // SAFETY: it was initialized, and the connections that used it are gone.
        unsafe { ssl_cache_free(&mut *self.0) }
    }
}

fn context(case: &Case, pki: &Pki, role: Role) -> Res<Arc<dyn Context>> {
    let endpoint = match role {
        Role::Client => Endpoint::Client,
        Role::Server => Endpoint::Server,
    };
    let rng = Arc::new(CtrDrbg::new(Arc::new(OsEntropy::new()), None)?);
    let mut config = Config::new(endpoint, Transport::Datagram, Preset::Default);
    config.set_rng(rng.clone());
    config.set_min_version(Version::Tls1_2)?;
    config.set_max_version(Version::Tls1_2)?;
    negotiation(case, &mut config)?;
    let mut cache = None;
    match role {
        Role::Client => client(case, pki, &mut config)?,
        Role::Server => {
            server(case, pki, &mut config)?;
            if case.cookies {
                config.set_dtls_cookies(Arc::new(CookieContext::new(rng.clone())?));
            } else {
                // SAFETY: the configuration is alive.
                unsafe { ssl_conf_dtls_cookies((&mut config).into(), None, None, null_mut()) };
            }
            match case.resumed {
                Some(Resumed::ByTicket) => {
                    let tickets = TicketContext::new(rng, CipherType::Aes128Gcm, 3600)?;
                    config.set_session_tickets_callback(Arc::new(tickets));
                }
                Some(Resumed::ById) => cache = Some(sessions(&mut config)),
                None => {}
            }
        }
    }
    let name = (role == Role::Client && !case.psk).then(|| case.name_wanted());
    Ok(Arc::new(MbedTls {
        role,
        config: Arc::new(config),
        name: name.map(CString::new).transpose()?,
        mtu: case.mtu.map(u16::try_from).transpose()?,
        resumes: case.resumed.is_some(),
        session: Arc::default(),
        _cache: cache,
    }))
}

fn negotiation(case: &Case, config: &mut Config) -> Res<()> {
    if let Some(suite) = case.their_suite() {
        config.set_ciphersuites(Arc::new(vec![c_int::from(suite.0), 0]));
    }
    let groups = match case.their_groups() {
        Some(groups) => groups,
        None => vec![
            NamedGroup::X25519,
            NamedGroup::SECP256R1,
            NamedGroup::SECP384R1,
        ],
    };
    let numbers = groups.into_iter().map(group_number);
    config.set_curves(Arc::new(numbers.chain([ECP_DP_NONE]).collect()));
    if case.psk {
        config.set_psk(&PSK, PSK_IDENTITY)?;
    }
    if case.alpn {
        let protocols = NullTerminatedStrList::new(&THEIR_ALPN)?;
        config.set_alpn_protocols(Arc::new(protocols))?;
    }
    let [first, last] = [FIRST_TIMEOUT, LAST_TIMEOUT].map(|delay| u32::try_from(delay.as_millis()));
    let (first, last) = (first?, last?);
    let raw: *mut ssl_config = config.into();
    // SAFETY: the configuration is alive, and the lists are static.
    unsafe {
        ssl_conf_handshake_timeout(raw, first, last);
        if let Some(scheme) = case.signature {
            ssl_conf_sig_hashes(raw, hashes(scheme).as_ptr());
        }
    }
    Ok(())
}

/// It chooses among hashes only; the key decides about the rest.
fn hashes(scheme: SignatureScheme) -> &'static [c_int; 2] {
    const SHA256: &[c_int; 2] = &[MD_SHA256 as c_int, MD_NONE as c_int];
    const SHA384: &[c_int; 2] = &[MD_SHA384 as c_int, MD_NONE as c_int];
    const SHA512: &[c_int; 2] = &[MD_SHA512 as c_int, MD_NONE as c_int];
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA512 => SHA512,
        SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::ECDSA_SECP384R1_SHA384 => SHA384,
        _ => SHA256,
    }
}

fn client(case: &Case, pki: &Pki, config: &mut Config) -> Res<()> {
    config.set_authmode(AuthMode::Required);
    config.set_session_tickets(match case.resumed {
        Some(Resumed::ById) => UseSessionTickets::Disabled,
        _ => UseSessionTickets::Enabled,
    });
    if !case.psk {
        let authority = pki.certificate(case.trusted_by_client());
        config.set_ca_list(certificates(&authority)?, None);
    }
    if let Some(name) = case.client_certificate() {
        config.push_cert(certificates(&pki.certificate(name))?, key(&pki.key(name))?)?;
    }
    Ok(())
}

fn server(case: &Case, pki: &Pki, config: &mut Config) -> Res<()> {
    config.set_authmode(match case.client_auth {
        ClientAuth::None => AuthMode::None,
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => AuthMode::Optional,
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => AuthMode::Required,
    });
    if case.client_auth != ClientAuth::None {
        config.set_ca_list(certificates(&pki.ca())?, None);
    }
    if !case.psk {
        let name = case.kind.name();
        config.push_cert(certificates(&pki.certificate(name))?, key(&pki.key(name))?)?;
    }
    if case.other_name {
        let chain = certificates(&pki.certificate("other"))?;
        let key = key(&pki.key("other"))?;
        config.set_sni_callback(move |handshake: &mut HandshakeContext, name: &[u8]| {
            if name == OTHER_NAME.as_bytes() {
                handshake.push_cert(chain.clone(), key.clone())?;
            }
            Ok(())
        });
    }
    Ok(())
}

/// Lets a server know its sessions by their numbers.
fn sessions(config: &mut Config) -> Cache {
    let mut cache = Cache(Box::default());
    // SAFETY: the cache is in a box, and is dropped after the configuration's last connection.
    unsafe {
        ssl_cache_init(&mut *cache.0);
        let pointer: *mut ssl_cache_context = &mut *cache.0;
        ssl_conf_session_cache(
            config.into(),
            pointer.cast(),
            Some(ssl_cache_get),
            Some(ssl_cache_set),
        );
    }
    cache
}

fn certificates(path: &Path) -> Res<Arc<List<Certificate>>> {
    let pem = CString::new(std::fs::read(path)?)?;
    let list = Certificate::from_pem_multiple(pem.as_bytes_with_nul())?;
    Ok(Arc::new(list))
}

fn key(path: &Path) -> Res<Arc<Pk>> {
    let pem = CString::new(std::fs::read(path)?)?;
    Ok(Arc::new(Pk::from_private_key(
        pem.as_bytes_with_nul(),
        None,
    )?))
}

fn group_number(group: NamedGroup) -> ecp_group_id {
    match group {
        NamedGroup::X25519 => ECP_DP_CURVE25519,
        NamedGroup::SECP256R1 => ECP_DP_SECP256R1,
        _ => ECP_DP_SECP384R1,
    }
}

impl Context for MbedTls {
    fn connection(&self, wire: Wire, from: SocketAddr) -> Res<Box<dyn Connection>> {
        Ok(Box::new(Ssl::new(self, wire, from)?))
    }
}

//! BoringSSL, by the crate `boring`.

use super::Srtp;
use super::library::{Connection, Context, FIRST_TIMEOUT, Library, Step, Wire};
use super::names::{
    SRTP_LABEL, group_names, signature_name, signatures, srtp_material, srtp_name, srtp_profile,
    suite_name,
};
use crate::Res;
use crate::case::{Case, ClientAuth, KeyUpdate, Resumed, Role, Versions, Wrong};
use crate::feature::{Feature, Lack};
use crate::matrix::{SIGNATURES, SUITES13};
use crate::ours::{EXPORTED, EXPORTER_LABEL, PSK, PSK_IDENTITY, THEIR_ALPN};
use crate::pki::{OTHER_NAME, Pki};
use crate::trial::Attempts;
use boring::ssl::{
    AlpnError, ErrorCode, NameType, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod,
    SslOptions, SslSession, SslSessionCacheMode, SslStream, SslVerifyMode, SslVersion,
    select_next_proto,
};
use flightline::{CipherSuite, ProtocolVersion};
use foreign_types::ForeignTypeRef;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub fn boringssl() -> Library {
    Library {
        name: "BoringSSL",
        version: || format!("API {} (boring 5.4.0)", boring_sys::BORINGSSL_API_VERSION),
        lacks: LACKS,
        attempts: Attempts::ONE,
        context,
    }
}

const LACKS: &[Lack] = &[
    Lack::both(
        &[
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384),
            Feature::Suite(CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256),
            Feature::Suite(CipherSuite::TLS_PSK_WITH_AES_256_GCM_SHA384),
            Feature::Suite(CipherSuite::TLS_PSK_WITH_CHACHA20_POLY1305_SHA256),
        ],
        "its only PSK suite with an AEAD is ECDHE_PSK with ChaCha20-Poly1305",
    ),
    Lack::both(
        &[Feature::Psk],
        "its keys are imported (RFC 9258, `tls13_derive_imported_psk`), which we do not do",
    )
    .in_version(ProtocolVersion::DTLS1_3),
    Lack::both(
        &[Feature::Refuses(Wrong::Suite)],
        "has all suites of DTLS 1.3 always",
    )
    .in_version(ProtocolVersion::DTLS1_3),
    Lack::server(&[Feature::Cookies], "its server has no cookies"),
    Lack::client(
        &[Feature::LossAroundKeyUpdate(KeyUpdate::TheirsAndOurs)],
        "behind a Finished that is not acknowledged its KeyUpdate waits, and forgets that it was to ask for ours \
         (`queued_key_update`, two bits with a sign)",
    )
    .in_version(ProtocolVersion::DTLS1_3),
];

struct BoringSsl {
    role: Role,
    context: SslContext,
    /// Of a client without a pre-shared key: the names that it asks for, and that it wants.
    names: Option<(&'static str, &'static str)>,
    mtu: Option<usize>,
    /// Of a client: the session that it was given last.
    session: Arc<Mutex<Option<SslSession>>>,
}

fn context(case: &Case, pki: &Pki, role: Role) -> Res<Arc<dyn Context>> {
    let mut builder = SslContext::builder(SslMethod::dtls())?;
    let (oldest, newest) = match case.their_versions {
        Versions::Only12 => (SslVersion::DTLS1_2, SslVersion::DTLS1_2),
        Versions::Only13 => (SslVersion::DTLS1_3, SslVersion::DTLS1_3),
        Versions::Both => (SslVersion::DTLS1_2, SslVersion::DTLS1_3),
    };
    builder.set_min_proto_version(Some(oldest))?;
    builder.set_max_proto_version(Some(newest))?;
    negotiation(case, &mut builder)?;
    match role {
        Role::Client => client(case, pki, &mut builder)?,
        Role::Server => server(case, pki, &mut builder)?,
    }
    let session = Arc::<Mutex<Option<SslSession>>>::default();
    match (role, case.resumed) {
        (_, None) => {}
        (Role::Client, Some(_)) => {
            builder.set_session_cache_mode(
                SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL,
            );
            let kept = session.clone();
            builder.set_new_session_callback(move |_, session| {
                *kept.lock().unwrap() = Some(session);
            });
        }
        (Role::Server, Some(_)) => {
            builder.set_session_cache_mode(SslSessionCacheMode::SERVER);
            builder.set_session_id_context(b"interop")?;
        }
    }
    // While its tickets are not acknowledged it keeps a KeyUpdate back, and forgets that it is to ask for ours:
    // in `internal.h`, `QueuedKeyUpdate queued_key_update : 2` has a sign, so that a 2 comes back as another
    // number.
    if case.resumed == Some(Resumed::ById) || case.key_update.is_some() {
        builder.set_options(SslOptions::NO_TICKET);
    }
    let names = (case.name_asked_for(), case.name_wanted());
    Ok(Arc::new(BoringSsl {
        role,
        context: builder.build(),
        names: (role == Role::Client && !case.psk).then_some(names),
        mtu: case.mtu,
        session,
    }))
}

fn negotiation(case: &Case, builder: &mut SslContextBuilder) -> Res<()> {
    // Those of DTLS 1.3 it has all, whatever it is told.
    let suite = case.their_suite();
    if let Some(suite) = suite.filter(|suite| !SUITES13.contains(suite)) {
        builder.set_cipher_list(&suite_name(suite))?;
    }
    match case.their_groups() {
        Some(groups) => builder.set_curves_list(&group_names(&groups))?,
        None => builder.set_curves_list("X25519:P-256:P-384")?,
    }
    let names = match case.signature {
        Some(scheme) => signatures(scheme),
        // Ed25519 is not among its defaults.
        None => SIGNATURES
            .map(|(_, scheme)| signature_name(scheme))
            .join(":"),
    };
    builder.set_sigalgs_list(&names)?;
    if let Some(profile) = case.srtp {
        builder.set_tlsext_use_srtp(srtp_name(profile))?;
    }
    Ok(())
}

fn client(case: &Case, pki: &Pki, builder: &mut SslContextBuilder) -> Res<()> {
    if case.psk {
        builder.set_psk_client_callback(|_, _, identity, key| {
            identity[..PSK_IDENTITY.len()].copy_from_slice(PSK_IDENTITY.as_bytes());
            identity[PSK_IDENTITY.len()] = 0;
            key[..PSK.len()].copy_from_slice(&PSK);
            Ok(PSK.len())
        });
    } else {
        builder.set_ca_file(pki.certificate(case.trusted_by_client()))?;
        builder.set_verify(SslVerifyMode::PEER);
    }
    if let Some(name) = case.client_certificate() {
        certificate(builder, pki, name)?;
    }
    if case.alpn {
        builder.set_alpn_protos(&alpn())?;
    }
    Ok(())
}

fn server(case: &Case, pki: &Pki, builder: &mut SslContextBuilder) -> Res<()> {
    if case.psk {
        builder.set_psk_server_callback(|_, identity, key| {
            if identity != Some(PSK_IDENTITY.as_bytes()) {
                return Ok(0);
            }
            key[..PSK.len()].copy_from_slice(&PSK);
            Ok(PSK.len())
        });
    } else {
        certificate(builder, pki, case.kind.name())?;
    }
    if case.other_name {
        let mut other = SslContext::builder(SslMethod::dtls())?;
        certificate(&mut other, pki, "other")?;
        let other = other.build();
        builder.set_servername_callback(move |ssl, _| {
            if ssl.servername(NameType::HOST_NAME) == Some(OTHER_NAME) {
                let _ = ssl.set_ssl_context(&other);
            }
            Ok(())
        });
    }
    let mode = match case.client_auth {
        ClientAuth::None => SslVerifyMode::NONE,
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => SslVerifyMode::PEER,
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => {
            SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT
        }
    };
    builder.set_verify(mode);
    if case.client_auth != ClientAuth::None {
        builder.set_ca_file(pki.ca())?;
    }
    if case.alpn {
        builder.set_alpn_select_callback(|_, offered| {
            let ours = alpn();
            let chosen = select_next_proto(&ours, offered);
            // What is handed back has to live in the offer.
            let chosen = chosen.and_then(|chosen| {
                offered
                    .windows(chosen.len())
                    .find(|window| *window == chosen)
            });
            chosen.ok_or(AlpnError::ALERT_FATAL)
        });
    }
    Ok(())
}

fn certificate(builder: &mut SslContextBuilder, pki: &Pki, name: &str) -> Res<()> {
    builder.set_certificate_chain_file(pki.certificate(name))?;
    builder.set_private_key_file(pki.key(name), SslFiletype::PEM)?;
    Ok(())
}

fn alpn() -> Vec<u8> {
    let mut list = Vec::new();
    for protocol in THEIR_ALPN {
        list.push(protocol.len() as u8);
        list.extend_from_slice(protocol.as_bytes());
    }
    list
}

impl Context for BoringSsl {
    fn connection(&self, wire: Wire, _: SocketAddr) -> Res<Box<dyn Connection>> {
        let mut ssl = Ssl::new(&self.context)?;
        if let Some(mtu) = self.mtu {
            ssl.set_mtu(u32::try_from(mtu)?)?;
        }
        if let Some((asked, wanted)) = self.names {
            ssl.set_hostname(asked)?;
            ssl.verify_param_mut().set_host(wanted)?;
        }
        if let Some(session) = self.session.lock().unwrap().take() {
            // SAFETY: the session is one of this context.
            unsafe { ssl.set_session(&session)? };
        }
        let first = u32::try_from(FIRST_TIMEOUT.as_millis())?;
        // SAFETY: the SSL is alive, and has no handshake yet.
        unsafe {
            match self.role {
                Role::Client => boring_sys::SSL_set_connect_state(ssl.as_ptr()),
                Role::Server => boring_sys::SSL_set_accept_state(ssl.as_ptr()),
            }
            boring_sys::DTLSv1_set_initial_timeout_duration(ssl.as_ptr(), first);
        }
        Ok(Box::new(Stream {
            stream: SslStream::new(ssl, wire)?,
            connected: false,
        }))
    }
}

struct Stream {
    stream: SslStream<Wire>,
    connected: bool,
}

impl Connection for Stream {
    fn step(&mut self) -> Res<Step> {
        if !self.connected {
            return match self.stream.do_handshake() {
                Ok(()) => {
                    self.connected = true;
                    Ok(Step::Connected)
                }
                Err(error) if error.code() == ErrorCode::WANT_READ => Ok(Step::Waits),
                Err(error) => Err(error.into()),
            };
        }
        let mut buf = [0; 2048];
        match self.stream.ssl_read(&mut buf) {
            Ok(length) => Ok(Step::Data(buf[..length].to_vec())),
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(Step::Waits),
            Err(error) if error.code() == ErrorCode::ZERO_RETURN => Ok(Step::Closed),
            Err(error) => Err(error.into()),
        }
    }

    fn send(&mut self, data: &[u8]) -> Res<()> {
        self.stream.ssl_write(data)?;
        Ok(())
    }

    fn update_keys(&mut self, update: KeyUpdate) -> Res<()> {
        let request = match update {
            KeyUpdate::TheirsAndOurs => boring_sys::SSL_KEY_UPDATE_REQUESTED,
            _ => boring_sys::SSL_KEY_UPDATE_NOT_REQUESTED,
        };
        // It goes out with what is written next.
        // SAFETY: the SSL is alive.
        match unsafe { boring_sys::SSL_key_update(self.stream.ssl().as_ptr(), request) } {
            1 => Ok(()),
            _ => Err("takes no new keys".into()),
        }
    }

    fn until_timeout(&mut self) -> Option<Duration> {
        let mut left = boring_sys::timeval {
            tv_sec: 0,
            tv_usec: 0,
        };
        // SAFETY: the SSL is alive, and so is what is written to.
        let runs = unsafe { boring_sys::DTLSv1_get_timeout(self.stream.ssl().as_ptr(), &mut left) };
        let left = Duration::from_secs(left.tv_sec.try_into().ok()?)
            + Duration::from_micros(left.tv_usec.try_into().ok()?);
        (runs == 1).then_some(left)
    }

    fn expire(&mut self) -> Res<()> {
        // SAFETY: the SSL is alive.
        match unsafe { boring_sys::DTLSv1_handle_timeout(self.stream.ssl().as_ptr()) } {
            0.. => Ok(()),
            _ => Err("gave up".into()),
        }
    }

    fn srtp(&self) -> Option<Srtp> {
        let ssl = self.stream.ssl();
        let profile = srtp_profile(ssl.selected_srtp_profile()?.name())?;
        let mut material = vec![0; srtp_material(profile)];
        ssl.export_keying_material(&mut material, SRTP_LABEL, None)
            .ok()?;
        Some(Srtp { profile, material })
    }

    fn exported(&mut self) -> Option<Vec<u8>> {
        let (ssl, mut keys) = (self.stream.ssl(), vec![0; EXPORTED]);
        ssl.export_keying_material(&mut keys, EXPORTER_LABEL, None)
            .ok()?;
        Some(keys)
    }
}

//! wolfSSL, by the crate `wolfssl-sys`: the crate `wolfssl` over it has no way to sessions and
//! pre-shared keys.

mod connection;
mod psk;

use super::library::{Connection, Context, Library, Wire};
use super::names::{exported, srtp_name, suite_name, suite_names};
use crate::Res;
use crate::case::{Case, ClientAuth, KeyUpdate, Resumed, Role, Versions, Wrong, is_psk};
use crate::feature::{Feature, Lack};
use crate::matrix::SUITES13;
use crate::pki::{OTHER_NAME, Pki};
use crate::trial::Attempts;
use connection::Ssl;
use flightline::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};
use std::ffi::{CStr, CString, c_int, c_uchar, c_uint, c_void};
use std::net::SocketAddr;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::Duration;
use wolfssl_sys::*;

pub fn wolfssl() -> Library {
    Library {
        name: "wolfSSL",
        version: || {
            // SAFETY: a string that is always there.
            let version = unsafe { CStr::from_ptr(wolfSSL_lib_version()) };
            format!("{} (wolfssl-sys 5.3.0)", version.to_string_lossy())
        },
        lacks: LACKS,
        attempts: Attempts {
            most: 2,
            why: "its client ends a connection by DUPLICATE_MSG_E if the server's flight comes twice and the second is read \
                  last: one case of 2,000",
        },
        context,
    }
}

const LACKS: &[Lack] = &[
    Lack::both(
        &[Feature::Mtu(256), Feature::Mtu(512)],
        "a patch of `wolfssl-sys` takes 500 bytes off each fragment in DTLS 1.3, so that none is left",
    )
    .in_version(ProtocolVersion::DTLS1_3),
    Lack::server(
        &[Feature::LossOfRetryRequest],
        "answers a repeated ClientHello with an ACK, and not again with the HelloRetryRequest that was lost",
    ),
    Lack::both(
        &[Feature::KeyUpdate(KeyUpdate::Theirs)],
        "`wolfSSL_update_keys` asks for the peer's new keys as well",
    ),
    Lack::both(
        &[Feature::Suite(
            CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
        )],
        "has no such suite",
    ),
    Lack::server(
        &[Feature::Refuses(Wrong::Curve)],
        "does not hold its certificate's curve against the client's groups",
    ),
];

const PEM: c_int = WOLFSSL_FILETYPE_PEM as c_int;

// Every block that calls wolfSSL relies on this.
// SAFETY: pointers to its objects come from it, were checked, and live until their owners drop them;
// pointers to data live during the call, and it keeps none but those to `Wire`s, which are boxed beside
// the connection.

struct WolfSsl {
    role: Role,
    /// Of a server that keeps sessions.
    turn: Option<Turn>,
    context: *mut WOLFSSL_CTX,
    /// Of a server: what its second name has. In a box, since wolfSSL knows where it is.
    other: Box<Option<Files>>,
    /// Of a client without a pre-shared key: the names that it asks for, and that it wants.
    names: Option<(&'static str, &'static str)>,
    versions: Versions,
    alpn: bool,
    cookies: bool,
    /// The group of a client's first share.
    guess: Option<u16>,
    mtu: Option<u16>,
    resumed: Option<Resumed>,
    /// It keeps what keys are exported from.
    exports: bool,
    /// Of a client: the session that it was given last.
    session: Arc<Mutex<Option<Session>>>,
}

/// The right to keep sessions. All contexts share one cache of 33, in which they would crowd each other
/// out, so one server at a time has it.
struct Turn;

static TURN_IS_TAKEN: AtomicBool = AtomicBool::new(false);

impl Turn {
    fn wait() -> Turn {
        while TURN_IS_TAKEN.swap(true, Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(10));
        }
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURN_IS_TAKEN.store(false, Ordering::SeqCst);
    }
}

/// Where a certificate and its key are.
struct Files {
    certificate: CString,
    key: CString,
}

struct Session(*mut WOLFSSL_SESSION);

// SAFETY: wolfSSL locks what its contexts share, and sessions are used under a lock here.
unsafe impl Send for WolfSsl {}
unsafe impl Sync for WolfSsl {}
unsafe impl Send for Session {}

impl Drop for WolfSsl {
    fn drop(&mut self) {
        unsafe { wolfSSL_CTX_free(self.context) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        unsafe { wolfSSL_SESSION_free(self.0) }
    }
}

fn context(case: &Case, pki: &Pki, role: Role) -> Res<Arc<dyn Context>> {
    static INITIALIZED: Once = Once::new();
    INITIALIZED.call_once(|| unsafe {
        wolfSSL_Init();
    });
    let context = unsafe {
        wolfSSL_CTX_new(match (case.their_versions, role) {
            (Versions::Only13, Role::Client) => wolfDTLSv1_3_client_method(),
            (Versions::Only13, Role::Server) => wolfDTLSv1_3_server_method(),
            (Versions::Only12, Role::Client) => wolfDTLSv1_2_client_method(),
            (Versions::Only12, Role::Server) => wolfDTLSv1_2_server_method(),
            (Versions::Both, Role::Client) => wolfDTLS_client_method(),
            (Versions::Both, Role::Server) => wolfDTLS_server_method(),
        })
    };
    if context.is_null() {
        return Err("no context".into());
    }
    let names = (case.name_asked_for(), case.name_wanted());
    let other = (role == Role::Server && case.other_name).then(|| Files::of(pki, "other"));
    let keeps_sessions = role == Role::Server && case.resumed.is_some();
    let wolfssl = WolfSsl {
        role,
        turn: keeps_sessions.then(Turn::wait),
        context,
        other: Box::new(other.transpose()?),
        names: (role == Role::Client && !case.psk).then_some(names),
        versions: case.their_versions,
        alpn: case.alpn,
        cookies: case.cookies,
        guess: case.guess.map(|group| group.0),
        mtu: case.mtu.map(u16::try_from).transpose()?,
        resumed: case.resumed,
        exports: exported(case).is_some(),
        session: Arc::default(),
    };
    wolfssl.negotiate(case)?;
    match role {
        Role::Client => wolfssl.configure_client(case, pki)?,
        Role::Server => wolfssl.configure_server(case, pki)?,
    }
    Ok(Arc::new(wolfssl))
}

impl WolfSsl {
    fn negotiate(&self, case: &Case) -> Res<()> {
        unsafe {
            wolfSSL_CTX_SetIORecv(self.context, Some(connection::receive));
            wolfSSL_CTX_SetIOSend(self.context, Some(connection::send));
            if self.turn.is_none() {
                let off = WOLFSSL_SESS_CACHE_OFF.into();
                wolfSSL_CTX_set_session_cache_mode(self.context, off);
            }
            if let Some(profile) = case.srtp {
                let name = CString::new(srtp_name(profile))?;
                match wolfSSL_CTX_set_tlsext_use_srtp(self.context, name.as_ptr()) {
                    0 => {}
                    error => return Err(format!("no SRTP: {error}").into()),
                }
            }
            match (case.resumed, self.role) {
                (Some(Resumed::ByTicket), Role::Client) => {
                    ok(wolfSSL_CTX_UseSessionTicket(self.context))?;
                }
                (Some(Resumed::ById), Role::Server) => {
                    ok(wolfSSL_CTX_NoTicketTLSv12(self.context))?;
                }
                _ => {}
            }
            if let Some(names) = suites(case) {
                let names = CString::new(names)?;
                ok(wolfSSL_CTX_set_cipher_list(self.context, names.as_ptr()))?;
            }
            let groups = case.their_groups().unwrap_or_else(|| {
                vec![
                    NamedGroup::X25519,
                    NamedGroup::SECP256R1,
                    NamedGroup::SECP384R1,
                ]
            });
            let mut groups: Vec<c_int> = groups.into_iter().map(group_number).collect();
            let count = c_int::try_from(groups.len())?;
            ok(wolfSSL_CTX_set_groups(
                self.context,
                groups.as_mut_ptr(),
                count,
            ))?;
            if let Some(scheme) = case.signature {
                let names = CString::new(signatures(scheme))?;
                ok(wolfSSL_CTX_set1_sigalgs_list(self.context, names.as_ptr()))?;
            }
        }
        Ok(())
    }

    fn configure_client(&self, case: &Case, pki: &Pki) -> Res<()> {
        if case.psk {
            psk::know_key(self.context, case, Role::Client);
        } else {
            self.trust(&pki.certificate(case.trusted_by_client()))?;
            self.demand(WOLFSSL_VERIFY_PEER);
        }
        match case.client_certificate() {
            Some(name) => self.certificate(pki, name),
            None => Ok(()),
        }
    }

    fn configure_server(&self, case: &Case, pki: &Pki) -> Res<()> {
        if case.psk {
            psk::know_key(self.context, case, Role::Server);
        } else {
            self.certificate(pki, case.kind.name())?;
        }
        if self.other.is_some() {
            let other = &raw const *self.other;
            unsafe {
                wolfSSL_CTX_set_servername_callback(self.context, Some(choose_certificate));
                ok(wolfSSL_CTX_set_servername_arg(
                    self.context,
                    other.cast_mut().cast(),
                ))?;
            }
        }
        match case.client_auth {
            // Its default asks for one where the library was told whom to trust.
            ClientAuth::None => {
                self.demand(WOLFSSL_VERIFY_NONE);
                return Ok(());
            }
            ClientAuth::Optional(_) | ClientAuth::OptionalWithout => {
                self.demand(WOLFSSL_VERIFY_PEER);
            }
            ClientAuth::Required(_) | ClientAuth::RequiredWithout => {
                self.demand(WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT);
            }
        }
        self.trust(&pki.ca())
    }

    fn trust(&self, authority: &Path) -> Res<()> {
        let file = c_path(authority)?;
        ok(unsafe { wolfSSL_CTX_load_verify_locations(self.context, file.as_ptr(), null()) })
    }

    fn demand(&self, mode: c_uint) {
        unsafe { wolfSSL_CTX_set_verify(self.context, mode as c_int, None) };
    }

    fn certificate(&self, pki: &Pki, name: &str) -> Res<()> {
        let Files { certificate, key } = Files::of(pki, name)?;
        let context = self.context;
        unsafe {
            ok(wolfSSL_CTX_use_certificate_chain_file(
                context,
                certificate.as_ptr(),
            ))?;
            ok(wolfSSL_CTX_use_PrivateKey_file(context, key.as_ptr(), PEM))
        }
    }
}

impl Files {
    fn of(pki: &Pki, name: &str) -> Res<Files> {
        Ok(Files {
            certificate: c_path(&pki.certificate(name))?,
            key: c_path(&pki.key(name))?,
        })
    }
}

impl Context for WolfSsl {
    fn connection(&self, wire: Wire, _: SocketAddr) -> Res<Box<dyn Connection>> {
        let ssl = unsafe { wolfSSL_new(self.context) };
        if ssl.is_null() {
            return Err("no connection".into());
        }
        let mut connection = Ssl::new(ssl, wire, self);
        connection.configure(self)?;
        Ok(Box::new(connection))
    }
}

unsafe extern "C" fn choose_certificate(
    ssl: *mut WOLFSSL,
    _: *mut c_int,
    other: *mut c_void,
) -> c_int {
    // SAFETY: wolfSSL hands over a live connection, and the files that it was given.
    unsafe {
        let mut name = null_mut();
        let kind = WOLFSSL_SNI_HOST_NAME as c_uchar;
        let length = wolfSSL_SNI_GetRequest(ssl, kind, &mut name);
        if name.is_null() {
            return 0;
        }
        let name = std::slice::from_raw_parts(name.cast::<u8>(), length.into());
        if let Some(other) = &*other.cast::<Option<Files>>()
            && name == OTHER_NAME.as_bytes()
        {
            wolfSSL_use_certificate_file(ssl, other.certificate.as_ptr(), PEM);
            wolfSSL_use_PrivateKey_file(ssl, other.key.as_ptr(), PEM);
        }
    }
    0
}

fn group_number(group: NamedGroup) -> c_int {
    let number = match group {
        NamedGroup::X25519 => WOLFSSL_ECC_X25519,
        NamedGroup::SECP256R1 => WOLFSSL_ECC_SECP256R1,
        _ => WOLFSSL_ECC_SECP384R1,
    };
    number as c_int
}

/// The suites that it is told, if any.
fn suites(case: &Case) -> Option<String> {
    match (case.their_suite(), case.signature) {
        (Some(suite), _) if SUITES13.contains(&suite) => suite.name().map(str::to_owned),
        (Some(suite), _) => Some(suite_name(suite)),
        // Where it is told algorithms only, its hello has no suites at all.
        (None, Some(_)) if case.is_of13() => {
            let names = SUITES13.iter().filter_map(|suite| suite.name());
            Some(names.collect::<Vec<_>>().join(":"))
        }
        (None, Some(_)) => Some(suite_names(|suite| !is_psk(*suite))),
        (None, None) => None,
    }
}

/// This algorithm alone for the peer's certificate, beside the authority's own.
fn signatures(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::ECDSA_SECP384R1_SHA384 => "ECDSA+SHA384:ECDSA+SHA256",
        SignatureScheme::ED25519 => "ED25519:ECDSA+SHA256",
        SignatureScheme::RSA_PSS_RSAE_SHA256 => "RSA-PSS+SHA256:ECDSA+SHA256",
        SignatureScheme::RSA_PSS_RSAE_SHA384 => "RSA-PSS+SHA384:ECDSA+SHA256",
        SignatureScheme::RSA_PSS_RSAE_SHA512 => "RSA-PSS+SHA512:ECDSA+SHA256",
        SignatureScheme::RSA_PKCS1_SHA256 => "RSA+SHA256:ECDSA+SHA256",
        SignatureScheme::RSA_PKCS1_SHA384 => "RSA+SHA384:ECDSA+SHA256",
        SignatureScheme::RSA_PKCS1_SHA512 => "RSA+SHA512:ECDSA+SHA256",
        _ => "ECDSA+SHA256",
    }
}

fn c_path(path: &Path) -> Res<CString> {
    Ok(CString::new(path.to_string_lossy().as_bytes())?)
}

/// It says 1 for success.
fn ok(result: c_int) -> Res<()> {
    match result {
        1 => Ok(()),
        result => Err(format!("wolfSSL returned {result}").into()),
    }
}

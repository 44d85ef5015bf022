//! What wolfSSL asks of whoever knows the pre-shared key.

use crate::case::{Case, Role};
use crate::ours::{PSK, PSK_IDENTITY};
use flightline::CipherSuite;
use std::ffi::{CStr, c_char, c_uchar, c_uint};
use wolfssl_sys::*;

/// Lets the context ask here. In DTLS 1.3 a key goes with one suite, which unless it is told is that with
/// AES-128-GCM.
pub(super) fn know_key(context: *mut WOLFSSL_CTX, case: &Case, role: Role) {
    let chacha = case.suite == Some(CipherSuite::TLS_CHACHA20_POLY1305_SHA256);
    // SAFETY: the context is alive, and the functions are for ever.
    unsafe {
        match role {
            Role::Client => wolfSSL_CTX_set_psk_client_callback(context, Some(client)),
            Role::Server => wolfSSL_CTX_set_psk_server_callback(context, Some(server)),
        }
        match role {
            _ if !chacha => {}
            Role::Client => {
                wolfSSL_CTX_set_psk_client_tls13_callback(context, Some(client_chacha));
            }
            Role::Server => {
                wolfSSL_CTX_set_psk_server_tls13_callback(context, Some(server_chacha));
            }
        }
    }
}

const CHACHA: &CStr = c"TLS13-CHACHA20-POLY1305-SHA256";

unsafe extern "C" fn client_chacha(
    ssl: *mut WOLFSSL,
    hint: *const c_char,
    identity: *mut c_char,
    identity_room: c_uint,
    key: *mut c_uchar,
    key_room: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    // SAFETY: wolfSSL wants a name here, and the rest as below.
    unsafe {
        suite.write(CHACHA.as_ptr());
        client(ssl, hint, identity, identity_room, key, key_room)
    }
}

unsafe extern "C" fn server_chacha(
    ssl: *mut WOLFSSL,
    identity: *const c_char,
    key: *mut c_uchar,
    key_room: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    // SAFETY: wolfSSL wants a name here, and the rest as below.
    unsafe {
        suite.write(CHACHA.as_ptr());
        server(ssl, identity, key, key_room)
    }
}

unsafe extern "C" fn client(
    _: *mut WOLFSSL,
    _: *const c_char,
    identity: *mut c_char,
    _: c_uint,
    key: *mut c_uchar,
    _: c_uint,
) -> c_uint {
    // SAFETY: wolfSSL has 128 bytes for the identity and 64 for the key at the least.
    unsafe {
        let name = PSK_IDENTITY.as_ptr().cast::<c_char>();
        identity.copy_from(name, PSK_IDENTITY.len());
        identity.add(PSK_IDENTITY.len()).write(0);
        key.copy_from(PSK.as_ptr(), PSK.len());
    }
    PSK.len() as c_uint
}

unsafe extern "C" fn server(
    _: *mut WOLFSSL,
    identity: *const c_char,
    key: *mut c_uchar,
    _: c_uint,
) -> c_uint {
    // SAFETY: wolfSSL hands over a string, and has 64 bytes for the key at the least.
    unsafe {
        if CStr::from_ptr(identity).to_bytes() != PSK_IDENTITY.as_bytes() {
            return 0;
        }
        key.copy_from(PSK.as_ptr(), PSK.len());
    }
    PSK.len() as c_uint
}

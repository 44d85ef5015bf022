//! A connection of wolfSSL.

use super::{Session, WolfSsl, ok};
use crate::Res;
use crate::case::{KeyUpdate, Role, Versions};
use crate::ours::{EXPORTED, EXPORTER_LABEL, THEIR_ALPN};
use crate::peers::Srtp;
use crate::peers::library::{Connection, FIRST_TIMEOUT, Step, Wire};
use crate::peers::names::{SRTP_LABEL, srtp_material, srtp_profile};
use flightline::HandshakeType;
use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::mem;
use std::ptr::null;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wolfssl_sys::*;

/// What a second of its timer is here: it counts in seconds, and starts with one.
const ITS_SECOND: Duration = FIRST_TIMEOUT;

/// Beyond this delay, in its seconds, it gives up.
const LAST_TIMEOUT: c_int = 4096;

// Every block that calls wolfSSL relies on what the module above says of its pointers.

pub(super) struct Ssl {
    ssl: *mut WOLFSSL,
    wire: Box<Wire>,
    connected: bool,
    /// It has had a HelloVerifyRequest.
    challenged: bool,
    /// When its timer expires.
    due: Option<Instant>,
    /// Where a client keeps the session that it is given.
    keep: Option<Arc<Mutex<Option<Session>>>>,
}

impl Drop for Ssl {
    fn drop(&mut self) {
        unsafe { wolfSSL_free(self.ssl) }
    }
}

impl Ssl {
    pub(super) fn new(ssl: *mut WOLFSSL, wire: Wire, of: &WolfSsl) -> Ssl {
        let keeps = of.role == Role::Client && of.resumed.is_some();
        Ssl {
            ssl,
            wire: Box::new(wire),
            connected: false,
            challenged: false,
            due: None,
            keep: keeps.then(|| of.session.clone()),
        }
    }

    pub(super) fn configure(&mut self, of: &WolfSsl) -> Res<()> {
        let wire = &raw mut *self.wire;
        unsafe {
            wolfSSL_SetIOReadCtx(self.ssl, wire.cast());
            wolfSSL_SetIOWriteCtx(self.ssl, wire.cast());
            wolfSSL_dtls_set_using_nonblock(self.ssl, 1);
            ok(wolfSSL_dtls_set_timeout_max(self.ssl, LAST_TIMEOUT))?;
            if of.exports {
                wolfSSL_KeepArrays(self.ssl);
            }
            if let Some(mtu) = of.mtu {
                ok(wolfSSL_dtls_set_mtu(self.ssl, mtu))?;
            }
            if of.alpn {
                let protocols = match of.role {
                    Role::Client => THEIR_ALPN.join(","),
                    // Of several it would take the client's first.
                    Role::Server => THEIR_ALPN[0].into(),
                };
                let mut list = CString::new(protocols)?.into_bytes();
                let length = c_uint::try_from(list.len())?;
                ok(wolfSSL_UseALPN(
                    self.ssl,
                    list.as_mut_ptr().cast(),
                    length,
                    WOLFSSL_ALPN_FAILED_ON_MISMATCH as c_uchar,
                ))?;
            }
            if of.role == Role::Server {
                if !of.cookies && of.versions != Versions::Only12 {
                    ok(wolfSSL_disable_hrr_cookie(self.ssl))?;
                }
                let secret = [7; 32];
                let length = word32::try_from(secret.len())?;
                return match wolfSSL_DTLS_SetCookieSecret(self.ssl, secret.as_ptr(), length) {
                    0 => Ok(()),
                    error => Err(self.error(error)),
                };
            }
            if let Some(group) = of.guess {
                ok(wolfSSL_UseKeyShare(self.ssl, group))?;
            }
            if let Some((asked, wanted)) = of.names {
                let name = CString::new(wanted)?;
                ok(wolfSSL_check_domain_name(self.ssl, name.as_ptr()))?;
                let length = u16::try_from(asked.len())?;
                let kind = WOLFSSL_SNI_HOST_NAME as c_uchar;
                ok(wolfSSL_UseSNI(
                    self.ssl,
                    kind,
                    asked.as_ptr().cast(),
                    length,
                ))?;
            }
            if let Some(session) = &*of.session.lock().unwrap() {
                ok(wolfSSL_set_session(self.ssl, session.0))?;
            }
        }
        Ok(())
    }

    /// Repetitions that come late would end the connection: for wolfSSL a ClientHello is out of order
    /// then, and a second HelloVerifyRequest one too many, where RFC 6347 §4.2.2 has them discarded.
    fn forget_late_hellos(&mut self) {
        let (connected, challenged) = (self.connected, &mut self.challenged);
        self.wire.discard(|datagram| match first_message(datagram) {
            Some(HandshakeType::CLIENT_HELLO) => connected,
            Some(HandshakeType::HELLO_VERIFY_REQUEST) => mem::replace(challenged, true),
            _ => false,
        });
    }

    /// Starts the time that its timer has now.
    fn wind(&mut self) {
        let seconds = unsafe { wolfSSL_dtls_get_current_timeout(self.ssl) };
        let seconds = u32::try_from(seconds).unwrap_or(1);
        // Its own word is that acknowledgements are due after a quarter of the time.
        let parts = match unsafe { wolfSSL_dtls13_use_quick_timeout(self.ssl) } {
            0 => 1,
            _ => 4,
        };
        self.due = Some(Instant::now() + ITS_SECOND * seconds / parts);
    }

    /// In DTLS 1.3 something may still have to be acknowledged.
    fn wind_behind_handshake(&mut self) {
        match unsafe { wolfSSL_dtls13_has_pending_msg(self.ssl) } {
            0 => self.due = None,
            _ if self.due.is_none() => self.wind(),
            _ => {}
        }
    }

    fn keep_session(&self) {
        if let Some(keep) = &self.keep {
            let session = unsafe { wolfSSL_get1_session(self.ssl) };
            if !session.is_null() {
                *keep.lock().unwrap() = Some(Session(session));
            }
        }
    }

    fn export(&self, label: &str, length: usize) -> Option<Vec<u8>> {
        let mut keys = vec![0; length];
        let result = unsafe {
            wolfSSL_export_keying_material(
                self.ssl,
                keys.as_mut_ptr(),
                keys.len(),
                label.as_ptr().cast(),
                label.len(),
                null(),
                0,
                0,
            )
        };
        (result == 1).then_some(keys)
    }

    /// Nothing, where wolfSSL only waits for more.
    fn failed(&self, result: c_int) -> Res<Step> {
        match unsafe { wolfSSL_get_error(self.ssl, result) } {
            error if error == WOLFSSL_ERROR_WANT_READ as c_int => Ok(Step::Waits),
            error if error == WOLFSSL_ERROR_ZERO_RETURN as c_int => Ok(Step::Closed),
            error => Err(self.error(error)),
        }
    }

    fn error(&self, number: c_int) -> Box<dyn std::error::Error + Send + Sync> {
        let mut text: [c_char; 80] = [0; 80];
        let text = unsafe {
            wolfSSL_ERR_error_string(number.unsigned_abs().into(), text.as_mut_ptr());
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        };
        format!("{number}: {text}").into()
    }
}

impl Connection for Ssl {
    fn step(&mut self) -> Res<Step> {
        self.forget_late_hellos();
        if !self.connected {
            let result = unsafe { wolfSSL_negotiate(self.ssl) };
            if result != 1 {
                // What arrives must not put it off, what was sent starts it.
                if self.due.is_none() || self.wire.sends() {
                    self.wind();
                }
                return self.failed(result);
            }
            (self.connected, self.due) = (true, None);
            self.keep_session();
            return Ok(Step::Connected);
        }
        let mut buf = [0_u8; 2048];
        let room = c_int::try_from(buf.len())?;
        let result = unsafe { wolfSSL_read(self.ssl, buf.as_mut_ptr().cast(), room) };
        self.wind_behind_handshake();
        // In DTLS 1.3 tickets come after the handshake.
        self.keep_session();
        match usize::try_from(result) {
            Ok(length @ 1..) => Ok(Step::Data(buf[..length].to_vec())),
            _ => self.failed(result),
        }
    }

    fn send(&mut self, data: &[u8]) -> Res<()> {
        let length = c_int::try_from(data.len())?;
        let result = unsafe { wolfSSL_write(self.ssl, data.as_ptr().cast(), length) };
        if result == length {
            Ok(())
        } else {
            self.failed(result).map(drop)
        }
    }

    fn srtp(&self) -> Option<Srtp> {
        // SAFETY: a profile is one of wolfSSL's own, which are for ever, as their names are.
        let name = unsafe {
            let profile = wolfSSL_get_selected_srtp_profile(self.ssl).as_ref()?;
            CStr::from_ptr(profile.name).to_string_lossy()
        };
        let profile = srtp_profile(&name)?;
        let material = self.export(SRTP_LABEL, srtp_material(profile))?;
        Some(Srtp { profile, material })
    }

    fn exported(&mut self) -> Option<Vec<u8>> {
        self.export(EXPORTER_LABEL, EXPORTED)
    }

    fn update_keys(&mut self, _: KeyUpdate) -> Res<()> {
        ok(unsafe { wolfSSL_update_keys(self.ssl) })?;
        self.wind_behind_handshake();
        Ok(())
    }

    fn until_timeout(&mut self) -> Option<Duration> {
        let due = self.due?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    fn expire(&mut self) -> Res<()> {
        self.due = None;
        match unsafe { wolfSSL_dtls_got_timeout(self.ssl) } {
            1 => Ok(()),
            result => self.failed(result).map(drop),
        }
    }
}

pub(super) unsafe extern "C" fn send(
    _: *mut WOLFSSL,
    data: *mut c_char,
    length: c_int,
    wire: *mut c_void,
) -> c_int {
    let bytes = usize::try_from(length).unwrap_or(0);
    // SAFETY: wolfSSL hands over so many readable bytes, and the wire that it was given.
    unsafe { Wire::send_from(wire, data.cast(), bytes) };
    length
}

pub(super) unsafe extern "C" fn receive(
    _: *mut WOLFSSL,
    data: *mut c_char,
    length: c_int,
    wire: *mut c_void,
) -> c_int {
    let room = usize::try_from(length).unwrap_or(0);
    // SAFETY: wolfSSL hands over so many writable bytes, and the wire that it was given.
    match unsafe { Wire::receive_into(wire, data.cast(), room) } {
        Some(length) => c_int::try_from(length).unwrap_or(0),
        None => IOerrors_WOLFSSL_CBIO_ERR_WANT_READ,
    }
}

/// The type of a datagram's first handshake message, if it is in the clear (RFC 6347 §4.1, §4.2.2).
fn first_message(datagram: &[u8]) -> Option<HandshakeType> {
    const HANDSHAKE: u8 = 22;
    match datagram {
        [HANDSHAKE, _, _, 0, 0, _, _, _, _, _, _, _, _, kind, ..] => Some(HandshakeType(*kind)),
        _ => None,
    }
}

//! A connection of Mbed TLS.

use super::{MbedTls, Session};
use crate::Res;
use crate::case::Role;
use crate::peers::library::{Connection, Step, Wire};
use mbedtls::ssl::context::TimerCallback;
use mbedtls_sys::*;
use std::ffi::{c_int, c_void};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

// Every block below that calls Mbed TLS relies on this.
// SAFETY: `raw` is a context that was set up, alive and unmoving in its box; so is the wire that it
// points to. Other pointers are used during the call only.

pub(super) struct Ssl {
    // Before the wire, to which its end writes an alert.
    context: Box<mbedtls::ssl::Context<()>>,
    wire: Box<Wire>,
    alarm: Arc<Mutex<Alarm>>,
    from: String,
    server: bool,
    connected: bool,
    /// Where a client keeps the session that it is given.
    keep: Option<Arc<Mutex<Option<Session>>>>,
}

impl Ssl {
    pub(super) fn new(of: &MbedTls, wire: Wire, from: SocketAddr) -> Res<Ssl> {
        let alarm = Arc::<Mutex<Alarm>>::default();
        let mut context = Box::new(mbedtls::ssl::Context::new(of.config.clone()));
        context.set_timer_callback(Box::new(Timer(alarm.clone())));
        let mut connection = Ssl {
            context,
            wire: Box::new(wire),
            alarm,
            from: from.to_string(),
            server: of.role == Role::Server,
            connected: false,
            keep: (of.role == Role::Client && of.resumes).then(|| of.session.clone()),
        };
        connection.configure(of)?;
        Ok(connection)
    }

    fn raw(&mut self) -> *mut ssl_context {
        (&mut *self.context).into()
    }

    fn configure(&mut self, of: &MbedTls) -> Res<()> {
        let (raw, wire) = (self.raw(), &raw mut *self.wire);
        unsafe {
            ssl_set_bio(raw, wire.cast(), Some(send), Some(receive), None);
            if let Some(mtu) = of.mtu {
                ssl_set_mtu(raw, mtu);
            }
            if let Some(name) = &of.name {
                check(ssl_set_hostname(raw, name.as_ptr()))?;
            }
            if let Some(session) = &*of.session.lock().unwrap() {
                check(ssl_set_session(raw, &*session.0))?;
            }
        }
        self.name_client()
    }

    /// What the cookie of a server's client is bound to.
    fn name_client(&mut self) -> Res<()> {
        if self.server {
            let (raw, from) = (self.raw(), self.from.as_bytes());
            unsafe { check(ssl_set_client_transport_id(raw, from.as_ptr(), from.len()))? };
        }
        Ok(())
    }

    fn shake_hands(&mut self) -> Res<Step> {
        match unsafe { ssl_handshake(self.raw()) } {
            ERR_SSL_WANT_READ => Ok(Step::Waits),
            ERR_SSL_HELLO_VERIFY_REQUIRED => {
                check(unsafe { ssl_session_reset(self.raw()) })?;
                self.name_client()?;
                Ok(Step::Waits)
            }
            result => {
                check(result)?;
                self.connected = true;
                if let Some(keep) = self.keep.clone() {
                    let mut session = Session(Box::default());
                    unsafe {
                        ssl_session_init(&mut *session.0);
                        check(ssl_get_session(self.raw(), &mut *session.0))?;
                    }
                    *keep.lock().unwrap() = Some(session);
                }
                Ok(Step::Connected)
            }
        }
    }
}

impl Connection for Ssl {
    fn step(&mut self) -> Res<Step> {
        if !self.connected {
            return self.shake_hands();
        }
        let mut buf = [0; 2048];
        match unsafe { ssl_read(self.raw(), buf.as_mut_ptr(), buf.len()) } {
            ERR_SSL_WANT_READ => Ok(Step::Waits),
            0 | ERR_SSL_PEER_CLOSE_NOTIFY => Ok(Step::Closed),
            result => Ok(Step::Data(buf[..check(result)?].to_vec())),
        }
    }

    fn send(&mut self, data: &[u8]) -> Res<()> {
        check(unsafe { ssl_write(self.raw(), data.as_ptr(), data.len()) })?;
        Ok(())
    }

    fn until_timeout(&mut self) -> Option<Duration> {
        let (_, last) = self.alarm.lock().unwrap().0?;
        Some(last.saturating_duration_since(Instant::now()))
    }

    fn expire(&mut self) -> Res<()> {
        // Each step looks at the timer.
        Ok(())
    }
}

/// The two times for which its timer is set.
#[derive(Default)]
struct Alarm(Option<(Instant, Instant)>);

struct Timer(Arc<Mutex<Alarm>>);

impl TimerCallback for Timer {
    unsafe extern "C" fn set_timer(timer: *mut c_void, intermediate: u32, last: u32) {
        // SAFETY: Mbed TLS hands over the timer that it was given.
        let timer = unsafe { &*timer.cast::<Timer>() };
        let after = |ms: u32| Instant::now() + Duration::from_millis(ms.into());
        // A time of zero cancels it.
        let times = (last != 0).then(|| (after(intermediate), after(last)));
        timer.0.lock().unwrap().0 = times;
    }

    unsafe extern "C" fn get_timer(timer: *mut c_void) -> c_int {
        // SAFETY: Mbed TLS hands over the timer that it was given.
        let timer = unsafe { &*timer.cast::<Timer>() };
        let now = Instant::now();
        match timer.0.lock().unwrap().0 {
            None => -1,
            Some((_, last)) if last <= now => 2,
            Some((intermediate, _)) if intermediate <= now => 1,
            Some(_) => 0,
        }
    }

    fn data_ptr(&mut self) -> *mut c_void {
        (&raw mut *self).cast()
    }
}

unsafe extern "C" fn send(wire: *mut c_void, data: *const u8, length: usize) -> c_int {
    // SAFETY: Mbed TLS hands over so many readable bytes, and the wire that it was given.
    unsafe { Wire::send_from(wire, data, length) };
    c_int::try_from(length).unwrap_or(c_int::MAX)
}

unsafe extern "C" fn receive(wire: *mut c_void, data: *mut u8, length: usize) -> c_int {
    // SAFETY: Mbed TLS hands over so many writable bytes, and the wire that it was given.
    match unsafe { Wire::receive_into(wire, data, length) } {
        Some(length) => c_int::try_from(length).unwrap_or(c_int::MAX),
        None => ERR_SSL_WANT_READ,
    }
}

/// It says less than zero for a failure.
fn check(result: c_int) -> Res<usize> {
    usize::try_from(result).map_err(|_| {
        let error = mbedtls::error::IntoResult::into_result(result).err();
        let text = error.map(|error: mbedtls::Error| error.to_string());
        format!("-{:#06x}: {}", -result, text.unwrap_or_default()).into()
    })
}

//! What a cookie says, and to what it is bound.

use super::choices13::Choices13;
use super::hello_retry_request::{RetryCookie, RetryState};
use super::{CookieSigner, HmacCookies};
use crate::error::Result;
use crate::wire::ClientHelloFields;
use std::fmt;
use std::time::Duration;

/// Bytes of a cookie: the name of a key period, and a tag.
pub(super) const COOKIE_LEN: usize = 17;

/// A cookie as it stands in a HelloVerifyRequest.
pub(super) type Cookie = [u8; COOKIE_LEN];

/// Says what a tag is good for, so that a cookie of one kind is never one of another: this is the
/// cookie of RFC 6347 §4.2.1.
const HELLO_VERIFY_REQUEST: u8 = 1;
/// The cookie of RFC 9147 §5.1.
const HELLO_RETRY_REQUEST: u8 = 2;

/// What a server needs to tell by a cookie that a client is where it says it is (RFC 6347 §4.2.1).
///
/// Make one when the program starts and share it, as an `Arc<CookieContext>`, with everything that
/// answers clients. It is small, holds no client's state, and its keys rotate by themselves.
///
/// # Examples
///
/// ```
/// use flightline::CookieContext;
/// use std::sync::Arc;
///
/// let cookies = Arc::new(CookieContext::new()?);
/// # Ok::<(), flightline::Error>(())
/// ```
pub struct CookieContext {
    signer: Box<dyn CookieSigner>,
}

impl CookieContext {
    /// Cookies of [`HmacCookies`].
    ///
    /// # Errors
    ///
    /// [`Error::RandomFailed`](crate::Error::RandomFailed), if the operating system has no random bytes.
    pub fn new() -> Result<Self> {
        HmacCookies::new().map(Self::with_signer)
    }

    /// Cookies of a signer of one's own.
    pub fn with_signer(signer: impl CookieSigner + 'static) -> Self {
        CookieContext {
            signer: Box::new(signer),
        }
    }

    /// A cookie for the sender of `hello`, unless the signer refuses.
    pub(super) fn challenge(
        &self,
        client_id: &[u8],
        hello: &ClientHelloFields<'_>,
        now: Duration,
    ) -> Option<Cookie> {
        let period = self.signer.period(now);
        let purpose = [HELLO_VERIFY_REQUEST, period];
        let tag = with_message(purpose, client_id, hello, &[], |message| {
            self.signer.sign(period, message)
        })?;
        let mut cookie = [period; COOKIE_LEN];
        if let Some(place) = cookie.last_chunk_mut() {
            *place = tag;
        }
        Some(cookie)
    }

    /// A cookie for the sender of `hello` that holds what must be remembered of it.
    pub(super) fn challenge13(
        &self,
        client_id: &[u8],
        hello: &ClientHelloFields<'_>,
        state: &RetryState,
        now: Duration,
    ) -> Option<RetryCookie> {
        let period = self.signer.period(now);
        let state = state.encode();
        let purpose = [HELLO_RETRY_REQUEST, period];
        let tag = with_message(purpose, client_id, hello, state.as_bytes(), |message| {
            self.signer.sign(period, message)
        })?;
        let mut cookie = RetryCookie::new();
        cookie.append(&[&[period], &tag, state.as_bytes()]);
        Some(cookie)
    }

    /// What the cookie says, if it was made here, for this client and this hello, and is not over.
    pub(super) fn accepts13(
        &self,
        client_id: &[u8],
        hello: &ClientHelloFields<'_>,
        cookie: &[u8],
        choices: &Choices13,
        now: Duration,
    ) -> Option<RetryState> {
        let ([period, tag @ ..], state) = cookie.split_first_chunk::<COOKIE_LEN>()?;
        let tag: &[u8; COOKIE_LEN - 1] = tag;
        let purpose = [HELLO_RETRY_REQUEST, *period];
        let is_good = with_message(purpose, client_id, hello, state, |message| {
            self.signer.verify(now, *period, message, tag)
        });
        match is_good {
            true => RetryState::decode(state, |id| choices.find(id)),
            false => None,
        }
    }

    /// Whether the cookie in `hello` was made here, for this client and this hello, and is not over.
    pub(super) fn accepts(
        &self,
        client_id: &[u8],
        hello: &ClientHelloFields<'_>,
        now: Duration,
    ) -> bool {
        let Ok([period, tag @ ..]) = Cookie::try_from(hello.cookie) else {
            return false;
        };
        with_message(
            [HELLO_VERIFY_REQUEST, period],
            client_id,
            hello,
            &[],
            |message| self.signer.verify(now, period, message, &tag),
        )
    }
}

impl fmt::Debug for CookieContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieContext").finish_non_exhaustive()
    }
}

/// Hands what is signed to `f`: what the cookie holds besides, the client's address, and the parameters that
/// its second hello must repeat (RFC 6347 §4.2.1). The extensions are not among them: hellos that offer DTLS
/// 1.3 change theirs between the first and the second (RFC 9147 §5.1). Nor is the session ID, though the
/// RFC wants it repeated: with a ticket it means nothing but what the client draws (RFC 5077 §3.4), and Mbed
/// TLS 2.28 draws it anew for the second hello.
///
/// The lengths stand in front, so no byte can move from one field to the next.
fn with_message<T>(
    purpose: [u8; 2],
    client_id: &[u8],
    hello: &ClientHelloFields<'_>,
    state: &[u8],
    f: impl FnOnce(&[&[u8]]) -> T,
) -> T {
    let version = hello.version.0.to_be_bytes();
    let fields: [&[u8]; 6] = [
        state,
        client_id,
        &version,
        hello.random,
        hello.cipher_suites,
        hello.compression_methods,
    ];
    let lengths = fields.map(|field| u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
    let [state, id, version, random, suites, compression] = fields;
    f(&[
        &purpose,
        lengths.as_flattened(),
        state,
        id,
        version,
        random,
        suites,
        compression,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f07_debug_does_not_tell() {
        let context = CookieContext::new().unwrap();
        assert_eq!(format!("{context:?}"), "CookieContext { .. }");
    }
}

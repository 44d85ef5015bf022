//! The part of cookies that can be replaced.

use std::time::Duration;

/// Signs cookies and verifies them; [`HmacCookies`](crate::HmacCookies) is the one to use.
///
/// A signer of one's own is for servers that share their keys, say behind a load balancer. The
/// library says what is signed (purpose, period, the client's address, and the parameters that a
/// hello may not change); the signer only says with which key.
///
/// All methods are called for every datagram that a stranger sends: they must be cheap and must not
/// block. `now` is the time since an origin of the library's choosing, and does not go backwards by
/// more than threads overtake each other.
///
/// # Examples
///
/// A server that for the moment talks to nobody new:
///
/// ```
/// use flightline::{CookieContext, CookieSigner};
/// use std::time::Duration;
///
/// struct RefuseAll;
///
/// impl CookieSigner for RefuseAll {
///     fn period(&self, _now: Duration) -> u8 {
///         0
///     }
///     fn sign(&self, _period: u8, _message: &[&[u8]]) -> Option<[u8; 16]> {
///         None
///     }
///     fn verify(&self, _now: Duration, _period: u8, _message: &[&[u8]], _tag: &[u8; 16]) -> bool {
///         false
///     }
/// }
///
/// let cookies = CookieContext::with_signer(RefuseAll);
/// ```
pub trait CookieSigner: Send + Sync {
    /// The name of the key period that cookies are made in at `now`. It travels in the cookie, so
    /// that verification knows which key to try.
    fn period(&self, now: Duration) -> u8;

    /// A tag over the concatenation of `message` with the key of `period`. With `None` the hello
    /// gets no answer.
    ///
    /// Sixteen bytes, since a cookie may be no longer than 32 for clients of DTLS 1.0 (RFC 6347
    /// §4.2.1) and the answer to a stranger should be short; RFC 2104 §5 allows a tag to be cut to
    /// half, and 128 bits can only be guessed online, in the minutes that the key lives.
    fn sign(&self, period: u8, message: &[&[u8]]) -> Option<[u8; 16]>;

    /// Whether `tag` is [`sign`](Self::sign)'s for a `period` that is not over at `now`. Both
    /// `period` and `tag` come from the network; the comparison must take the same time for every `tag`.
    fn verify(&self, now: Duration, period: u8, message: &[&[u8]], tag: &[u8; 16]) -> bool;
}

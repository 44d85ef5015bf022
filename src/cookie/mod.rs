//! Proof that a client is where it says it is, before anything is kept for it (RFC 6347 §4.2.1).
//!
//! The [`Entrance`] looks at one datagram from an unproven address and answers with a [`Verdict`]: a [`Gate`]
//! that has no memory, behind a [`HelloPool`] of fixed size for hellos that come in fragments. Neither
//! allocates anything for an unproven sender. The reply is shorter than any hello of DTLS 1.2 that it
//! answers; a HelloRetryRequest may be longer than the very shortest hellos of DTLS 1.3, and is far from
//! three times as long (RFC 9147 §5.1). What a cookie is bound to is this module's to decide; a
//! [`CookieSigner`] only signs it.

mod choices13;
mod context;
mod entrance;
mod gate;
mod hello_pool;
mod hello_retry_request;
mod hello_verify_request;
mod hmac_cookies;
mod reply;
mod signer;
mod verified_hello;

pub(crate) use choices13::Choices13;
pub use context::CookieContext;
pub(crate) use entrance::Entrance;
use gate::Gate;
pub(crate) use gate::{GateDrop, HelloVerification, Verdict};
use hello_pool::HelloPool;
pub(crate) use hello_pool::LONGEST_HELLO;
pub(crate) use hello_retry_request::RetryState;
pub use hmac_cookies::HmacCookies;
pub(crate) use reply::ReplyBuffer;
pub use signer::CookieSigner;
pub(crate) use verified_hello::VerifiedHello;

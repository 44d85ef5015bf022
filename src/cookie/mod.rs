//! Proof that a client is where it says it is, before anything is kept for it (RFC 6347 §4.2.1).
//!
//! The [`Gate`] looks at one datagram from an unproven address and answers with a [`Verdict`]. It
//! keeps nothing but fragments in a fixed pool, allocates nothing for an unproven sender, and its reply is shorter than any hello
//! it answers. What a cookie is bound to is this module's to decide; a [`CookieSigner`] only signs it.

mod context;
mod entrance;
mod gate;
mod hello_pool;
mod hello_verify_request;
mod hmac_cookies;
mod signer;
mod verified_hello;

pub use context::CookieContext;
pub(crate) use entrance::Entrance;
use gate::Gate;
pub(crate) use gate::{GateDrop, HelloVerification, Verdict};
use hello_pool::HelloPool;
pub(crate) use hello_verify_request::ReplyBuffer;
pub use hmac_cookies::HmacCookies;
pub use signer::CookieSigner;
pub(crate) use verified_hello::VerifiedHello;

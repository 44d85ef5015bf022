//! The scripts, opposite a peer that is honest up to a point. No network, no records and no time: the test
//! plays the other side message by message, see [`puppet::Puppet`].

mod answers13;
mod binders;
#[cfg(feature = "x509")]
mod certificates;
#[cfg(feature = "x509")]
mod certificates13;
mod cookies;
mod finished;
mod hellos;
mod hellos13;
mod honest;
mod honest13;
mod key_exchange;
mod offers13;
mod puppet;
mod randomness;
mod resumed;
#[cfg(feature = "hello-verify")]
mod retried13;
mod rfc8448;
mod tickets;

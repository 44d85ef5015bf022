//! Commands that a server prints, by which clients on this machine can talk to it.

use crate::server::{Demand, ServerOptions, say};
use crate::shared::dtls::Dtls;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Prints our command, and those of other libraries if they can succeed: they know no DTLS 1.3.
pub(crate) fn print(options: &ServerOptions, intent: &str, ours: &str, theirs: &[String]) {
    say(format!("\n{intent}, from this machine:"));
    say(format!("    cargo run --release --example {ours}"));
    if !matches!(options.shared.dtls, Some(Dtls::V1_3)) {
        theirs
            .iter()
            .for_each(|command| say(format!("    {command}")));
    }
}

/// These arguments, which show a certificate, if there is no way in without.
pub(crate) fn where_demanded<'a>(options: &ServerOptions, arguments: &'a str) -> &'a str {
    match options.client_ca {
        Some(_) if options.client_auth == Demand::Required => arguments,
        _ => "",
    }
}

/// Where to find a server that listens at `address`: it may stand for all addresses of this machine.
pub(crate) fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address {
        _ if !address.ip().is_unspecified() => {}
        SocketAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
    }
    address
}

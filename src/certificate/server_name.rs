//! The name under which a client looks for its server.

use crate::error::{Error, Result};
use std::fmt;
use std::net::IpAddr;

/// The name that a server must prove: a DNS name, an IP address, or none.
///
/// A server's certificate has to be for this name, unless it is pinned or its proof is a pre-shared
/// key; then the name may be left out with [`ServerName::unnamed`].
///
/// ```
/// use flightline::ServerName;
///
/// let name = ServerName::new("device.example")?;
/// assert_eq!(name.dns_name(), Some("device.example"));
/// # Ok::<(), flightline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName(Name);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Dns(String),
    Ip(IpAddr),
    Unnamed,
}

impl ServerName {
    /// A DNS name (in ASCII, with or without the final dot) or an IP address.
    ///
    /// # Errors
    /// [`Error::Config`] if it is neither.
    pub fn new(name: &str) -> Result<ServerName> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let without_dot = name.strip_suffix('.').unwrap_or(name);
        if is_dns_name(without_dot) {
            Ok(ServerName(Name::Dns(without_dot.to_owned())))
        } else {
            Err(Error::Config(format!(
                "{name:?} is neither a DNS name nor an IP address"
            )))
        }
    }

    /// No name: the server proves itself by something else.
    pub fn unnamed() -> ServerName {
        ServerName(Name::Unnamed)
    }

    /// The DNS name, without a final dot.
    pub fn dns_name(&self) -> Option<&str> {
        match &self.0 {
            Name::Dns(name) => Some(name),
            Name::Ip(_) | Name::Unnamed => None,
        }
    }

    /// The IP address.
    pub fn ip_address(&self) -> Option<IpAddr> {
        match self.0 {
            Name::Ip(address) => Some(address),
            Name::Dns(_) | Name::Unnamed => None,
        }
    }

    pub(crate) fn is_unnamed(&self) -> bool {
        self.0 == Name::Unnamed
    }

    /// What goes into the server_name extension: no literal addresses and no final dot (RFC 6066 §3).
    pub(crate) fn sni(&self) -> Option<&str> {
        self.dns_name()
    }
}

#[cfg(feature = "x509")]
fn is_dns_name(name: &str) -> bool {
    rustls_pki_types::DnsName::try_from(name).is_ok()
}

/// Without certificates the name serves as a hint to the server and nothing more.
#[cfg(not(feature = "x509"))]
fn is_dns_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Dns(name) => f.write_str(name),
            Name::Ip(address) => write!(f, "{address}"),
            Name::Unnamed => f.write_str("(unnamed)"),
        }
    }
}

impl From<IpAddr> for ServerName {
    fn from(address: IpAddr) -> Self {
        ServerName(Name::Ip(address))
    }
}

impl TryFrom<&str> for ServerName {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        ServerName::new(name)
    }
}

impl TryFrom<String> for ServerName {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        ServerName::new(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dns_names_go_into_the_extension() {
        let sni = |name: &str| ServerName::new(name).unwrap().sni().map(str::to_owned);
        assert_eq!(sni("device.example"), Some("device.example".into()));
        assert_eq!(sni("device.example."), Some("device.example".into()));
        assert_eq!(sni("localhost"), Some("localhost".into()));
        assert_eq!(sni("192.0.2.1"), None);
        assert_eq!(sni("2001:db8::1"), None);
        assert_eq!(ServerName::unnamed().sni(), None);
    }

    #[test]
    fn d20_bad_names_are_refused() {
        for bad in ["", ".", "a b", "nul\0", "bücher.example", &"a.".repeat(128)] {
            assert!(
                matches!(ServerName::new(bad), Err(Error::Config(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn names_print_as_they_are() {
        let address: IpAddr = [192, 0, 2, 1].into();
        assert_eq!(ServerName::from(address).to_string(), "192.0.2.1");
        assert_eq!(ServerName::from(address).ip_address(), Some(address));
        assert_eq!(
            ServerName::try_from("a.example").unwrap().to_string(),
            "a.example"
        );
        assert_eq!(ServerName::unnamed().to_string(), "(unnamed)");
    }
}

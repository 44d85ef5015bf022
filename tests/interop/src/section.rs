//! The report's parts: tables of one version each, and tables of their own.

use std::fmt;

/// A table of the report: a section of one version, or one that belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Dtls12(Section),
    Dtls13(Section),
    Other(Section),
}

impl Table {
    pub fn section(self) -> Section {
        match self {
            Table::Dtls12(section) | Table::Dtls13(section) | Table::Other(section) => section,
        }
    }

    /// What stands above the tables of one version.
    pub fn version(self) -> Option<&'static str> {
        match self {
            Table::Dtls12(_) => Some("DTLS 1.2"),
            Table::Dtls13(_) => Some("DTLS 1.3"),
            Table::Other(_) => None,
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.section().title();
        match self.version() {
            Some(version) => write!(f, "{version}, {title}"),
            None => f.write_str(title),
        }
    }
}

/// The part of the report that a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Suites,
    Groups,
    Authentication,
    Extensions,
    Resumption,
    KeyUpdates,
    Mtu,
    Failures,
    Negotiation,
    Coap,
    Captures,
}

impl Section {
    pub fn title(self) -> &'static str {
        match self {
            Section::Suites => "Suites",
            Section::Groups => "Groups",
            Section::Authentication => "Authentication",
            Section::Extensions => "Extensions, exporters and cookies",
            Section::Resumption => "Resumption",
            Section::KeyUpdates => "Key updates",
            Section::Mtu => "MTU",
            Section::Failures => "What must fail",
            Section::Negotiation => "Versions that are offered",
            Section::Coap => "CoAP",
            Section::Captures => "Captures",
        }
    }

    /// What its table shows, where that needs to be said.
    pub fn introduction(self) -> &'static str {
        match self {
            Section::Negotiation => {
                "What we speak, then what the peer speaks; the newest version that both speak must be the outcome.\n\n"
            }
            Section::Coap => {
                "Requests between `coap-client` and our `coap_server`, then between our `coap_client` and `coap-server`. A request\n\
                 is repeated where the path is bad and all that RFC 7252 sends of it was lost.\n\n"
            }
            Section::Captures => {
                "Connections of two sides of ours, captured and read by tshark: with the key log of the server, then with that of\n\
                 the client. With another secret in its place tshark reads nothing.\n\n"
            }
            _ => "",
        }
    }
}

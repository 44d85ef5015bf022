//! A kind of handshake, and what the other side says in it.

use super::symbol::{Role, Symbol, alphabet, alphabet_of_both};
use crate::wire::{CipherSuite, ProtocolVersion};
use Method::{Ecdhe, EcdhePsk, Psk};

/// A handshake, and which side of it is under test.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) version: ProtocolVersion,
    pub(super) subject: Role,
    pub(super) method: Method,
    pub(super) certificates: ClientCertificates,
    pub(super) session: Session,
    pub(super) second_hello: SecondHello,
    /// All that the peer of the subject may say.
    pub(super) legal: &'static [&'static str],
    /// What is in its place and false.
    pub(super) lies: &'static [&'static str],
    /// One of the legal lines, word for word as an honest peer says it.
    pub(super) truth: &'static str,
    /// What it is in DTLS 1.2, for a side that speaks both versions.
    pub(super) old: Option<&'static Variant>,
}

/// How keys are agreed on, and who a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Ecdhe,
    EcdhePsk,
    Psk,
}

/// Whether a server that is under test asks for certificates, and whether a client that is has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientCertificates {
    No,
    Optional,
    Required,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// A full handshake that leaves nothing behind.
    Once,
    /// A full handshake with a ticket at its end.
    NewTicket,
    /// An abbreviated handshake: the ticket is good still.
    ByTicket,
    /// Another ticket comes with it.
    ByOldTicket,
    ById,
}

/// What a server asks for before it believes in a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondHello {
    No,
    /// The cookie that it has made.
    Cookie,
    /// A share in another group.
    Group,
}

/// What it costs to shake hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Least,
    /// There are neither signatures nor key agreements.
    Little,
    Much,
    /// There are both, and a key schedule of three stages; or two versions.
    Most,
}

impl Variant {
    pub(super) fn alphabet(&self) -> Vec<Symbol> {
        match self.old {
            None => alphabet(self.version),
            Some(_) => alphabet_of_both(),
        }
    }

    /// The versions that the side under test speaks.
    pub(super) fn versions(&self) -> Vec<ProtocolVersion> {
        let old = self.old.map(|old| old.version);
        [self.version].into_iter().chain(old).collect()
    }

    pub(super) fn suites(&self) -> Vec<CipherSuite> {
        let old = self.old.map(Variant::suite);
        [self.suite()].into_iter().chain(old).collect()
    }

    pub(super) fn is_13(&self) -> bool {
        self.version == ProtocolVersion::DTLS1_3
    }

    pub(super) fn suite(&self) -> CipherSuite {
        match self.method {
            _ if self.is_13() => CipherSuite::TLS_AES_128_GCM_SHA256,
            Psk => CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256,
            EcdhePsk => CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
            Ecdhe => CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        }
    }

    pub(super) fn cost(&self) -> Cost {
        match (self.method, self.session) {
            _ if self.old.is_some() => Cost::Most,
            (Ecdhe, session) if self.is_13() && !session.is_resumed() => Cost::Most,
            _ if self.is_13() => Cost::Much,
            (Psk, Session::Once) if self.second_hello == SecondHello::No => Cost::Least,
            (Psk, _) => Cost::Little,
            (_, session) if session.is_resumed() => Cost::Little,
            (Ecdhe | EcdhePsk, _) => Cost::Much,
        }
    }
}

impl Session {
    pub(super) fn is_resumed(self) -> bool {
        matches!(
            self,
            Session::ByTicket | Session::ByOldTicket | Session::ById
        )
    }

    /// Whether the server says that there will be a ticket.
    pub(super) fn has_new_ticket(self) -> bool {
        matches!(self, Session::NewTicket | Session::ByOldTicket)
    }
}

//! What a peer can say: the alphabet.

use crate::wire::HandshakeType;
use std::fmt;

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

impl Role {
    pub(super) fn other(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }
}

/// A handshake message. Each is as an honest peer would say it in its place, but for those whose names
/// say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Message {
    HelloRequest,
    ClientHello,
    HelloVerifyRequest,
    ServerHello,
    NewSessionTicket,
    Certificate,
    EmptyCertificate,
    ServerKeyExchange,
    CertificateRequest,
    ServerHelloDone,
    /// With a signature over all that was said.
    CertificateVerify,
    /// With a signature over something else.
    WrongCertificateVerify,
    ClientKeyExchange,
    /// With the verify_data that is due.
    Finished,
    /// With another.
    WrongFinished,
    /// Of a type that nobody knows.
    Unknown,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Content {
    Handshake(Message),
    ChangeCipherSpec,
    ApplicationData,
    /// A warning that means nothing in particular.
    Warning,
    CloseNotify,
    FatalAlert,
}

/// What protects a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Under {
    /// Nothing: epoch 0.
    Nothing,
    /// The keys of epoch 1.
    RightKeys,
    /// Epoch 1, it says, but under keys that nobody agreed on.
    WrongKeys,
}

/// One thing that a peer can say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Symbol {
    /// A new record. A handshake message in it bears the number of the next message, so that it reaches the
    /// state machine.
    Record(Content, Under),
    /// The peer's last message once more, in a new record.
    Repetition,
    /// Its first message once more, long after.
    Straggler,
}

use Content::{ApplicationData, ChangeCipherSpec, CloseNotify, FatalAlert, Handshake, Warning};
use Message::*;

pub(super) const CONTENTS: [Content; 21] = [
    Handshake(HelloRequest),
    Handshake(ClientHello),
    Handshake(HelloVerifyRequest),
    Handshake(ServerHello),
    Handshake(NewSessionTicket),
    Handshake(Certificate),
    Handshake(EmptyCertificate),
    Handshake(ServerKeyExchange),
    Handshake(CertificateRequest),
    Handshake(ServerHelloDone),
    Handshake(CertificateVerify),
    Handshake(WrongCertificateVerify),
    Handshake(ClientKeyExchange),
    Handshake(Finished),
    Handshake(WrongFinished),
    Handshake(Unknown),
    ChangeCipherSpec,
    ApplicationData,
    Warning,
    CloseNotify,
    FatalAlert,
];

/// What cannot be opened shows no more of itself than the type of its record.
pub(super) const UNOPENED: [Content; 4] = [
    Handshake(Finished),
    ChangeCipherSpec,
    ApplicationData,
    FatalAlert,
];

/// Everything that can be said: 21 contents in the clear and under the right keys, one of each type of record
/// under wrong ones, and what was said before.
pub(super) fn alphabet() -> impl Iterator<Item = Symbol> {
    let clear = CONTENTS.map(|content| Symbol::Record(content, Under::Nothing));
    let right = CONTENTS.map(|content| Symbol::Record(content, Under::RightKeys));
    let wrong = UNOPENED.map(|content| Symbol::Record(content, Under::WrongKeys));
    clear
        .into_iter()
        .chain(right)
        .chain(wrong)
        .chain([Symbol::Repetition, Symbol::Straggler])
}

impl Message {
    pub(super) fn typ(self) -> HandshakeType {
        match self {
            HelloRequest => HandshakeType::HELLO_REQUEST,
            ClientHello => HandshakeType::CLIENT_HELLO,
            HelloVerifyRequest => HandshakeType::HELLO_VERIFY_REQUEST,
            ServerHello => HandshakeType::SERVER_HELLO,
            NewSessionTicket => HandshakeType::NEW_SESSION_TICKET,
            Certificate | EmptyCertificate => HandshakeType::CERTIFICATE,
            ServerKeyExchange => HandshakeType::SERVER_KEY_EXCHANGE,
            CertificateRequest => HandshakeType::CERTIFICATE_REQUEST,
            ServerHelloDone => HandshakeType::SERVER_HELLO_DONE,
            CertificateVerify | WrongCertificateVerify => HandshakeType::CERTIFICATE_VERIFY,
            ClientKeyExchange => HandshakeType::CLIENT_KEY_EXCHANGE,
            Finished | WrongFinished => HandshakeType::FINISHED,
            Unknown => HandshakeType(99),
        }
    }
}

impl Symbol {
    /// As it is written in these tests: `Finished` in the clear, `{Finished}` under the right keys,
    /// `?Finished?` under wrong ones, `[ChangeCipherSpec]` and alerts likewise; `again` and `straggler` are
    /// what was said before.
    pub(super) fn named(name: &str) -> Symbol {
        let mut all = alphabet();
        all.find(|symbol| symbol.to_string() == name)
            .unwrap_or_else(|| panic!("no symbol {name}"))
    }

    pub(super) fn is_under_keys(self) -> bool {
        matches!(self, Symbol::Record(_, Under::RightKeys | Under::WrongKeys))
    }

    /// Each of these, one after another.
    pub(super) fn sequence(names: &str) -> Vec<Symbol> {
        names.split_whitespace().map(Symbol::named).collect()
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Handshake(message) => write!(f, "{message:?}"),
            ChangeCipherSpec => f.write_str("[ChangeCipherSpec]"),
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Symbol::Record(content, Under::Nothing) => write!(f, "{content}"),
            Symbol::Record(content, Under::RightKeys) => write!(f, "{{{content}}}"),
            Symbol::Record(content, Under::WrongKeys) => write!(f, "?{content}?"),
            Symbol::Repetition => f.write_str("again"),
            Symbol::Straggler => f.write_str("straggler"),
        }
    }
}

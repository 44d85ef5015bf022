//! What a peer can say: the alphabet of each version.

use crate::wire::{HandshakeType, ProtocolVersion};
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
    /// One that offers DTLS 1.2 alone, of a peer that has both versions.
    OldClientHello,
    HelloVerifyRequest,
    ServerHello,
    /// One of DTLS 1.2, of a peer that has both versions.
    OldServerHello,
    /// The same, marked as RFC 8446 §4.1.3 has it: its sender would have spoken DTLS 1.3.
    MarkedServerHello,
    HelloRetryRequest,
    NewSessionTicket,
    EndOfEarlyData,
    EncryptedExtensions,
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
    KeyUpdate,
    /// One that asks for the other side's new keys as well.
    KeyUpdateRequest,
    /// What stands in a transcript for a first hello, and never on the wire.
    HashOfHello,
    /// Of a type that nobody knows.
    Unknown,
}

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Content {
    Handshake(Message),
    ChangeCipherSpec,
    ApplicationData,
    /// Of every record that was heard and may be acknowledged so.
    Ack,
    /// Of a record of an epoch that there is not.
    WrongAck,
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
    /// The keys that the handshake brings: epoch 1, and in DTLS 1.3 epoch 2.
    RightKeys,
    /// The same epoch, it says, but under keys that nobody agreed on.
    WrongKeys,
    /// The keys of application data in DTLS 1.3: epoch 3, and after each KeyUpdate the next.
    DataKeys,
    /// The same epoch, it says, but under keys that nobody agreed on.
    WrongDataKeys,
    /// The keys before the last KeyUpdate.
    OldKeys,
    /// Those behind a KeyUpdate that was not said.
    NextKeys,
    /// Epoch 1 of DTLS 1.2, of a peer that has both versions.
    OldVersionKeys,
    /// The same epoch, it says, but under keys that nobody agreed on.
    WrongOldVersionKeys,
    /// The next epoch of the version that is not spoken. It is in no alphabet, but may have come before a
    /// version was chosen.
    OtherVersionKeys,
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

use Content::*;
use Message::*;

/// What a record of DTLS 1.2 can hold.
const CONTENTS12: [Content; 21] = [
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

/// What only DTLS 1.3 has.
const CONTENTS_ONLY_13: [Content; 8] = [
    Handshake(HelloRetryRequest),
    Handshake(EndOfEarlyData),
    Handshake(EncryptedExtensions),
    Handshake(KeyUpdate),
    Handshake(KeyUpdateRequest),
    Handshake(HashOfHello),
    Ack,
    WrongAck,
];

/// What cannot be opened shows no more of itself than the type of its record.
const UNOPENED12: [Content; 4] = [
    Handshake(Finished),
    ChangeCipherSpec,
    ApplicationData,
    FatalAlert,
];

/// Under keys that are over, every kind of thing that is legal under others.
const CONTENTS_OF_OLD_KEYS: [Content; 6] = [
    Handshake(KeyUpdate),
    Handshake(NewSessionTicket),
    ApplicationData,
    Ack,
    CloseNotify,
    FatalAlert,
];

/// What cannot be opened does not even show its type in DTLS 1.3.
const UNOPENED13: [(Content, Under); 3] = [
    (Handshake(Finished), Under::WrongKeys),
    (ApplicationData, Under::WrongDataKeys),
    (ApplicationData, Under::NextKeys),
];

/// Everything that can be said: in DTLS 1.2 21 contents in the clear and under the right keys, one of each
/// type of record under wrong ones, and what was said before; in DTLS 1.3 29 contents in the clear and under
/// the keys of the handshake and of application data, some under old keys and wrong ones.
pub(super) fn alphabet(version: ProtocolVersion) -> Vec<Symbol> {
    let under = |contents: &[Content], under| -> Vec<Symbol> {
        let symbols = contents
            .iter()
            .map(|content| Symbol::Record(*content, under));
        symbols.collect()
    };
    let records = match version {
        ProtocolVersion::DTLS1_3 => {
            let contents = [&CONTENTS12[..], &CONTENTS_ONLY_13].concat();
            let unopened = UNOPENED13.map(|(content, under)| Symbol::Record(content, under));
            vec![
                under(&contents, Under::Nothing),
                under(&contents, Under::RightKeys),
                under(&contents, Under::DataKeys),
                under(&CONTENTS_OF_OLD_KEYS, Under::OldKeys),
                unopened.to_vec(),
            ]
        }
        _ => vec![
            under(&CONTENTS12, Under::Nothing),
            under(&CONTENTS12, Under::RightKeys),
            under(&UNOPENED12, Under::WrongKeys),
        ],
    };
    let said_before = vec![Symbol::Repetition, Symbol::Straggler];
    [records, vec![said_before]].concat().concat()
}

/// The hellos that only a peer of both versions can say.
const OLD_HELLOS: [Content; 3] = [
    Handshake(OldClientHello),
    Handshake(OldServerHello),
    Handshake(MarkedServerHello),
];

/// What a peer of both versions can say: all of DTLS 1.3, the hellos of DTLS 1.2, and what that has under keys.
pub(super) fn alphabet_of_both() -> Vec<Symbol> {
    let under = |contents: &[Content], under| -> Vec<Symbol> {
        let symbols = contents
            .iter()
            .map(|content| Symbol::Record(*content, under));
        symbols.collect()
    };
    [
        alphabet(ProtocolVersion::DTLS1_3),
        under(&OLD_HELLOS, Under::Nothing),
        under(&CONTENTS12, Under::OldVersionKeys),
        under(&UNOPENED12, Under::WrongOldVersionKeys),
    ]
    .concat()
}

impl Message {
    /// In the words of a peer that has no other version.
    pub(super) fn of_one_version(self) -> Message {
        match self {
            OldClientHello => ClientHello,
            OldServerHello => ServerHello,
            other => other,
        }
    }

    /// In those of a peer of both, where it speaks DTLS 1.2.
    pub(super) fn of_old_version(self) -> Message {
        match self {
            ClientHello => OldClientHello,
            ServerHello => OldServerHello,
            other => other,
        }
    }

    pub(super) fn typ(self) -> HandshakeType {
        match self {
            HelloRequest => HandshakeType::HELLO_REQUEST,
            ClientHello | OldClientHello => HandshakeType::CLIENT_HELLO,
            HelloVerifyRequest => HandshakeType::HELLO_VERIFY_REQUEST,
            // RFC 8446 §4.1.4: they have one structure.
            ServerHello | OldServerHello | MarkedServerHello | HelloRetryRequest => {
                HandshakeType::SERVER_HELLO
            }
            NewSessionTicket => HandshakeType::NEW_SESSION_TICKET,
            // RFC 8446 §4.5. No early data is spoken here.
            EndOfEarlyData => HandshakeType(5),
            EncryptedExtensions => HandshakeType::ENCRYPTED_EXTENSIONS,
            Certificate | EmptyCertificate => HandshakeType::CERTIFICATE,
            ServerKeyExchange => HandshakeType::SERVER_KEY_EXCHANGE,
            CertificateRequest => HandshakeType::CERTIFICATE_REQUEST,
            ServerHelloDone => HandshakeType::SERVER_HELLO_DONE,
            CertificateVerify | WrongCertificateVerify => HandshakeType::CERTIFICATE_VERIFY,
            ClientKeyExchange => HandshakeType::CLIENT_KEY_EXCHANGE,
            Finished | WrongFinished => HandshakeType::FINISHED,
            KeyUpdate | KeyUpdateRequest => HandshakeType::KEY_UPDATE,
            HashOfHello => HandshakeType::MESSAGE_HASH,
            Unknown => HandshakeType(99),
        }
    }

    /// Whether fragments of both may be parts of one message: they are of one type and of one length.
    pub(super) fn looks_like(self, other: Message) -> bool {
        let differ_in_length = [HandshakeType::CERTIFICATE, HandshakeType::SERVER_HELLO];
        self == other || self.typ() == other.typ() && !differ_in_length.contains(&self.typ())
    }
}

impl Symbol {
    pub(super) const fn clear(message: Message) -> Symbol {
        Symbol::Record(Handshake(message), Under::Nothing)
    }

    pub(super) const fn sealed(message: Message) -> Symbol {
        Symbol::Record(Handshake(message), Under::RightKeys)
    }

    /// As it is written in these tests: `Finished` in the clear, `{Finished}` under the keys of the handshake,
    /// `[Finished]` under those of application data, `<Finished>` under old ones, `>Finished<` under the next,
    /// `?Finished?` and `[?Finished?]` under wrong ones, `[ChangeCipherSpec]` and alerts likewise; `again` and
    /// `straggler` are what was said before. `(Finished)` and `?(Finished)?` are under keys of DTLS 1.2 where
    /// both versions are spoken.
    pub(super) fn named(name: &str) -> Symbol {
        let mut all = [alphabet(ProtocolVersion::DTLS1_2), alphabet_of_both()]
            .into_iter()
            .flatten();
        all.find(|symbol| symbol.to_string() == name)
            .unwrap_or_else(|| panic!("no symbol {name}"))
    }

    /// Whether it is opened by the keys that the handshake brings, if by any.
    pub(super) fn is_under_keys(self) -> bool {
        matches!(self, Symbol::Record(_, Under::RightKeys | Under::WrongKeys))
    }

    /// As a peer says it that has DTLS 1.2 alone.
    pub(super) fn of_one_version(self) -> Symbol {
        match self {
            Symbol::Record(Handshake(message), Under::Nothing) => {
                Symbol::clear(message.of_one_version())
            }
            Symbol::Record(content, Under::OldVersionKeys) => {
                Symbol::Record(content, Under::RightKeys)
            }
            Symbol::Record(content, Under::WrongOldVersionKeys) => {
                Symbol::Record(content, Under::WrongKeys)
            }
            other => other,
        }
    }

    /// As a peer says it that has both versions and speaks DTLS 1.2.
    pub(super) fn of_old_version(self) -> Symbol {
        match self {
            Symbol::Record(Handshake(message), Under::Nothing) => {
                Symbol::clear(message.of_old_version())
            }
            Symbol::Record(content, Under::RightKeys) => {
                Symbol::Record(content, Under::OldVersionKeys)
            }
            other => other,
        }
    }

    pub(super) fn is_message_in_the_clear(self) -> bool {
        matches!(self, Symbol::Record(Handshake(_), Under::Nothing))
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
            Symbol::Record(content, Under::DataKeys) => write!(f, "[{content}]"),
            Symbol::Record(content, Under::WrongDataKeys) => write!(f, "[?{content}?]"),
            Symbol::Record(content, Under::OldKeys) => write!(f, "<{content}>"),
            Symbol::Record(content, Under::NextKeys) => write!(f, ">{content}<"),
            Symbol::Record(content, Under::OldVersionKeys) => write!(f, "({content})"),
            Symbol::Record(content, Under::WrongOldVersionKeys) => write!(f, "?({content})?"),
            Symbol::Record(content, Under::OtherVersionKeys) => write!(f, "!{content}!"),
            Symbol::Repetition => f.write_str("again"),
            Symbol::Straggler => f.write_str("straggler"),
        }
    }
}

//! What a message says, read without its decoder: a decoder that loses something of it, or adds something, writes
//! another message than it has read.

use crate::codec::Reader;
use crate::wire::{
    Body, Certificate, Certificate13, CertificateRequest, CertificateRequest13, CertificateVerify,
    ClientHello, EncryptedExtensions, ExtensionType, Finished, HelloVerifyRequest,
    NewSessionTicket, NewSessionTicket13, ServerHello, ServerHelloDone,
};

/// All that must be the same in what was read and in what is written of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// What stands in one order only.
    fields: Vec<u8>,
    /// Those that are known, by number.
    extensions: Vec<(u16, Vec<u8>)>,
}

/// A message whose bytes can be told in a second way.
pub(super) trait Retold: Body {
    /// `bytes` are those of a message that could be decoded.
    fn said(bytes: &[u8]) -> Said;
}

/// What can be said in one way only.
macro_rules! said_in_one_way {
    ($($body:ty),*) => {
        $(impl Retold for $body {
            fn said(bytes: &[u8]) -> Said {
                Said { fields: bytes.to_vec(), extensions: vec![] }
            }
        })*
    };
}

said_in_one_way!(
    Certificate,
    CertificateVerify,
    Finished,
    HelloVerifyRequest,
    NewSessionTicket,
    ServerHelloDone
);

/// What an extension's content comes to, where not all of it is kept.
type Keeps = fn(ExtensionType, &[u8]) -> Option<Vec<u8>>;

/// A part of a message, by its length.
enum Part {
    Bytes(usize),
    Vec8,
    Vec16,
}
use Part::{Bytes, Vec8, Vec16};

/// The fields of these lengths, and behind them the extensions.
fn with_extensions(bytes: &[u8], before: &[Part], keeps: Keeps) -> Said {
    let mut reader = Reader::new(bytes);
    for part in before {
        match part {
            Bytes(count) => drop(reader.take(*count).unwrap()),
            Vec8 => drop(reader.vec8().unwrap()),
            Vec16 => drop(reader.vec16().unwrap()),
        }
    }
    let block = reader.clone().rest();
    let fields = &bytes[..bytes.len() - block.len()];
    let mut list = match block {
        // Hellos may end before their extensions.
        [] => Reader::new(&[]),
        _ => Reader::new(reader.vec16().unwrap()),
    };
    let mut extensions = Vec::new();
    while !list.is_empty() {
        let typ = ExtensionType(list.u16().unwrap());
        let content = list.vec16().unwrap();
        extensions.extend(keeps(typ, content).map(|kept| (typ.0, kept)));
    }
    extensions.sort();
    Said {
        fields: fields.to_vec(),
        extensions,
    }
}

impl Retold for ClientHello {
    fn said(bytes: &[u8]) -> Said {
        let before = [Bytes(2 + 32), Vec8, Vec8, Vec16, Vec8];
        with_extensions(bytes, &before, |typ, content| match typ {
            // The master key identifier at its end is passed over.
            ExtensionType::USE_SRTP => {
                let profiles = Reader::new(content).vec16().unwrap();
                Some(profiles.to_vec())
            }
            ExtensionType::SERVER_NAME
            | ExtensionType::SUPPORTED_GROUPS
            | ExtensionType::SIGNATURE_ALGORITHMS
            | ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION
            | ExtensionType::EXTENDED_MASTER_SECRET
            | ExtensionType::SESSION_TICKET
            | ExtensionType::RENEGOTIATION_INFO
            | ExtensionType::SUPPORTED_VERSIONS
            | ExtensionType::COOKIE
            | ExtensionType::KEY_SHARE
            | ExtensionType::PSK_KEY_EXCHANGE_MODES
            | ExtensionType::EARLY_DATA
            | ExtensionType::PRE_SHARED_KEY => Some(content.to_vec()),
            _ => None,
        })
    }
}

/// Of what servers answer.
fn answered(typ: ExtensionType, content: &[u8]) -> Option<Vec<u8>> {
    match typ {
        // That the one format is among them is all that matters.
        ExtensionType::EC_POINT_FORMATS => Some(vec![]),
        ExtensionType::SERVER_NAME
        | ExtensionType::USE_SRTP
        | ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION
        | ExtensionType::EXTENDED_MASTER_SECRET
        | ExtensionType::SESSION_TICKET
        | ExtensionType::RENEGOTIATION_INFO
        | ExtensionType::SUPPORTED_VERSIONS
        | ExtensionType::KEY_SHARE
        | ExtensionType::PRE_SHARED_KEY
        | ExtensionType::COOKIE => Some(content.to_vec()),
        _ => None,
    }
}

impl Retold for ServerHello {
    fn said(bytes: &[u8]) -> Said {
        with_extensions(bytes, &[Bytes(2 + 32), Vec8, Bytes(2 + 1)], answered)
    }
}

impl Retold for EncryptedExtensions {
    fn said(bytes: &[u8]) -> Said {
        with_extensions(bytes, &[], answered)
    }
}

impl Retold for CertificateRequest13 {
    fn said(bytes: &[u8]) -> Said {
        with_extensions(bytes, &[Vec8], |typ, content| {
            (typ == ExtensionType::SIGNATURE_ALGORITHMS).then(|| content.to_vec())
        })
    }
}

impl Retold for NewSessionTicket13 {
    fn said(bytes: &[u8]) -> Said {
        with_extensions(bytes, &[Bytes(4 + 4), Vec8, Vec16], |_, _| None)
    }
}

/// The schemes; neither the kinds of certificate before them nor the authorities behind them are kept.
impl Retold for CertificateRequest {
    fn said(bytes: &[u8]) -> Said {
        let mut reader = Reader::new(bytes);
        reader.vec8().unwrap();
        Said {
            fields: reader.vec16().unwrap().to_vec(),
            extensions: vec![],
        }
    }
}

/// The context and the certificates, without the extensions of each.
impl Retold for Certificate13 {
    fn said(bytes: &[u8]) -> Said {
        let mut reader = Reader::new(bytes);
        let mut fields = reader.vec8().unwrap().to_vec();
        fields.insert(0, fields.len() as u8);
        let mut list = Reader::new(reader.vec24().unwrap());
        while !list.is_empty() {
            let certificate = list.vec24().unwrap();
            fields.extend((certificate.len() as u32).to_be_bytes());
            fields.extend(certificate);
            list.vec16().unwrap();
        }
        Said {
            fields,
            extensions: vec![],
        }
    }
}

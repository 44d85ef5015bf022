//! Datagrams as anyone reads them who has no keys: plaintext, and what is under the null cipher.

use crate::codec::Reader;
use crate::codec::Writer;
use crate::crypto::TAG_LEN;
use crate::record::{Record, Records};
use crate::wire::{
    ContentType, HandshakeHeader, HandshakeType, ProtocolVersion, RecordHeader, ShortSequence,
    UnifiedHeader,
};

/// Bytes of the explicit nonce of GCM, which all suites of DTLS 1.2 here use.
const EXPLICIT_NONCE: usize = 8;

/// What is in a record.
pub(super) struct Content {
    pub(super) content_type: ContentType,
    /// In DTLS 1.3 the two low bits of it, where it is not zero.
    pub(super) epoch: u16,
    /// In DTLS 1.3 the 16 low bits of it.
    pub(super) sequence: u64,
    pub(super) plaintext: Vec<u8>,
}

/// A message of a handshake.
pub(super) struct Said {
    pub(super) typ: HandshakeType,
    pub(super) message_seq: u16,
    /// That of the record.
    pub(super) epoch: u16,
    pub(super) body: Vec<u8>,
}

/// The records of a datagram that a side sent while the null cipher was on.
pub(super) fn contents(datagram: &[u8]) -> Vec<Content> {
    let mut datagram = datagram.to_vec();
    Records::new(&mut datagram)
        .map(|record| match record.unwrap() {
            Record::Full(header, fragment) => Content {
                content_type: header.content_type,
                epoch: header.epoch,
                sequence: header.sequence,
                plaintext: match header.epoch {
                    0 => fragment.to_vec(),
                    _ => fragment[EXPLICIT_NONCE..fragment.len() - TAG_LEN].to_vec(),
                },
            },
            Record::Unified(header, fragment) => {
                let (typ, plaintext) = fragment[..fragment.len() - TAG_LEN].split_last().unwrap();
                Content {
                    content_type: ContentType(*typ),
                    epoch: header.epoch.into(),
                    sequence: match header.sequence {
                        ShortSequence::Bits8(low) => low.into(),
                        ShortSequence::Bits16(low) => low.into(),
                    },
                    plaintext: plaintext.to_vec(),
                }
            }
        })
        .collect()
}

/// The fragments of handshake messages in a record.
pub(super) fn fragments(content: &Content) -> Vec<(HandshakeHeader, &[u8])> {
    let mut reader = Reader::new(&content.plaintext);
    let mut fragments = Vec::new();
    while content.content_type == ContentType::HANDSHAKE && !reader.is_empty() {
        fragments.push(HandshakeHeader::read_fragment(&mut reader).unwrap());
    }
    fragments
}

/// The whole messages in a datagram.
pub(super) fn messages(datagram: &[u8]) -> Vec<Said> {
    let mut messages = Vec::new();
    for content in contents(datagram) {
        let whole = fragments(&content).into_iter();
        let whole = whole.filter(|(header, _)| header.is_whole());
        messages.extend(whole.map(|(header, body)| Said {
            typ: header.typ,
            message_seq: header.message_seq,
            epoch: content.epoch,
            body: body.to_vec(),
        }));
    }
    messages
}

/// Whether a Finished, or a part of one, is in a datagram.
pub(super) fn has_finished(datagram: &[u8]) -> bool {
    contents(datagram).iter().any(|content| {
        let mut fragments = fragments(content).into_iter();
        fragments.any(|(header, _)| header.typ == HandshakeType::FINISHED)
    })
}

/// A record with the full header.
pub(super) fn record(
    content_type: ContentType,
    version: ProtocolVersion,
    epoch: u16,
    sequence: u64,
    fragment: &[u8],
) -> Vec<u8> {
    Writer::bytes_of(|w| {
        let length = fragment.len() as u16;
        RecordHeader {
            content_type,
            version,
            epoch,
            sequence,
            length,
        }
        .write(w);
        w.bytes(&fragment[..length.into()]);
    })
}

/// What passes for authentic in DTLS 1.2 while the null cipher is on.
pub(super) fn protected12(typ: ContentType, epoch: u16, number: u64, plaintext: &[u8]) -> Vec<u8> {
    let fragment = [&number.to_be_bytes(), plaintext, &[0; TAG_LEN]].concat();
    record(typ, ProtocolVersion::DTLS1_2, epoch, number, &fragment)
}

/// The same in DTLS 1.3, with the low bits of epoch and number.
pub(super) fn protected13(
    typ: ContentType,
    epoch: u8,
    sequence: ShortSequence,
    plaintext: &[u8],
) -> Vec<u8> {
    let ciphertext = [plaintext, &[typ.0], &[0; TAG_LEN]].concat();
    let header = UnifiedHeader {
        epoch,
        sequence,
        length: Some(ciphertext.len() as u16),
    };
    [header.encode().as_bytes(), &ciphertext].concat()
}

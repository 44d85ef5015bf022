//! What cuts a flight into records, and those into datagrams.

use super::{CHANGE_CIPHER_SPEC, Content, Kept, Part, Place, REMEMBERED, SentPart};
use crate::codec::Writer;
use crate::error::Result;
use crate::record::Sealer;
use crate::wire::{
    ContentType, HANDSHAKE_HEADER, HandshakeHeader, MAX_PLAINTEXT, ProtocolVersion, RecordNumber,
};
use std::collections::VecDeque;
use std::ops::Range;

/// How many datagrams and records a flight took.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Packed {
    pub(crate) datagrams: usize,
    pub(crate) records: usize,
}

/// Fills datagrams.
pub(super) struct Packer<'a> {
    pub(super) mtu: usize,
    pub(super) version: ProtocolVersion,
    pub(super) begin: Place,
    pub(super) most_records: usize,
    /// At what is left for the next burst.
    pub(super) stopped: Option<Place>,
    /// Of the record that is being filled; empty between records.
    pub(super) plaintext: Vec<u8>,
    pub(super) parts: Vec<Part>,
    /// The records that are sealed.
    pub(super) datagram: Vec<u8>,
    pub(super) emit: &'a mut dyn FnMut(&[u8]),
    pub(super) packed: Packed,
    pub(super) sent: &'a mut VecDeque<SentPart>,
}

impl Packer<'_> {
    pub(super) fn message(&mut self, sealer: &mut Sealer, place: usize, kept: &Kept) -> Result<()> {
        match &kept.message.content {
            Content::ChangeCipherSpec => {
                self.make_room(sealer, CHANGE_CIPHER_SPEC.len())?;
                self.plaintext.extend(CHANGE_CIPHER_SPEC);
                self.end_record(sealer, ContentType::CHANGE_CIPHER_SPEC)
            }
            Content::Handshake {
                typ,
                message_seq,
                body,
            } => {
                let header = HandshakeHeader::whole(
                    *typ,
                    *message_seq,
                    u32::try_from(body.len()).unwrap_or(u32::MAX),
                );
                for mut missing in kept.missing() {
                    if self.begin.before_end_of(place, &missing) {
                        if self.begin.message == place {
                            missing.start = missing.start.max(self.begin.byte);
                        }
                        self.fragments(sealer, header, place, body, missing)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Bytes of a handshake message in as many fragments as it takes (RFC 6347 §4.2.3).
    fn fragments(
        &mut self,
        sealer: &mut Sealer,
        header: HandshakeHeader,
        message: usize,
        body: &[u8],
        mut missing: Range<usize>,
    ) -> Result<()> {
        loop {
            // A fragment without a byte of its message would bring nothing.
            let least = missing.len().min(1);
            self.make_room(sealer, HANDSHAKE_HEADER.saturating_add(least))?;
            let byte = missing.start;
            let is_full = self.plaintext.is_empty() && self.packed.records >= self.most_records;
            if is_full {
                self.stopped.get_or_insert(Place { message, byte });
                return Ok(());
            }
            let room = self.room(sealer).saturating_sub(HANDSHAKE_HEADER);
            let end = missing.end.min(missing.start.saturating_add(room));
            let bytes = missing.start..end;
            let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            let header = HandshakeHeader {
                fragment_offset: length(bytes.start),
                fragment_length: length(bytes.len()),
                ..header
            };
            Writer::append(&mut self.plaintext, |w| {
                header.write(w);
                w.bytes(body.get(bytes.clone()).unwrap_or_default());
            });
            self.parts.push(Part { message, bytes });
            missing.start = end;
            if missing.is_empty() {
                return Ok(());
            }
        }
    }

    /// Makes sure that the record can take so many bytes: this one, or else a new one, or else the
    /// first of a new datagram.
    fn make_room(&mut self, sealer: &mut Sealer, bytes: usize) -> Result<()> {
        if self.room(sealer) < bytes {
            self.end_record(sealer, ContentType::HANDSHAKE)?;
        }
        if self.room(sealer) < bytes {
            self.end_datagram();
        }
        Ok(())
    }

    /// How many bytes the record can still take.
    fn room(&self, sealer: &Sealer) -> usize {
        let around = self.datagram.len().saturating_add(sealer.overhead());
        self.mtu
            .saturating_sub(around)
            .min(MAX_PLAINTEXT)
            .saturating_sub(self.plaintext.len())
    }

    pub(super) fn end_record(&mut self, sealer: &mut Sealer, typ: ContentType) -> Result<()> {
        if self.plaintext.is_empty() {
            return Ok(());
        }
        let (plaintext, datagram) = (&self.plaintext, &mut self.datagram);
        let sequence = sealer.seal_padded(self.mtu, typ, self.version, plaintext, datagram)?;
        self.plaintext.clear();
        self.packed.records = self.packed.records.saturating_add(1);
        let epoch = sealer.epoch().into();
        let record = RecordNumber { epoch, sequence };
        for part in self.parts.drain(..) {
            // Nothing before DTLS 1.3 acknowledges records.
            if self.version == ProtocolVersion::DTLS1_3 {
                // First, so that it never grows beyond that.
                if self.sent.len() >= REMEMBERED {
                    self.sent.pop_front();
                }
                self.sent.push_back(SentPart { record, part });
            }
        }
        Ok(())
    }

    pub(super) fn end_datagram(&mut self) {
        if !self.datagram.is_empty() {
            (self.emit)(&self.datagram);
            self.datagram.clear();
            self.packed.datagrams = self.packed.datagrams.saturating_add(1);
        }
    }
}

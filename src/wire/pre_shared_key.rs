//! The extension pre_shared_key (RFC 8446 §4.2.11).

use crate::codec::{self, Reader, Writer};

/// PskKeyExchangeMode psk_dhe_ke: with an ephemeral key agreement (RFC 8446 §4.2.9).
pub(crate) const PSK_DHE_KE: u8 = 1;

/// OfferedPsks: what the client can go on with, and the proof that it holds each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OfferedPsks {
    pub(crate) identities: Vec<PskIdentity>,
    pub(crate) binders: Vec<Vec<u8>>,
}

/// PskIdentity: the name of a key, or a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PskIdentity {
    pub(crate) identity: Vec<u8>,
    pub(crate) obfuscated_ticket_age: u32,
}

impl OfferedPsks {
    pub(super) fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let identities = Reader::new(reader.vec16_not_empty()?).items(|list| {
            Ok(PskIdentity {
                identity: list.vec16_not_empty()?.to_vec(),
                obfuscated_ticket_age: list.u32()?,
            })
        })?;
        // The RFC's lower bound of 32 bytes is not held against those of keys that nobody knows: hashes of
        // other versions may be shorter, and a known key's binder has to be the right one anyway.
        let binders = Reader::new(reader.vec16_not_empty()?);
        let binders = binders.items(|list| Ok(list.vec8()?.to_vec()))?;
        Ok(OfferedPsks {
            identities,
            binders,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.vec16(|w| {
            for identity in &self.identities {
                w.vec16(|w| w.bytes(&identity.identity));
                w.u32(identity.obfuscated_ticket_age);
            }
        });
        writer.vec16(|w| {
            self.binders
                .iter()
                .for_each(|binder| w.vec8(|w| w.bytes(binder)));
        });
    }

    /// Bytes of the list of binders, with its length: what a binder's transcript leaves out
    /// (RFC 8446 §4.2.11.2).
    pub(crate) fn binders_len(&self) -> usize {
        let of_each = self
            .binders
            .iter()
            .map(|binder| binder.len().saturating_add(1));
        of_each.fold(2, usize::saturating_add)
    }
}

//! The extension key_share (RFC 8446 §4.2.8).

use super::NamedGroup;
use crate::codec::{self, Reader, Writer};

/// KeyShareEntry: an ephemeral share in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyShare {
    pub(crate) group: NamedGroup,
    pub(crate) share: Vec<u8>,
}

impl KeyShare {
    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let group = NamedGroup(reader.u16()?);
        let share = reader.vec16_not_empty()?.to_vec();
        Ok(KeyShare { group, share })
    }

    fn write(&self, writer: &mut Writer) {
        writer.u16(self.group.0);
        writer.vec16(|w| w.bytes(&self.share));
    }

    /// KeyShareClientHello, which may be empty.
    pub(super) fn read_offered(reader: &mut Reader<'_>) -> codec::Result<Vec<KeyShare>> {
        Reader::new(reader.vec16()?).items(KeyShare::read)
    }

    pub(super) fn write_offered(writer: &mut Writer, shares: &[KeyShare]) {
        writer.vec16(|w| shares.iter().for_each(|share| share.write(w)));
    }
}

/// What a server answers: its own share, or in a HelloRetryRequest the group that it wants one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyShareAnswer {
    Share(KeyShare),
    Group(NamedGroup),
}

impl KeyShareAnswer {
    /// Only a HelloRetryRequest is as short as a group; a share has a length and a byte at least.
    pub(super) fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let mut ahead = reader.clone();
        let group = NamedGroup(ahead.u16()?);
        if ahead.is_empty() {
            *reader = ahead;
            return Ok(KeyShareAnswer::Group(group));
        }
        KeyShare::read(reader).map(KeyShareAnswer::Share)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        match self {
            KeyShareAnswer::Share(share) => share.write(writer),
            KeyShareAnswer::Group(group) => writer.u16(group.0),
        }
    }
}

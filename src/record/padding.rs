//! How long the contents of records are made (RFC 8446 §5.4).

use crate::wire::MAX_PLAINTEXT;

/// Contents are padded to a multiple of so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Padding(usize);

impl Padding {
    pub(crate) const NONE: Padding = Padding(1);

    pub(crate) fn to_multiple_of(multiple: usize) -> Padding {
        Padding(multiple)
    }

    /// How much goes behind a content of this length, where both have so much room.
    pub(super) fn behind(self, content: usize, room: usize) -> usize {
        let padded = content.checked_next_multiple_of(self.0).unwrap_or(content);
        padded.min(room).min(MAX_PLAINTEXT).saturating_sub(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{SUITES13, Secret};
    use crate::record::{Records, Replay, TrafficSecret};
    use crate::wire::{ContentType, ProtocolVersion};

    #[test]
    fn padding_fills_up_to_a_multiple_or_to_the_room_there_is() {
        let padded = |multiple, content, room| {
            content + Padding::to_multiple_of(multiple).behind(content, room)
        };
        let table = [
            (1, 7, 100, 7),
            (16, 0, 100, 0),
            (16, 1, 100, 16),
            (16, 16, 100, 16),
            (16, 17, 100, 32),
            (16, 17, 30, 30),
            // No room at all: it is as long as it is.
            (16, 17, 3, 17),
            (MAX_PLAINTEXT, 1, usize::MAX, MAX_PLAINTEXT),
            (MAX_PLAINTEXT - 1, MAX_PLAINTEXT, usize::MAX, MAX_PLAINTEXT),
        ];
        for (multiple, content, room, expected) in table {
            let told = format!("{content} to {multiple} in {room}");
            assert_eq!(padded(multiple, content, room), expected, "{told}");
        }
    }

    /// Contents of 1 to 64 bytes look alike, whatever they are, and nobody who has the keys sees the padding.
    #[test]
    fn j06_padded_records_have_one_length_and_open_as_they_were() {
        let version = ProtocolVersion::DTLS1_3;
        for suite in &SUITES13 {
            let secret = Secret::new(vec![7; suite.hash.len()]);
            let secret = TrafficSecret::new(suite, secret);
            let sealer = secret.sealer(3).unwrap();
            let mut sealer = sealer.padded(Padding::to_multiple_of(64));
            let mut opener = secret.opener(3).unwrap();
            let most = 200 + sealer.overhead();
            let types = [ContentType::APPLICATION_DATA, ContentType::ALERT];
            for length in 1..=200 {
                // Zeros at its end are no padding.
                let plaintext = vec![0; length];
                let typ = types[length % 2];
                let mut record = Vec::new();
                let sealed = sealer.seal_padded(most, typ, version, &plaintext, &mut record);
                sealed.unwrap();
                let expected = length.next_multiple_of(64).min(200);
                assert_eq!(record.len(), expected + sealer.overhead());
                let record = Records::new(&mut record).next().unwrap().unwrap();
                let opened = opener.open(record, Replay::Window).unwrap();
                assert_eq!(opened.content_type, typ);
                assert_eq!(opened.plaintext, plaintext);
                assert!(!opened.too_long);
            }
            // The longest there is.
            let mut record = Vec::new();
            let long = [1; MAX_PLAINTEXT];
            let typ = ContentType::APPLICATION_DATA;
            let sealed = sealer.seal_padded(usize::MAX, typ, version, &long, &mut record);
            sealed.unwrap();
            let record = Records::new(&mut record).next().unwrap().unwrap();
            assert!(!opener.open(record, Replay::Window).unwrap().too_long);
        }
    }
}

//! UseSRTPData, the content of the extension use_srtp (RFC 5764 §4.1.1).

use super::SrtpProfile;
use crate::codec::{self, DecodeError, Reader, Writer};

/// The profile that a server has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SrtpChoice {
    pub(crate) profile: SrtpProfile,
    /// The master key identifier that will stand in packets; empty where none will.
    pub(crate) mki: Vec<u8>,
}

impl SrtpChoice {
    pub(super) fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        let (profiles, mki) = use_srtp_data(reader)?;
        match profiles[..] {
            [profile] => Ok(SrtpChoice { profile, mki }),
            _ => Err(DecodeError::BadLength),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.u16_list([self.profile.0]);
        writer.vec8(|w| w.bytes(&self.mki));
    }
}

/// The profiles that a client offers. Its master key identifier is passed over, as RFC 5764 §4.1.3
/// lets servers do.
pub(super) fn read_profiles(reader: &mut Reader<'_>) -> codec::Result<Vec<SrtpProfile>> {
    let (profiles, _mki) = use_srtp_data(reader)?;
    Ok(profiles)
}

/// An offer without a master key identifier.
pub(super) fn write_profiles(writer: &mut Writer, profiles: &[SrtpProfile]) {
    writer.u16_list(profiles.iter().map(|profile| profile.0));
    writer.vec8(|_| {});
}

fn use_srtp_data(reader: &mut Reader<'_>) -> codec::Result<(Vec<SrtpProfile>, Vec<u8>)> {
    let profiles = reader.u16_list()?.into_iter().map(SrtpProfile).collect();
    Ok((profiles, reader.vec8()?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GCM: SrtpProfile = SrtpProfile::SRTP_AEAD_AES_128_GCM;

    #[test]
    fn what_is_written_is_read() {
        let offered = vec![GCM, SrtpProfile(40)];
        let bytes = Writer::bytes_of(|w| write_profiles(w, &offered));
        assert_eq!(bytes, [0, 4, 0, 7, 0, 40, 0]);
        assert_eq!(Reader::whole(&bytes, read_profiles), Ok(offered));

        for mki in [vec![], vec![1, 2, 3]] {
            let choice = SrtpChoice { profile: GCM, mki };
            let bytes = Writer::bytes_of(|w| choice.write(w));
            assert_eq!(Reader::whole(&bytes, SrtpChoice::read), Ok(choice));
        }
    }

    #[test]
    fn what_is_not_exactly_use_srtp_data_is_refused() {
        use DecodeError::{BadLength, TrailingData, Truncated};
        for (bytes, offer, choice) in [
            (&[][..], Err(Truncated), Err(Truncated)),
            (&[0, 0, 0], Err(BadLength), Err(BadLength)),
            (&[0, 1, 0, 0], Err(BadLength), Err(BadLength)),
            (&[0, 2, 0, 7], Err(Truncated), Err(Truncated)),
            (&[0, 2, 0, 7, 1], Err(Truncated), Err(Truncated)),
            (&[0, 2, 0, 7, 0, 0], Err(TrailingData), Err(TrailingData)),
            // A choice of two is none.
            (&[0, 4, 0, 7, 0, 8, 0], Ok(()), Err(BadLength)),
            (&[0, 2, 0, 7, 1, 9], Ok(()), Ok(())),
        ] {
            assert_eq!(Reader::whole(bytes, read_profiles).map(drop), offer);
            assert_eq!(Reader::whole(bytes, SrtpChoice::read).map(drop), choice);
        }
    }
}

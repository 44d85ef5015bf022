//! What a server of DTLS 1.3 would choose, told from a hello where it stands.

use crate::codec::Reader;
use crate::crypto::Suite13;
use crate::wire::{
    AlertDescription, CipherSuite, ClientHelloFields, ExtensionType, NamedGroup, ProtocolVersion,
};

/// What a server speaks of DTLS 1.3, in order of preference. No suites: it does not speak it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices13 {
    pub(crate) suites: Vec<&'static Suite13>,
    pub(crate) groups: Vec<NamedGroup>,
}

impl Choices13 {
    /// Whether both speak the version, and so have to (RFC 8446 §4.2.1).
    pub(super) fn are_for(&self, hello: &ClientHelloFields<'_>) -> bool {
        !self.suites.is_empty()
            && extension(hello, ExtensionType::SUPPORTED_VERSIONS)
                .and_then(|body| Reader::new(body).vec8().ok())
                .is_some_and(|versions| has(versions, ProtocolVersion::DTLS1_3.0))
    }

    /// The suite that the server chooses.
    pub(super) fn suite(&self, hello: &ClientHelloFields<'_>) -> Option<&'static Suite13> {
        let mut suites = self.suites.iter().copied();
        suites.find(|suite| has(hello.cipher_suites, suite.id.0))
    }

    /// The group that the client has to make a share in, if it has made none that will do; or what to
    /// refuse the hello with.
    pub(super) fn wanted_group(
        &self,
        hello: &ClientHelloFields<'_>,
    ) -> Result<Option<NamedGroup>, AlertDescription> {
        // RFC 8446 §9.2: either of the two needs the other.
        let [shares, groups] = [ExtensionType::KEY_SHARE, ExtensionType::SUPPORTED_GROUPS]
            .map(|typ| extension(hello, typ).ok_or(AlertDescription::MISSING_EXTENSION));
        let (shares, groups) = (shares?, groups?);
        if self.groups.iter().any(|group| has_share(shares, *group)) {
            return Ok(None);
        }
        let groups = Reader::new(groups).vec16().unwrap_or_default();
        let wanted = self.groups.iter().find(|group| has(groups, group.0));
        // RFC 8446 §4.1.1.
        let wanted = wanted.ok_or(AlertDescription::HANDSHAKE_FAILURE)?;
        Ok(Some(*wanted))
    }

    /// The suite with this code point.
    pub(super) fn find(&self, id: CipherSuite) -> Option<&'static Suite13> {
        self.suites.iter().copied().find(|suite| suite.id == id)
    }
}

/// The body of the first extension of this type.
pub(super) fn extension<'a>(
    hello: &ClientHelloFields<'a>,
    wanted: ExtensionType,
) -> Option<&'a [u8]> {
    let mut reader = Reader::new(hello.extensions?);
    loop {
        let typ = ExtensionType(reader.u16().ok()?);
        let body = reader.vec16().ok()?;
        if typ == wanted {
            return Some(body);
        }
    }
}

fn has(list: &[u8], value: u16) -> bool {
    list.chunks_exact(2).any(|pair| pair == value.to_be_bytes())
}

fn has_share(shares: &[u8], group: NamedGroup) -> bool {
    let Ok(list) = Reader::new(shares).vec16() else {
        return false;
    };
    let mut reader = Reader::new(list);
    while let (Ok(of), Ok(_)) = (reader.u16(), reader.vec16()) {
        if of == group.0 {
            return true;
        }
    }
    false
}

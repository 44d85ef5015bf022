//! What a server of DTLS 1.3 would choose, told from a hello where it stands.

use crate::codec::Reader;
use crate::crypto::Suite13;
use crate::wire::{CipherSuite, ClientHelloFields, ExtensionType, NamedGroup, ProtocolVersion};

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

    /// The group that the client has to make a share in; `Some(None)` where it has made one that will do,
    /// and nothing at all where there is no group in common.
    pub(super) fn wanted_group(&self, hello: &ClientHelloFields<'_>) -> Option<Option<NamedGroup>> {
        let shares = extension(hello, ExtensionType::KEY_SHARE)?;
        if self.groups.iter().any(|group| has_share(shares, *group)) {
            return Some(None);
        }
        let groups = extension(hello, ExtensionType::SUPPORTED_GROUPS)?;
        let groups = Reader::new(groups).vec16().ok()?;
        let wanted = self.groups.iter().find(|group| has(groups, group.0));
        wanted.copied().map(Some)
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

//! ServerKeyExchange and ClientKeyExchange. Their layout follows from the suite and is not told on
//! the wire, so both are kept as bytes until somebody who knows the suite reads them.
//! RFC 8422 §5.4 and §5.7 (ECDHE), RFC 4279 §2 (PSK), RFC 5489 §2 (ECDHE_PSK).

use super::{Body, HandshakeType, NamedGroup, SignatureScheme};
use crate::codec::{self, DecodeError, Reader, Writer};

/// ECCurveType named_curve (RFC 8422 §5.4).
const NAMED_CURVE: u8 = 3;

/// ServerECDHParams: the server's ephemeral share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EcdhOffer {
    pub(crate) group: NamedGroup,
    pub(crate) share: Vec<u8>,
}

impl EcdhOffer {
    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        if reader.u8()? != NAMED_CURVE {
            return Err(DecodeError::IllegalValue);
        }
        Ok(EcdhOffer {
            group: NamedGroup(reader.u16()?),
            share: reader.vec8()?.to_vec(),
        })
    }

    /// Also the form in which it is signed.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.u8(NAMED_CURVE);
        writer.u16(self.group.0);
        writer.vec8(|w| w.bytes(&self.share));
    }
}

/// A share and the signature over it and both randoms.
#[derive(Debug)]
pub(crate) struct SignedOffer {
    pub(crate) offer: EcdhOffer,
    pub(crate) scheme: SignatureScheme,
    pub(crate) signature: Vec<u8>,
}

/// ServerKeyExchange, read by kind.
#[derive(Debug)]
pub(crate) struct ServerKeyExchange(Vec<u8>);

impl ServerKeyExchange {
    pub(crate) fn ecdhe(signed: &SignedOffer) -> Self {
        ServerKeyExchange(Writer::bytes_of(|w| {
            signed.offer.write(w);
            w.u16(signed.scheme.0);
            w.vec16(|w| w.bytes(&signed.signature));
        }))
    }

    pub(crate) fn psk(hint: &[u8]) -> Self {
        ServerKeyExchange(Writer::bytes_of(|w| w.vec16(|w| w.bytes(hint))))
    }

    pub(crate) fn ecdhe_psk(hint: &[u8], offer: &EcdhOffer) -> Self {
        ServerKeyExchange(Writer::bytes_of(|w| {
            w.vec16(|w| w.bytes(hint));
            offer.write(w);
        }))
    }

    pub(crate) fn as_ecdhe(&self) -> codec::Result<SignedOffer> {
        Reader::whole(&self.0, |r| {
            Ok(SignedOffer {
                offer: EcdhOffer::read(r)?,
                scheme: SignatureScheme(r.u16()?),
                signature: r.vec16()?.to_vec(),
            })
        })
    }

    pub(crate) fn as_psk(&self) -> codec::Result<Vec<u8>> {
        Reader::whole(&self.0, |r| Ok(r.vec16()?.to_vec()))
    }

    pub(crate) fn as_ecdhe_psk(&self) -> codec::Result<(Vec<u8>, EcdhOffer)> {
        Reader::whole(&self.0, |r| Ok((r.vec16()?.to_vec(), EcdhOffer::read(r)?)))
    }
}

impl Body for ServerKeyExchange {
    const TYPE: HandshakeType = HandshakeType::SERVER_KEY_EXCHANGE;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(ServerKeyExchange(reader.rest().to_vec()))
    }

    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }
}

/// ClientKeyExchange, read by kind.
#[derive(Debug)]
pub(crate) struct ClientKeyExchange(Vec<u8>);

impl ClientKeyExchange {
    pub(crate) fn ecdhe(share: &[u8]) -> Self {
        ClientKeyExchange(Writer::bytes_of(|w| w.vec8(|w| w.bytes(share))))
    }

    pub(crate) fn psk(identity: &[u8]) -> Self {
        ClientKeyExchange(Writer::bytes_of(|w| w.vec16(|w| w.bytes(identity))))
    }

    pub(crate) fn ecdhe_psk(identity: &[u8], share: &[u8]) -> Self {
        ClientKeyExchange(Writer::bytes_of(|w| {
            w.vec16(|w| w.bytes(identity));
            w.vec8(|w| w.bytes(share));
        }))
    }

    pub(crate) fn as_ecdhe(&self) -> codec::Result<Vec<u8>> {
        Reader::whole(&self.0, |r| Ok(r.vec8()?.to_vec()))
    }

    pub(crate) fn as_psk(&self) -> codec::Result<Vec<u8>> {
        Reader::whole(&self.0, |r| Ok(r.vec16()?.to_vec()))
    }

    pub(crate) fn as_ecdhe_psk(&self) -> codec::Result<(Vec<u8>, Vec<u8>)> {
        Reader::whole(&self.0, |r| Ok((r.vec16()?.to_vec(), r.vec8()?.to_vec())))
    }
}

impl Body for ClientKeyExchange {
    const TYPE: HandshakeType = HandshakeType::CLIENT_KEY_EXCHANGE;

    fn read(reader: &mut Reader<'_>) -> codec::Result<Self> {
        Ok(ClientKeyExchange(reader.rest().to_vec()))
    }

    fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.0);
    }
}

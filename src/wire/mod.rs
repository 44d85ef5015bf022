//! The structures of the RFCs, as values that can be read and written, and no behaviour.
//!
//! One message per file. Every body implements [`Body`]: its type, how it is decoded and how it is
//! encoded. Code points are newtypes, so a value that nobody has heard of is still a value.

mod ack;
mod alert;
mod certificate;
mod certificate13;
mod certificate_request;
mod certificate_request13;
mod certificate_verify;
mod client_hello;
mod code_points;
mod encrypted_extensions;
mod extensions;
mod finished;
mod handshake;
mod hello_verify_request;
mod key_exchange;
mod key_share;
mod key_update;
mod new_session_ticket;
mod new_session_ticket13;
mod pre_shared_key;
mod record;
mod server_hello;
mod server_hello_done;
mod unified_header;
mod use_srtp;

pub(crate) use ack::{Ack, RecordNumber};
pub use alert::AlertDescription;
pub(crate) use alert::{Alert, AlertLevel};
pub(crate) use certificate::Certificate;
pub(crate) use certificate_request::CertificateRequest;
pub(crate) use certificate_request13::CertificateRequest13;
pub(crate) use certificate_verify::CertificateVerify;
pub(crate) use certificate13::Certificate13;
pub(crate) use client_hello::{ClientHello, ClientHelloFields};
pub(crate) use code_points::ContentType;
pub use code_points::{
    CipherSuite, ExtensionType, HandshakeType, NamedGroup, ProtocolVersion, SignatureScheme,
    SrtpProfile,
};
pub(crate) use encrypted_extensions::EncryptedExtensions;
pub(crate) use extensions::{ClientExtensions, ServerExtensions};
pub(crate) use finished::Finished;
pub(crate) use handshake::{HANDSHAKE_HEADER, HandshakeHeader};
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use key_exchange::{ClientKeyExchange, EcdhOffer, ServerKeyExchange, SignedOffer};
pub(crate) use key_share::{KeyShare, KeyShareAnswer};
pub(crate) use key_update::KeyUpdate;
pub(crate) use new_session_ticket::NewSessionTicket;
pub(crate) use new_session_ticket13::NewSessionTicket13;
pub(crate) use pre_shared_key::{OfferedPsks, PSK_DHE_KE, PskIdentity};
pub(crate) use record::{
    MAX_CIPHERTEXT, MAX_CIPHERTEXT13, MAX_PLAINTEXT, MAX_SEQUENCE, RECORD_HEADER, RecordHeader,
};
pub(crate) use server_hello::{DOWNGRADE_TO_12, HELLO_RETRY_REQUEST, ServerHello};
pub(crate) use server_hello_done::ServerHelloDone;
pub(crate) use unified_header::{ShortSequence, UnifiedHeader};
pub(crate) use use_srtp::SrtpChoice;

use crate::codec::{self, Reader, Writer};

/// The 32 bytes that each side contributes to the keys (RFC 5246 §7.4.1.2).
pub(crate) type Random = [u8; 32];

/// A handshake message's body.
pub(crate) trait Body: Sized {
    const TYPE: HandshakeType;

    /// Reads the body; whatever it leaves unread is an error.
    fn read(reader: &mut Reader<'_>) -> codec::Result<Self>;

    fn write(&self, writer: &mut Writer);

    fn decode(bytes: &[u8]) -> codec::Result<Self> {
        Reader::whole(bytes, Self::read)
    }

    fn encode(&self) -> Vec<u8> {
        Writer::bytes_of(|w| self.write(w))
    }
}

#[cfg(test)]
mod tests;

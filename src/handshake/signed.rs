//! What signatures sign.

use super::keys12::Randoms;
use crate::codec::Writer;
use crate::wire::EcdhOffer;

/// A ServerKeyExchange of DTLS 1.2: the share, bound to this connection by both randoms (RFC 8422 §5.4).
pub(super) fn server_key_exchange(randoms: Randoms, offer: &EcdhOffer) -> Vec<u8> {
    Writer::bytes_of(|w| {
        w.bytes(&randoms.client);
        w.bytes(&randoms.server);
        offer.write(w);
    })
}

/// A server's CertificateVerify of DTLS 1.3, over the hash of the transcript so far (RFC 8446 §4.4.3).
pub(super) fn by_server13(transcript_hash: &[u8]) -> Vec<u8> {
    content13(b"TLS 1.3, server CertificateVerify", transcript_hash)
}

/// A client's.
pub(super) fn by_client13(transcript_hash: &[u8]) -> Vec<u8> {
    content13(b"TLS 1.3, client CertificateVerify", transcript_hash)
}

fn content13(context: &[u8], transcript_hash: &[u8]) -> Vec<u8> {
    [&[b' '; 64][..], context, &[0], transcript_hash].concat()
}

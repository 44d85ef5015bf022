//! What a CertificateVerify of DTLS 1.3 signs (RFC 8446 §4.4.3).

/// By a server, over the hash of the transcript so far.
pub(super) fn by_server(transcript_hash: &[u8]) -> Vec<u8> {
    content(b"TLS 1.3, server CertificateVerify", transcript_hash)
}

/// By a client, over the hash of the transcript so far.
pub(super) fn by_client(transcript_hash: &[u8]) -> Vec<u8> {
    content(b"TLS 1.3, client CertificateVerify", transcript_hash)
}

fn content(context: &[u8], transcript_hash: &[u8]) -> Vec<u8> {
    [&[b' '; 64][..], context, &[0], transcript_hash].concat()
}

//! Who the peer turned out to be.

/// Who the peer is, as far as it proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerIdentity {
    /// It did not say: a client that was not asked for a certificate, or had none.
    Anonymous,
    /// It holds the key of the first of these certificates (DER), and the verifier accepted the chain.
    Certificate(Vec<Vec<u8>>),
    /// It holds the pre-shared key of this identity (RFC 4279 §5.1).
    Psk(Vec<u8>),
}

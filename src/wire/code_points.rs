//! The registries' numbers under the registries' names.

/// Defines a newtype over a wire integer: unknown values are kept, known ones print their name.
macro_rules! code_points {
    ($(#[$meta:meta])* $vis:vis $name:ident($int:ty) { $($(#[$m:meta])* $konst:ident = $value:expr,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name($vis $int);

        impl $name {
            $($(#[$m])* $vis const $konst: $name = $name($value);)*

            /// The registered name, if this crate knows the value.
            $vis const fn name(self) -> Option<&'static str> {
                match self {
                    $($name::$konst => Some(stringify!($konst)),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, concat!(stringify!($name), "({:#06x})"), self.0),
                }
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(super) use code_points;

code_points! {
    /// A protocol version as it stands on the wire: the one's complement of its number, so newer is smaller.
    pub ProtocolVersion(u16) {
        /// DTLS 1.0 (RFC 4347). Only ever seen in record headers and HelloVerifyRequest.
        DTLS1_0 = 0xfeff,
        /// DTLS 1.2 (RFC 6347).
        DTLS1_2 = 0xfefd,
        /// DTLS 1.3 (RFC 9147).
        DTLS1_3 = 0xfefc,
    }
}

code_points! {
    /// What a record carries (RFC 6347 §4.3.1).
    pub(crate) ContentType(u8) {
        /// The one message outside the handshake protocol that belongs to a flight.
        CHANGE_CIPHER_SPEC = 20,
        /// A warning or the reason of an end.
        ALERT = 21,
        /// Fragments of handshake messages.
        HANDSHAKE = 22,
        /// What the connection is for.
        APPLICATION_DATA = 23,
        /// Which records arrived (RFC 9147 §7).
        ACK = 26,
    }
}

code_points! {
    /// The kind of a handshake message (RFC 6347 §4.3.2).
    pub HandshakeType(u8) {
        /// The server asks for a new handshake; always refused here.
        HELLO_REQUEST = 0,
        /// The client opens.
        CLIENT_HELLO = 1,
        /// The server chooses.
        SERVER_HELLO = 2,
        /// The server asks the client to prove its address.
        HELLO_VERIFY_REQUEST = 3,
        /// A ticket with which to resume (RFC 5077).
        NEW_SESSION_TICKET = 4,
        /// Never sent under this number: it looks like a ServerHello (RFC 8446 §4.1.3).
        HELLO_RETRY_REQUEST = 6,
        /// What the server's hello does not say, since it has to be read without keys (RFC 8446 §4.3.1).
        ENCRYPTED_EXTENSIONS = 8,
        /// A chain of certificates.
        CERTIFICATE = 11,
        /// The server's ephemeral share, or its PSK identity hint.
        SERVER_KEY_EXCHANGE = 12,
        /// The server asks who the client is.
        CERTIFICATE_REQUEST = 13,
        /// The server has said all.
        SERVER_HELLO_DONE = 14,
        /// Proof that the certificate's key is at hand.
        CERTIFICATE_VERIFY = 15,
        /// The client's ephemeral share, or its PSK identity.
        CLIENT_KEY_EXCHANGE = 16,
        /// Proof that both saw the same handshake.
        FINISHED = 20,
        /// The sender's next keys follow (RFC 8446 §4.6.3).
        KEY_UPDATE = 24,
        /// Never sent: stands for the first ClientHello in a transcript (RFC 8446 §4.4.1).
        MESSAGE_HASH = 254,
    }
}

code_points! {
    /// A cipher suite.
    pub CipherSuite(u16) {
        /// Of DTLS 1.3 (RFC 8446 §B.4), as are the two that follow.
        TLS_AES_128_GCM_SHA256 = 0x1301,
        /// RFC 8446.
        TLS_AES_256_GCM_SHA384 = 0x1302,
        /// RFC 8446.
        TLS_CHACHA20_POLY1305_SHA256 = 0x1303,
        /// RFC 5487.
        TLS_PSK_WITH_AES_128_GCM_SHA256 = 0x00a8,
        /// RFC 5487.
        TLS_PSK_WITH_AES_256_GCM_SHA384 = 0x00a9,
        /// RFC 5289.
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b,
        /// RFC 5289.
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c,
        /// RFC 5289.
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f,
        /// RFC 5289.
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030,
        /// RFC 7905.
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8,
        /// RFC 7905.
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9,
        /// RFC 7905.
        TLS_PSK_WITH_CHACHA20_POLY1305_SHA256 = 0xccab,
        /// RFC 7905.
        TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256 = 0xccac,
        /// RFC 8442.
        TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256 = 0xd001,
        /// RFC 8442.
        TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384 = 0xd002,
        /// Not a suite: the signal that renegotiation is secure (RFC 5746 §3.3).
        TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff,
    }
}

code_points! {
    /// A group for the ephemeral key agreement (RFC 8422 §5.1.1).
    pub NamedGroup(u16) {
        /// NIST P-256.
        SECP256R1 = 23,
        /// NIST P-384.
        SECP384R1 = 24,
        /// Curve25519 (RFC 7748).
        X25519 = 29,
    }
}

code_points! {
    /// A signature algorithm with its hash (RFC 5246 §7.4.1.4.1, RFC 8446 §4.2.3).
    pub SignatureScheme(u16) {
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        RSA_PKCS1_SHA256 = 0x0401,
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        RSA_PKCS1_SHA384 = 0x0501,
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        RSA_PKCS1_SHA512 = 0x0601,
        /// ECDSA with SHA-256; in DTLS 1.2 on any curve, in 1.3 on P-256.
        ECDSA_SECP256R1_SHA256 = 0x0403,
        /// ECDSA with SHA-384; in DTLS 1.2 on any curve, in 1.3 on P-384.
        ECDSA_SECP384R1_SHA384 = 0x0503,
        /// RSASSA-PSS with SHA-256, under an rsaEncryption key.
        RSA_PSS_RSAE_SHA256 = 0x0804,
        /// RSASSA-PSS with SHA-384, under an rsaEncryption key.
        RSA_PSS_RSAE_SHA384 = 0x0805,
        /// RSASSA-PSS with SHA-512, under an rsaEncryption key.
        RSA_PSS_RSAE_SHA512 = 0x0806,
        /// Ed25519 (RFC 8422 §5.1.3).
        ED25519 = 0x0807,
    }
}

code_points! {
    /// How SRTP packets are protected (RFC 5764 §4.1.2).
    pub SrtpProfile(u16) {
        /// AES-128 in counter mode, tags of 80 bits.
        SRTP_AES128_CM_HMAC_SHA1_80 = 0x0001,
        /// AES-128 in counter mode, tags of 32 bits.
        SRTP_AES128_CM_HMAC_SHA1_32 = 0x0002,
        /// RFC 7714.
        SRTP_AEAD_AES_128_GCM = 0x0007,
        /// RFC 7714.
        SRTP_AEAD_AES_256_GCM = 0x0008,
    }
}

code_points! {
    /// A hello extension.
    pub ExtensionType(u16) {
        /// RFC 6066 §3.
        SERVER_NAME = 0,
        /// RFC 8422 §5.1.1.
        SUPPORTED_GROUPS = 10,
        /// RFC 8422 §5.1.2.
        EC_POINT_FORMATS = 11,
        /// RFC 5246 §7.4.1.4.1.
        SIGNATURE_ALGORITHMS = 13,
        /// RFC 5764 §4.1.
        USE_SRTP = 14,
        /// RFC 7301.
        APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16,
        /// RFC 7627.
        EXTENDED_MASTER_SECRET = 23,
        /// RFC 5077 §3.2.
        SESSION_TICKET = 35,
        /// RFC 8446 §4.2.11.
        PRE_SHARED_KEY = 41,
        /// RFC 8446 §4.2.10.
        EARLY_DATA = 42,
        /// RFC 8446 §4.2.1.
        SUPPORTED_VERSIONS = 43,
        /// RFC 8446 §4.2.2.
        COOKIE = 44,
        /// RFC 8446 §4.2.9.
        PSK_KEY_EXCHANGE_MODES = 45,
        /// RFC 8446 §4.2.4.
        CERTIFICATE_AUTHORITIES = 47,
        /// RFC 8446 §4.2.8.
        KEY_SHARE = 51,
        /// RFC 5746.
        RENEGOTIATION_INFO = 0xff01,
    }
}

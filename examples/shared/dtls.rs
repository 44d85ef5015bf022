//! Which version to speak, as people write it.

use clap::ValueEnum;
use flightline::ProtocolVersion;

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Dtls {
    #[value(name = "1.2")]
    V1_2,
    #[value(name = "1.3")]
    V1_3,
}

impl From<Dtls> for ProtocolVersion {
    fn from(version: Dtls) -> Self {
        match version {
            Dtls::V1_2 => ProtocolVersion::DTLS1_2,
            Dtls::V1_3 => ProtocolVersion::DTLS1_3,
        }
    }
}

//! The extensions of both hellos (RFC 5246 §7.4.1.4). What is absent is `None`, an empty list or
//! `false`; what is unknown is passed over, but its type is kept.

use super::use_srtp::{self, SrtpChoice};
use super::{
    ExtensionType, KeyShare, KeyShareAnswer, NamedGroup, OfferedPsks, ProtocolVersion,
    SignatureScheme, SrtpProfile,
};
use crate::codec::{self, DecodeError, Reader, Writer};

/// Uncompressed points, the one format left (RFC 8422 §5.1.2).
const UNCOMPRESSED: u8 = 0;

/// NameType host_name (RFC 6066 §3).
const HOST_NAME: u8 = 0;

/// Extensions of a ClientHello.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientExtensions {
    pub(crate) server_name: Option<Vec<u8>>,
    pub(crate) supported_groups: Option<Vec<NamedGroup>>,
    pub(crate) signature_algorithms: Option<Vec<SignatureScheme>>,
    pub(crate) srtp_profiles: Option<Vec<SrtpProfile>>,
    pub(crate) alpn: Option<Vec<Vec<u8>>>,
    pub(crate) extended_master_secret: bool,
    /// A ticket, or nothing where the client has none and would take one (RFC 5077 §3.2).
    pub(crate) session_ticket: Option<Vec<u8>>,
    pub(crate) renegotiation_info: Option<Vec<u8>>,
    pub(crate) supported_versions: Option<Vec<ProtocolVersion>>,
    pub(crate) cookie: Option<Vec<u8>>,
    pub(crate) key_shares: Option<Vec<KeyShare>>,
    pub(crate) psk_modes: Option<Vec<u8>>,
    pub(crate) early_data: bool,
    /// Stands last (RFC 8446 §4.2.11).
    pub(crate) pre_shared_key: Option<OfferedPsks>,
}

impl ClientExtensions {
    /// Reads the content of an extensions block.
    pub(crate) fn decode(block: &[u8]) -> codec::Result<Self> {
        let mut extensions = ClientExtensions::default();
        for_each(block, |typ, body| {
            // RFC 8446 §4.2.11: nothing may follow pre_shared_key, which vouches for all before it.
            if extensions.pre_shared_key.is_some() {
                return Err(DecodeError::IllegalValue);
            }
            match typ {
                ExtensionType::SERVER_NAME => {
                    extensions.server_name = Some(Reader::whole(body, host_name)?)
                }
                ExtensionType::SUPPORTED_GROUPS => {
                    let groups = Reader::whole(body, Reader::u16_list)?;
                    extensions.supported_groups =
                        Some(groups.into_iter().map(NamedGroup).collect());
                }
                ExtensionType::EC_POINT_FORMATS => point_formats(body)?,
                ExtensionType::SIGNATURE_ALGORITHMS => {
                    let schemes = Reader::whole(body, Reader::u16_list)?;
                    extensions.signature_algorithms =
                        Some(schemes.into_iter().map(SignatureScheme).collect());
                }
                ExtensionType::USE_SRTP => {
                    let profiles = Reader::whole(body, use_srtp::read_profiles)?;
                    extensions.srtp_profiles = Some(profiles);
                }
                ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                    extensions.alpn = Some(protocol_names(body)?);
                }
                ExtensionType::EXTENDED_MASTER_SECRET => {
                    Reader::new(body).finish()?;
                    extensions.extended_master_secret = true;
                }
                ExtensionType::SESSION_TICKET => extensions.session_ticket = Some(body.to_vec()),
                ExtensionType::RENEGOTIATION_INFO => {
                    extensions.renegotiation_info =
                        Some(Reader::whole(body, Reader::vec8)?.to_vec());
                }
                ExtensionType::SUPPORTED_VERSIONS => {
                    let versions = Reader::whole(body, Reader::u16_list8)?;
                    extensions.supported_versions =
                        Some(versions.into_iter().map(ProtocolVersion).collect());
                }
                ExtensionType::COOKIE => extensions.cookie = Some(cookie(body)?),
                ExtensionType::KEY_SHARE => {
                    extensions.key_shares = Some(Reader::whole(body, KeyShare::read_offered)?);
                }
                ExtensionType::PSK_KEY_EXCHANGE_MODES => {
                    let modes = Reader::whole(body, Reader::vec8_not_empty)?;
                    extensions.psk_modes = Some(modes.to_vec());
                }
                ExtensionType::EARLY_DATA => {
                    Reader::new(body).finish()?;
                    extensions.early_data = true;
                }
                ExtensionType::CERTIFICATE_AUTHORITIES => certificate_authorities(body)?,
                ExtensionType::PRE_SHARED_KEY => {
                    extensions.pre_shared_key = Some(Reader::whole(body, OfferedPsks::read)?);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(extensions)
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.vec16(|w| {
            if let Some(name) = &self.server_name {
                extension(w, ExtensionType::SERVER_NAME, |w| {
                    w.vec16(|w| {
                        w.u8(HOST_NAME);
                        w.vec16(|w| w.bytes(name));
                    });
                });
            }
            if let Some(groups) = &self.supported_groups {
                extension(w, ExtensionType::SUPPORTED_GROUPS, |w| {
                    w.u16_list(groups.iter().map(|g| g.0))
                });
                extension(w, ExtensionType::EC_POINT_FORMATS, |w| {
                    w.vec8(|w| w.u8(UNCOMPRESSED))
                });
            }
            if let Some(schemes) = &self.signature_algorithms {
                extension(w, ExtensionType::SIGNATURE_ALGORITHMS, |w| {
                    w.u16_list(schemes.iter().map(|s| s.0))
                });
            }
            if let Some(profiles) = &self.srtp_profiles {
                extension(w, ExtensionType::USE_SRTP, |w| {
                    use_srtp::write_profiles(w, profiles)
                });
            }
            if let Some(names) = &self.alpn {
                extension(
                    w,
                    ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
                    |w| {
                        w.vec16(|w| names.iter().for_each(|name| w.vec8(|w| w.bytes(name))));
                    },
                );
            }
            if self.extended_master_secret {
                extension(w, ExtensionType::EXTENDED_MASTER_SECRET, |_| {});
            }
            if let Some(ticket) = &self.session_ticket {
                extension(w, ExtensionType::SESSION_TICKET, |w| w.bytes(ticket));
            }
            if let Some(data) = &self.renegotiation_info {
                extension(w, ExtensionType::RENEGOTIATION_INFO, |w| {
                    w.vec8(|w| w.bytes(data))
                });
            }
            self.write_13(w);
        });
    }

    /// What only DTLS 1.3 knows.
    fn write_13(&self, w: &mut Writer) {
        if let Some(versions) = &self.supported_versions {
            extension(w, ExtensionType::SUPPORTED_VERSIONS, |w| {
                w.vec8(|w| versions.iter().for_each(|version| w.u16(version.0)));
            });
        }
        if let Some(cookie) = &self.cookie {
            extension(w, ExtensionType::COOKIE, |w| {
                w.vec16(|w| w.bytes(cookie));
            });
        }
        if let Some(shares) = &self.key_shares {
            extension(w, ExtensionType::KEY_SHARE, |w| {
                KeyShare::write_offered(w, shares);
            });
        }
        if let Some(modes) = &self.psk_modes {
            extension(w, ExtensionType::PSK_KEY_EXCHANGE_MODES, |w| {
                w.vec8(|w| w.bytes(modes));
            });
        }
        if self.early_data {
            extension(w, ExtensionType::EARLY_DATA, |_| {});
        }
        if let Some(psks) = &self.pre_shared_key {
            extension(w, ExtensionType::PRE_SHARED_KEY, |w| psks.write(w));
        }
    }
}

/// Extensions of what a server answers: ServerHello, HelloRetryRequest and EncryptedExtensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerExtensions {
    /// Every type that was there, so that what was not offered can be told (RFC 5246 §7.4.1.4).
    pub(crate) types: Vec<ExtensionType>,
    pub(crate) server_name: bool,
    pub(crate) ec_point_formats: bool,
    pub(crate) use_srtp: Option<SrtpChoice>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) extended_master_secret: bool,
    /// A NewSessionTicket follows (RFC 5077 §3.2).
    pub(crate) session_ticket: bool,
    pub(crate) renegotiation_info: Option<Vec<u8>>,
    pub(crate) selected_version: Option<ProtocolVersion>,
    pub(crate) key_share: Option<KeyShareAnswer>,
    /// The place of the chosen identity among those offered.
    pub(crate) pre_shared_key: Option<u16>,
    pub(crate) cookie: Option<Vec<u8>>,
}

impl ServerExtensions {
    /// Reads the content of an extensions block.
    pub(crate) fn decode(block: &[u8]) -> codec::Result<Self> {
        let mut extensions = ServerExtensions::default();
        for_each(block, |typ, body| {
            extensions.types.push(typ);
            match typ {
                ExtensionType::SERVER_NAME => {
                    Reader::new(body).finish()?;
                    extensions.server_name = true;
                }
                ExtensionType::EC_POINT_FORMATS => {
                    point_formats(body)?;
                    extensions.ec_point_formats = true;
                }
                ExtensionType::USE_SRTP => {
                    extensions.use_srtp = Some(Reader::whole(body, SrtpChoice::read)?);
                }
                ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
                    let mut names = protocol_names(body)?;
                    let name = names
                        .pop()
                        .filter(|_| names.is_empty())
                        .ok_or(DecodeError::BadLength)?;
                    extensions.alpn = Some(name);
                }
                ExtensionType::EXTENDED_MASTER_SECRET => {
                    Reader::new(body).finish()?;
                    extensions.extended_master_secret = true;
                }
                ExtensionType::SESSION_TICKET => {
                    Reader::new(body).finish()?;
                    extensions.session_ticket = true;
                }
                ExtensionType::RENEGOTIATION_INFO => {
                    extensions.renegotiation_info =
                        Some(Reader::whole(body, Reader::vec8)?.to_vec());
                }
                ExtensionType::SUPPORTED_VERSIONS => {
                    let version = Reader::whole(body, Reader::u16)?;
                    extensions.selected_version = Some(ProtocolVersion(version));
                }
                ExtensionType::KEY_SHARE => {
                    extensions.key_share = Some(Reader::whole(body, KeyShareAnswer::read)?);
                }
                ExtensionType::PRE_SHARED_KEY => {
                    extensions.pre_shared_key = Some(Reader::whole(body, Reader::u16)?);
                }
                ExtensionType::COOKIE => extensions.cookie = Some(cookie(body)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(extensions)
    }

    /// Writes the block, or nothing where no extension is set: old clients want no empty block.
    pub(crate) fn write(&self, writer: &mut Writer) {
        let block = Writer::bytes_of(|w| self.write_list(w));
        if !block.is_empty() {
            writer.vec16(|w| w.bytes(&block));
        }
    }

    /// Writes the content of the block.
    pub(super) fn write_list(&self, w: &mut Writer) {
        if self.server_name {
            extension(w, ExtensionType::SERVER_NAME, |_| {});
        }
        if self.ec_point_formats {
            extension(w, ExtensionType::EC_POINT_FORMATS, |w| {
                w.vec8(|w| w.u8(UNCOMPRESSED))
            });
        }
        if let Some(choice) = &self.use_srtp {
            extension(w, ExtensionType::USE_SRTP, |w| choice.write(w));
        }
        if let Some(name) = &self.alpn {
            extension(
                w,
                ExtensionType::APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
                |w| w.vec16(|w| w.vec8(|w| w.bytes(name))),
            );
        }
        if self.extended_master_secret {
            extension(w, ExtensionType::EXTENDED_MASTER_SECRET, |_| {});
        }
        if self.session_ticket {
            extension(w, ExtensionType::SESSION_TICKET, |_| {});
        }
        if let Some(data) = &self.renegotiation_info {
            extension(w, ExtensionType::RENEGOTIATION_INFO, |w| {
                w.vec8(|w| w.bytes(data))
            });
        }
        if let Some(version) = self.selected_version {
            extension(w, ExtensionType::SUPPORTED_VERSIONS, |w| w.u16(version.0));
        }
        if let Some(answer) = &self.key_share {
            extension(w, ExtensionType::KEY_SHARE, |w| answer.write(w));
        }
        if let Some(chosen) = self.pre_shared_key {
            extension(w, ExtensionType::PRE_SHARED_KEY, |w| w.u16(chosen));
        }
        if let Some(cookie) = &self.cookie {
            extension(w, ExtensionType::COOKIE, |w| w.vec16(|w| w.bytes(cookie)));
        }
    }
}

pub(super) fn extension(writer: &mut Writer, typ: ExtensionType, body: impl FnOnce(&mut Writer)) {
    writer.u16(typ.0);
    writer.vec16(body);
}

/// Calls `read` with each extension. One that appears twice is an error (RFC 5246 §7.4.1.4).
pub(super) fn for_each<'a>(
    block: &'a [u8],
    mut read: impl FnMut(ExtensionType, &'a [u8]) -> codec::Result<()>,
) -> codec::Result<()> {
    let mut seen = Vec::new();
    let mut reader = Reader::new(block);
    while !reader.is_empty() {
        let typ = ExtensionType(reader.u16()?);
        let body = reader.vec16()?;
        seen.push(typ);
        read(typ, body)?;
    }
    let extensions = seen.len();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() == extensions {
        Ok(())
    } else {
        Err(DecodeError::DuplicateExtension)
    }
}

/// Names of authorities: at least one, and none of them empty (RFC 8446 §4.2.4). Chains are chosen without
/// them.
pub(super) fn certificate_authorities(body: &[u8]) -> codec::Result<()> {
    let mut list = Reader::new(Reader::whole(body, Reader::vec16_not_empty)?);
    while !list.is_empty() {
        list.vec16_not_empty()?;
    }
    Ok(())
}

/// A cookie, which is not empty (RFC 8446 §4.2.2).
fn cookie(body: &[u8]) -> codec::Result<Vec<u8>> {
    Ok(Reader::whole(body, Reader::vec16_not_empty)?.to_vec())
}

/// The one host name of a ServerNameList (RFC 6066 §3: no two names of a type).
fn host_name(reader: &mut Reader<'_>) -> codec::Result<Vec<u8>> {
    Reader::whole(reader.vec16()?, |list| {
        if list.u8()? != HOST_NAME {
            return Err(DecodeError::IllegalValue);
        }
        let name = list.vec16()?;
        if name.is_empty() || name.len() > 255 || name.contains(&0) {
            return Err(DecodeError::IllegalValue);
        }
        Ok(name.to_vec())
    })
}

/// A ProtocolNameList: at least one name, none of them empty (RFC 7301 §3.1).
fn protocol_names(body: &[u8]) -> codec::Result<Vec<Vec<u8>>> {
    let list = Reader::new(Reader::whole(body, Reader::vec16_not_empty)?);
    list.items(|list| Ok(list.vec8_not_empty()?.to_vec()))
}

/// RFC 8422 §5.1.2: a list without the uncompressed format is illegal.
fn point_formats(body: &[u8]) -> codec::Result<()> {
    let formats = Reader::whole(body, Reader::vec8)?;
    if formats.contains(&UNCOMPRESSED) {
        Ok(())
    } else {
        Err(DecodeError::IllegalValue)
    }
}

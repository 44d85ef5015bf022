//! What both sides agree on beside the cryptography, in any version: a name, a protocol, a profile for SRTP.

use crate::config::{AlpnChoice, ClientConfig, ServerConfig};
use crate::error::{Error, Result};
use crate::wire::{ClientHello, ServerExtensions, SrtpChoice, SrtpProfile};

/// The server's choice.
pub(super) struct Terms {
    pub(super) server_name: Option<String>,
    pub(super) alpn: Option<Vec<u8>>,
    pub(super) srtp_profile: Option<SrtpProfile>,
}

impl Terms {
    pub(super) fn choose(config: &ServerConfig, hello: &ClientHello) -> Result<Terms> {
        Ok(Terms {
            server_name: server_name(hello),
            alpn: choose_protocol(config, hello)?,
            srtp_profile: choose_srtp_profile(config, hello),
        })
    }

    /// What the server says of it.
    pub(super) fn extensions(&self) -> ServerExtensions {
        ServerExtensions {
            alpn: self.alpn.clone(),
            // RFC 5764 §4.1.3: an empty master key identifier says that packets carry none.
            use_srtp: self.srtp_profile.map(|profile| SrtpChoice {
                profile,
                mki: Vec::new(),
            }),
            ..ServerExtensions::default()
        }
    }
}

/// The name that the client asks for.
fn server_name(hello: &ClientHello) -> Option<String> {
    let name = hello.extensions.server_name.clone()?;
    String::from_utf8(name).ok().filter(|name| name.is_ascii())
}

/// RFC 7301 §3.2: where both sides name protocols, there must be one in common. A selector may say
/// that there need not be.
fn choose_protocol(config: &ServerConfig, hello: &ClientHello) -> Result<Option<Vec<u8>>> {
    let ours = &config.settings.alpn;
    match (&hello.extensions.alpn, &config.alpn_selector) {
        (None, _) => Ok(None),
        (Some(theirs), Some(selector)) => match selector.select(theirs) {
            AlpnChoice::Select(name) if theirs.contains(&name) => Ok(Some(name)),
            AlpnChoice::Select(name) => Err(Error::ProtocolNotOffered(name)),
            AlpnChoice::Decline => Ok(None),
            AlpnChoice::Refuse => Err(Error::NoCommonProtocol),
        },
        (Some(_), None) if ours.is_empty() => Ok(None),
        (Some(theirs), None) => {
            let common = ours.iter().find(|name| theirs.contains(name));
            common.cloned().map(Some).ok_or(Error::NoCommonProtocol)
        }
    }
}

/// RFC 5764 §4.1.1: without a common profile the extension goes unanswered and the handshake goes on.
fn choose_srtp_profile(config: &ServerConfig, hello: &ClientHello) -> Option<SrtpProfile> {
    let theirs = hello.extensions.srtp_profiles.as_ref()?;
    let mut ours = config.settings.srtp_profiles.iter().copied();
    ours.find(|profile| theirs.contains(profile))
}

/// Whether a client can go with what the server chose.
pub(super) fn check(config: &ClientConfig, extensions: &ServerExtensions) -> Result<()> {
    if let Some(chosen) = &extensions.alpn {
        check_protocol(config, chosen)?;
    }
    if let Some(choice) = &extensions.use_srtp {
        check_srtp(&config.settings.srtp_profiles, choice)?;
    }
    Ok(())
}

/// RFC 7301 §3.2: the server chooses what was offered.
fn check_protocol(config: &ClientConfig, chosen: &[u8]) -> Result<()> {
    let offered = config.settings.alpn.iter().any(|name| name == chosen);
    if offered || config.allow_unknown_alpn {
        Ok(())
    } else {
        Err(Error::IllegalParameter("application protocol"))
    }
}

/// RFC 5764 §4.1.1: the server chooses what was offered. §4.1.3: we offer no master key identifier, so
/// it must not have one.
fn check_srtp(offered: &[SrtpProfile], choice: &SrtpChoice) -> Result<()> {
    if !offered.contains(&choice.profile) {
        Err(Error::IllegalParameter("SRTP profile"))
    } else if !choice.mki.is_empty() {
        Err(Error::IllegalParameter("SRTP master key identifier"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConfigBuilder, Psk, ServerTrust};
    use crate::record::Replay;
    use crate::wire::AlertDescription;

    #[test]
    fn a_servers_protocol_is_one_of_ours_unless_any_is_allowed() {
        let psk = Psk::new("tester", [7; 32]).unwrap();
        let client = || {
            let builder = ClientConfig::builder(ServerTrust::psk(psk.clone()));
            builder
                .replay(Replay::AcceptDuplicates)
                .alpn(["foo", "bar"])
        };
        let check = |client: ConfigBuilder<ClientConfig>, chosen: &str| {
            let outcome = check_protocol(&client.build().unwrap(), chosen.as_bytes());
            outcome.err().and_then(|error| error.alert())
        };
        let refused = Some(AlertDescription::ILLEGAL_PARAMETER);
        assert_eq!(check(client(), "bar"), None);
        assert_eq!(check(client(), "baz"), refused);
        assert_eq!(check(client().allow_unknown_alpn(), "baz"), None);
    }

    #[test]
    fn a_servers_srtp_choice_is_one_of_ours_without_an_identifier() {
        let gcm = SrtpProfile::SRTP_AEAD_AES_128_GCM;
        for (profile, mki, accepted) in [
            (gcm, vec![], true),
            (gcm, vec![1], false),
            (SrtpProfile::SRTP_AES128_CM_HMAC_SHA1_80, vec![], false),
        ] {
            let outcome = check_srtp(&[gcm], &SrtpChoice { profile, mki });
            let alert = outcome.err().and_then(|error| error.alert());
            let refused = (!accepted).then_some(AlertDescription::ILLEGAL_PARAMETER);
            assert_eq!(alert, refused, "{profile}");
        }
    }
}

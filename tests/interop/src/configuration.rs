//! What both sides of a case are told: our configuration, and the other program's arguments.

use crate::Res;
use crate::cases::{Case, ClientAuth, Resumed, Wrong};
use crate::pki::{NAME, OTHER_NAME, Pki};
use flightline::{
    ClientConfig, ConfigBuilder, Event, Identity, Observer, Psk, Retransmission, RootCertificates,
    RootsVerifier, ServerConfig, ServerIdentity, ServerTrust, Settings,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub const PSK_IDENTITY: &str = "sensor-7";
const PSK: [u8; 16] = [0x5a; 16];
const WRONG_PSK: [u8; 16] = [0xa5; 16];

// Ours.

pub fn client_config(case: &Case, pki: &Pki) -> Res<ClientConfig> {
    let trust = if case.uses_psk() {
        ServerTrust::psk(psk(case)?)
    } else {
        let authority = match case.wrong {
            Wrong::Authority => "stranger",
            _ => "ca",
        };
        ServerTrust::roots(RootCertificates::from_pem_file(pki.certificate(authority))?)
    };
    let mut builder = shared(case, ClientConfig::builder(trust));
    if let ClientAuth::Optional(kind) | ClientAuth::Required(kind) = case.client_auth {
        builder = builder.identity(identity(pki, kind.name())?);
    }
    Ok(builder.build()?)
}

pub fn server_config(case: &Case, pki: &Pki) -> Res<ServerConfig> {
    let identity = if case.uses_psk() {
        ServerIdentity::psk(psk(case)?)
    } else {
        let main = identity(pki, case.kind.name())?;
        let other = identity(pki, "other")?;
        ServerIdentity::resolver(move |name: Option<&str>| match name {
            Some(OTHER_NAME) => vec![other.clone()],
            _ => vec![main.clone()],
        })
    };
    let verifier = || RootCertificates::from_pem_file(pki.ca()).map(RootsVerifier::new);
    let mut builder = shared(case, ServerConfig::builder(identity));
    builder = match case.client_auth {
        ClientAuth::None => builder,
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => {
            builder.client_auth(flightline::ClientAuth::optional(verifier()?))
        }
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => {
            builder.client_auth(flightline::ClientAuth::required(verifier()?))
        }
    };
    Ok(builder.build()?)
}

fn shared<C: AsMut<Settings>>(case: &Case, mut builder: ConfigBuilder<C>) -> ConfigBuilder<C> {
    builder = builder.retransmission(Retransmission::LOSSY);
    if let Some(suite) = case.suite {
        builder = builder.cipher_suites([suite.id]);
    }
    if let Some((group, _)) = case.group {
        builder = builder.groups([group]);
    }
    if case.alpn {
        builder = builder.alpn(["chat", "coap"]);
    }
    if let Some(srtp) = case.srtp {
        builder = builder.srtp_profiles([srtp.profile]);
    }
    if let Some(mtu) = case.mtu {
        builder = builder.mtu(mtu);
    }
    if crate::is_verbose() {
        builder = builder.observer(Arc::new(FlightLog));
    }
    if case.wrong == Wrong::Psk {
        builder = builder.handshake_deadline(Duration::from_secs(8));
    }
    builder
}

struct FlightLog;

impl Observer for FlightLog {
    fn event(&self, event: &Event) {
        println!("{event}");
    }
}

fn psk(case: &Case) -> Res<Psk> {
    let key = match case.wrong {
        Wrong::Psk => WRONG_PSK,
        _ => PSK,
    };
    Ok(Psk::new(PSK_IDENTITY, key)?)
}

fn identity(pki: &Pki, name: &str) -> Res<Identity> {
    Ok(Identity::from_pem_files(
        pki.certificate(name),
        pki.key(name),
    )?)
}

// Theirs.

pub fn s_server(case: &Case, pki: &Pki, address: SocketAddr) -> Vec<String> {
    let mut args = strings(["s_server", "-dtls1_2", "-accept"]);
    args.push(address.to_string());
    if case.uses_psk() {
        args.push("-nocert".into());
    } else {
        // The default certificate first, then the one for the other name.
        files(
            &mut args,
            [
                ("-cert", pki.certificate(case.kind.name())),
                ("-key", pki.key(case.kind.name())),
            ],
        );
        if case.other_name {
            files(
                &mut args,
                [
                    ("-cert2", pki.certificate("other")),
                    ("-key2", pki.key("other")),
                ],
            );
            args.extend(strings(["-servername", OTHER_NAME]));
        }
    }
    let demand = match case.client_auth {
        ClientAuth::None => None,
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => Some("-verify"),
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => Some("-Verify"),
    };
    if let Some(demand) = demand {
        args.extend(strings([demand, "3", "-verify_return_error"]));
        files(&mut args, [("-CAfile", pki.ca())]);
    }
    if case.listen {
        args.push("-listen".into());
    }
    of_both(case, args)
}

/// `session` is where a client of a case with two connections keeps its session: the first writes it, the
/// second reads it.
pub fn s_client(
    case: &Case,
    pki: &Pki,
    address: SocketAddr,
    session: Option<(&str, PathBuf)>,
) -> Vec<String> {
    // Without -nbio it would wait for ever behind a datagram that it discards, and read no input.
    let mut args = strings(["s_client", "-dtls1_2", "-nbio", "-connect"]);
    args.push(address.to_string());
    if !case.uses_psk() {
        let asked = if case.other_name { OTHER_NAME } else { NAME };
        let wanted = match case.wrong {
            Wrong::Name => OTHER_NAME,
            _ => asked,
        };
        let authority = match case.wrong {
            Wrong::Authority => "stranger",
            _ => "ca",
        };
        args.extend(strings(["-servername", asked, "-verify_hostname", wanted]));
        args.extend(strings(["-verify", "3", "-verify_return_error"]));
        files(&mut args, [("-CAfile", pki.certificate(authority))]);
    }
    files(&mut args, session);
    if let ClientAuth::Optional(kind) | ClientAuth::Required(kind) = case.client_auth {
        let name = kind.name();
        files(
            &mut args,
            [("-cert", pki.certificate(name)), ("-key", pki.key(name))],
        );
    }
    of_both(case, args)
}

pub fn gnutls_cli(case: &Case, pki: &Pki, address: SocketAddr) -> Vec<String> {
    let port = address.port().to_string();
    let mut args = strings(["--udp", "-p", &port]);
    if case.uses_psk() {
        let psk = "NORMAL:-KX-ALL:+ECDHE-PSK:+PSK";
        args.extend(strings(["--priority", psk, "--pskusername", PSK_IDENTITY]));
        args.extend(strings(["--pskkey", &hex(&PSK)]));
    } else {
        args.extend(strings(["--sni-hostname", NAME, "--verify-hostname", NAME]));
        files(&mut args, [("--x509cafile", pki.ca())]);
    }
    if let ClientAuth::Optional(kind) | ClientAuth::Required(kind) = case.client_auth {
        let (certificate, key) = (pki.certificate(kind.name()), pki.key(kind.name()));
        files(
            &mut args,
            [("--x509certfile", certificate), ("--x509keyfile", key)],
        );
    }
    args.push(address.ip().to_string());
    args
}

/// OpenSSL's options of either role.
fn of_both(case: &Case, mut args: Vec<String>) -> Vec<String> {
    if case.uses_psk() {
        // OpenSSL has the right key: where it is to be wrong, ours is.
        args.extend(strings(["-psk_identity", PSK_IDENTITY, "-psk", &hex(&PSK)]));
    }
    match (case.suite, case.wrong) {
        (_, Wrong::Suite) => args.extend(strings(["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"])),
        (Some(suite), _) => args.extend(strings(["-cipher", suite.openssl])),
        (None, _) => {}
    }
    if let Some((_, name)) = case.group {
        args.extend(strings(["-groups", name]));
    }
    if let Some(signatures) = case.signatures {
        // The authority's own signature has to be acceptable beside the one that is tried.
        let with_authority = format!("{signatures}:ECDSA+SHA256");
        let both = match signatures {
            "ECDSA+SHA256" => signatures,
            _ => &with_authority,
        };
        args.extend(strings(["-sigalgs", both]));
    }
    if case.alpn {
        args.extend(strings(["-alpn", "coap,chat"]));
    }
    match case.srtp {
        // With this option they print neither profile nor keys.
        None => args.push("-quiet".into()),
        Some(srtp) => {
            args.extend(strings(["-use_srtp", srtp.openssl]));
            args.extend(strings(["-keymatexport", "EXTRACTOR-dtls_srtp"]));
            args.extend(strings(["-keymatexportlen", &srtp.material.to_string()]));
        }
    }
    if case.resumed == Some(Resumed::ByNumber) {
        args.push("-no_ticket".into());
    }
    if let Some(mtu) = case.mtu {
        args.extend(strings(["-mtu", &mtu.to_string()]));
    }
    args
}

fn strings<const N: usize>(args: [&str; N]) -> Vec<String> {
    args.map(str::to_owned).to_vec()
}

fn files<'a>(args: &mut Vec<String>, files: impl IntoIterator<Item = (&'a str, PathBuf)>) {
    for (option, path) in files {
        args.push(option.into());
        args.push(path.to_string_lossy().into_owned());
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

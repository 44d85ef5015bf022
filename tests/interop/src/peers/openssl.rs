//! OpenSSL's s_client and s_server.

use super::names::{exported, group_names, signatures, srtp_name, srtp_profile, suite_name};
use super::tool::{self, Speech, Tool, files, free_port, hex, printed, printed_bytes, strings};
use super::{Client, Conversation, Peer, Server, Srtp};
use crate::Res;
use crate::case::{Case, ClientAuth, Resumed};
use crate::feature::{Feature, Lack};
use crate::ours::{PSK, PSK_IDENTITY, THEIR_ALPN};
use crate::pki::{Kind, OTHER_NAME, Pki};
use crate::trial::Attempts;
use flightline::{CipherSuite, ProtocolVersion};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

pub struct OpenSsl;

const LACKS: &[Lack] = &[
    Lack::both(
        &[Feature::Version(ProtocolVersion::DTLS1_3)],
        "OpenSSL 3.0 has no DTLS 1.3",
    ),
    Lack::both(
        &[Feature::Suite(
            CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256,
        )],
        "has no ECDHE_PSK with AES-GCM",
    ),
    Lack::both(
        &[Feature::Suite(
            CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384,
        )],
        "has no ECDHE_PSK with AES-GCM",
    ),
    Lack::server(
        &[Feature::ServerCertificate(Kind::Ed25519)],
        "finds no suite for such a key in DTLS 1.2, not even with `s_client`",
    ),
];

impl Peer for OpenSsl {
    fn name(&self) -> &'static str {
        "OpenSSL"
    }

    fn version(&self) -> Res<String> {
        tool::version("openssl", "version")
    }

    fn lacks(&self) -> &'static [Lack] {
        LACKS
    }

    fn patience(&self) -> Duration {
        // Its delays begin with a second, and it answers no repeated flight before they are over.
        Duration::from_secs(300)
    }

    fn attempts(&self) -> Attempts {
        Attempts {
            most: 2,
            why: "its delays double from a second on: of a flight in eight datagrams that is sent five times in a minute, \
                  one is lost each time in one case of 400",
        }
    }

    fn server(&self, case: &Case, pki: &Pki) -> Res<Server> {
        let port = free_port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let tool = Tool::start("openssl", &s_server(case, pki, address), speech(case))?;
        // Its socket has to be there before the first hello, or a datagram of a good path would be lost.
        thread::sleep(Duration::from_millis(150));
        Ok(Server {
            address,
            conversation: Box::new(tool),
        })
    }

    fn client<'a>(&self, case: &'a Case, pki: &'a Pki) -> Res<Box<dyn Client + 'a>> {
        Ok(Box::new(SClient {
            case,
            pki,
            session: pki.session(),
            connections: 0,
        }))
    }
}

struct SClient<'a> {
    case: &'a Case,
    pki: &'a Pki,
    session: PathBuf,
    connections: usize,
}

impl Client for SClient<'_> {
    fn connect(&mut self, to: SocketAddr) -> Res<Box<dyn Conversation>> {
        let mut args = s_client(self.case, self.pki, to);
        if self.case.resumed.is_some() {
            // The first writes its session, the second reads it.
            let option = ["-sess_out", "-sess_in"][self.connections];
            files(&mut args, [(option, self.session.clone())]);
        }
        self.connections += 1;
        Ok(Box::new(Tool::start("openssl", &args, speech(self.case))?))
    }
}

fn speech(case: &Case) -> Speech {
    Speech {
        // Where it tells keys it tells more.
        data_only: case.srtp.is_none() && !case.exporter,
        complaints: &["error:", "ERROR"],
        srtp,
        exported: EXPORTED,
        resumed: None,
    }
}

fn s_server(case: &Case, pki: &Pki, address: SocketAddr) -> Vec<String> {
    let mut args = strings(["s_server", "-dtls1_2", "-accept"]);
    args.push(address.to_string());
    if case.psk {
        args.push("-nocert".into());
    } else {
        // The default certificate first, then the one for the other name.
        certificate(&mut args, ["-cert", "-key"], pki, case.kind.name());
        if case.other_name {
            certificate(&mut args, ["-cert2", "-key2"], pki, "other");
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
    if case.cookies {
        args.push("-listen".into());
    }
    of_both(case, args)
}

fn s_client(case: &Case, pki: &Pki, address: SocketAddr) -> Vec<String> {
    // Without -nbio it would wait for ever behind a datagram that it discards, and read no input.
    let mut args = strings(["s_client", "-dtls1_2", "-nbio", "-connect"]);
    args.push(address.to_string());
    if !case.psk {
        let (asked, wanted) = (case.name_asked_for(), case.name_wanted());
        args.extend(strings(["-servername", asked, "-verify_hostname", wanted]));
        args.extend(strings(["-verify", "3", "-verify_return_error"]));
        let authority = pki.certificate(case.trusted_by_client());
        files(&mut args, [("-CAfile", authority)]);
    }
    if let Some(name) = case.client_certificate() {
        certificate(&mut args, ["-cert", "-key"], pki, name);
    }
    of_both(case, args)
}

/// The options of either role.
fn of_both(case: &Case, mut args: Vec<String>) -> Vec<String> {
    if case.psk {
        args.extend(strings(["-psk_identity", PSK_IDENTITY, "-psk", &hex(&PSK)]));
    }
    if let Some(suite) = case.their_suite() {
        args.extend(["-cipher".into(), suite_name(suite)]);
    }
    if let Some(groups) = case.their_groups() {
        args.extend(["-groups".into(), group_names(&groups)]);
    }
    if let Some(scheme) = case.signature {
        args.extend(["-sigalgs".into(), signatures(scheme)]);
    }
    if case.alpn {
        args.extend(["-alpn".into(), THEIR_ALPN.join(",")]);
    }
    if let Some(profile) = case.srtp {
        args.extend(strings(["-use_srtp", srtp_name(profile)]));
    }
    match exported(case) {
        // With this option they print neither profile nor keys.
        None => args.push("-quiet".into()),
        Some((label, length)) => {
            args.extend(strings(["-keymatexport", label]));
            args.extend(strings(["-keymatexportlen", &length.to_string()]));
        }
    }
    if case.resumed == Some(Resumed::ById) {
        args.push("-no_ticket".into());
    }
    if let Some(mtu) = case.mtu {
        args.extend(strings(["-mtu", &mtu.to_string()]));
    }
    args
}

fn certificate(args: &mut Vec<String>, options: [&'static str; 2], pki: &Pki, name: &str) {
    files(
        args,
        [
            (options[0], pki.certificate(name)),
            (options[1], pki.key(name)),
        ],
    );
}

const EXPORTED: &str = "Keying material: ";

fn srtp(text: &str) -> Option<Srtp> {
    Some(Srtp {
        profile: srtp_profile(printed(text, "SRTP Extension negotiated, profile=")?)?,
        material: printed_bytes(text, EXPORTED)?,
    })
}

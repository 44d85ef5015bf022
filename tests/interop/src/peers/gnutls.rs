//! GnuTLS: gnutls-cli, and gnutls-serv.

use super::names::exported;
use super::tool::{self, Speech, Tool, files, hex, printed, printed_bytes, strings};
use super::{Client, Conversation, Peer, Server, Srtp, gnutls_serv};
use crate::Res;
use crate::case::{Case, Resumed, Wrong};
use crate::feature::{Feature, Lack};
use crate::matrix::SRTP_PROFILES;
use crate::ours::{PSK, PSK_IDENTITY, THEIR_ALPN};
use crate::pki::Pki;
use crate::trial::Attempts;
use flightline::{CipherSuite, ProtocolVersion, Retransmission, SignatureScheme, SrtpProfile};
use std::net::SocketAddr;
use std::time::Duration;

pub struct GnuTls;

const LACKS: &[Lack] = &[
    Lack::both(
        &[Feature::Version(ProtocolVersion::DTLS1_3)],
        "GnuTLS 3.7 has no DTLS 1.3",
    ),
    Lack::both(
        &[
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256),
            Feature::Suite(CipherSuite::TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384),
        ],
        "has no ECDHE_PSK with AES-GCM",
    ),
    Lack::client(
        &[Feature::Suite(
            CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
        )],
        "`gnutls-cli` 3.7 crashes after such a handshake, with OpenSSL too",
    ),
    Lack::server(
        &[Feature::Refuses(Wrong::Curve)],
        "shows a certificate on a curve that the client does not name",
    ),
    Lack::server(
        &[Feature::Exporter],
        "`gnutls-serv` prints no exported keys where it serves UDP",
    ),
    Lack::both(
        &[
            Feature::SrtpProfile(SrtpProfile::SRTP_AEAD_AES_128_GCM),
            Feature::SrtpProfile(SrtpProfile::SRTP_AEAD_AES_256_GCM),
        ],
        "has no SRTP profiles with AES-GCM",
    ),
    Lack::server(
        &[Feature::Srtp],
        "`gnutls-serv` prints neither profile nor keys where it serves UDP",
    ),
];

impl Peer for GnuTls {
    fn name(&self) -> &'static str {
        "GnuTLS"
    }

    fn version(&self) -> Res<String> {
        tool::version("gnutls-cli", "--version")
    }

    fn lacks(&self) -> &'static [Lack] {
        LACKS
    }

    fn attempts(&self) -> Attempts {
        Attempts {
            most: 4,
            why: "has 40 s for a handshake, and doubles its delay from a second on: one in fifty fails",
        }
    }

    fn retransmission(&self) -> Retransmission {
        // Whatever arrives puts its timer off, also what it drops as repeated. That timer is a second at first: if
        // ours came as often, it would never send again what was lost.
        Retransmission {
            maximum: Duration::from_secs(60),
            ..Retransmission::LOSSY
        }
    }

    fn server(&self, case: &Case, pki: &Pki) -> Res<Server> {
        gnutls_serv::start(case, pki)
    }

    fn client<'a>(&self, case: &'a Case, pki: &'a Pki) -> Res<Box<dyn Client + 'a>> {
        Ok(Box::new(GnuTlsCli { case, pki }))
    }
}

struct GnuTlsCli<'a> {
    case: &'a Case,
    pki: &'a Pki,
}

impl Client for GnuTlsCli<'_> {
    fn connect(&mut self, to: SocketAddr) -> Res<Box<dyn Conversation>> {
        let speech = Speech {
            data_only: false,
            complaints: &["error:", "ERROR", "*** Fatal"],
            srtp,
            exported: EXPORTED,
            resumed: self.connects_twice().then_some(RESUMED),
        };
        let args = gnutls_cli(self.case, self.pki, to);
        Ok(Box::new(Tool::start("gnutls-cli", &args, speech)?))
    }

    /// It keeps no session between two runs, but goes on with one within a run.
    fn connects_twice(&self) -> bool {
        self.case.resumed.is_some()
    }
}

fn gnutls_cli(case: &Case, pki: &Pki, to: SocketAddr) -> Vec<String> {
    let port = to.port().to_string();
    let mut args = strings(["--udp", "-p", &port]);
    args.extend(["--priority".into(), priority(case)]);
    if case.psk {
        args.extend(strings(["--pskusername", PSK_IDENTITY]));
        args.extend(strings(["--pskkey", &hex(&PSK)]));
    } else {
        let (asked, wanted) = (case.name_asked_for(), case.name_wanted());
        args.extend(strings(["--sni-hostname", asked]));
        args.extend(strings(["--verify-hostname", wanted]));
        let authority = pki.certificate(case.trusted_by_client());
        files(&mut args, [("--x509cafile", authority)]);
    }
    if let Some(name) = case.client_certificate() {
        let (certificate, key) = (pki.certificate(name), pki.key(name));
        files(
            &mut args,
            [("--x509certfile", certificate), ("--x509keyfile", key)],
        );
    }
    if case.alpn {
        args.extend(THEIR_ALPN.map(|protocol| format!("--alpn={protocol}")));
    }
    if let Some(mtu) = case.mtu {
        args.extend(strings(["--mtu", &mtu.to_string()]));
    }
    if let Some(profile) = case.srtp {
        args.push(format!("--srtp-profiles={profile}"));
    }
    if case.resumed.is_some() {
        args.push("--resume".into());
    }
    exporter(case, &mut args);
    args.push(to.ip().to_string());
    args
}

pub const EXPORTED: &str = "- Key material: ";

const RESUMED: &str = "*** This is a resumed session";

pub fn exporter(case: &Case, args: &mut Vec<String>) {
    if let Some((label, length)) = exported(case) {
        args.extend(strings(["--keymatexport", label]));
        args.extend(strings(["--keymatexportsize", &length.to_string()]));
    }
}

fn srtp(text: &str) -> Option<Srtp> {
    let name = printed(text, "- SRTP profile: ")?;
    let mut profiles = SRTP_PROFILES.into_iter();
    Some(Srtp {
        profile: profiles.find(|profile| profile.name() == Some(name))?,
        material: printed_bytes(text, EXPORTED)?,
    })
}

/// What is offered, in GnuTLS's own language.
pub fn priority(case: &Case) -> String {
    let mut priority = String::from("NORMAL:-VERS-ALL:+VERS-DTLS1.2");
    if let Some(suite) = case.their_suite() {
        let name = suite.name().unwrap_or_default();
        let exchange = match name.trim_start_matches("TLS_").split_once("_WITH_") {
            Some((exchange, _)) => exchange.replace('_', "-"),
            None => String::new(),
        };
        let cipher = match name {
            name if name.contains("AES_128_GCM") => "AES-128-GCM",
            name if name.contains("AES_256_GCM") => "AES-256-GCM",
            _ => "CHACHA20-POLY1305",
        };
        priority += &format!(":-KX-ALL:+{exchange}:-CIPHER-ALL:+{cipher}");
    }
    if let Some(groups) = case.their_groups() {
        priority += ":-GROUP-ALL";
        priority.extend(groups.iter().map(|group| format!(":+GROUP-{group}")));
    }
    if case.resumed == Some(Resumed::ById) {
        // Of a client without tickets the option `--noticket` makes one that takes them, and does not resume.
        priority += ":%NO_TICKETS";
    }
    if let Some(scheme) = case.signature {
        // The authority's own signature has to be acceptable beside the one that is tried.
        priority += ":-SIGN-ALL:+SIGN-ECDSA-SHA256";
        priority += match scheme {
            SignatureScheme::ECDSA_SECP384R1_SHA384 => ":+SIGN-ECDSA-SHA384",
            SignatureScheme::ED25519 => ":+SIGN-EDDSA-ED25519",
            SignatureScheme::RSA_PSS_RSAE_SHA256 => ":+SIGN-RSA-PSS-RSAE-SHA256",
            SignatureScheme::RSA_PSS_RSAE_SHA384 => ":+SIGN-RSA-PSS-RSAE-SHA384",
            SignatureScheme::RSA_PSS_RSAE_SHA512 => ":+SIGN-RSA-PSS-RSAE-SHA512",
            SignatureScheme::RSA_PKCS1_SHA256 => ":+SIGN-RSA-SHA256",
            SignatureScheme::RSA_PKCS1_SHA384 => ":+SIGN-RSA-SHA384",
            SignatureScheme::RSA_PKCS1_SHA512 => ":+SIGN-RSA-SHA512",
            _ => "",
        };
    }
    priority
}

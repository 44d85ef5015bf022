//! The command line. Each connection of a process has flags of its own: those without a prefix hold for
//! all of them, `-on-initial-` and `-on-resume-` for the first and for the later ones.

use std::slice::Iter;

/// DTLS 1.3 and 1.2 as the runner writes them: newer versions have smaller numbers.
const DTLS1_3: u16 = 65276;
const DTLS1_2: u16 = 65277;

/// A flag that asks for what the library does not do.
#[derive(Debug)]
pub struct Unsupported(pub String);

/// What one connection is to do.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub port: u16,
    pub shim_id: u64,
    pub ipv6: bool,
    pub server: bool,
    pub resume_count: u32,

    pub cert_file: String,
    pub key_file: String,
    pub psk: String,
    pub psk_identity: String,
    pub host_name: String,
    pub advertise_alpn: Vec<u8>,
    pub allow_unknown_alpn_protos: bool,
    pub select_alpn: String,
    pub select_empty_alpn: bool,
    pub decline_alpn: bool,
    pub reject_alpn: bool,
    pub srtp_profiles: String,
    pub no_server_name_ack: bool,

    pub verify_peer: bool,
    pub verify_fail: bool,
    pub use_custom_verify_callback: bool,
    pub require_any_client_certificate: bool,

    pub no_dtls12: bool,
    pub no_dtls13: bool,
    pub no_ticket: bool,
    pub send_alert: bool,
    pub key_update_before_read: bool,

    pub mtu: Option<usize>,
    pub initial_timeout_ms: Option<u64>,
    pub max_certificate_message: Option<usize>,

    pub expect_verify_result: bool,
    pub expect_server_name: String,
    pub expect_advertised_alpn: String,
    pub expect_alpn: String,
    pub expect_session_miss: bool,
    pub expect_no_session: bool,
    pub expect_session_id: bool,
    pub expect_no_session_id: bool,
    pub expect_ticket_renewal: bool,

    pub export_length: usize,
    pub export_label: String,
    pub export_context: String,
    pub use_export_context: bool,
    pub shim_writes_first: bool,
}

/// The flags of the first connection and of the later ones.
pub struct Connections {
    pub initial: Flags,
    pub resume: Flags,
}

impl Connections {
    pub fn parse(arguments: &[String]) -> Result<Connections, Unsupported> {
        let mut connections = Connections {
            initial: Flags::default(),
            resume: Flags::default(),
        };
        let Connections { initial, resume } = &mut connections;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let before = rest.clone();
            if let Some(name) = argument.strip_prefix("-on-initial") {
                initial.set(name, &mut rest)?;
            } else if let Some(name) = argument.strip_prefix("-on-resume") {
                resume.set(name, &mut rest)?;
            } else if let Some(name) = argument.strip_prefix("-on-retry") {
                // Only early data is ever retried. Its flags are read past.
                Flags::default().set(name, &mut rest)?;
            } else {
                initial.set(argument, &mut rest)?;
                rest = before;
                resume.set(argument, &mut rest)?;
            }
        }
        Ok(connections)
    }
}

impl Flags {
    fn set(&mut self, name: &str, rest: &mut Iter<'_, String>) -> Result<(), Unsupported> {
        match name {
            "-port" => self.port = number(name, rest)?,
            "-shim-id" => self.shim_id = number(name, rest)?,
            "-ipv6" => self.ipv6 = true,
            "-server" => self.server = true,
            "-resume-count" => self.resume_count = number(name, rest)?,

            "-cert-file" => self.cert_file = text(name, rest)?,
            "-key-file" => self.key_file = text(name, rest)?,
            "-psk" => self.psk = text(name, rest)?,
            "-psk-identity" => self.psk_identity = text(name, rest)?,
            "-host-name" => self.host_name = text(name, rest)?,
            "-advertise-alpn" => self.advertise_alpn = text(name, rest)?.into_bytes(),

            "-allow-unknown-alpn-protos" => self.allow_unknown_alpn_protos = true,
            "-select-alpn" => self.select_alpn = text(name, rest)?,
            "-select-empty-alpn" => self.select_empty_alpn = true,
            "-decline-alpn" => self.decline_alpn = true,
            "-reject-alpn" => self.reject_alpn = true,
            "-srtp-profiles" => self.srtp_profiles = text(name, rest)?,
            "-no-server-name-ack" => self.no_server_name_ack = true,

            "-verify-peer" => self.verify_peer = true,
            "-verify-fail" => self.verify_fail = true,
            "-use-custom-verify-callback" => self.use_custom_verify_callback = true,
            "-require-any-client-certificate" => self.require_any_client_certificate = true,

            "-mtu" => self.mtu = Some(number(name, rest)?),
            "-initial-timeout-duration-ms" => self.initial_timeout_ms = Some(number(name, rest)?),
            "-max-cert-list" => self.max_certificate_message = Some(number(name, rest)?),
            "-min-version" => self.no_dtls12 |= number::<u16>(name, rest)? <= DTLS1_3,
            "-max-version" => match number::<u16>(name, rest)? {
                older if older > DTLS1_2 => return Err(Unsupported(format!("{name} {older}"))),
                version => self.no_dtls13 |= version == DTLS1_2,
            },
            "-no-tls12" => self.no_dtls12 = true,
            "-no-tls13" => self.no_dtls13 = true,
            "-send-alert" => self.send_alert = true,
            "-no-ticket" => self.no_ticket = true,
            "-key-update-before-read" => self.key_update_before_read = true,

            "-expect-verify-result" => self.expect_verify_result = true,
            "-expect-server-name" => self.expect_server_name = text(name, rest)?,
            "-expect-advertised-alpn" => self.expect_advertised_alpn = text(name, rest)?,
            "-expect-alpn" => self.expect_alpn = text(name, rest)?,
            "-expect-session-miss" => self.expect_session_miss = true,
            "-expect-no-session" => self.expect_no_session = true,
            "-expect-session-id" => self.expect_session_id = true,
            "-expect-no-session-id" => self.expect_no_session_id = true,
            "-expect-ticket-renewal" => self.expect_ticket_renewal = true,

            "-export-keying-material" => self.export_length = number(name, rest)?,
            "-export-label" => self.export_label = text(name, rest)?,
            "-export-context" => self.export_context = text(name, rest)?,
            "-use-export-context" => self.use_export_context = true,
            "-shim-writes-first" => self.shim_writes_first = true,

            // What concerns BoringSSL's interface, or what the library does in any case: everything it
            // does is synchronous; DTLS is all it speaks, from 1.2 on; certificates are never asked for
            // twice; signatures of every kind that the runner prefers are verified; the trust in the
            // runner's certificates is the verifier's affair; HelloRetryRequest is of DTLS 1.3.
            "-async"
            | "-dtls"
            | "-expect-hrr"
            | "-expect-no-hrr"
            | "-implicit-handshake"
            | "-no-tls1"
            | "-no-tls11"
            | "-renegotiate-freely"
            | "-use-early-callback"
            | "-use-old-client-cert-callback" => {}
            "-expect-early-data-reason" | "-trust-cert" | "-verify-prefs" => {
                drop(text(name, rest)?)
            }

            _ => return Err(Unsupported(name.to_owned())),
        }
        Ok(())
    }
}

fn text(name: &str, rest: &mut Iter<'_, String>) -> Result<String, Unsupported> {
    rest.next()
        .cloned()
        .ok_or_else(|| Unsupported(format!("{name} without a value")))
}

fn number<N: std::str::FromStr>(name: &str, rest: &mut Iter<'_, String>) -> Result<N, Unsupported> {
    let value = text(name, rest)?;
    value
        .parse()
        .map_err(|_| Unsupported(format!("{name} {value}")))
}

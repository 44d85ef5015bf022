//! The client's hellos: flights 1 to 3, and the first message of flight 4 (RFC 6347 §4.2.4, figure 1).

use super::auth;
use super::client12;
use super::io::{Either, Io};
use super::offered_session::OfferedSession;
use crate::certificate::ServerName;
use crate::config::{ClientConfig, Trust};
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::wire::{
    ClientExtensions, ClientHello, HelloVerifyRequest, ProtocolVersion, ServerHello,
};
use std::sync::Arc;

/// A server whose cookie keys changed in between may ask again (RFC 6347 §4.2.1), but not for ever.
const HELLO_VERIFY_REQUESTS: usize = 4;

pub(super) async fn run(
    mut io: Io,
    config: Arc<ClientConfig>,
    server: ServerName,
) -> Result<Session> {
    // Flight 1: what we offer, and perhaps a session to go on with.
    let mut hello = offer(&config, &server)?;
    let offered = OfferedSession::make(&io, &config, &server, &mut hello)?;
    io.send(&hello)?;

    // Flight 2: a cookie, or the server's choice at once.
    let mut cookies = 0_usize;
    let answer = loop {
        match io.recv_either::<HelloVerifyRequest, ServerHello>().await? {
            Either::Second(answer) => break answer,
            // Its request may have been duplicated on the way; one answer is enough.
            Either::First(request) if request.cookie == hello.cookie && cookies > 0 => {
                io.expect_message_seq(io.next_message_seq().saturating_sub(1));
            }
            Either::First(_) if cookies >= HELLO_VERIFY_REQUESTS => {
                io.suspect(Error::IllegalParameter(
                    "endless row of HelloVerifyRequests",
                ));
                io.expect_message_seq(io.next_message_seq().saturating_sub(1));
            }
            Either::First(request) => {
                cookies = cookies.saturating_add(1);
                // Flight 3: the same hello with the cookie. The server keeps no state and numbers its
                // answer after it.
                hello.cookie = request.cookie;
                io.restart(io.next_message_seq());
                io.send(&hello)?;
            }
        }
    };
    if answer.version != ProtocolVersion::DTLS1_2 {
        return Err(Error::UnsupportedVersion(answer.version));
    }
    io.agreed(answer.version);

    // The rest of flight 4 and all that follows depends on the version.
    client12::run(io, config, server, hello, offered, answer).await
}

fn offer(config: &ClientConfig, server: &ServerName) -> Result<ClientHello> {
    let settings = &config.settings;
    let uses_psk = matches!(config.trust.0, Trust::Psk(_));
    let suites = || {
        settings
            .suites()
            .filter(move |suite| suite.uses_psk() == uses_psk)
    };
    Ok(ClientHello {
        version: ProtocolVersion::DTLS1_2,
        random: random::array()?,
        session_id: Vec::new(),
        cookie: Vec::new(),
        cipher_suites: suites().map(|suite| suite.id).collect(),
        compression_methods: vec![0],
        extensions: ClientExtensions {
            server_name: server.sni().map(|name| name.as_bytes().to_vec()),
            // RFC 8422 §5.1.1 has one list for key agreement and for ECDSA keys. It is what the
            // configuration says and no more: a curve added for the sake of certificates could be
            // chosen for the key agreement too. A server with an ECDSA key on another curve must not
            // use it then, but where one does, its signature is as good.
            supported_groups: suites()
                .any(|suite| suite.agrees_on_keys())
                .then(|| settings.groups.clone()),
            signature_algorithms: (!uses_psk).then(auth::schemes),
            srtp_profiles: (!settings.srtp_profiles.is_empty())
                .then(|| settings.srtp_profiles.clone()),
            alpn: (!settings.alpn.is_empty()).then(|| settings.alpn.clone()),
            extended_master_secret: true,
            session_ticket: None,
            // RFC 5746 §3.4: empty, since there was no handshake before.
            renegotiation_info: Some(Vec::new()),
        },
    })
}

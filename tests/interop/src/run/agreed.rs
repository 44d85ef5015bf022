//! What a handshake of ours agreed on, and whether that is what the case wants.

use crate::Res;
use crate::case::{Case, ClientAuth, Resumed, Role};
use crate::ours::{EXPORTED, EXPORTER_LABEL, OUR_ALPN, PSK_IDENTITY, THEIR_ALPN, Watch};
use crate::peers::{Conversation, Srtp};
use crate::pki::OTHER_NAME;
use flightline::{CipherSuite, DtlsSocket, HandshakeType, PeerIdentity, ProtocolVersion, SrtpKeys};

pub(super) struct Agreed {
    version: ProtocolVersion,
    pub(super) suite: CipherSuite,
    alpn: Option<Vec<u8>>,
    srtp: Option<SrtpKeys>,
    exported: Option<[u8; EXPORTED]>,
    pub(super) resumed: bool,
    peer: PeerIdentity,
    server_name: Option<String>,
    pub(super) resent: u64,
}

impl Agreed {
    pub(super) fn of(socket: &DtlsSocket) -> Agreed {
        let mut keys = [0; EXPORTED];
        let exported = socket.export_keying_material(&mut keys, EXPORTER_LABEL.as_bytes(), None);
        Agreed {
            version: socket.version(),
            suite: socket.cipher_suite(),
            alpn: socket.alpn().map(<[u8]>::to_vec),
            srtp: socket.srtp_keys().ok(),
            exported: exported.ok().map(|()| keys),
            resumed: socket.resumed(),
            peer: socket.peer_identity().clone(),
            server_name: socket.server_name().map(str::to_owned),
            resent: socket.stats().flights_resent,
        }
    }

    /// Whether the connection of this number is as the case wants it.
    pub(super) fn check(&self, case: &Case, number: usize) -> Res<()> {
        if Some(self.version) != case.version() {
            return Err(format!("another version: {}", self.version).into());
        }
        if self.resumed != (number > 0) {
            return Err(format!("connection {number}: resumed is {}", self.resumed).into());
        }
        if case.suite.is_some_and(|suite| suite != self.suite) {
            return Err(format!("another suite: {}", self.suite).into());
        }
        // The server's order decides.
        let alpn = match (case.alpn, case.ours) {
            (false, _) => None,
            (true, Role::Client) => Some(THEIR_ALPN[0]),
            (true, Role::Server) => Some(OUR_ALPN[0]),
        };
        if self.alpn.as_deref() != alpn.map(str::as_bytes) {
            return Err(format!("another protocol: {:?}", self.alpn).into());
        }
        if case.ours == Role::Server
            && case.other_name
            && self.server_name.as_deref() != Some(OTHER_NAME)
        {
            return Err(format!("another server name: {:?}", self.server_name).into());
        }
        let right = match (&self.peer, case.ours, case.client_auth) {
            (PeerIdentity::Psk(identity), ..) => case.psk && identity == PSK_IDENTITY.as_bytes(),
            (PeerIdentity::Certificate(_), Role::Client, _) => !case.psk,
            (PeerIdentity::Certificate(_), Role::Server, _) => case.shows_client_certificate(),
            (
                PeerIdentity::Anonymous,
                Role::Server,
                ClientAuth::None | ClientAuth::OptionalWithout,
            ) => true,
            _ => false,
        };
        if !right {
            return Err(format!("another peer identity: {:?}", self.peer).into());
        }
        Ok(())
    }

    /// Whether the peer tells the same keys as ours, for SRTP and of the exporter.
    pub(super) fn check_keys(&self, case: &Case, them: &dyn Conversation) -> Res<()> {
        if case.exporter
            && (self.exported.is_none() || them.exported() != self.exported.map(Into::into))
        {
            return Err(format!("the peer exports other keys: {:x?}", them.exported()).into());
        }
        let keys = match (case.srtp, &self.srtp) {
            (None, None) => return Ok(()),
            (Some(profile), Some(keys)) if keys.profile() == profile => keys,
            (_, keys) => return Err(format!("other keys for SRTP: {keys:?}").into()),
        };
        let material = [
            keys.client_write_key(),
            keys.server_write_key(),
            keys.client_write_salt(),
            keys.server_write_salt(),
        ];
        let ours = Srtp {
            profile: keys.profile(),
            material: material.concat(),
        };
        match them.srtp() {
            Some(theirs) if theirs == ours => Ok(()),
            theirs => Err(format!("the peer has other keys for SRTP: {theirs:x?}").into()),
        }
    }
}

/// Whether those messages went either way that tell that the case was what it says.
pub(super) fn check_messages(case: &Case, watch: &Watch) -> Res<()> {
    let expect = |what: &str, was: bool, wanted: bool| match was == wanted {
        true => Ok(()),
        false => Err(format!("there was {} {what}", if was { "a" } else { "no" })),
    };
    let asks = case.client_auth != ClientAuth::None;
    let request = HandshakeType::CERTIFICATE_REQUEST;
    expect("CertificateRequest", watch.saw(request), asks)?;
    // The client's: in DTLS 1.3 the server has one always.
    let verify = match case.ours {
        Role::Client => watch.sent(HandshakeType::CERTIFICATE_VERIFY),
        Role::Server => watch.received(HandshakeType::CERTIFICATE_VERIFY),
    };
    expect("CertificateVerify", verify, case.shows_client_certificate())?;
    if case.is_of13() {
        return Ok(check_second_hello(case, watch.saw_second_hello())?);
    }
    if let Some(resumed) = case.resumed {
        let ticket = watch.saw(HandshakeType::NEW_SESSION_TICKET);
        expect("NewSessionTicket", ticket, resumed == Resumed::ByTicket)?;
    }
    if case.ours == Role::Client && case.cookies {
        let request = watch.saw(HandshakeType::HELLO_VERIFY_REQUEST);
        expect("HelloVerifyRequest", request, true)?;
    }
    Ok(())
}

/// A second hello in DTLS 1.3 answers a HelloRetryRequest, which asks for a cookie, a share or both.
fn check_second_hello(case: &Case, seen: bool) -> Result<(), String> {
    let wanted = case.cookies || case.guess.is_some();
    match seen == wanted {
        true => Ok(()),
        false => Err(format!("a second hello was {seen}")),
    }
}

//! The traces of RFC 8448 §3 to §6. They are TLS's: their labels are its, and a ClientHello lacks the cookie's
//! field. All else of them is as in DTLS 1.3.

mod messages;
mod trace;

use super::super::io::{Action, Io, Mailbox};
use super::super::keys13::{EarlySecret, HandshakeSecret, MasterSecret, PskKind};
use crate::crypto::{AeadAlgorithm, HashAlgorithm, Labels, Secret, Suite13};
use crate::session::{Exporter, ticket_psk};
use crate::wire::{Body, CipherSuite, HandshakeType, NewSessionTicket13, ProtocolVersion};
use parking_lot::Mutex;
use std::sync::Arc;
use trace::{Trace, body};

const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// That of all traces, with the labels of TLS.
static SUITE: Suite13 = Suite13 {
    id: CipherSuite::TLS_AES_128_GCM_SHA256,
    aead: AeadAlgorithm::Aes128Gcm,
    hash: HASH,
    labels: Labels::TLS13,
};

/// The body of a message of the trace, as it stands.
struct Said<const TYPE: u8>(Vec<u8>);

impl<const TYPE: u8> Body for Said<TYPE> {
    const TYPE: HandshakeType = HandshakeType(TYPE);

    fn read(reader: &mut crate::codec::Reader<'_>) -> crate::codec::Result<Self> {
        Ok(Said(reader.rest().to_vec()))
    }

    fn write(&self, writer: &mut crate::codec::Writer) {
        writer.bytes(&self.0);
    }
}

/// A side of the handshake, as far as the trace has been told.
struct Told {
    io: Io,
    mailbox: Arc<Mutex<Mailbox>>,
}

impl Told {
    fn nothing() -> Self {
        let mailbox = Arc::<Mutex<Mailbox>>::default();
        let io = Io::new(mailbox.clone(), 0);
        Told { io, mailbox }
    }

    /// The hellos as a client learns of them: that they are of 1.3 with the first answer.
    fn hellos(trace: &Trace) -> Self {
        let mut told = Told::nothing();
        if trace.find("HelloRetryRequest").is_some() {
            told.say(trace.get("first ClientHello"));
            told.say(trace.get("HelloRetryRequest"));
            told.io.agreed(ProtocolVersion::DTLS1_3);
            told.io.collapse_first_hello(HASH);
        }
        told.say(trace.get("ClientHello"));
        told.say(trace.get("ServerHello"));
        if trace.find("HelloRetryRequest").is_none() {
            told.io.agreed(ProtocolVersion::DTLS1_3);
        }
        told
    }

    /// The same for a server whose gate has answered the first hello and kept nothing but its hash.
    fn hellos_behind_a_gate(trace: &Trace) -> Self {
        let mut told = Told::nothing();
        told.io.agreed(ProtocolVersion::DTLS1_3);
        let hash = HASH.digest(trace.get("first ClientHello"));
        told.io
            .adopt_retry(hash.as_ref(), body(trace.get("HelloRetryRequest")));
        told.say(trace.get("ClientHello"));
        told.say(trace.get("ServerHello"));
        told
    }

    fn say(&mut self, message: &[u8]) {
        let bytes = body(message).to_vec();
        let io = &mut self.io;
        match message[0] {
            1 => io.send(&Said::<1>(bytes)),
            2 => io.send(&Said::<2>(bytes)),
            5 => io.send(&Said::<5>(bytes)),
            8 => io.send(&Said::<8>(bytes)),
            11 => io.send(&Said::<11>(bytes)),
            13 => io.send(&Said::<13>(bytes)),
            15 => io.send(&Said::<15>(bytes)),
            20 => io.send(&Said::<20>(bytes)),
            other => panic!("a message of type {other}"),
        }
        .unwrap();
    }

    fn say_if_there(&mut self, trace: &Trace, names: &[&str]) {
        let messages = names.iter().filter_map(|name| trace.find(name));
        messages.for_each(|message| self.say(message));
    }

    /// What has gone to the key log since this was last asked.
    fn logged(&self) -> Vec<(&'static str, Vec<u8>)> {
        let actions = std::mem::take(&mut self.mailbox.lock().actions);
        let secrets = actions.into_iter().filter_map(|action| match action {
            Action::Log { label, secret, .. } => Some((label, secret.as_bytes().to_vec())),
            _ => None,
        });
        secrets.collect()
    }
}

/// From the hellos to the last Finished, and what the tickets are made of.
fn key_schedule(trace: &Trace, mut told: Told) {
    let secret = |name: &str| trace.get(name).to_vec();
    let psk = trace.find("psk").map(|psk| Secret::new(psk.to_vec()));
    let early = EarlySecret::new(SUITE.hkdf(), psk.as_ref());
    let shared = Secret::new(secret("shared secret"));
    let keys = HandshakeSecret::derive(&mut told.io, &SUITE, &early, &shared, [0; 32]).unwrap();
    let handshake = [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secret("c hs traffic")),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", secret("s hs traffic")),
    ];
    assert_eq!(told.logged(), handshake);

    let flight = [
        "server EncryptedExtensions",
        "server CertificateRequest",
        "server Certificate",
        "server CertificateVerify",
    ];
    told.say_if_there(trace, &flight);
    let finished = keys.server_finished(&told.io).unwrap();
    assert_eq!(finished.encode(), body(trace.get("server Finished")));
    told.say(trace.get("server Finished"));
    let master = MasterSecret::derive(&mut told.io, &keys, [0; 32]).unwrap();
    let application = [
        ("CLIENT_TRAFFIC_SECRET_0", secret("c ap traffic")),
        ("SERVER_TRAFFIC_SECRET_0", secret("s ap traffic")),
        ("EXPORTER_SECRET", secret("exp master")),
    ];
    assert_eq!(told.logged(), application);
    match master.exporter() {
        Exporter::Dtls13 { master, .. } => assert_eq!(master.as_bytes(), trace.get("exp master")),
        Exporter::Dtls12 { .. } => panic!("an exporter of DTLS 1.2"),
    }

    let flight = [
        "client EndOfEarlyData",
        "client Certificate",
        "client CertificateVerify",
    ];
    told.say_if_there(trace, &flight);
    let finished = keys.client_finished(&told.io).unwrap();
    assert_eq!(finished.encode(), body(trace.get("client Finished")));
    told.say(trace.get("client Finished"));
    let resumption = master.resumption(&told.io).unwrap();
    assert_eq!(resumption.as_bytes(), trace.get("res master"));
    if let Some(ticket) = trace.find("NewSessionTicket") {
        let nonce = NewSessionTicket13::decode(body(ticket)).unwrap().nonce;
        let psk = ticket_psk(SUITE.hkdf(), &resumption, &nonce).unwrap();
        assert_eq!(psk.as_bytes(), trace.get("ticket psk"));
    }
}

/// Every secret and every Finished of a full handshake, one that goes on with a ticket, one with a
/// HelloRetryRequest, and one with certificates on both sides.
#[test]
fn the_key_schedule_is_that_of_the_traces() {
    for section in 3..=6 {
        let trace = Trace::of(section);
        key_schedule(&trace, Told::hellos(&trace));
    }
    assert_eq!(Trace::of(3).get("ticket psk"), Trace::of(4).get("psk"));
}

/// §5, RFC 8446 §4.4.1: a message_hash stands for the first hello, whether that is still at hand or not.
#[test]
fn the_first_hello_counts_as_its_hash_behind_the_gate_too() {
    let trace = Trace::of(5);
    key_schedule(&trace, Told::hellos_behind_a_gate(&trace));
}

/// §4: the client makes its binder before it says the hello, the server after it has heard it.
#[test]
fn the_binder_is_that_of_the_trace() {
    let trace = Trace::of(4);
    let hello = trace.get("ClientHello");
    let offered = messages::client_hello(hello).extensions.pre_shared_key;
    let offered = offered.unwrap();
    let (without, psk) = (
        offered.binders_len(),
        Secret::new(trace.get("psk").to_vec()),
    );
    let mut told = Told::nothing();
    let unsaid = told.io.partial_hash(HASH, body(hello), without);
    told.io.agreed(ProtocolVersion::DTLS1_3);
    told.say(hello);
    let said = told.io.transcript_hash_without(HASH, without);
    let early = EarlySecret::new(SUITE.hkdf(), Some(&psk));
    for hash in [unsaid, said] {
        assert_eq!(hash, trace.get("binder hash"));
        let binder = early.binder(PskKind::Resumption, &hash).unwrap();
        assert_eq!(binder, trace.get("binder"));
    }
    assert_eq!(offered.binders, [trace.get("binder")]);
}

/// §6, RFC 8446 §4.4.3: the server's signature, by a key on P-256, is over what we say that it is over. (The
/// other keys of the traces are RSA's of 1024 bits, which nothing here accepts.)
#[cfg(feature = "x509")]
#[test]
fn the_servers_signature_is_over_what_the_trace_says() {
    use super::super::{auth, signed};
    use crate::wire::{Certificate13, CertificateVerify};

    let trace = Trace::of(6);
    let mut told = Told::hellos(&trace);
    let before = [
        "server EncryptedExtensions",
        "server CertificateRequest",
        "server Certificate",
    ];
    told.say_if_there(&trace, &before);
    let chain = Certificate13::decode(body(trace.get("server Certificate"))).unwrap();
    let verify = CertificateVerify::decode(body(trace.get("server CertificateVerify"))).unwrap();
    let hash = told.io.transcript_hash(HASH);
    let verified =
        |signed: &[u8]| auth::verify13(&chain.chain, verify.scheme, signed, &verify.signature);
    verified(&signed::by_server13(&hash)).unwrap();
    assert!(verified(&signed::by_client13(&hash)).is_err());
}

/// RFC 8446 §4.4.3 has the server's content for a hash of 32 ones; the client's differs by its name.
#[test]
fn what_a_certificate_verify_signs_is_that_of_rfc_8446() {
    use super::super::signed;

    let content = |who: &str| {
        let text = format!("{}TLS 1.3, {who} CertificateVerify\0", " ".repeat(64));
        [text.as_bytes(), &[1; 32]].concat()
    };
    assert_eq!(signed::by_server13(&[1; 32]), content("server"));
    assert_eq!(signed::by_client13(&[1; 32]), content("client"));
}

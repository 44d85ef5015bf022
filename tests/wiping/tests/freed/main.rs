//! No block of memory that the crate frees holds a secret of its own: pre-shared keys, master secrets,
//! traffic secrets and keys, keys of sessions, exported keys, private keys.
//!
//! ring keeps the keys that it was given in values that it does not wipe, so the traffic keys of DTLS 1.2 are
//! looked for until a connection is dropped and not beyond, and those of DTLS 1.3 not at all: its keys come and
//! go in mid-connection, and what ring leaves of them on a stack is copied into the next script that is made
//! there. The secrets that they come from, and the IVs, are looked for. What lies on stacks is not looked at.

#[path = "../../../common/mod.rs"]
mod common;
mod keys;
mod sides;

use common::{Cookie, Session, VARIANTS, Variant};
use flightline::{ClientSessionCache, ClientSessions, DtlsSocket, Identity, ProtocolVersion};
use keys::{Found, Secrets, add, add_parts, name_13, next_13, session_key};
use sides::{Known, Sides, Stored, Suites};
use wiping::{Recorder, Recording, Secret};

#[global_allocator]
static RECORDER: Recorder = Recorder;

/// The pre-shared key of `common::psk`.
const PSK: [u8; 32] = [0x42; 32];

/// A full handshake, then one that goes on with its session where that can be; data; exported keys; in
/// DTLS 1.3 new keys. `stored` tells which sessions the client has put away.
fn look_at(
    variant: &Variant,
    suites: Suites,
    sessions: impl ClientSessions + 'static,
    stored: impl Fn() -> Vec<&'static [u8]>,
) {
    let recording = Recording::start();
    let sides = Sides::new(variant, suites, sessions);
    let mut sockets = Vec::new();
    let mut exported = [[0; 32]; 4];
    let mut randoms = Vec::new();
    for out in exported.chunks_mut(2) {
        let (both, random) = sides.shake_hands(6);
        let [client, server] = both.map(Result::unwrap);
        talk(&client, &server);
        for (socket, out) in [&client, &server].into_iter().zip(out) {
            socket
                .export_keying_material(out, b"EXPERIMENTAL-wiping", None)
                .unwrap();
        }
        randoms.push(random.unwrap());
        sockets.extend([client, server]);
    }
    assert!(sockets[2].resumed() && sockets[3].resumed());
    // Kept, so that they are not freed themselves.
    let srtp: Vec<_> = sockets.iter().map(|s| s.srtp_keys().unwrap()).collect();
    let freed = recording.stop();

    let mut found = Found::default();
    add_parts(&mut found.lasting, "the pre-shared key", &PSK);
    for out in exported {
        add_parts(&mut found.lasting, "an exported key", &out);
    }
    for keys in &srtp {
        add_parts(&mut found.lasting, "an SRTP key", keys.client_write_key());
        add_parts(&mut found.lasting, "an SRTP key", keys.server_write_key());
    }
    let suite = sockets[0].cipher_suite().to_string();
    let is_13 = sockets[0].version() == ProtocolVersion::DTLS1_3;
    add_logged(&mut found, sides.known, &randoms, &suite);
    if is_13 {
        for session in stored() {
            add_parts(
                &mut found.lasting,
                "the key of a session",
                session_key(session),
            );
        }
    }
    found.traffic.extend(&found.lasting);
    assert_eq!(freed.find(&found.traffic), [""; 0], "{}", variant.name);
    drop(freed);

    if is_13 {
        let recording = Recording::start();
        for _ in 0..2 {
            sockets[2].update_all_keys().unwrap();
            talk(&sockets[2], &sockets[3]);
        }
        let freed = recording.stop();
        add_updated(&mut found, sides.known);
        assert_eq!(
            freed.find(&found.lasting),
            [""; 0],
            "{}, new keys",
            variant.name
        );
    }

    let recording = Recording::start();
    drop((srtp, sockets, sides));
    let freed = recording.stop();
    assert_eq!(
        freed.find(&found.lasting),
        [""; 0],
        "{}, dropped",
        variant.name
    );
}

/// Data both ways, and whatever else is under way meanwhile.
fn talk(client: &DtlsSocket, server: &DtlsSocket) {
    for _ in 0..3 {
        for (from, to) in [(client, server), (server, client)] {
            from.send(b"message").unwrap();
            assert_eq!(to.recv(&mut [0; 64]).unwrap(), 7);
            from.service().unwrap();
        }
    }
}

/// What the key log was told of both handshakes, and what comes of it.
fn add_logged(found: &mut Found, known: Known, server_randoms: &[[u8; 32]], suite: &str) {
    let known = known.0.lock().unwrap();
    match known.len() {
        2 => {
            for (logged, server_random) in known.iter().zip(server_randoms) {
                found.add_12(logged, server_random, suite);
            }
        }
        length => {
            assert_eq!(length, 10);
            for logged in known.iter() {
                found.add_13(name_13(&logged.label), logged.secret());
            }
        }
    }
}

/// The secrets after two updates of the keys.
fn add_updated(found: &mut Found, known: Known) {
    let known = known.0.lock().unwrap();
    let mut updated = 0;
    for logged in known[5..]
        .iter()
        .filter(|l| l.label.ends_with("TRAFFIC_SECRET_0"))
    {
        let mut secret: &[u8] = logged.secret();
        for _ in 0..2 {
            secret = next_13(secret).leak();
            found.add_13("an application traffic secret", secret);
            updated += 1;
        }
    }
    assert_eq!(updated, 4);
}

/// Each kind once: with a cookie or without is the same here.
fn variants() -> impl Iterator<Item = &'static Variant> {
    let variants = VARIANTS.iter();
    variants.filter(|v| v.cookie == Cookie::Without || v.session == Session::ById)
}

#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_handshake() {
    for variant in variants() {
        for suites in [Suites::Default, Suites::ChaCha20] {
            look_at(variant, suites, ClientSessionCache::default(), Vec::new);
        }
    }
}

#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_session_that_is_stored() {
    for variant in variants() {
        let stored = Stored::default();
        let all = stored.clone();
        look_at(variant, Suites::Default, stored, || all.all());
    }
}

/// Wherever a handshake is given up.
#[test]
fn nothing_that_is_freed_holds_a_secret_of_a_handshake_that_ends_early() {
    for variant in variants() {
        for turns in 1..5 {
            let recording = Recording::start();
            let sides = Sides::new(variant, Suites::Default, ClientSessionCache::default());
            let (both, _) = sides.shake_hands(turns);
            let (known, mut secrets) = (sides.known, Secrets::new());
            drop((both, sides));
            let freed = recording.stop();
            add_parts(&mut secrets, "the pre-shared key", &PSK);
            for logged in known.0.lock().unwrap().iter() {
                add_parts(&mut secrets, "a secret", logged.secret());
            }
            assert_eq!(freed.find(&secrets), [""; 0], "{}", variant.name);
        }
    }
}

/// The key in DER is looked for, and the file's own text: two lines of it, since the reader of PEM
/// gathers the lines of a key without their ends, and frees that unwiped.
#[test]
fn nothing_that_is_freed_holds_a_private_key() {
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::new(vec![common::NAME.to_owned()])
        .and_then(|params| params.self_signed(&key))
        .unwrap();
    let (der, key_pem, cert_pem) = (key.serialize_der(), key.serialize_pem(), cert.pem());
    let directory = std::env::temp_dir().join(format!("wiping-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let files = [directory.join("cert.pem"), directory.join("key.pem")];
    std::fs::write(&files[0], &cert_pem).unwrap();
    std::fs::write(&files[1], &key_pem).unwrap();

    let mut secrets = Secrets::new();
    // An OCTET STRING of 32 bytes (RFC 5915 §3).
    let at = der.windows(2).position(|w| w == [4, 32]).unwrap() + 2;
    add_parts(&mut secrets, "the private key", &der[at..at + 32]);
    let text = key_pem.as_bytes();
    let line = text
        .iter()
        .skip(40)
        .position(|byte| *byte == b'\n')
        .unwrap()
        + 40;
    add(&mut secrets, "the file", &text[line - 12..line + 12]);

    let recording = Recording::start();
    let from_files = Identity::from_pem_files(&files[0], &files[1]).unwrap();
    let from_pem = Identity::from_pem(cert_pem.as_bytes(), text).unwrap();
    let from_der = Identity::from_der(vec![cert.der().to_vec()], &der).unwrap();
    let wrong = Identity::from_pem_files(&files[1], &files[1]).unwrap_err();
    let other = Identity::from_der(vec![vec![0; 3]], &der).unwrap_err();
    let freed = recording.stop();
    let told = format!("{wrong} {other:?} {from_files:?} {from_pem:?} {from_der:?}");
    assert_eq!(freed.find(&secrets), [""; 0]);
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(!told.contains(key_pem.lines().nth(1).unwrap()));
}

/// The tests above would see a secret.
#[test]
fn a_secret_that_is_not_wiped_is_found() {
    let secret = vec![0x5b; 16];
    let secrets: [Secret; 1] = [("it", secret.clone().leak())];
    let recording = Recording::start();
    drop(secret);
    let freed = recording.stop();
    assert_eq!(
        freed.find(&secrets),
        ["it, 1 times, in blocks of [16] bytes"]
    );
    drop(freed);

    let mut grows: Vec<u8> = Vec::with_capacity(16);
    grows.extend([0x5b; 16]);
    let recording = Recording::start();
    grows.extend([1; 64]);
    let freed = recording.stop();
    assert_eq!(
        freed.find(&secrets),
        ["it, 1 times, in blocks of [16] bytes"]
    );
}

//! What two sides of DTLS 1.2 hash of what they say, told from the wire alone: the pre-shared key is known, and the
//! extended master secret is made over all messages so far (RFC 7627 §4). Nothing here is the library's own
//! opinion of its transcript.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use flightline::lab::{Datagram, End, Pair, Weather};
use flightline::{
    CipherSuite, ClientConfig, KeyLog, ProtocolVersion, Psk, Retransmission, ServerConfig,
    ServerIdentity, ServerName, ServerTrust,
};
use ring::{digest, hmac};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEY: [u8; 32] = [0x42; 32];
const SUITE: CipherSuite = CipherSuite::TLS_PSK_WITH_AES_128_GCM_SHA256;
const HEADER: usize = 12;

#[derive(Default)]
struct Master(Mutex<Vec<u8>>);

impl KeyLog for Master {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        assert_eq!(label, "CLIENT_RANDOM");
        *self.0.lock().unwrap() = secret.to_vec();
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Whole messages in the clear, by sender and number, each with the header that it has where it is not cut (RFC 6347
/// §4.2.6); and how many fragments there were of the one that had most.
fn messages(sent: &[Datagram]) -> (BTreeMap<(usize, bool), Vec<u8>>, usize) {
    let mut messages = BTreeMap::<_, Vec<u8>>::new();
    let mut pieces = BTreeMap::<_, usize>::new();
    for datagram in sent {
        let mut records = &datagram.bytes[..];
        while !records.is_empty() {
            let (header, rest) = records.split_at(13);
            let (fragment, rest) = rest.split_at(number(&header[11..]));
            records = rest;
            if header[0] != 22 || number(&header[3..5]) != 0 {
                continue;
            }
            let (head, body) = fragment.split_at(HEADER);
            let (offset, length) = (number(&head[6..9]), number(&head[9..12]));
            assert_eq!(body.len(), length, "a record holds one of them");
            let key = (number(&head[4..6]), datagram.from == End::Server);
            *pieces.entry(key).or_default() += 1;
            let message = messages.entry(key).or_insert_with(|| {
                let whole = [&head[..6], &[0; 3], &head[1..4]].concat();
                [whole, vec![0; number(&head[1..4])]].concat()
            });
            message[HEADER + offset..][..length].copy_from_slice(body);
        }
    }
    (messages, pieces.into_values().max().unwrap())
}

/// RFC 5246 §5.
fn prf(secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let seed = [label, seed].concat();
    let (mut a, mut out) = (seed.clone(), Vec::new());
    while out.len() < length {
        a = hmac::sign(&key, &a).as_ref().to_vec();
        out.extend(hmac::sign(&key, &[&a[..], &seed].concat()).as_ref());
    }
    out.truncate(length);
    out
}

/// Two sides with these datagrams; what they have sent, and the master secret of the client's key log.
fn shake_hands(mtu: usize) -> (Vec<Datagram>, Vec<u8>) {
    // So long that the message which names it takes several datagrams.
    let psk = Psk::new("i".repeat(900), KEY).unwrap();
    let master = Arc::new(Master::default());
    let client = ClientConfig::builder(ServerTrust::psk(psk.clone()))
        .versions([ProtocolVersion::DTLS1_2])
        .cipher_suites([SUITE])
        .retransmission(Retransmission::LOSSY)
        .key_log(master.clone())
        .mtu(mtu);
    let server = ServerConfig::builder(ServerIdentity::psk(psk)).mtu(mtu);
    let sent = Arc::<Mutex<Vec<Datagram>>>::default();
    let all = sent.clone();
    let weather = Weather::clear().watched(move |datagram, _| {
        all.lock().unwrap().push(datagram.clone());
    });
    let (client, server) = (client.build().unwrap(), server.build().unwrap());
    let mut pair = Pair::new(client, server, ServerName::unnamed(), weather).unwrap();
    pair.establish(Duration::from_secs(60)).unwrap();
    pair.exchange(b"ping", b"pong").unwrap();
    let sent = sent.lock().unwrap().clone();
    let master = master.0.lock().unwrap().clone();
    (sent, master)
}

/// RFC 6347 §4.2.1 and §4.2.6: neither the first hello nor the request for a cookie counts, and a message counts as
/// if it had never been cut.
#[test]
fn d17_without_the_cookie_exchange_every_message_counts_as_a_whole_one() {
    for (mtu, fragments) in [(1200, 1), (300, 4)] {
        let (sent, master) = shake_hands(mtu);
        let (messages, most) = messages(&sent);
        assert_eq!(most, fragments);
        let of = |is_server| {
            let of_side = messages.iter().filter(move |(key, _)| key.1 == is_server);
            of_side.map(|(_, message)| message)
        };
        let types = |is_server| of(is_server).map(|message| message[0]).collect::<Vec<_>>();
        assert_eq!(
            types(false),
            [1, 1, 16],
            "a second hello, and the ClientKeyExchange"
        );
        assert_eq!(
            types(true)[..3],
            [3, 2, 14],
            "a request for a cookie, and the answer"
        );
        let (hello, exchange) = (of(false).nth(1).unwrap(), of(false).nth(2).unwrap());
        let answer = of(true).skip(1).take(2);
        let counted: Vec<_> = [hello]
            .into_iter()
            .chain(answer)
            .chain([exchange])
            .collect();
        let counted = counted.into_iter().flatten().copied().collect::<Vec<_>>();
        let hash = digest::digest(&digest::SHA256, &counted);

        let length = u16::try_from(KEY.len()).unwrap().to_be_bytes();
        let pre_master = [&length[..], &[0; KEY.len()], &length, &KEY].concat();
        let label = b"extended master secret";
        assert_eq!(master, prf(&pre_master, label, hash.as_ref(), 48), "{mtu}");
    }
}

//! Reads what two sides of DTLS 1.3 send, with the secrets of the client's key log. It shares no code
//! with the library, so what it says of the wire is not the library's own opinion.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)]

use flightline::lab::{Datagram, End, Weather};
use flightline::{CipherSuite, ClientConfig, ConfigBuilder, KeyLog};
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The suite that is read here.
const SUITE: CipherSuite = CipherSuite::TLS_AES_128_GCM_SHA256;

const HEADER: usize = 13;
const UNIFIED_HEADER: usize = 5;
const FRAGMENT_HEADER: usize = 12;
/// The epoch of the first application keys; before it are those of the handshake.
const APPLICATION: u64 = 3;
/// As many updates of the keys are followed.
const UPDATES: u64 = 60;

/// Secrets and datagrams of one connection.
#[derive(Default)]
pub struct Wiretap {
    secrets: Mutex<HashMap<String, Vec<u8>>>,
    datagrams: Mutex<Vec<Sent>>,
}

struct Sent {
    datagram: Datagram,
    /// When the first whole copy arrives, if one does.
    arrives: Option<Duration>,
}

/// What a datagram says.
#[derive(Debug)]
pub struct Seen {
    pub from: End,
    pub sent: Duration,
    /// When the first whole copy arrives, if one does.
    pub arrives: Option<Duration>,
    /// With what is around its records.
    pub length: usize,
    pub records: Vec<Record>,
}

#[derive(Debug)]
pub struct Record {
    pub number: Number,
    pub content: Content,
    /// Of what is protected, padding included.
    pub length: usize,
    pub padding: usize,
}

/// An epoch and a sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number {
    pub epoch: u64,
    pub sequence: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    Handshake(Vec<Fragment>),
    Ack(Vec<Number>),
    Alert,
    Data(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    pub typ: u8,
    pub message_seq: u16,
    /// Of the message's body.
    pub bytes: Range<usize>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} from the {:?}:", self.sent, self.from)?;
        for Record {
            number, content, ..
        } in &self.records
        {
            write!(f, " {}/{} ", number.epoch, number.sequence)?;
            match content {
                Content::Handshake(fragments) => {
                    let mut list = f.debug_list();
                    for Fragment {
                        typ,
                        message_seq,
                        bytes,
                    } in fragments
                    {
                        list.entry(&format_args!("{message_seq} (type {typ}) {bytes:?}"));
                    }
                    list.finish()?;
                }
                Content::Ack(numbers) => {
                    let pairs = numbers.iter().map(|n| (n.epoch, n.sequence));
                    write!(f, "ACK {:?}", pairs.collect::<Vec<_>>())?;
                }
                Content::Alert => f.write_str("alert")?,
                Content::Data(data) => write!(f, "{} bytes of data", data.len())?,
            }
        }
        writeln!(f)
    }
}

impl KeyLog for Wiretap {
    fn log(&self, label: &str, _: &[u8; 32], secret: &[u8]) {
        let mut secrets = self.secrets.lock().unwrap();
        secrets.insert(label.to_owned(), secret.to_vec());
    }
}

impl Wiretap {
    /// The client's side of what this reads.
    pub fn client(
        self: &Arc<Self>,
        client: ConfigBuilder<ClientConfig>,
    ) -> ConfigBuilder<ClientConfig> {
        client.cipher_suites([SUITE]).key_log(self.clone())
    }

    /// Forgets an earlier connection, and listens to one that has this weather.
    pub fn listen(self: &Arc<Self>, weather: Weather) -> Weather {
        self.secrets.lock().unwrap().clear();
        self.datagrams.lock().unwrap().clear();
        self.go_on(weather)
    }

    /// Listens on while the weather changes.
    pub fn go_on(self: &Arc<Self>, weather: Weather) -> Weather {
        let tap = self.clone();
        weather.watched(move |datagram, arrivals| {
            let whole = arrivals.iter().filter(|a| a.bytes == datagram.bytes);
            let after = whole.map(|arrival| arrival.after).min();
            tap.datagrams.lock().unwrap().push(Sent {
                datagram: datagram.clone(),
                arrives: after.map(|after| datagram.sent + after),
            });
        })
    }

    /// What was sent so far, lost or not.
    pub fn seen(&self) -> Vec<Seen> {
        let keys = [End::Client, End::Server].map(|end| (end, self.keys(end)));
        let datagrams = self.datagrams.lock().unwrap();
        let read = |Sent { datagram, arrives }: &Sent| {
            let (_, keys) = keys.iter().find(|(end, _)| *end == datagram.from).unwrap();
            Seen {
                from: datagram.from,
                sent: datagram.sent,
                arrives: *arrives,
                length: datagram.bytes.len(),
                records: records(&datagram.bytes, keys),
            }
        };
        datagrams.iter().map(read).collect()
    }

    /// A record in a side's name, by its first keys.
    pub fn seal(&self, end: End, sequence: u16, typ: u8, plaintext: &[u8]) -> Vec<u8> {
        self.keys(end)[0].seal(sequence, typ, plaintext)
    }

    /// The keys of a side's epochs, as far as they are known.
    fn keys(&self, end: End) -> Vec<Keys> {
        let side = match end {
            End::Client => "CLIENT",
            End::Server => "SERVER",
        };
        let secrets = self.secrets.lock().unwrap();
        let secret = |name: &str| secrets.get(&format!("{side}_{name}"));
        let handshake = secret("HANDSHAKE_TRAFFIC_SECRET").map(|s| Keys::new(2, s));
        let mut keys: Vec<_> = handshake.into_iter().collect();
        let mut traffic = secret("TRAFFIC_SECRET_0").cloned();
        for epoch in APPLICATION..APPLICATION + UPDATES {
            if let Some(secret) = &traffic {
                keys.push(Keys::new(epoch, secret));
                traffic = Some(expand(secret, b"traffic upd", 32));
            }
        }
        keys
    }
}

struct Keys {
    epoch: u64,
    key: LessSafeKey,
    iv: Vec<u8>,
    numbers: HeaderProtectionKey,
}

impl Keys {
    fn new(epoch: u64, secret: &[u8]) -> Keys {
        let key = expand(secret, b"key", 16);
        let numbers = expand(secret, b"sn", 16);
        Keys {
            epoch,
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap()),
            iv: expand(secret, b"iv", 12),
            numbers: HeaderProtectionKey::new(&AES_128, &numbers).unwrap(),
        }
    }

    /// RFC 9147 §4.2.3, RFC 8446 §5.2.
    fn seal(&self, sequence: u16, typ: u8, plaintext: &[u8]) -> Vec<u8> {
        let mut inner = [plaintext, &[typ]].concat();
        let mut header = vec![0x2c | (self.epoch & 3) as u8];
        header.extend(sequence.to_be_bytes());
        header.extend((inner.len() as u16 + 16).to_be_bytes());
        let sealed = self.key.seal_in_place_append_tag(
            self.nonce(sequence.into()),
            Aad::from(&header),
            &mut inner,
        );
        sealed.unwrap();
        let mask = self.numbers.new_mask(&inner[..16]).unwrap();
        header[1] ^= mask[0];
        header[2] ^= mask[1];
        [header, inner].concat()
    }

    fn nonce(&self, sequence: u64) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&sequence.to_be_bytes());
        nonce.iter_mut().zip(&self.iv).for_each(|(n, iv)| *n ^= iv);
        Nonce::assume_unique_for_key(nonce)
    }

    fn open(&self, record: &[u8]) -> Option<Record> {
        let (header, ciphertext) = record.split_at(UNIFIED_HEADER);
        if u64::from(header[0] & 3) != self.epoch & 3 {
            return None;
        }
        let mask = self.numbers.new_mask(&ciphertext[..16]).unwrap();
        let mut header = header.to_vec();
        header[1] ^= mask[0];
        header[2] ^= mask[1];
        let sequence = number(&header[1..3]) as u64;
        let mut inner = ciphertext.to_vec();
        let nonce = self.nonce(sequence);
        let opened = self.key.open_in_place(nonce, Aad::from(header), &mut inner);
        let inner = opened.ok()?;
        let typ = inner.iter().rposition(|byte| *byte != 0).unwrap();
        let epoch = self.epoch;
        Some(Record {
            number: Number { epoch, sequence },
            content: content(inner[typ], &inner[..typ]),
            length: inner.len() - 1,
            padding: inner.len() - typ - 1,
        })
    }
}

/// HKDF-Expand-Label with the prefix of RFC 9147 §5.9.
fn expand(secret: &[u8], label: &[u8], length: usize) -> Vec<u8> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut info = vec![0, length as u8, 6 + label.len() as u8];
    info.extend(b"dtls13");
    info.extend(label);
    info.push(0);
    let mut out = vec![0; length];
    let prk = Prk::new_less_safe(HKDF_SHA256, secret);
    let info = [&info[..]];
    let okm = prk.expand(&info, Length(length)).unwrap();
    okm.fill(&mut out).unwrap();
    out
}

/// Big-endian.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

fn records(mut datagram: &[u8], keys: &[Keys]) -> Vec<Record> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let (is_unified, header, length) = match datagram[0] & 0b1110_0000 {
            0b0010_0000 => (true, UNIFIED_HEADER, number(&datagram[3..5])),
            _ => (false, HEADER, number(&datagram[11..13])),
        };
        let (record, rest) = datagram.split_at(header + length);
        datagram = rest;
        records.push(match is_unified {
            true => {
                let opened = keys.iter().find_map(|keys| keys.open(record));
                opened.unwrap_or_else(|| panic!("no keys for {record:02x?}"))
            }
            false => Record {
                number: Number {
                    epoch: number(&record[3..5]) as u64,
                    sequence: number(&record[5..11]) as u64,
                },
                content: content(record[0], &record[HEADER..]),
                length,
                padding: 0,
            },
        });
    }
    records
}

fn content(typ: u8, plaintext: &[u8]) -> Content {
    match typ {
        21 => Content::Alert,
        22 => Content::Handshake(fragments(plaintext)),
        23 => Content::Data(plaintext.to_vec()),
        26 => {
            let numbers = plaintext[2..].chunks_exact(16);
            let numbers = numbers.map(|bytes| Number {
                epoch: number(&bytes[..8]) as u64,
                sequence: number(&bytes[8..]) as u64,
            });
            Content::Ack(numbers.collect())
        }
        _ => panic!("a record of type {typ}"),
    }
}

fn fragments(mut plaintext: &[u8]) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    while !plaintext.is_empty() {
        let (header, rest) = plaintext.split_at(FRAGMENT_HEADER);
        let (offset, length) = (number(&header[6..9]), number(&header[9..12]));
        fragments.push(Fragment {
            typ: header[0],
            message_seq: number(&header[4..6]) as u16,
            bytes: offset..offset + length,
        });
        plaintext = &rest[length..];
    }
    fragments
}

//! The gate keeps nothing, so it needs no memory (RFC 6347 §4.2.1).

use super::*;
use crate::cookie::Entrance;
use allocation_counter::measure;

/// Whatever comes, from ever new addresses, is judged without an allocation.
#[test]
fn a13_no_verdict_on_a_stranger_allocates() {
    let (
        Gate {
            verification,
            choices,
        },
        stolen,
    ) = proven();
    let hello = Hello::new();
    let whole = hello.datagram();
    let header = HandshakeHeader {
        fragment_length: 20,
        ..HandshakeHeader::whole(HandshakeType::CLIENT_HELLO, 0, hello.body().len() as u32)
    };
    let mut datagrams = vec![
        whole.clone(),
        stolen.datagram(),
        hello.with_cookie(&[7; 17]).datagram(),
        hello.with_cookie(&[]).datagram(),
        Hello::shortest().datagram(),
        hello.datagram_of(header, &hello.body()[..20]),
        vec![0xff; 1400],
    ];
    datagrams.extend((0..whole.len()).map(|length| whole[..length].to_vec()));
    datagrams.extend((0..whole.len()).map(|at| {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        damaged
    }));
    let mut entrance = Entrance::new(verification, choices, 2);
    let mut reply = ReplyBuffer::new();
    // The first random place that makes room is drawn from a generator that each thread makes once.
    for address in 0..4_u32 {
        let part = &datagrams[5];
        let _ = entrance.check(&address.to_be_bytes(), part, NOW, &mut reply);
    }
    for address in 4..104_u32 {
        for datagram in &datagrams {
            let id = address.to_be_bytes();
            let info = measure(|| {
                let verdict = entrance.check(&id, datagram, NOW, &mut reply);
                assert!(!matches!(verdict, Verdict::Verified(_)));
            });
            assert_eq!(info.count_total, 0, "{datagram:02x?}");
        }
    }
}

use super::*;
use crate::codec::Writer;
use crate::config::{Psk, ServerIdentity, ServerTrust};
use crate::cookie::{Entrance, HelloVerification, ReplyBuffer, Verdict};
use crate::record::Records;
use crate::wire::{ContentType, RECORD_HEADER, RecordHeader};

const NOW: Duration = Duration::ZERO;

/// A client that has sent its hello, and a server that has it.
fn pair() -> (Connection, Connection) {
    let psk = Psk::new("tester", [7; 32]).unwrap();
    let client = ClientConfig::builder(ServerTrust::psk(psk.clone()))
        .build()
        .unwrap();
    let server = ServerConfig::builder(ServerIdentity::psk(psk))
        .danger_without_hello_verification()
        .build()
        .unwrap();
    let mut client =
        Connection::client(client.into(), ServerName::unnamed(), "client".into(), NOW).unwrap();
    client.begin(NOW).unwrap();
    let hello = client.transmit().unwrap();
    let mut entrance = Entrance::new(HelloVerification::Waived, 1);
    let mut reply = ReplyBuffer::new();
    let Verdict::Verified(hello) = entrance.check(b"client", &hello, NOW, &mut reply) else {
        panic!("the gate is open");
    };
    let mut server = Connection::server(server.into(), *hello, "server".into(), NOW);
    server.begin(NOW).unwrap();
    (client, server)
}

/// Hands over everything that `from` has to say.
fn carry(from: &mut Connection, to: &mut Connection) {
    while let Some(mut datagram) = from.transmit() {
        to.receive(&mut datagram, NOW, &mut |_| {}).unwrap();
    }
}

/// However many records stand between a ChangeCipherSpec and the Finished in a datagram, none of them
/// need be kept for later: the keys are there when they are read.
#[test]
fn a_record_is_read_under_the_keys_that_the_one_before_it_brought() {
    let (mut client, mut server) = pair();
    carry(&mut server, &mut client);
    let mut flight = client.transmit().unwrap();
    let finished: usize = Records::new(&mut flight.clone())
        .map(|record| record.unwrap().0)
        .take_while(|header| header.epoch == 0)
        .map(|header| usize::from(header.length) + RECORD_HEADER)
        .sum();
    let junk = Writer::bytes_of(|w| {
        for sequence in 100..120 {
            RecordHeader {
                content_type: ContentType::HANDSHAKE,
                version: ProtocolVersion::DTLS1_2,
                epoch: 1,
                sequence,
                length: 40,
            }
            .write(w);
            w.bytes(&[0; 40]);
        }
    });
    flight.splice(finished..finished, junk);
    server.receive(&mut flight, NOW, &mut |_| {}).unwrap();
    assert!(server.is_established());
    carry(&mut server, &mut client);
    assert!(client.is_established());
}

//! How the `coap_client` asks, and what it takes for an answer.

use super::{PSK, psk, receive};
use crate::program;
use flightline::{DtlsListener, DtlsSocket, ServerConfig, ServerIdentity};
use std::process::{Output, Stdio};
use std::time::Duration;

/// A request of the `coap_client`, taken apart.
struct Request {
    whole: Vec<u8>,
    id: [u8; 2],
    token: [u8; 4],
}

impl Request {
    fn receive(socket: &DtlsSocket) -> Request {
        let whole = receive(socket);
        Request {
            id: whole[2..4].try_into().unwrap(),
            token: whole[4..8].try_into().unwrap(),
            whole,
        }
    }

    /// An answer with the request's token, in an Acknowledgement if it has the request's Message ID.
    fn answer(&self, kind: u8, code: u8, id: [u8; 2], rest: &[u8]) -> Vec<u8> {
        bytes!([kind << 4 | 0x44, code], id, self.token, rest)
    }
}

const CON: u8 = 0;
const NON: u8 = 1;
const ACK: u8 = 2;

/// What a server does with a request.
enum Step {
    Send(Vec<u8>),
    /// The client must send this next.
    Hear(Vec<u8>),
}
use Step::{Hear, Send};

/// What the `coap_client` does opposite a server that takes these steps.
fn opposite(arguments: &[&str], server: impl Fn(&Request) -> Vec<Step>) -> Output {
    let config = ServerConfig::builder(ServerIdentity::psk(psk()))
        .read_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let listener = DtlsListener::bind("127.0.0.1:0", config).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let request = ["/echo", "-m", "post", "-e", "hi"];
    let client = program("coap_client")
        .args([&[&*address], &request[..], &PSK, arguments].concat())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (handshake, _) = listener.accept().unwrap();
    let socket = handshake.complete().unwrap();
    let request = Request::receive(&socket);
    for step in server(&request) {
        match step {
            Send(message) => drop(socket.send(&message).unwrap()),
            Hear(message) => {
                let mut heard = receive(&socket);
                // Where this server is slow, the request comes again.
                while heard == request.whole && heard != message {
                    heard = receive(&socket);
                }
                assert_eq!(heard, message);
            }
        }
    }
    client.wait_with_output().unwrap()
}

#[test]
fn the_client_finds_its_answer_among_what_the_server_sends() {
    type Server = fn(&Request) -> Vec<Step>;
    const OTHER: [u8; 2] = [0x12, 0x34];
    const YES: &[u8] = b"\xffyes";
    const NO: &[u8] = b"\xffno";
    fn to_other_token(mut message: Vec<u8>) -> Vec<u8> {
        message[7] ^= 1;
        message
    }
    fn other_id(request: &Request) -> [u8; 2] {
        [request.id[0] ^ 1, request.id[1]]
    }
    let cases: [(&str, &str, Server, Result<&str, &str>); 16] = [
        (
            "in the Acknowledgement",
            "2000",
            |request| vec![Send(request.answer(ACK, 0x44, request.id, YES))],
            Ok("yes"),
        ),
        (
            "an answer without payload",
            "2000",
            |request| vec![Send(request.answer(ACK, 0x44, request.id, b""))],
            Ok(""),
        ),
        (
            "Acknowledgements of another request are ignored",
            "2000",
            |request| {
                vec![
                    Send(to_other_token(request.answer(ACK, 0x44, request.id, NO))),
                    Send(request.answer(ACK, 0x44, other_id(request), NO)),
                    Send(bytes!([0x60, 0], other_id(request))),
                    Send(bytes!([0x70, 0], other_id(request))),
                    Send(request.answer(ACK, 0x44, request.id, YES)),
                ]
            },
            Ok("yes"),
        ),
        (
            "a message that is no message is ignored",
            "2000",
            |request| {
                let mut version_2 = request.answer(ACK, 0x44, request.id, NO);
                version_2[0] = version_2[0] & 0x3f | 0x80;
                vec![
                    Send(b"\x60".to_vec()),
                    Send(version_2),
                    Send(request.answer(ACK, 0x44, request.id, b"\xff")),
                    Send(request.answer(ACK, 0x02, request.id, NO)),
                    Send(request.answer(ACK, 0xe1, request.id, NO)),
                    Send(request.answer(ACK, 0x44, request.id, YES)),
                ]
            },
            Ok("yes"),
        ),
        (
            "in a message of its own, which is acknowledged",
            "2000",
            |request| {
                vec![
                    Send(bytes!([0x60, 0], request.id)),
                    Send(request.answer(CON, 0x44, OTHER, YES)),
                    Hear(bytes!([0x60, 0], OTHER)),
                ]
            },
            Ok("yes"),
        ),
        (
            "the same, and the Acknowledgement was lost",
            "2000",
            |request| {
                vec![
                    Send(request.answer(CON, 0x44, OTHER, YES)),
                    Hear(bytes!([0x60, 0], OTHER)),
                ]
            },
            Ok("yes"),
        ),
        (
            "in a message of its own that need not be acknowledged",
            "2000",
            |request| {
                vec![
                    Send(bytes!([0x60, 0], request.id)),
                    Send(to_other_token(request.answer(NON, 0x44, OTHER, NO))),
                    Send(request.answer(NON, 0x44, OTHER, YES)),
                ]
            },
            Ok("yes"),
        ),
        (
            "what the server wants of the client is rejected",
            "2000",
            |request| {
                vec![
                    Send(bytes!([0x40, 0], OTHER)),
                    Hear(bytes!([0x70, 0], OTHER)),
                    Send(request.answer(CON, 0x01, OTHER, b"")),
                    Hear(bytes!([0x70, 0], OTHER)),
                    Send(to_other_token(request.answer(CON, 0x44, OTHER, NO))),
                    Hear(bytes!([0x70, 0], OTHER)),
                    Send(request.answer(CON, 0x44, OTHER, b"\xff")),
                    Hear(bytes!([0x70, 0], OTHER)),
                    Send(request.answer(ACK, 0x44, request.id, YES)),
                ]
            },
            Ok("yes"),
        ),
        (
            "the request comes again until it is answered",
            "100",
            |request| {
                vec![
                    Hear(request.whole.clone()),
                    Hear(request.whole.clone()),
                    Send(request.answer(ACK, 0x44, request.id, YES)),
                ]
            },
            Ok("yes"),
        ),
        (
            "four times, and no more",
            "10",
            |request| (0..4).map(|_| Hear(request.whole.clone())).collect(),
            Err("the server does not answer the request"),
        ),
        (
            "an Acknowledgement that nothing follows",
            "10",
            |request| vec![Send(bytes!([0x60, 0], request.id))],
            Err("acknowledged the request, but does not answer it"),
        ),
        (
            "a Reset",
            "2000",
            |request| vec![Send(bytes!([0x70, 0], request.id))],
            Err("the server rejected the request"),
        ),
        (
            "an error",
            "2000",
            |request| {
                vec![Send(request.answer(
                    ACK,
                    0x84,
                    request.id,
                    b"\xffno such thing",
                ))]
            },
            Err("4.04 NotFound: no such thing"),
        ),
        (
            "an error that nobody knows",
            "2000",
            |request| vec![Send(request.answer(ACK, 0xbf, request.id, b""))],
            Err("error: 5.31"),
        ),
        (
            "a critical option in the Acknowledgement",
            "2000",
            |request| {
                vec![Send(request.answer(
                    ACK,
                    0x44,
                    request.id,
                    b"\xd1\x0a\x08\xffno",
                ))]
            },
            Err("the answer needs Block2 to be understood"),
        ),
        (
            "a critical option in a message of its own",
            "2000",
            |request| {
                vec![
                    Send(request.answer(CON, 0x44, OTHER, b"\xd1\x0a\x08\xffno")),
                    Hear(bytes!([0x70, 0], OTHER)),
                ]
            },
            Err("the answer needs Block2 to be understood"),
        ),
    ];
    for (name, ack_timeout, server, expected) in cases {
        let output = opposite(&["--ack-timeout", ack_timeout], server);
        let (printed, told) = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .into();
        match expected {
            Ok(answer) => assert!(
                output.status.success() && printed == answer,
                "{name}: {told}"
            ),
            Err(error) => {
                assert!(!output.status.success(), "{name}");
                assert!(printed.is_empty() && told.contains(error), "{name}: {told}");
            }
        }
    }
}

#[test]
fn a_non_confirmable_request_is_sent_once() {
    let output = opposite(&["-n"], |request| {
        assert_eq!(request.whole[0], 0x54);
        vec![Send(request.answer(NON, 0x44, [0x12, 0x34], b"\xffyes"))]
    });
    assert_eq!(output.stdout, b"yes");
    let output = opposite(&["--ack-timeout", "10", "-n"], |_| Vec::new());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("the server does not answer"), "{told}");
}

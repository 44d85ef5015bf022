//! The CoAP programs, byte by byte: what RFC 7252 wants to be answered, and what it wants to be ignored.

use super::{Server, program};
use flightline::{
    ClientConfig, DtlsListener, DtlsSocket, Psk, ServerConfig, ServerIdentity, ServerName,
    ServerTrust,
};
use std::process::{Output, Stdio};
use std::time::Duration;

const KEY: &str = "6b657920666f7220746865207465737473";
const PSK: [&str; 4] = ["--psk-identity", "sensor-7", "--psk", KEY];

fn psk() -> Psk {
    Psk::new("sensor-7", b"key for the tests").unwrap()
}

/// A `coap_server` and a connection to it.
fn connected(arguments: &[&str]) -> (Server, DtlsSocket) {
    let (server, address) = Server::start("coap_server", &[&PSK, arguments].concat());
    let trust = ServerTrust::psk(psk());
    let config = ClientConfig::builder(trust)
        .read_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let socket = DtlsSocket::connect(address, ServerName::unnamed(), config).unwrap();
    (server, socket)
}

fn receive(socket: &DtlsSocket) -> Vec<u8> {
    let mut buf = [0; 2048];
    let length = socket.recv(&mut buf).unwrap();
    buf[..length].to_vec()
}

/// What the server answers. A ping behind the message shows where there is nothing.
fn reply(socket: &DtlsSocket, message: &[u8]) -> Option<Vec<u8>> {
    const PING: [u8; 4] = [0x40, 0, 0xff, 0xff];
    const PONG: [u8; 4] = [0x70, 0, 0xff, 0xff];
    socket.send(message).unwrap();
    socket.send(&PING).unwrap();
    let reply = receive(socket);
    if reply == PONG {
        return None;
    }
    assert_eq!(receive(socket), PONG);
    Some(reply)
}

/// Bytes, from parts.
macro_rules! bytes {
    ($($part:expr),*) => {
        [$(&$part[..]),*].concat()
    };
}

const ECHO: &[u8] = b"\xb4echo";
const PEER: &[u8] = b"\xb4peer";
const CORE: &[u8] = b"\xbb.well-known\x04core";

#[test]
fn the_server_answers_as_rfc_7252_wants_it() {
    let (_server, socket) = connected(&[]);
    // Confirmable, a token of two bytes, a Message ID; in the Acknowledgement the same.
    let con = |code: u8| bytes!([0x42, code, 0x12, 0x34], b"tk");
    let ack = |code: u8| Some(bytes!([0x62, code, 0x12, 0x34], b"tk"));
    let ack_with = |code: u8, rest: &[u8]| Some(bytes!([0x62, code, 0x12, 0x34], b"tk", rest));
    let reset = Some(vec![0x70, 0, 0x12, 0x34]);
    let long_host = bytes!(b"\x3d\xf3", [b'h'; 256]);
    let (get, post, put, delete) = (1, 2, 3, 4);

    let cases: Vec<(&str, Vec<u8>, Option<Vec<u8>>)> = vec![
        (
            "an echo",
            bytes!(con(post), ECHO, b"\xffhi"),
            ack_with(0x44, b"\xffhi"),
        ),
        ("an empty echo", bytes!(con(post), ECHO), ack(0x44)),
        (
            "an echo with a Content-Format",
            bytes!(con(post), ECHO, b"\x11\x32\xff{}"),
            ack_with(0x44, b"\xc1\x32\xff{}"),
        ),
        (
            "a Content-Format that is too long is as unknown, and elective",
            bytes!(con(post), ECHO, b"\x13abc\xffhi"),
            ack_with(0x44, b"\xffhi"),
        ),
        (
            "a payload that looks like a marker",
            bytes!(con(post), ECHO, b"\xff\xff"),
            ack_with(0x44, b"\xff\xff"),
        ),
        (
            "an option that ends like a marker",
            bytes!(con(post), ECHO, b"\x11\xff"),
            ack_with(0x44, b"\xc1\xff"),
        ),
        (
            "the longest token",
            bytes!([0x48, post, 0x12, 0x34], b"12345678", ECHO, b"\xffhi"),
            Some(bytes!([0x68, 0x44, 0x12, 0x34], b"12345678\xffhi")),
        ),
        (
            "no token",
            bytes!([0x40, post, 0x12, 0x34], ECHO, b"\xffhi"),
            Some(bytes!([0x60, 0x44, 0x12, 0x34], b"\xffhi")),
        ),
        (
            "who the client is",
            bytes!(con(get), PEER),
            ack_with(0x45, b"\xc0\xffPSK sensor-7"),
        ),
        (
            "what there is",
            bytes!(con(get), CORE),
            ack_with(0x45, b"\xc1\x28\xff</echo>,</peer>;ct=0"),
        ),
        ("no path", con(get), ack(0x84)),
        ("an unknown path", bytes!(con(get), b"\xb5other"), ack(0x84)),
        (
            "a path that goes on",
            bytes!(con(post), ECHO, b"\x00"),
            ack(0x84),
        ),
        (
            "two segments in one",
            bytes!(con(get), b"\xbd\x03.well-known/core"),
            ack(0x84),
        ),
        (
            "a path that is no text",
            bytes!(con(get), b"\xb2\xff\xfe"),
            ack(0x84),
        ),
        ("GET of the echo", bytes!(con(get), ECHO), ack(0x85)),
        (
            "PUT of the echo",
            bytes!(con(put), ECHO, b"\xffhi"),
            ack(0x85),
        ),
        ("DELETE of the peer", bytes!(con(delete), PEER), ack(0x85)),
        ("FETCH of the peer", bytes!(con(5), PEER), ack(0x85)),
        (
            "a method that nobody knows",
            bytes!(con(31), PEER),
            ack(0x85),
        ),
        (
            "host, port and query change nothing",
            bytes!(con(post), b"\x34host\x42\x16\x34\x44echo\x41q\xffhi"),
            ack_with(0x44, b"\xffhi"),
        ),
        (
            "an unknown elective option changes nothing",
            bytes!(con(post), ECHO, b"\xe0\x07\xd0\xffhi"),
            ack_with(0x44, b"\xffhi"),
        ),
        (
            "an unknown critical option",
            bytes!(con(post), ECHO, b"\xe0\x07\xd1\xffhi"),
            ack_with(0x82, b"\xffUnknown(2281) is not understood"),
        ),
        (
            "a host twice",
            bytes!(con(post), b"\x31a\x01b\x84echo"),
            ack_with(0x82, b"\xffUriHost is not understood"),
        ),
        (
            "a host without a name",
            bytes!(con(post), b"\x30\x84echo"),
            ack_with(0x82, b"\xffUriHost is not understood"),
        ),
        (
            "a host that is too long",
            bytes!(con(post), long_host, b"\x84echo"),
            ack_with(0x82, b"\xffUriHost is not understood"),
        ),
        (
            "a port that is too long",
            bytes!(con(post), b"\x73\x00\x16\x34\x44echo"),
            ack_with(0x82, b"\xffUriPort is not understood"),
        ),
        (
            "a request to a proxy",
            bytes!(con(get), b"\xd9\x16coap://a/"),
            ack(0xa5),
        ),
        ("a ping", vec![0x40, 0, 0x12, 0x34], reset.clone()),
        (
            "an Empty message with a token",
            bytes!([0x42, 0, 0x12, 0x34], b"tk"),
            reset.clone(),
        ),
        (
            "an Empty message with a payload",
            bytes!([0x40, 0, 0x12, 0x34], b"\xffhi"),
            reset.clone(),
        ),
        (
            "an Empty message with an option",
            bytes!([0x40, 0, 0x12, 0x34], ECHO),
            reset.clone(),
        ),
        (
            "a marker without payload",
            bytes!(con(post), ECHO, b"\xff"),
            reset.clone(),
        ),
        (
            "a token of nine bytes",
            bytes!([0x49, post, 0x12, 0x34], b"123456789"),
            reset.clone(),
        ),
        (
            "a token that is cut",
            vec![0x44, post, 0x12, 0x34, b't', b'k'],
            reset.clone(),
        ),
        (
            "an option that is cut",
            bytes!(con(post), b"\xb4ech"),
            reset.clone(),
        ),
        (
            "an option's reserved delta",
            bytes!(con(post), b"\xf4echo"),
            reset.clone(),
        ),
        (
            "an option's reserved length",
            bytes!(con(post), b"\xbfecho"),
            reset.clone(),
        ),
        (
            "an option beyond the last",
            bytes!(con(post), b"\xe0\xfe\xf2\x10"),
            reset.clone(),
        ),
        ("class 1 of codes", con(0x21), reset.clone()),
        ("class 6 of codes", con(0xc0), reset.clone()),
        ("class 7 of codes", con(0xff), reset.clone()),
        ("a response that nobody asked for", con(0x45), reset.clone()),
        ("nothing of a message", b"\x40".to_vec(), None),
        ("not all of a header", vec![0x40, post, 0x12], None),
        (
            "version 0",
            bytes!([0x02, post, 0x12, 0x34], b"tk", ECHO),
            None,
        ),
        (
            "version 2",
            bytes!([0x82, post, 0x12, 0x34], b"tk", ECHO),
            None,
        ),
        ("a ping of version 3", vec![0xc0, 0, 0x12, 0x34], None),
        (
            "an Empty Non-confirmable message",
            vec![0x50, 0, 0x12, 0x34],
            None,
        ),
        ("an Acknowledgement", vec![0x60, 0, 0x12, 0x34], None),
        ("a Reset", vec![0x70, 0, 0x12, 0x34], None),
        (
            "a Reset with a request",
            bytes!([0x72, post, 0x12, 0x34], b"tk", ECHO),
            None,
        ),
        (
            "an Acknowledgement with a request",
            bytes!([0x62, post, 0x12, 0x34], b"tk", ECHO),
            None,
        ),
        (
            "an Acknowledgement with a response",
            bytes!([0x62, 0x45, 0x12, 0x34], b"tk"),
            None,
        ),
        (
            "an Acknowledgement that is cut",
            vec![0x64, 0x45, 0x12, 0x34],
            None,
        ),
        (
            "a Non-confirmable response",
            bytes!([0x52, 0x45, 0x12, 0x34], b"tk"),
            None,
        ),
        (
            "a Non-confirmable marker without payload",
            bytes!([0x52, post, 0x12, 0x34], b"tk", ECHO, b"\xff"),
            None,
        ),
        (
            "a Non-confirmable request with an unknown critical option",
            bytes!([0x52, post, 0x12, 0x34], b"tk", ECHO, b"\xe0\x07\xd1\xffhi"),
            None,
        ),
    ];
    for (name, message, expected) in &cases {
        let shown = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| b.escape_ascii().to_string());
        let reply = reply(&socket, message);
        assert_eq!(shown(&reply), shown(expected), "{name}");
    }
    // A Confirmable request that comes again is answered again, and alike.
    let (_, echo, answer) = &cases[0];
    assert_eq!(&reply(&socket, echo), answer);
    assert_eq!(&reply(&socket, echo), answer);
}

#[test]
fn non_confirmable_requests_get_answers_with_message_ids_of_their_own() {
    let (_server, socket) = connected(&[]);
    let request = bytes!([0x52, 2, 0x12, 0x34], b"tk", ECHO, b"\xffhi");
    let ids: Vec<u16> = (0..3)
        .map(|_| {
            let reply = reply(&socket, &request).unwrap();
            assert_eq!(reply[..2], [0x52, 0x44]);
            assert_eq!(reply[4..], *b"tk\xffhi");
            u16::from_be_bytes([reply[2], reply[3]])
        })
        .collect();
    assert_eq!(ids[1], ids[0].wrapping_add(1));
    assert_eq!(ids[2], ids[1].wrapping_add(1));
}

#[test]
fn an_echo_that_no_datagram_holds_is_refused() {
    let (_server, socket) = connected(&["--mtu", "256"]);
    let request = |length| {
        bytes!(
            [0x42, 2, 0x12, 0x34],
            b"tk",
            ECHO,
            b"\xff",
            vec![b'x'; length]
        )
    };
    let reply_to = |length| reply(&socket, &request(length)).unwrap();
    assert_eq!(reply_to(200)[7..], [b'x'; 200]);
    assert_eq!(reply_to(300), b"\x62\x8d\x12\x34tk");
}

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

#[test]
fn the_programs_understand_each_other() {
    let (_psk_server, by_psk) = Server::start("coap_server", &PSK);
    let (mut pinned_server, by_certificate) = Server::start("coap_server", &[]);
    let fingerprint = pinned_server.says("(SHA-256): ");
    let pin = ["--pin", &fingerprint];
    let post = ["/echo", "-m", "post", "-e", "hello"];
    let cases: [(&str, &[&str], &[&str], &str, &str); 6] = [
        (&by_psk, &PSK, &post, "hello", "2.04 Changed"),
        (&by_certificate, &pin, &post, "hello", "2.04 Changed"),
        (&by_psk, &PSK, &["/peer"], "PSK sensor-7", "2.05 Content"),
        (
            &by_certificate,
            &pin,
            &["/peer"],
            "anonymous",
            "2.05 Content",
        ),
        (
            &by_psk,
            &PSK,
            &["/peer", "-m", "delete"],
            "",
            "4.05 MethodNotAllowed",
        ),
        (&by_psk, &PSK, &["/echo/echo"], "", "4.04 NotFound"),
    ];
    for (address, trust, request, answer, code) in cases {
        let mut client = program("coap_client");
        let client = client.arg(address).args(trust).args(request);
        let output = client.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), answer, "{told}");
        assert!(told.contains(code), "{told}");
        assert_eq!(output.status.success(), code.starts_with('2'), "{told}");
    }
}

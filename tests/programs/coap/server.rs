//! What the `coap_server` answers.

use super::{PSK, psk, receive};
use crate::Server;
use flightline::{ClientConfig, DtlsSocket, ServerName, ServerTrust};
use std::time::Duration;

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

const ECHO: &[u8] = b"\xb4echo";
const PEER: &[u8] = b"\xb4peer";
const CORE: &[u8] = b"\xbb.well-known\x04core";

/// Its name, the message and the answer.
type Case = (&'static str, Vec<u8>, Option<Vec<u8>>);

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

    let cases: Vec<Case> = vec![
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

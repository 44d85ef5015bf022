//! The CoAP programs, byte by byte: what RFC 7252 wants to be answered, and what it wants to be ignored.

/// Bytes, from parts.
macro_rules! bytes {
    ($($part:expr),*) => {
        [$(&$part[..]),*].concat()
    };
}

mod client;
mod server;

use super::{Server, program};
use flightline::{DtlsSocket, Psk};

const KEY: &str = "6b657920666f7220746865207465737473";
const PSK: [&str; 4] = ["--psk-identity", "sensor-7", "--psk", KEY];

fn psk() -> Psk {
    Psk::new("sensor-7", b"key for the tests").unwrap()
}

fn receive(socket: &DtlsSocket) -> Vec<u8> {
    let mut buf = [0; 2048];
    let length = socket.recv(&mut buf).unwrap();
    buf[..length].to_vec()
}

#[test]
fn the_programs_understand_each_other() {
    let (_psk_server, by_psk) = Server::start("coap_server", &PSK);
    let (mut pinned_server, by_certificate) = Server::start("coap_server", &[]);
    let fingerprint = pinned_server.says("(SHA-256): ");
    let pin = ["--pin", &fingerprint];
    let post = ["/echo", "-m", "post", "-e", "hello"];
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a str, &'a str);
    let cases: [Case<'_>; 6] = [
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

#[test]
fn a_request_that_no_datagram_holds_is_not_sent() {
    let (_server, address) = Server::start("coap_server", &PSK);
    let text = "x".repeat(300);
    let mut client = program("coap_client");
    let client = client.arg(&address).args(PSK);
    let client = client.args(["/echo", "-m", "post", "-e", &text, "--mtu", "256"]);
    let output = client.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        told.contains("does not fit") && told.contains("--mtu"),
        "{told}"
    );
}

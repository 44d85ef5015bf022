//! A CoAP server over DTLS (`coaps`, RFC 7252 §9), as an example of a protocol that was made for datagrams.
//!
//! Without arguments it listens on 127.0.0.1:5684 with a certificate made at start, and prints commands
//! with which to talk to it. Its resources:
//!
//! - `/echo`: POST gives back what was sent
//! - `/peer`: GET tells who the client is, by what it proved in the handshake
//! - `/.well-known/core`: GET lists the other two (RFC 6690)
//!
//! What DTLS does for CoAP here: a message is a datagram; none arrives twice; whoever sent it is known.
//! What CoAP keeps of the connection, Message IDs for one, lives in its thread and ends with it (§9.1).
//!
//! The cipher suite that §9.1.3.1 asks for, with AES-CCM, is not in flightline. Peers with AES-GCM or
//! ChaCha20 understand each other; libcoap has them by OpenSSL and by GnuTLS.
//!
//! Sections are those of RFC 7252.

#[path = "shared/coap.rs"]
mod coap;
#[path = "shared/commands.rs"]
mod commands;
#[path = "shared/server.rs"]
mod server;
mod shared;

use clap::Parser;
use coap::Content;
use coap_lite::{
    CoapOption, CoapResponse, ContentFormat, MessageClass, MessageType, Packet, RequestType,
    ResponseType,
};
use flightline::{DtlsSocket, Error};
use server::{ServerOptions, say};
use shared::Outcome;
use std::net::SocketAddr;
use std::process::ExitCode;

/// A CoAP server over DTLS that sends back what is posted to /echo.
#[derive(Parser, Debug)]
struct Options {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:5684")]
    address: SocketAddr,
    #[command(flatten)]
    server: ServerOptions,
}

fn main() -> ExitCode {
    let options = Options::parse();
    options.server.shared.start_log();
    shared::end(run(&options))
}

fn run(options: &Options) -> Outcome<()> {
    let (listener, fingerprint) = options.server.listen(options.address)?;
    let server = &options.server;
    let address = commands::from_here(listener.local_addr()?);
    let request = "-m post -e hello";
    if let Some(fingerprint) = fingerprint {
        let ours = commands::where_demanded(server, " --cert CLIENT.pem --key CLIENT.key");
        let libcoap = commands::where_demanded(server, " -c CLIENT.pem -j CLIENT.key");
        commands::print(
            server,
            "talk to it (coap-client is libcoap's; -n: it does not check the certificate)",
            &format!("coap_client -- {address} /echo {request} --pin {fingerprint}{ours}"),
            &[format!(
                "coap-client-openssl -n{libcoap} {request} coaps://{address}/echo"
            )],
        );
    }
    if let Some((name, key)) = server.shared.psk_arguments() {
        let text = format!("\"$(echo {key} | xxd -r -p)\"");
        commands::print(
            server,
            &format!(
                "talk to it by the pre-shared key {name:?} (coap-client is libcoap's, and wants the key as text)"
            ),
            &format!("coap_client -- {address} /echo {request} --psk-identity {name} --psk {key}"),
            &[format!(
                "coap-client-openssl -u {name} -k {text} {request} coaps://{address}/echo"
            )],
        );
    }
    server::serve(listener, converse)
}

/// The whole of one client: its requests, one after the other, until it closes.
fn converse(socket: DtlsSocket) -> Outcome<()> {
    let address = socket.peer_addr()?;
    let client = server::describe(socket.peer_identity());
    say(format!("{address}: connected, {client}"));
    // §4.4: for messages that begin an exchange. The first is random, each later one is the next.
    let mut message_id: u16 = rand::random();
    let mut buf = vec![0; 65_536];
    loop {
        let datagram = match socket.recv(&mut buf) {
            Ok(length) => buf.get(..length).unwrap_or_default(),
            Err(Error::Closed) => break,
            Err(error) => return Err(error.into()),
        };
        let Some((content, message)) = coap::read(datagram) else {
            continue;
        };
        let reply = match content {
            Content::Request => {
                message_id = message_id.wrapping_add(1);
                answer(&message, message_id, &client)
            }
            // Pings (§4.3), answers to requests that we never made (§5.3.2), and what is out of order.
            Content::Empty | Content::Response | Content::Unacceptable => coap::rejection(&message),
        };
        if let Some(reply) = reply {
            let [asked, told] = [&message, &reply].map(|packet| coap::name(packet.header.code));
            say(format!("{address}: {asked} -> {told}"));
            send(&reply, &socket)?;
        }
    }
    say(format!("{address}: closed"));
    Ok(())
}

/// What a request is answered with, if at all. One that comes again is answered again: nothing here
/// changes by it, so it need not be remembered (§4.5).
fn answer(request: &Packet, message_id: u16, client: &str) -> Option<Packet> {
    // With the request's token (§5.3.1). The answer to a Confirmable request is in the Acknowledgement,
    // which has its Message ID (§5.2.1); the other kind gets a message of its own (§5.2.3).
    let mut reply = CoapResponse::new(request)?.message;
    let confirmable = reply.header.get_type() == MessageType::Acknowledgement;
    if !confirmable {
        reply.header.message_id = message_id;
    }
    let code = match coap::bad_option(request, &UNDERSTOOD) {
        // §5.10.2: nobody asks us to ask others.
        Some(CoapOption::ProxyUri | CoapOption::ProxyScheme) => ResponseType::ProxyingNotSupported,
        // §5.4.1
        Some(_) if !confirmable => return None,
        Some(option) => {
            reply.payload = format!("{option:?} is not understood").into_bytes();
            ResponseType::BadOption
        }
        None => resource(request, client, &mut reply),
    };
    reply.header.code = MessageClass::Response(code);
    Some(reply)
}

/// The options that must be understood and are. No resource has parameters: a query changes nothing.
const UNDERSTOOD: [CoapOption; 4] = [
    CoapOption::UriHost,
    CoapOption::UriPort,
    CoapOption::UriPath,
    CoapOption::UriQuery,
];

fn resource(request: &Packet, client: &str, reply: &mut Packet) -> ResponseType {
    let path = request
        .get_option(CoapOption::UriPath)
        .into_iter()
        .flatten();
    let path: Vec<&[u8]> = path.map(Vec::as_slice).collect();
    let method = match request.header.code {
        MessageClass::Request(method) => method,
        _ => RequestType::UnKnown,
    };
    match (path.as_slice(), method) {
        ([b"echo"], RequestType::Post) => {
            reply.payload.clone_from(&request.payload);
            let format = request.get_first_option(CoapOption::ContentFormat);
            // §5.4.3: where it is too long, it is as unknown, and so to be ignored.
            if let Some(format) = format.filter(|format| format.len() <= 2) {
                reply.add_option(CoapOption::ContentFormat, format.clone());
            }
            ResponseType::Changed
        }
        ([b"peer"], RequestType::Get) => {
            reply.payload = client.as_bytes().to_vec();
            reply.set_content_format(ContentFormat::TextPlain);
            ResponseType::Content
        }
        ([b".well-known", b"core"], RequestType::Get) => {
            reply.payload = b"</echo>,</peer>;ct=0".to_vec();
            reply.set_content_format(ContentFormat::ApplicationLinkFormat);
            ResponseType::Content
        }
        // §5.8: the method is known here or not, the answer is the same.
        ([b"echo"] | [b"peer"] | [b".well-known", b"core"], _) => ResponseType::MethodNotAllowed,
        _ => ResponseType::NotFound,
    }
}

/// Sends an answer, or that it would be too long: a message is one datagram (§4.6), and DTLS cuts none.
fn send(reply: &Packet, socket: &DtlsSocket) -> Outcome<()> {
    match socket.send(&reply.to_bytes_unlimited()?) {
        Err(Error::MessageTooLong { .. }) => {
            let mut short = reply.clone();
            short.header.code = MessageClass::Response(ResponseType::RequestEntityTooLarge);
            short.clear_all_options();
            short.payload.clear();
            socket.send(&short.to_bytes_unlimited()?)?;
        }
        sent => drop(sent?),
    }
    Ok(())
}

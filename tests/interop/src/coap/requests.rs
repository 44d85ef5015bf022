//! The requests, and the connections that they are made on.

use crate::case::{Case, ClientAuth, Role, Versions, Wrong};
use crate::matrix;
use crate::pki::Kind;
use crate::section::Section;
use flightline::CipherSuite;

/// A request, as the program of either side makes it.
#[derive(Clone, Copy)]
pub struct Request {
    pub method: &'static str,
    pub path: &'static str,
    pub payload: &'static str,
    /// Options of the program that makes it.
    pub options: &'static [&'static str],
    /// The answer, or what begins it.
    pub answer: &'static str,
}

/// Those of our client or opposite our server, each with its connection.
pub fn requests(ours: Role) -> Vec<(Case, Request)> {
    let plain = Case {
        section: Section::Coap,
        ..matrix::plain(ours, Versions::Only12)
    };
    let psk = Case {
        suite: Some(CipherSuite::TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256),
        psk: true,
        ..plain.clone()
    };
    let named = |name: &str, case: &Case| Case {
        name: name.to_owned(),
        ..case.clone()
    };
    // What the server of either side has.
    let (post, get) = match ours {
        Role::Server => (
            Request {
                method: "post",
                path: "/echo",
                payload: "hello",
                options: &[],
                answer: "hello",
            },
            Request {
                method: "get",
                path: "/.well-known/core",
                payload: "",
                options: &[],
                answer: "</echo>,</peer>;ct=0",
            },
        ),
        Role::Client => (
            Request {
                method: "put",
                path: "/example_data",
                payload: "hello",
                options: &[],
                answer: "hello",
            },
            Request {
                method: "get",
                path: "/",
                payload: "",
                options: &[],
                answer: "This is a test server made with libcoap",
            },
        ),
    };
    let mut requests = vec![
        (named("pre-shared key, with a payload", &psk), post),
        (named("pre-shared key, without", &psk), get),
    ];
    for kind in Kind::ALL {
        let server = Case {
            kind,
            ..named(&format!("server {kind}"), &plain)
        };
        let both = Case {
            name: format!("both {kind}"),
            client_auth: ClientAuth::Required(kind),
            ..server.clone()
        };
        // Our server tells who the client is.
        let of_both = match ours {
            Role::Client => get,
            Role::Server => Request {
                path: "/peer",
                answer: "certificate ",
                ..get
            },
        };
        requests.extend([(server, post), (both, of_both)]);
    }
    // The option of either program that makes a request.
    let non_confirmable: &[&str] = match ours {
        Role::Server => &["-N"],
        Role::Client => &["-n"],
    };
    let unconfirmed = Case {
        unconfirmed: true,
        ..named("Non-confirmable", &psk)
    };
    let of = |name: &str, request: Request| (named(name, &psk), request);
    requests.extend([
        (
            unconfirmed,
            Request {
                options: non_confirmable,
                ..post
            },
        ),
        of(
            "unknown path",
            Request {
                path: "/nowhere",
                answer: "4.04",
                ..get
            },
        ),
        of(
            "method that is not allowed",
            Request {
                method: "delete",
                answer: "4.05",
                ..get
            },
        ),
    ]);
    requests.push(match ours {
        Role::Server => of(
            "critical option that is unknown",
            Request {
                options: &["-O", "65001,x"],
                answer: "4.02",
                ..post
            },
        ),
        Role::Client => of(
            "answer that comes later",
            Request {
                path: "/async",
                answer: "done",
                ..get
            },
        ),
    });
    let wrong = |name: &str, wrong: Wrong, case: &Case| Case {
        wrong,
        ..named(name, case)
    };
    let without_certificate = Case {
        client_auth: ClientAuth::RequiredWithout,
        ..named("no client certificate", &plain)
    };
    requests.extend([
        (wrong("wrong pre-shared key", Wrong::Psk, &psk), post),
        (wrong("wrong authority", Wrong::Authority, &plain), post),
        (without_certificate, post),
    ]);
    requests
}

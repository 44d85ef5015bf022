//! GnuTLS's gnutls-serv, an echo server for one client at a time.

use super::gnutls::{EXPORTED, exporter, priority};
use super::tool::{Speech, Tool, files, free_port, hex, strings};
use super::{Conversation, Server, Srtp};
use crate::Res;
use crate::case::{Case, ClientAuth};
use crate::ours::{PSK, PSK_IDENTITY, THEIR_ALPN};
use crate::pki::Pki;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn start(case: &Case, pki: &Pki) -> Res<Server> {
    let port = free_port();
    let speech = Speech {
        data_only: true,
        complaints: &["Error"],
        srtp: |_| None,
        exported: EXPORTED,
        resumed: None,
    };
    let tool = Tool::start("gnutls-serv", &arguments(case, pki, port)?, speech)?;
    let start = Instant::now();
    while !tool.errors().contains("listening on IPv4") {
        if start.elapsed() > PATIENCE {
            return Err(format!("gnutls-serv does not listen: {}", tool.errors()).into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(Server {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        conversation: Box::new(GnuTlsServ(tool)),
    })
}

fn arguments(case: &Case, pki: &Pki, port: u16) -> Res<Vec<String>> {
    let mut args = strings(["--udp", "--echo", "-p", &port.to_string()]);
    args.extend(["--priority".into(), priority(case)]);
    if case.psk {
        let keys = pki.session();
        std::fs::write(&keys, format!("{PSK_IDENTITY}:{}\n", hex(&PSK)))?;
        files(&mut args, [("--pskpasswd", keys)]);
    } else {
        // The default certificate first, then the one for the other name.
        let other = case.other_name.then_some("other");
        for name in [case.kind.name()].into_iter().chain(other) {
            let (certificate, key) = (pki.certificate(name), pki.key(name));
            files(
                &mut args,
                [("--x509certfile", certificate), ("--x509keyfile", key)],
            );
        }
    }
    match case.client_auth {
        ClientAuth::None => args.push("--disable-client-cert".into()),
        ClientAuth::Optional(_) | ClientAuth::OptionalWithout => {}
        ClientAuth::Required(_) | ClientAuth::RequiredWithout => {
            args.push("--require-client-cert".into());
        }
    }
    if case.client_auth != ClientAuth::None {
        args.push("--verify-client-cert".into());
        files(&mut args, [("--x509cafile", pki.ca())]);
    }
    if case.alpn {
        // Of several it would take the client's first.
        args.push(format!("--alpn={}", THEIR_ALPN[0]));
    }
    if let Some(profile) = case.srtp {
        args.push(format!("--srtp-profiles={profile}"));
    }
    exporter(case, &mut args);
    if !case.cookies {
        args.push("--nocookie".into());
    }
    if let Some(mtu) = case.mtu {
        args.extend(strings(["--mtu", &mtu.to_string()]));
    }
    Ok(args)
}

struct GnuTlsServ(Tool);

impl Conversation for GnuTlsServ {
    fn say(&mut self, _: &str) {}

    fn echoes(&self) -> bool {
        true
    }

    fn heard(&self) -> String {
        const MARK: &str = " bytes command: ";
        let errors = self.0.errors();
        let lines = errors.lines().filter_map(|line| line.split_once(MARK));
        lines.map(|(_, data)| format!("{data}\n")).collect()
    }

    fn hears_data_only(&self) -> bool {
        self.0.hears_data_only()
    }

    fn ended(&mut self) -> Option<bool> {
        self.0.ended()
    }

    fn complaint(&self) -> String {
        self.0.complaint()
    }

    fn srtp(&self) -> Option<Srtp> {
        None
    }

    fn exported(&self) -> Option<Vec<u8>> {
        self.0.exported()
    }
}

//! `dtls_client` and `dtls_server`: what they say to each other, and to those who run them.

use crate::{Server, program, server};
use flightline::{DtlsListener, Psk, ServerConfig, ServerIdentity};
use std::io::Write;
use std::net::UdpSocket;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a client printed, what it said of itself, and how it ended.
struct Ended {
    printed: String,
    told: String,
    status: ExitStatus,
}

/// A `dtls_client` with this input.
fn client(arguments: &[&str], input: &str) -> Ended {
    let mut client = program("dtls_client")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = client.stdin.take().unwrap();
    // One that has ended already reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = client.wait_with_output().unwrap();
    Ended {
        printed: String::from_utf8(output.stdout).unwrap(),
        told: String::from_utf8(output.stderr).unwrap(),
        status: output.status,
    }
}

#[test]
fn without_arguments_the_server_echoes_to_a_client_that_pins_it() {
    let (_server, address, fingerprint) = server();
    let ended = client(&[&address, "--pin", &fingerprint], "one\ntwo\n");
    assert!(ended.status.success(), "{}", ended.told);
    assert_eq!(ended.printed, "one\ntwo\n");
}

#[test]
fn a_client_says_whom_it_tries_to_reach_and_gives_up_in_time() {
    // It listens, and does not answer.
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let start = Instant::now();
    let psk = ["--psk-identity", "a", "--psk", "0102"];
    let ended = client(
        &[&[&*address, "--connect-timeout", "1"], &psk[..]].concat(),
        "",
    );
    assert!(start.elapsed() < Duration::from_secs(60));
    assert!(!ended.status.success());
    let told = &ended.told;
    assert!(told.contains(&format!("connecting to {address}")), "{told}");
    assert!(told.contains("did not end within 1.0s"), "{told}");
}

#[test]
fn each_side_chooses_its_version() {
    let only = |version: &'static str| ["--dtls", version];
    let both: [&str; 0] = [];
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&both, &both, "DTLS1_3"),
        (&only("1.2"), &both, "DTLS1_2"),
        (&both, &only("1.2"), "DTLS1_2"),
        (&only("1.3"), &both, "DTLS1_3"),
        (&both, &only("1.3"), "DTLS1_3"),
        (&only("1.2"), &only("1.3"), ""),
    ];
    for (of_server, of_client, spoken) in cases {
        let (mut server, address) = Server::start("dtls_server", of_server);
        let pin = server.says("(SHA-256): ");
        let arguments = [
            &[&*address, "--pin", &pin, "--connect-timeout", "8"],
            of_client,
        ];
        let ended = client(&arguments.concat(), "hello\n");
        let what = format!("{of_server:?} {of_client:?}: {}", ended.told);
        if spoken.is_empty() {
            assert!(!ended.status.success(), "{what}");
            assert!(ended.told.contains("no version in common"), "{what}");
        } else {
            assert!(ended.status.success(), "{what}");
            assert_eq!(ended.printed, "hello\n", "{what}");
            assert!(ended.told.contains(spoken), "{what}");
        }
    }
}

#[test]
fn what_does_not_fit_is_said_and_ends_nothing() {
    let long = "x".repeat(1000);
    let input = format!("one\n{long}\ntwo\n");
    let small = ["--mtu", "512"];
    // Where the client's datagrams are the smaller ones, and where the server's are.
    for (of_server, of_client) in [(&[][..], &small[..]), (&small[..], &[][..])] {
        let (mut server, address) = Server::start("dtls_server", of_server);
        let pin = server.says("(SHA-256): ");
        let arguments = [&[&*address, "--pin", &pin, "--wait", "500"], of_client];
        let ended = client(&arguments.concat(), &input);
        let told = &ended.told;
        assert_eq!(ended.printed, "one\ntwo\n", "{told}");
        assert!(told.contains("1 of 3 messages had no answer"), "{told}");
        assert!(!ended.status.success());
        if of_server.is_empty() {
            assert!(
                told.contains("line 2 is not sent: a message of 1001 bytes"),
                "{told}"
            );
            assert!(told.contains("--mtu"), "{told}");
        } else {
            let said = server.says("not sent back: ");
            assert!(
                said.contains("1001 bytes") && said.contains("--mtu"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_client_without_its_answers_fails() {
    let (_server, address, pin) = server();
    let arguments = [&*address, "--pin", &pin];
    assert!(client(&arguments, "").status.success());

    // A server that closes at once, and one that says nothing.
    let psk = Psk::new("a", [1, 2]).unwrap();
    let arguments = ["--psk-identity", "a", "--psk", "0102", "--wait", "100"];
    for (closes, says) in [(true, "closed the connection"), (false, "2 of 2 messages")] {
        let config = ServerConfig::builder(ServerIdentity::psk(psk.clone()));
        let listener = DtlsListener::bind("127.0.0.1:0", config.build().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let ended = thread::scope(|threads| {
            threads.spawn(|| {
                let socket = listener.accept().unwrap().0.complete().unwrap();
                let mut buf = [0; 64];
                socket.recv(&mut buf).unwrap();
                if !closes {
                    while socket.recv(&mut buf).is_ok() {}
                }
            });
            client(&[&[&*address], &arguments[..]].concat(), "one\ntwo\n")
        });
        assert!(!ended.status.success(), "{}", ended.told);
        assert!(ended.told.contains(says), "{}", ended.told);
    }
}

#[test]
fn a_server_goes_on_when_nobody_reads_its_output() {
    let (mut server, address, pin) = server();
    server.is_not_listened_to();
    for _ in 0..2 {
        let ended = client(&[&address, "--pin", &pin], "hello\n");
        assert!(ended.status.success(), "{}", ended.told);
        assert_eq!(ended.printed, "hello\n");
    }
}

/// What follows `cargo run … --example` in a line that a server prints is a program and its arguments.
fn obey(command: &str) -> Ended {
    let (name, arguments) = command.split_once(" -- ").unwrap();
    assert_eq!(name, "dtls_client");
    let arguments: Vec<&str> = arguments.split(' ').collect();
    client(&arguments, "hello\n")
}

#[test]
fn the_commands_that_a_server_prints_succeed() {
    // A certificate that is its own authority.
    let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let directory =
        std::env::temp_dir().join(format!("flightline-programs-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = |name: &str, content: String| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("CLIENT.pem", made.cert.pem());
    let key = file("CLIENT.key", made.signing_key.serialize_pem());

    let psk = ["--psk-identity", "a", "--psk", "0102"];
    let required = ["--client-ca", &certificate];
    let optional = ["--client-ca", &certificate, "--client-auth", "optional"];
    for (arguments, shows_certificate) in [
        (&psk[..], false),
        (&required[..], true),
        (&optional[..], false),
        (&["--dtls", "1.3"][..], false),
    ] {
        let mut command = program("dtls_server");
        // From elsewhere this machine has another address, but these are commands for here.
        let (mut server, _) = Server::run(command.arg("0.0.0.0:0").args(arguments));
        let command = server.says("cargo run --release --example ");
        assert_eq!(
            command.contains("CLIENT.pem"),
            shows_certificate,
            "{command}"
        );
        let command = command
            .replace("CLIENT.pem", &certificate)
            .replace("CLIENT.key", &key);
        assert!(!command.contains("0.0.0.0"), "{command}");
        let ended = obey(&command);
        assert!(ended.status.success(), "{command}: {}", ended.told);
        assert_eq!(ended.printed, "hello\n");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

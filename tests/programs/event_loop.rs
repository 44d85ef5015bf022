//! `event_loop` brings all its connections to their end, and says which numbers make no sense.

use crate::program;

#[test]
fn all_connections_end_well_on_one_thread() {
    let mut event_loop = program("event_loop");
    let output = event_loop.args(["--connections", "40"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.contains("40 connections (80 handshakes"),
        "{printed}"
    );
}

#[test]
fn no_more_connections_than_have_numbers() {
    for connections in [
        "0",
        "32769",
        "40000",
        "10000000000000",
        "18446744073709551615",
    ] {
        let mut event_loop = program("event_loop");
        let output = event_loop
            .args(["--connections", connections])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{connections}: {told}");
        assert!(told.contains("--connections"), "{connections}: {told}");
    }
}

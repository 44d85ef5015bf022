//! What the sources must not say. Each of these would be a bug on some machine, or on some day, that no
//! test on this machine sees.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fs;
use std::path::Path;

/// The library's lines of code, comments left out: file, with `/`, and line.
fn lines() -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut directories = vec![source.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let parts = path.strip_prefix(&source).unwrap().iter();
            let names: Vec<_> = parts.map(|part| part.to_str().unwrap()).collect();
            let code = fs::read_to_string(&path).unwrap();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            found.extend(code.map(|line| (names.join("/"), line.to_owned())));
        }
    }
    assert!(found.len() > 1_000);
    found
}

/// Lines with one of these words, in files other than those.
fn saying(words: &[&str], but: &[&str]) -> Vec<(String, String)> {
    let mut lines = lines();
    lines.retain(|(file, line)| {
        words.iter().any(|word| line.contains(word)) && !but.iter().any(|but| file.starts_with(but))
    });
    lines
}

/// I7: the wall clock is asked in one place, where the clock of a configuration tells the date, and the date serves
/// certificates and sessions alone. Timers know `Instant`, which never goes back.
#[test]
fn i07_the_wall_clock_serves_certificates_and_sessions_alone() {
    let is_test = |file: &str| file.contains("/tests/") || file.ends_with("tests.rs");
    let saying = |words: &[&str], but: &[&str]| {
        let mut lines = saying(words, but);
        lines.retain(|(file, _)| !is_test(file));
        lines
    };
    // Behind its code a file may have tests.
    let now = saying(
        &["SystemTime::now", ".elapsed()"],
        &["handshake/offered_session.rs"],
    );
    let of_day = |line: &str| line.contains("SystemTime") || line.contains("UNIX_EPOCH");
    let mut asked = now.iter().filter(|(_, line)| of_day(line));
    assert_eq!(asked.next().unwrap().0, "timer/clock.rs");
    assert_eq!(asked.next(), None);

    let certificates_and_sessions = [
        "certificate/",
        "resumption/",
        "session/ticket_keeper.rs",
        "handshake/",
        "timer/clock.rs",
    ];
    let words = ["SystemTime", "UNIX_EPOCH", ".date()"];
    let elsewhere = saying(&words, &certificates_and_sessions);
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

/// I17: what must not be guessed comes from the operating system, whose failure is an error. The other
/// generator does not tell when it fails, so it makes no secrets: it chooses what a full pool forgets,
/// how far waits are drawn apart, and the laboratory's weather.
#[test]
fn i17_secrets_come_from_the_operating_system() {
    let other = saying(
        &["rand::", "RandomState", "fastrand", "getrandom"],
        &[
            "lab/",
            "cookie/hello_pool.rs",
            "timer/retransmission.rs",
            "crypto/random.rs",
            "crypto/signing_key.rs",
            "crypto/key_exchange.rs",
        ],
    );
    assert!(other.is_empty(), "{other:#?}");
    let crypto = saying(
        &["rand::"],
        &["lab/", "cookie/hello_pool.rs", "timer/retransmission.rs"],
    );
    for (file, line) in &crypto {
        assert!(line.contains("ring::rand::"), "{file}: {line}");
    }
    assert_eq!(crypto.len(), 3);
    // A failure is neither passed over nor replaced by something else.
    let passed_over = saying(
        &[
            ".fill(bytes).ok",
            "fill(&mut bytes).ok",
            "fill(&mut bytes).unwrap_or",
        ],
        &[],
    );
    assert!(passed_over.is_empty(), "{passed_over:#?}");
}

/// I19: what anyone can cause goes to the log at debug, which nobody has on by default, or to a counter.
#[test]
fn i19_what_anyone_can_cause_is_logged_at_debug() {
    let loud = saying(
        &[
            "log::info!",
            "log::warn!",
            "log::error!",
            "println!",
            "eprintln!",
        ],
        // The application's own bug, and its own disk; and tests that tell how much they have tried.
        &["net/workers.rs", "key_log.rs", "connection/tests/states"],
    );
    assert!(loud.is_empty(), "{loud:#?}");
    let of_workers = saying(&["log::error!"], &["key_log.rs"]);
    assert_eq!(of_workers.len(), 1, "{of_workers:#?}");
    assert!(of_workers[0].1.contains("panicked"));
}

/// I20: numbers on the wire have the network's order whatever the machine's is, and sums are checked.
#[test]
fn i20_no_number_has_the_order_of_the_machine() {
    let native = saying(&["_ne_bytes", "_le_bytes", "transmute", "align_to"], &[]);
    assert!(native.is_empty(), "{native:#?}");
    let most = std::hint::black_box(u8::MAX);
    let sum = std::panic::catch_unwind(|| most + std::hint::black_box(1));
    assert!(sum.is_err(), "overflow checks are off");
}

/// J8: time that depends on a key would tell of it. Keys are computed with by ring, which is written for
/// constant time, and in one place; nothing else that could is depended on.
#[test]
fn j08_nothing_but_ring_computes_with_keys() {
    let words = ["use ring", " ring::", "(ring::", "&ring::", "<ring::"];
    // Signatures are verified with what is public.
    let elsewhere = saying(&words, &["crypto/", "certificate/signature.rs"]);
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    let mut names: Vec<_> = dependencies
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    let known = [
        "crossbeam-channel",
        "log",
        "parking_lot",
        "rand",
        "ring",
        "rustls-pki-types",
        "webpki",
        "zeroize",
    ];
    assert_eq!(names, known);
}

/// J1: what a peer may guess byte by byte is compared in constant time, and by nothing else.
#[test]
fn j01_secrets_are_compared_in_constant_time() {
    let equal = saying(&["crypto::equal("], &[]);
    let mut files: Vec<_> = equal.iter().map(|(file, _)| file.as_str()).collect();
    files.sort_unstable();
    let expected = [
        "config/client_mark.rs",
        "handshake/finished.rs",
        "handshake/psk13.rs",
        "resumption/ticket_key.rs",
    ];
    assert_eq!(files, expected);
    let words = [
        "verify_data ==",
        "== expected.verify_data",
        "binder ==",
        "tag ==",
        "mac ==",
    ];
    // There a cipher for fuzzing alone compares with zeros.
    assert_eq!(saying(&words, &["crypto/aead.rs"]), []);
}

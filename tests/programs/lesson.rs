//! The `lesson`: it draws what the documentation says that it draws, and what is lost on the way is sent again.

use crate::program;

/// What it prints, and what it says of its failure.
fn lesson(arguments: &str) -> Result<String, String> {
    let mut lesson = program("lesson");
    let output = lesson.args(arguments.split_whitespace()).output().unwrap();
    let (printed, told) = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .into();
    match output.status.success() {
        true => Ok(printed),
        false => Err(told),
    }
}

#[test]
fn the_documentation_shows_what_is_drawn() {
    let documentation = include_str!("../../docs/retransmission.md");
    let (_, from_command) = documentation.split_once("--example lesson -- ").unwrap();
    let (arguments, rest) = from_command.split_once('\n').unwrap();
    let (_, from_drawing) = rest.split_once("```text\n").unwrap();
    let (shown, _) = from_drawing.split_once("```").unwrap();
    let drawn = lesson(arguments).unwrap();
    assert_eq!(
        shown, drawn,
        "docs/retransmission.md is to show this:\n{drawn}"
    );
}

#[test]
fn whatever_one_datagram_is_lost_the_handshake_ends_well() {
    for version in ["1.2", "1.3"] {
        for how in ["", "--psk", "--resume", "--psk --resume"] {
            for lost in 1..=7 {
                let arguments = format!("--dtls {version} {how} --lose {lost}");
                let drawn = lesson(&arguments).unwrap();
                let line = |mark: &str| drawn.lines().filter(|line| line.contains(mark)).count();
                assert_eq!(line(" lost"), 1, "{arguments}:\n{drawn}");
                assert_eq!(line("established, "), 2, "{arguments}:\n{drawn}");
                let resumed = if how.contains("--resume") { 2 } else { 0 };
                assert_eq!(line(", resumed"), resumed, "{arguments}:\n{drawn}");
            }
        }
    }
}

#[test]
fn the_same_seed_loses_the_same() {
    let [first, again, other] =
        ["7", "7", "8"].map(|seed| lesson(&format!("--psk --loss 30 --seed {seed}")).unwrap());
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.contains(" lost"), "{first}");
}

#[test]
fn a_lesson_that_fails_says_why() {
    for (arguments, says) in [
        ("--loss 100", "did not end within 123.0s"),
        ("--mtu 7", "128"),
        ("--dtls 1.1", "1.2, 1.3"),
        ("--loss 101", "0..=100"),
    ] {
        let told = lesson(arguments).unwrap_err();
        assert!(told.contains(says), "{arguments}: {told}");
    }
}

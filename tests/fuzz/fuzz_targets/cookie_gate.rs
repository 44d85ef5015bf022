#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flightline::fuzzing::run("cookie_gate", data));

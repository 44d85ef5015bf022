#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flightline::fuzzing::run("acknowledgements", data));

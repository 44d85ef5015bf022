//! What calls leave on the stack.

use std::hint::black_box;

/// Bytes that are overwritten: more than ring's key agreements need, which go deepest.
const DEPTH: usize = 16 << 10;

/// Overwrites what calls that have returned to here have left on the stack: above all the copies of keys that
/// stay behind when ring's values are moved. A value of which not all is written would take them along to the
/// heap, if it were put together in that place and moved there.
#[inline(never)]
pub(crate) fn wipe_stack() {
    black_box([0_u8; DEPTH]);
}

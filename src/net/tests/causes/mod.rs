//! Every reason to drop, every error that an alert tells of, every reason to refuse a certificate, and every
//! verdict of the gate, each brought about by what comes over the wire. One table for each; a new variant does
//! not compile without a row, and a new alert fails without one.

mod alerts;
mod certificates;
mod drops;
mod errors;
mod gate;

/// Rows for the variants of a type, each a pattern and a value. There is no variant without a row: the
/// match would not compile.
macro_rules! table {
    ($type:ty: $($pattern:pat => $row:expr,)*) => {{
        const _: fn(&$type) = |variant| match variant {
            $($pattern => {})*
        };
        fn is<T>(pattern: fn(&$type) -> bool, row: T) -> (fn(&$type) -> bool, T) {
            (pattern, row)
        }
        vec![$(is(|variant| matches!(variant, $pattern), $row)),*]
    }};
}
use table;

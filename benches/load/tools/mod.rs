//! What parts and roles have in common: one process tells others what to do and prints a table of what
//! they tell.

mod child;
mod facts;
pub(crate) mod figures;
pub(crate) mod learn;
pub(crate) mod machine;
mod orders;
pub(crate) mod pace;
pub(crate) mod pki;
mod table;
mod target;

pub(crate) use child::{Child, Opt, name};
pub(crate) use facts::Facts;
pub(crate) use orders::{orders, tell, tell_when_asked};
pub(crate) use table::{Table, verdict};
pub(crate) use target::Target;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

//! What the programs here have in common: one process tells others what to do and prints a table of what
//! they tell. Both programs use most of this, and neither all.
#![allow(dead_code)]

pub(crate) mod child;
pub(crate) mod clients;
pub(crate) mod crowd;
pub(crate) mod facts;
pub(crate) mod figures;
pub(crate) mod learn;
pub(crate) mod line;
pub(crate) mod machine;
pub(crate) mod orders;
pub(crate) mod pki;
pub(crate) mod server;
pub(crate) mod table;

pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

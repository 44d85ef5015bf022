//! The shell over wires in memory, with a clock that is set by hand.

mod causes;
mod closing;
mod faults;
mod links;
mod upkeep;
mod world;

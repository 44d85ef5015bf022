//! Prints what happens on a connection, for the log of a failed test.

use flightline::{Event, Observer};

pub struct Print;

impl Observer for Print {
    fn event(&self, event: &Event) {
        println!("{event}");
    }
}

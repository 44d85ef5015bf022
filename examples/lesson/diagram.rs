//! Draws what happens: the client on the left, the server on the right, datagrams between them.

use flightline::lab::{Arrival, Datagram, End};
use flightline::{Event, Observer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where the columns begin.
const CLIENT: usize = 0;
const NETWORK: usize = 28;
const SERVER: usize = 54;

/// What has happened so far. Clones are one diagram.
#[derive(Clone, Default)]
pub(crate) struct Diagram(Arc<Mutex<Vec<Row>>>);

struct Row {
    at: Duration,
    end: End,
    column: usize,
    text: String,
}

impl Observer for Diagram {
    fn event(&self, event: &Event) {
        let end = match &*event.who {
            "client" => End::Client,
            _ => End::Server,
        };
        // A flight log's arrows point away from its side, which would contradict the columns here.
        let words = [("--->", "sends"), ("<---", "gets"), ("<-x- ", "")];
        let text = words
            .iter()
            .fold(event.what.to_string(), |text, (log, here)| {
                text.replace(log, here)
            });
        self.says(event.at, end, text);
    }
}

impl Diagram {
    /// A side does something.
    pub(crate) fn says(&self, at: Duration, end: End, text: impl Into<String>) {
        let column = match end {
            End::Client => CLIENT,
            End::Server => SERVER,
        };
        self.add(at, end, column, text.into());
    }

    /// A datagram sets out, and arrives or not.
    pub(crate) fn datagram(&self, datagram: &Datagram, arrivals: &[Arrival]) {
        let Datagram {
            from, sent, bytes, ..
        } = datagram;
        if let Some(request) = cookie_request(bytes) {
            self.says(*sent, *from, format!("sends {request}, keeps nothing"));
        }
        let label = format!(
            "{}: {} bytes",
            datagram.number.saturating_add(1),
            bytes.len()
        );
        let arrow = match (from, arrivals) {
            (End::Client, []) => format!("{label} ---X lost"),
            (End::Client, _) => format!("{:-<21}>", label + " "),
            (End::Server, []) => format!("{:>22}", format!("lost X--- {label}")),
            (End::Server, _) => format!("<{:->21}", format!(" {label}")),
        };
        self.add(*sent, *from, NETWORK, arrow);
    }

    pub(crate) fn clear(&self) {
        self.rows().clear();
    }

    /// At one moment a side first says what it does, and then does it.
    pub(crate) fn print(&self) {
        self.rows()
            .sort_by_key(|row| (row.at, row.end, row.column == NETWORK));
        println!("  seconds  {:SERVER$}server", "client");
        let mut last = None;
        for row in &*self.rows() {
            let time = match last.replace(row.at) {
                Some(last) if last == row.at => String::new(),
                _ => format!("{:.3}", row.at.as_secs_f64()),
            };
            println!("{time:>9}  {:1$}{2}", "", row.column, row.text);
        }
    }

    fn add(&self, at: Duration, end: End, column: usize, text: String) {
        self.rows().push(Row {
            at,
            end,
            column,
            text,
        });
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What asks for a cookie. No flight log tells of it: a server that knows no client yet makes it from the hello
/// alone, and forgets it.
fn cookie_request(datagram: &[u8]) -> Option<&'static str> {
    // A record of handshake messages in the clear (RFC 6347 §4.1), and the kind of its message.
    let ([22, _, _, 0, 0, ..], Some(kind)) = (datagram, datagram.get(13)) else {
        return None;
    };
    // A ServerHello is a HelloRetryRequest by how its random begins (RFC 8446 §4.1.3).
    match (kind, datagram.get(27..31)) {
        (3, _) => Some("HELLO_VERIFY_REQUEST"),
        (2, Some([0xcf, 0x21, 0xad, 0x74])) => Some("HELLO_RETRY_REQUEST"),
        _ => None,
    }
}

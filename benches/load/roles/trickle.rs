//! Handshakes that never get anywhere: each client returns its cookie, and then sends its
//! ClientKeyExchange byte by byte.

use crate::tools::{Outcome, learn};
use flightline::ClientConfig;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many there are at once.
const HANDSHAKES: u8 = 100;

/// The initial value of the retransmission timer (RFC 6347 §4.2.4.1).
const TIMEOUT: Duration = Duration::from_secs(1);

/// The length of a ClientKeyExchange with a public key of X25519.
const LENGTH: u8 = 33;

pub(super) struct Trickle(Vec<UdpSocket>);

impl Trickle {
    pub(super) fn begin(to: SocketAddr, config: &Arc<ClientConfig>) -> Outcome<Trickle> {
        let sockets = (1..=HANDSHAKES).map(|last| {
            let socket = learn::socket(Ipv4Addr::new(127, 61, 0, last), to)?;
            let (socket, hello) = learn::cookied_hello(socket, config)?;
            socket.send(&hello)?;
            Ok(socket)
        });
        Ok(Trickle(sockets.collect::<Outcome<_>>()?))
    }

    /// Sends the next byte of each whenever it is time.
    pub(super) fn go_on(&self, time: Duration) -> Outcome<()> {
        let start = Instant::now();
        for at in (0..LENGTH).cycle() {
            if start.elapsed() >= time {
                break;
            }
            for socket in &self.0 {
                socket.send(&fragment(at))?;
            }
            sleep(TIMEOUT.min(time.saturating_sub(start.elapsed())));
        }
        Ok(())
    }
}

/// One byte of a ClientKeyExchange, the third message of its side, in a record (RFC 6347 §4.2.2).
fn fragment(at: u8) -> [u8; 26] {
    #[rustfmt::skip]
    let fragment = [
        22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, at, 0, 13,
        16, 0, 0, LENGTH, 0, 2, 0, 0, at, 0, 0, 1,
        7,
    ];
    fragment
}

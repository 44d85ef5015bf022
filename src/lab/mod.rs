//! The laboratory: a client, a server and a faulty network between them, in virtual time.
//!
//! Nothing here waits: time jumps to the next arrival or timer, so a handshake that takes a minute of
//! lost datagrams takes a millisecond. Everything random comes from a seed.
//!
//! ```
//! use flightline::lab::{Pair, Weather};
//! use flightline::{ClientConfig, Psk, ServerConfig, ServerIdentity, ServerName, ServerTrust};
//! use std::time::Duration;
//!
//! let psk = Psk::new("lesson", [7; 32])?;
//! let client = ClientConfig::builder(ServerTrust::psk(psk.clone())).build()?;
//! let server = ServerConfig::builder(ServerIdentity::psk(psk)).build()?;
//!
//! // What if the client's second datagram, and it alone, is lost?
//! let weather = Weather::drop_pattern(0b0100);
//! let mut pair = Pair::new(client, server, ServerName::unnamed(), weather)?;
//! pair.establish(Duration::from_secs(60))?;
//! assert_eq!(pair.now().as_secs(), 1, "one expiry of the timer");
//! pair.exchange(b"ping", b"pong")?;
//! # Ok::<(), flightline::Error>(())
//! ```

mod network;
mod pair;
mod weather;

pub use network::{Datagram, End};
pub use pair::{KeysOf, Pair};
pub use weather::{Arrival, Rates, Weather};

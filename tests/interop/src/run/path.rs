//! The path of one connection, and what is seen on it of the keys that the sides have.

use crate::Res;
use crate::case::{Case, KeyUpdate, Role, Side};
use crate::proxy::Proxy;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A straight way to the server, or a proxy where it is bad or has to be watched.
pub(super) struct Path {
    to: SocketAddr,
    proxy: Option<Proxy>,
    updated: Arc<Updated>,
}

/// Which side has sent under the first new keys.
#[derive(Default)]
struct Updated {
    ours: AtomicBool,
    theirs: AtomicBool,
}

impl Updated {
    fn of(&self, side: Side) -> &AtomicBool {
        match side {
            Side::Ours => &self.ours,
            Side::Theirs => &self.theirs,
        }
    }
}

impl Path {
    pub(super) fn open(case: &Case, server: SocketAddr, seed: Option<u64>) -> Res<Path> {
        let updated = Arc::<Updated>::default();
        let proxy = match (case.key_update, seed) {
            (None, None) => None,
            (None, Some(seed)) => Some(Proxy::start(server, seed)?),
            (Some(_), seed) => {
                let (updated, ours) = (updated.clone(), case.ours);
                let watch = move |_, to: SocketAddr, datagram: &[u8]| {
                    let side = match (to == server) == (ours == Role::Client) {
                        true => Side::Ours,
                        false => Side::Theirs,
                    };
                    if is_of_epoch_4(datagram) {
                        updated.of(side).store(true, Ordering::SeqCst);
                    }
                };
                Some(Proxy::watched(server, seed, Box::new(watch))?)
            }
        };
        Ok(Path {
            to: server,
            proxy,
            updated,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.as_ref().map_or(self.to, Proxy::address)
    }

    /// Whether every side that had to has sent under new keys.
    pub(super) fn is_updated(&self, update: KeyUpdate) -> bool {
        let sides = [Side::Ours, Side::Theirs].into_iter();
        let mut sides = sides.filter(|side| update.concerns(*side));
        sides.all(|side| self.updated.of(side).load(Ordering::SeqCst))
    }

    /// Whether no other side has.
    pub(super) fn check_no_other(&self, update: KeyUpdate) -> Res<()> {
        let sides = [Side::Ours, Side::Theirs].into_iter();
        let mut sides = sides.filter(|side| !update.concerns(*side));
        match sides.find(|side| self.updated.of(*side).load(Ordering::SeqCst)) {
            Some(side) => Err(format!("new keys that nobody asked for: {side:?}").into()),
            None => Ok(()),
        }
    }
}

/// Epoch 3 is that of the first application data, and 4 that of the first new keys. A record tells the
/// epoch's last two bits (RFC 9147 §4).
fn is_of_epoch_4(datagram: &[u8]) -> bool {
    datagram
        .first()
        .is_some_and(|first| first & 0b1110_0011 == 0b0010_0000)
}

//! How long datagrams may be.

use crate::config::SMALLEST_MTU;

/// Datagram sizes to fall back to where a path seems to swallow larger ones (RFC 6347 §4.1.1.1).
const FALLBACKS: [usize; 3] = [1200, 548, 256];

/// The least that a ClientHello is cut to: a server that keeps no state takes it whole or not at all, and so
/// much is taken by every host of IPv4 (RFC 791 §3.1, less the headers of IP and UDP).
pub(super) const A_HELLO: usize = 548;

/// What is known and what is suspected of a path. Suspicion bounds flights only: for application data
/// the path MTU is the application's to find (RFC 6347 §4.1.1.1).
pub(super) struct Mtu {
    /// What the configuration says, lowered where the system refused.
    limit: usize,
    /// What the transport says at the moment, if it knows.
    told: Option<usize>,
    suspected: usize,
}

impl Mtu {
    pub(super) fn new(limit: usize) -> Self {
        Mtu {
            limit,
            told: None,
            suspected: limit,
        }
    }

    /// The transport knows, or does not know, how long a datagram may be from now on.
    pub(super) fn tell(&mut self, max_datagram: Option<usize>) {
        self.told = max_datagram.map(|most| most.max(SMALLEST_MTU));
    }

    pub(super) fn of_data(&self) -> usize {
        self.told.map_or(self.limit, |told| told.min(self.limit))
    }

    /// Where the transport knows, nothing need be suspected.
    pub(super) fn of_flights(&self) -> usize {
        match self.told {
            Some(_) => self.of_data(),
            None => self.suspected.min(self.limit),
        }
    }

    /// The system refused a datagram of so many bytes as too long. What is sent from now on, if that is less.
    /// Where the transport tells of less by now, that is believed, since it may tell of more again.
    pub(super) fn refused(&mut self, length: usize) -> Option<usize> {
        if length <= self.of_data() {
            self.limit = below(length)?;
        }
        Some(self.of_data())
    }

    /// Flights of the present size seem to be lost. The new size, if there is a smaller one that is no less than
    /// `least`.
    pub(super) fn suspect(&mut self, least: Option<usize>) -> Option<usize> {
        if self.told.is_some() {
            return None;
        }
        self.suspected = below(self.of_flights())
            .filter(|smaller| least.is_none_or(|least| *smaller >= least))?;
        Some(self.suspected)
    }
}

fn below(mtu: usize) -> Option<usize> {
    FALLBACKS.into_iter().find(|smaller| *smaller < mtu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suspicion_bounds_flights_and_refusals_bound_everything() {
        let mut mtu = Mtu::new(1400);
        assert_eq!(mtu.suspect(Some(A_HELLO)), Some(1200));
        assert_eq!(mtu.suspect(Some(A_HELLO)), Some(548));
        assert_eq!(mtu.suspect(Some(A_HELLO)), None);
        assert_eq!((mtu.of_data(), mtu.of_flights()), (1400, 548));
        assert_eq!(mtu.refused(1300), Some(1200));
        assert_eq!((mtu.of_data(), mtu.of_flights()), (1200, 548));
        // It was made before.
        assert_eq!(mtu.refused(1250), Some(1200));
        assert_eq!(mtu.refused(1200), Some(548));
        assert_eq!(mtu.refused(500), Some(256));
        assert_eq!(mtu.refused(100), None);
        assert_eq!((mtu.of_data(), mtu.of_flights()), (256, 256));
        assert_eq!(mtu.suspect(None), None);
    }

    #[test]
    fn a_transport_that_knows_is_believed() {
        let mut mtu = Mtu::new(1400);
        mtu.suspect(None);
        for (told, size) in [(300, 300), (301, 301), (299, 299), (9000, 1400), (0, 128)] {
            mtu.tell(Some(told));
            assert_eq!(mtu.suspect(None), None);
            assert_eq!((mtu.of_data(), mtu.of_flights()), (size, size));
        }
        mtu.tell(None);
        assert_eq!((mtu.of_data(), mtu.of_flights()), (1400, 1200));
        // It was made before the transport told of less, and the transport may tell of more again.
        mtu.tell(Some(300));
        assert_eq!(mtu.refused(400), Some(300));
        mtu.tell(Some(1000));
        assert_eq!(mtu.of_data(), 1000);
        // It knows no better than the system.
        assert_eq!(mtu.refused(900), Some(548));
        assert_eq!(mtu.of_data(), 548);
    }
}

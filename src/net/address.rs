//! One form for each address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The one form of an address: IPv4 within IPv6 becomes IPv4, and of an IPv6 address only what tells
/// peers apart stays: its scope does, its flow label does not.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id())),
        },
    }
}

/// What cookies are bound to: address bytes, port and, in IPv6, scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientId {
    bytes: [u8; ClientId::MOST],
    length: usize,
}

impl ClientId {
    const MOST: usize = 16 + 2 + 4;

    /// The id of a canonical address.
    pub(super) fn of(address: SocketAddr) -> ClientId {
        let mut id = ClientId {
            bytes: [0; ClientId::MOST],
            length: 0,
        };
        match address {
            SocketAddr::V4(v4) => id.append(&v4.ip().octets()),
            SocketAddr::V6(v6) => id.append(&v6.ip().octets()),
        }
        id.append(&address.port().to_be_bytes());
        if let SocketAddr::V6(v6) = address {
            id.append(&v6.scope_id().to_be_bytes());
        }
        id
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn append(&mut self, part: &[u8]) {
        let end = self.length.saturating_add(part.len());
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(part);
            self.length = end;
        }
    }
}

/// Whom limits per address count together: one IPv4 address, or one IPv6 /64, since that is what a
/// single subscriber has.
pub(super) fn network(address: SocketAddr) -> IpAddr {
    match address.ip() {
        IpAddr::V4(_) => address.ip(),
        IpAddr::V6(v6) => {
            let prefix = v6.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(prefix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn p71_a_mapped_address_is_the_ipv4_address() {
        let mapped = canonical(address("[::ffff:192.0.2.1]:4433"));
        assert_eq!(mapped, address("192.0.2.1:4433"));
        assert_eq!(
            ClientId::of(mapped),
            ClientId::of(address("192.0.2.1:4433"))
        );
    }

    #[test]
    fn p71_scope_tells_apart_and_flow_does_not() {
        let ip = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let of = |flow, scope| canonical(SocketAddrV6::new(ip, 1, flow, scope).into());
        assert_eq!(of(7, 2), of(0, 2));
        assert_ne!(of(0, 2), of(0, 3));
        assert_ne!(ClientId::of(of(0, 2)), ClientId::of(of(0, 3)));
    }

    #[test]
    fn a03_address_and_port_tell_clients_apart() {
        let id = |text| ClientId::of(address(text));
        assert_ne!(id("192.0.2.1:1"), id("192.0.2.1:2"));
        assert_ne!(id("192.0.2.1:1"), id("192.0.2.2:1"));
        assert_eq!(id("192.0.2.1:258").as_bytes(), [192, 0, 2, 1, 1, 2]);
        assert_eq!(id("[2001:db8::1]:1").as_bytes().len(), 22);
    }

    #[test]
    fn a_subscriber_is_counted_once() {
        assert_eq!(
            network(address("[2001:db8::1]:1")),
            network(address("[2001:db8::ffff:1]:2"))
        );
        assert_ne!(
            network(address("[2001:db8::1]:1")),
            network(address("[2001:db8:0:1::1]:1"))
        );
        assert_ne!(
            network(address("192.0.2.1:1")),
            network(address("192.0.2.2:1"))
        );
    }
}

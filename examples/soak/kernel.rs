//! What the kernel dropped before the listener could see it.

use std::fs;
use std::net::SocketAddrV4;

/// Datagrams for which this socket's buffer had no room, since it was bound.
pub(crate) fn dropped(socket: SocketAddrV4) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    // The kernel prints the address as the number that its bytes are in memory.
    let ip = u32::from_ne_bytes(socket.ip().octets());
    let address = format!("{ip:08X}:{:04X}", socket.port());
    let is_socket = |line: &&str| line.split_whitespace().nth(1) == Some(&address);
    let line = table.lines().find(is_socket).unwrap_or_default();
    let last = line.split_whitespace().last().unwrap_or_default();
    last.parse().unwrap_or_default()
}

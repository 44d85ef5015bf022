//! Captures of what passes a path, and what tshark reads in them with a key log.

use crate::Res;
use crate::peers::tool;
use etherparse::PacketBuilder;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use std::fs::File;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file of datagrams, in the format of libpcap.
pub struct Capture {
    file: PcapWriter<File>,
}

impl Capture {
    pub fn create(path: &Path) -> Res<Capture> {
        // Packets begin with their IP header.
        let header = PcapHeader {
            datalink: DataLink::RAW,
            ..PcapHeader::default()
        };
        Ok(Capture {
            file: PcapWriter::with_header(File::create(path)?, header)?,
        })
    }

    pub fn write(&mut self, from: SocketAddr, to: SocketAddr, datagram: &[u8]) -> Res<()> {
        let [from, to] = [from, to].map(v4);
        let (from, to) = (from?, to?);
        let packet = PacketBuilder::ipv4(from.ip().octets(), to.ip().octets(), 64)
            .udp(from.port(), to.port());
        let mut bytes = Vec::with_capacity(packet.size(datagram.len()));
        packet.write(&mut bytes, datagram)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let length = bytes.len().try_into()?;
        self.file
            .write_packet(&PcapPacket::new_owned(now, length, bytes))?;
        Ok(())
    }
}

/// The version that tshark tells.
pub fn version() -> Res<String> {
    tool::version("tshark", "--version")
}

fn v4(address: SocketAddr) -> Res<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Ok(address),
        SocketAddr::V6(_) => Err("captures here are of IPv4".into()),
    }
}

/// The application data of a capture that tshark can read, in order, each with the port it came from.
pub fn read(capture: &Path, server: SocketAddr, key_log: &Path) -> Res<Vec<(u16, Vec<u8>)>> {
    let output = Command::new("tshark")
        // No settings of whoever runs this.
        .env("WIRESHARK_CONFIG_DIR", std::env::temp_dir().join("none"))
        .arg("-n")
        .arg("-r")
        .arg(capture)
        // tshark 4.0 keeps key logs for DTLS under this name, too.
        .arg("-o")
        .arg(format!("tls.keylog_file:{}", key_log.display()))
        .arg("-d")
        .arg(format!("udp.port=={},dtls", server.port()))
        .args(["-T", "fields", "-e", "udp.srcport", "-e", "data.data"])
        .output()
        .map_err(|error| format!("tshark cannot be run, install it: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let mut messages = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let (port, data) = line.split_once('\t').ok_or("tshark prints other fields")?;
        // Of several records in one datagram, the data is separated by commas.
        for digits in data.split(',').filter(|digits| !digits.is_empty()) {
            messages.push((port.parse()?, bytes(digits)?));
        }
    }
    Ok(messages)
}

fn bytes(digits: &str) -> Res<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect()
}

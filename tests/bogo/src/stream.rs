//! Datagrams and commands in a TCP stream, and the clock that the commands turn.
//!
//! The runner tells the time: nothing here depends on the machine's clock. Whatever the library sends
//! in answer to one command goes out before the next command is read.

use flightline::{Clock, Transport};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the runner calls due although this much is missing.
const FUDGE: Duration = Duration::from_millis(15);

/// The time of day in a test.
#[derive(Default)]
pub struct RunnersClock(Mutex<Duration>);

impl RunnersClock {
    /// Lets time pass; where that comes close to `due`, all of it passes.
    fn advance(&self, by: Duration, due: Option<Duration>) {
        let by = match due {
            Some(due) if by < due && due - by < FUDGE => due,
            _ => by,
        };
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for RunnersClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// What the runner wants, other than what a [`Stream`] does by itself.
pub enum Command {
    /// A datagram is there to be received, or time has passed.
    GoOn,
    /// The library must be waiting for exactly this long.
    CheckTimeout(Option<Duration>),
    /// The first timeout of a flight is changed.
    SetTimeout(Duration),
    /// The runner has closed the connection.
    End,
}

/// One connection to the runner.
pub struct Stream {
    tcp: TcpStream,
    clock: Arc<RunnersClock>,
    max_datagram: Mutex<Option<usize>>,
    arrived: Mutex<Option<Vec<u8>>>,
}

impl Stream {
    pub fn connect(
        (ipv6, port): (bool, u16),
        shim_id: u64,
        max_datagram: Option<usize>,
        clock: Arc<RunnersClock>,
    ) -> io::Result<Stream> {
        let tcp = match ipv6 {
            true => TcpStream::connect((Ipv6Addr::LOCALHOST, port))?,
            false => TcpStream::connect((Ipv4Addr::LOCALHOST, port))?,
        };
        tcp.set_nodelay(true)?;
        (&tcp).write_all(&shim_id.to_le_bytes())?;
        Ok(Stream {
            tcp,
            clock,
            max_datagram: Mutex::new(max_datagram),
            arrived: Mutex::new(None),
        })
    }

    /// Waits for the next command. `timeout` is what the library waits for.
    pub fn command(&self, timeout: Option<Duration>) -> io::Result<Command> {
        let opcode = match self.read() {
            Ok([opcode]) => opcode,
            Err(_) => return Ok(Command::End),
        };
        match opcode {
            b'P' => {
                let mut datagram = vec![0; self.read_u32()?];
                (&self.tcp).read_exact(&mut datagram)?;
                *self.arrived.lock().unwrap() = Some(datagram);
            }
            b'T' => {
                let by = Duration::from_nanos(u64::from_be_bytes(self.read()?));
                (&self.tcp).write_all(b"t")?;
                self.clock.advance(by, timeout);
            }
            b'M' => {
                let max_datagram = self.read_u32()?;
                *self.max_datagram.lock().unwrap() = Some(max_datagram);
            }
            b'E' => {
                let expected = Some(u64::from_be_bytes(self.read()?)).filter(|ns| *ns != u64::MAX);
                return Ok(Command::CheckTimeout(expected.map(Duration::from_nanos)));
            }
            b'U' => {
                let ms = u32::from_be_bytes(self.read()?);
                return Ok(Command::SetTimeout(Duration::from_millis(ms.into())));
            }
            unknown => return Err(io::Error::other(format!("unknown command {unknown:#04x}"))),
        }
        Ok(Command::GoOn)
    }

    /// Ends our side and waits for the runner's, lest the system throws away what it has not read.
    pub fn close(&self) {
        let _ = self.tcp.shutdown(Shutdown::Write);
        let _ = io::copy(&mut &self.tcp, &mut io::sink());
    }

    fn read<const N: usize>(&self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        (&self.tcp).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn read_u32(&self) -> io::Result<usize> {
        Ok(u32::from_be_bytes(self.read()?) as usize)
    }
}

/// The library's end of a [`Stream`]: it never waits, since [`Stream::command`] does.
pub struct Datagrams(pub Arc<Stream>);

impl Transport for Datagrams {
    fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let mut packet = vec![b'P'];
        packet.extend_from_slice(&(datagram.len() as u32).to_be_bytes());
        packet.extend_from_slice(datagram);
        (&self.0.tcp).write_all(&packet)
    }

    fn recv(&self, buf: &mut Vec<u8>, _: Duration) -> io::Result<usize> {
        let arrived = self.0.arrived.lock().unwrap().take();
        *buf = arrived.ok_or(io::ErrorKind::WouldBlock)?;
        Ok(buf.len())
    }

    fn max_datagram(&self) -> Option<usize> {
        *self.0.max_datagram.lock().unwrap()
    }
}

//! A process: its connections, one after another, and what they leave behind.

use crate::errors::Failure;
use crate::flags::Connections;
use crate::program;
use crate::sessions::Stores;
use crate::stream::RunnersClock;
use std::sync::Arc;

/// Which of a process's connections this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    Later,
}

/// What all connections of a process share.
pub struct Process {
    pub clock: Arc<RunnersClock>,
    pub stores: Stores,
    /// What the verifier said of the peer's certificate, this time or when the session began.
    pub peer_is_good: bool,
}

/// The first connection, and those that go on with its session.
pub fn run(connections: &Connections) -> Result<(), Failure> {
    let mut process = Process {
        clock: Arc::default(),
        stores: Stores::default(),
        peer_is_good: true,
    };
    program::connection(&connections.initial, Turn::First, &mut process)?;
    for _ in 0..connections.initial.resume_count {
        program::connection(&connections.resume, Turn::Later, &mut process)?;
    }
    Ok(())
}

//! A server in a process of its own, and the children that are started against it.

use super::child::Opt;
use super::{Child, Facts, Outcome};
use std::fmt::Display;
use std::net::SocketAddr;

pub(crate) struct Target {
    process: Child,
    address: SocketAddr,
    /// The certificate of its authority; a bare program has none.
    ca: Option<String>,
}

impl Target {
    /// A listener, or a bare UDP program: what does `role`.
    pub(crate) fn start(role: &str, options: &[Opt<'_>]) -> Outcome<Target> {
        let mut process = Child::start(role, options)?;
        let told = process.hear()?;
        Ok(Target {
            process,
            address: told.get("address")?,
            ca: told.get("ca").ok(),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of its authority.
    pub(crate) fn ca(&self) -> Outcome<&str> {
        Ok(self
            .ca
            .as_deref()
            .ok_or("a bare program has no authority")?)
    }

    /// What it tells of itself.
    pub(crate) fn ask(&mut self) -> Outcome<Facts> {
        self.process.ask("tell")
    }

    /// A child that talks to this server.
    pub(crate) fn child(&self, role: &str, options: &[Opt<'_>]) -> Outcome<Child> {
        let mut all: Vec<Opt<'_>> = vec![("to", &self.address)];
        all.extend(self.ca.iter().map(|ca| ("ca", ca as &dyn Display)));
        all.extend(options);
        Child::start(role, &all)
    }

    /// So many clients, all of them connected.
    pub(crate) fn clients(&self, number: usize, options: &[Opt<'_>]) -> Outcome<Child> {
        let options = [options, &[("number", &number)]].concat();
        let mut clients = self.child("clients", &options)?;
        let connected: usize = clients.hear()?.get("connected")?;
        if connected < number {
            return Err(format!("only {connected} of {number} connected").into());
        }
        Ok(clients)
    }
}

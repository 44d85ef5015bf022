//! The run: the server, its rounds, and the monitor that watches them.

use crate::child::{Clients, Order, Report, Silence};
use crate::failures::Failures;
use crate::handler::Host;
use crate::stalls::{Call, Stalls};
use crate::tally::{Figures, NOT_REQUIRED, ServerTally, figure};
use crate::vitals::{AtRest, Vitals};
use crate::{Options, Outcome, kernel, parties};
use flightline::{Closer, DtlsListener, ServeOptions};
use parking_lot::Mutex;
use rand::Rng;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A connection that was abandoned is over after this time, so that rounds can end.
const IDLE_LIMIT: Duration = Duration::from_secs(4);

/// How long gauges, threads and descriptors may take to be back when all clients have gone: abandoned
/// connections and handshakes have to be found to be so.
const SETTLE_WITHIN: Duration = Duration::from_secs(20);

/// How long `serve` may take to return when nothing is left to do.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Clients that are there when the server closes.
const STAYING: u16 = 48;

/// How much more than its round the child may take before it is given up.
const CHILD_PATIENCE: Duration = Duration::from_secs(60);

/// Runs for as long as the options say.
///
/// # Errors
/// Whatever fails the run, in one line. All of it has been printed before.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let seed = options.seed.unwrap_or_else(|| rand::rng().next_u64());
    println!(
        "soak: {:?}, {} clients at once, --seed {seed}",
        options.minutes, options.clients
    );
    let mut monitor = Monitor::start(options, seed)?;
    let outcome = monitor.run(options.minutes);
    if let Err(error) = &outcome {
        monitor.host.failures.add(error.to_string());
    }
    monitor.sum_up();
    match monitor.host.failures.all() {
        (failures, _) if failures.is_empty() => Ok(()),
        (failures, more) => {
            for failure in &failures {
                println!("  {failure}");
            }
            let count = u64::try_from(failures.len()).unwrap_or(u64::MAX);
            let count = count.saturating_add(more);
            Err(format!("the run failed: {count} failures, --seed {seed}").into())
        }
    }
}

struct Monitor {
    start: Instant,
    every: Duration,
    told: Instant,
    closer: Closer,
    host: Arc<Host>,
    serving: JoinHandle<io::Result<()>>,
    clients: Clients,
    clients_did: Figures,
    /// Of this process, before any client came.
    alone: Vitals,
    server_at_rest: AtRest,
    clients_at_rest: AtRest,
    most: Vitals,
}

impl Monitor {
    fn start(options: &Options, seed: u64) -> Outcome<Monitor> {
        let failures = Failures::told_by(|what| eprintln!("FAILED: {what}"));
        failures.watch_panics();
        let (config, pin) = parties::server()?;
        let listener = DtlsListener::bind("127.0.0.1:0", config)?;
        let SocketAddr::V4(address) = listener.local_addr()? else {
            return Err("bound to an address that was not asked for".into());
        };
        let host = Arc::new(Host {
            address,
            tally: ServerTally::default(),
            failures,
            stalls: Stalls::watch()?,
            errors: Mutex::default(),
        });
        let closer = listener.closer();
        let told = host.clone();
        let serve_options = ServeOptions {
            idle_limit: Some(IDLE_LIMIT),
            on_error: Some(Arc::new(move |client, error| {
                told.handshake_failed(client, error);
            })),
            ..ServeOptions::default()
        };
        let serving = host.clone();
        let serving = thread::spawn(move || {
            listener.serve_with(serve_options, move |socket| serving.serve(socket))
        });
        let clients = Clients::start(options, address.into(), pin, seed)?;
        // The threads that were just started have allocated what they need by then.
        thread::sleep(Duration::from_millis(500));
        let alone = Vitals::now()?;
        Ok(Monitor {
            start: Instant::now(),
            every: Duration::from_secs(options.every),
            told: Instant::now(),
            closer,
            host,
            serving,
            clients,
            clients_did: Figures::new(),
            alone,
            server_at_rest: AtRest::of("server"),
            clients_at_rest: AtRest::of("clients"),
            most: alone,
        })
    }

    /// Four rounds at least, of half a minute at most.
    fn run(&mut self, time: Duration) -> Outcome<()> {
        let length = time.mul_f64(0.25).min(Duration::from_secs(30));
        let mut number = 0;
        while self.start.elapsed().saturating_add(length.mul_f64(0.5)) < time {
            number = u32::saturating_add(number, 1);
            self.round(number, length.mul_f64(0.66))?;
            if !self.host.failures.is_empty() {
                return Ok(());
            }
        }
        self.close()?;
        let missing = self
            .clients_did
            .iter()
            .filter(|(name, count)| **count == 0 && !NOT_REQUIRED.contains(&name.as_str()));
        for (name, _) in missing {
            self.host
                .failures
                .add(format!("the run has shown nothing of {name}"));
        }
        Ok(())
    }

    fn round(&mut self, number: u32, busy: Duration) -> Outcome<()> {
        let milliseconds = u64::try_from(busy.as_millis())?;
        self.clients.order(Order::Round {
            number,
            milliseconds,
        })?;
        let clients = self.wait_for(busy, |report| match report {
            Report::Left(vitals) => Some(*vitals),
            _ => None,
        })?;
        let server = self.settle()?;
        println!(
            "{:>5} s  round {number} at rest: {server}",
            self.start.elapsed().as_secs()
        );
        let failures = &self.host.failures;
        for grown in self.server_at_rest.compare(server) {
            failures.add(grown);
        }
        for grown in self.clients_at_rest.compare(clients) {
            failures.add(grown);
        }
        self.check_counters();
        Ok(())
    }

    /// Waits until the child reports this, and tells figures now and then.
    fn wait_for<T>(
        &mut self,
        expected: Duration,
        wanted: impl Fn(&Report) -> Option<T>,
    ) -> Outcome<T> {
        let start = Instant::now();
        while start.elapsed() < expected.saturating_add(CHILD_PATIENCE) {
            match self.clients.report_within(Duration::from_millis(200)) {
                Ok(report) => {
                    if let Some(found) = wanted(&report) {
                        return Ok(found);
                    }
                    match report {
                        Report::Tally(figures) => self.clients_did = figures,
                        Report::Failure(what) => self.host.failures.add(what),
                        Report::Left(_) | Report::Staying | Report::Ended => {}
                    }
                }
                Err(Silence::Yet) => {}
                Err(Silence::Gone) => return Err("the process of the clients has ended".into()),
            }
            self.tell_now_and_then()?;
        }
        Err("the process of the clients does not answer".into())
    }

    /// Waits until nobody is there, and nothing of anybody.
    fn settle(&mut self) -> Outcome<Vitals> {
        let start = Instant::now();
        loop {
            let stats = self.closer.stats();
            let now = Vitals::now()?;
            let is_empty = stats.connections == 0 && stats.handshakes == 0;
            if is_empty && now.threads <= self.alone.threads && now.files <= self.alone.files {
                return Ok(now);
            }
            if start.elapsed() > SETTLE_WITHIN {
                return Err(format!(
                    "{SETTLE_WITHIN:?} after all clients left: {} connections, {} handshakes, {now}; \
                     before they came: {}",
                    stats.connections, stats.handshakes, self.alone
                )
                .into());
            }
            thread::sleep(Duration::from_millis(50));
            self.tell_now_and_then()?;
        }
    }

    /// What must hold of the counters whenever nobody is there.
    fn check_counters(&self) {
        let (stats, tally) = (self.closer.stats(), &self.host.tally);
        let failures = &self.host.failures;
        let wanted = tally.wanted_panics.get();
        if stats.worker_panics != wanted {
            failures.add(format!(
                "{} workers panicked, and {wanted} were asked to",
                stats.worker_panics
            ));
        }
        if [
            stats.threads_failed,
            stats.refused_connections,
            stats.socket_errors,
        ] != [0; 3]
        {
            failures.add(format!("the listener was short of something: {stats:?}"));
        }
    }

    /// Closes the listener under clients that are connected.
    fn close(&mut self) -> Outcome<()> {
        self.clients.order(Order::Stay(STAYING))?;
        self.wait_for(Duration::ZERO, |report| {
            matches!(report, Report::Staying).then_some(())
        })?;
        // A client may be done a moment before the server is.
        let call = Call::begin();
        while self.closer.stats().connections != u64::from(STAYING) {
            if self.host.stalls.lateness(&call, CLOSE_WITHIN).is_some() {
                let stats = self.closer.stats();
                return Err(format!("{STAYING} clients are connected, and {stats:?}").into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        let (call, start) = (Call::begin(), Instant::now());
        self.closer.close();
        while !self.serving.is_finished() {
            if self.host.stalls.lateness(&call, CLOSE_WITHIN).is_some() {
                return Err(format!(
                    "serve has not returned {:?} after close: {:?}",
                    start.elapsed(),
                    self.closer.stats()
                )
                .into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        println!("serve returned {:.1?} after close", start.elapsed());
        self.wait_for(CLOSE_WITHIN, |report| {
            matches!(report, Report::Ended).then_some(())
        })?;
        self.settle()?;
        Ok(())
    }

    fn tell_now_and_then(&mut self) -> io::Result<()> {
        if self.told.elapsed() < self.every {
            return Ok(());
        }
        self.told = Instant::now();
        let (stats, now) = (self.closer.stats(), Vitals::now()?);
        self.most = Vitals {
            heap: self.most.heap.max(now.heap),
            resident: self.most.resident.max(now.resident),
            threads: self.most.threads.max(now.threads),
            files: self.most.files.max(now.files),
        };
        let did = |name| figure(&self.clients_did, name);
        println!(
            "{:>5} s  {} connections, {} handshakes; {now}; so far {} handshakes, {} resumed, {} echoes",
            self.start.elapsed().as_secs(),
            stats.connections,
            stats.handshakes,
            did("handshakes"),
            did("dtls12_resumed").saturating_add(did("dtls13_resumed")),
            did("echoes"),
        );
        Ok(())
    }

    fn sum_up(&self) {
        println!("\n{:.1?} in all", self.start.elapsed());
        println!("clients:  {}", list(&self.clients_did));
        println!("server:   {}", list(&self.host.tally.figures()));
        println!("listener: {:?}", self.closer.stats());
        println!(
            "dropped by the kernel: {}",
            kernel::dropped(self.host.address)
        );
        for (error, count) in &*self.host.errors.lock() {
            println!("handshakes that failed: {count} of: {error}");
        }
        println!("  server at most: {}", self.most);
        print!("{}{}", self.server_at_rest, self.clients_at_rest);
    }
}

fn list(figures: &Figures) -> String {
    let words: Vec<String> = figures
        .iter()
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    words.join(", ").replace('_', " ")
}

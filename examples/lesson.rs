//! A lesson in DTLS: a client and a server shake hands over a network that loses what you say, and all that
//! they do is drawn as the RFCs draw flights.
//!
//!     cargo run --release --example lesson -- --dtls 1.2 --lose 4
//!
//! Time is virtual: a minute of waiting takes a millisecond. docs/retransmission.md explains what there is to see.

#[path = "lesson/diagram.rs"]
mod diagram;
#[path = "shared/dtls.rs"]
mod dtls;

use clap::Parser;
use diagram::Diagram;
use dtls::Dtls;
use flightline::lab::{Arrival, End, Pair, Weather};
use flightline::{
    ClientConfig, ConfigBuilder, Identity, Psk, ServerConfig, ServerIdentity, ServerName,
    ServerTrust, Settings,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Draws what a client and a server say to each other: each flight, datagram, loss and timer.
#[derive(Parser, Debug)]
struct Options {
    /// The version that both speak
    #[arg(long, value_enum, default_value = "1.3")]
    dtls: Dtls,
    /// Lose the datagram of this number, the first being 1; may be repeated
    #[arg(long, value_name = "N")]
    lose: Vec<u64>,
    /// Lose this share of all datagrams, at random
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    loss: u8,
    /// Another number loses others
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The largest datagram to send, in bytes of UDP payload
    #[arg(long, value_name = "BYTES", default_value_t = 1400)]
    mtu: usize,
    /// Go on with the session of an earlier connection
    #[arg(long)]
    resume: bool,
    /// Know each other by a pre-shared key, not by a certificate
    #[arg(long)]
    psk: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let diagram = Diagram::default();
    let (client, server) = options.sides(&diagram)?;
    if options.resume {
        let (client, server) = (client.clone(), server.clone());
        let earlier = Pair::new(client, server, ServerName::unnamed(), Weather::clear())?;
        converse(earlier, &diagram)?;
        diagram.clear();
    }
    let weather = options.weather(&diagram);
    let pair = Pair::new(client, server, ServerName::unnamed(), weather)?;
    let outcome = converse(pair, &diagram);
    diagram.print();
    Ok(outcome?)
}

/// Shakes hands, sends a question and its answer, and lets both sides come to rest.
fn converse(mut pair: Pair, diagram: &Diagram) -> flightline::Result<()> {
    pair.establish(Duration::MAX)?;
    // Nobody sends data again that is lost: that is the application's business.
    pair.send(End::Client, b"ping")?;
    diagram.says(pair.now(), End::Client, "sends \"ping\"");
    while pair.step() {
        if pair.received(End::Server).is_some() {
            pair.send(End::Server, b"pong")?;
            diagram.says(pair.now(), End::Server, "gets \"ping\", sends \"pong\"");
        }
        if pair.received(End::Client).is_some() {
            diagram.says(pair.now(), End::Client, "gets \"pong\"");
        }
    }
    Ok(())
}

impl Options {
    fn sides(&self, diagram: &Diagram) -> Result<(ClientConfig, ServerConfig), Box<dyn Error>> {
        let (trust, identity) = if self.psk {
            let psk = Psk::new("lesson", [7; 32])?;
            (ServerTrust::psk(psk.clone()), ServerIdentity::psk(psk))
        } else {
            let made = rcgen::generate_simple_self_signed(["lesson".to_owned()])?;
            let key = made.signing_key.serialize_pem();
            let identity = Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
            let trust = ServerTrust::pinned([identity.fingerprint()]);
            (trust, ServerIdentity::certificate(identity))
        };
        let client = self.apply(ClientConfig::builder(trust), diagram);
        let server = self.apply(ServerConfig::builder(identity), diagram);
        Ok((client.build()?, server.build()?))
    }

    fn apply<C: AsMut<Settings>>(
        &self,
        builder: ConfigBuilder<C>,
        diagram: &Diagram,
    ) -> ConfigBuilder<C> {
        builder
            .versions([self.dtls.into()])
            .mtu(self.mtu)
            .observer(Arc::new(diagram.clone()))
    }

    fn weather(&self, diagram: &Diagram) -> Weather {
        let (lose, loss) = (self.lose.clone(), f64::from(self.loss) / 100.0);
        let mut dice = StdRng::seed_from_u64(self.seed);
        let diagram = diagram.clone();
        let weather = Weather::new(move |datagram| {
            let after = Duration::from_millis(10);
            let bytes = datagram.bytes;
            let unlucky = dice.random_bool(loss);
            match unlucky || lose.contains(&datagram.number.saturating_add(1)) {
                true => Vec::new(),
                false => vec![Arrival { after, bytes }],
            }
        });
        weather.watched(move |datagram, arrivals| diagram.datagram(datagram, arrivals))
    }
}

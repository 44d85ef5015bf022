//! What the programs have in common: options of both roles, errors in one line.

pub(crate) mod dtls;

use clap::Args;
use dtls::Dtls;
use flightline::{ConfigBuilder, Error, KeyLog, KeyLogFile, Psk};
use std::error::Error as StdError;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Outcome<T> = Result<T, Box<dyn StdError>>;

#[derive(Args, Debug)]
pub(crate) struct SharedOptions {
    /// Speak this version only
    #[arg(long, value_enum)]
    pub(crate) dtls: Option<Dtls>,
    /// An application protocol, the preferred first; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) alpn: Vec<String>,
    /// The first retransmission delay, in milliseconds; doubled at each expiry
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    pub(crate) handshake_min: u64,
    /// The delay after whose expiry the handshake fails, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub(crate) handshake_max: u64,
    /// The largest datagram to send, in bytes of UDP payload
    #[arg(long, value_name = "BYTES", default_value_t = 1400)]
    pub(crate) mtu: usize,
    /// Log every flight, timer and dropped record to standard error
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// Append the secrets of connections to this file, for Wireshark (default: $SSLKEYLOGFILE)
    #[arg(long, value_name = "FILE")]
    pub(crate) key_log: Option<PathBuf>,
    /// The name of a pre-shared key
    #[arg(long, value_name = "NAME", requires = "psk")]
    pub(crate) psk_identity: Option<String>,
    /// A pre-shared key, in hexadecimal
    #[arg(long, value_name = "HEX", requires = "psk_identity")]
    pub(crate) psk: Option<String>,
}

impl SharedOptions {
    /// Sends the library's log to standard error: warnings, or everything with `--verbose`.
    /// `RUST_LOG` decides where it is set.
    pub(crate) fn start_log(&self) {
        let level = if self.verbose { "debug" } else { "warn" };
        let environment = env_logger::Env::default().default_filter_or(level);
        env_logger::Builder::from_env(environment)
            .format_timestamp(None)
            .init();
    }

    /// The pre-shared key, if one was given.
    pub(crate) fn pre_shared_key(&self) -> Outcome<Option<Psk>> {
        let Some((identity, digits)) = self.psk_arguments() else {
            return Ok(None);
        };
        let key = from_hex(digits).ok_or(
            "--psk: not an even number of hexadecimal digits; `openssl rand -hex 32` makes a key",
        )?;
        Ok(Some(Psk::new(identity, key)?))
    }

    /// The name of the pre-shared key and its digits, as they were given.
    pub(crate) fn psk_arguments(&self) -> Option<(&str, &str)> {
        self.psk_identity.as_deref().zip(self.psk.as_deref())
    }

    /// Applies what both roles share to a configuration.
    pub(crate) fn apply<C>(&self, mut builder: ConfigBuilder<C>) -> Outcome<ConfigBuilder<C>>
    where
        C: AsMut<flightline::Settings>,
    {
        let (min, max) = (self.handshake_min, self.handshake_max);
        if min > max {
            return Err(format!(
                "--handshake-min {min} is longer than --handshake-max {max}: shorten it, too"
            )
            .into());
        }
        builder = builder
            .mtu(self.mtu)
            .handshake_timeout(Duration::from_millis(min), Duration::from_millis(max));
        if let Some(version) = self.dtls {
            builder = builder.versions([version.into()]);
        }
        if !self.alpn.is_empty() {
            builder = builder.alpn(&self.alpn);
        }
        Ok(match self.open_key_log()? {
            Some(key_log) => builder.key_log(key_log),
            None => builder,
        })
    }

    fn open_key_log(&self) -> Outcome<Option<Arc<dyn KeyLog>>> {
        let opened = match &self.key_log {
            Some(path) => KeyLogFile::create(path).map(Some),
            None => KeyLogFile::from_env(),
        };
        let file = opened.map_err(|error| match &self.key_log {
            Some(path) => format!("--key-log {}: {error}", path.display()),
            None => format!("SSLKEYLOGFILE: {error}"),
        })?;
        Ok(file.map(|file| {
            let key_log: Arc<dyn KeyLog> = Arc::new(file);
            key_log
        }))
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|nibble| nibble.try_into().ok()))
        .collect::<Option<_>>()?;
    let pairs = nibbles.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect()
    })
}

/// Ends the program: a failure prints one line that says what to do.
pub(crate) fn end(outcome: Outcome<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    let advice = error.downcast_ref().and_then(advice).unwrap_or_default();
    eprintln!("error: {error}{advice}");
    ExitCode::FAILURE
}

/// What the library cannot say, since it does not know these programs' options.
fn advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::MessageTooLong { .. } => "; --mtu says how long a datagram may be",
        Error::Certificate(flightline::CertificateError::NotPinned { .. }) => {
            "; if this is the right server, --pin this fingerprint"
        }
        Error::Certificate(flightline::CertificateError::UnknownIssuer) => {
            "; give its authority with --ca, or pin it with --pin"
        }
        Error::Certificate(flightline::CertificateError::WrongName { .. }) => {
            "; give the name in its certificate with --name"
        }
        _ => return None,
    })
}

//! A system whose random generator fails.

use super::honest::*;
use super::honest13::{bound, client13, hello13, puppet_client, puppet_server, server13};
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::{ServerConfig, ServerIdentity};
use crate::cookie::CookieContext;
use crate::crypto::random::failing;
use crate::error::Error;
use crate::resumption::{RotatingTicketer, Ticketer};
use crate::wire::{ClientKeyExchange, ServerHello, ServerHelloDone};

/// Whichever draw it is that fails, the script ends, and has said nothing that the bytes were for.
#[test]
fn i17_a_script_ends_where_the_generator_fails() {
    type Begun = fn() -> Puppet;
    let scripts: [(&str, Begun); 4] = [
        ("a client", || {
            Puppet::server(client(), ServerName::unnamed())
        }),
        ("a client of both versions", || puppet_server(client13())),
        ("a server", || Puppet::client(server(), &hello())),
        ("a server of DTLS 1.3", || {
            let hello = bound(hello13(), &[], &[b"tester"]);
            puppet_client(server13(), &hello)
        }),
    ];
    for (name, script) in scripts {
        let mut draws = 0;
        loop {
            let (puppet, failed) = failing::after(draws, script);
            if failed == 0 {
                assert_eq!(puppet.verdict(), Verdict::Waits, "{name}");
                break;
            }
            assert_eq!(
                puppet.verdict(),
                Verdict::Failed(Error::RandomFailed),
                "{name}: {draws}"
            );
            puppet.assert_silence();
            draws += 1;
        }
        assert!(draws > 0, "{name} draws nothing");
    }
}

/// A key of nobody's is drawn, and if it cannot be drawn there is none: anyone could know another.
#[test]
fn i17_without_a_random_key_an_unknown_identity_ends_the_handshake() {
    let draws_for = |identity: &[u8]| {
        let knows = |name: &[u8]| (name == psk().identity()).then(psk);
        let script = || {
            let server = ServerConfig::builder(ServerIdentity::psk(knows));
            let mut puppet = Puppet::client(plain(server), &hello());
            if puppet.verdict() == Verdict::Waits {
                puppet.hear::<ServerHello>();
                puppet.hear::<ServerHelloDone>();
                puppet.say(&ClientKeyExchange::psk(identity));
            }
            puppet
        };
        let failing = (0..).take_while(|draws| {
            let (puppet, failed) = failing::after(*draws, script);
            let ended = Verdict::Failed(Error::RandomFailed);
            assert!(failed == 0 || puppet.verdict() == ended, "{draws}");
            failed > 0
        });
        failing.count()
    };
    assert_eq!(draws_for(b"nobody"), draws_for(psk().identity()) + 1);
}

/// What is shared fails to be made, or goes without what it has no key for.
#[test]
fn i17_no_key_is_made_where_the_generator_fails() {
    let (context, _) = failing::after(0, CookieContext::new);
    assert!(matches!(context, Err(Error::RandomFailed)));
    let ticketer = RotatingTicketer::new();
    let (sealed, failed) = failing::after(0, || ticketer.seal(b"a session"));
    assert!(sealed.is_none() && failed > 0);
    // The key is drawn, and the nonce is not.
    let (sealed, failed) = failing::after(1, || ticketer.seal(b"a session"));
    assert!(sealed.is_none() && failed > 0);
    assert!(ticketer.seal(b"a session").is_some());
}

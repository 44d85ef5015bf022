//! Going on with earlier sessions, from the hellos to Finished.

use super::super::keys12::Keys;
use super::honest::*;
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::{
    ClientConfig, ConfigBuilder, ExtendedMasterSecret, ServerConfig, ServerIdentity,
};
use crate::error::Error;
use crate::resumption::{Handle, RotatingTicketer, ServerSessionCache};
use crate::wire::{
    ClientHello, ExtensionType, Finished, HandshakeType, NewSessionTicket, ServerHello,
    ServerHelloDone,
};
use std::sync::Arc;

fn ticket() -> NewSessionTicket {
    NewSessionTicket {
        lifetime_hint: 60,
        ticket: vec![2; 100],
    }
}

fn other_keys() -> Error {
    Error::UnexpectedRecord("a message under other keys")
}

/// The server goes on with the session, so it must do so on the session's terms.
#[test]
fn d16_g03_a_client_goes_on_with_a_session_only_as_it_was() {
    type Client = ConfigBuilder<ClientConfig>;
    type Case = (
        &'static str,
        fn(Client) -> Client,
        fn(&mut ServerHello),
        Verdict,
    );
    let cases: [Case; 4] = [
        ("as it was", |client| client, |_| (), Verdict::Waits),
        (
            "under another suite",
            |client| client.cipher_suites([SUITE, OTHER_SUITE]),
            |answer| answer.cipher_suite = OTHER_SUITE,
            Verdict::Failed(Error::IllegalParameter("suite of a resumed session")),
        ),
        (
            "without the extended master secret",
            |client| client.extended_master_secret(ExtendedMasterSecret::Optional),
            |answer| answer.extensions.extended_master_secret = false,
            Verdict::Failed(Error::NoExtendedMasterSecret),
        ),
        (
            "with an extension unasked",
            |client| client,
            |answer| answer.extensions.server_name = true,
            Verdict::Failed(Error::UnsolicitedExtension(ExtensionType::SERVER_NAME)),
        ),
    ];
    for handle in [Handle::Id(vec![9; 32]), Handle::Ticket(vec![1; 100])] {
        for (case, config, lie, verdict) in &cases {
            let session = session(handle.clone());
            let mut puppet = server_for(config(client()), &session);
            serve_again(&mut puppet, &session.state().master, lie);
            assert_eq!(puppet.verdict(), *verdict, "{case}");
            puppet.assert_silence();
        }
    }
}

/// Another session ID than the client's says that the session is not gone on with.
#[test]
fn a_server_that_says_another_session_id_makes_a_new_session() {
    for handle in [Handle::Id(vec![9; 32]), Handle::Ticket(vec![1; 100])] {
        for id in [vec![], vec![8; 32], vec![9; 31]] {
            let mut puppet = server_for(client(), &session(handle.clone()));
            let keys = serve(&mut puppet, |answer| answer.session_id = id);
            finish_as_server(&mut puppet, &keys);
            assert!(!puppet.session().resumed);
        }
    }
}

type Change = fn(&mut ServerHello);

/// The server makes a new session, or goes on with the one that the client offers.
const BOTH: [fn(Change) -> (Puppet, Keys); 2] = [
    |change| {
        let mut puppet = server_for(client(), &session(Handle::Ticket(vec![1; 100])));
        let keys = serve(&mut puppet, change);
        (puppet, keys)
    },
    |change| {
        let session = session(Handle::Ticket(vec![1; 100]));
        let mut puppet = server_for(client(), &session);
        let keys = serve_again(&mut puppet, &session.state().master, change);
        (puppet, keys)
    },
];

/// RFC 5077 §3.3: a ticket comes before ChangeCipherSpec where it was announced.
#[test]
fn an_announced_ticket_comes() {
    let announced: Change = |answer| answer.extensions.session_ticket = true;
    for begin in BOTH {
        let (mut puppet, keys) = begin(announced);
        puppet.say(&ticket());
        finish_as_server(&mut puppet, &keys);
        assert_eq!(puppet.verdict(), Verdict::Established);

        let (mut puppet, keys) = begin(announced);
        finish_as_server(&mut puppet, &keys);
        assert_eq!(puppet.verdict(), Verdict::Failed(other_keys()));

        let (mut puppet, _) = begin(announced);
        let verify_data = vec![0; 12];
        puppet.say(&Finished { verify_data });
        let instead = Error::UnexpectedMessage {
            got: HandshakeType::FINISHED,
            expected: HandshakeType::NEW_SESSION_TICKET,
        };
        assert_eq!(puppet.verdict(), Verdict::Refused(instead));
    }
}

#[test]
fn no_ticket_comes_that_was_not_announced() {
    for begin in BOTH {
        let (mut puppet, _) = begin(|_| ());
        puppet.say(&ticket());
        assert_eq!(puppet.verdict(), Verdict::Refused(other_keys()));

        let (mut puppet, keys) = begin(|_| ());
        puppet.write_under(keys.server_write());
        puppet.say(&ticket());
        let instead = Error::UnexpectedMessage {
            got: HandshakeType::NEW_SESSION_TICKET,
            expected: HandshakeType::FINISHED,
        };
        assert_eq!(puppet.verdict(), Verdict::Failed(instead));
    }
}

#[test]
fn a_client_that_has_been_answered_with_its_session_waits_for_finished_only() {
    let session = session(Handle::Ticket(vec![1; 100]));
    let mut puppet = server_for(client(), &session);
    serve_again(&mut puppet, &session.state().master, |_| ());
    puppet.say(&ServerHelloDone);
    assert_eq!(puppet.verdict(), Verdict::Refused(other_keys()));
    puppet.assert_silence();
}

/// RFC 6066 §3: the name is confirmed where the session is made, not where it is gone on with. RFC 5246
/// §7.4.1.2, RFC 5077 §3.4: the client's session ID is repeated.
#[test]
fn a_server_answers_with_the_clients_session_id_and_without_its_name() {
    let ticketer = Arc::new(RotatingTicketer::new());
    let cache = Arc::new(ServerSessionCache::default());
    // Who has no certificate for any name has keys for all.
    #[cfg(feature = "x509")]
    let identity = ServerIdentity::resolver(|_: Option<&str>| Vec::new()).with_psk(psk());
    #[cfg(not(feature = "x509"))]
    let identity = ServerIdentity::psk(psk());
    let server = plain(ServerConfig::builder(identity));
    let server = server.ticketer(ticketer).sessions(cache);
    for ticket in [None, Some(Vec::new())] {
        let mut hello = hello();
        hello.extensions.server_name = Some(b"server.test".to_vec());
        hello.extensions.session_ticket = ticket;
        let (mut puppet, keys, answer) = approach(server.clone(), &hello);
        assert_eq!(answer.extensions.server_name, cfg!(feature = "x509"));
        finish_as_client(&mut puppet, &keys);
        assert!(!puppet.session().resumed);

        let mut again = ClientHello {
            random: [0xc2; 32],
            session_id: answer.session_id,
            ..hello
        };
        if answer.extensions.session_ticket {
            let sealed = puppet.hear::<NewSessionTicket>().ticket;
            again.session_id = b"an ID".to_vec();
            again.extensions.session_ticket = Some(sealed);
        }
        let (mut puppet, keys, answer) = approach_again(server.clone(), &again, keys.master());
        assert_eq!(answer.session_id, again.session_id);
        let confirmed = [
            ExtensionType::EXTENDED_MASTER_SECRET,
            ExtensionType::RENEGOTIATION_INFO,
        ];
        assert_eq!(answer.extensions.types, confirmed);
        finish_as_client(&mut puppet, &keys);
        let session = puppet.session();
        assert!(session.resumed);
        assert_eq!(session.server_name.as_deref(), Some("server.test"));
        puppet.assert_silence();
    }
}

/// RFC 5077 §3.4: the session ID beside a ticket is there to be recognised in the answer, so nobody can know
/// it before.
#[test]
fn no_two_hellos_bear_the_same_session_id_beside_a_ticket() {
    let ids = [(); 2].map(|()| {
        let session = session(Handle::Ticket(vec![1; 100]));
        let hello = server_for(client(), &session).hear::<ClientHello>();
        assert_eq!(hello.extensions.session_ticket, Some(vec![1; 100]));
        assert_eq!(hello.session_id.len(), 32);
        hello.session_id
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn a_client_without_a_session_asks_for_a_ticket_and_shows_no_session_id() {
    let asked = |client| {
        let hello = Puppet::server(client, ServerName::unnamed()).hear::<ClientHello>();
        assert!(hello.session_id.is_empty());
        hello.extensions.session_ticket
    };
    assert_eq!(asked(client()), Some(Vec::new()));
    assert_eq!(asked(client().without_resumption()), None);
}

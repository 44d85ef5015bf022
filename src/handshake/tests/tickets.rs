//! What a client keeps of a handshake: under which handle, since when and for how long.

use super::honest::*;
use super::honest13::{answer13, client13, handshake_keys, puppet_server, session13};
use super::puppet::{Puppet, Verdict};
use crate::certificate::ServerName;
use crate::config::ExtendedMasterSecret;
use crate::error::Error;
use crate::resumption::{ClientSession, Handle};
use crate::wire::{
    ClientHello, EncryptedExtensions, NewSessionTicket, ServerExtensions, ServerHello, SrtpChoice,
    SrtpProfile,
};

const ID: [u8; 32] = [8; 32];
const DAY: u64 = 24 * HOUR;

fn new(lifetime_hint: u32, ticket: &[u8]) -> NewSessionTicket {
    NewSessionTicket {
        lifetime_hint,
        ticket: ticket.to_vec(),
    }
}

fn handle(session: &ClientSession) -> (&'static str, &[u8]) {
    match session.handle() {
        Handle::Ticket(ticket) => ("ticket", ticket),
        Handle::Id(id) => ("ID", id),
        Handle::Ticket13 { ticket, .. } => ("ticket of DTLS 1.3", ticket),
    }
}

/// A session ID, a ticket, and what is kept: the handle and the seconds that it is good for.
#[test]
fn a_full_handshake_leaves_what_the_server_has_given() {
    type Kept = Option<((&'static str, &'static [u8]), u64)>;
    type Case = (&'static [u8], Option<NewSessionTicket>, Kept);
    let cases: [Case; 7] = [
        (&[], None, None),
        (&ID, None, Some((("ID", &ID), DAY))),
        (&[], Some(new(60, b"t")), Some((("ticket", b"t"), 60))),
        (&[], Some(new(0, b"t")), Some((("ticket", b"t"), DAY))),
        (&ID, Some(new(60, b"t")), Some((("ticket", b"t"), 60))),
        // RFC 5077 §3.3: the server has changed its mind.
        (&[], Some(new(60, b"")), None),
        (&ID, Some(new(60, b"")), Some((("ID", &ID), DAY))),
    ];
    for (id, ticket, kept) in cases {
        let case = format!("{id:?}, {ticket:?}");
        let store = Store::default();
        let client = client().sessions(store.clone());
        let mut puppet = Puppet::server(client, ServerName::unnamed());
        let keys = serve(&mut puppet, |answer| {
            answer.session_id = id.to_vec();
            answer.extensions.session_ticket = ticket.is_some();
        });
        if let Some(ticket) = &ticket {
            puppet.say(ticket);
        }
        // RFC 5077 §3.3: nothing counts before the server's Finished.
        assert!(store.session().is_none(), "{case}");
        finish_as_server(&mut puppet, &keys);
        let session = store.session();
        assert_eq!(
            session
                .as_ref()
                .map(|session| (handle(session), session.expires())),
            kept.map(|(handle, seconds)| (handle, date(TODAY + seconds))),
            "{case}"
        );
        if let Some(session) = session {
            let state = session.state();
            assert_eq!(state.created, TODAY);
            assert_eq!(state.master.as_bytes(), keys.master().as_bytes());
        }
    }
}

/// RFC 7627 §5.4: without the extended master secret two connections could export the same keys.
#[test]
fn f08_without_the_extended_master_secret_no_keys_are_exported() {
    for extended in [true, false] {
        let client = client().extended_master_secret(ExtendedMasterSecret::Optional);
        let mut puppet = Puppet::server(client, ServerName::unnamed());
        let keys = serve(&mut puppet, |answer| {
            answer.extensions.extended_master_secret = extended;
        });
        finish_as_server(&mut puppet, &keys);
        let exported =
            puppet
                .session()
                .export_keying_material(&mut [0; 32], b"EXPORTER-test", None);
        match extended {
            true => exported.unwrap(),
            false => assert!(matches!(exported, Err(Error::NoExporter))),
        }
    }
}

/// RFC 7627 §5.4: what has no exporter has no keys for SRTP, so a server does not agree to it, and a client has none
/// of a server that does.
#[test]
fn f08_without_the_extended_master_secret_there_is_no_srtp() {
    let profile = SrtpProfile::SRTP_AEAD_AES_128_GCM;
    for extended in [true, false] {
        let server = server()
            .srtp_profiles([profile])
            .extended_master_secret(ExtendedMasterSecret::Optional);
        let mut hello = hello();
        hello.extensions.extended_master_secret = extended;
        hello.extensions.srtp_profiles = Some(vec![profile]);
        let mut puppet = Puppet::client(server, &hello);
        let agreed = puppet.hear::<ServerHello>().extensions.use_srtp;
        let expected = extended.then_some(profile);
        assert_eq!(agreed.map(|choice| choice.profile), expected);
        assert_eq!(puppet.verdict(), Verdict::Waits);

        for agrees in [true, false] {
            let client = client()
                .srtp_profiles([profile])
                .extended_master_secret(ExtendedMasterSecret::Optional);
            let mut puppet = Puppet::server(client, ServerName::unnamed());
            puppet.hear::<ClientHello>();
            let mut answer = answer();
            answer.extensions.extended_master_secret = extended;
            answer.extensions.use_srtp = agrees.then_some(SrtpChoice {
                profile,
                mki: Vec::new(),
            });
            puppet.say(&answer);
            let expected = match (extended, agrees) {
                (false, true) => Verdict::Failed(Error::NoExtendedMasterSecret),
                _ => Verdict::Waits,
            };
            assert_eq!(puppet.verdict(), expected, "{extended}, {agrees}");
        }
    }
}

/// The session of [`session`] is an hour old.
#[test]
fn a_new_ticket_takes_the_place_of_the_old_and_makes_no_session_younger() {
    type Kept = (&'static [u8], u64);
    const OLD: [u8; 100] = [1; 100];
    let cases: [(Option<NewSessionTicket>, Kept); 4] = [
        (None, (&OLD, DAY - HOUR)),
        (Some(new(60, b"")), (&OLD, DAY - HOUR)),
        (Some(new(60, b"new")), (b"new", 60)),
        (Some(new(0, b"new")), (b"new", DAY - HOUR)),
    ];
    for (ticket, (kept, seconds)) in cases {
        let case = format!("{ticket:?}");
        let old = session(Handle::Ticket(OLD.to_vec()));
        let store = Store::with(old.clone());
        let client = client().sessions(store.clone());
        let mut puppet = Puppet::server(client, ServerName::unnamed());
        let announce = |answer: &mut ServerHello| {
            answer.extensions.session_ticket = ticket.is_some();
        };
        let keys = serve_again(&mut puppet, &old.state().master, announce);
        if let Some(ticket) = &ticket {
            puppet.say(ticket);
        }
        assert!(store.session().is_none(), "{case}");
        finish_as_server(&mut puppet, &keys);
        puppet.read_under(keys.server_read());
        let expected = keys.client_finished(puppet.io());
        puppet.hear_finished(&expected);
        assert_eq!(puppet.verdict(), Verdict::Established);

        let session = store.session().unwrap();
        assert_eq!(handle(&session), ("ticket", kept), "{case}");
        assert_eq!(session.expires(), date(TODAY + seconds), "{case}");
        let (state, old) = (session.state(), old.state());
        assert_eq!(state.created, old.created, "{case}");
        assert_eq!(state.master.as_bytes(), old.master.as_bytes(), "{case}");
        assert_eq!(state.peer, old.peer, "{case}");
    }
}

/// RFC 7627 §5.3.
#[test]
fn a_client_keeps_no_session_without_the_extended_master_secret() {
    let store = Store::default();
    let client = client()
        .sessions(store.clone())
        .extended_master_secret(ExtendedMasterSecret::Optional);
    let mut puppet = Puppet::server(client, ServerName::unnamed());
    let keys = serve(&mut puppet, |answer| {
        answer.session_id = ID.to_vec();
        answer.extensions.extended_master_secret = false;
    });
    finish_as_server(&mut puppet, &keys);
    assert!(puppet.session().exporter.is_none());
    assert!(store.session().is_none());
}

/// A ServerHello may be forged, and costs no session. Whoever speaks under the keys that follow has seen the ticket,
/// which is not shown again (RFC 8446 §C.4), though the handshake comes to no end.
#[test]
fn a_ticket_of_dtls_1_3_is_used_up_when_something_came_under_keys() {
    for under_keys in [false, true] {
        let store = Store::with(session13());
        let mut puppet = puppet_server(client13().sessions(store.clone()));
        puppet.hear::<ClientHello>();
        puppet.say(&answer13());
        if under_keys {
            puppet.write_under(handshake_keys());
            puppet.say(&EncryptedExtensions {
                extensions: ServerExtensions::default(),
            });
        }
        assert_eq!(puppet.verdict(), Verdict::Waits);
        assert!(store.session().is_none(), "it is on offer");
        drop(puppet);
        assert_eq!(store.session().is_none(), under_keys);
    }
}

/// A handshake that fails at its end costs the session that was offered.
#[test]
fn a_session_with_which_a_handshake_fails_is_forgotten() {
    let old = session(Handle::Ticket(vec![1; 100]));
    let store = Store::with(old.clone());
    let client = client().sessions(store.clone());
    let mut puppet = Puppet::server(client, ServerName::unnamed());
    let keys = serve_again(&mut puppet, &old.state().master, |_| ());
    puppet.write_under(keys.server_write());
    let wrong = keys.client_finished(puppet.io());
    puppet.say(&wrong);
    assert!(matches!(puppet.verdict(), Verdict::Failed(_)));
    assert!(store.session().is_none());
}

/// An answer that is illegal may be what the session brings, each time.
#[test]
fn a_session_that_is_answered_by_an_illegal_hello_is_forgotten() {
    let old = session(Handle::Ticket(vec![1; 100]));
    for (case, session, client, answer) in [
        ("1.2", old, client(), answer()),
        ("1.3", session13(), client13(), answer13()),
    ] {
        let store = Store::with(session);
        let mut puppet = puppet_server(client.sessions(store.clone()));
        puppet.hear::<ClientHello>();
        assert!(store.session().is_none(), "{case}: it is on offer");
        puppet.say(&ServerHello {
            compression_method: 1,
            ..answer
        });
        assert!(matches!(puppet.verdict(), Verdict::Failed(_)), "{case}");
        assert!(store.session().is_none(), "{case}");
    }
}

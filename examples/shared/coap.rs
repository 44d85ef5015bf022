//! CoAP messages, as RFC 7252 wants them to be read. `coap-lite` knows the format; here is what it takes
//! and a recipient must not. Sections are those of RFC 7252.

use coap_lite::{CoapOption, Header, HeaderRaw, MessageClass, MessageType, Packet};

/// What a message carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Request,
    Response,
    /// Nothing: it acknowledges or resets another message, or wants to be reset (a "ping", §4.3).
    Empty,
    /// Something that its recipient must not process. Only the header is there.
    Unacceptable,
}

/// Reads a datagram. `None` is to be ignored without a word.
pub(crate) fn read(datagram: &[u8]) -> Option<(Content, Packet)> {
    let header = Header::from_raw(&HeaderRaw::try_from(datagram).ok()?);
    // §3: a version that is unknown is ignored. `coap-lite` takes any.
    if header.get_version() != 1 {
        return None;
    }
    let acceptable = well_formed(datagram).and_then(|packet| Some((content(&header)?, packet)));
    Some(acceptable.unwrap_or_else(|| {
        let mut packet = Packet::new();
        packet.header = header;
        (Content::Unacceptable, packet)
    }))
}

fn well_formed(datagram: &[u8]) -> Option<Packet> {
    let packet = Packet::from_bytes(datagram).ok()?;
    // §4.1: an Empty message ends behind its Message ID.
    if packet.header.code == MessageClass::Empty && datagram.len() > 4 {
        return None;
    }
    // §3: behind a payload marker there is a payload. `coap-lite` reads a marker without one, but writes
    // none; and since a message can be written in one way only, nothing else makes a difference here.
    (packet.to_bytes_unlimited().ok()? == datagram).then_some(packet)
}

/// §4.2, §4.3: what each type may carry, and which classes of codes there are.
fn content(header: &Header) -> Option<Content> {
    use MessageType::{Acknowledgement, Confirmable, NonConfirmable};
    match (class(header.code), header.get_type()) {
        _ if header.code == MessageClass::Empty => Some(Content::Empty),
        (0, Confirmable | NonConfirmable) => Some(Content::Request),
        (2..=5, Confirmable | NonConfirmable | Acknowledgement) => Some(Content::Response),
        _ => None,
    }
}

/// What rejects a message: a Reset if it is Confirmable (§4.2). Others are ignored: an Acknowledgement or
/// a Reset must be, a Non-confirmable message may be (§4.3).
pub(crate) fn rejection(message: &Packet) -> Option<Packet> {
    let header = &message.header;
    (header.get_type() == MessageType::Confirmable)
        .then(|| empty(MessageType::Reset, header.message_id))
}

/// An Empty message that answers the message of this ID.
pub(crate) fn empty(kind: MessageType, message_id: u16) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_type(kind);
    packet.header.code = MessageClass::Empty;
    packet.header.message_id = message_id;
    packet
}

/// The first critical option that is not among `understood`, or not in a form in which it can be
/// understood. Options are critical if their number is odd (§5.4.6); all others may be ignored (§5.4.1).
pub(crate) fn bad_option(packet: &Packet, understood: &[CoapOption]) -> Option<CoapOption> {
    packet.options().find_map(|(number, values)| {
        let option = CoapOption::from(*number);
        // §5.10, table 4. §5.4.3, §5.4.5: what is too long, too short or too often is as unknown.
        let (lengths, at_most) = match option {
            CoapOption::UriHost => (1..=255, 1),
            CoapOption::UriPort => (0..=2, 1),
            _ => (0..=255, usize::MAX),
        };
        let good = understood.contains(&option)
            && values.len() <= at_most
            && values.iter().all(|value| lengths.contains(&value.len()));
        (number % 2 == 1 && !good).then_some(option)
    })
}

/// The class of a code, which says the most important of codes that are unknown, too (§5.9).
pub(crate) fn class(code: MessageClass) -> u8 {
    u8::from(code) >> 5
}

/// The code as people write it: `4.04 NotFound`.
pub(crate) fn name(code: MessageClass) -> String {
    match code {
        MessageClass::Response(response) => format!("{code} {response:?}"),
        _ => code.to_string(),
    }
}

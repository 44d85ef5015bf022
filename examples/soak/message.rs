//! Numbered messages, so that a wrong, a foreign and a repeated one are told from the right one.

/// What a message asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Send it back.
    Echo,
    /// Send it back; the connection will be closed in an orderly way, and nothing will keep you from seeing it.
    Leaving,
    /// Close the connection.
    Close,
    /// Panic.
    Panic,
    /// Take new keys and send it back.
    NewKeys,
    /// The same, and ask for new keys of the client's.
    AllNewKeys,
}

impl Kind {
    const ALL: [(u8, Kind); 6] = [
        (0, Kind::Echo),
        (1, Kind::Leaving),
        (2, Kind::Close),
        (3, Kind::Panic),
        (4, Kind::NewKeys),
        (5, Kind::AllNewKeys),
    ];
}

/// Which message of which connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// Drawn by the client for each connection.
    pub(crate) connection: u64,
    pub(crate) number: u32,
    pub(crate) kind: Kind,
}

/// Connection, number, kind.
const HEAD: usize = 8 + 4 + 1;

/// The longest filling.
const FILLING: u64 = 900;

impl Message {
    /// The message as it is sent, `most` bytes long at most. What fills it follows from its head, so that
    /// nothing in it can be changed unnoticed.
    pub(crate) fn write(&self, most: usize) -> Vec<u8> {
        let mut bytes = self.head();
        let (length, filling) = self.filling();
        bytes.extend(filling.take(length));
        bytes.truncate(most.max(HEAD));
        bytes
    }

    /// `None` if no `write` has made this.
    pub(crate) fn read(bytes: &[u8]) -> Option<Message> {
        let (connection, rest) = bytes.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (kind, filling) = rest.split_first()?;
        let (_, kind) = Kind::ALL.into_iter().find(|(code, _)| code == kind)?;
        let message = Message {
            connection: u64::from_be_bytes(*connection),
            number: u32::from_be_bytes(*number),
            kind,
        };
        let (length, expected) = message.filling();
        let is_whole = filling.len() <= length && expected.zip(filling).all(|(a, b)| a == *b);
        is_whole.then_some(message)
    }

    fn head(&self) -> Vec<u8> {
        let code = Kind::ALL.into_iter().find(|(_, kind)| *kind == self.kind);
        let code = code.map_or(0, |(code, _)| code);
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.extend(self.connection.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.push(code);
        bytes
    }

    /// Its length, and more of it than that.
    fn filling(&self) -> (usize, impl Iterator<Item = u8>) {
        let mut state = self.connection ^ u64::from(self.number).rotate_left(32) | 1;
        let mut next = move || {
            // Marsaglia's xorshift: short and the same everywhere.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let length = usize::try_from(next() % FILLING).unwrap_or_default();
        let filling = std::iter::from_fn(move || Some(next().to_be_bytes()));
        (length, filling.flatten())
    }
}

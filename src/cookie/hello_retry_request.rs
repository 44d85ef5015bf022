//! HelloRetryRequest with a cookie that holds all there is to remember (RFC 9147 §5.1).

use super::context::COOKIE_LEN;
use super::reply::{Fixed, MOST};
use crate::crypto::Suite13;
use crate::wire::{CipherSuite, ExtensionType, HELLO_RETRY_REQUEST, NamedGroup, ProtocolVersion};

/// Bytes of the longest hash.
const LONGEST_HASH: usize = 48;

/// What a server remembers of the first hello and of its answer, in the client's keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RetryState {
    pub(crate) suite: &'static Suite13,
    /// The group that a share is wanted in, if the hello had none that would do.
    pub(crate) group: Option<NamedGroup>,
    hello_hash: [u8; LONGEST_HASH],
}

/// A cookie: the tag of [`CookieContext`](super::CookieContext), and what it vouches for.
pub(super) type RetryCookie = Fixed<{ COOKIE_LEN + 4 + LONGEST_HASH }>;

impl RetryState {
    /// `message` is the first hello with its header, in parts, as transcripts have it.
    pub(super) fn new(
        suite: &'static Suite13,
        group: Option<NamedGroup>,
        message: &[&[u8]],
    ) -> RetryState {
        let digest = suite.hash.digest_of(message);
        let mut hello_hash = [0; LONGEST_HASH];
        let filled = hello_hash.iter_mut().zip(digest.as_ref());
        filled.for_each(|(to, from)| *to = *from);
        RetryState {
            suite,
            group,
            hello_hash,
        }
    }

    /// The hash that stands for the first hello (RFC 8446 §4.4.1).
    pub(crate) fn hello_hash(&self) -> &[u8] {
        let length = self.suite.hash.len();
        self.hello_hash.get(..length).unwrap_or_default()
    }

    /// What stands in the cookie behind its tag.
    pub(super) fn encode(&self) -> Fixed<{ 4 + LONGEST_HASH }> {
        let group = self.group.map_or(0, |group| group.0);
        let mut out = Fixed::new();
        out.append(&[
            &self.suite.id.0.to_be_bytes(),
            &group.to_be_bytes(),
            self.hello_hash(),
        ]);
        out
    }

    pub(super) fn decode(
        bytes: &[u8],
        find: impl FnOnce(CipherSuite) -> Option<&'static Suite13>,
    ) -> Option<RetryState> {
        let (suite, rest) = bytes.split_first_chunk()?;
        let (group, hash) = rest.split_first_chunk()?;
        let suite = find(CipherSuite(u16::from_be_bytes(*suite)))?;
        let group = u16::from_be_bytes(*group);
        let mut hello_hash = [0; LONGEST_HASH];
        if hash.len() != suite.hash.len() {
            return None;
        }
        let filled = hello_hash.iter_mut().zip(hash);
        filled.for_each(|(to, from)| *to = *from);
        Some(RetryState {
            suite,
            group: (group != 0).then_some(NamedGroup(group)),
            hello_hash,
        })
    }

    /// The HelloRetryRequest's body: always the same for the same state and cookie, so that a server which
    /// kept neither can make it again for its transcript.
    pub(crate) fn request(&self, cookie: &[u8]) -> Fixed<MOST> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        let version = ProtocolVersion::DTLS1_2.0.to_be_bytes();
        let mut extensions = Fixed::<MOST>::new();
        extensions.append(&[
            &ExtensionType::SUPPORTED_VERSIONS.0.to_be_bytes(),
            &[0, 2],
            &ProtocolVersion::DTLS1_3.0.to_be_bytes(),
        ]);
        if let Some(group) = self.group {
            extensions.append(&[
                &ExtensionType::KEY_SHARE.0.to_be_bytes(),
                &[0, 2],
                &group.0.to_be_bytes(),
            ]);
        }
        extensions.append(&[
            &ExtensionType::COOKIE.0.to_be_bytes(),
            &length(cookie).saturating_add(2).to_be_bytes(),
            &length(cookie).to_be_bytes(),
            cookie,
        ]);
        let mut body = Fixed::new();
        body.append(&[
            &version,
            &HELLO_RETRY_REQUEST,
            // No session ID, and no compression behind the suite.
            &[0],
            &self.suite.id.0.to_be_bytes(),
            &[0],
            &length(extensions.as_bytes()).to_be_bytes(),
            extensions.as_bytes(),
        ]);
        body
    }
}

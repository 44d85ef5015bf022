//! One epoch of reading.

use super::Record;
use super::protection::{Dtls12, Protection};
use super::protection13::{self, Dtls13};
use super::replay::{Replay, ReplayWindow, Verdict};
use crate::crypto::{AeadAlgorithm, WriteKeys};
use crate::error;
use crate::stats::DropReason;
use crate::wire::{
    ContentType, MAX_CIPHERTEXT, MAX_CIPHERTEXT13, MAX_PLAINTEXT, RecordHeader, UnifiedHeader,
};
use std::cmp::Ordering;

/// How many records may fail authentication under one key, of whichever AEAD (RFC 9147 §4.5.3): more
/// would bring a forgery within reach.
const INTEGRITY_LIMIT: u64 = 1 << 36;

/// Opens records and remembers which ones it has opened.
pub(crate) struct Opener {
    epoch: u16,
    protection: Protection,
    window: ReplayWindow,
    forgeries: u64,
}

impl Opener {
    /// Epoch 0.
    pub(crate) fn plaintext() -> Self {
        Opener {
            epoch: 0,
            protection: Protection::Null,
            window: ReplayWindow::default(),
            forgeries: 0,
        }
    }

    /// An epoch under the keys of a key block.
    pub(crate) fn dtls12(epoch: u16, aead: AeadAlgorithm, keys: &WriteKeys) -> error::Result<Self> {
        Ok(Opener {
            epoch,
            protection: Protection::dtls12(aead, keys)?,
            window: ReplayWindow::default(),
            forgeries: 0,
        })
    }

    /// An epoch of DTLS 1.3.
    pub(super) fn dtls13(epoch: u16, keys: Dtls13) -> Self {
        Opener {
            epoch,
            protection: Protection::Dtls13(Box::new(keys)),
            window: ReplayWindow::default(),
            forgeries: 0,
        }
    }

    pub(crate) fn epoch(&self) -> u16 {
        self.epoch
    }

    /// How many records the keys may refuse, once they have refused as many (RFC 9325 §4.4: the connection
    /// should be closed then).
    pub(crate) fn integrity_limit(&self) -> Option<u64> {
        (self.forgeries >= INTEGRITY_LIMIT).then_some(INTEGRITY_LIMIT)
    }

    /// The keys have just refused half as many records as they may.
    pub(crate) fn is_worn(&self) -> bool {
        self.forgeries == INTEGRITY_LIMIT / 2
    }

    /// What is in a record. What is not authentic is counted, and changes nothing else.
    pub(crate) fn open<'a>(
        &mut self,
        record: Record<'a>,
        replay: Replay,
    ) -> Result<Opened<'a>, DropReason> {
        let opened = match (&self.protection, record) {
            (Protection::Null, Record::Full(header, fragment)) => {
                self.check_epoch(&header)?;
                check_length(fragment, MAX_PLAINTEXT)?;
                // What nothing authenticates must not move a window: one forged number would shut out
                // all the true ones. In epoch 0 message_seq tells what is old.
                Ok(Opened::full(&header, fragment))
            }
            (Protection::Dtls12(keys), Record::Full(header, fragment)) => {
                self.check_epoch(&header)?;
                open12(keys, &mut self.window, header, fragment, replay)
            }
            (Protection::Dtls13(keys), Record::Unified(header, fragment)) => {
                open13(keys, &mut self.window, header, fragment, replay)
            }
            // RFC 9147 §4: each version has its form, and nothing is protected under the other's.
            (_, Record::Full(..) | Record::Unified(..)) => Err(DropReason::UnexpectedType),
        };
        match opened {
            Ok(opened) => Ok(Opened {
                epoch: self.epoch,
                ..opened
            }),
            Err(reason) => {
                let forged = u64::from(reason == DropReason::BadMac);
                self.forgeries = self.forgeries.saturating_add(forged);
                Err(reason)
            }
        }
    }

    fn check_epoch(&self, header: &RecordHeader) -> Result<(), DropReason> {
        match header.epoch.cmp(&self.epoch) {
            Ordering::Less => Err(DropReason::OldEpoch),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(DropReason::FutureEpoch),
        }
    }
}

/// A record that was opened.
#[derive(Debug)]
pub(crate) struct Opened<'a> {
    pub(crate) content_type: ContentType,
    pub(crate) epoch: u16,
    pub(crate) sequence: u64,
    /// It has not come before, as far as one can tell.
    pub(crate) is_new: bool,
    /// What is authentic may still be too long.
    pub(crate) too_long: bool,
    /// May be empty.
    pub(crate) plaintext: &'a mut [u8],
}

impl<'a> Opened<'a> {
    fn full(header: &RecordHeader, plaintext: &'a mut [u8]) -> Self {
        Opened {
            content_type: header.content_type,
            epoch: header.epoch,
            sequence: header.sequence,
            is_new: true,
            too_long: plaintext.len() > MAX_PLAINTEXT,
            plaintext,
        }
    }
}

fn open12<'a>(
    keys: &Dtls12,
    window: &mut ReplayWindow,
    header: RecordHeader,
    fragment: &'a mut [u8],
    replay: Replay,
) -> Result<Opened<'a>, DropReason> {
    check_length(fragment, MAX_CIPHERTEXT)?;
    let verdict = window.check(header.sequence);
    let accept =
        replay == Replay::AcceptDuplicates && header.content_type == ContentType::APPLICATION_DATA;
    if !accept {
        is_new(verdict)?;
    }
    let plaintext = keys.open(&header, fragment).ok_or(DropReason::BadMac)?;
    // RFC 6347 §4.1.2.6: the window MUST NOT be updated before the record is verified.
    window.mark(header.sequence);
    Ok(Opened {
        is_new: verdict == Verdict::New,
        ..Opened::full(&header, plaintext)
    })
}

fn open13<'a>(
    keys: &Dtls13,
    window: &mut ReplayWindow,
    header: UnifiedHeader,
    ciphertext: &'a mut [u8],
    replay: Replay,
) -> Result<Opened<'a>, DropReason> {
    check_length(ciphertext, MAX_CIPHERTEXT13)?;
    // RFC 9147 §4.2.3: what is too short for a mask is as what fails deprotection.
    let header = keys.unmask(&header, ciphertext).ok_or(DropReason::BadMac)?;
    let sequence = header.sequence.expand(window.expected());
    let inner = keys
        .open(&header, sequence, ciphertext)
        .ok_or(DropReason::BadMac)?;
    let inner = protection13::strip(inner);
    // RFC 9147 §4.5.1: only now, or the time that it takes would tell what the number is.
    let accept =
        replay == Replay::AcceptDuplicates && inner.content_type == ContentType::APPLICATION_DATA;
    let verdict = window.check(sequence);
    if !accept {
        is_new(verdict)?;
    }
    window.mark(sequence);
    Ok(Opened {
        content_type: inner.content_type,
        epoch: 0,
        sequence,
        is_new: verdict == Verdict::New,
        // RFC 8446 §5.4: padding counts.
        too_long: inner.length > MAX_PLAINTEXT.saturating_add(1),
        plaintext: inner.content,
    })
}

/// What is longer cannot be authentic.
fn check_length(fragment: &[u8], maximum: usize) -> Result<(), DropReason> {
    match fragment.len() > maximum {
        true => Err(DropReason::RecordOverflow),
        false => Ok(()),
    }
}

fn is_new(verdict: Verdict) -> Result<(), DropReason> {
    match verdict {
        Verdict::New => Ok(()),
        Verdict::Seen => Err(DropReason::Replay),
        Verdict::TooOld => Err(DropReason::TooOld),
    }
}

#[cfg(test)]
impl Opener {
    /// One forgery short of its limit.
    pub(crate) fn nearly_worn_out(self) -> Opener {
        let forgeries = INTEGRITY_LIMIT - 1;
        Opener { forgeries, ..self }
    }

    /// One forgery short of half its limit.
    pub(crate) fn half_worn_out(self) -> Opener {
        let forgeries = INTEGRITY_LIMIT / 2 - 1;
        Opener { forgeries, ..self }
    }
}

#[cfg(test)]
mod tests;

//! Batches back to back in a range of bytes, as in a segment, an answer of Fetch or a torn file.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use super::{BatchHeader, HeaderError};

/// Where and why the bytes stop being whole batches. Everything before `position` is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WalkError {
    /// The ordinary end of a file that was cut while it was written, or of a read of limited size.
    #[error("the batch at byte {position} is torn: {have} of {needed} bytes are there")]
    Torn { position: usize, have: usize, needed: usize },
    /// No batch begins here.
    #[error("no batch begins at byte {position}: {error}")]
    Header { position: usize, error: HeaderError },
}

impl WalkError {
    pub fn position(&self) -> usize {
        match *self {
            WalkError::Torn { position, .. } | WalkError::Header { position, .. } => position,
        }
    }
}

/// One whole batch of the range; its CRC has not been looked at.
#[derive(Clone, Copy, Debug)]
pub struct WalkedBatch<'a> {
    /// Bytes before it in the range.
    pub position: usize,
    pub header: BatchHeader,
    pub bytes: &'a [u8],
}

impl WalkedBatch<'_> {
    /// Whether the stored checksum is that of the bytes. Base offset and leader epoch are not covered (LOG-16).
    pub fn crc_matches(&self) -> bool {
        self.header.crc == BatchHeader::crc_of(self.bytes)
    }
}

/// See [`walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

/// Walks the batches of `bytes`: whole batches first, then at most one error, then nothing. Only length and magic are
/// judged (LOG-13 asks the caller for CRC and offsets).
pub fn walk(bytes: &[u8]) -> Walk<'_> {
    Walk { bytes, position: 0, failed: false }
}

impl Walk<'_> {
    /// Bytes of the whole batches that were yielded.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<WalkedBatch<'a>, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        let position = self.position;
        let rest = self.bytes.get(position..).filter(|rest| !rest.is_empty() && !self.failed)?;
        let header = match BatchHeader::parse(rest) {
            Ok(header) => header,
            Err(error) => {
                self.failed = true;
                let torn = |needed| WalkError::Torn { position, have: rest.len(), needed };
                return Some(Err(match error {
                    HeaderError::Short { .. } => torn(super::HEADER_BYTES),
                    error => WalkError::Header { position, error },
                }));
            }
        };
        let Some(bytes) = rest.get(..header.size()) else {
            self.failed = true;
            return Some(Err(WalkError::Torn { position, have: rest.len(), needed: header.size() }));
        };
        self.position += bytes.len();
        Some(Ok(WalkedBatch { position, header, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    #[test]
    fn log_13_whole_batches_come_first_and_a_torn_tail_is_told() {
        let batch = BatchBuilder::new(0).record(None, Some(b"v")).build();
        let size = batch.bytes().len();
        let two = batch.bytes().repeat(2);
        for cut in 0..two.len() {
            let mut walk = walk(&two[..cut]);
            let whole = walk.by_ref().take_while(|batch| batch.as_ref().is_ok_and(WalkedBatch::crc_matches)).count();
            assert_eq!((whole, walk.position()), (cut / size, cut / size * size), "cut at {cut}");
            assert!(walk.next().is_none());
        }
        let torn = walk(&two[..size + 62]).last().unwrap().unwrap_err();
        assert_eq!(torn, WalkError::Torn { position: size, have: 62, needed: size });
    }

    #[test]
    fn log_13_foreign_bytes_end_the_walk() {
        let batch = BatchBuilder::new(0).record(None, Some(b"v")).build();
        let mut bytes = batch.bytes().to_vec();
        bytes.extend_from_slice(&[0; 100]);
        let mut walk = walk(&bytes);
        assert!(walk.next().unwrap().is_ok());
        let error = walk.next().unwrap().unwrap_err();
        assert_eq!((error.position(), walk.next().is_none()), (batch.bytes().len(), true));
    }

    #[test]
    fn log_16_the_crc_is_judged_over_the_batch_alone() {
        let batch = BatchBuilder::new(0).record(None, Some(b"v")).build();
        let mut bytes = batch.bytes().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(!walk(&bytes).next().unwrap().unwrap().crc_matches());
    }
}

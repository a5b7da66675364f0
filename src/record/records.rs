//! The records of one batch, one after the other, decompressed within a limit; foreign bytes give errors, never panics.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use super::{
    BatchHeader, HEADER_BYTES, TimestampType,
    codecs::{DecompressError, decompress},
    fields::{Cursor, OffsetDeltas, RecordFault, RecordFields, header},
};
use std::borrow::Cow;

/// Why a batch's records cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordsError {
    #[error("the batch's attributes {attributes:#06x} name no known compression")]
    Codec { attributes: i16 },
    #[error("the batch has {have} bytes where its header says {expected}")]
    Size { have: usize, expected: usize },
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    #[error("record {index} of {count} is damaged: {fault}")]
    Record { index: i32, count: i32, fault: RecordFault },
    #[error("{extra} bytes follow the last of {count} records")]
    Extra { count: i32, extra: usize },
    #[error("the record count {count} is impossible")]
    Count { count: i32 },
}

/// The uncompressed records of one batch; the iterator borrows from it.
#[derive(Clone, Debug)]
pub struct RecordSet<'a> {
    header: BatchHeader,
    body: Cow<'a, [u8]>,
}

/// Opens the records of `batch`, the bytes of one whole batch whose header is `header`. Uncompressed records stay where
/// they are; compressed ones are decompressed here, to at most `decompressed_bytes_max` bytes (VAL-12). The CRC is not
/// looked at.
pub fn records<'a>(
    header: &BatchHeader,
    batch: &'a [u8],
    decompressed_bytes_max: usize,
) -> Result<RecordSet<'a>, RecordsError> {
    let body = batch.get(HEADER_BYTES..).filter(|_| batch.len() == header.size());
    let body = body.ok_or(RecordsError::Size { have: batch.len(), expected: header.size() })?;
    if header.record_count < 0 {
        return Err(RecordsError::Count { count: header.record_count });
    }
    let body = match header.codec() {
        None => return Err(RecordsError::Codec { attributes: header.attributes }),
        Some(super::Codec::None) => Cow::Borrowed(body),
        // Compaction leaves batches without records and without compressed bytes.
        Some(_) if header.record_count == 0 && body.is_empty() => Cow::Borrowed(body),
        Some(codec) => Cow::Owned(decompress(codec, body, decompressed_bytes_max)?),
    };
    Ok(RecordSet { header: *header, body })
}

impl RecordSet<'_> {
    pub fn iter(&self) -> Records<'_> {
        Records { header: self.header, cursor: Cursor(&self.body), read: 0, last_delta: -1, failed: false }
    }

    /// How many records there are, if the batch tells the truth; never more than its bytes can hold.
    pub fn count_max(&self) -> usize {
        /// Length, attributes, two deltas, lengths of key and value, number of headers.
        const RECORD_BYTES_MIN: usize = 7;
        usize::try_from(self.header.record_count).unwrap_or(0).min(self.body.len() / RECORD_BYTES_MIN)
    }

    /// All records as they stand uncompressed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl<'a> IntoIterator for &'a RecordSet<'_> {
    type Item = Result<RecordView<'a>, RecordsError>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        self.iter()
    }
}

/// One record, its bytes in place.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Counted from the batch's base offset.
    pub offset_delta: i32,
    /// Milliseconds, absolute; the batch's append time when the broker set the timestamps; -1 for none.
    pub timestamp: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    header_count: u32,
    headers: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> RecordView<'a> {
    pub fn header_count(&self) -> usize {
        self.header_count as usize
    }

    /// The record's headers in their order; names may repeat.
    pub fn headers(&self) -> Headers<'a> {
        Headers { cursor: Cursor(self.headers), left: self.header_count }
    }

    /// The record as it stands in the batch, without its length field.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Headers of one record: name (not always UTF-8) and value.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    cursor: Cursor<'a>,
    left: u32,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        header(&mut self.cursor).ok()
    }
}

/// Yields each record, or one error and then nothing. Offset deltas are proven to rise within the batch; a compacted
/// batch may have gaps.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    header: BatchHeader,
    cursor: Cursor<'a>,
    read: i32,
    last_delta: i32,
    failed: bool,
}

impl<'a> Records<'a> {
    fn read_one(&mut self) -> Result<RecordView<'a>, RecordFault> {
        let bytes = self.cursor.record()?;
        let fields = RecordFields::parse(bytes)?;
        let delta = fields.offset_delta;
        if delta <= self.last_delta || delta > self.header.last_offset_delta {
            let expected = OffsetDeltas::Within(self.last_delta.saturating_add(1), self.header.last_offset_delta);
            return Err(RecordFault::OffsetDelta { delta, expected });
        }
        self.last_delta = delta;
        Ok(RecordView {
            offset_delta: delta,
            timestamp: timestamp_of(&self.header, fields.timestamp_delta)?,
            key: fields.key,
            value: fields.value,
            header_count: fields.header_count,
            headers: fields.headers,
            bytes,
        })
    }
}

/// Absolute time of a record.
#[inline(always)]
pub(super) fn timestamp_of(header: &BatchHeader, delta: i64) -> Result<i64, RecordFault> {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => Ok(header.max_timestamp),
        TimestampType::CreateTime => header.base_timestamp.checked_add(delta).ok_or(RecordFault::Timestamp),
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, RecordsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = self.header.record_count;
        if self.failed {
            return None;
        }
        if self.read == count {
            let extra = self.cursor.0.len();
            self.failed = true;
            return (extra > 0).then_some(Err(RecordsError::Extra { count, extra }));
        }
        let record = self.read_one().map_err(|fault| RecordsError::Record { index: self.read, count, fault });
        self.failed = record.is_err();
        self.read += 1;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;

    #[test]
    fn records_come_out_as_they_went_in_with_repeated_header_names_in_order() {
        let headers = [("a", Some(&b"1"[..])), ("b", None), ("a", Some(&b"2"[..]))];
        let batch = BatchBuilder::new(1_000)
            .record(Some(b"k"), None)
            .record_with_headers(None, Some(b"value"), &headers)
            .build();
        let set = records(batch.header(), batch.bytes(), 0).unwrap();
        assert_eq!(set.count_max(), 2);
        let lying = BatchHeader { record_count: i32::MAX, ..*batch.header() };
        assert!(records(&lying, batch.bytes(), 0).unwrap().count_max() < batch.bytes().len());
        let read: Vec<_> = set.iter().collect::<Result<_, _>>().unwrap();
        assert_eq!(
            (read[0].offset_delta, read[0].timestamp, read[0].key, read[0].value),
            (0, 1_000, Some(&b"k"[..]), None)
        );
        assert_eq!((read[1].offset_delta, read[1].key, read[1].value), (1, None, Some(&b"value"[..])));
        let read: Vec<_> = read[1].headers().collect();
        assert_eq!(read, [(&b"a"[..], Some(&b"1"[..])), (b"b", None), (b"a", Some(b"2"))]);
    }

    #[test]
    fn val_6_a_lying_count_is_an_error_and_the_end() {
        let batch = BatchBuilder::new(0).record(None, Some(b"a")).record(None, Some(b"b")).build();
        let mut header = *batch.header();
        header.record_count = i32::MAX;
        let set = records(&header, batch.bytes(), 0).unwrap();
        let mut iter = set.iter().skip(2);
        assert!(matches!(iter.next(), Some(Err(RecordsError::Record { index: 2, .. }))));
        assert!(iter.next().is_none());
        header.record_count = 1;
        let set = records(&header, batch.bytes(), 0).unwrap();
        let mut iter = set.iter().skip(1);
        assert!(matches!(iter.next(), Some(Err(RecordsError::Extra { count: 1, .. }))));
        assert!(iter.next().is_none());
        header.record_count = -1;
        assert!(matches!(records(&header, batch.bytes(), 0), Err(RecordsError::Count { count: -1 })));
    }

    #[test]
    fn an_append_time_batch_gives_every_record_that_time() {
        let batch = BatchBuilder::new(5).record(None, Some(b"a")).attributes(BatchHeader::LOG_APPEND_TIME).build();
        let mut header = *batch.header();
        header.max_timestamp = 77;
        let set = records(&header, batch.bytes(), 0).unwrap();
        assert_eq!(set.iter().next().unwrap().unwrap().timestamp, 77);
    }
}

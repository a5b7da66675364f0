//! The records of a batch as compaction looks at them: offset, time, key, whether there is a value. Values and headers are
//! passed over; nothing is allocated.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]
use super::fields::{Cursor, Field, RecordFault};

/// One record; `start` and `end` are its place among the uncompressed records, its length field included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyedRecord<'a> {
    pub offset_delta: i32,
    pub timestamp_delta: i64,
    /// `None`: a record without a key.
    pub key: Option<&'a [u8]>,
    /// A record without a value marks its key as deleted.
    pub has_value: bool,
    pub start: usize,
    pub end: usize,
    /// What stands before the time, and what stands behind it.
    pub attributes: u8,
    pub rest: &'a [u8],
}

/// See [`keyed_records`].
#[derive(Clone, Debug)]
pub struct KeyedRecords<'a> {
    cursor: Cursor<'a>,
    bytes: usize,
    left: i32,
}

/// Walks `count` records of `body`, uncompressed. One error, also for bytes that are left over, ends it.
pub fn keyed_records(body: &[u8], count: i32) -> KeyedRecords<'_> {
    KeyedRecords { cursor: Cursor(body), bytes: body.len(), left: count }
}

impl<'a> KeyedRecords<'a> {
    /// No byte is left.
    pub fn is_empty(&self) -> bool {
        self.cursor.0.is_empty()
    }

    #[inline(always)]
    fn read_one(&mut self) -> Result<KeyedRecord<'a>, RecordFault> {
        let start = self.bytes - self.cursor.0.len();
        let mut cursor = Cursor(self.cursor.record()?);
        let end = self.bytes - self.cursor.0.len();
        let attributes = cursor.byte(Field::Attributes)?;
        let timestamp_delta = cursor.varlong(Field::TimestampDelta)?;
        let rest = cursor.0;
        let offset_delta = cursor.varint(Field::OffsetDelta)?;
        let key = cursor.nullable(Field::KeyLength, Field::Key)?;
        let has_value = cursor.varint(Field::ValueLength)? >= 0;
        Ok(KeyedRecord { offset_delta, timestamp_delta, key, has_value, start, end, attributes, rest })
    }
}

impl<'a> Iterator for KeyedRecords<'a> {
    type Item = Result<KeyedRecord<'a>, RecordFault>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            let extra = std::mem::take(&mut self.cursor.0).len();
            return (extra > 0).then_some(Err(RecordFault::Extra { extra }));
        }
        self.left -= 1;
        let record = self.read_one();
        if record.is_err() {
            self.left = 0;
            self.cursor.0 = &[];
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, HEADER_BYTES};

    #[test]
    fn keys_and_places_are_found_and_damage_ends_the_walk() {
        let batch = BatchBuilder::new(100)
            .record_at(105, Some(b"key"), Some(b"value"), &[("h", Some(b"x"))])
            .record(None, None)
            .build();
        let body = &batch.bytes()[HEADER_BYTES..];
        let read: Vec<_> = keyed_records(body, 2).collect::<Result<_, _>>().unwrap();
        let first = &read[0];
        assert_eq!((first.offset_delta, first.timestamp_delta, first.key), (0, 5, Some(&b"key"[..])));
        assert!(first.has_value && !read[1].has_value && read[1].key.is_none());
        assert_eq!((first.start, first.end, read[1].end), (0, read[1].start, body.len()));
        for cut in 0..body.len() {
            assert!(keyed_records(&body[..cut], 2).any(|record| record.is_err()), "{cut}");
        }
        let mut short = keyed_records(body, 1);
        assert!(short.next().unwrap().is_ok() && short.next().unwrap().is_err() && short.next().is_none());
        assert!(keyed_records(body, i32::MAX).count() == 3);
    }
}

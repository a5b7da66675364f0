//! The fields of one record, read in place from bytes that may be anything; nothing is allocated.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//! key length varint, -1 for none | key | value length varint, -1 for none | value
//! header count varint | (name length varint | name | value length varint, -1 for none | value)*
//! ```
//! All varints are zigzag (Kafka's `DefaultRecord`). Stricter than Kafka: a length below -1 and a varint with bits that
//! fit nowhere are refused.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

/// Why bytes are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordFault {
    #[error("the bytes end within its {0}")]
    Ends(Field),
    #[error("its {0} is no varint of its size")]
    Varint(Field),
    #[error("its {field} is {length}")]
    Length { field: Field, length: i64 },
    #[error("{extra} bytes are left over after its last field")]
    Extra { extra: usize },
    #[error("its timestamp does not fit 64 bits")]
    Timestamp,
    #[error("its offset delta is {delta} where {expected} was expected")]
    OffsetDelta { delta: i32, expected: OffsetDeltas },
}

/// Which offset deltas would have been right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetDeltas {
    Exactly(i32),
    Within(i32, i32),
}

impl std::fmt::Display for OffsetDeltas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OffsetDeltas::Exactly(delta) => write!(f, "{delta}"),
            OffsetDeltas::Within(first, last) => write!(f, "one of {first} to {last}"),
        }
    }
}

/// A field of a record, for messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    Length,
    Attributes,
    TimestampDelta,
    OffsetDelta,
    KeyLength,
    Key,
    ValueLength,
    Value,
    HeaderCount,
    HeaderNameLength,
    HeaderName,
    HeaderValueLength,
    HeaderValue,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Field::Length => "length",
            Field::Attributes => "attributes",
            Field::TimestampDelta => "timestamp delta",
            Field::OffsetDelta => "offset delta",
            Field::KeyLength => "key length",
            Field::Key => "key",
            Field::ValueLength => "value length",
            Field::Value => "value",
            Field::HeaderCount => "header count",
            Field::HeaderNameLength => "header name length",
            Field::HeaderName => "header name",
            Field::HeaderValueLength => "header value length",
            Field::HeaderValue => "header value",
        })
    }
}

/// One record's fields as they stand; deltas are against the batch's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordFields<'a> {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub header_count: u32,
    /// Names and values, proven to be `header_count` whole headers.
    pub headers: &'a [u8],
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub fn byte(&mut self, field: Field) -> Result<u8, RecordFault> {
        let Some((&first, rest)) = self.0.split_first() else { return Err(RecordFault::Ends(field)) };
        self.0 = rest;
        Ok(first)
    }

    #[inline(always)]
    pub fn take(&mut self, bytes: usize, field: Field) -> Result<&'a [u8], RecordFault> {
        let Some((head, rest)) = self.0.split_at_checked(bytes) else { return Err(RecordFault::Ends(field)) };
        self.0 = rest;
        Ok(head)
    }

    /// A zigzag varint of 32 bits: one to five bytes.
    #[inline(always)]
    pub fn varint(&mut self, field: Field) -> Result<i32, RecordFault> {
        // One and two bytes are nearly all there are: deltas, lengths up to 8191.
        match *self.0 {
            [a, ref rest @ ..] if a < 0x80 => {
                self.0 = rest;
                Ok(zigzag32(u32::from(a)))
            }
            [a, b, ref rest @ ..] if b < 0x80 => {
                self.0 = rest;
                Ok(zigzag32(u32::from(a & 0x7F) | u32::from(b) << 7))
            }
            _ => self.varint_long(field),
        }
    }

    #[cold]
    fn varint_long(&mut self, field: Field) -> Result<i32, RecordFault> {
        let value = self.unsigned(5, field)?;
        u32::try_from(value).map(zigzag32).map_err(|_| RecordFault::Varint(field))
    }

    /// A zigzag varint of 64 bits: one to ten bytes.
    #[inline(always)]
    pub fn varlong(&mut self, field: Field) -> Result<i64, RecordFault> {
        match *self.0 {
            [a, ref rest @ ..] if a < 0x80 => {
                self.0 = rest;
                Ok(zigzag64(u64::from(a)))
            }
            _ => self.unsigned(10, field).map(zigzag64),
        }
    }

    fn unsigned(&mut self, bytes_max: u32, field: Field) -> Result<u64, RecordFault> {
        let mut value = 0u64;
        for index in 0..bytes_max {
            let byte = self.byte(field)?;
            let bits = u64::from(byte & 0x7F);
            let shifted = bits << (7 * index);
            if shifted >> (7 * index) != bits {
                return Err(RecordFault::Varint(field));
            }
            value |= shifted;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(RecordFault::Varint(field))
    }

    /// Bytes after their length; `None` for length -1.
    #[inline(always)]
    pub fn nullable(&mut self, length: Field, content: Field) -> Result<Option<&'a [u8]>, RecordFault> {
        match self.varint(length)? {
            -1 => Ok(None),
            bytes => self.take(size(bytes, length)?, content).map(Some),
        }
    }

    /// The bytes of the next record, its length field read and removed.
    #[inline(always)]
    pub fn record(&mut self) -> Result<&'a [u8], RecordFault> {
        let length = self.varint(Field::Length)?;
        self.take(size(length, Field::Length)?, Field::Value)
    }
}

impl<'a> RecordFields<'a> {
    /// Reads exactly one record's bytes, its length field excluded. Every header is walked.
    #[inline(always)]
    pub fn parse(record: &'a [u8]) -> Result<RecordFields<'a>, RecordFault> {
        let mut cursor = Cursor(record);
        cursor.byte(Field::Attributes)?;
        let timestamp_delta = cursor.varlong(Field::TimestampDelta)?;
        let offset_delta = cursor.varint(Field::OffsetDelta)?;
        let key = cursor.nullable(Field::KeyLength, Field::Key)?;
        let value = cursor.nullable(Field::ValueLength, Field::Value)?;
        let header_count = cursor.varint(Field::HeaderCount)?;
        let headers = cursor.0;
        let header_count = if header_count == 0 { 0 } else { walk_headers(&mut cursor, header_count)? };
        if !cursor.0.is_empty() {
            return Err(RecordFault::Extra { extra: cursor.0.len() });
        }
        Ok(RecordFields { timestamp_delta, offset_delta, key, value, header_count, headers })
    }
}

/// Every header takes at least two bytes, so a lying count ends with the bytes.
fn walk_headers(cursor: &mut Cursor<'_>, count: i32) -> Result<u32, RecordFault> {
    let count = u32::try_from(count)
        .map_err(|_| RecordFault::Length { field: Field::HeaderCount, length: i64::from(count) })?;
    for _ in 0..count {
        header(cursor)?;
    }
    Ok(count)
}

/// A record header: a name, which need not be UTF-8 and may repeat, and a value that may be none.
pub(super) type HeaderView<'a> = (&'a [u8], Option<&'a [u8]>);

pub(super) fn header<'a>(cursor: &mut Cursor<'a>) -> Result<HeaderView<'a>, RecordFault> {
    let length = cursor.varint(Field::HeaderNameLength)?;
    let name = cursor.take(size(length, Field::HeaderNameLength)?, Field::HeaderName)?;
    Ok((name, cursor.nullable(Field::HeaderValueLength, Field::HeaderValue)?))
}

#[inline(always)]
fn size(length: i32, field: Field) -> Result<usize, RecordFault> {
    usize::try_from(length).map_err(|_| RecordFault::Length { field, length: i64::from(length) })
}

#[inline(always)]
fn zigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

#[inline(always)]
fn zigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::put_varint;
    use bytes::BytesMut;

    #[test]
    fn varints_of_every_size_are_read_back() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8193, i32::MAX, i32::MIN] {
            let mut bytes = BytesMut::new();
            put_varint(&mut bytes, i64::from(value));
            let mut cursor = Cursor(&bytes);
            assert_eq!(cursor.varint(Field::Length), Ok(value));
            assert!(cursor.0.is_empty());
        }
        for value in [0, -1, 64, i64::MAX, i64::MIN] {
            let mut bytes = BytesMut::new();
            put_varint(&mut bytes, value);
            assert_eq!(Cursor(&bytes).varlong(Field::TimestampDelta), Ok(value));
        }
    }

    #[test]
    fn val_6_endless_and_oversized_varints_are_refused() {
        let field = Field::KeyLength;
        assert_eq!(Cursor(&[0x80; 20]).varint(field), Err(RecordFault::Varint(field)));
        assert_eq!(Cursor(&[0xFF, 0xFF, 0xFF, 0xFF, 0x10]).varint(field), Err(RecordFault::Varint(field)));
        assert_eq!(Cursor(&[0x80; 20]).varlong(field), Err(RecordFault::Varint(field)));
        let mut eleven = [0xFF; 10];
        eleven[9] = 0x02;
        assert_eq!(Cursor(&eleven).varlong(field), Err(RecordFault::Varint(field)));
        assert_eq!(Cursor(&[0x80]).varint(field), Err(RecordFault::Ends(field)));
        assert_eq!(Cursor(&[]).varint(field), Err(RecordFault::Ends(field)));
    }

    #[test]
    fn val_6_lengths_below_minus_one_and_leftovers_are_refused() {
        let field = Field::KeyLength;
        assert_eq!(RecordFields::parse(&[0, 0, 0, 3, 1, 0]), Err(RecordFault::Length { field, length: -2 }));
        assert_eq!(RecordFields::parse(&[0, 0, 0, 1, 1, 0, 9]), Err(RecordFault::Extra { extra: 1 }));
        let field = Field::HeaderCount;
        assert_eq!(RecordFields::parse(&[0, 0, 0, 1, 1, 1]), Err(RecordFault::Length { field, length: -1 }));
        let field = Field::HeaderNameLength;
        assert_eq!(RecordFields::parse(&[0, 0, 0, 1, 1, 2, 1, 0]), Err(RecordFault::Length { field, length: -1 }));
        assert!(RecordFields::parse(&[0, 0, 0, 1, 1, 0]).is_ok());
    }

    #[test]
    fn a_lying_header_count_ends_with_the_bytes() {
        let mut bytes = BytesMut::from(&[0, 0, 0, 1, 1][..]);
        put_varint(&mut bytes, i64::from(i32::MAX));
        bytes.extend_from_slice(&[0, 1]);
        assert_eq!(RecordFields::parse(&bytes), Err(RecordFault::Ends(Field::HeaderNameLength)));
    }
}

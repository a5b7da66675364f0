//! A batch with fewer records: offsets, epochs, producer and times as they were (CMP-3), perhaps with a delete horizon
//! (CMP-5), perhaps without any records (CMP-7).
use crate::record::{
    BatchHeader, Codec, CompressionLevels, HEADER_BYTES, KeyedRecord, LOG_OVERHEAD_BYTES, TimestampType, compress,
    keyed_records, put_varint,
};
use bytes::BytesMut;
use std::{io, ops::Range};

/// The records that stay.
pub struct Kept<'a> {
    /// All records of the batch, uncompressed.
    pub body: &'a [u8],
    /// The places of those that stay; neighbours are one range.
    pub ranges: &'a [Range<usize>],
    pub count: i32,
    pub max_timestamp: i64,
}

/// Appends the batch with the records that stay to `out` and answers its header. With `horizon_ms`, that becomes the base
/// of its times and says when its tombstones may go (KIP-534).
pub fn rewrite(
    old: &BatchHeader,
    kept: &Kept<'_>,
    horizon_ms: Option<i64>,
    out: &mut BytesMut,
) -> Result<BatchHeader, io::Error> {
    let mut header = *old;
    header.record_count = kept.count;
    if old.timestamp_type() == TimestampType::CreateTime {
        header.max_timestamp = kept.max_timestamp;
    }
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    let codec = old.codec().unwrap_or(Codec::None);
    if let Some(horizon_ms) = horizon_ms {
        header.base_timestamp = horizon_ms;
        header.attributes |= BatchHeader::DELETE_HORIZON;
    }
    if codec == Codec::None {
        put_records(old, kept, horizon_ms, out)?;
    } else {
        let mut records = BytesMut::with_capacity(kept.body.len());
        put_records(old, kept, horizon_ms, &mut records)?;
        out.extend_from_slice(&compress(codec, &CompressionLevels::default(), &records)?);
    }
    finish(header, start, out)
}

/// Appends a batch of these offsets and this producer without records.
pub fn empty(old: &BatchHeader, out: &mut BytesMut) -> Result<BatchHeader, io::Error> {
    let kept = BatchHeader::LOG_APPEND_TIME | BatchHeader::TRANSACTIONAL | BatchHeader::CONTROL;
    let header = BatchHeader { attributes: old.attributes & kept, base_timestamp: -1, record_count: 0, ..*old };
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    finish(header, start, out)
}

fn put_records(
    old: &BatchHeader,
    kept: &Kept<'_>,
    horizon_ms: Option<i64>,
    out: &mut BytesMut,
) -> Result<(), io::Error> {
    for range in kept.ranges {
        let bytes = kept.body.get(range.clone()).unwrap_or_default();
        match horizon_ms {
            None => out.extend_from_slice(bytes),
            // The base of their times changes, so each record's own does too.
            Some(horizon_ms) => {
                let mut records = keyed_records(bytes, i32::MAX);
                while !records.is_empty()
                    && let Some(record) = records.next()
                {
                    let record = record.map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
                    put_shifted(old, &record, horizon_ms, out);
                }
            }
        }
    }
    Ok(())
}

fn put_shifted(old: &BatchHeader, record: &KeyedRecord<'_>, horizon_ms: i64, out: &mut BytesMut) {
    let delta = timestamp(old, record).wrapping_sub(horizon_ms);
    put_varint(out, (1 + varint_bytes(delta) + record.rest.len()) as i64);
    out.extend_from_slice(&[record.attributes]);
    put_varint(out, delta);
    out.extend_from_slice(record.rest);
}

/// A record's own time, in milliseconds.
pub fn timestamp(header: &BatchHeader, record: &KeyedRecord<'_>) -> i64 {
    match header.timestamp_type() {
        TimestampType::LogAppendTime => header.max_timestamp,
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(record.timestamp_delta),
    }
}

fn varint_bytes(value: i64) -> usize {
    let rest = ((value << 1) ^ (value >> 63)) as u64;
    (64 - (rest | 1).leading_zeros() as usize).div_ceil(7)
}

/// Length and checksum are those of what stands in `out` from `start` on.
fn finish(mut header: BatchHeader, start: usize, out: &mut BytesMut) -> Result<BatchHeader, io::Error> {
    let length = i32::try_from(out.len() - start - LOG_OVERHEAD_BYTES).map_err(io::Error::other)?;
    header.length = length;
    let batch = out.get_mut(start..).unwrap_or_default();
    let Some(head) = batch.first_chunk_mut::<HEADER_BYTES>() else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    header.write(head);
    header.crc = BatchHeader::crc_of(batch);
    if let Some(crc) = batch.get_mut(17..21) {
        crc.copy_from_slice(&header.crc.to_be_bytes());
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{BatchBuilder, CheckedBatch, records};

    fn batch(codec: Codec) -> CheckedBatch {
        let builder = BatchBuilder::new(1_000)
            .record_at(1_000, Some(b"a"), Some(b"1"), &[("h", Some(b"x"))])
            .record_at(5_000, Some(b"b"), Some(b"2"), &[])
            .record_at(2_000, Some(b"c"), None, &[])
            .producer(9, 3, 40);
        builder.build_compressed(codec, &CompressionLevels::default()).unwrap()
    }

    /// Keeps the first and the last record.
    fn ends_kept(batch: &CheckedBatch, horizon_ms: Option<i64>) -> (BatchHeader, BytesMut) {
        let set = records(batch.header(), batch.bytes(), 1 << 20).unwrap();
        let all: Vec<_> = keyed_records(set.body(), 3).map(|record| record.unwrap()).collect();
        let ranges = [all[0].start..all[0].end, all[2].start..all[2].end];
        let kept = Kept { body: set.body(), ranges: &ranges, count: 2, max_timestamp: 2_000 };
        let mut out = BytesMut::from(&b"before"[..]);
        let mut header = *batch.header();
        header.base_offset = 70;
        let header = rewrite(&header, &kept, horizon_ms, &mut out).unwrap();
        (header, out.split_off(6))
    }

    #[test]
    fn cmp_3_offsets_producer_and_times_stay_when_records_go() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            for horizon_ms in [None, Some(90_000_000)] {
                let (header, bytes) = ends_kept(&batch(codec), horizon_ms);
                assert_eq!(BatchHeader::parse(&bytes).unwrap(), header);
                assert_eq!((BatchHeader::crc_of(&bytes), header.size()), (header.crc, bytes.len()));
                assert_eq!((header.base_offset, header.last_offset_delta, header.record_count), (70, 2, 2));
                assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (9, 3, 40));
                assert_eq!((header.max_timestamp, header.codec()), (2_000, Some(codec)));
                assert_eq!(header.has_delete_horizon(), horizon_ms.is_some());
                assert_eq!(header.base_timestamp, horizon_ms.unwrap_or(1_000));
                let set = records(&header, &bytes, 1 << 20).unwrap();
                let read: Vec<_> = set.iter().map(|record| record.unwrap()).collect();
                let seen: Vec<_> =
                    read.iter().map(|one| (one.offset_delta, one.timestamp, one.key, one.value)).collect();
                assert_eq!(seen, [(0, 1_000, Some(&b"a"[..]), Some(&b"1"[..])), (2, 2_000, Some(b"c"), None)]);
                assert_eq!(read[0].headers().count(), 1);
            }
        }
    }

    #[test]
    fn cmp_7_an_empty_batch_keeps_offsets_and_sequence() {
        let mut out = BytesMut::new();
        let mut old = *batch(Codec::Zstd).header();
        old.attributes |= BatchHeader::TRANSACTIONAL | BatchHeader::DELETE_HORIZON;
        let header = empty(&old, &mut out).unwrap();
        assert_eq!((out.len(), header.record_count, header.base_timestamp), (HEADER_BYTES, 0, -1));
        assert_eq!((header.last_offset_delta, header.base_sequence, header.max_timestamp), (2, 40, 5_000));
        assert_eq!(header.attributes, BatchHeader::TRANSACTIONAL);
        assert_eq!(BatchHeader::crc_of(&out), header.crc);
        assert_eq!(records(&header, &out, 0).unwrap().iter().count(), 0);
    }

    #[test]
    fn varints_have_the_size_that_is_counted() {
        for value in [0, 1, -1, 63, 64, -64, -65, 8191, 8192, i64::MAX, i64::MIN, -86_400_000] {
            let mut bytes = BytesMut::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_bytes(value), "{value}");
        }
    }
}

//! What a leader proves about a batch before it may be placed into a log (Kafka: `UnifiedLog.analyzeAndValidateRecords`
//! and `LogValidator`), and the few changes that a topic's settings ask for.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]
use super::{
    BatchError, BatchHeader, CheckedBatch, Codec, CompressionLevels, HEADER_BYTES, HeaderError, LOG_OVERHEAD_BYTES,
    TimestampType,
    codecs::{compress, decompress},
    scan::{Scan, Scanned},
};
use bytes::{Bytes, BytesMut};

/// `compression.type` of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopicCompression {
    /// Whatever the producer chose stays.
    Producer,
    /// Everything is stored like this; [`Codec::None`] is Kafka's `uncompressed`.
    Codec(Codec),
}

/// Who made the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Came over the wire: nothing about it is believed.
    Client,
    /// Group and transaction coordinators of this broker: control batches are allowed, times are not judged.
    Coordinator,
    /// The metadata log's leader: as `Coordinator`, and a base offset may be set.
    Controller,
}

/// What one topic asks of the batches written to it now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchRules {
    pub origin: Origin,
    /// `compression.type`.
    pub compression: TopicCompression,
    /// `compression.gzip.level` and its kin.
    pub levels: CompressionLevels,
    /// False for produce requests below version 7 (VAL-11).
    pub zstd_allowed: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub timestamp_after_max_ms: i64,
    /// `cleanup.policy` has `compact`.
    pub compacted: bool,
    /// `max.message.bytes`.
    pub batch_bytes_max: usize,
    /// Ours: how many bytes may come out of a compressed batch (VAL-12).
    pub decompressed_bytes_max: usize,
}

impl BatchRules {
    /// Kafka's defaults for a topic and its client's batches; 64 MiB out of a compressed batch.
    pub const DEFAULT: BatchRules = BatchRules {
        origin: Origin::Client,
        compression: TopicCompression::Producer,
        levels: CompressionLevels::DEFAULT,
        zstd_allowed: true,
        timestamp_type: TimestampType::CreateTime,
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: 3_600_000,
        compacted: false,
        batch_bytes_max: 1_048_588,
        decompressed_bytes_max: 64 << 20,
    };
}

/// Proves `raw` to be exactly one well-formed batch that the topic takes (VAL-1 to VAL-12, LOG-4), `now_ms` being the
/// broker's time. The producer's bytes are kept as they are unless something must change: a maximum timestamp that is
/// not the records' own, LogAppendTime, another compression. Then a new batch with a new CRC is made.
///
/// Holds at most 64 KiB or one record of decompressed bytes, or all records when they are compressed anew.
pub fn check(raw: Bytes, rules: &BatchRules, now_ms: i64) -> Result<CheckedBatch, BatchError> {
    let header = whole_batch(&raw, rules)?;
    let codec = check_header(&header, rules)?;
    let body = raw.get(HEADER_BYTES..).unwrap_or_default();
    let target = match rules.compression {
        TopicCompression::Producer => codec,
        // Markers stay readable without a codec, as in Kafka.
        TopicCompression::Codec(_) if header.is_control() && codec == Codec::None => codec,
        TopicCompression::Codec(target) => target,
    };
    let scan = Scan::new(header, rules, now_ms);
    if target != codec {
        let opened;
        let records = match codec {
            Codec::None => body,
            codec => {
                opened = decompress(codec, body, rules.decompressed_bytes_max)?;
                &opened
            }
        };
        let scanned = scan.whole(records)?;
        return recompress(timed(header, scanned, rules, now_ms), target, records, rules, scanned);
    }
    let scanned = match codec {
        Codec::None => scan.whole(body)?,
        codec => scan.compressed(codec, body, rules.decompressed_bytes_max)?,
    };
    let changed = timed(header, scanned, rules, now_ms);
    let batch = if changed == header { (header, raw) } else { rewrite(changed, BytesMut::from(raw)) };
    Ok(finish(batch, scanned, rules))
}

/// Size, magic, base offset and CRC: nothing else of the header is used before the CRC is known to be right (VAL-1).
fn whole_batch(raw: &Bytes, rules: &BatchRules) -> Result<BatchHeader, BatchError> {
    if raw.is_empty() {
        return Err(BatchError::Missing);
    }
    // A length that not even the oldest message set could have says nothing about what follows it.
    if let Some(&[a, b, c, d]) = raw.get(8..12)
        && let length @ ..LEGACY_LENGTH_MIN = i32::from_be_bytes([a, b, c, d])
    {
        return Err(BatchError::Length { length });
    }
    let header = match BatchHeader::parse(raw) {
        Ok(header) => header,
        Err(HeaderError::Short { have }) => return Err(short(raw, have)),
        Err(HeaderError::Length { length }) => return Err(BatchError::Length { length }),
        Err(HeaderError::Magic { magic }) => return Err(BatchError::Magic { magic }),
    };
    if raw.len() < header.size() {
        return Err(BatchError::Torn { have: raw.len(), needed: header.size() });
    }
    // What follows is judged first only when it could be a batch of its own: a length that lies is found by the CRC.
    let extra = raw.len() - header.size();
    if extra >= HEADER_BYTES {
        return Err(BatchError::Extra { extra });
    }
    // The CRC does not cover it, and Kafka tells it before the size.
    if header.base_offset != 0 && rules.origin != Origin::Controller {
        return Err(BatchError::BaseOffset { base_offset: header.base_offset });
    }
    if header.size() > rules.batch_bytes_max {
        return Err(BatchError::TooLarge { bytes: header.size(), bytes_max: rules.batch_bytes_max });
    }
    let computed = BatchHeader::crc_of(raw.get(..header.size()).unwrap_or_default());
    if header.crc != computed {
        return Err(BatchError::Crc { stored: header.crc, computed });
    }
    if extra > 0 {
        return Err(BatchError::Extra { extra });
    }
    Ok(header)
}

/// Bytes after the length of a magic 0 message without key and value (Kafka's `LegacyRecord.RECORD_OVERHEAD_V0`).
const LEGACY_LENGTH_MIN: i32 = 14;

/// Old message sets may be shorter than a batch's header: their magic lies at the same place.
fn short(raw: &[u8], have: usize) -> BatchError {
    match raw.get(16) {
        Some(&magic) if magic != 2 => BatchError::Magic { magic: magic as i8 },
        _ => BatchError::Torn { have, needed: HEADER_BYTES },
    }
}

fn check_header(header: &BatchHeader, rules: &BatchRules) -> Result<Codec, BatchError> {
    let client = rules.origin == Origin::Client;
    let (record_count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if record_count <= 0 || last_offset_delta < 0 || record_count - 1 != last_offset_delta {
        return Err(BatchError::Count { record_count, last_offset_delta });
    }
    if client && header.is_control() {
        return Err(BatchError::Control);
    }
    if client && header.has_delete_horizon() {
        return Err(BatchError::DeleteHorizon);
    }
    if client && header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(BatchError::LogAppendTime);
    }
    let (id, epoch, base_sequence) = (header.producer_id, header.producer_epoch, header.base_sequence);
    // Markers carry the producer's id and epoch, but no sequence.
    if id >= 0 && (epoch < 0 || (base_sequence < 0 && !header.is_control())) {
        return Err(BatchError::Producer { id, epoch, base_sequence });
    }
    if id < 0 && header.is_transactional() {
        return Err(BatchError::TransactionalWithoutProducer { id });
    }
    match header.codec() {
        None => Err(BatchError::UnknownCodec { id: header.attributes & BatchHeader::CODEC_MASK }),
        Some(Codec::Zstd) if !rules.zstd_allowed => Err(BatchError::ZstdNotAllowed),
        Some(codec) => Ok(codec),
    }
}

/// The header with the timestamps that the topic wants (VAL-9). Records keep their deltas and the base timestamp: with
/// LogAppendTime a reader takes the batch's maximum for each of them.
fn timed(mut header: BatchHeader, scanned: Scanned, rules: &BatchRules, now_ms: i64) -> BatchHeader {
    match rules.timestamp_type {
        TimestampType::CreateTime => {
            header.attributes &= !BatchHeader::LOG_APPEND_TIME;
            header.max_timestamp = scanned.max_timestamp;
        }
        TimestampType::LogAppendTime => {
            header.attributes |= BatchHeader::LOG_APPEND_TIME;
            header.max_timestamp = now_ms;
        }
    }
    header
}

/// Compresses the records anew; they are the same byte for byte once decompressed.
fn recompress(
    mut header: BatchHeader,
    codec: Codec,
    records: &[u8],
    rules: &BatchRules,
    scanned: Scanned,
) -> Result<CheckedBatch, BatchError> {
    let compressed = match codec {
        Codec::None => None,
        codec => Some(
            compress(codec, &rules.levels, records)
                .map_err(|error| BatchError::Recompress { codec, reason: error.to_string() })?,
        ),
    };
    let body = compressed.as_deref().unwrap_or(records);
    let bytes = HEADER_BYTES + body.len();
    let bytes_max = rules.batch_bytes_max;
    let length = i32::try_from(bytes - LOG_OVERHEAD_BYTES).ok().filter(|_| bytes <= bytes_max);
    header.length = length.ok_or(BatchError::RecompressedTooLarge { codec, bytes, bytes_max })?;
    header.attributes = header.attributes & !BatchHeader::CODEC_MASK | codec.id();
    let mut batch = BytesMut::with_capacity(bytes);
    batch.resize(HEADER_BYTES, 0);
    batch.extend_from_slice(body);
    Ok(finish(rewrite(header, batch), scanned, rules))
}

/// Sets another header before the records and the CRC that follows from it (VAL-10).
fn rewrite(header: BatchHeader, mut batch: BytesMut) -> (BatchHeader, Bytes) {
    put_header(&header, &mut batch);
    let header = BatchHeader { crc: BatchHeader::crc_of(&batch), ..header };
    put_header(&header, &mut batch);
    (header, batch.freeze())
}

#[expect(clippy::expect_used, reason = "our own bytes: room for the header was made or it was parsed from there")]
fn put_header(header: &BatchHeader, batch: &mut BytesMut) {
    header.write(batch.first_chunk_mut().expect("a batch begins with a header"));
}

fn finish((header, bytes): (BatchHeader, Bytes), scanned: Scanned, rules: &BatchRules) -> CheckedBatch {
    let of_max = match rules.timestamp_type {
        TimestampType::CreateTime => scanned.offset_delta_of_max_timestamp,
        TimestampType::LogAppendTime => 0,
    };
    CheckedBatch::trusted(header, bytes, of_max)
}

#[cfg(test)]
mod tests;

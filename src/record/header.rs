//! The 61 bytes before a batch's records, read in place; no record is looked at.
//!
//! ```text
//!  0 base offset i64 | 8 length i32 (of what follows) | 12 partition leader epoch i32 | 16 magic i8 | 17 crc u32
//! 21 attributes i16 | 23 last offset delta i32 | 27 base timestamp i64 | 35 max timestamp i64 | 43 producer id i64
//! 51 producer epoch i16 | 53 base sequence i32 | 57 record count i32 | 61 records
//! ```
//! The CRC-32C covers bytes 21 to the end: base offset and leader epoch can be set in place (VAL-10).
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

/// Base offset and length: what stands before the bytes that `length` counts.
pub const LOG_OVERHEAD_BYTES: usize = 12;
/// Everything before the records.
pub const HEADER_BYTES: usize = 61;

/// How the records of a batch are compressed: the low three bits of the attributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub fn from_wire(id: i16) -> Option<Codec> {
        Some(match id {
            0 => Codec::None,
            1 => Codec::Gzip,
            2 => Codec::Snappy,
            3 => Codec::Lz4,
            4 => Codec::Zstd,
            _ => return None,
        })
    }

    pub fn id(self) -> i16 {
        self as i16
    }

    /// As in `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }
}

/// Who set the timestamps: bit 3 of the attributes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// A batch's header as plain numbers; what they mean is checked elsewhere (`record::check`, recovery).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// Bytes after this field: the whole batch has 12 more.
    pub length: i32,
    pub partition_leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

/// Why bytes are no header of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    #[error("{have} bytes are fewer than a batch's header of {HEADER_BYTES}")]
    Short { have: usize },
    #[error("batch length {length} is impossible: at least {} are needed", HEADER_BYTES - LOG_OVERHEAD_BYTES)]
    Length { length: i32 },
    #[error("magic {magic}: only record batches of magic 2 are stored")]
    Magic { magic: i8 },
}

impl BatchHeader {
    pub const CONTROL: i16 = 0x20;
    pub const TRANSACTIONAL: i16 = 0x10;
    pub const LOG_APPEND_TIME: i16 = 0x08;
    pub const CODEC_MASK: i16 = 0x07;
    pub const DELETE_HORIZON: i16 = 0x40;
    /// The batch does not say in which leader epoch it was written.
    pub const NO_EPOCH: i32 = -1;

    /// Reads the first 61 bytes. Length and magic are checked because every later field depends on them; whether
    /// `length` bytes are there is the caller's question.
    pub fn parse(bytes: &[u8]) -> Result<BatchHeader, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(HeaderError::Short { have: bytes.len() });
        };
        let header = BatchHeader {
            base_offset: i64::from_be_bytes(field(bytes, 0)),
            length: i32::from_be_bytes(field(bytes, 8)),
            partition_leader_epoch: i32::from_be_bytes(field(bytes, 12)),
            magic: i8::from_be_bytes(field(bytes, 16)),
            crc: u32::from_be_bytes(field(bytes, 17)),
            attributes: i16::from_be_bytes(field(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)),
            producer_id: i64::from_be_bytes(field(bytes, 43)),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)),
            base_sequence: i32::from_be_bytes(field(bytes, 53)),
            record_count: i32::from_be_bytes(field(bytes, 57)),
        };
        if header.magic != 2 {
            return Err(HeaderError::Magic { magic: header.magic });
        }
        if header.length < (HEADER_BYTES - LOG_OVERHEAD_BYTES) as i32 {
            return Err(HeaderError::Length { length: header.length });
        }
        Ok(header)
    }

    /// Writes the header back into its 61 bytes.
    pub fn write(&self, into: &mut [u8; HEADER_BYTES]) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            into[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&self.base_offset.to_be_bytes());
        put(&self.length.to_be_bytes());
        put(&self.partition_leader_epoch.to_be_bytes());
        put(&self.magic.to_be_bytes());
        put(&self.crc.to_be_bytes());
        put(&self.attributes.to_be_bytes());
        put(&self.last_offset_delta.to_be_bytes());
        put(&self.base_timestamp.to_be_bytes());
        put(&self.max_timestamp.to_be_bytes());
        put(&self.producer_id.to_be_bytes());
        put(&self.producer_epoch.to_be_bytes());
        put(&self.base_sequence.to_be_bytes());
        put(&self.record_count.to_be_bytes());
        assert_eq!(at, HEADER_BYTES);
    }

    /// Bytes of the whole batch, this header included.
    pub fn size(&self) -> usize {
        LOG_OVERHEAD_BYTES + self.length.max(0) as usize
    }

    /// `None` when the bits name no codec.
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_wire(self.attributes & Self::CODEC_MASK)
    }

    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & Self::LOG_APPEND_TIME != 0 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        }
    }

    /// It has a record for each of its offsets: compaction has taken none.
    pub fn is_dense(&self) -> bool {
        i64::from(self.record_count) == i64::from(self.last_offset_delta) + 1
    }

    /// Written by the broker itself: transaction markers, leader changes.
    pub fn is_control(&self) -> bool {
        self.attributes & Self::CONTROL != 0
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & Self::TRANSACTIONAL != 0
    }

    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & Self::DELETE_HORIZON != 0
    }

    /// `None` when negative, which a stored batch never is.
    pub fn base(&self) -> Option<Offset> {
        Offset::from_wire(self.base_offset)
    }

    /// Offset of the last record; `None` when base or delta are impossible.
    pub fn last(&self) -> Option<Offset> {
        if self.last_offset_delta < 0 {
            return None;
        }
        Offset::from_wire(self.base_offset.checked_add(i64::from(self.last_offset_delta))?)
    }

    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        LeaderEpoch::from_wire(self.partition_leader_epoch)
    }

    /// Id, epoch and first sequence of an idempotent producer, when all three are there.
    pub fn producer(&self) -> Option<(ProducerId, ProducerEpoch, Sequence)> {
        Some((
            ProducerId::from_wire(self.producer_id)?,
            ProducerEpoch::from_wire(self.producer_epoch)?,
            Sequence::from_wire(self.base_sequence)?,
        ))
    }

    /// The CRC-32C that the bytes of a whole batch should carry.
    pub fn crc_of(batch: &[u8]) -> u32 {
        crc32c(batch.get(21..).unwrap_or_default())
    }
}

/// CRC-32C (Castagnoli), the checksum of batches and of every file format of ours.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

fn field<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> BatchHeader {
        BatchHeader {
            base_offset: 7,
            length: 49,
            partition_leader_epoch: 3,
            magic: 2,
            crc: 0xDEAD_BEEF,
            attributes: 0x34,
            last_offset_delta: 4,
            base_timestamp: 1,
            max_timestamp: 2,
            producer_id: 5,
            producer_epoch: 6,
            base_sequence: 8,
            record_count: 5,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = [0; HEADER_BYTES];
        header().write(&mut bytes);
        let read = BatchHeader::parse(&bytes).unwrap();
        assert_eq!(read, header());
        assert_eq!(read.codec(), Some(Codec::Zstd));
        assert!(read.is_control() && read.is_transactional());
        assert_eq!(read.last(), Some(Offset::new(11)));
        assert_eq!(read.size(), HEADER_BYTES);
    }

    #[test]
    fn val_1_short_bytes_old_magic_and_impossible_lengths_are_refused() {
        let mut bytes = [0; HEADER_BYTES];
        header().write(&mut bytes);
        assert_eq!(BatchHeader::parse(&bytes[..60]), Err(HeaderError::Short { have: 60 }));
        bytes[16] = 1;
        assert_eq!(BatchHeader::parse(&bytes), Err(HeaderError::Magic { magic: 1 }));
        bytes[16] = 2;
        bytes[8..12].copy_from_slice(&48i32.to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes), Err(HeaderError::Length { length: 48 }));
        bytes[8..12].copy_from_slice(&(-1i32).to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes), Err(HeaderError::Length { length: -1 }));
    }

    #[test]
    fn crc32c_of_the_check_string() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }
}

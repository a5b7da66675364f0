//! Reads what a fetch returned: every length, delta and checksum is proved on the way.
use super::{CRC_START, HEADER_BYTES};
use crate::wire::get_varlong;
use bytes::Buf;
use crc_fast::{CrcAlgorithm, checksum};

/// A batch as it came from the broker.
#[derive(Clone, Debug)]
pub struct ReadBatch {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer: (i64, i16),
    pub base_sequence: i32,
    pub count: i32,
    /// Header and payload, for comparison byte by byte.
    pub bytes: Vec<u8>,
}

/// A record of an uncompressed batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRecord {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl ReadBatch {
    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// What follows the header: the records, packed by the batch's codec.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// The records of an uncompressed batch.
    ///
    /// # Panics
    /// When a length or delta is wrong.
    #[track_caller]
    pub fn records(&self) -> Vec<ReadRecord> {
        assert_eq!(self.attributes & 7, 0, "only uncompressed batches are read here");
        let mut rest = self.payload();
        let records = (0..self.count).map(|index| self.record(&mut rest, index)).collect();
        assert!(rest.is_empty(), "{} bytes after the last record", rest.len());
        records
    }

    #[track_caller]
    fn record(&self, rest: &mut &[u8], index: i32) -> ReadRecord {
        let length = get_varlong(rest).expect("a record length") as usize;
        let (mut body, after) = rest.split_at(length);
        *rest = after;
        assert_eq!(body.get_u8(), 0, "record attributes");
        let timestamp = self.base_timestamp + get_varlong(&mut body).expect("a timestamp delta");
        let delta = get_varlong(&mut body).expect("an offset delta");
        assert_eq!(delta, i64::from(index), "offset deltas count up");
        let key = field(&mut body);
        let value = field(&mut body);
        for _ in 0..get_varlong(&mut body).expect("a header count") {
            assert!(field(&mut body).is_some(), "a header has a name");
            field(&mut body);
        }
        assert!(body.is_empty(), "a record is as long as it says");
        ReadRecord { offset: self.base_offset + delta, timestamp, key, value }
    }
}

fn field(body: &mut &[u8]) -> Option<Vec<u8>> {
    let length = get_varlong(body).expect("a field length");
    (length >= 0).then(|| {
        let (bytes, after) = body.split_at(length as usize);
        *body = after;
        bytes.to_vec()
    })
}

/// As `read_batches`, for answers cut to a limit: Apache Kafka may send the start of one batch more, Ottla never does.
///
/// # Panics
/// As `read_batches`.
#[track_caller]
pub fn read_whole_batches(bytes: &[u8]) -> Vec<ReadBatch> {
    let mut whole = 0;
    while let Some(length) = bytes.get(whole + 8..whole + 12) {
        let end = whole + 12 + i32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if end > bytes.len() {
            break;
        }
        whole = end;
    }
    read_batches(if crate::on_kafka() { &bytes[..whole] } else { bytes })
}

/// Cuts a fetched byte string into batches.
///
/// # Panics
/// When a length or checksum is wrong, a batch is cut off, or offsets do not rise.
#[track_caller]
pub fn read_batches(mut bytes: &[u8]) -> Vec<ReadBatch> {
    let mut batches: Vec<ReadBatch> = Vec::new();
    while !bytes.is_empty() {
        assert!(bytes.len() >= HEADER_BYTES, "a batch header is cut off: {} bytes", bytes.len());
        let mut header = bytes;
        let base_offset = header.get_i64();
        let length = header.get_i32() as usize + 12;
        assert!(length <= bytes.len(), "a batch of {length} bytes is cut off at {}", bytes.len());
        let (whole, rest) = bytes.split_at(length);
        let leader_epoch = header.get_i32();
        assert_eq!(header.get_i8(), 2, "magic");
        let crc = header.get_u32();
        assert_eq!(crc, checksum(CrcAlgorithm::Crc32Iscsi, &whole[CRC_START..]) as u32, "CRC of batch {base_offset}");
        let batch = ReadBatch {
            base_offset,
            leader_epoch,
            attributes: header.get_i16(),
            last_offset_delta: header.get_i32(),
            base_timestamp: header.get_i64(),
            max_timestamp: header.get_i64(),
            producer: (header.get_i64(), header.get_i16()),
            base_sequence: header.get_i32(),
            count: header.get_i32(),
            bytes: whole.to_vec(),
        };
        assert!(batches.last().is_none_or(|last| last.last_offset() < base_offset), "offsets rise");
        batches.push(batch);
        bytes = rest;
    }
    batches
}

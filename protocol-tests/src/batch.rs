//! Record batches (magic 2) made by hand, right or wrong in any one place, and read back strictly.
mod codec;
mod read;

pub use codec::{Codec, zstd_bomb};
pub use read::{ReadBatch, ReadRecord, read_batches, read_whole_batches};

use crate::wire::put_varlong;
use bytes::{BufMut, Bytes};
use crc_fast::{CrcAlgorithm, checksum};

/// Bytes before the records: base offset (8), length (4), leader epoch (4), magic (1), CRC (4), and what it covers.
pub const HEADER_BYTES: usize = 61;
/// The CRC covers the bytes from here on.
pub const CRC_START: usize = 21;

/// Attribute bits.
pub const LOG_APPEND_TIME: i16 = 0x08;
pub const TRANSACTIONAL: i16 = 0x10;
pub const CONTROL: i16 = 0x20;
pub const DELETE_HORIZON: i16 = 0x40;

/// One record; the `Option`s of length, delta and count replace what is true by a lie.
#[derive(Clone, Debug, Default)]
pub struct Record {
    pub attributes: i8,
    pub timestamp_delta: i64,
    pub offset_delta: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub length_claimed: Option<i64>,
    pub key_length_claimed: Option<i64>,
    pub value_length_claimed: Option<i64>,
    pub header_count_claimed: Option<i64>,
    /// One header more, whose name is null.
    pub nameless_header: bool,
}

impl Record {
    pub fn of(value: impl AsRef<[u8]>) -> Record {
        Record { value: Some(value.as_ref().to_vec()), ..Record::default() }
    }

    pub fn keyed(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Record {
        Record { key: Some(key.as_ref().to_vec()), ..Record::of(value) }
    }

    fn put(&self, out: &mut Vec<u8>, index: usize) {
        let mut body = vec![self.attributes as u8];
        put_varlong(&mut body, self.timestamp_delta);
        put_varlong(&mut body, self.offset_delta.unwrap_or(index as i64));
        put_field(&mut body, self.key.as_deref(), self.key_length_claimed);
        put_field(&mut body, self.value.as_deref(), self.value_length_claimed);
        let header_count = self.headers.len() as i64 + i64::from(self.nameless_header);
        put_varlong(&mut body, self.header_count_claimed.unwrap_or(header_count));
        for (name, value) in &self.headers {
            put_field(&mut body, Some(name), None);
            put_field(&mut body, value.as_deref(), None);
        }
        if self.nameless_header {
            put_field(&mut body, None, None);
            put_field(&mut body, Some(b"value"), None);
        }
        put_varlong(out, self.length_claimed.unwrap_or(body.len() as i64));
        out.put_slice(&body);
    }
}

fn put_field(out: &mut Vec<u8>, bytes: Option<&[u8]>, length_claimed: Option<i64>) {
    let length = bytes.map_or(-1, |bytes| bytes.len() as i64);
    put_varlong(out, length_claimed.unwrap_or(length));
    out.put_slice(bytes.unwrap_or_default());
}

/// A batch to be made; the `Option`s replace what is true by a lie.
#[derive(Clone, Debug)]
pub struct Batch {
    pub base_offset: i64,
    pub leader_epoch: i32,
    pub magic: i8,
    pub attributes: i16,
    pub base_timestamp: i64,
    pub max_timestamp: Option<i64>,
    pub producer: (i64, i16),
    pub base_sequence: i32,
    pub codec: Codec,
    pub records: Vec<Record>,
    pub length_claimed: Option<i32>,
    pub crc_claimed: Option<u32>,
    pub last_offset_delta_claimed: Option<i32>,
    pub count_claimed: Option<i32>,
    /// Bytes after the records, inside the length and the CRC (and inside the compression, if any).
    pub trailing: Vec<u8>,
    /// Stands where the packed records would, under the name of `codec`.
    pub packed: Option<Vec<u8>>,
}

impl Batch {
    /// A right batch of these values, without keys, stamped now.
    pub fn of(values: &[&str]) -> Batch {
        Batch::records(values.iter().map(Record::of).collect())
    }

    pub fn records(records: Vec<Record>) -> Batch {
        Batch {
            base_offset: 0,
            leader_epoch: -1,
            magic: 2,
            attributes: 0,
            base_timestamp: crate::time::now_ms(),
            max_timestamp: None,
            producer: (-1, -1),
            base_sequence: -1,
            codec: Codec::None,
            records,
            length_claimed: None,
            crc_claimed: None,
            last_offset_delta_claimed: None,
            count_claimed: None,
            trailing: Vec::new(),
            packed: None,
        }
    }

    /// A batch of `count` records from an idempotent producer.
    pub fn from_producer(producer: (i64, i16), base_sequence: i32, count: usize) -> Batch {
        let records = (0..count).map(|index| Record::of(format!("{base_sequence}+{index}"))).collect();
        Batch { producer, base_sequence, ..Batch::records(records) }
    }

    pub fn codec(mut self, codec: Codec) -> Batch {
        self.codec = codec;
        self
    }

    pub fn attributes(mut self, bits: i16) -> Batch {
        self.attributes |= bits;
        self
    }

    pub fn timestamp(mut self, base_timestamp: i64) -> Batch {
        self.base_timestamp = base_timestamp;
        self
    }

    /// The bytes, with a right CRC over whatever they are unless one is claimed.
    pub fn encode(&self) -> Bytes {
        let mut payload = Vec::new();
        for (index, record) in self.records.iter().enumerate() {
            record.put(&mut payload, index);
        }
        payload.put_slice(&self.trailing);
        let payload = self.packed.clone().unwrap_or_else(|| self.codec.compress(&payload));
        let latest = self.records.iter().map(|record| self.base_timestamp + record.timestamp_delta).max();
        let count = self.records.len() as i32;
        let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
        out.put_i64(self.base_offset);
        out.put_i32(self.length_claimed.unwrap_or((HEADER_BYTES - 12 + payload.len()) as i32));
        out.put_i32(self.leader_epoch);
        out.put_i8(self.magic);
        out.put_u32(0);
        out.put_i16(self.attributes | self.codec.bits());
        out.put_i32(self.last_offset_delta_claimed.unwrap_or(count - 1));
        out.put_i64(self.base_timestamp);
        out.put_i64(self.max_timestamp.or(latest).unwrap_or(self.base_timestamp));
        out.put_i64(self.producer.0);
        out.put_i16(self.producer.1);
        out.put_i32(self.base_sequence);
        out.put_i32(self.count_claimed.unwrap_or(count));
        out.put_slice(&payload);
        let crc = self.crc_claimed.unwrap_or_else(|| checksum(CrcAlgorithm::Crc32Iscsi, &out[CRC_START..]) as u32);
        out[CRC_START - 4..CRC_START].copy_from_slice(&crc.to_be_bytes());
        out.into()
    }
}

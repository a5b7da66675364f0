//! Record batches of the v2 format without compression, most made once and sent many times.
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a batch header; the first record begins here.
pub const HEADER_BYTES: usize = 61;
/// Base offset and length come before what the length counts.
pub const PREFIX_BYTES: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const PRODUCER_ID_AT: usize = 43;
const TRANSACTIONAL: u8 = 1 << 4;
/// Values are printable noise, so that no broker gains by compressing or comparing them.
const NOISE_SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// A batch of `records` values of `record_bytes` each, without keys.
pub fn encode(records: usize, record_bytes: usize, seed: u64) -> Vec<u8> {
    let noise = noise(records * record_bytes, seed);
    let mut batch = begin(records, now_ms());
    for index in 0..records {
        put_record(&mut batch, index, None, &noise[index * record_bytes..][..record_bytes]);
    }
    end(batch)
}

/// Printable noise.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut noise = seed.wrapping_mul(NOISE_SEED) | 1;
    let next = || {
        noise = scrambled(noise);
        (noise & 63) as u8 + 32
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// The next of a row of numbers that looks like chance; none of them is 0.
pub fn scrambled(mut number: u64) -> u64 {
    number ^= number << 13;
    number ^= number >> 7;
    number ^ (number << 17)
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// The header of a batch whose records all have this time.
pub fn begin(records: usize, time_ms: i64) -> Vec<u8> {
    let mut batch = Vec::with_capacity(HEADER_BYTES);
    batch.extend_from_slice(&0i64.to_be_bytes());
    batch.extend_from_slice(&0i32.to_be_bytes());
    batch.extend_from_slice(&(-1i32).to_be_bytes());
    batch.push(2);
    batch.extend_from_slice(&0u32.to_be_bytes());
    batch.extend_from_slice(&0i16.to_be_bytes());
    batch.extend_from_slice(&(records as i32 - 1).to_be_bytes());
    batch.extend_from_slice(&time_ms.to_be_bytes());
    batch.extend_from_slice(&time_ms.to_be_bytes());
    batch.extend_from_slice(&(-1i64).to_be_bytes());
    batch.extend_from_slice(&(-1i16).to_be_bytes());
    batch.extend_from_slice(&(-1i32).to_be_bytes());
    batch.extend_from_slice(&(records as i32).to_be_bytes());
    batch
}

/// Appends the next record; answers how many bytes it takes.
pub fn put_record(batch: &mut Vec<u8>, index: usize, key: Option<&[u8]>, value: &[u8]) -> usize {
    let before = batch.len();
    // A length, attributes, two deltas, two more lengths and no headers.
    let mut record = Vec::with_capacity(32 + key.map_or(0, <[u8]>::len));
    record.push(0);
    put_varint(&mut record, 0);
    put_varint(&mut record, index as i64);
    put_varint(&mut record, key.map_or(-1, |key| key.len() as i64));
    record.extend_from_slice(key.unwrap_or_default());
    put_varint(&mut record, value.len() as i64);
    put_varint(batch, (record.len() + value.len() + 1) as i64);
    batch.extend_from_slice(&record);
    batch.extend_from_slice(value);
    put_varint(batch, 0);
    batch.len() - before
}

/// Writes the length and the checksum: the batch is whole.
pub fn end(mut batch: Vec<u8>) -> Vec<u8> {
    let length = (batch.len() - PREFIX_BYTES) as i32;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    seal(&mut batch);
    batch
}

/// Who wrote a batch, and its place among the batches of that producer in the partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Numbers {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub sequence: i32,
    pub transactional: bool,
}

/// Writes the numbers into a batch, wherever it stands.
pub fn number(batch: &mut [u8], numbers: Numbers) {
    batch[ATTRIBUTES_AT + 1] = if numbers.transactional { TRANSACTIONAL } else { 0 };
    let at = PRODUCER_ID_AT;
    batch[at..at + 8].copy_from_slice(&numbers.producer_id.to_be_bytes());
    batch[at + 8..at + 10].copy_from_slice(&numbers.producer_epoch.to_be_bytes());
    batch[at + 10..at + 14].copy_from_slice(&numbers.sequence.to_be_bytes());
    seal(batch);
}

/// Renews the CRC-32C over everything from the attributes on.
fn seal(batch: &mut [u8]) {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &batch[CRC_AT + 4..]) as u32;
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
}

fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

/// Where the value of the first record begins: behind its length, attributes, two deltas, key and value length.
pub fn first_value_at(batch: &[u8]) -> Option<usize> {
    let mut at = HEADER_BYTES;
    for _ in 0..6 {
        while batch.get(at)? & 0x80 != 0 {
            at += 1;
        }
        at += 1;
    }
    (at + 8 <= batch.len()).then_some(at)
}

/// A batch of one record whose value begins with a number that changes from send to send.
pub struct Stamped {
    bytes: Vec<u8>,
    at: usize,
}

impl Stamped {
    /// `record_bytes` of at least 8.
    pub fn new(record_bytes: usize) -> Stamped {
        let bytes = encode(1, record_bytes.max(8), 1);
        let at = first_value_at(&bytes).expect("a record of eight bytes");
        Stamped { bytes, at }
    }

    pub fn with(&mut self, stamp: u64) -> &[u8] {
        self.bytes[self.at..self.at + 8].copy_from_slice(&stamp.to_be_bytes());
        seal(&mut self.bytes);
        &self.bytes
    }
}

/// A whole batch as it came back.
pub struct Seen<'a> {
    pub bytes: &'a [u8],
    pub next_offset: i64,
}

impl Seen<'_> {
    pub fn stamp(&self) -> Option<u64> {
        let at = first_value_at(self.bytes)?;
        Some(u64::from_be_bytes(self.bytes.get(at..at + 8)?.try_into().ok()?))
    }
}

/// The whole batches at the front of fetched bytes; a cut one at the end is left out.
pub fn batches(records: &[u8]) -> impl Iterator<Item = Seen<'_>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let head = rest.get(..HEADER_BYTES)?;
        let base = i64::from_be_bytes(head[..8].try_into().ok()?);
        let length = i32::from_be_bytes(head[8..12].try_into().ok()?);
        let last_delta = i32::from_be_bytes(head[23..27].try_into().ok()?);
        let end = usize::try_from(length).ok()?.max(HEADER_BYTES - PREFIX_BYTES) + PREFIX_BYTES;
        let bytes = rest.get(..end)?;
        rest = &rest[end..];
        Some(Seen { bytes, next_offset: base.saturating_add(i64::from(last_delta)).saturating_add(1) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_reads_back_with_its_next_offset() {
        let mut two = encode(160, 100, 1);
        assert!((17_000..18_000).contains(&two.len()));
        two.extend(encode(1, 8, 2));
        let offsets: Vec<i64> = batches(&two).map(|seen| seen.next_offset).collect();
        assert_eq!(offsets, [160, 1]);
        assert_eq!(batches(&two[..two.len() - 1]).count(), 1);
    }

    #[test]
    fn a_stamp_comes_back_and_changes_the_crc() {
        let mut stamped = Stamped::new(100);
        let first = stamped.with(7).to_vec();
        let second = stamped.with(u64::MAX).to_vec();
        assert_eq!(batches(&first).next().unwrap().stamp(), Some(7));
        assert_eq!(batches(&second).next().unwrap().stamp(), Some(u64::MAX));
        assert_ne!(first[CRC_AT..CRC_AT + 4], second[CRC_AT..CRC_AT + 4]);
    }
}

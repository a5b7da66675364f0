//! Makes batches: for the broker's own records, its tools and tests.
use super::{BatchHeader, CheckedBatch, Codec, CompressionLevels, HEADER_BYTES, LOG_OVERHEAD_BYTES, compress};
use bytes::{BufMut, Bytes, BytesMut};

/// Collects records and makes one batch of them.
pub struct BatchBuilder {
    timestamp_ms: i64,
    max_timestamp_ms: Option<(i64, i32)>,
    attributes: i16,
    producer: (i64, i16, i32),
    records: BytesMut,
    body: BytesMut,
    count: i32,
}

impl BatchBuilder {
    /// `timestamp_ms` is the time of every record that has none of its own; -1 for none at all.
    pub fn new(timestamp_ms: i64) -> BatchBuilder {
        BatchBuilder {
            timestamp_ms,
            max_timestamp_ms: None,
            attributes: 0,
            producer: (-1, -1, -1),
            records: BytesMut::new(),
            body: BytesMut::new(),
            count: 0,
        }
    }

    /// Sets bits of the attributes, as `BatchHeader::CONTROL`.
    pub fn attributes(mut self, bits: i16) -> BatchBuilder {
        self.attributes |= bits;
        self
    }

    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> BatchBuilder {
        self.producer = (id, epoch, base_sequence);
        self
    }

    pub fn record(self, key: Option<&[u8]>, value: Option<&[u8]>) -> BatchBuilder {
        self.record_with_headers(key, value, &[])
    }

    pub fn record_with_headers(
        self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> BatchBuilder {
        let timestamp_ms = self.timestamp_ms;
        self.record_at(timestamp_ms, key, value, headers)
    }

    /// A record with a time of its own.
    pub fn record_at(
        mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, Option<&[u8]>)],
    ) -> BatchBuilder {
        let body = &mut self.body;
        body.clear();
        body.put_u8(0);
        put_varint(body, timestamp_ms.wrapping_sub(self.timestamp_ms));
        put_varint(body, i64::from(self.count));
        put_nullable(body, key);
        put_nullable(body, value);
        put_varint(body, headers.len() as i64);
        for (name, value) in headers {
            put_nullable(body, Some(name.as_bytes()));
            put_nullable(body, *value);
        }
        put_varint(&mut self.records, self.body.len() as i64);
        self.records.extend_from_slice(&self.body);
        if self.max_timestamp_ms.is_none_or(|(max, _)| timestamp_ms > max) {
            self.max_timestamp_ms = Some((timestamp_ms, self.count));
        }
        self.count += 1;
        self
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch as it would be built now, uncompressed.
    pub fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// Panics without records: there are no empty batches on the way in.
    pub fn build(mut self) -> CheckedBatch {
        let records = std::mem::take(&mut self.records);
        self.finish(Codec::None, &records)
    }

    /// As [`BatchBuilder::build`], compressed. An error is a level that the codec does not know.
    pub fn build_compressed(self, codec: Codec, levels: &CompressionLevels) -> Result<CheckedBatch, std::io::Error> {
        let body = compress(codec, levels, &self.records)?;
        Ok(self.finish(codec, &body))
    }

    fn finish(self, codec: Codec, body: &[u8]) -> CheckedBatch {
        assert!(self.count > 0, "a batch has at least one record");
        let (max_timestamp, of_max) = self.max_timestamp_ms.unwrap_or((self.timestamp_ms, 0));
        let mut header = BatchHeader {
            base_offset: 0,
            length: (HEADER_BYTES - LOG_OVERHEAD_BYTES + body.len()) as i32,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: self.attributes | codec.id(),
            last_offset_delta: self.count - 1,
            base_timestamp: self.timestamp_ms,
            max_timestamp,
            producer_id: self.producer.0,
            producer_epoch: self.producer.1,
            base_sequence: self.producer.2,
            record_count: self.count,
        };
        let mut bytes = vec![0; HEADER_BYTES + body.len()];
        bytes[HEADER_BYTES..].copy_from_slice(body);
        let mut head = [0; HEADER_BYTES];
        header.write(&mut head);
        bytes[..HEADER_BYTES].copy_from_slice(&head);
        header.crc = BatchHeader::crc_of(&bytes);
        bytes[17..21].copy_from_slice(&header.crc.to_be_bytes());
        CheckedBatch::trusted(header, Bytes::from(bytes), of_max)
    }
}

/// A zigzag varint, as record fields are written.
pub fn put_varint(into: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        into.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    into.put_u8(rest as u8);
}

fn put_nullable(into: &mut BytesMut, bytes: Option<&[u8]>) {
    match bytes {
        None => put_varint(into, -1),
        Some(bytes) => {
            put_varint(into, bytes.len() as i64);
            into.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_batch_has_a_valid_header_and_crc() {
        let batch = BatchBuilder::new(5).record(Some(b"k"), Some(b"v")).record(None, None).producer(9, 1, 4).build();
        let header = BatchHeader::parse(batch.bytes()).unwrap();
        assert_eq!((header.record_count, header.last_offset_delta, header.producer_id), (2, 1, 9));
        assert_eq!(header.crc, BatchHeader::crc_of(batch.bytes()));
        assert_eq!(header.size(), batch.bytes().len());
    }
}

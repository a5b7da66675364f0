//! Records gathered into batches, one open batch per partition.
use super::{input::Line, partitioner::partition_of_key};
use crate::record::{BatchBuilder, BatchHeader, Codec, CompressionLevels, HEADER_BYTES, LOG_OVERHEAD_BYTES, compress};
use bytes::Bytes;
use std::{collections::BTreeMap, io};

/// A batch as it is sent; cheap to clone for another try.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub partition: i32,
    pub records: i32,
    /// Before compression.
    pub payload_bytes: usize,
    pub bytes: Bytes,
}

/// What all batches of a run have in common.
#[derive(Clone, Debug)]
pub struct BatchSettings {
    pub codec: Codec,
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Id and epoch of an idempotent producer.
    pub producer: Option<(i64, i16)>,
    /// Every record goes here; `None`: by key, else round robin by batch.
    pub partition: Option<i32>,
    /// A batch is closed when its uncompressed records reach this.
    pub batch_bytes: usize,
}

struct Open {
    builder: BatchBuilder,
    records: i32,
    payload_bytes: usize,
}

/// The open batches of one topic.
pub struct Batches {
    settings: BatchSettings,
    /// The topic's partitions, sorted.
    partitions: Vec<i32>,
    open: BTreeMap<i32, Open>,
    next_sequence: BTreeMap<i32, i32>,
    /// Where records without a key go until the batch is full: fewer, larger batches (KIP-480).
    sticky: usize,
}

impl Batches {
    /// `first`: any number; it chooses where records without a key begin.
    pub fn new(settings: BatchSettings, partitions: Vec<i32>, first: u64) -> Batches {
        assert!(!partitions.is_empty(), "a topic has at least one partition");
        let sticky = (first % partitions.len() as u64) as usize;
        Batches { settings, partitions, open: BTreeMap::new(), next_sequence: BTreeMap::new(), sticky }
    }

    /// Adds a record; a batch that became full comes back.
    pub fn add(&mut self, line: &Line, now_ms: i64) -> io::Result<Option<Sealed>> {
        let partition = match (self.settings.partition, &line.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => self.partitions[partition_of_key(key, self.partitions.len())],
            (None, None) => self.partitions[self.sticky],
        };
        let open = self.open.remove(&partition);
        let open = open.unwrap_or_else(|| Open { builder: BatchBuilder::new(now_ms), records: 0, payload_bytes: 0 });
        let headers: Vec<(&str, Option<&[u8]>)> =
            self.settings.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let builder = open.builder.record_with_headers(line.key.as_deref(), line.value.as_deref(), &headers);
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let payload_bytes = open.payload_bytes + length(&line.key) + length(&line.value);
        let open = Open { builder, records: open.records + 1, payload_bytes };
        // Each record has a few bytes of its own; without them empty records would never fill a batch.
        const RECORD_OVERHEAD_BYTES: usize = 8;
        if open.payload_bytes + open.records as usize * RECORD_OVERHEAD_BYTES < self.settings.batch_bytes {
            self.open.insert(partition, open);
            return Ok(None);
        }
        self.seal(partition, open).map(Some)
    }

    /// Closes every open batch.
    pub fn flush(&mut self) -> io::Result<Vec<Sealed>> {
        let open = std::mem::take(&mut self.open);
        open.into_iter().map(|(partition, open)| self.seal(partition, open)).collect()
    }

    fn seal(&mut self, partition: i32, open: Open) -> io::Result<Sealed> {
        if self.partitions[self.sticky] == partition {
            self.sticky = (self.sticky + 1) % self.partitions.len();
        }
        let mut builder = open.builder;
        if let Some((id, epoch)) = self.settings.producer {
            let next = self.next_sequence.entry(partition).or_insert(0);
            builder = builder.producer(id, epoch, *next);
            // Sequences wrap to 0 after 2^31 - 1.
            *next = next.wrapping_add(open.records) & i32::MAX;
        }
        let batch = builder.build();
        let bytes = compressed(batch.header(), batch.bytes(), self.settings.codec)?;
        Ok(Sealed { partition, records: open.records, payload_bytes: open.payload_bytes, bytes })
    }
}

/// The same batch with its records compressed.
fn compressed(header: &BatchHeader, batch: &Bytes, codec: Codec) -> io::Result<Bytes> {
    if codec == Codec::None {
        return Ok(batch.clone());
    }
    let records = compress(codec, &CompressionLevels::default(), &batch[HEADER_BYTES..])?;
    let length = i32::try_from(HEADER_BYTES - LOG_OVERHEAD_BYTES + records.len()).map_err(io::Error::other)?;
    let mut header = BatchHeader { length, attributes: header.attributes | codec.id(), crc: 0, ..*header };
    let mut bytes = vec![0; HEADER_BYTES];
    bytes.extend_from_slice(&records);
    let mut head = [0; HEADER_BYTES];
    header.write(&mut head);
    bytes[..HEADER_BYTES].copy_from_slice(&head);
    header.crc = BatchHeader::crc_of(&bytes);
    header.write(&mut head);
    bytes[..HEADER_BYTES].copy_from_slice(&head);
    Ok(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{records, walk};

    fn batches(codec: Codec, partition: Option<i32>) -> Batches {
        let headers = vec![("h".to_owned(), Some(Bytes::from_static(b"1")))];
        let settings = BatchSettings { codec, headers, producer: Some((9, 2)), partition, batch_bytes: 100 };
        Batches::new(settings, vec![0, 1, 2], 4)
    }

    fn base_sequence(sealed: &Sealed) -> i32 {
        BatchHeader::parse(&sealed.bytes).unwrap().base_sequence
    }

    fn line(key: Option<&'static str>, value: &'static str) -> Line {
        Line { key: key.map(Bytes::from), value: Some(Bytes::from(value)) }
    }

    #[test]
    fn every_codec_gives_whole_batches_back() {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut batches = batches(codec, Some(1));
            for value in ["a", "b"] {
                assert!(batches.add(&line(Some("k"), value), 5).unwrap().is_none());
            }
            let sealed = batches.flush().unwrap().remove(0);
            let batch = walk(&sealed.bytes).next().unwrap().unwrap();
            assert!(batch.crc_matches(), "{codec:?}");
            assert_eq!((batch.header.codec(), batch.header.record_count), (Some(codec), 2));
            assert_eq!((batch.header.producer_id, batch.header.producer_epoch), (9, 2));
            let set = records(&batch.header, batch.bytes, 1000).unwrap();
            let values: Vec<_> = set.iter().map(|record| record.unwrap().value.unwrap().to_vec()).collect();
            assert_eq!(values, [b"a", b"b"]);
            assert_eq!(set.iter().next().unwrap().unwrap().header_count(), 1);
        }
    }

    #[test]
    fn sequences_count_on_per_partition() {
        let mut batches = batches(Codec::None, Some(2));
        for expected in [0, 2, 4] {
            batches.add(&line(None, "x"), 0).unwrap();
            batches.add(&line(None, "y"), 0).unwrap();
            assert_eq!(base_sequence(&batches.flush().unwrap()[0]), expected);
        }
        batches.next_sequence.insert(2, i32::MAX);
        batches.add(&line(None, "x"), 0).unwrap();
        assert_eq!(base_sequence(&batches.flush().unwrap()[0]), i32::MAX);
        assert_eq!(batches.next_sequence[&2], 0);
    }

    #[test]
    fn keys_stay_together_and_the_rest_moves_on_with_each_batch() {
        let mut batches = batches(Codec::None, None);
        let partition = partition_of_key(b"key", 3) as i32;
        for _ in 0..3 {
            batches.add(&line(Some("key"), "v"), 0).unwrap();
            assert_eq!(batches.flush().unwrap()[0].partition, partition);
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..3 {
            batches.add(&line(None, "v"), 0).unwrap();
            seen.insert(batches.flush().unwrap()[0].partition);
        }
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn full_batches_come_back_at_once() {
        let mut batches = batches(Codec::None, None);
        let full = std::iter::repeat_with(|| batches.add(&line(None, "0123456789"), 0).unwrap()).take(10);
        assert_eq!(full.flatten().next().unwrap().records, 6);
    }
}

//! Records with keys for a compacted topic, the same for every broker, and what of them has to stay.
use crate::{admin::Target, batch, fault::Fault, produce, wire::Connection};

/// 16 KB with records of 1 KB, as Java's producer sends them.
const BATCH_RECORDS: usize = 16;
const IN_FLIGHT: usize = 20;
const SEED: u64 = 0x5DEE_CE66_D1CE_4E5B;
/// Values are cut out of so much noise.
const NOISE_BYTES: usize = 1 << 20;
/// No value begins where another did soon before.
const NOISE_STEP: usize = 7919;

/// Keys come as by chance, every one as often as any other.
pub struct Keyed {
    records: usize,
    keys: u64,
    record_bytes: usize,
    noise: Vec<u8>,
}

impl Keyed {
    /// Whole batches, about so many bytes of values together.
    pub fn new(bytes: u64, keys: u64, record_bytes: usize) -> Keyed {
        let records = (bytes as usize / record_bytes).next_multiple_of(BATCH_RECORDS);
        Keyed { records, keys, record_bytes, noise: batch::noise(NOISE_BYTES + record_bytes, SEED) }
    }

    fn keys(&self) -> impl Iterator<Item = u64> {
        let numbers = std::iter::successors(Some(SEED), |number| Some(batch::scrambled(*number)));
        numbers.take(self.records).map(|number| (number >> 16) % self.keys)
    }

    fn batches(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut keys = self.keys();
        (0..self.records / BATCH_RECORDS).map(move |at| {
            let mut batch = batch::begin(BATCH_RECORDS, batch::now_ms());
            for (index, key) in keys.by_ref().take(BATCH_RECORDS).enumerate() {
                self.put(&mut batch, index, at * BATCH_RECORDS + index, key);
            }
            batch::end(batch)
        })
    }

    fn put(&self, batch: &mut Vec<u8>, index: usize, number: usize, key: u64) -> usize {
        let value = &self.noise[number * NOISE_STEP % NOISE_BYTES..][..self.record_bytes];
        batch::put_record(batch, index, Some(&key.to_be_bytes()), value)
    }

    /// Bytes of one record: keys have the same length, and a number within a batch takes one byte.
    fn bytes_of_one(&self) -> u64 {
        self.put(&mut Vec::new(), BATCH_RECORDS - 1, 0, 0) as u64
    }

    /// All batches together.
    pub fn bytes(&self) -> u64 {
        let batches = self.records / BATCH_RECORDS;
        (batches * batch::HEADER_BYTES) as u64 + self.records as u64 * self.bytes_of_one()
    }

    /// What stays of them when each key has only its last record: to the byte, since a record that stays is not changed and a
    /// batch without one is gone.
    pub fn bytes_kept(&self) -> u64 {
        let mut last_of = vec![usize::MAX; self.keys as usize];
        self.keys().enumerate().for_each(|(number, key)| last_of[key as usize] = number);
        let mut kept: Vec<usize> = last_of.into_iter().filter(|number| *number != usize::MAX).collect();
        let records = kept.len() as u64;
        kept.iter_mut().for_each(|number| *number /= BATCH_RECORDS);
        kept.sort_unstable();
        kept.dedup();
        (kept.len() * batch::HEADER_BYTES) as u64 + records * self.bytes_of_one()
    }

    /// Writes all of it to partition 0.
    pub fn write(&self, target: &Target) -> Result<(), Fault> {
        let mut connection = Connection::open(target.address)?;
        let mut waiting = 0;
        for batch in self.batches() {
            connection.send(&produce::request(target, 0, -1, &batch))?;
            waiting += 1;
            if waiting == IN_FLIGHT {
                acknowledged(&mut connection)?;
                waiting -= 1;
            }
        }
        (0..waiting).try_for_each(|_| acknowledged(&mut connection))
    }

    /// Writes one record of another key.
    pub fn write_another(&self, target: &Target) -> Result<(), Fault> {
        let mut batch = batch::begin(1, batch::now_ms());
        self.put(&mut batch, 0, 0, u64::MAX);
        let mut connection = Connection::open(target.address)?;
        connection.send(&produce::request(target, 0, -1, &batch::end(batch)))?;
        acknowledged(&mut connection)
    }
}

fn acknowledged(connection: &mut Connection) -> Result<(), Fault> {
    match produce::error_code(connection.receive()?)? {
        0 => Ok(()),
        code => Err(Fault::Refused { what: "a batch with keys".into(), code }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Records and batches that a compaction leaves which looks at every record, and the bytes of these.
    fn left(data: &Keyed) -> (usize, usize, u64) {
        let record_bytes = data.bytes_of_one() as usize;
        let mut last = BTreeMap::new();
        for (at, batch) in data.batches().enumerate() {
            assert_eq!(batch::batches(&batch).next().unwrap().next_offset, BATCH_RECORDS as i64);
            for (index, record) in batch[batch::HEADER_BYTES..].chunks(record_bytes).enumerate() {
                // Two bytes of length, attributes, two deltas and a length come before the key.
                last.insert(record[6..14].to_vec(), at * BATCH_RECORDS + index);
            }
        }
        let batches: BTreeSet<usize> = last.values().map(|number| number / BATCH_RECORDS).collect();
        let bytes = batches.len() * batch::HEADER_BYTES + last.len() * record_bytes;
        (last.len(), batches.len(), bytes as u64)
    }

    #[test]
    fn what_has_to_stay_is_what_a_plain_compaction_leaves() {
        let many_times = Keyed::new(100_000, 20, 100);
        let (records, batches, bytes) = left(&many_times);
        assert!(records == 20 && batches < 1000 / BATCH_RECORDS, "{records} records in {batches} batches");
        assert_eq!(many_times.bytes_kept(), bytes);
        let once = Keyed::new(10_000, 1000, 100);
        let (records, batches, bytes) = left(&once);
        assert!(records < 112 && batches == 7, "not every key comes, and some twice: {records}");
        assert_eq!(once.bytes_kept(), bytes);
        assert_eq!(once.batches().map(|batch| batch.len() as u64).sum::<u64>(), once.bytes());
    }

    #[test]
    fn every_broker_gets_the_same() {
        let keys = || Keyed::new(50_000, 10, 1000).keys().collect::<Vec<_>>();
        assert_eq!(keys(), keys());
        let often = keys().iter().filter(|key| **key == 3).count();
        assert!((1..=20).contains(&often), "{often}");
    }
}

//! `.snapshot` files in Kafka's format (ProducerSnapshot, version 1). All five batches of a producer are kept: one entry
//! each, oldest first, so that Kafka's reader, which knows one entry per producer, ends with the newest (IDEM-10). Before
//! them stands one without a batch when a marker was the producer's last sign of life.
use crate::{
    log::{
        folder::Folder,
        names,
        producer_state::{ProducedBatch, Producer, ProducerStates},
    },
    platform::OpenMode,
    record::crc32c,
    types::{Offset, ProducerId},
};
use std::io;

/// Version and checksum.
const HEAD_BYTES: usize = 6;
/// Id, epoch, last sequence, last offset, offset delta, timestamp, coordinator epoch, transaction start.
const ENTRY_BYTES: usize = 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8;

/// Why a snapshot is not believed; an older one is used and the log replayed from there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("{0} bytes are too few or do not fit the number of entries")]
    Length(usize),
    #[error("version {0} is not known (1 is)")]
    Version(i16),
    #[error("the checksum is {found:08x}, the file says {expected:08x}")]
    Checksum { expected: u32, found: u32 },
    #[error("entry {0} has impossible numbers")]
    Entry(usize),
}

/// Writes the snapshot of the producers at `at`. Not synced here.
pub fn save(folder: &Folder, at: Offset, states: &ProducerStates) -> io::Result<()> {
    save_as(folder, &names::of_offset(at, names::SNAPSHOT), states)
}

pub fn save_as(folder: &Folder, name: &str, states: &ProducerStates) -> io::Result<()> {
    let file = folder.disk().open(&folder.file(name), OpenMode::Create)?;
    file.set_len(0)?;
    file.write_all_at(&write(states), 0)
}

pub fn write(states: &ProducerStates) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0;
    for (id, producer) in states.iter() {
        let mut put = |batch: Option<&ProducedBatch>| {
            count += 1;
            entries.extend_from_slice(&id.get().to_be_bytes());
            entries.extend_from_slice(&producer.epoch.to_be_bytes());
            entries.extend_from_slice(&batch.map_or(-1, |batch| batch.last_sequence).to_be_bytes());
            entries.extend_from_slice(&batch.map_or(-1, |batch| batch.last_offset.get()).to_be_bytes());
            entries.extend_from_slice(&batch.map_or(0, |batch| batch.delta).to_be_bytes());
            let timestamp = batch.map_or(producer.last_timestamp_ms, |batch| batch.timestamp_ms);
            entries.extend_from_slice(&timestamp.to_be_bytes());
            entries.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
            entries.extend_from_slice(&producer.transaction_start.map_or(-1, Offset::get).to_be_bytes());
        };
        if producer.batches().next_back().is_none_or(|last| last.timestamp_ms != producer.last_timestamp_ms) {
            put(None);
        }
        producer.batches().for_each(|batch| put(Some(batch)));
    }
    let mut bytes = Vec::with_capacity(HEAD_BYTES + 4 + entries.len());
    bytes.extend_from_slice(&1i16.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&i32::to_be_bytes(count));
    bytes.extend_from_slice(&entries);
    let crc = crc32c(&bytes[HEAD_BYTES..]);
    bytes[2..HEAD_BYTES].copy_from_slice(&crc.to_be_bytes());
    bytes
}

pub fn read(bytes: &[u8]) -> Result<ProducerStates, SnapshotError> {
    let short = SnapshotError::Length(bytes.len());
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or(short.clone())?;
    let mut head = Reader(head);
    let version = i16::from_be_bytes(head.take().ok_or(short.clone())?);
    if version != 1 {
        return Err(SnapshotError::Version(version));
    }
    let expected = u32::from_be_bytes(head.take().ok_or(short.clone())?);
    let found = crc32c(body);
    if found != expected {
        return Err(SnapshotError::Checksum { expected, found });
    }
    let mut body = Reader(body);
    let count = i32::from_be_bytes(body.take().ok_or(short.clone())?);
    if usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY_BYTES)) != Some(body.0.len()) {
        return Err(short);
    }
    let mut states = ProducerStates::default();
    let mut present: Option<(ProducerId, Producer)> = None;
    let mut is_marked = false;
    for at in 0..count as usize {
        let (id, producer) = entry(&mut body).ok_or(SnapshotError::Entry(at))?;
        match &mut present {
            Some((same, known)) if *same == id && known.epoch == producer.epoch => {
                let marked_ms = known.last_timestamp_ms;
                producer.batches().for_each(|batch| known.push(*batch));
                if is_marked {
                    known.last_timestamp_ms = marked_ms;
                }
            }
            _ => {
                is_marked = producer.last_sequence().is_none();
                if let Some((id, producer)) = present.replace((id, producer)) {
                    states.insert(id, producer);
                }
            }
        }
    }
    if let Some((id, producer)) = present {
        states.insert(id, producer);
    }
    Ok(states)
}

fn entry(body: &mut Reader<'_>) -> Option<(ProducerId, Producer)> {
    let id = ProducerId::from_wire(i64::from_be_bytes(body.take()?))?;
    let mut producer = Producer::new(i16::from_be_bytes(body.take()?));
    let last_sequence = i32::from_be_bytes(body.take()?);
    let last_offset = i64::from_be_bytes(body.take()?);
    let delta = i32::from_be_bytes(body.take()?);
    let timestamp_ms = i64::from_be_bytes(body.take()?);
    producer.coordinator_epoch = i32::from_be_bytes(body.take()?);
    producer.transaction_start = Offset::from_wire(i64::from_be_bytes(body.take()?));
    if let Some(last_offset) = Offset::from_wire(last_offset)
        && last_sequence >= 0
    {
        if delta < 0 || i64::from(delta) > last_offset.get() {
            return None;
        }
        producer.push(ProducedBatch { last_sequence, last_offset, delta, timestamp_ms });
    }
    producer.last_timestamp_ms = timestamp_ms;
    Some((id, producer))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{BatchBuilder, BatchHeader, EndTransactionMarker, TransactionResult},
        types::ProducerEpoch,
    };

    fn states() -> ProducerStates {
        let mut states = ProducerStates::default();
        for at in 0..7i32 {
            for producer in [4, 9] {
                let batch =
                    BatchBuilder::new(1_000 + i64::from(at)).producer(producer, 2, at).record(None, None).build();
                let mut header = *batch.header();
                header.base_offset = i64::from(at) * 2 + producer % 2;
                states.update(&header, None);
            }
        }
        states
    }

    #[test]
    fn idem_10_all_five_batches_survive_a_snapshot() {
        let bytes = write(&states());
        assert_eq!(bytes.len(), 10 + 2 * 5 * ENTRY_BYTES);
        assert_eq!(read(&bytes).unwrap(), states());
        assert_eq!(read(&write(&ProducerStates::default())).unwrap(), ProducerStates::default());
    }

    #[test]
    fn idem_11_open_transactions_and_the_epochs_of_markers_survive_a_snapshot() {
        let mut states = states();
        let marker = EndTransactionMarker { result: TransactionResult::Commit, coordinator_epoch: 6 };
        let id = |id| ProducerId::from_wire(id).unwrap();
        for (producer, epoch) in [(4, 2), (9, 3), (11, 0)] {
            let mut ended = *marker.batch(id(producer), ProducerEpoch::from_wire(epoch).unwrap(), 50).header();
            ended.base_offset = 20 + producer;
            states.update(&ended, Some(marker));
        }
        let begun = BatchBuilder::new(60).attributes(BatchHeader::TRANSACTIONAL).producer(9, 3, 0);
        let mut begun = *begun.record(None, None).build().header();
        begun.base_offset = 40;
        states.update(&begun, None);
        let read = read(&write(&states)).unwrap();
        assert_eq!(read, states);
        assert_eq!(read.first_undecided(), Some(Offset::new(40)));
        let known = read.get(id(4)).unwrap();
        assert_eq!((known.coordinator_epoch, known.last_timestamp_ms, known.batches().count()), (6, 50, 5));
    }

    /// Offsets of transactions, as the group coordinator wrote them before they had sequences.
    #[test]
    fn idem_10_the_time_of_batches_without_a_sequence_survives_a_snapshot() {
        let mut states = states();
        for (producer, epoch, timestamp_ms) in [(4, 2, 7_000), (9, 3, 8_000), (12, 0, 9_000)] {
            let batch =
                BatchBuilder::new(timestamp_ms).attributes(BatchHeader::TRANSACTIONAL).producer(producer, epoch, -1);
            let mut header = *batch.record(None, None).build().header();
            header.base_offset = 20 + producer;
            states.update(&header, None);
        }
        let read = read(&write(&states)).unwrap();
        assert_eq!(read, states);
        let told = read.iter().map(|(_, known)| (known.last_timestamp_ms, known.batches().count()));
        assert_eq!(told.collect::<Vec<_>>(), [(7_000, 5), (8_000, 0), (9_000, 0)]);
        assert_eq!(read.first_undecided(), Some(Offset::new(24)));
    }

    #[test]
    fn idem_10_a_damaged_snapshot_is_refused() {
        let good = write(&states());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(read(&bad).is_err(), "flipped byte {at}");
            assert!(read(&good[..at]).is_err(), "cut at {at}");
        }
    }
}

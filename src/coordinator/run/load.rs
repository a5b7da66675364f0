//! Reads a whole journal into hard state: the records in their order, transactions by their markers.
use super::Coordinated;
use crate::{
    log::{Log, ReadError, ReadLimit},
    record::{ControlRecord, RecordSet, WalkedBatch, control, records, walk},
    replica::Unavailable,
    types::{Offset, ProducerId},
};
use std::sync::Arc;

/// Bytes of the journal read at once.
const READ_BYTES: usize = 4 << 20;
/// What one foreign, compressed batch may come to.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why a journal was not loaded to its end. Nothing of it is served then (TXN-15).
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the batch at offset {offset} cannot be read: {what}")]
    Batch { offset: i64, what: String },
    #[error("the record at offset {offset} cannot be read: {what}")]
    Record { offset: Offset, what: String },
    #[error("the record at offset {offset} does not follow: {what}")]
    Replay { offset: Offset, what: String },
    #[error("it is no longer wanted")]
    Unwanted,
}

/// What was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Volume {
    pub records: u64,
    pub bytes: u64,
    /// Of types that this version does not know.
    pub unknown: u64,
}

/// Everything from `from` to the log's end. `wanted` is asked now and then.
pub(super) fn load<M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    log: &Arc<Log>,
    from: Offset,
    wanted: &dyn Fn() -> bool,
) -> Result<Volume, LoadError> {
    let mut volume = Volume::default();
    let end = log.bounds().end();
    let mut next = from.max(log.bounds().start());
    while next < end {
        if !wanted() {
            return Err(LoadError::Unwanted);
        }
        let Some(slice) = log.read(next, ReadLimit::End, READ_BYTES, true)?.slice else {
            // Compaction may leave nothing up to the end.
            break;
        };
        let bytes = slice.read().map_err(|source| log.read_error(source))?;
        let before = next;
        for batch in walk(&bytes) {
            let damaged = |what: String| LoadError::Batch { offset: next.get(), what };
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let last = replay_batch(machine, hard, &batch, next, &mut volume)?;
            next = last.next().max(next);
        }
        if next == before {
            return Err(LoadError::Batch { offset: next.get(), what: "no whole batch is there".into() });
        }
        volume.bytes += bytes.len() as u64;
    }
    Ok(volume)
}

/// The batch's last offset. Records before `from` are not replayed.
fn replay_batch<M: Coordinated>(
    machine: &M,
    hard: &mut M::Hard,
    batch: &WalkedBatch<'_>,
    from: Offset,
    volume: &mut Volume,
) -> Result<Offset, LoadError> {
    let header = &batch.header;
    let damaged = |what: String| LoadError::Batch { offset: header.base_offset, what };
    if !batch.crc_matches() {
        return Err(damaged("its checksum is wrong".into()));
    }
    let (Some(base), Some(last)) = (header.base(), header.last()) else {
        return Err(damaged("its offsets are impossible".into()));
    };
    if last < from {
        return Ok(last);
    }
    let set = records(header, batch.bytes, DECOMPRESSED_BYTES_MAX).map_err(|error| damaged(error.to_string()))?;
    let fault = |error: M::Fault| LoadError::Replay { offset: base, what: error.to_string() };
    let producer = || {
        let producer = ProducerId::from_wire(header.producer_id);
        producer.ok_or_else(|| damaged("a transaction without a producer id".into()))
    };
    if header.is_control() {
        for record in &set {
            let record = record.map_err(|error| damaged(error.to_string()))?;
            let record = control(&record).map_err(|error| damaged(error.to_string()))?;
            if let ControlRecord::EndTransaction(marker) = record {
                machine.replay_end(hard, base, producer()?, marker.result).map_err(fault)?;
            }
        }
        return Ok(last);
    }
    let read = read::<M>(&set, base, volume)?;
    if read.is_empty() {
        return Ok(last);
    }
    if header.is_transactional() {
        machine.replay_open(hard, base, producer()?, read).map_err(fault)?;
    } else {
        machine.replay(hard, base, read).map_err(fault)?;
    }
    Ok(last)
}

fn read<M: Coordinated>(set: &RecordSet<'_>, base: Offset, volume: &mut Volume) -> Result<Vec<M::Record>, LoadError> {
    let mut read = Vec::new();
    for record in set {
        let record = record.map_err(|error| LoadError::Batch { offset: base.get(), what: error.to_string() })?;
        let offset = base.plus(i64::from(record.offset_delta));
        volume.records += 1;
        match M::decode(record.key, record.value).map_err(|what| LoadError::Record { offset, what })? {
            Some(record) => read.push(record),
            None => volume.unknown += 1,
        }
    }
    Ok(read)
}

//! Reads a journal batch by batch: plain records, records inside transactions, and the markers that end those.
use super::Coordinated;
use crate::{
    log::{Log, ReadError, ReadLimit},
    record::{ControlRecord, RecordSet, TransactionResult, WalkedBatch, control, records, walk},
    types::{Offset, ProducerId},
};
use std::sync::Arc;

/// Bytes of the journal read at once.
const READ_BYTES: usize = 4 << 20;
/// What one foreign, compressed batch may come to.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Why a journal was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScanError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the batch at offset {offset} cannot be read: {what}")]
    Batch { offset: i64, what: String },
    #[error("it is no longer wanted")]
    Unwanted,
}

/// One batch of a journal.
pub(super) enum Piece<'a> {
    Records { base: Offset, transaction: Option<ProducerId>, set: &'a RecordSet<'a> },
    End { at: Offset, producer: ProducerId, result: TransactionResult },
}

impl Piece<'_> {
    /// As a machine sees it that does not wait for the ends of transactions: their records are plain ones.
    pub(super) fn seen_by<M: Coordinated>(mut self) -> Self {
        if let Piece::Records { transaction, .. } = &mut self
            && !M::WAITS_FOR_ENDS
        {
            *transaction = None;
        }
        self
    }
}

/// How far a journal is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Until {
    /// Everything there is: a leader's own records are all to be.
    End,
    /// What no failure takes back.
    Committed,
}

/// Shows the batches from the one that holds `from` to `until`, with the offset behind each. `wanted` is asked now and
/// then. The bytes that were read.
pub(super) fn scan<E: From<ScanError>>(
    log: &Arc<Log>,
    from: Offset,
    until: Until,
    wanted: &dyn Fn() -> bool,
    show: &mut dyn FnMut(Piece<'_>, Offset) -> Result<(), E>,
) -> Result<u64, E> {
    let bounds = log.bounds();
    let (end, limit) = match until {
        Until::End => (bounds.end(), ReadLimit::End),
        Until::Committed => (bounds.high(), ReadLimit::High),
    };
    let mut next = from.max(bounds.start());
    let mut read_bytes = 0;
    while next < end {
        if !wanted() {
            return Err(ScanError::Unwanted.into());
        }
        let read = log.read(next, limit, READ_BYTES, true).map_err(ScanError::from)?;
        // Compaction may leave nothing up to the end.
        let Some(slice) = read.slice else { break };
        let bytes = slice.read().map_err(|source| ScanError::from(log.read_error(source)))?;
        let before = next;
        for batch in walk(&bytes) {
            let batch = batch.map_err(|error| ScanError::Batch { offset: next.get(), what: error.to_string() })?;
            let behind = show_batch(&batch, next, show)?;
            next = behind.max(next);
        }
        if next == before {
            return Err(ScanError::Batch { offset: next.get(), what: "no whole batch is there".into() }.into());
        }
        read_bytes += bytes.len() as u64;
    }
    Ok(read_bytes)
}

/// The offset behind the batch. One that ends before `from` is not shown.
fn show_batch<E: From<ScanError>>(
    batch: &WalkedBatch<'_>,
    from: Offset,
    show: &mut dyn FnMut(Piece<'_>, Offset) -> Result<(), E>,
) -> Result<Offset, E> {
    let header = &batch.header;
    let damaged = |what: String| ScanError::Batch { offset: header.base_offset, what };
    if !batch.crc_matches() {
        return Err(damaged("its checksum is wrong".into()).into());
    }
    let (Some(base), Some(last)) = (header.base(), header.last()) else {
        return Err(damaged("its offsets are impossible".into()).into());
    };
    let behind = last.next();
    if last < from {
        return Ok(behind);
    }
    let set = records(header, batch.bytes, DECOMPRESSED_BYTES_MAX).map_err(|error| damaged(error.to_string()))?;
    let producer = || {
        let producer = ProducerId::from_wire(header.producer_id);
        producer.ok_or_else(|| damaged("a transaction without a producer id".into()))
    };
    if !header.is_control() {
        let transaction = if header.is_transactional() { Some(producer()?) } else { None };
        show(Piece::Records { base, transaction, set: &set }, behind)?;
        return Ok(behind);
    }
    for record in &set {
        let record = record.map_err(|error| damaged(error.to_string()))?;
        let record = control(&record).map_err(|error| damaged(error.to_string()))?;
        if let ControlRecord::EndTransaction(marker) = record {
            show(Piece::End { at: base, producer: producer()?, result: marker.result }, behind)?;
        }
    }
    Ok(behind)
}

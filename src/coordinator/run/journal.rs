//! One partition of an internal topic as a machine's journal.
use super::{Coordinated, Transactional};
use crate::{
    log::{AppendError, AppendOrigin, AppendTerms, Log, Watermark},
    machine::{Journal, NotWritten},
    platform::Clock,
    record::{BatchBuilder, BatchHeader},
    replica::{Partition, ProduceError, Unavailable},
    types::{Acks, Offset, TransactionVersion},
};
use std::{marker::PhantomData, sync::Arc};

/// Of every batch, as in Apache Kafka: a coordinator's batches are not numbered, their order is that of its decisions.
const SEQUENCE: i32 = 0;

/// Only the coordinator of the partition writes to it: clients are refused (VAL-14).
pub(super) struct PartitionJournal<M> {
    partition: Arc<Partition>,
    log: Arc<Log>,
    clock: Arc<dyn Clock>,
    machine: PhantomData<fn() -> M>,
}

impl<M> PartitionJournal<M> {
    pub(super) fn new(partition: Arc<Partition>, log: Arc<Log>, clock: Arc<dyn Clock>) -> Self {
        PartitionJournal { partition, log, clock, machine: PhantomData }
    }

    /// What one write may have.
    pub(super) fn batch_bytes_max(&self) -> usize {
        let settings = self.partition.settings();
        let segment_bytes = usize::try_from(settings.log.segment_bytes).unwrap_or(usize::MAX);
        settings.rules.batch_bytes_max.min(segment_bytes)
    }

    pub(super) fn log(&self) -> &Arc<Log> {
        &self.log
    }
}

impl<M: Coordinated> Journal<M::Record> for PartitionJournal<M> {
    fn append(&mut self, records: &[M::Record]) -> Result<Offset, NotWritten> {
        assert!(!records.is_empty(), "a batch has records");
        let transactional = M::transactional(&records[0]);
        if let Some(Transactional::End(producer, epoch, marker)) = transactional {
            assert_eq!(records.len(), 1, "a marker stands alone");
            // Judged before it was decided, and by the protocol of its transaction: see `Log::check_marker`.
            let version = TransactionVersion::V0;
            let appended = self.partition.append_marker(producer, epoch, marker, version);
            return Ok(appended.map_err(not_written)?.base);
        }
        let mut batch = BatchBuilder::new(self.clock.wall_ms());
        let mut terms = AppendTerms::from(AppendOrigin::Coordinator);
        if let Some(Transactional::Open(producer, epoch)) = transactional {
            batch = batch.attributes(BatchHeader::TRANSACTIONAL).producer(producer.get(), epoch.get(), SEQUENCE);
            // Nobody else writes here, so the guard is still the one that the request was admitted by.
            terms.guard = self.log.verification_of(producer);
        }
        let batch = records.iter().fold(batch, |batch, record| {
            let (key, value) = M::encode(record);
            batch.record(Some(&key), value.as_deref())
        });
        let (bytes, bytes_max) = (batch.size_bytes(), self.partition.settings().rules.batch_bytes_max);
        if bytes > bytes_max {
            return Err(NotWritten::TooLarge { bytes, bytes_max });
        }
        let appended = self.partition.append(batch.build(), Acks::All, terms);
        Ok(appended.map_err(not_written)?.base)
    }

    fn end(&self) -> Offset {
        self.log.bounds().end()
    }

    fn committed(&self) -> &Arc<Watermark> {
        self.log.high_mark()
    }
}

fn not_written(error: ProduceError) -> NotWritten {
    match error {
        ProduceError::NotEnoughReplicas { .. } => NotWritten::TooFewReplicas,
        ProduceError::Unavailable(Unavailable::StorageFailed | Unavailable::Damaged(_)) => {
            NotWritten::Storage(error.to_string())
        }
        ProduceError::Unavailable(_) => NotWritten::NotLeader,
        ProduceError::Append(error) => match error {
            AppendError::StaleEpoch { .. } | AppendError::Deleted => NotWritten::NotLeader,
            AppendError::Stopping => NotWritten::Stopping,
            AppendError::BatchTooLargeForSegment { size, segment_bytes } => {
                NotWritten::TooLarge { bytes: size, bytes_max: usize::try_from(segment_bytes).unwrap_or(usize::MAX) }
            }
            other => NotWritten::Storage(other.to_string()),
        },
    }
}

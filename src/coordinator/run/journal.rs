//! One partition of an internal topic as a machine's journal.
use super::Coordinated;
use crate::{
    log::{AppendError, AppendOrigin, Log, Watermark},
    machine::{Journal, NotWritten},
    platform::Clock,
    record::BatchBuilder,
    replica::{Partition, ProduceError, Unavailable},
    types::{Acks, Offset},
};
use std::{marker::PhantomData, sync::Arc};

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
}

impl<M: Coordinated> Journal<M::Record> for PartitionJournal<M> {
    fn append(&mut self, records: &[M::Record]) -> Result<Offset, NotWritten> {
        assert!(!records.is_empty(), "a batch has records");
        let batch = records.iter().fold(BatchBuilder::new(self.clock.wall_ms()), |batch, record| {
            let (key, value) = M::encode(record);
            batch.record(Some(&key), value.as_deref())
        });
        let (bytes, bytes_max) = (batch.size_bytes(), self.partition.settings().rules.batch_bytes_max);
        if bytes > bytes_max {
            return Err(NotWritten::TooLarge { bytes, bytes_max });
        }
        let appended = self.partition.append(batch.build(), Acks::All, AppendOrigin::Coordinator);
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

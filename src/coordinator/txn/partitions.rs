//! Which partitions a transaction writes to: added before the first record, verified by their leaders (TXN-5, TXN-6).
use super::{Partition, Producer, Reply, State, Transaction, TransactionalId, machine::Decision};
use crate::types::{ErrorCode, TransactionVersion};
use std::collections::BTreeSet;

impl Decision<'_> {
    pub fn add_partitions(
        &mut self,
        id: &TransactionalId,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
        version: TransactionVersion,
    ) -> Result<Reply, Reply> {
        let known = self.known(id)?;
        if let Some(next) = self.with_added(&known, producer, partitions, version)? {
            self.write(id, &next)?;
        }
        Ok(Reply::Done)
    }

    /// The transaction with these partitions; `None` where they are in it.
    pub fn with_added(
        &self,
        known: &Transaction,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
        version: TransactionVersion,
    ) -> Result<Option<Transaction>, Reply> {
        // First: the producer may use the id and epoch already that come with the end of the last transaction.
        if let State::Prepare(_) = known.state {
            return Err(Reply::Refused(ErrorCode::ConcurrentTransactions));
        }
        check_producer(known, producer)?;
        let is_open = known.state == State::Ongoing;
        if is_open && partitions.is_subset(&known.partitions) {
            return Ok(None);
        }
        self.check_level(version)?;
        let now_ms = self.op.now_ms;
        Ok(Some(Transaction {
            previous_producer_id: known.producer_id,
            state: State::Ongoing,
            partitions: known.partitions.union(partitions).cloned().collect(),
            started_ms: if is_open { known.started_ms } else { now_ms },
            updated_ms: now_ms,
            version,
            ..known.clone()
        }))
    }

    pub fn verify(
        &self,
        id: &TransactionalId,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
    ) -> Result<Reply, Reply> {
        let known = self.known(id)?;
        check_producer(&known, producer)?;
        if let State::Prepare(_) = known.state {
            return Err(Reply::Refused(ErrorCode::ConcurrentTransactions));
        }
        let verdict = |partition: &Partition| {
            let code =
                if known.partitions.contains(partition) { ErrorCode::None } else { ErrorCode::TransactionAbortable };
            (partition.clone(), code)
        };
        Ok(Reply::Verified(partitions.iter().map(verdict).collect()))
    }
}

fn check_producer(known: &Transaction, producer: Producer) -> Result<(), Reply> {
    if known.producer_id != producer.id {
        return Err(Reply::Refused(ErrorCode::InvalidProducerIdMapping));
    }
    if known.epoch != producer.epoch {
        return Err(Reply::Refused(ErrorCode::ProducerFenced));
    }
    Ok(())
}

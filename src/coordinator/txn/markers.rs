//! Markers on their way: which are due, what their answers mean, when a transaction is complete (TXN-9 to TXN-13).
use super::{
    Join, Partition, Producer, Reply, Soft, State, Transaction, TransactionalId, Transactions, machine::Decision,
};
use crate::{
    record::TransactionResult,
    types::{ErrorCode, Offset, TransactionVersion},
};
use std::collections::BTreeSet;

/// The markers of one transaction that are still to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingMarkers {
    pub id: TransactionalId,
    /// The marker's epoch: under TV2 the one after that of the records.
    pub producer: Producer,
    pub result: TransactionResult,
    pub version: TransactionVersion,
    pub partitions: BTreeSet<Partition>,
}

impl Transactions {
    /// The markers to be sent, of all transactions whose decision is committed (below `committed`). After a load that is
    /// every one of them (TXN-14).
    pub fn pending_markers(&self, soft: &Soft, committed: Offset) -> Vec<PendingMarkers> {
        let due = self.prepared().filter(|(_, at)| *at < committed);
        due.filter_map(|(id, _)| self.pending_markers_of(soft, id)).collect()
    }

    /// Those of one transactional id; `None` where nothing is to be sent.
    pub fn pending_markers_of(&self, soft: &Soft, id: &TransactionalId) -> Option<PendingMarkers> {
        let transaction = self.get(id).filter(|_| !soft.given_up.contains(id))?;
        let State::Prepare(result) = transaction.state else { return None };
        let marked = soft.marked.get(id);
        let left = transaction.partitions.iter().filter(|one| marked.is_none_or(|marked| !marked.contains(one)));
        Some(PendingMarkers {
            id: id.clone(),
            producer: Producer { id: transaction.producer_id, epoch: transaction.epoch },
            result,
            version: transaction.version,
            partitions: left.cloned().collect(),
        })
    }
}

/// What a leader's answer to a marker means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarkerVerdict {
    Written,
    /// Sent again after a pause, to whoever leads then.
    Again,
    /// Another coordinator, or a later epoch, has taken over: this one stops.
    GiveUp,
}

/// TXN-11. An answer that nobody expects is no reason to stop sending.
pub fn verdict(code: ErrorCode) -> MarkerVerdict {
    match code {
        ErrorCode::None | ErrorCode::UnsupportedForMessageFormat => MarkerVerdict::Written,
        ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => MarkerVerdict::GiveUp,
        _ => MarkerVerdict::Again,
    }
}

impl Decision<'_> {
    /// Who asks is answered behind the commit of all that this looks at.
    pub fn markers(&self, of: Option<&TransactionalId>) -> Vec<PendingMarkers> {
        match of {
            Some(id) => self.hard.pending_markers_of(self.soft, id).into_iter().collect(),
            None => self.hard.pending_markers(self.soft, Offset::new(i64::MAX)),
        }
    }

    /// Some partitions have the marker; with the last of them the transaction is complete (TXN-13). Who waits for that joins the
    /// next one with it: they ask again for their answer, and those whom it refuses have changed nothing.
    pub fn marked(
        &mut self,
        id: &TransactionalId,
        producer: Producer,
        partitions: &BTreeSet<Partition>,
        waiting: &[Join],
    ) -> Result<Reply, Reply> {
        let Some((known, result)) = self.prepared(id, producer) else { return Ok(Reply::Done) };
        let marked = self.soft.marked.entry(id.clone()).or_default();
        marked.extend(partitions.iter().cloned());
        if known.partitions.is_subset(marked) {
            let mut now = known.completed(result, self.op.now_ms);
            self.write(id, &now)?;
            self.soft.marked.remove(id);
            for join in waiting {
                if let Ok(Some(next)) = self.with_added(&now, join.producer, &join.partitions, TransactionVersion::V2)
                    && self.write(id, &next).is_ok()
                {
                    now = next;
                }
            }
        }
        Ok(Reply::Done)
    }

    pub fn marker_refused(&mut self, id: &TransactionalId, producer: Producer) -> Reply {
        if self.prepared(id, producer).is_some() {
            self.soft.given_up.insert(id.clone());
        }
        Reply::Done
    }

    /// The transaction that this marker ends, if it is still to be completed.
    fn prepared(&self, id: &TransactionalId, producer: Producer) -> Option<(Transaction, TransactionResult)> {
        let known = self.hard.get(id)?;
        let State::Prepare(result) = known.state else { return None };
        (known.producer_id == producer.id && known.epoch == producer.epoch).then(|| (known.clone(), result))
    }
}

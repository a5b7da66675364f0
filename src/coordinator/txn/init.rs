//! InitProducerId with a transactional id: a new epoch, which fences whoever had the last one (INIT-2 to INIT-7).
use super::{Producer, Reply, State, Transaction, TransactionalId, machine::Decision};
use crate::{
    record::TransactionResult,
    types::{ErrorCode, TransactionVersion},
};
use std::collections::BTreeSet;

impl Decision<'_> {
    pub fn init(&mut self, id: &TransactionalId, timeout_ms: i32, expected: Option<Producer>) -> Result<Reply, Reply> {
        if id.is_empty() {
            return Err(Reply::Refused(ErrorCode::InvalidRequest));
        }
        if !self.op.settings.allows_timeout(timeout_ms) {
            return Err(Reply::Refused(ErrorCode::InvalidTransactionTimeout));
        }
        let Some(known) = self.hard.get(id).cloned() else { return self.first(id, timeout_ms) };
        if let State::Prepare(_) = known.state {
            return Err(Reply::Refused(ErrorCode::ConcurrentTransactions));
        }
        if expected.is_some_and(|expected| !is_its_own(&known, expected)) {
            return Err(Reply::Refused(ErrorCode::ProducerFenced));
        }
        if known.state == State::Ongoing {
            // The client asks again, and gets an epoch of its own once the abort is complete (INIT-4).
            self.fence(id, &known)?;
            return Err(Reply::Refused(ErrorCode::ConcurrentTransactions));
        }
        let blank = Transaction {
            previous_producer_id: known.producer_id,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            started_ms: -1,
            updated_ms: self.op.now_ms,
            ..known.clone()
        };
        let may_rotate = expected.is_none_or(|expected| expected.epoch == known.epoch);
        let (next, last_epoch) = if known.is_exhausted() && may_rotate {
            let rotated = Transaction { producer_id: self.fresh_producer_id()?, epoch: 0, ..blank };
            (rotated, expected.map(|_| known.epoch))
        } else {
            self.raised(id, &known, expected, blank)?
        };
        self.write(id, &next)?;
        match last_epoch {
            Some(last) => self.soft.last_epochs.insert(id.clone(), last),
            None => self.soft.last_epochs.remove(id),
        };
        Ok(Reply::Producer(Producer { id: next.producer_id, epoch: next.epoch }))
    }

    /// A transactional id that nobody has used.
    fn first(&mut self, id: &TransactionalId, timeout_ms: i32) -> Result<Reply, Reply> {
        let producer_id = self.fresh_producer_id()?;
        let created = Transaction {
            producer_id,
            previous_producer_id: -1,
            next_producer_id: -1,
            epoch: 0,
            timeout_ms,
            state: State::Empty,
            partitions: BTreeSet::new(),
            updated_ms: self.op.now_ms,
            started_ms: -1,
            version: TransactionVersion::V0,
        };
        self.write(id, &created)?;
        self.soft.last_epochs.remove(id);
        Ok(Reply::Producer(Producer { id: producer_id, epoch: 0 }))
    }

    /// The next epoch, and the one before where the client may ask again (INIT-5).
    fn raised(
        &self,
        id: &TransactionalId,
        known: &Transaction,
        expected: Option<Producer>,
        blank: Transaction,
    ) -> Result<(Transaction, Option<i16>), Reply> {
        let fenced = Reply::Refused(ErrorCode::ProducerFenced);
        let last = self.soft.last_epochs.get(id).copied();
        match expected {
            Some(expected) if expected.epoch != known.epoch => {
                // The answer to this very question was lost.
                if last == Some(expected.epoch) { Ok((blank, last)) } else { Err(fenced) }
            }
            expected => {
                let epoch = known.epoch.checked_add(1).ok_or(fenced)?;
                Ok((Transaction { epoch, ..blank }, expected.map(|_| known.epoch)))
            }
        }
    }

    /// Aborts what is open in the name of a later epoch. Under TV2 the abort itself raises it, once (KAFKA-19367).
    pub fn fence(&mut self, id: &TransactionalId, open: &Transaction) -> Result<(), Reply> {
        let version = self.op.settings.version;
        if version.raises_epoch() {
            return self.prepare(id, open, TransactionResult::Abort, version).map(|_| ());
        }
        let raised = Transaction { epoch: open.epoch.saturating_add(1), ..open.clone() };
        self.prepare(id, &raised, TransactionResult::Abort, TransactionVersion::V0)?;
        self.soft.last_epochs.remove(id);
        Ok(())
    }
}

/// The present producer id, or the one before when its epochs were used up and the answer with the new id was lost.
fn is_its_own(known: &Transaction, expected: Producer) -> bool {
    expected.id == known.producer_id || (expected.id == known.previous_producer_id && expected.epoch >= i16::MAX - 1)
}

//! EndTxn: commit or abort, cell by cell of Kafka's table. Decided is what the journal says; markers follow (TXN-4).
use super::{Producer, Reply, State, Transaction, TransactionalId, machine::Decision};
use crate::{
    record::TransactionResult::{self, Abort, Commit},
    types::{ErrorCode, TransactionVersion},
};

impl Decision<'_> {
    pub fn end(
        &mut self,
        id: &TransactionalId,
        producer: Producer,
        result: TransactionResult,
        version: TransactionVersion,
    ) -> Result<Reply, Reply> {
        let known = self.known(id)?;
        if version.raises_epoch() {
            self.end_raising(id, &known, producer, result, version)
        } else {
            self.end_plainly(id, &known, producer, result)
        }
    }

    /// TV0 and TV1: the epoch stays, so a repetition cannot be told from the end of the next transaction (TXN-31).
    fn end_plainly(
        &mut self,
        id: &TransactionalId,
        known: &Transaction,
        producer: Producer,
        result: TransactionResult,
    ) -> Result<Reply, Reply> {
        if known.producer_id != producer.id {
            return Err(Reply::Refused(ErrorCode::InvalidProducerIdMapping));
        }
        if known.epoch != producer.epoch {
            return Err(Reply::Refused(ErrorCode::ProducerFenced));
        }
        match known.state {
            State::Ongoing => self.prepare(id, known, result, TransactionVersion::V0).map(Reply::Producer),
            State::Complete(before) if before == result => Ok(Reply::Producer(producer)),
            State::Prepare(_) => Err(Reply::Refused(ErrorCode::ConcurrentTransactions)),
            State::Empty | State::Complete(_) => Err(Reply::Refused(ErrorCode::InvalidTxnState)),
        }
    }

    /// TV2: every end raises the epoch, so the one before it is a repetition.
    fn end_raising(
        &mut self,
        id: &TransactionalId,
        known: &Transaction,
        producer: Producer,
        result: TransactionResult,
        version: TransactionVersion,
    ) -> Result<Reply, Reply> {
        // First, before the epoch is looked at: a producer that already has the next epoch must not be fenced by its own
        // past (KAFKA-18464, KAFKA-18660).
        if let State::Prepare(_) = known.state {
            return Err(Reply::Refused(ErrorCode::ConcurrentTransactions));
        }
        let rotated = known.previous_producer_id == producer.id
            && known.producer_id != producer.id
            && producer.epoch == i16::MAX - 1
            && known.epoch == 0;
        if known.producer_id != producer.id && !rotated {
            return Err(Reply::Refused(ErrorCode::InvalidProducerIdMapping));
        }
        let again = rotated || producer.epoch.checked_add(1) == Some(known.epoch);
        let current = known.producer_id == producer.id && producer.epoch == known.epoch;
        let invalid = Err(Reply::Refused(ErrorCode::InvalidTxnState));
        match (known.state, result) {
            (State::Ongoing | State::Empty, _) if !current => Err(Reply::Refused(ErrorCode::ProducerFenced)),
            (State::Complete(_), _) if !current && !again => Err(Reply::Refused(ErrorCode::ProducerFenced)),
            (State::Ongoing, _) => self.prepare(id, known, result, version).map(Reply::Producer),
            (State::Complete(before), _) if again && before == result => {
                Ok(Reply::Producer(Producer { id: known.producer_id, epoch: known.epoch }))
            }
            (State::Complete(_), _) if again => invalid,
            // Nothing was written, but the client cannot know: it gets its new epoch all the same.
            (State::Empty | State::Complete(_), Abort) => {
                let begun = Transaction { started_ms: self.op.now_ms, ..known.clone() };
                self.prepare(id, &begun, Abort, version).map(Reply::Producer)
            }
            (_, Commit | Abort) => invalid,
        }
    }

    /// Writes the decision. Who the producer is once the transaction is complete is known already; without partitions it
    /// is complete at once. What is refused has changed nothing.
    pub fn prepare(
        &mut self,
        id: &TransactionalId,
        open: &Transaction,
        result: TransactionResult,
        version: TransactionVersion,
    ) -> Result<Producer, Reply> {
        self.check_level(version)?;
        let raises = version.raises_epoch();
        let next_producer_id = if raises && open.is_exhausted() { self.fresh_producer_id()? } else { -1 };
        let prepared = Transaction {
            previous_producer_id: open.producer_id,
            next_producer_id,
            // At the very last epoch the abort goes through without a new one (KAFKA-20090).
            epoch: if raises { open.epoch.saturating_add(1) } else { open.epoch },
            state: State::Prepare(result),
            updated_ms: self.op.now_ms,
            version,
            ..open.clone()
        };
        self.write(id, &prepared)?;
        if raises {
            self.soft.last_epochs.insert(id.clone(), open.epoch);
        }
        self.soft.marked.remove(id);
        self.soft.given_up.remove(id);
        let completed = prepared.completed(result, self.op.now_ms);
        if prepared.partitions.is_empty() {
            // Where both do not fit one batch, it is completed as those whose markers are written.
            let _ = self.write(id, &completed);
        }
        Ok(Producer { id: completed.producer_id, epoch: completed.epoch })
    }
    /// TXN-8: where `transaction.version` is 0 nothing is written for clients that know 2. They learn the level from
    /// ApiVersions.
    pub fn check_level(&self, version: TransactionVersion) -> Result<(), Reply> {
        if version.raises_epoch() && self.op.settings.version == TransactionVersion::V0 {
            return Err(Reply::Refused(ErrorCode::UnsupportedVersion));
        }
        Ok(())
    }
}

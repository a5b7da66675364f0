//! Who may begin a transaction in a partition: only a producer whose coordinator was asked, and whose answer was not
//! overtaken by a marker (TXN-7). Lost with leadership; never part of what the log says.
use crate::{
    log::producer_state::{ProducerError, ProducerStates},
    record::BatchHeader,
    types::{ProducerEpoch, ProducerId, TransactionVersion},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

/// Proof that the coordinator was asked after this was given out, and that no marker came since. Never given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VerificationGuard(u64);

impl VerificationGuard {
    fn unique() -> VerificationGuard {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        VerificationGuard(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A batch that waits for the coordinator's word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    pub producer: ProducerId,
    pub epoch: ProducerEpoch,
    /// Of the batch's first record.
    pub sequence: i32,
    pub version: TransactionVersion,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Verification {
    guard: VerificationGuard,
    epoch: i16,
    /// The lowest sequence that was seen: a later batch must not overtake it (IDEM-5).
    lowest_sequence: i32,
    version: TransactionVersion,
    since_ms: i64,
}

/// All open questions of one partition.
#[derive(Default, Debug)]
pub struct Verifications {
    open: BTreeMap<ProducerId, Verification>,
}

impl Verifications {
    /// Begins to verify, or goes on with it. `None`: the transaction is open here already, no one need be asked.
    pub fn start(
        &mut self,
        producers: &ProducerStates,
        question: Question,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, ProducerError> {
        let Question { producer: id, sequence, version, .. } = question;
        let epoch = question.epoch.get();
        producers.check_epoch(id, epoch)?;
        if producers.has_open(id, epoch) {
            return Ok(None);
        }
        let verification = self.open.entry(id).or_insert_with(|| Verification {
            guard: VerificationGuard::unique(),
            epoch,
            lowest_sequence: sequence,
            version,
            since_ms: now_ms,
        });
        if epoch > verification.epoch {
            (verification.epoch, verification.lowest_sequence) = (epoch, sequence);
        } else if epoch == verification.epoch {
            verification.lowest_sequence = verification.lowest_sequence.min(sequence);
        }
        Ok(Some(verification.guard))
    }

    pub fn guard_of(&self, id: ProducerId) -> Option<VerificationGuard> {
        self.open.get(&id).map(|verification| verification.guard)
    }

    /// May a batch of a transaction be appended by this guard? A stale epoch comes first: the client recovers from that
    /// (IDEM-6).
    pub fn check(
        &self,
        producers: &ProducerStates,
        header: &BatchHeader,
        guard: Option<VerificationGuard>,
    ) -> Result<(), ProducerError> {
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(()) };
        if !header.is_transactional() || header.is_control() || producers.has_open(id, header.producer_epoch) {
            return Ok(());
        }
        producers.check_epoch(id, header.producer_epoch)?;
        let expected = self.open.get(&id).map(|verification| verification.guard);
        if expected.is_none() || expected != guard {
            return Err(ProducerError::NotVerified { id });
        }
        Ok(())
    }

    /// Sequences of a producer that is being verified: none above the lowest seen, and under TV2 none but 0 to begin
    /// with (IDEM-5).
    pub fn check_sequence(&self, producers: &ProducerStates, header: &BatchHeader) -> Result<(), ProducerError> {
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return Ok(()) };
        let Some(verification) = self.open.get(&id) else { return Ok(()) };
        let given = header.base_sequence;
        if verification.version.raises_epoch() && given != 0 && !producers.knows(id) {
            return Err(ProducerError::OutOfOrder { id, given, expected: 0 });
        }
        if given > verification.lowest_sequence {
            return Err(ProducerError::OutOfOrder { id, given, expected: verification.lowest_sequence });
        }
        Ok(())
    }

    /// A batch of a transaction was appended, or its marker: what was asked before says nothing any more. Under TV2 the
    /// marker has the epoch of the next transaction, whose question may be open already.
    pub fn appended(&mut self, header: &BatchHeader) {
        let Some(id) = ProducerId::from_wire(header.producer_id) else { return };
        if !header.is_transactional() || self.open.is_empty() {
            return;
        }
        let is_next = |verification: &Verification| {
            header.is_control() && verification.version.raises_epoch() && verification.epoch == header.producer_epoch
        };
        if !self.open.get(&id).is_some_and(is_next) {
            self.open.remove(&id);
        }
    }

    /// Forgets questions without an answer.
    pub fn expire(&mut self, now_ms: i64, idle_ms_max: i64) {
        self.open.retain(|_, verification| now_ms.saturating_sub(verification.since_ms) < idle_ms_max);
    }
}

#[cfg(test)]
mod tests;

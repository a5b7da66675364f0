//! What a partition's leader knows and checks: epochs last seen, who was vouched for, what is open, what became visible.
use super::*;

#[derive(Default)]
pub struct Leader {
    /// By producer id: epoch and coordinator's epoch.
    epochs: BTreeMap<i64, (i16, i32)>,
    /// Questions to the coordinator: guard and epoch (TXN-7).
    guards: BTreeMap<i64, (u64, i16)>,
    pub open: BTreeMap<i64, Vec<u64>>,
    pub visible: BTreeSet<u64>,
    guards_given: u64,
}

/// Before a batch is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum First {
    Fenced,
    /// The transaction is open here.
    No,
    /// The coordinator is to be asked; the guard goes with the batch.
    Ask(u64),
}

impl Leader {
    fn epoch(&self, id: i64) -> i16 {
        self.epochs.get(&id).map_or(-1, |(epoch, _)| *epoch)
    }

    fn is_open(&self, id: i64) -> bool {
        self.open.get(&id).is_some_and(|open| !open.is_empty())
    }

    pub fn start(&mut self, producer: Producer) -> First {
        let current = self.epoch(producer.id);
        if producer.epoch < current {
            return First::Fenced;
        }
        if producer.epoch == current && self.is_open(producer.id) {
            return First::No;
        }
        self.guards_given += 1;
        let guard = self.guards.entry(producer.id).or_insert((self.guards_given, producer.epoch));
        guard.1 = guard.1.max(producer.epoch);
        First::Ask(guard.0)
    }

    pub fn write(&mut self, producer: Producer, transaction: u64, guard: Option<u64>) -> bool {
        let current = self.epoch(producer.id);
        let goes_on = producer.epoch == current && self.is_open(producer.id);
        let vouched = guard.is_some() && self.guards.get(&producer.id).map(|known| known.0) == guard;
        if producer.epoch < current || !(goes_on || vouched) {
            return false;
        }
        self.guards.remove(&producer.id);
        self.epochs.entry(producer.id).or_insert((-1, -1)).0 = producer.epoch;
        self.open.entry(producer.id).or_default().push(transaction);
        true
    }

    /// TXN-10.
    pub fn mark(&mut self, marker: &PendingMarkers, term: i32) -> ErrorCode {
        let Producer { id, epoch } = marker.producer;
        let (current, coordinator) = self.epochs.get(&id).copied().unwrap_or((-1, -1));
        let raises = marker.version.raises_epoch();
        let too_late = raises && epoch == current && self.is_open(id) && epoch != i16::MAX;
        if epoch < current || too_late {
            return ErrorCode::InvalidProducerEpoch;
        }
        if term < coordinator {
            return ErrorCode::TransactionCoordinatorFenced;
        }
        if !self.guards.get(&id).is_some_and(|(_, asked)| raises && *asked == epoch) {
            self.guards.remove(&id);
        }
        self.epochs.insert(id, (epoch, term));
        let open = self.open.remove(&id).unwrap_or_default();
        if marker.result == Commit {
            self.visible.extend(open);
        }
        ErrorCode::None
    }
}

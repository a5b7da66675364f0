//! What a history says of each partition's log: which value stands where, who wrote it, who saw it.
use crate::history::{Action, History, Index, Isolation, Outcome, Partition, Value};
use crate::report::Reader;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one partition.
#[derive(Default, Debug)]
pub struct Log {
    /// Every value that was seen or acknowledged at an offset.
    pub at: BTreeMap<i64, BTreeSet<Value>>,
    pub offsets: BTreeMap<Value, BTreeSet<i64>>,
    pub writers: BTreeMap<Value, Index>,
    /// What a reader of committed records has to find: of transactions that count, and of plain sends.
    pub committed: BTreeMap<i64, Value>,
    /// Values that readers of committed records have found.
    pub seen_committed: BTreeSet<Value>,
}

#[derive(Default, Debug)]
pub struct Logs {
    pub partitions: BTreeMap<Partition, Log>,
    /// Operations that count: they are known to, or something of them was seen that counts.
    pub counting: BTreeSet<Index>,
}

/// One look at a partition: by an operation's poll, or the last read of all.
pub struct Look<'a> {
    pub reader: Reader,
    pub partition: Partition,
    pub isolation: Isolation,
    pub records: &'a [(i64, Value)],
    /// When the look had ended.
    pub until: u64,
}

/// Every look of a history.
pub fn looks(history: &History) -> impl Iterator<Item = Look<'_>> {
    let polls = history.steps().filter_map(|(index, _, step)| match &step.action {
        Action::Poll { partition, isolation, records, .. } => Some(Look {
            reader: Some(index),
            partition: *partition,
            isolation: *isolation,
            records,
            until: step.span.to,
        }),
        _ => None,
    });
    let finals = history.finals.iter().map(|read| Look {
        reader: None,
        partition: read.partition,
        isolation: read.isolation,
        records: &read.records,
        until: u64::MAX,
    });
    polls.chain(finals)
}

impl Logs {
    pub fn of(history: &History) -> Logs {
        let mut logs = Logs::default();
        for (index, operation) in history.operations.iter().enumerate() {
            if operation.outcome == Outcome::Done {
                logs.counting.insert(index);
            }
            for (_, partition, value, offset) in operation.sends() {
                let log = logs.partitions.entry(partition).or_default();
                log.writers.insert(value, index);
                if let Some(offset) = offset {
                    log.stands(offset, value);
                }
            }
        }
        for look in looks(history) {
            let log = logs.partitions.entry(look.partition).or_default();
            for &(offset, value) in look.records {
                log.stands(offset, value);
                if look.isolation == Isolation::Committed {
                    log.seen_committed.insert(value);
                    let writer = log.writers.get(&value).copied();
                    logs.counting
                        .extend(writer.filter(|writer| history.operations[*writer].outcome == Outcome::Unknown));
                }
            }
        }
        for log in logs.partitions.values_mut() {
            log.find_committed(history, &logs.counting);
        }
        logs
    }
}

impl Log {
    fn stands(&mut self, offset: i64, value: Value) {
        self.at.entry(offset).or_default().insert(value);
        self.offsets.entry(value).or_default().insert(offset);
    }

    /// A plain send that was acknowledged counts whatever became of its operation.
    fn find_committed(&mut self, history: &History, counting: &BTreeSet<Index>) {
        for (offset, values) in &self.at {
            for value in values {
                let counts = self
                    .writers
                    .get(value)
                    .is_some_and(|writer| counting.contains(writer) || !history.operations[*writer].transactional);
                if counts || self.seen_committed.contains(value) {
                    self.committed.insert(*offset, *value);
                }
            }
        }
    }
}

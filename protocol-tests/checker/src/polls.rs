//! What a process polls rises, and leaves nothing out that is there for it.
use crate::history::{Action, History, Isolation, Outcome, Partition, Process};
use crate::logs::{Log, Logs};
use crate::report::{Anomaly, Place, Reader};
use std::collections::BTreeMap;
use std::ops::Bound::Excluded;

/// Skips and steps back, inside operations and from one to the next of a process.
///
/// Only operations that are done move a process on: after any other it has to read again what it read in it.
pub fn polls(history: &History, logs: &Logs) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut positions: BTreeMap<(Process, Partition), i64> = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        // Where this operation has read to; before its first poll of a partition, where the process stood.
        let mut reached: BTreeMap<Partition, i64> = BTreeMap::new();
        for step in &operation.steps {
            match &step.action {
                Action::Seek { partition } => {
                    positions.remove(&(operation.process, *partition));
                    reached.remove(partition);
                }
                Action::Poll { partition, isolation, from, records, .. } => {
                    let walk = Walk { reader: index, partition: *partition, isolation: *isolation };
                    let before = reached.get(partition).map(|last| (*last, true));
                    let before = before.or(positions.get(&(operation.process, *partition)).map(|last| (*last, false)));
                    walk.follow(before, *from, records.iter().map(|(offset, _)| *offset), logs, &mut found);
                    if let Some((last, _)) = records.last() {
                        reached.insert(*partition, *last);
                    }
                }
                _ => {}
            }
        }
        if operation.outcome == Outcome::Done {
            positions.extend(reached.into_iter().map(|(partition, last)| ((operation.process, partition), last)));
        }
    }
    for read in &history.finals {
        let offsets: Vec<i64> = read.records.iter().map(|(offset, _)| *offset).collect();
        for pair in offsets.windows(2) {
            found.extend(skipped(None, true, logs, (read.partition, read.isolation), pair[0], pair[1]));
        }
    }
    found
}

/// One poll of one partition.
struct Walk {
    reader: usize,
    partition: Partition,
    isolation: Isolation,
}

impl Walk {
    fn follow(
        &self,
        before: Option<(i64, bool)>,
        from: Option<i64>,
        offsets: impl Iterator<Item = i64>,
        logs: &Logs,
        found: &mut Vec<Anomaly>,
    ) {
        // A process that stood nowhere begins where it asked to.
        let mut last = before.or(from.map(|from| (from - 1, true)));
        for offset in offsets {
            if let Some((last, inside)) = last {
                if offset <= last {
                    let (reader, partition) = (self.reader, self.partition);
                    found.push(Anomaly::PollBack { reader, inside, partition, from: last, to: offset });
                } else {
                    let of = (self.partition, self.isolation);
                    found.extend(skipped(Some(self.reader), inside, logs, of, last, offset));
                }
            }
            last = Some((offset, true));
        }
    }
}

/// The first record between two that were read one after the other.
fn skipped(
    reader: Reader,
    inside: bool,
    logs: &Logs,
    (partition, isolation): (Partition, Isolation),
    from: i64,
    to: i64,
) -> Option<Anomaly> {
    if to <= from + 1 {
        return None;
    }
    let log: &Log = logs.partitions.get(&partition)?;
    let between = (Excluded(from), Excluded(to));
    let (offset, value) = match isolation {
        Isolation::Committed => log.committed.range(between).next().map(|(offset, value)| (*offset, *value)),
        Isolation::Uncommitted => {
            let next = log.at.range(between).next();
            next.and_then(|(offset, values)| Some((*offset, *values.first()?)))
        }
    }?;
    Some(Anomaly::PollSkip { reader, inside, from, to, skipped: Place { partition, offset }, value })
}

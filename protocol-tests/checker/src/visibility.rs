//! Who may see what: nothing of aborted transactions, nothing too early, nothing lost, transactions whole or not at all.
use crate::history::{Action, History, Index, Isolation, Operation, Outcome, Partition, Value};
use crate::logs::{Logs, looks};
use crate::report::{Anomaly, Place};
use std::collections::{BTreeMap, BTreeSet};

/// Records that a reader should not have seen.
pub fn reads(history: &History, logs: &Logs) -> Vec<Anomaly> {
    let mut found = Vec::new();
    for look in looks(history) {
        let log = &logs.partitions[&look.partition];
        for &(offset, value) in look.records {
            let (place, reader) = (Place { partition: look.partition, offset }, look.reader);
            let Some(&writer) = log.writers.get(&value) else {
                found.push(Anomaly::PhantomRead { place, value, reader });
                continue;
            };
            let operation = &history.operations[writer];
            if look.isolation == Isolation::Uncommitted || !operation.transactional {
                continue;
            }
            // One that is undone because nobody asked to commit it is aborted, too.
            if operation.outcome == Outcome::Undone {
                found.push(Anomaly::AbortedRead { place, value, writer, reader });
            } else if operation.decided.is_none_or(|decided| look.until < decided) {
                found.push(Anomaly::EarlyRead { place, value, writer, reader });
            }
        }
    }
    found
}

/// What was acknowledged and is not there.
pub fn lost(history: &History, logs: &Logs) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let seen = Seen::of(history);
    for (writer, operation) in history.operations.iter().enumerate() {
        for (_, partition, value, offset) in operation.sends() {
            let counts = logs.counting.contains(&writer);
            let isolations = [
                // What was acknowledged stands in the log, even when its transaction was aborted.
                (Isolation::Uncommitted, offset.is_some() || counts),
                (Isolation::Committed, counts || (offset.is_some() && !operation.transactional)),
            ];
            for (isolation, _) in isolations.into_iter().filter(|(_, demanded)| *demanded) {
                found.extend(seen.without(writer, partition, isolation, value, offset));
            }
        }
    }
    found.dedup();
    found
}

/// What each kind of reader saw of each partition, and how far it saw.
struct Seen {
    partitions: BTreeMap<(Partition, Isolation), Sight>,
}

#[derive(Default)]
struct Sight {
    values: BTreeSet<Value>,
    last: i64,
    whole: bool,
}

impl Seen {
    fn of(history: &History) -> Seen {
        let mut partitions: BTreeMap<(Partition, Isolation), Sight> = BTreeMap::new();
        for look in looks(history) {
            let key = (look.partition, look.isolation);
            // A partition that was read to its end is judged by that read alone: what was there once must still be there.
            if look.reader.is_some() && history.final_read(key.0, key.1).is_some() {
                continue;
            }
            let sight = partitions.entry(key).or_insert(Sight { last: -1, ..Sight::default() });
            sight.whole |= look.reader.is_none();
            sight.values.extend(look.records.iter().map(|(_, value)| *value));
            sight.last = look.records.iter().map(|(offset, _)| *offset).fold(sight.last, i64::max);
        }
        Seen { partitions }
    }

    /// Lost: readers came past it. Unseen: it is missing at the end.
    fn without(
        &self,
        writer: Index,
        partition: Partition,
        isolation: Isolation,
        value: Value,
        offset: Option<i64>,
    ) -> Option<Anomaly> {
        let sight = self.partitions.get(&(partition, isolation))?;
        if sight.values.contains(&value) {
            return None;
        }
        match offset {
            Some(offset) if offset <= sight.last => {
                Some(Anomaly::LostWrite { place: Place { partition, offset }, value, writer })
            }
            _ => sight.whole.then_some(Anomaly::Unseen { partition, value, writer }),
        }
    }
}

/// Transactions of which a part counts: some records without the others, or the offset without the records.
pub fn torn(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let told = told_offsets(history);
    let last_reads = history.finals.iter().filter(|read| read.isolation == Isolation::Committed);
    let last: BTreeMap<Partition, BTreeSet<Value>> =
        last_reads.map(|read| (read.partition, read.records.iter().map(|(_, value)| *value).collect())).collect();
    for (writer, operation) in history.operations.iter().enumerate().filter(|(_, operation)| operation.transactional) {
        let sends = operation.sends().map(|(_, partition, value, _)| (partition, value));
        let judged = sends.filter(|(partition, _)| last.contains_key(partition));
        let (seen, missing): (Vec<_>, Vec<_>) = judged.partition(|(partition, value)| last[partition].contains(value));
        if !missing.is_empty() && (!seen.is_empty() || offset_counts(writer, operation, &told)) {
            found.push(Anomaly::TornTransaction { writer, seen, missing });
        }
    }
    found
}

/// For each offset of a group that was told: the transactions that may have committed it.
type Told = BTreeMap<(u32, Partition, i64), Vec<Index>>;

fn told_offsets(history: &History) -> Told {
    let mut told = Told::new();
    for (_, _, step) in history.steps() {
        if let Action::Committed { group, partition, offset: Some(offset) } = step.action {
            told.entry((group, partition, offset)).or_default();
        }
    }
    for (index, operation, step) in history.steps().filter(|(_, operation, _)| operation.outcome != Outcome::Undone) {
        if let (true, Action::Commit { group, partition, offset }) = (operation.decided.is_some(), &step.action)
            && let Some(by) = told.get_mut(&(*group, *partition, *offset))
        {
            by.push(index);
        }
    }
    told
}

/// Its offset was told, and nobody else can have committed it.
fn offset_counts(writer: Index, operation: &Operation, told: &Told) -> bool {
    operation.steps.iter().any(|step| match step.action {
        Action::Commit { group, partition, offset } => {
            told.get(&(group, partition, offset)).is_some_and(|by| by[..] == [writer])
        }
        _ => false,
    })
}

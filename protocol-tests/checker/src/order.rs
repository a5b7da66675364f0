//! Offsets: one value each, one place for each value, rising with time and with the order in which they were sent.
use crate::history::{Action, History, Partition, Process, Value};
use crate::logs::Logs;
use crate::report::{Anomaly, Place};
use std::collections::BTreeMap;

/// Two values at one offset.
pub fn inconsistent(logs: &Logs) -> impl Iterator<Item = Anomaly> {
    logs.partitions.iter().flat_map(|(&partition, log)| {
        let several = log.at.iter().filter(|(_, values)| values.len() > 1);
        several.map(move |(&offset, values)| Anomaly::InconsistentOffset {
            place: Place { partition, offset },
            values: values.iter().copied().collect(),
        })
    })
}

/// One value at two offsets.
pub fn duplicates(logs: &Logs) -> impl Iterator<Item = Anomaly> {
    logs.partitions.iter().flat_map(|(&partition, log)| {
        let several = log.offsets.iter().filter(|(_, offsets)| offsets.len() > 1);
        several.map(move |(&value, offsets)| Anomaly::Duplicate {
            partition,
            value,
            offsets: offsets.iter().copied().collect(),
        })
    })
}

/// What one process sends to one partition stands there in the order in which it was sent.
pub fn sends(history: &History) -> Vec<Anomaly> {
    let mut found = Vec::new();
    let mut last: BTreeMap<(Process, Partition), (usize, Value, i64)> = BTreeMap::new();
    for (writer, operation) in history.operations.iter().enumerate() {
        for (_, partition, value, offset) in operation.sends() {
            let Some(offset) = offset else { continue };
            let now = (writer, value, offset);
            let Some((before, first, at)) = last.insert((operation.process, partition), now) else { continue };
            if offset <= at {
                let inside = before == writer;
                let (first, then) = ((first, at), (value, offset));
                found.push(Anomaly::SendBack { writer, inside, partition, first, then });
            }
        }
    }
    found
}

/// An append gets an offset beyond every one that anyone had known before it was sent.
pub fn appends(history: &History) -> Vec<Anomaly> {
    let mut known = KnownOffsets::default();
    for (_, _, step) in history.steps() {
        match &step.action {
            Action::Send { partition, offset: Some(offset), .. } => known.add(*partition, step.span.to, *offset),
            Action::Poll { partition, records, .. } => {
                for (offset, _) in records {
                    known.add(*partition, step.span.to, *offset);
                }
            }
            _ => {}
        }
    }
    known.settle();
    let appended = history.steps().filter_map(|(writer, _, step)| match step.action {
        Action::Send { partition, value, offset: Some(offset) } => {
            let known = known.before(partition, step.span.from).filter(|known| *known >= offset)?;
            Some(Anomaly::AppendBehind { writer, place: Place { partition, offset }, value, known })
        }
        _ => None,
    });
    appended.collect()
}

/// The highest offset that was known of each partition at each time.
#[derive(Default)]
pub struct KnownOffsets {
    partitions: BTreeMap<Partition, Vec<(u64, i64)>>,
}

impl KnownOffsets {
    pub fn add(&mut self, partition: Partition, time: u64, offset: i64) {
        self.partitions.entry(partition).or_default().push((time, offset));
    }

    /// Orders by time and keeps the highest so far; to be called before the first question.
    pub fn settle(&mut self) {
        for known in self.partitions.values_mut() {
            known.sort_unstable();
            let mut highest = i64::MIN;
            for (_, offset) in known.iter_mut() {
                highest = highest.max(*offset);
                *offset = highest;
            }
        }
    }

    pub fn before(&self, partition: Partition, time: u64) -> Option<i64> {
        let known = self.partitions.get(&partition)?;
        let later = known.partition_point(|(at, _)| *at < time);
        known[..later].last().map(|(_, offset)| *offset)
    }
}

//! Committed offsets of one group, and those that transactions have not made real yet.
use super::{
    kept::{Committed, Kept},
    numbered::Numbered,
};
use crate::types::ProducerId;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};
use uuid::Uuid;

/// Of one partition: what each open transaction will commit.
pub type Pending = BTreeMap<ProducerId, PendingOffset>;

/// What one transaction will commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingOffset(Kept);

impl PendingOffset {
    pub fn told(&self) -> Committed<'_> {
        self.0.told(Uuid::nil())
    }
}

/// The offsets of one group. Changed by replay only (GRP-17).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offsets {
    /// By topic; none is empty.
    committed: BTreeMap<Arc<str>, Numbered>,
    /// By topic, then by partition; none is empty.
    pending: BTreeMap<Arc<str>, BTreeMap<i32, Pending>>,
}

impl Offsets {
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.pending.is_empty()
    }

    /// How many partitions have a committed offset.
    pub fn len(&self) -> usize {
        self.committed.values().map(Numbered::len).sum()
    }

    pub fn get(&self, topic: &str, partition: i32) -> Option<Committed<'_>> {
        self.committed.get(topic)?.get(partition)
    }

    /// Whether a transaction that is still open commits an offset of this partition.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        self.pending.get(topic).is_some_and(|partitions| partitions.contains_key(&partition))
    }

    /// Committed or pending.
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        self.get(topic, partition).is_some() || self.is_pending(topic, partition)
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Every topic with its committed offsets.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &Numbered)> {
        self.committed.iter()
    }

    /// Of one topic.
    pub fn of_topic(&self, topic: &str) -> impl Iterator<Item = (i32, Committed<'_>)> {
        self.committed.get(topic).into_iter().flat_map(Numbered::iter)
    }

    /// Of one topic: what open transactions will commit.
    pub fn pending_of_topic(&self, topic: &str) -> impl Iterator<Item = (i32, &Pending)> {
        self.pending.get(topic).into_iter().flatten().map(|(partition, pending)| (*partition, pending))
    }

    /// Partitions with a committed or a pending offset.
    pub fn partitions(&self) -> impl Iterator<Item = (&Arc<str>, i32)> {
        let committed =
            self.committed.iter().flat_map(|(topic, of)| of.iter().map(move |(partition, _)| (topic, partition)));
        let pending = self.pending.iter().flat_map(|(topic, of)| of.keys().map(move |partition| (topic, *partition)));
        committed.chain(pending.filter(|(topic, partition)| self.get(topic, *partition).is_none()))
    }

    /// Committed offsets behind a place, in order; all of them behind `None`.
    pub fn after(&self, place: Option<&(Arc<str>, i32)>) -> impl Iterator<Item = (&Arc<str>, i32, Committed<'_>)> {
        let from = place.map_or(Bound::Unbounded, |(topic, _)| Bound::Included(topic.clone()));
        let topics = self.committed.range::<Arc<str>, _>((from, Bound::Unbounded));
        topics.flat_map(move |(topic, partitions)| {
            let from = place.filter(|(in_topic, _)| in_topic == topic).map(|(_, partition)| *partition);
            partitions.after(from).map(move |(partition, committed)| (topic, partition, committed))
        })
    }

    pub(super) fn put(&mut self, topic: Arc<str>, partition: i32, committed: Committed<'_>) {
        self.committed.entry(topic).or_default().insert(partition, committed);
    }

    /// Where the offsets of one topic are, of which so many come now: at least one.
    pub(super) fn of_topic_mut(&mut self, topic: Arc<str>, count: usize) -> &mut Numbered {
        let into = self.committed.entry(topic).or_default();
        into.reserve(count);
        into
    }

    /// As [`Offsets::put`], of a topic that has some already; false where it has none.
    pub(super) fn put_known(&mut self, topic: &str, partition: i32, committed: Committed<'_>) -> bool {
        let known = self.committed.get_mut(topic);
        known.map(|known| known.insert(partition, committed)).is_some()
    }

    pub(super) fn put_pending(
        &mut self,
        topic: Arc<str>,
        partition: i32,
        producer: ProducerId,
        committed: Committed<'_>,
    ) {
        let pending = PendingOffset(Kept::new(partition, committed, Uuid::nil()));
        self.pending.entry(topic).or_default().entry(partition).or_default().insert(producer, pending);
    }

    /// A tombstone takes the committed offset and all that is pending for the partition.
    pub(super) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.committed.get_mut(topic) {
            partitions.remove(partition);
            if partitions.is_empty() {
                self.committed.remove(topic);
            }
        }
        if let Some(partitions) = self.pending.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.pending.remove(topic);
            }
        }
    }

    /// Takes out what one transaction had pending here.
    pub(super) fn take_pending(&mut self, producer: ProducerId) -> Vec<(Arc<str>, i32, PendingOffset)> {
        let mut taken = Vec::new();
        self.pending.retain(|topic, partitions| {
            partitions.retain(|partition, pending| {
                taken.extend(pending.remove(&producer).map(|committed| (topic.clone(), *partition, committed)));
                !pending.is_empty()
            });
            !partitions.is_empty()
        });
        taken
    }

    pub(super) fn is_pending_of(&self, producer: ProducerId) -> bool {
        self.pending.values().flat_map(BTreeMap::values).any(|pending| pending.contains_key(&producer))
    }

    /// Whose transactions have something pending for a partition.
    pub(super) fn producers_of(&self, topic: &str, partition: i32) -> Vec<ProducerId> {
        let pending = self.pending.get(topic).and_then(|partitions| partitions.get(&partition));
        pending.into_iter().flat_map(|pending| pending.keys().copied()).collect()
    }
}

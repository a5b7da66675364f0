//! What the records say of one consumer group, with indexes that follow from it. Replay alone changes it.
use super::{
    member::{Current, Held, Member, MemberId, Metadata},
    subscription::Pattern,
};
use crate::{image::Image, types::TopicId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Partitions by topic.
pub type Partitions = BTreeMap<TopicId, BTreeSet<i32>>;

/// One group of the consumer protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Rises with every change of members, subscriptions, assignor or topics (CG-3).
    pub(super) epoch: i32,
    /// Over the topics that are subscribed to, as of `epoch`.
    pub(super) metadata_hash: i64,
    /// The group epoch that `target` was computed for; -1 after its tombstone.
    pub(super) assignment_epoch: i32,
    /// Wall time of that; 0 when it does not hold back the next one.
    pub(super) assigned_at_ms: i64,
    pub(super) members: BTreeMap<MemberId, Member>,
    /// What each member shall have.
    pub(super) target: BTreeMap<MemberId, Arc<Partitions>>,
    /// Regular expressions, with the topics that they stand for.
    pub(super) patterns: BTreeMap<String, Pattern>,
    /// A record of type 4, written by a broker before 4.1, is to be removed.
    pub(super) has_partition_metadata: bool,
    pub(super) index: Index,
}

impl Default for Group {
    /// Kafka's groups begin at epoch 1, so that nobody who joined has epoch 0.
    fn default() -> Group {
        Group {
            epoch: 1,
            metadata_hash: 0,
            assignment_epoch: 1,
            assigned_at_ms: 0,
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            patterns: BTreeMap::new(),
            has_partition_metadata: false,
            index: Index::default(),
        }
    }
}

/// Counted over all members.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Index {
    /// Who has an instance id.
    pub statics: BTreeMap<String, MemberId>,
    /// How many members have a partition, or have yet to give it back: 1, but for a moment while loading.
    holders: BTreeMap<TopicId, BTreeMap<i32, u32>>,
    /// How many members subscribe to a topic by name.
    pub names: BTreeMap<String, u32>,
    /// How many members subscribe by a regular expression.
    pub patterns: BTreeMap<String, u32>,
    /// How many members ask for an assignor.
    pub assignors: BTreeMap<String, u32>,
    /// How many members speak the classic protocol.
    pub classic: usize,
    /// How many of those know each of its ways to share out partitions.
    pub protocols: BTreeMap<String, u32>,
}

/// Kafka's `ConsumerGroupState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Empty,
    Assigning,
    Reconciling,
    Stable,
}

impl State {
    /// As the protocol spells it.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::Assigning => "Assigning",
            State::Reconciling => "Reconciling",
            State::Stable => "Stable",
        }
    }
}

impl Group {
    pub fn state(&self) -> State {
        if self.members.is_empty() {
            State::Empty
        } else if self.epoch > self.assignment_epoch {
            State::Assigning
        } else if self.members.values().all(|member| member.current.is_settled(self.assignment_epoch)) {
            State::Stable
        } else {
            State::Reconciling
        }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    pub fn members(&self) -> impl Iterator<Item = (&MemberId, &Member)> {
        self.members.iter()
    }

    /// Whether any member subscribes to the topic, by name or by a regular expression (GRP-22).
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.index.names.contains_key(topic) || self.patterns.values().any(|pattern| pattern.topics.contains(topic))
    }

    /// Nobody has the partition, nor has yet to give it back (CG-4).
    pub(super) fn is_free(&self, topic: TopicId, partition: i32) -> bool {
        self.index.holders.get(&topic).is_none_or(|partitions| !partitions.contains_key(&partition))
    }

    /// Whether all who speak the classic protocol know one of these ways to share out partitions (GRP-3).
    pub(super) fn supports<'a>(&self, mut protocols: impl Iterator<Item = &'a str>) -> bool {
        let known = |name: &str| self.index.protocols.get(name).map_or(0, |count| *count as usize);
        protocols.any(|name| known(name) == self.index.classic)
    }

    /// Whether every partition of the topics that are subscribed to by name has an owner.
    pub(super) fn has_all(&self, image: &Image) -> bool {
        let topics = self.index.names.keys().filter_map(|name| image.topics.named(name));
        topics
            .into_iter()
            .all(|topic| topic.partitions.iter().all(|(partition, _)| !self.is_free(topic.id, *partition)))
    }

    /// Whether anything that the member shall have is still another's (CG-4).
    pub(super) fn waits_for_others(&self, id: &str, current: &Current) -> bool {
        let missing =
            |topic: &TopicId, one: &i32| current.assigned.get(topic).is_none_or(|assigned| !assigned.contains_key(one));
        self.target.get(id).is_some_and(|target| {
            let mut wanted = target.iter().flat_map(|(topic, all)| all.iter().map(move |one| (topic, one)));
            wanted.any(|(topic, one)| missing(topic, one) && !self.is_free(*topic, *one))
        })
    }

    pub(super) fn target_of(&self, member: &str) -> Option<&Arc<Partitions>> {
        self.target.get(member)
    }

    pub(super) fn put_metadata(&mut self, id: MemberId, metadata: Metadata) {
        let current = self.members.get(&id).map(|member| member.current.clone()).unwrap_or_default();
        self.put(id, Some(Member { metadata, current }));
    }

    pub(super) fn put_current(&mut self, id: MemberId, current: Current) {
        let metadata = self.members.get(&id).map(|member| member.metadata.clone()).unwrap_or_default();
        self.put(id, Some(Member { metadata, current }));
    }

    pub(super) fn remove_member(&mut self, id: &str) {
        self.put(id.into(), None);
    }

    /// The one place where members change, so that the indexes follow.
    fn put(&mut self, id: MemberId, member: Option<Member>) {
        if let Some(member) = &member {
            self.index.add(&id, member);
        }
        let before = match member {
            Some(member) => self.members.insert(id.clone(), member),
            None => self.members.remove(&id),
        };
        if let Some(before) = before {
            let instance_now = self.members.get(&id).and_then(|member| member.metadata.instance_id.as_deref());
            self.index.remove(&id, &before, instance_now);
        }
    }
}

impl Index {
    fn add(&mut self, id: &MemberId, member: &Member) {
        let metadata = &member.metadata;
        if let Some(instance) = &metadata.instance_id {
            self.statics.insert(instance.clone(), id.clone());
        }
        metadata.topics.iter().for_each(|name| count(&mut self.names, name));
        metadata.pattern().into_iter().for_each(|pattern| count(&mut self.patterns, pattern));
        metadata.assignor.iter().for_each(|assignor| count(&mut self.assignors, assignor));
        self.classic += usize::from(metadata.classic.is_some());
        metadata.protocols().for_each(|name| count(&mut self.protocols, name));
        for (topic, partitions) in member.current.held() {
            let held = self.holders.entry(*topic).or_default();
            partitions.keys().for_each(|partition| *held.entry(*partition).or_default() += 1);
        }
    }

    /// `instance_now` is what the member itself has after the change.
    fn remove(&mut self, id: &MemberId, member: &Member, instance_now: Option<&str>) {
        let metadata = &member.metadata;
        if let Some(instance) = &metadata.instance_id
            && instance_now != Some(instance)
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        metadata.topics.iter().for_each(|name| discount(&mut self.names, name));
        metadata.pattern().into_iter().for_each(|pattern| discount(&mut self.patterns, pattern));
        metadata.assignor.iter().for_each(|assignor| discount(&mut self.assignors, assignor));
        self.classic -= usize::from(metadata.classic.is_some());
        metadata.protocols().for_each(|name| discount(&mut self.protocols, name));
        for (topic, partitions) in member.current.held() {
            self.release(*topic, partitions);
        }
    }

    fn release(&mut self, topic: TopicId, partitions: &BTreeMap<i32, i32>) {
        let Some(held) = self.holders.get_mut(&topic) else { return };
        for partition in partitions.keys() {
            if let Some(holders) = held.get_mut(partition) {
                *holders -= 1;
                if *holders == 0 {
                    held.remove(partition);
                }
            }
        }
        if held.is_empty() {
            self.holders.remove(&topic);
        }
    }
}

fn count(counts: &mut BTreeMap<String, u32>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

fn discount(counts: &mut BTreeMap<String, u32>, name: &str) {
    if let Some(count) = counts.get_mut(name) {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

/// The same partitions without their epochs.
pub(super) fn without_epochs(held: &Held) -> Partitions {
    held.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect())).collect()
}

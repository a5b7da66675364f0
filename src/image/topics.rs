//! Topics by id and by name, each with its partitions.
use super::{Delta, Partition, Partitions, ReplayError};
use crate::{
    types::{TopicId, TopicName},
    wire::metadata::{ClearElrRecord, PartitionChangeRecord, PartitionRecord, RemoveTopicRecord, TopicRecord},
};
use imbl::{OrdMap, OrdSet};
use std::sync::Arc;

/// One topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    pub name: TopicName,
    pub id: TopicId,
    pub partitions: Partitions,
}

impl Topic {
    /// Replicas of its first partition, as CreateTopics and Metadata tell; zero without partitions.
    pub fn replication_factor(&self) -> usize {
        self.partitions.get_min().map_or(0, |(_, partition)| partition.replicas.len())
    }
}

/// All topics.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Topics {
    by_id: OrdMap<TopicId, Arc<Topic>>,
    by_name: OrdMap<TopicName, TopicId>,
    /// Names that have a `.` or a `_`, by what both make of them in metric names.
    colliding: OrdMap<Arc<str>, OrdSet<TopicName>>,
    partitions: usize,
}

impl Topics {
    pub fn by_id(&self, id: TopicId) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    pub fn by_name(&self, name: &TopicName) -> Option<&Arc<Topic>> {
        self.by_id.get(self.by_name.get(name)?)
    }

    /// As `by_name`, for a name that may not even be legal.
    pub fn named(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name(&TopicName::parse(name).ok()?)
    }

    pub fn partition(&self, id: TopicId, partition: i32) -> Option<&Partition> {
        self.by_id.get(&id)?.partitions.get(&partition)
    }

    /// In the order of names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Topic>> + '_ {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    /// In the order of names, beginning with the first that is not before `name` (DescribeTopicPartitions' cursor).
    pub fn iter_from(&self, name: &TopicName) -> impl Iterator<Item = &Arc<Topic>> + '_ {
        self.by_name.range(name.clone()..).filter_map(|(_, id)| self.by_id.get(id))
    }

    /// In the order of ids, beginning with the first that is not before `id`.
    pub fn by_id_from(&self, id: TopicId) -> impl Iterator<Item = &Arc<Topic>> + '_ {
        self.by_id.range(id..).map(|(_, topic)| topic)
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Whether topics came or went between the two; cheap, and never wrong when it says that none did.
    pub fn have_same_names(&self, other: &Topics) -> bool {
        self.by_name.ptr_eq(&other.by_name)
    }

    /// Of all topics together.
    pub fn partitions(&self) -> usize {
        self.partitions
    }

    /// An existing topic whose name differs from this one only in `.` and `_`, or is the same.
    pub fn collision(&self, name: &TopicName) -> Option<&TopicName> {
        self.colliding.get(&*unified(name)?)?.get_min()
    }

    pub(super) fn create(&mut self, record: &TopicRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        let id = TopicId(record.topic_id);
        let name = TopicName::parse(&record.name).map_err(|why| ReplayError::Impossible {
            record: "TopicRecord",
            what: "name",
            value: why.to_string(),
        })?;
        if let Some(existing) = self.by_name.get(&name) {
            return Err(ReplayError::TopicExists { name, existing: *existing, new: id });
        }
        if let Some(topic) = self.by_id.get(&id) {
            return Err(ReplayError::TopicExists { name: topic.name.clone(), existing: id, new: id });
        }
        if let Some(unified) = unified(&name) {
            self.colliding.entry(unified.into()).or_default().insert(name.clone());
        }
        self.by_name.insert(name.clone(), id);
        self.by_id.insert(id, Arc::new(Topic { name, id, partitions: Partitions::default() }));
        delta.topic(id);
        Ok(())
    }

    pub(super) fn put_partition(&mut self, record: &PartitionRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        const RECORD: &str = "PartitionRecord";
        let impossible = |what, value: i32| ReplayError::Impossible { record: RECORD, what, value: value.to_string() };
        let topic = self.topic_mut(RECORD, TopicId(record.topic_id))?;
        if record.partition_id < 0 {
            return Err(impossible("partition", record.partition_id));
        }
        let same = topic.partitions.get_min().map(|(_, partition)| partition);
        let partition =
            Partition::of_record(record, same).ok_or_else(|| impossible("leader or its epoch", record.leader))?;
        let is_new = Arc::make_mut(topic).partitions.insert(record.partition_id, partition).is_none();
        self.partitions += usize::from(is_new);
        delta.partition(TopicId(record.topic_id), record.partition_id);
        Ok(())
    }

    pub(super) fn change_partition(
        &mut self,
        record: &PartitionChangeRecord,
        delta: &mut Delta,
    ) -> Result<(), ReplayError> {
        const RECORD: &str = "PartitionChangeRecord";
        let topic = self.topic_mut(RECORD, TopicId(record.topic_id))?;
        let Some(partition) = topic.partitions.get(&record.partition_id) else {
            return Err(ReplayError::UnknownPartition {
                record: RECORD,
                topic: topic.name.clone(),
                partition: record.partition_id,
            });
        };
        let next = partition.changed(record).ok_or_else(|| ReplayError::Impossible {
            record: RECORD,
            what: "leader or an epoch",
            value: record.leader.to_string(),
        })?;
        Arc::make_mut(topic).partitions.insert(record.partition_id, next);
        delta.partition(TopicId(record.topic_id), record.partition_id);
        Ok(())
    }

    pub(super) fn remove(&mut self, record: &RemoveTopicRecord, delta: &mut Delta) -> Result<Arc<Topic>, ReplayError> {
        let id = TopicId(record.topic_id);
        let Some(topic) = self.by_id.remove(&id) else {
            return Err(ReplayError::UnknownTopicId { record: "RemoveTopicRecord", id });
        };
        self.by_name.remove(&topic.name);
        self.partitions -= topic.partitions.len();
        if let Some(unified) = unified(&topic.name)
            && let Some(names) = self.colliding.get_mut(&*unified)
        {
            names.remove(&topic.name);
            if names.is_empty() {
                self.colliding.remove(&*unified);
            }
        }
        delta.removed(topic.clone());
        Ok(topic)
    }

    pub(super) fn clear_eligible(&mut self, record: &ClearElrRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        let ids: Vec<TopicId> = if record.topic_name.is_empty() {
            self.by_id.keys().copied().collect()
        } else {
            let topic = self.named(&record.topic_name).ok_or_else(|| ReplayError::UnknownTopicName {
                record: "ClearElrRecord",
                name: record.topic_name.clone(),
            })?;
            vec![topic.id]
        };
        for id in ids {
            let topic = self.topic_mut("ClearElrRecord", id)?;
            let changed: Vec<(i32, Partition)> =
                topic.partitions.iter().filter_map(|(number, one)| Some((*number, one.without_eligible()?))).collect();
            if changed.is_empty() {
                continue;
            }
            let topic = Arc::make_mut(topic);
            for (number, partition) in changed {
                topic.partitions.insert(number, partition);
                delta.partition(id, number);
            }
        }
        Ok(())
    }

    fn topic_mut(&mut self, record: &'static str, id: TopicId) -> Result<&mut Arc<Topic>, ReplayError> {
        self.by_id.get_mut(&id).ok_or(ReplayError::UnknownTopicId { record, id })
    }
}

/// `None` for names that can collide with no other.
fn unified(name: &TopicName) -> Option<String> {
    let name = name.as_str();
    name.contains(['.', '_']).then(|| name.replace('.', "_"))
}

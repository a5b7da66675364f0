//! Follows the metadata: which partitions of the internal topic this broker leads.
use super::{Coordinated, Sharded, shard::Shard, sharded::Table};
use crate::{
    image::{Delta, Image, Publisher, Topic},
    machine::NotWritten,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

/// The publisher of one coordinator; it comes after that of the partitions.
pub struct CoordinatorPublisher<M: Coordinated>(pub Arc<Sharded<M>>);

impl<M: Coordinated> Publisher for CoordinatorPublisher<M> {
    fn name(&self) -> &'static str {
        M::TOPIC
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        self.0.see(image);
        let removed = delta.topics_removed.values().any(|topic| topic.name.as_str() == M::TOPIC);
        let topic = image.topics.named(M::TOPIC);
        let changed = topic.is_some_and(|topic| delta.topics.contains_key(&topic.id));
        if removed || changed {
            self.0.bring(topic.map(|topic| &**topic));
        }
        self.0.tell_deleted(delta);
    }
}

impl<M: Coordinated> Sharded<M> {
    /// Shards that are led in the same term stay, others go, new ones are to be loaded.
    fn bring(&self, topic: Option<&Topic>) {
        let before = self.table.load_full();
        let mut table = Table::empty();
        if let Some(topic) = topic {
            table.topic = Some(topic.id);
            table.count = topic.partitions.len() as i32;
            table.shards = self.led(topic, &before);
        }
        let stays = |index, shard| table.shards.get(index).is_some_and(|now| Arc::ptr_eq(now, shard));
        let gone: Vec<_> = before.shards.iter().filter(|(index, shard)| !stays(*index, shard)).collect();
        let is_new = |index, shard| !before.shards.get(index).is_some_and(|then| Arc::ptr_eq(then, shard));
        let new = table.shards.iter().filter(|(index, shard)| is_new(*index, shard));
        self.queue.lock().extend(new.map(|(_, shard)| shard.clone()));
        self.table.store(Arc::new(table));
        for (_, shard) in gone {
            shard.leave(NotWritten::NotLeader);
        }
        if before.topic != self.table.load().topic {
            self.removed.lock().extend(before.shards.values().map(|shard| shard.partition.id().key()));
        }
        self.alarm.ring();
    }

    fn led(&self, topic: &Topic, before: &Table<M>) -> BTreeMap<i32, Arc<Shard<M>>> {
        let same = before.topic == Some(topic.id);
        let created = !same && self.started.load(Ordering::Acquire);
        let this = self.partitions.this_node();
        let led = topic.partitions.iter().filter(|(_, decided)| decided.leader == Some(this));
        let shard = |(index, decided): (&i32, &crate::image::Partition)| {
            if let Some(known) = before.shards.get(index)
                && same
                && known.epoch == decided.leader_epoch
            {
                return Some((*index, known.clone()));
            }
            let partition = self.partitions.partition(M::TOPIC, *index)?;
            Some((*index, Shard::new(partition, decided.leader_epoch, created)))
        };
        led.filter_map(shard).collect()
    }
}

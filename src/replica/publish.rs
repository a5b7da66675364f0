//! Brings the partitions of this broker in line with the metadata: made, changed, deleted.
use super::{Leadership, Partition, Partitions, Topic, TopicSettings};
use crate::{
    image::{self, Delta, Image, Publisher, Resource, Settings},
    log::LogId,
    types::{NodeId, TopicId},
};
use std::sync::Arc;

/// Makes a topic's effective settings: its name, what was set at run time for all brokers, for this one, and for the
/// topic.
pub type Resolve = Box<dyn Fn(&str, &Settings, &Settings, &Settings) -> Arc<TopicSettings> + Send + Sync>;

/// The publisher of topics.
pub struct TopicPublisher {
    partitions: Arc<Partitions>,
    resolve: Resolve,
}

impl TopicPublisher {
    pub fn new(partitions: Arc<Partitions>, resolve: Resolve) -> TopicPublisher {
        TopicPublisher { partitions, resolve }
    }

    fn settings(&self, image: &Image, topic: &image::Topic) -> Arc<TopicSettings> {
        let name = topic.name.as_str();
        let none = Settings::new();
        let of = |resource| image.configs.of(&resource).map_or(&none, |settings| settings);
        let this = Resource::broker(self.partitions.this_node());
        (self.resolve)(name, of(Resource::all_brokers()), of(this), of(Resource::topic(name)))
    }

    /// Keeps the partitions that are there, makes those that are new, and tells each who leads it.
    fn bring(&self, topic: &image::Topic, settings: Arc<TopicSettings>) {
        let this = self.partitions.this_node();
        let before = self.partitions.topic_by_id(topic.id);
        let count = topic.partitions.keys().max().map_or(0, |index| index + 1);
        let bring_one = |index, beside: &[_]| {
            let decided = topic.partitions.get(&index).filter(|partition| partition.replicas.contains(this))?;
            let leadership = leadership(decided);
            if let Some(known) = before.as_ref().and_then(|topic| topic.partition(index)) {
                if *known.leadership() != leadership {
                    known.update_leadership(leadership);
                }
                return Some(known.clone());
            }
            let id = LogId { topic: topic.name.clone(), topic_id: topic.id, partition: index };
            let directory = self.partitions.place(&id, beside);
            let partition = Partition::new(id, this, directory, leadership, settings.clone());
            if !self.partitions.offline().is_empty() && partition.directory().is_some() {
                // Its directory is made now: the next start must not take it for one of those that are offline.
                let _ = partition.log();
            }
            Some(partition)
        };
        let mut partitions = Vec::new();
        for index in 0..count {
            let partition = bring_one(index, &partitions);
            partitions.push(partition);
        }
        self.partitions.put(Topic { name: topic.name.clone(), id: topic.id, partitions, settings });
    }

    fn configure(&self, image: &Image, id: TopicId) {
        let (Some(decided), Some(topic)) = (image.topics.by_id(id), self.partitions.topic_by_id(id)) else { return };
        let settings = self.settings(image, decided);
        for partition in topic.partitions.iter().flatten() {
            partition.update_settings(settings.clone());
        }
        let partitions = topic.partitions.clone();
        self.partitions.put(Topic { name: topic.name.clone(), id, partitions, settings });
    }
}

fn leadership(decided: &image::Partition) -> Leadership {
    Leadership {
        leader: decided.leader,
        epoch: decided.leader_epoch,
        partition_epoch: decided.partition_epoch,
        replicas: decided.replicas.iter().collect(),
        in_sync: decided.isr.iter().collect::<Vec<NodeId>>(),
    }
}

impl Publisher for TopicPublisher {
    fn name(&self) -> &'static str {
        "partitions"
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        for id in delta.topics_removed.keys() {
            let Some(topic) = self.partitions.remove(*id) else { continue };
            for partition in topic.partitions.iter().flatten() {
                partition.delete();
                // A move that begins from now on finds it deleted.
                self.partitions.moves().iter().for_each(|moves| moves.call_off(partition));
            }
        }
        for id in delta.topics.keys() {
            let Some(topic) = image.topics.by_id(*id) else { continue };
            let settings = match self.partitions.topic_by_id(*id) {
                Some(known) => known.settings.clone(),
                None => self.settings(image, topic),
            };
            self.bring(topic, settings);
        }
        // A setting of all brokers, or of this one, is a default of every topic.
        let defaults = delta.configs.iter().any(|resource| resource.kind == image::ResourceKind::Broker);
        if defaults {
            for topic in self.partitions.topics() {
                self.configure(image, topic.id);
            }
        }
        for resource in delta.configs.iter().filter(|resource| resource.kind == image::ResourceKind::Topic) {
            if let Some(topic) = image.topics.named(&resource.name) {
                self.configure(image, topic.id);
            }
        }
    }
}

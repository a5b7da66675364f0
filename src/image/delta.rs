//! What changed between two images, and who is told.
use super::{Image, Resource, Topic};
use crate::{
    types::{NodeId, TopicId},
    wire::metadata::MetadataRecord,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What changed since an earlier image. It names things; what they are now is in the new image.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// Created, or one of their partitions changed; with the numbers of those partitions.
    pub topics: BTreeMap<TopicId, BTreeSet<i32>>,
    /// Gone, as they were last. A topic deleted and created again under the same name is here with its old id.
    pub topics_removed: BTreeMap<TopicId, Arc<Topic>>,
    pub configs: BTreeSet<Resource>,
    /// Registered, changed or unregistered.
    pub brokers: BTreeSet<NodeId>,
    pub controllers: bool,
    pub features: bool,
    pub producer_ids: bool,
}

impl Delta {
    /// Everything in the image, as if it came into being just now: for a publisher that starts.
    pub fn everything(image: &Image) -> Delta {
        Delta {
            topics: image.topics.iter().map(|topic| (topic.id, topic.partitions.keys().copied().collect())).collect(),
            topics_removed: BTreeMap::new(),
            configs: image.configs.iter().map(|(resource, _)| resource.clone()).collect(),
            brokers: image.cluster.brokers().map(|broker| broker.id).collect(),
            controllers: true,
            features: true,
            producer_ids: true,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
            && self.topics_removed.is_empty()
            && self.configs.is_empty()
            && self.brokers.is_empty()
            && !(self.controllers || self.features || self.producer_ids)
    }

    /// This and what came after it as one: several commits are published at once.
    pub fn then(&mut self, later: Delta) {
        for (id, topic) in later.topics_removed {
            self.topics.remove(&id);
            self.topics_removed.insert(id, topic);
        }
        for (id, partitions) in later.topics {
            self.topics.entry(id).or_default().extend(partitions);
        }
        self.configs.extend(later.configs);
        self.brokers.extend(later.brokers);
        self.controllers |= later.controllers;
        self.features |= later.features;
        self.producer_ids |= later.producer_ids;
    }

    pub(super) fn topic(&mut self, id: TopicId) {
        self.topics.entry(id).or_default();
    }

    pub(super) fn partition(&mut self, id: TopicId, partition: i32) {
        self.topics.entry(id).or_default().insert(partition);
    }

    pub(super) fn removed(&mut self, topic: Arc<Topic>) {
        self.topics.remove(&topic.id);
        self.topics_removed.insert(topic.id, topic);
    }

    pub(super) fn config(&mut self, resource: Resource) {
        self.configs.insert(resource);
    }

    pub(super) fn broker(&mut self, id: NodeId) {
        self.brokers.insert(id);
    }
}

/// A part of the broker that acts on metadata. Called in the order of offsets, with committed metadata only (CTL-11),
/// from one thread, which may wait for the disk here; the answers to those who asked for the change leave afterwards.
pub trait Publisher: Send + Sync {
    /// For the log.
    fn name(&self) -> &'static str;
    fn publish(&self, delta: &Delta, image: &Arc<Image>);
}

/// Gathers the records of a transaction (KIP-868) until it ends, so that nobody sees a part of it.
#[derive(Default)]
pub struct Transactions {
    open: Option<Vec<MetadataRecord>>,
}

impl Transactions {
    /// Records that count now: the record itself, those of a transaction that it ends, or none.
    pub fn pass(&mut self, record: MetadataRecord) -> Vec<MetadataRecord> {
        match (record, &mut self.open) {
            (MetadataRecord::BeginTransaction(_), _) => {
                self.open = Some(Vec::new());
                Vec::new()
            }
            (MetadataRecord::EndTransaction(_), _) => self.open.take().unwrap_or_default(),
            (MetadataRecord::AbortTransaction(_), _) => {
                self.open = None;
                Vec::new()
            }
            (record, Some(open)) => {
                open.push(record);
                Vec::new()
            }
            (record, None) => vec![record],
        }
    }

    /// A transaction is open: a new leader aborts it before it writes.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

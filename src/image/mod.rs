//! All metadata at one offset as an immutable value, and the records that change it.
mod cluster;
mod configs;
mod delta;
mod features;
mod partition;
mod partitions;
mod topics;

pub use cluster::{Broker, Cluster, Controller};
pub use configs::{Configs, Resource, ResourceKind, Settings};
pub use delta::{Delta, Publisher, Transactions};
pub use features::{Features, ProducerIds};
pub use partition::{DIRECTORY_LOST, DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED, NodeList, Partition};
pub use partitions::Partitions;
pub use topics::{Topic, Topics};

use crate::{
    types::{LeaderEpoch, Offset, OffsetAndEpoch},
    wire::metadata::MetadataRecord,
};

/// The metadata of the whole cluster after some record of the metadata log. A clone costs a few pointers and shares
/// everything; who holds one sees no later change.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Image {
    /// The last record in here, with the epoch of the controller that wrote it; `None` before the first.
    at: Option<OffsetAndEpoch>,
    pub topics: Topics,
    pub configs: Configs,
    pub cluster: Cluster,
    pub features: Features,
    pub producer_ids: ProducerIds,
}

/// A record that does not follow from those before it: the metadata log is damaged or written by something foreign.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{record} names topic id {id}, which does not exist")]
    UnknownTopicId { record: &'static str, id: crate::types::TopicId },
    #[error("{record} names partition {partition} of topic {topic}, which does not exist")]
    UnknownPartition { record: &'static str, topic: crate::types::TopicName, partition: i32 },
    #[error("{record} names topic {name:?}, which does not exist")]
    UnknownTopicName { record: &'static str, name: String },
    #[error("topic {name} exists with id {existing} and is created again with id {new}")]
    TopicExists { name: crate::types::TopicName, existing: crate::types::TopicId, new: crate::types::TopicId },
    #[error("{record} names broker {broker} of epoch {epoch}, which is not registered")]
    UnknownBroker { record: &'static str, broker: i32, epoch: i64 },
    #[error("{record}: {what} is impossible: {value}")]
    Impossible { record: &'static str, what: &'static str, value: String },
    #[error("producer ids went back from {from} to {to}")]
    ProducerIdsWentBack { from: i64, to: i64 },
}

impl Image {
    /// The last record that this image holds.
    pub fn at(&self) -> Option<OffsetAndEpoch> {
        self.at
    }

    /// The offset that the next record will have at the least; zero before the first.
    pub fn next_offset(&self) -> Offset {
        self.at.map_or(Offset::ZERO, |at| at.offset.next())
    }

    /// The one way in which metadata changes. After an error the image is as before.
    pub fn apply(&mut self, record: &MetadataRecord, delta: &mut Delta) -> Result<(), ReplayError> {
        match record {
            MetadataRecord::Topic(record) => self.topics.create(record, delta),
            MetadataRecord::Partition(record) => self.topics.put_partition(record, delta),
            MetadataRecord::PartitionChange(record) => self.topics.change_partition(record, delta),
            MetadataRecord::RemoveTopic(record) => {
                let removed = self.topics.remove(record, delta)?;
                self.configs.remove(&Resource::topic(removed.name.as_str()), delta);
                Ok(())
            }
            MetadataRecord::ClearElr(record) => self.topics.clear_eligible(record, delta),
            MetadataRecord::Config(record) => self.configs.set(record, delta),
            MetadataRecord::RegisterBroker(record) => self.cluster.register_broker(record, delta),
            MetadataRecord::UnregisterBroker(record) => self.cluster.unregister_broker(record, delta),
            MetadataRecord::BrokerRegistrationChange(record) => self.cluster.change_broker(record, delta),
            MetadataRecord::FenceBroker(record) => {
                self.cluster.fence("FenceBrokerRecord", record.id, record.epoch, true, delta)
            }
            MetadataRecord::UnfenceBroker(record) => {
                self.cluster.fence("UnfenceBrokerRecord", record.id, record.epoch, false, delta)
            }
            MetadataRecord::RegisterController(record) => self.cluster.register_controller(record, delta),
            MetadataRecord::FeatureLevel(record) => self.features.set(record, delta),
            MetadataRecord::ProducerIds(record) => self.producer_ids.advance(record, delta),
            // Transactions are gathered before records come here (`delta::Transactions`).
            MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => Ok(()),
        }
    }

    /// Everything up to and with `offset` is in here.
    pub fn advance(&mut self, offset: Offset, epoch: LeaderEpoch) {
        if let Some(at) = self.at {
            assert!(offset > at.offset, "the metadata went back from {} to {offset}", at.offset);
            assert!(epoch >= at.epoch, "the controller's epoch went back from {} to {epoch}", at.epoch);
        }
        self.at = Some(OffsetAndEpoch { offset, epoch });
    }
}

#[cfg(test)]
mod tests;

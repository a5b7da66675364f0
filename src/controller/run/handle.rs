//! What the rest of the broker holds of the controller: operations to await, and the committed metadata.
use super::Shared;
use crate::{
    controller::core::{
        AlterConfigs, Cordon, CreatePartitions, CreateTopics, Each, EachPartition, ElectLeaders, Operation,
        ReassignPartitions, Refused, Reply, TopicCreated, TopicDeleted, TopicSelector, UpdateFeatures,
    },
    image::{Image, Resource},
    machine::NotWritten,
    platform::Chance,
    types::{LeaderEpoch, NodeId, Offset, TopicId},
};
use arc_swap::ArcSwap;
use std::sync::Arc;
use uuid::Uuid;

/// Why an operation was not done at all; refusals of single items are in the answers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// The metadata log, as its leader sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QuorumState {
    pub leader: NodeId,
    pub epoch: LeaderEpoch,
    pub end: Offset,
    /// The high watermark.
    pub committed: Offset,
}

/// Cheap to clone. An answer comes when everything it says is committed and published here: who was told that a
/// topic exists finds it in [`ControllerHandle::image`] and in whatever the publishers keep.
#[derive(Clone)]
pub struct ControllerHandle {
    shared: Arc<Shared>,
    broker: NodeId,
    broker_epoch: i64,
    chance: Arc<dyn Chance>,
}

/// Takes the answer of one sort out of a reply.
macro_rules! expect {
    ($reply:expr, $sort:ident) => {
        match $reply {
            Reply::$sort(answer) => answer.map_err(Failure::from),
            other => unreachable!("an operation is answered in its own sort, not {other:?}"),
        }
    };
}

impl ControllerHandle {
    pub(super) fn new(shared: Arc<Shared>, broker: NodeId, broker_epoch: i64, chance: Arc<dyn Chance>) -> Self {
        ControllerHandle { shared, broker, broker_epoch, chance }
    }

    /// The committed metadata as it is now.
    pub fn image(&self) -> Arc<Image> {
        self.shared.images.load_full()
    }

    /// For those who look often.
    pub fn images(&self) -> &Arc<ArcSwap<Image>> {
        &self.shared.images
    }

    /// This broker, in its present life.
    pub fn broker(&self) -> (NodeId, i64) {
        (self.broker, self.broker_epoch)
    }

    /// One answer for each topic, in the order of the request; a name that stands twice is answered once.
    pub async fn create_topics(&self, request: CreateTopics) -> Result<Vec<TopicCreated>, Failure> {
        let ids = request.topics.iter().map(|_| self.fresh_topic_id()).collect();
        let operation = Operation::CreateTopics { request, ids, seed: self.chance.u64() };
        expect!(self.shared.submit(operation).await?, Topics)
    }

    /// Name and result of each topic, in the order of the request; a name that stands twice is answered once.
    pub async fn create_partitions(&self, request: CreatePartitions) -> Result<Each<String>, Failure> {
        let operation = Operation::CreatePartitions { request, seed: self.chance.u64() };
        expect!(self.shared.submit(operation).await?, Partitions)
    }

    pub async fn delete_topics(&self, topics: Vec<TopicSelector>) -> Result<Vec<TopicDeleted>, Failure> {
        expect!(self.shared.submit(Operation::DeleteTopics { topics }).await?, Deleted)
    }

    /// AlterConfigs and IncrementalAlterConfigs. One answer for each resource of the request, in its order.
    pub async fn alter_configs(&self, request: AlterConfigs) -> Result<Each<Resource>, Failure> {
        expect!(self.shared.submit(Operation::AlterConfigs(request)).await?, Configs)
    }

    /// The first of `PRODUCER_IDS_PER_BLOCK` producer ids that were never given out and never will be again.
    pub async fn allocate_producer_ids(&self) -> Result<i64, Failure> {
        let operation = Operation::AllocateProducerIds { broker: self.broker, broker_epoch: self.broker_epoch };
        expect!(self.shared.submit(operation).await?, ProducerIds)
    }

    /// These of the broker's log directories take no new partitions.
    pub async fn cordon(&self, directories: Vec<Uuid>) -> Result<(), Failure> {
        let cordon = Cordon { id: self.broker, epoch: self.broker_epoch, directories };
        expect!(self.shared.submit(Operation::CordonDirectories(cordon)).await?, Done)
    }

    pub async fn update_features(&self, request: UpdateFeatures) -> Result<(), Failure> {
        expect!(self.shared.submit(Operation::UpdateFeatures(request)).await?, Done)
    }

    pub async fn elect_leaders(&self, request: ElectLeaders) -> Result<EachPartition, Failure> {
        expect!(self.shared.submit(Operation::ElectLeaders(request)).await?, OfPartitions)
    }

    pub async fn reassign_partitions(&self, request: ReassignPartitions) -> Result<EachPartition, Failure> {
        expect!(self.shared.submit(Operation::ReassignPartitions(request)).await?, OfPartitions)
    }

    /// How the metadata log stands; `None` when this node does not lead it.
    pub fn quorum(&self) -> Option<QuorumState> {
        let log = &self.shared.log;
        log.leader().filter(|leader| *leader == self.broker).map(|leader| QuorumState {
            leader,
            epoch: log.epoch(),
            end: log.end(),
            committed: log.committed().get(),
        })
    }

    /// Random; like Kafka's, none that begins with a dash when printed, which tools would take for an option, and
    /// none of the first hundred, which are reserved.
    fn fresh_topic_id(&self) -> TopicId {
        loop {
            let id = TopicId(self.chance.uuid());
            if id.0.as_u128() >= 100 && !id.to_string().starts_with('-') {
                return id;
            }
        }
    }
}

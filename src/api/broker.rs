//! The parts of the broker that handlers use.
use super::{ProducerIds, SessionCache};
use crate::{
    image::Image,
    metrics::Metrics,
    platform::{Chance, Clock},
    quorum::ControllerHandle,
    replica::Partitions,
    types::NodeId,
};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Settings that handlers read, already typed.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// `auto.create.topics.enable`.
    pub auto_create_topics: bool,
    /// `delete.topic.enable`.
    pub delete_topics: bool,
    /// `fetch.max.bytes`.
    pub fetch_bytes_max: usize,
    /// `max.request.partition.size.limit`.
    pub described_partitions_max: usize,
}

/// Everything behind the handlers of one broker.
pub struct Broker {
    pub node_id: NodeId,
    pub cluster_id: String,
    pub node: NodeSettings,
    /// The committed metadata; a request works with one value of it from begin to end.
    pub image: Arc<ArcSwap<Image>>,
    pub controller: ControllerHandle,
    pub partitions: Arc<Partitions>,
    pub producer_ids: Arc<ProducerIds>,
    pub sessions: SessionCache,
    pub configs: Arc<dyn super::Configs>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub metrics: Arc<Metrics>,
}

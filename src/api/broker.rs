//! The parts of the broker that handlers use.
use super::{JustDeleted, SessionCache};
use crate::{
    config::{NodeConfig, RawSettings},
    controller::{ControllerHandle, ProducerIdSource},
    coordinator::{GroupCoordinator, TransactionCoordinator, TransactionEnds},
    image::{Image, Resource, Settings},
    metrics::Metrics,
    platform::{Chance, Clock},
    replica::Partitions,
    types::NodeId,
    wire::metadata::FeatureRange,
};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// Everything behind the handlers of one broker.
pub struct Broker {
    pub node_id: NodeId,
    pub cluster_id: String,
    pub config: NodeConfig,
    /// The settings as they were given at the start, each with its source.
    pub raw: RawSettings,
    /// What this broker can work at, for ApiVersions.
    pub features: Vec<FeatureRange>,
    /// The committed metadata; a request works with one value of it from begin to end.
    pub image: Arc<ArcSwap<Image>>,
    pub controller: ControllerHandle,
    pub partitions: Arc<Partitions>,
    pub producer_ids: Arc<ProducerIdSource>,
    pub groups: Arc<GroupCoordinator>,
    pub transactions: Arc<TransactionCoordinator>,
    /// Writes markers once the end of a transaction is decided.
    pub transaction_ends: Arc<TransactionEnds>,
    pub sessions: SessionCache,
    /// For those who look whether a topic is gone.
    pub just_deleted: JustDeleted,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub metrics: Arc<Metrics>,
    /// Turns true once: whoever waits for data goes home with what there is.
    pub stopping: watch::Receiver<bool>,
}

impl Broker {
    /// The settings in force: those of the start under those that were set at run time.
    pub fn settings(&self, image: &Image) -> RawSettings {
        let none = Settings::new();
        let of = |resource| image.configs.of(&resource).map_or(&none, |settings| &**settings).clone();
        self.raw.with_dynamic(&of(Resource::all_brokers()), &of(Resource::broker(self.node_id)))
    }
}

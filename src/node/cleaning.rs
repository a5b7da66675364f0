//! Compaction as the settings give it, at the start and whenever they change.
use crate::{
    config::{CleanerRules, NodeConfig, RawSettings},
    image::{Delta, Image, Publisher, Resource, ResourceKind, Settings},
    log::{Cleaner, CleanerSettings},
    types::NodeId,
};
use std::sync::Arc;

pub fn cleaner_settings(rules: &CleanerRules) -> CleanerSettings {
    CleanerSettings {
        threads: rules.threads as usize,
        map_bytes: rules.map_bytes,
        map_load: rules.map_load_max,
        buffer_bytes: u64::from(rules.buffer_bytes),
        bytes_per_second: rules.bytes_per_second_max,
        backoff_ms: rules.backoff_ms,
    }
}

/// Brings settings of compaction that are changed at run time into force.
pub struct CleanerPublisher {
    pub cleaner: Arc<Cleaner>,
    pub node: NodeId,
    pub raw: RawSettings,
}

impl Publisher for CleanerPublisher {
    fn name(&self) -> &'static str {
        "compaction"
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        if !delta.configs.iter().any(|resource| resource.kind == ResourceKind::Broker) {
            return;
        }
        let none = Settings::new();
        let of = |resource| image.configs.of(&resource).map_or(&none, |settings| &**settings).clone();
        let raw = self.raw.with_dynamic(&of(Resource::all_brokers()), &of(Resource::broker(self.node)));
        match NodeConfig::resolve(&raw) {
            Ok(config) => self.cleaner.update(cleaner_settings(&config.log.cleaner)),
            Err(error) => tracing::error!(%error, "changed settings of compaction cannot be used; the former ones are"),
        }
    }
}

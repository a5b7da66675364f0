//! Brings settings that are changed at run time into force.
use super::NodeParts;
use crate::{
    config::{NodeConfig, RawSettings},
    image::{Delta, Image, Publisher, Resource, ResourceKind, Settings},
    types::NodeId,
};
use std::sync::Arc;

/// Has `apply` called with the node's settings whenever they change.
pub fn changes(
    parts: &NodeParts,
    of: &'static str,
    apply: impl Fn(&NodeConfig) + Send + Sync + 'static,
) -> Box<dyn Publisher> {
    Box::new(SettingsPublisher { of, node: parts.config.node_id, raw: parts.raw.clone(), apply })
}

/// Gives one part of the node the settings as they are after a change.
struct SettingsPublisher<F> {
    /// Whose settings, for the log.
    of: &'static str,
    node: NodeId,
    raw: RawSettings,
    apply: F,
}

impl<F: Fn(&NodeConfig) + Send + Sync> Publisher for SettingsPublisher<F> {
    fn name(&self) -> &'static str {
        self.of
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        if !delta.configs.iter().any(|resource| resource.kind == ResourceKind::Broker) {
            return;
        }
        let none = Settings::new();
        let of = |resource| image.configs.of(&resource).map_or(&none, |settings| &**settings).clone();
        let raw = self.raw.with_dynamic(&of(Resource::all_brokers()), &of(Resource::broker(self.node)));
        match NodeConfig::resolve(&raw) {
            Ok(config) => (self.apply)(&config),
            Err(error) => {
                tracing::error!(of = self.of, %error, "changed settings cannot be used; the former ones are");
            }
        }
    }
}

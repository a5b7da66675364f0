//! Settings of groups as their coordinator wants them, at the start and whenever they are changed at run time.
use super::NodeParts;
use crate::{
    config::{BoundedMs, ConsumerGroupRules, GroupRules, NodeConfig, RawSettings},
    coordinator::{
        GroupCoordinator, GroupMachine, Parts,
        group::{
            GroupSettings,
            consumer::{Bounded, ConsumerSettings, assignor::Assignor},
        },
    },
    image::{Delta, Image, Publisher, Resource, ResourceKind, Settings},
    replica::Partitions,
    store::View,
    types::NodeId,
};
use std::sync::Arc;

/// Of a batch with one record, beside that record's key and value: 61 of its header, the rest lengths.
const BATCH_BYTES_FIXED: usize = 100;

pub fn group_settings(rules: &GroupRules) -> GroupSettings {
    GroupSettings {
        session_timeout_ms_min: rules.session_timeout_ms_min,
        session_timeout_ms_max: rules.session_timeout_ms_max,
        members_max: rules.members_max as usize,
        initial_rebalance_delay_ms: rules.initial_rebalance_delay_ms,
        record_bytes_max: (rules.batch_bytes_max as usize).saturating_sub(BATCH_BYTES_FIXED),
        offset_metadata_bytes_max: rules.offset_metadata_bytes_max as usize,
        offsets_retention_ms: rules.offsets_retention_ms,
        offsets_retention_check_ms: rules.offsets_retention_check_ms,
        consumer: consumer_settings(&rules.consumer),
    }
}

fn consumer_settings(rules: &ConsumerGroupRules) -> ConsumerSettings {
    let bounded = |bounds: &BoundedMs| Bounded { default: bounds.default, min: bounds.min, max: bounds.max };
    ConsumerSettings {
        session_timeout_ms: bounded(&rules.session_timeout_ms),
        heartbeat_interval_ms: bounded(&rules.heartbeat_interval_ms),
        assignment_interval_ms: bounded(&rules.assignment_interval_ms),
        members_max: rules.members_max as usize,
        assignors: rules.assignors.iter().filter_map(|name| Assignor::from_name(name)).collect(),
        regex_refresh_ms: rules.regex_refresh_ms,
    }
}

pub fn group_coordinator(
    parts: &NodeParts,
    partitions: &Arc<Partitions>,
    view: Option<Arc<View>>,
) -> Arc<GroupCoordinator> {
    GroupCoordinator::new(Parts {
        machine: GroupMachine,
        settings: group_settings(&parts.config.groups),
        partitions: partitions.clone(),
        clock: parts.clock.clone(),
        chance: parts.chance.clone(),
        view,
    })
}

/// Tells the coordinator of changed settings.
pub struct GroupSettingsPublisher {
    pub groups: Arc<GroupCoordinator>,
    pub node: NodeId,
    pub raw: RawSettings,
}

impl Publisher for GroupSettingsPublisher {
    fn name(&self) -> &'static str {
        "group settings"
    }

    fn publish(&self, delta: &Delta, image: &Arc<Image>) {
        if !delta.configs.iter().any(|resource| resource.kind == ResourceKind::Broker) {
            return;
        }
        let none = Settings::new();
        let of = |resource| image.configs.of(&resource).map_or(&none, |settings| &**settings).clone();
        let raw = self.raw.with_dynamic(&of(Resource::all_brokers()), &of(Resource::broker(self.node)));
        match NodeConfig::resolve(&raw) {
            Ok(config) => self.groups.configure(group_settings(&config.groups)),
            Err(error) => tracing::error!(%error, "changed settings of groups cannot be used; the former ones are"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_defaults_come_through() {
        let config = NodeConfig::resolve(&RawSettings::default()).unwrap();
        assert_eq!(group_settings(&config.groups), GroupSettings::default());
    }
}

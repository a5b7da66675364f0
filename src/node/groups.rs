//! Settings of groups as their coordinator wants them, at the start and whenever they are changed at run time.
use super::NodeParts;
use crate::{
    config::{BoundedMs, ConsumerGroupRules, GroupRules},
    coordinator::{
        GroupCoordinator, GroupMachine, Parts,
        group::{
            GroupSettings,
            consumer::{Bounded, ConsumerSettings, Migration, assignor::Assignor},
        },
    },
    replica::Partitions,
    store::View,
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
        migration: Migration::from_name(&rules.migration).unwrap_or(Migration::Bidirectional),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeConfig, RawSettings, Scope, table};

    #[test]
    fn kafkas_defaults_come_through() {
        let config = NodeConfig::resolve(&RawSettings::default()).unwrap();
        assert_eq!(group_settings(&config.groups), GroupSettings::default());
    }

    #[test]
    fn every_setting_of_consumer_groups_comes_through() {
        let set = [
            ("group.consumer.session.timeout.ms", "50001"),
            ("group.consumer.min.session.timeout.ms", "50000"),
            ("group.consumer.max.session.timeout.ms", "50002"),
            ("group.consumer.heartbeat.interval.ms", "7001"),
            ("group.consumer.min.heartbeat.interval.ms", "7000"),
            ("group.consumer.max.heartbeat.interval.ms", "7002"),
            ("group.consumer.assignment.interval.ms", "2001"),
            ("group.consumer.min.assignment.interval.ms", "2000"),
            ("group.consumer.max.assignment.interval.ms", "2002"),
            ("group.consumer.max.size", "77"),
            ("group.consumer.assignors", "range,uniform"),
            ("group.consumer.regex.refresh.interval.ms", "12345"),
            ("group.consumer.migration.policy", "Upgrade"),
        ];
        let cluster = set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let raw = RawSettings::default().with_dynamic(&cluster, &Default::default());
        let around = |middle: i32| Bounded { default: middle, min: middle - 1, max: middle + 1 };
        let wanted = ConsumerSettings {
            session_timeout_ms: around(50_001),
            heartbeat_interval_ms: around(7_001),
            assignment_interval_ms: around(2_001),
            members_max: 77,
            assignors: vec![Assignor::Range, Assignor::Uniform],
            regex_refresh_ms: 12_345,
            migration: Migration::Upgrade,
        };
        assert_eq!(group_settings(&NodeConfig::resolve(&raw).unwrap().groups).consumer, wanted);
        // None of the table's settings for them is left out: each is above, or says that it has no effect.
        let of_consumers = table::all(Scope::Broker).filter(|setting| setting.name.starts_with("group.consumer."));
        assert_eq!(of_consumers.filter(|setting| table::has_effect(setting)).count(), set.len());
    }
}

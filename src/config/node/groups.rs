//! The settings of group coordinators.
use super::NodeConfigError;
use crate::config::reader::Reader;

/// Limits and times of groups; milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct GroupRules {
    pub session_timeout_ms_min: i32,
    pub session_timeout_ms_max: i32,
    pub members_max: u32,
    pub initial_rebalance_delay_ms: u64,
    /// Of everything that is written at once.
    pub batch_bytes_max: u32,
    pub offset_metadata_bytes_max: u32,
    pub offsets_retention_ms: i64,
    pub offsets_retention_check_ms: u64,
    pub consumer: ConsumerGroupRules,
}

/// Limits and times of groups of the consumer protocol.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerGroupRules {
    /// Whether the protocol is served at all.
    pub enabled: bool,
    pub session_timeout_ms: BoundedMs,
    pub heartbeat_interval_ms: BoundedMs,
    pub assignment_interval_ms: BoundedMs,
    pub members_max: u32,
    pub assignors: Vec<String>,
    pub regex_refresh_ms: u64,
    pub migration: String,
}

/// A time that single groups may change within bounds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct BoundedMs {
    pub default: i32,
    pub min: i32,
    pub max: i32,
}

pub(super) fn group_rules(reader: &Reader<'_>) -> Result<GroupRules, NodeConfigError> {
    let rules = GroupRules {
        session_timeout_ms_min: reader.int("group.min.session.timeout.ms")?,
        session_timeout_ms_max: reader.int("group.max.session.timeout.ms")?,
        members_max: reader.count_u32("group.max.size")?,
        initial_rebalance_delay_ms: reader.count("group.initial.rebalance.delay.ms")?,
        batch_bytes_max: reader.count_u32("message.max.bytes")?,
        offset_metadata_bytes_max: reader.count_u32("offset.metadata.max.bytes")?,
        offsets_retention_ms: i64::from(reader.int("offsets.retention.minutes")?) * 60_000,
        offsets_retention_check_ms: reader.count("offsets.retention.check.interval.ms")?,
        consumer: consumer_rules(reader)?,
    };
    if rules.session_timeout_ms_min > rules.session_timeout_ms_max {
        return Err(super::rule(
            "group.min.session.timeout.ms",
            "not more than group.max.session.timeout.ms",
            rules.session_timeout_ms_min.to_string(),
        ));
    }
    Ok(rules)
}

/// The assignors there are.
const ASSIGNORS: [&str; 2] = ["uniform", "range"];

fn consumer_rules(reader: &Reader<'_>) -> Result<ConsumerGroupRules, NodeConfigError> {
    let protocols = reader.list("group.coordinator.rebalance.protocols")?;
    if !protocols.iter().any(|protocol| protocol == "classic") {
        return Err(super::rule("group.coordinator.rebalance.protocols", "with classic", protocols.join(",")));
    }
    let rules = ConsumerGroupRules {
        enabled: protocols.iter().any(|protocol| protocol == "consumer"),
        session_timeout_ms: bounded(reader, "session.timeout.ms")?,
        heartbeat_interval_ms: bounded(reader, "heartbeat.interval.ms")?,
        assignment_interval_ms: bounded(reader, "assignment.interval.ms")?,
        members_max: reader.count_u32("group.consumer.max.size")?,
        assignors: reader.list("group.consumer.assignors")?,
        regex_refresh_ms: reader.count("group.consumer.regex.refresh.interval.ms")?,
        migration: reader.text("group.consumer.migration.policy")?,
    };
    if let Some(other) = rules.assignors.iter().find(|name| !ASSIGNORS.contains(&name.as_str())) {
        return Err(super::rule("group.consumer.assignors", "of uniform and range", other.clone()));
    }
    if rules.heartbeat_interval_ms.default >= rules.session_timeout_ms.default {
        let value = rules.heartbeat_interval_ms.default.to_string();
        let rule = "less than group.consumer.session.timeout.ms";
        return Err(super::rule("group.consumer.heartbeat.interval.ms", rule, value));
    }
    Ok(rules)
}

fn bounded(reader: &Reader<'_>, name: &str) -> Result<BoundedMs, NodeConfigError> {
    let read = |kind: &str| reader.int(&format!("group.consumer.{kind}{name}"));
    let bounded = BoundedMs { default: read("")?, min: read("min.")?, max: read("max.")? };
    if !(bounded.min..=bounded.max).contains(&bounded.default) {
        let value = format!("group.consumer.{name}={}", bounded.default);
        return Err(super::rule("group.consumer.*", "between its min and its max", value));
    }
    Ok(bounded)
}

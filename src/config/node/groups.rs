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

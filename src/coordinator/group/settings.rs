//! The broker's settings for groups, under Kafka's names.

/// Times in milliseconds, sizes in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSettings {
    /// `group.min.session.timeout.ms`, `group.max.session.timeout.ms`.
    pub session_timeout_ms_min: i32,
    pub session_timeout_ms_max: i32,
    /// `group.max.size`.
    pub members_max: usize,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: u64,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention_ms: i64,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_ms: u64,
}

impl Default for GroupSettings {
    /// Kafka's defaults.
    fn default() -> GroupSettings {
        GroupSettings {
            session_timeout_ms_min: 6_000,
            session_timeout_ms_max: 1_800_000,
            members_max: i32::MAX as usize,
            initial_rebalance_delay_ms: 3_000,
            offset_metadata_bytes_max: 4_096,
            offsets_retention_ms: 10_080 * 60_000,
            offsets_retention_check_ms: 600_000,
        }
    }
}

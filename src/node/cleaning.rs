//! Compaction as the settings give it, at the start and whenever they change.
use crate::{config::CleanerRules, log::CleanerSettings};

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

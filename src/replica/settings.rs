//! A topic's settings as its partitions use them: one value, replaced whole when a setting changes.
use crate::{config::TopicConfig, log::LogConfig, record::BatchRules};
use std::sync::Arc;

/// What the settings of one topic come to.
pub struct TopicSettings {
    pub config: TopicConfig,
    /// Checks for batches that clients send.
    pub rules: BatchRules,
    pub log: Arc<LogConfig>,
    /// `min.insync.replicas`.
    pub in_sync_replicas_min: usize,
}

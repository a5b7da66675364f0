//! Settings as the layers below want them: a topic's as batch rules and log settings, the controller's as questions.
use crate::{
    config::{
        self, ClientMetricsError, Compression, ProducerLogRules, RawSettings, TopicConfig, TopicConfigError, ValueKind,
        table,
    },
    controller::{Refused, SettingRules},
    image::{Image, Resource, ResourceKind, Settings},
    log::{DECOMPRESSED_BYTES_MAX, LogConfig, SyncPolicy},
    record::{BatchRules, Codec, CompressionLevels, Origin, TimestampType, TopicCompression},
    replica::TopicSettings,
    types::ErrorCode,
};
use std::sync::Arc;

/// Ours: the most that may come out of one compressed batch, as a multiple of `max.message.bytes` and at the least; never more than the log
/// looks through.
const DECOMPRESSED_TIMES_MAX: usize = 100;
const DECOMPRESSED_BYTES_MIN: usize = 64 << 20;

/// A topic's effective settings, from the broker's and those that were set for it.
pub fn topic_settings(raw: &RawSettings, set: &Settings) -> Result<TopicSettings, TopicConfigError> {
    let config = TopicConfig::resolve(raw, set)?;
    let rules = rules(&config);
    let log = Arc::new(log_config(&config, ProducerLogRules::resolve(raw)?));
    let in_sync_replicas_min = usize::try_from(config.min_insync_replicas).unwrap_or(1);
    Ok(TopicSettings { config, rules, log, in_sync_replicas_min })
}

fn rules(config: &TopicConfig) -> BatchRules {
    let mut levels = CompressionLevels::DEFAULT;
    let compression = match config.compression {
        Compression::Producer => TopicCompression::Producer,
        Compression::Uncompressed => TopicCompression::Codec(Codec::None),
        Compression::Gzip { level } => {
            levels.gzip = level;
            TopicCompression::Codec(Codec::Gzip)
        }
        Compression::Snappy => TopicCompression::Codec(Codec::Snappy),
        Compression::Lz4 { level } => {
            levels.lz4 = level;
            TopicCompression::Codec(Codec::Lz4)
        }
        Compression::Zstd { level } => {
            levels.zstd = level;
            TopicCompression::Codec(Codec::Zstd)
        }
    };
    let batch_bytes_max = config.max_message_bytes as usize;
    BatchRules {
        origin: Origin::Client,
        compression,
        levels,
        zstd_allowed: true,
        timestamp_type: match config.timestamp_type {
            config::TimestampType::CreateTime => TimestampType::CreateTime,
            config::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: signed(config.timestamp_before_ms_max),
        timestamp_after_max_ms: signed(config.timestamp_after_ms_max),
        compacted: config.compact,
        batch_bytes_max,
        decompressed_bytes_max: batch_bytes_max
            .saturating_mul(DECOMPRESSED_TIMES_MAX)
            .clamp(DECOMPRESSED_BYTES_MIN, DECOMPRESSED_BYTES_MAX),
    }
}

fn log_config(config: &TopicConfig, producers: ProducerLogRules) -> LogConfig {
    LogConfig {
        segment_bytes: u64::from(config.segment_bytes),
        segment_ms: signed(config.segment_ms),
        segment_jitter_ms: signed(config.segment_jitter_ms),
        segment_index_bytes: u64::from(config.segment_index_bytes),
        index_interval_bytes: u64::from(config.index_interval_bytes),
        retention_ms: config.retention_ms.map(signed),
        retention_bytes: config.retention_bytes,
        delete: config.delete,
        compact: config.compact,
        compaction_lag_ms_min: signed(config.min_compaction_lag_ms),
        compaction_lag_ms_max: signed(config.max_compaction_lag_ms),
        dirty_ratio_min: config.min_cleanable_dirty_ratio,
        delete_retention_ms: signed(config.delete_retention_ms),
        file_delete_delay_ms: config.file_delete_delay_ms,
        flush_messages: config.flush_messages,
        flush_ms: Some(config.flush_ms).filter(|ms| *ms < i64::MAX as u64),
        sync: match config.sync {
            config::SyncPolicy::Wal => SyncPolicy::Wal,
            config::SyncPolicy::PageCache => SyncPolicy::PageCache,
        },
        producer_id_expiration_ms: signed(producers.id_expiration_ms),
        verify_transactions: producers.verify_transactions,
        ..LogConfig::default()
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What the controller asks about settings.
pub struct NodeSettings {
    pub raw: RawSettings,
}

impl SettingRules for NodeSettings {
    fn check(&self, resource: &Resource, settings: &Settings) -> Result<(), Refused> {
        match resource.kind {
            ResourceKind::Topic => config::validate_topic(&self.raw, settings)
                .map_err(|fault| Refused::new(ErrorCode::InvalidConfig, fault.to_string())),
            ResourceKind::Broker => {
                config::check_broker(&self.raw, settings, !resource.name.is_empty()).map_err(|fault| {
                    let code =
                        if fault.is_invalid_config() { ErrorCode::InvalidConfig } else { ErrorCode::InvalidRequest };
                    Refused::new(code, fault.to_string())
                })
            }
            ResourceKind::Group if resource.name.is_empty() => {
                Err(Refused::new(ErrorCode::InvalidRequest, "There are no settings for all groups together."))
            }
            ResourceKind::Group => config::validate_group(&self.raw, settings)
                .map_err(|fault| Refused::new(ErrorCode::InvalidConfig, fault.to_string())),
            ResourceKind::ClientMetrics => config::validate_client_metrics(&resource.name, settings).map_err(|fault| {
                let code = match fault {
                    ClientMetricsError::Pattern(_) | ClientMetricsError::Value(_) => ErrorCode::InvalidConfig,
                    _ => ErrorCode::InvalidRequest,
                };
                Refused::new(code, fault.to_string())
            }),
            ResourceKind::BrokerLogger => {
                Err(Refused::new(ErrorCode::InvalidRequest, format!("Settings of {resource} are not kept here yet")))
            }
        }
    }

    fn list_default(&self, kind: ResourceKind, name: &str) -> Option<String> {
        let setting = match kind {
            ResourceKind::Topic => table::topic(name),
            ResourceKind::Group => table::group(name),
            ResourceKind::ClientMetrics => table::client_metrics(name),
            _ => table::broker(name),
        };
        let list = setting.filter(|setting| setting.kind == ValueKind::List)?;
        Some(list.default.unwrap_or_default().to_owned())
    }

    fn unclean_election(&self, image: &Image, topic: &str) -> bool {
        let of = |resource| image.configs.of(&resource).map_or_else(Settings::new, |set| Settings::clone(set));
        let raw = self.raw.with_dynamic(&of(Resource::all_brokers()), &Settings::new());
        TopicConfig::resolve(&raw, &of(Resource::topic(topic))).is_ok_and(|config| config.unclean_leader_election)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(set: &[(&str, &str)]) -> TopicSettings {
        let set = set.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        topic_settings(&RawSettings::default(), &set).unwrap()
    }

    #[test]
    fn kafkas_defaults_come_through() {
        let defaults = settings(&[]);
        assert_eq!(defaults.rules.batch_bytes_max, 1_048_588);
        assert_eq!(defaults.rules.timestamp_after_max_ms, 3_600_000);
        assert_eq!((defaults.log.segment_bytes, defaults.log.retention_ms), (1 << 30, Some(604_800_000)));
        assert_eq!((defaults.log.sync, defaults.log.flush_ms), (SyncPolicy::Wal, None));
        assert_eq!(defaults.in_sync_replicas_min, 1);
        assert_eq!((defaults.log.producer_id_expiration_ms, defaults.log.verify_transactions), (86_400_000, true));
    }

    #[test]
    fn what_logs_are_told_of_producers_may_be_set_at_run_time() {
        let set = [("producer.id.expiration.ms", "5"), ("transaction.partition.verification.enable", "false")];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let raw = RawSettings::default().with_dynamic(&set, &Default::default());
        let log = topic_settings(&raw, &Default::default()).unwrap().log;
        assert_eq!((log.producer_id_expiration_ms, log.verify_transactions), (5, false));
    }

    #[test]
    fn what_is_set_comes_through() {
        let set = settings(&[
            ("compression.type", "zstd"),
            ("compression.zstd.level", "9"),
            ("cleanup.policy", "compact"),
            ("message.timestamp.type", "LogAppendTime"),
            ("ottla.sync", "page-cache"),
            ("flush.ms", "1000"),
            ("retention.ms", "-1"),
        ]);
        assert_eq!(set.rules.compression, TopicCompression::Codec(Codec::Zstd));
        assert_eq!(set.rules.levels.zstd, 9);
        assert!(set.rules.compacted && set.log.compact && !set.log.delete);
        assert_eq!(set.rules.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!((set.log.sync, set.log.flush_ms, set.log.retention_ms), (SyncPolicy::PageCache, Some(1000), None));
    }
}

//! The settings of one topic: its own over the broker's over Kafka's.
use crate::config::raw::RawSettings;
use crate::config::reader::Reader;
use crate::config::table;
use crate::config::value::{InvalidValue, Value};
use std::collections::BTreeMap;

/// When a record counts as written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SyncPolicy {
    /// Once the write-ahead log that holds it is synced.
    #[default]
    Wal,
    /// Once the page cache has it, as in Apache Kafka.
    PageCache,
}

impl SyncPolicy {
    pub fn parse(text: &str) -> Option<SyncPolicy> {
        match text {
            "wal" => Some(SyncPolicy::Wal),
            "page-cache" => Some(SyncPolicy::PageCache),
            _ => None,
        }
    }
}

/// `message.timestamp.type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampType {
    CreateTime,
    LogAppendTime,
}

/// `compression.type`, with the level where the codec has one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Batches stay as their producer made them.
    Producer,
    Uncompressed,
    /// 1 to 9, or -1 for the codec's own.
    Gzip {
        level: i32,
    },
    Snappy,
    /// 1 to 17.
    Lz4 {
        level: i32,
    },
    /// -131072 to 22.
    Zstd {
        level: i32,
    },
}

/// A topic's settings in force. Lengths of time are milliseconds, sizes bytes; `None` is "no limit".
#[derive(Clone, PartialEq, Debug)]
pub struct TopicConfig {
    /// `cleanup.policy` has `delete`; with neither policy records stay for ever.
    pub delete: bool,
    pub compact: bool,
    pub compression: Compression,
    pub delete_retention_ms: u64,
    pub file_delete_delay_ms: u64,
    /// Sync a log after this many records; `i64::MAX` leaves it to `sync`.
    pub flush_messages: u64,
    pub flush_ms: u64,
    pub index_interval_bytes: u32,
    pub max_compaction_lag_ms: u64,
    pub max_message_bytes: u32,
    pub min_cleanable_dirty_ratio: f64,
    pub min_compaction_lag_ms: u64,
    pub min_insync_replicas: i32,
    pub retention_bytes: Option<u64>,
    pub retention_ms: Option<u64>,
    /// Never 0.
    pub segment_bytes: u32,
    pub segment_index_bytes: u32,
    pub segment_jitter_ms: u64,
    pub segment_ms: u64,
    pub sync: SyncPolicy,
    /// How far a record's time may lie after the broker's (VAL-8).
    pub timestamp_after_ms_max: u64,
    /// How far a record's time may lie before the broker's (VAL-8).
    pub timestamp_before_ms_max: u64,
    pub timestamp_type: TimestampType,
    pub unclean_leader_election: bool,
}

/// Why a topic cannot have these settings; Kafka answers INVALID_CONFIG with the same words.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicConfigError {
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    #[error(transparent)]
    Value(#[from] InvalidValue),
    #[error("conflict topic config setting min.compaction.lag.ms ({min_ms}) > max.compaction.lag.ms ({max_ms})")]
    CompactionLag { min_ms: u64, max_ms: u64 },
    #[error(
        "Tiered Storage functionality is disabled in the broker. \
         Topic cannot be configured with remote log storage."
    )]
    TieredStorage,
}

impl TopicConfig {
    /// The settings in force for a topic with `overrides` on a broker with `raw`.
    ///
    /// # Errors
    /// A key that topics do not have, a value outside its limits, or two that contradict each other.
    pub fn resolve(raw: &RawSettings, overrides: &BTreeMap<String, String>) -> Result<TopicConfig, TopicConfigError> {
        TopicConfig::read(&Reader::of_topic(raw, overrides), overrides)
    }

    fn read(reader: &Reader<'_>, overrides: &BTreeMap<String, String>) -> Result<TopicConfig, TopicConfigError> {
        check_each(overrides)?;
        if reader.boolean("remote.storage.enable")? {
            return Err(TopicConfigError::TieredStorage);
        }
        let (min_ms, max_ms) = (reader.count("min.compaction.lag.ms")?, reader.count("max.compaction.lag.ms")?);
        if min_ms > max_ms {
            return Err(TopicConfigError::CompactionLag { min_ms, max_ms });
        }
        let policies = reader.list("cleanup.policy")?;
        let has = |policy: &str| policies.iter().any(|given| given == policy);
        let segment_bytes = match reader.long_or_none("internal.segment.bytes")? {
            Some(bytes) => u32::try_from(bytes).unwrap_or(1),
            None => reader.count_u32("segment.bytes")?,
        };
        let timestamp_type = match reader.text("message.timestamp.type")?.as_str() {
            "LogAppendTime" => TimestampType::LogAppendTime,
            _ => TimestampType::CreateTime,
        };
        Ok(TopicConfig {
            delete: has("delete"),
            compact: has("compact"),
            compression: compression(reader)?,
            delete_retention_ms: reader.count("delete.retention.ms")?,
            file_delete_delay_ms: reader.count("file.delete.delay.ms")?,
            flush_messages: reader.count("flush.messages")?,
            flush_ms: reader.count("flush.ms")?,
            index_interval_bytes: reader.count_u32("index.interval.bytes")?,
            max_compaction_lag_ms: max_ms,
            max_message_bytes: reader.count_u32("max.message.bytes")?,
            min_cleanable_dirty_ratio: reader.double("min.cleanable.dirty.ratio")?,
            min_compaction_lag_ms: min_ms,
            min_insync_replicas: reader.int("min.insync.replicas")?,
            retention_bytes: reader.limit("retention.bytes")?,
            retention_ms: reader.limit("retention.ms")?,
            segment_bytes: segment_bytes.max(1),
            segment_index_bytes: reader.count_u32("segment.index.bytes")?,
            segment_jitter_ms: reader.count("segment.jitter.ms")?,
            segment_ms: reader.count("segment.ms")?,
            sync: SyncPolicy::parse(&reader.text("ottla.sync")?).unwrap_or_default(),
            timestamp_after_ms_max: reader.count("message.timestamp.after.max.ms")?,
            timestamp_before_ms_max: reader.count("message.timestamp.before.max.ms")?,
            timestamp_type,
            unclean_leader_election: reader.boolean("unclean.leader.election.enable")?,
        })
    }
}

/// May a topic on this broker have these settings? The check behind CreateTopics and the config APIs.
pub fn validate_topic(raw: &RawSettings, overrides: &BTreeMap<String, String>) -> Result<(), TopicConfigError> {
    TopicConfig::resolve(raw, overrides).map(|_| ())
}

/// Names first, then values, as Kafka does it.
fn check_each(overrides: &BTreeMap<String, String>) -> Result<(), TopicConfigError> {
    if let Some(name) = overrides.keys().find(|name| table::topic(name).is_none()) {
        return Err(TopicConfigError::Unknown(name.clone()));
    }
    for (name, text) in overrides {
        if let Some(setting) = table::topic(name) {
            Value::parse(setting, text)?;
        }
    }
    Ok(())
}

fn compression(reader: &Reader<'_>) -> Result<Compression, InvalidValue> {
    Ok(match reader.text("compression.type")?.as_str() {
        "uncompressed" => Compression::Uncompressed,
        "gzip" => Compression::Gzip { level: reader.int("compression.gzip.level")? },
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4 { level: reader.int("compression.lz4.level")? },
        "zstd" => Compression::Zstd { level: reader.int("compression.zstd.level")? },
        _ => Compression::Producer,
    })
}

#[cfg(test)]
mod tests;

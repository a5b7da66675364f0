//! Topic settings: layers, limits, contradictions.
use super::*;
use crate::config::raw::{RawValue, Source};
use crate::config::setting::{Effect, Scope};

fn raw(pairs: &[(&str, &str)]) -> RawSettings {
    let value = |text: &str| RawValue { text: text.to_owned(), source: Source::Flag };
    RawSettings::new(pairs.iter().map(|&(key, text)| (key.to_owned(), value(text))).collect())
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|&(key, text)| (key.to_owned(), text.to_owned())).collect()
}

fn resolve(broker: &[(&str, &str)], topic: &[(&str, &str)]) -> TopicConfig {
    TopicConfig::resolve(&raw(broker), &map(topic)).unwrap()
}

fn message(topic: &[(&str, &str)]) -> String {
    validate_topic(&RawSettings::default(), &map(topic)).unwrap_err().to_string()
}

#[test]
fn what_is_honoured_is_read() {
    let overrides = map(&[("compression.type", "gzip")]);
    let raw = RawSettings::default();
    let reader = Reader::of_topic(&raw, &overrides);
    TopicConfig::read(&reader, &overrides).unwrap();
    let mut read = reader.read();
    // Only one codec's level is read at a time.
    read.extend(["compression.lz4.level", "compression.zstd.level"]);
    for setting in table::all(Scope::Topic).filter(|setting| setting.effect != Effect::NoEffect) {
        assert!(read.contains(setting.name), "{} is said to have an effect", setting.name);
    }
}

#[test]
fn the_defaults_are_kafkas() {
    let config = resolve(&[], &[]);
    assert_eq!((config.delete, config.compact), (true, false));
    assert_eq!(config.retention_ms, Some(604_800_000));
    assert_eq!(config.retention_bytes, None);
    assert_eq!((config.segment_bytes, config.segment_ms), (1 << 30, 604_800_000));
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.compression, Compression::Producer);
    assert_eq!(config.sync, SyncPolicy::Wal);
    assert_eq!((config.flush_messages, config.flush_ms), (i64::MAX as u64, i64::MAX as u64));
}

#[test]
fn val_8_times_may_be_an_hour_ahead_and_any_time_behind() {
    let config = resolve(&[], &[]);
    assert_eq!(config.timestamp_after_ms_max, 3_600_000);
    assert_eq!(config.timestamp_before_ms_max, i64::MAX as u64);
    assert_eq!(config.timestamp_type, TimestampType::CreateTime);
    let config = resolve(&[("log.message.timestamp.after.max.ms", "5")], &[("message.timestamp.before.max.ms", "6")]);
    assert_eq!((config.timestamp_after_ms_max, config.timestamp_before_ms_max), (5, 6));
}

#[test]
fn the_topic_beats_the_broker_beats_the_default() {
    let broker = [("log.segment.bytes", "2000000"), ("message.max.bytes", "5")];
    let config = resolve(&broker, &[("segment.bytes", "3000000")]);
    assert_eq!((config.segment_bytes, config.max_message_bytes), (3_000_000, 5));
}

#[test]
fn milliseconds_beat_minutes_beat_hours() {
    let retention = |broker: &[(&str, &str)]| resolve(broker, &[]).retention_ms;
    let (ms, minutes, hours) =
        (("log.retention.ms", "7"), ("log.retention.minutes", "2"), ("log.retention.hours", "1"));
    assert_eq!(retention(&[ms, minutes, hours]), Some(7));
    assert_eq!(retention(&[minutes, hours]), Some(120_000));
    assert_eq!(retention(&[hours]), Some(3_600_000));
    assert_eq!(retention(&[("log.retention.hours", "-1")]), None, "unlimited in hours too");
    assert_eq!(resolve(&[("log.roll.hours", "2")], &[]).segment_ms, 7_200_000);
    assert_eq!(resolve(&[("log.roll.jitter.hours", "1")], &[]).segment_jitter_ms, 3_600_000);
    assert_eq!(resolve(&[("log.flush.scheduler.interval.ms", "9")], &[]).flush_ms, 9);
    assert_eq!(retention(&[("log.retention.hours", "2147483647")]), Some(2_147_483_647 * 3_600_000));
}

#[test]
fn a_dynamic_value_beats_a_stronger_static_synonym() {
    let fixed = raw(&[("log.roll.ms", "5")]);
    let changed = fixed.with_dynamic(&map(&[("log.roll.ms", "6")]), &map(&[("log.roll.ms", "7")]));
    assert_eq!(TopicConfig::resolve(&changed, &map(&[])).unwrap().segment_ms, 7);
    let cluster_only = fixed.with_dynamic(&map(&[("log.roll.ms", "6")]), &map(&[]));
    assert_eq!(TopicConfig::resolve(&cluster_only, &map(&[])).unwrap().segment_ms, 6);
}

#[test]
fn neither_policy_keeps_everything() {
    let config = resolve(&[], &[("cleanup.policy", "")]);
    assert_eq!((config.delete, config.compact), (false, false));
    let config = resolve(&[], &[("cleanup.policy", "compact, delete")]);
    assert_eq!((config.delete, config.compact), (true, true));
}

#[test]
fn a_codec_comes_with_its_level() {
    let codec = |name: &str| resolve(&[], &[("compression.type", name)]).compression;
    assert_eq!(codec("gzip"), Compression::Gzip { level: -1 });
    assert_eq!(codec("lz4"), Compression::Lz4 { level: 9 });
    assert_eq!(codec("zstd"), Compression::Zstd { level: 3 });
    assert_eq!(codec("snappy"), Compression::Snappy);
    assert_eq!(codec("uncompressed"), Compression::Uncompressed);
}

#[test]
fn bad_settings_are_refused_in_kafkas_words() {
    assert_eq!(message(&[("nope", "1")]), "Unknown topic config name: nope");
    assert_eq!(
        message(&[("segment.bytes", "5")]),
        "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"
    );
    assert_eq!(
        message(&[("remote.storage.enable", "true")]).split('.').next(),
        Some("Tiered Storage functionality is disabled in the broker")
    );
    let lags = [("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5")];
    assert_eq!(message(&lags), "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)");
}

#[test]
fn an_internal_segment_size_wins_and_is_never_zero() {
    let size = |text: &str| resolve(&[], &[("internal.segment.bytes", text)]).segment_bytes;
    assert_eq!((size("500"), size("0"), size("-3")), (500, 1, 1));
}

#[test]
fn a_topic_may_choose_kafkas_durability() {
    assert_eq!(resolve(&[], &[("ottla.sync", "page-cache")]).sync, SyncPolicy::PageCache);
    assert_eq!(resolve(&[("ottla.sync", "page-cache")], &[]).sync, SyncPolicy::PageCache);
    assert!(message(&[("ottla.sync", "never")]).contains("String must be one of: wal, page-cache"));
}

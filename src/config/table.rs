//! The one table of settings: every key of Apache Kafka 4.3, our own keys, and which key stands in for which.
mod client_metrics;
mod cluster;
mod group;
mod groups;
mod logs;
mod metrics;
mod network;
mod own;
mod remote;
mod replication;
mod sasl;
mod share;
mod ssl;
mod topic;
mod transactions;

use crate::config::setting::{Effect, Scope, Setting};
use std::{collections::BTreeMap, sync::LazyLock};

static BROKER: LazyLock<BTreeMap<&str, &Setting>> = LazyLock::new(|| {
    let categories = [
        cluster::ROWS,
        groups::ROWS,
        logs::ROWS,
        metrics::ROWS,
        network::ROWS,
        own::ROWS,
        remote::ROWS,
        replication::ROWS,
        sasl::ROWS,
        share::ROWS,
        ssl::ROWS,
        transactions::ROWS,
    ];
    by_name(categories.concat().leak())
});
static TOPIC: LazyLock<BTreeMap<&str, &Setting>> =
    LazyLock::new(|| by_name([topic::ROWS, own::TOPIC_ROWS].concat().leak()));
static GROUP: LazyLock<BTreeMap<&str, &Setting>> = LazyLock::new(|| by_name(group::ROWS));

static CLIENT_METRICS: LazyLock<BTreeMap<&str, &Setting>> = LazyLock::new(|| by_name(client_metrics::ROWS));

fn by_name(rows: &'static [Setting]) -> BTreeMap<&'static str, &'static Setting> {
    let rows_by_name: BTreeMap<&str, &Setting> = rows.iter().map(|row| (row.name, row)).collect();
    assert_eq!(rows.len(), rows_by_name.len(), "no setting stands in the table twice");
    rows_by_name
}

/// The broker setting of this name.
pub fn broker(name: &str) -> Option<&'static Setting> {
    BROKER.get(name).copied()
}

/// The topic setting of this name.
pub fn topic(name: &str) -> Option<&'static Setting> {
    TOPIC.get(name).copied()
}

/// The setting of single groups of this name.
pub fn group(name: &str) -> Option<&'static Setting> {
    GROUP.get(name).copied()
}

/// All settings of single groups, by name.
pub fn groups() -> impl Iterator<Item = &'static Setting> {
    GROUP.values().copied()
}

/// The setting of single subscriptions to metrics of this name.
pub fn client_metrics(name: &str) -> Option<&'static Setting> {
    CLIENT_METRICS.get(name).copied()
}

/// All settings of single subscriptions to metrics, by name.
pub fn all_client_metrics() -> impl Iterator<Item = &'static Setting> {
    CLIENT_METRICS.values().copied()
}

/// All settings of a scope, by name.
pub fn all(scope: Scope) -> impl Iterator<Item = &'static Setting> {
    match scope {
        Scope::Broker => BROKER.values().copied(),
        Scope::Topic => TOPIC.values().copied(),
    }
}

/// Shown by DescribeConfigs only where somebody set it: Kafka's internal keys, the throttles that Kafka keeps outside
/// its own table, and ours, since tools that copy settings to an Apache Kafka cluster must not meet strangers.
pub fn is_shown_only_when_set(name: &str) -> bool {
    name.starts_with("ottla.") || SHOWN_ONLY_WHEN_SET.contains(&name)
}

const SHOWN_ONLY_WHEN_SET: &[&str] = &[
    "cluster.id",
    "config.unknown",
    "connection_creation_rate",
    "consumer_byte_rate",
    "controller.performance.always.log.threshold.ms",
    "controller.performance.sample.period.ms",
    "controller_mutation_rate",
    "follower.replication.throttled.rate",
    "group.consumer.regex.refresh.interval.ms",
    "group.share.initialize.retry.interval.ms",
    "group.share.persister.class.name",
    "internal.metadata.delete.delay.millis",
    "internal.metadata.log.segment.bytes",
    "internal.metadata.max.batch.size.in.bytes",
    "internal.segment.bytes",
    "leader.replication.throttled.rate",
    "log.initial.task.delay.ms",
    "producer.id.expiration.check.interval.ms",
    "producer_byte_rate",
    "remote.log.index.file.cache.ttl.ms",
    "remote.log.manager.task.retry.backoff.max.ms",
    "remote.log.manager.task.retry.backoff.ms",
    "remote.log.manager.task.retry.jitter",
    "replica.alter.log.dirs.io.max.bytes.per.second",
    "request_percentage",
    "server.max.startup.time.ms",
    "share.coordinator.cold.partition.snapshot.interval.ms",
    "share.coordinator.state.topic.prune.interval.ms",
    "unclean.leader.election.interval.ms",
    "unstable.api.versions.enable",
    "unstable.feature.versions.enable",
];

/// A broker key whose value, converted, is the default of a topic key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Synonym {
    pub broker: &'static str,
    /// What one unit of the broker key is in units of the topic key.
    pub factor: i64,
}

/// The broker keys behind a topic key, the one that wins first (Kafka's `ServerTopicConfigSynonyms`).
pub fn broker_synonyms_of_topic(topic_key: &str) -> &'static [Synonym] {
    const HOUR_MS: i64 = 3_600_000;
    macro_rules! synonyms {
        ($($broker:literal * $factor:expr),*) => {{
            const LIST: &[Synonym] = &[$(Synonym { broker: $broker, factor: $factor }),*];
            LIST
        }};
    }
    match topic_key {
        "cleanup.policy" => synonyms!("log.cleanup.policy" * 1),
        "compression.gzip.level" => synonyms!("compression.gzip.level" * 1),
        "compression.lz4.level" => synonyms!("compression.lz4.level" * 1),
        "compression.type" => synonyms!("compression.type" * 1),
        "compression.zstd.level" => synonyms!("compression.zstd.level" * 1),
        "delete.retention.ms" => synonyms!("log.cleaner.delete.retention.ms" * 1),
        "file.delete.delay.ms" => synonyms!("log.segment.delete.delay.ms" * 1),
        "flush.messages" => synonyms!("log.flush.interval.messages" * 1),
        "flush.ms" => synonyms!("log.flush.interval.ms" * 1, "log.flush.scheduler.interval.ms" * 1),
        "index.interval.bytes" => synonyms!("log.index.interval.bytes" * 1),
        "local.retention.bytes" => synonyms!("log.local.retention.bytes" * 1),
        "local.retention.ms" => synonyms!("log.local.retention.ms" * 1),
        "max.compaction.lag.ms" => synonyms!("log.cleaner.max.compaction.lag.ms" * 1),
        "max.message.bytes" => synonyms!("message.max.bytes" * 1),
        "message.timestamp.after.max.ms" => synonyms!("log.message.timestamp.after.max.ms" * 1),
        "message.timestamp.before.max.ms" => synonyms!("log.message.timestamp.before.max.ms" * 1),
        "message.timestamp.type" => synonyms!("log.message.timestamp.type" * 1),
        "min.cleanable.dirty.ratio" => synonyms!("log.cleaner.min.cleanable.ratio" * 1),
        "min.compaction.lag.ms" => synonyms!("log.cleaner.min.compaction.lag.ms" * 1),
        "min.insync.replicas" => synonyms!("min.insync.replicas" * 1),
        "ottla.sync" => synonyms!("ottla.sync" * 1),
        "preallocate" => synonyms!("log.preallocate" * 1),
        "retention.bytes" => synonyms!("log.retention.bytes" * 1),
        "retention.ms" => {
            synonyms!("log.retention.ms" * 1, "log.retention.minutes" * 60_000, "log.retention.hours" * HOUR_MS)
        }
        "segment.bytes" => synonyms!("log.segment.bytes" * 1),
        "segment.index.bytes" => synonyms!("log.index.size.max.bytes" * 1),
        "segment.jitter.ms" => synonyms!("log.roll.jitter.ms" * 1, "log.roll.jitter.hours" * HOUR_MS),
        "segment.ms" => synonyms!("log.roll.ms" * 1, "log.roll.hours" * HOUR_MS),
        "unclean.leader.election.enable" => synonyms!("unclean.leader.election.enable" * 1),
        _ => &[],
    }
}

/// All names under which a broker setting can be given, the strongest first; the name alone if it has no other
/// (Kafka's `DynamicBrokerConfig.brokerConfigSynonyms`). With `listener_base`, a key of one listener also has the
/// key it overrides.
pub fn broker_synonyms(name: &str, listener_base: bool) -> Vec<String> {
    const RETENTION: &[&str] = &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
    const ROLL: &[&str] = &["log.roll.ms", "log.roll.hours"];
    const JITTER: &[&str] = &["log.roll.jitter.ms", "log.roll.jitter.hours"];
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    for names in [RETENTION, ROLL, JITTER] {
        if names.contains(&name) {
            return owned(names);
        }
    }
    if name == "log.flush.interval.ms" {
        return owned(&["log.flush.interval.ms", "log.flush.scheduler.interval.ms"]);
    }
    if listener_base && let Some(base) = listener_key_base(name) {
        return vec![name.to_owned(), base.to_owned()];
    }
    vec![name.to_owned()]
}

/// The key that `listener.name.<listener>.<key>` or `listener.name.<listener>.<mechanism>.<key>` overrides.
pub fn listener_key_base(name: &str) -> Option<&str> {
    const OF_ONE_MECHANISM: &[&str] = &[
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
        "sasl.server.callback.handler.class",
        "connections.max.reauth.ms",
    ];
    let (_listener, base) = name.strip_prefix("listener.name.")?.split_once('.')?;
    Some(OF_ONE_MECHANISM.iter().find(|key| base.ends_with(*key)).copied().unwrap_or(base))
}

/// Keys outside Kafka's own table: of other releases and of its authorizer. They do nothing; the answer is what to tell
/// who sets them.
pub fn foreign(name: &str) -> Option<&'static str> {
    const REMOVED: &[&str] = &[
        "advertised.host.name",
        "advertised.port",
        "broker.id.generation.enable",
        "control.plane.listener.name",
        "controlled.shutdown.max.retries",
        "controlled.shutdown.retry.backoff.ms",
        "delegation.token.master.key",
        "host.name",
        "inter.broker.protocol.version",
        "log.cleaner.hash.algorithm",
        "log.message.downconversion.enable",
        "log.message.format.version",
        "log.message.timestamp.difference.max.ms",
        "password.encoder.iterations",
        "password.encoder.keyfactory.algorithm",
        "password.encoder.old.secret",
        "password.encoder.secret",
        "port",
        "reserved.broker.max.id",
        "transaction.partition.verification.timeout.ms",
    ];
    const NEWER: &[&str] = &[
        "errors.deadletterqueue.auto.create.topics.enable",
        "errors.deadletterqueue.topic.name.prefix",
        "group.consumer.assignor.offload.enable",
        "group.share.assignor.offload.enable",
        "group.share.dlq.manager.class.name",
        "group.streams.acceptable.recovery.lag",
        "group.streams.assignor.offload.enable",
        "group.streams.assignors",
        "group.streams.max.warmup.replicas",
        "group.streams.min.task.offset.interval.ms",
        "group.streams.num.warmup.replicas",
        "group.streams.rack.aware.assignment.tags",
        "group.streams.task.offset.interval.ms",
        "group.streams.topology.description.plugin.class",
        "log.remote.copy.lag.bytes",
        "log.remote.copy.lag.ms",
        "sasl.oauthbearer.allow.unverified.audience",
        "sasl.oauthbearer.allow.unverified.issuer",
    ];
    if matches!(name, "allow.everyone.if.no.acl.found" | "super.users") {
        return Some("access rules are not enforced yet, so everyone may do everything");
    }
    if REMOVED.contains(&name) || name.starts_with("zookeeper.") {
        return Some("removed from Kafka by release 4.0");
    }
    NEWER.contains(&name).then_some("of a Kafka release after 4.3")
}

/// Keys that Kafka hands to plugins and to single listeners without knowing them. A near miss of a known key is a typo
/// all the same; the caller looks for that.
pub fn is_passed_on(name: &str) -> bool {
    const PREFIXES: &[&str] = &["config.providers.", "listener.name.", "rlmm.config.", "rsm.config.", "sasl.", "ssl."];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Does the setting do anything here?
pub fn has_effect(setting: &Setting) -> bool {
    setting.effect != Effect::NoEffect
}

#[cfg(test)]
mod tests;

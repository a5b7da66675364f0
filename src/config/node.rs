//! Everything this broker honours, typed and checked once.
mod groups;
mod listeners;
mod refusals;
#[cfg(test)]
mod tests;

use crate::config::listener::{Listener, ListenerError};
use crate::config::raw::RawSettings;
use crate::config::reader::Reader;
use crate::config::topic::SyncPolicy;
use crate::config::value::InvalidValue;
use crate::types::NodeId;
pub use groups::{BoundedMs, ConsumerGroupRules, GroupRules};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// The settings of one node. Lengths of time are milliseconds, sizes bytes, unless a name says otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct NodeConfig {
    pub node_id: NodeId,
    /// Wanted cluster id, for formatting an empty directory and for noticing a foreign one.
    pub cluster_id: Option<String>,
    /// Levels of features that an empty cluster begins with where they are not the newest.
    pub first_levels: BTreeMap<String, i16>,
    pub rack: Option<String>,
    pub log_dirs: Vec<PathBuf>,
    /// Those of them that get no new partitions.
    pub cordoned_log_dirs: Vec<PathBuf>,
    pub metadata_log_dir: PathBuf,
    pub network: NetworkConfig,
    pub topics: TopicRules,
    pub log: LogRules,
    pub fetch: FetchRules,
    pub producers: ProducerRules,
    pub internal_topics: InternalTopics,
    pub groups: GroupRules,
    /// When a record counts as written, where a topic does not say otherwise.
    pub sync: SyncPolicy,
    pub wakeup: Wakeup,
}

/// How fast idle processors are to wake while records are produced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wakeup {
    /// At once, where waking takes an exit to the host, under load, and if the broker may say so.
    Auto,
    /// Nobody's business.
    AsItIs,
    /// In so many microseconds.
    Within(u32),
}

/// Listeners and limits of connections.
#[derive(Clone, PartialEq, Debug)]
pub struct NetworkConfig {
    /// Bound for clients. A host of `localhost` means both loopback addresses, an empty one every interface.
    pub listeners: Vec<Listener>,
    /// Bound for controllers; may be empty on a single node.
    pub controller_listeners: Vec<Listener>,
    /// Told to clients. Port 0 stands for the port that was bound.
    pub advertised: Vec<Listener>,
    pub inter_broker_listener: String,
    /// `host:port` of metrics and health, if served.
    pub http_listen: Option<HostPort>,
    pub request_bytes_max: u32,
    /// Bytes of the requests in flight, all connections together (`None`: Kafka's default, no limit given).
    pub queued_request_bytes_max: Option<u64>,
    /// Bytes of unanswered requests of one connection.
    pub connection_inflight_bytes_max: u64,
    pub connections_max: u32,
    pub connections_per_address_max: u32,
    pub connections_per_address_overrides: BTreeMap<String, u32>,
    pub connection_creation_rate_max: u32,
    /// `None`: idle connections stay.
    pub connection_idle_ms_max: Option<u64>,
    /// `None`: the operating system decides.
    pub socket_send_buffer_bytes: Option<u32>,
    pub socket_receive_buffer_bytes: Option<u32>,
    pub listen_backlog: u32,
}

/// A host (without brackets, empty for every interface) and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostPort {
    pub host: String,
    pub port: u16,
}

/// How topics come and go.
#[derive(Clone, PartialEq, Debug)]
pub struct TopicRules {
    pub auto_create: bool,
    pub delete_enabled: bool,
    pub partitions_default: i32,
    pub replication_factor_default: i16,
    /// Partitions in one answer of DescribeTopicPartitions.
    pub described_partitions_max: u32,
}

/// What logs do that is no matter of a topic.
#[derive(Clone, PartialEq, Debug)]
pub struct LogRules {
    pub retention_check_interval_ms: u64,
    pub recovery_checkpoint_interval_ms: u64,
    pub initial_task_delay_ms: u64,
    /// How fast stored records are looked at for damage; 0: not at all.
    pub scrub_bytes_per_second: u64,
    /// How fast partitions are copied to another directory; `None`: as fast as it goes.
    pub move_bytes_per_second: Option<u64>,
    pub cleaner: CleanerRules,
}

/// How compaction works that is no matter of a topic. Memory and rate are those of all threads together.
#[derive(Clone, PartialEq, Debug)]
pub struct CleanerRules {
    /// 0 when it is switched off.
    pub threads: u32,
    pub map_bytes: u64,
    pub map_load_max: f64,
    pub buffer_bytes: u32,
    pub bytes_per_second_max: f64,
    pub backoff_ms: u64,
}

/// Limits of Fetch.
#[derive(Clone, PartialEq, Debug)]
pub struct FetchRules {
    pub bytes_max: u32,
    pub session_slots_max: u32,
}

/// Producers and transactions.
#[derive(Clone, PartialEq, Debug)]
pub struct ProducerRules {
    pub logs: ProducerLogRules,
    pub id_expiration_check_interval_ms: u64,
    pub transactions: TransactionRules,
}

/// What every log is told of producers; both are changed at run time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerLogRules {
    pub id_expiration_ms: u64,
    /// The coordinator is asked before a partition joins a transaction.
    pub verify_transactions: bool,
}

impl ProducerLogRules {
    /// The rules in force on a broker with `raw`.
    pub fn resolve(raw: &RawSettings) -> Result<ProducerLogRules, InvalidValue> {
        ProducerLogRules::read(&Reader::of_broker(raw))
    }

    fn read(reader: &Reader<'_>) -> Result<ProducerLogRules, InvalidValue> {
        Ok(ProducerLogRules {
            id_expiration_ms: reader.count("producer.id.expiration.ms")?,
            verify_transactions: reader.boolean("transaction.partition.verification.enable")?,
        })
    }
}

/// Transactions and their coordinator; milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct TransactionRules {
    pub timeout_ms_max: i32,
    /// How long a transactional id is remembered that nobody uses.
    pub id_expiration_ms: i64,
    pub abort_every_ms: u64,
    pub expire_every_ms: u64,
    /// A partition that joins a transaction while the one before is being ended is tried again for so long.
    pub join_retry_ms_max: u64,
    pub join_retry_every_ms: u64,
    /// A partition that is held back for longer is named in the metrics.
    pub shown_after_ms: u64,
}

/// The shape of topics that the broker makes for itself.
#[derive(Clone, PartialEq, Debug)]
pub struct InternalTopics {
    pub offsets: InternalTopic,
    pub transactions: InternalTopic,
}

#[derive(Clone, PartialEq, Debug)]
pub struct InternalTopic {
    pub partitions: i32,
    pub replication_factor: i16,
    /// Somebody set the factor; as a default it gives way to the number of brokers there are.
    pub replication_is_given: bool,
    pub segment_bytes: u32,
    pub min_insync_replicas: i32,
}

/// Why settings that are valid one by one are not valid together, or not here.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum NodeConfigError {
    #[error(transparent)]
    Value(#[from] InvalidValue),
    #[error(transparent)]
    Listener(#[from] ListenerError),
    #[error("node.id ({node}) and broker.id ({broker}) must be the same number; broker.id is deprecated, drop it")]
    TwoIds { node: i32, broker: i32 },
    #[error("{key} must be {rule}, but is {value}")]
    Rule { key: &'static str, rule: &'static str, value: String },
    #[error("{key}={value} is not served by this release: {reason}")]
    NotServed { key: String, value: String, reason: &'static str },
}

impl NodeConfig {
    /// # Errors
    /// A value outside its limits, values that contradict each other, or a request for what this release does not do
    /// and must not silently leave out (TLS, authentication, authorization, plugins, several controllers).
    pub fn resolve(raw: &RawSettings) -> Result<NodeConfig, NodeConfigError> {
        NodeConfig::read(&Reader::of_broker(raw), raw)
    }

    fn read(reader: &Reader<'_>, raw: &RawSettings) -> Result<NodeConfig, NodeConfigError> {
        refusals::check(reader, raw)?;
        let node_id = reader.int("node.id")?;
        let broker_id = if raw.given("broker.id").is_some() { reader.int("broker.id")? } else { node_id };
        if node_id != broker_id {
            return Err(NodeConfigError::TwoIds { node: node_id, broker: broker_id });
        }
        let log_dirs = log_dirs(reader)?;
        let metadata_log_dir = match (reader.text_or_none("metadata.log.dir")?, log_dirs.first()) {
            (Some(dir), _) => PathBuf::from(dir),
            (None, Some(dir)) => dir.clone(),
            (None, None) => return Err(rule("log.dirs", "one directory or more", String::new())),
        };
        check_retention_and_roll(raw)?;
        let cordoned_log_dirs = cordoned_log_dirs(reader, &log_dirs)?;
        Ok(NodeConfig {
            cordoned_log_dirs,
            node_id: NodeId(node_id),
            cluster_id: reader.text_or_none("cluster.id")?,
            first_levels: first_levels(reader)?,
            rack: reader.text_or_none("broker.rack")?,
            log_dirs,
            metadata_log_dir,
            network: network(reader, raw)?,
            topics: topic_rules(reader)?,
            log: log_rules(reader)?,
            fetch: FetchRules {
                bytes_max: reader.count_u32("fetch.max.bytes")?,
                session_slots_max: reader.count_u32("max.incremental.fetch.session.cache.slots")?,
            },
            producers: producer_rules(reader)?,
            internal_topics: internal_topics(reader, raw)?,
            groups: groups::group_rules(reader)?,
            sync: SyncPolicy::parse(&reader.text("ottla.sync")?).unwrap_or_default(),
            wakeup: wakeup(&reader.text("ottla.cpu.wakeup.max.us")?)?,
        })
    }
}

fn rule(key: &'static str, rule: &'static str, value: String) -> NodeConfigError {
    NodeConfigError::Rule { key, rule, value }
}

fn first_levels(reader: &Reader<'_>) -> Result<BTreeMap<String, i16>, NodeConfigError> {
    const KEY: &str = "ottla.format.features";
    let level = |text: &String| -> Result<(String, i16), NodeConfigError> {
        let parsed = text.split_once('=').and_then(|(name, level)| Some((name.trim(), level.trim().parse().ok()?)));
        let (name, level) = parsed.ok_or_else(|| rule(KEY, "NAME=LEVEL,...", text.clone()))?;
        Ok((name.to_owned(), level))
    };
    reader.list(KEY)?.iter().map(level).collect()
}

fn log_dirs(reader: &Reader<'_>) -> Result<Vec<PathBuf>, NodeConfigError> {
    let named = match reader.list_or_none("log.dirs")? {
        Some(dirs) => dirs,
        None => reader.list("log.dir")?,
    };
    // As Java's `File` has it, and tools compare: no slash at the end, none twice.
    Ok(named.iter().map(|path| Path::new(path).components().collect()).collect())
}

/// All of them by `*`, or some by their names in `log.dirs` (KIP-1066).
fn cordoned_log_dirs(reader: &Reader<'_>, log_dirs: &[PathBuf]) -> Result<Vec<PathBuf>, NodeConfigError> {
    const KEY: &str = "cordoned.log.dirs";
    let named = reader.list(KEY)?;
    if named == ["*"] {
        return Ok(log_dirs.to_vec());
    }
    let cordoned: Vec<PathBuf> = named.iter().map(PathBuf::from).collect();
    match cordoned.iter().find(|path| !log_dirs.contains(path)) {
        Some(unknown) => Err(rule(KEY, "entries of log.dirs, or * alone", unknown.to_string_lossy().into_owned())),
        None => Ok(cordoned),
    }
}

/// Kafka checks what the milliseconds come to, whichever unit they were given in (`KafkaConfig.validateValues`).
fn check_retention_and_roll(raw: &RawSettings) -> Result<(), NodeConfigError> {
    let nothing = BTreeMap::new();
    let reader = Reader::of_topic(raw, &nothing);
    let retention_ms = reader.long("retention.ms")?;
    if retention_ms != -1 && retention_ms < 1 {
        return Err(rule("log.retention.ms", "unlimited (-1) or at least 1", retention_ms.to_string()));
    }
    let segment_ms = reader.long("segment.ms")?;
    if segment_ms < 1 {
        return Err(rule("log.roll.ms", "at least 1", segment_ms.to_string()));
    }
    let jitter_ms = reader.long("segment.jitter.ms")?;
    if jitter_ms < 0 {
        return Err(rule("log.roll.jitter.ms", "at least 0", jitter_ms.to_string()));
    }
    Ok(())
}

fn network(reader: &Reader<'_>, raw: &RawSettings) -> Result<NetworkConfig, NodeConfigError> {
    let sets = listeners::resolve(reader, raw)?;
    let request_bytes_max = reader.count_u32("socket.request.max.bytes")?;
    let queued_request_bytes_max = reader.limit("queued.max.request.bytes")?.filter(|bytes| *bytes > 0);
    if let Some(bytes) = queued_request_bytes_max.filter(|bytes| *bytes < u64::from(request_bytes_max)) {
        return Err(rule("queued.max.request.bytes", "-1 or at least socket.request.max.bytes", bytes.to_string()));
    }
    let inflight_default = 2 * u64::from(request_bytes_max);
    let overrides = address_overrides(&reader.text("max.connections.per.ip.overrides")?)?;
    let connections_per_address_max = reader.count_u32("max.connections.per.ip")?;
    if connections_per_address_max == 0 && overrides.is_empty() {
        let text = "above 0 unless max.connections.per.ip.overrides is set";
        return Err(rule("max.connections.per.ip", text, "0".into()));
    }
    Ok(NetworkConfig {
        listeners: sets.clients,
        controller_listeners: sets.controllers,
        advertised: sets.advertised,
        inter_broker_listener: sets.inter_broker,
        http_listen: http_listen(&reader.text("ottla.http.listen")?)?,
        request_bytes_max,
        queued_request_bytes_max,
        connection_inflight_bytes_max: reader
            .limit("ottla.connection.inflight.max.bytes")?
            .unwrap_or(inflight_default)
            .max(u64::from(request_bytes_max)),
        connections_max: reader.count_u32("max.connections")?,
        connections_per_address_max,
        connections_per_address_overrides: overrides,
        connection_creation_rate_max: reader.count_u32("max.connection.creation.rate")?,
        connection_idle_ms_max: reader.limit("connections.max.idle.ms")?,
        socket_send_buffer_bytes: u32::try_from(reader.int("socket.send.buffer.bytes")?).ok(),
        socket_receive_buffer_bytes: u32::try_from(reader.int("socket.receive.buffer.bytes")?).ok(),
        listen_backlog: reader.count_u32("socket.listen.backlog.size")?,
    })
}

fn http_listen(text: &str) -> Result<Option<HostPort>, NodeConfigError> {
    if text.is_empty() || text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let endpoint = crate::config::listener::Endpoint::parse(&format!("HTTP://{text}"));
    let endpoint = endpoint.ok_or_else(|| rule("ottla.http.listen", "host:port or off", text.to_owned()))?;
    Ok(Some(HostPort { host: endpoint.host, port: endpoint.port }))
}

fn wakeup(text: &str) -> Result<Wakeup, NodeConfigError> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Wakeup::Auto),
        "off" => Ok(Wakeup::AsItIs),
        us => us
            .parse()
            .map(Wakeup::Within)
            .map_err(|_| rule("ottla.cpu.wakeup.max.us", "auto, off or a number of microseconds", text.to_owned())),
    }
}

/// `host:limit,...`; an IPv6 address has colons of its own, so the limit stands after the last one.
fn address_overrides(text: &str) -> Result<BTreeMap<String, u32>, NodeConfigError> {
    let mut limits = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let parsed = entry.rsplit_once(':').and_then(|(host, limit)| Some((host.trim(), limit.trim().parse().ok()?)));
        let (host, limit) = parsed
            .filter(|(host, _)| is_host(host))
            .ok_or_else(|| rule("max.connections.per.ip.overrides", "host:limit,...", entry.to_owned()))?;
        limits.insert(host.trim_matches(['[', ']']).to_owned(), limit);
    }
    Ok(limits)
}

fn is_host(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        || (!host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')))
}

fn topic_rules(reader: &Reader<'_>) -> Result<TopicRules, NodeConfigError> {
    let replication = reader.int("default.replication.factor")?;
    let replication_factor_default = i16::try_from(replication)
        .ok()
        .filter(|factor| *factor >= 1)
        .ok_or_else(|| rule("default.replication.factor", "1 to 32767", replication.to_string()))?;
    Ok(TopicRules {
        auto_create: reader.boolean("auto.create.topics.enable")?,
        delete_enabled: reader.boolean("delete.topic.enable")?,
        partitions_default: reader.int("num.partitions")?,
        replication_factor_default,
        described_partitions_max: reader.count_u32("max.request.partition.size.limit")?,
    })
}

fn log_rules(reader: &Reader<'_>) -> Result<LogRules, NodeConfigError> {
    Ok(LogRules {
        retention_check_interval_ms: reader.count("log.retention.check.interval.ms")?,
        recovery_checkpoint_interval_ms: reader.count("log.flush.offset.checkpoint.interval.ms")?,
        initial_task_delay_ms: reader.count("log.initial.task.delay.ms")?,
        scrub_bytes_per_second: reader.count("ottla.log.scrub.bytes.per.second")?,
        move_bytes_per_second: reader
            .long_or_none("replica.alter.log.dirs.io.max.bytes.per.second")?
            .and_then(|rate| u64::try_from(rate).ok()),
        cleaner: cleaner_rules(reader)?,
    })
}

/// Kafka refuses a broker whose threads would not have more memory for keys.
const MAP_BYTES_OVER: u64 = 1 << 20;

fn cleaner_rules(reader: &Reader<'_>) -> Result<CleanerRules, NodeConfigError> {
    let (enabled, threads) = (reader.boolean("log.cleaner.enable")?, reader.count_u32("log.cleaner.threads")?);
    let map_bytes = reader.count("log.cleaner.dedupe.buffer.size")?;
    if enabled && threads > 0 && map_bytes / u64::from(threads) <= MAP_BYTES_OVER {
        let text = "more than 1048576 for each of log.cleaner.threads";
        return Err(rule("log.cleaner.dedupe.buffer.size", text, map_bytes.to_string()));
    }
    Ok(CleanerRules {
        threads: if enabled { threads } else { 0 },
        map_bytes,
        map_load_max: reader.double("log.cleaner.io.buffer.load.factor")?,
        buffer_bytes: reader.count_u32("log.cleaner.io.buffer.size")?,
        bytes_per_second_max: reader.double("log.cleaner.io.max.bytes.per.second")?,
        backoff_ms: reader.count("log.cleaner.backoff.ms")?,
    })
}

fn producer_rules(reader: &Reader<'_>) -> Result<ProducerRules, NodeConfigError> {
    Ok(ProducerRules {
        logs: ProducerLogRules::read(reader)?,
        id_expiration_check_interval_ms: reader.count("producer.id.expiration.check.interval.ms")?,
        transactions: TransactionRules {
            timeout_ms_max: reader.int("transaction.max.timeout.ms")?,
            id_expiration_ms: i64::from(reader.int("transactional.id.expiration.ms")?),
            abort_every_ms: reader.count("transaction.abort.timed.out.transaction.cleanup.interval.ms")?,
            expire_every_ms: reader.count("transaction.remove.expired.transaction.cleanup.interval.ms")?,
            join_retry_ms_max: reader.count("add.partitions.to.txn.retry.backoff.max.ms")?,
            join_retry_every_ms: reader.count("add.partitions.to.txn.retry.backoff.ms")?,
            shown_after_ms: reader.count("ottla.transactions.shown.after.ms")?,
        },
    })
}

fn internal_topics(reader: &Reader<'_>, raw: &RawSettings) -> Result<InternalTopics, NodeConfigError> {
    Ok(InternalTopics {
        offsets: InternalTopic {
            partitions: reader.int("offsets.topic.num.partitions")?,
            replication_factor: reader.short("offsets.topic.replication.factor")?,
            replication_is_given: raw.given("offsets.topic.replication.factor").is_some(),
            segment_bytes: reader.count_u32("offsets.topic.segment.bytes")?,
            min_insync_replicas: 1,
        },
        transactions: InternalTopic {
            partitions: reader.int("transaction.state.log.num.partitions")?,
            replication_factor: reader.short("transaction.state.log.replication.factor")?,
            replication_is_given: raw.given("transaction.state.log.replication.factor").is_some(),
            segment_bytes: reader.count_u32("transaction.state.log.segment.bytes")?,
            min_insync_replicas: reader.int("transaction.state.log.min.isr")?,
        },
    })
}

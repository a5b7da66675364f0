//! The one list of exported metrics; dashboards and docs are checked against it.
use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::Collector,
};
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Counter,
    /// A counter of fractions, as seconds.
    FloatCounter,
    Gauge,
    FloatGauge,
    Histogram,
}

/// One exported name.
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const fn family(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind, labels, help }
}

use Kind::*;

/// Everything this broker exports. Names beginning with `kafka_` are those of Kafka's JMX exporter dashboards.
pub const FAMILIES: &[Family] = &[
    family(
        "kafka_network_requestmetrics_requests_total",
        Counter,
        &["request", "version"],
        "Requests by API and version.",
    ),
    family(
        "kafka_network_requestmetrics_errors_total",
        Counter,
        &["request", "error"],
        "Answers by API and error code.",
    ),
    family("kafka_server_socket_server_metrics_connection_count", Gauge, &[], "Open client connections."),
    family(
        "kafka_server_brokertopicmetrics_bytesin_total",
        Counter,
        &[],
        "Bytes of record batches written by clients.",
    ),
    family("kafka_server_brokertopicmetrics_messagesin_total", Counter, &[], "Records written by clients."),
    family("kafka_server_brokertopicmetrics_bytesout_total", Counter, &[], "Bytes of record batches sent to clients."),
    family("ottla_cold_fetches_total", Counter, &[], "Fetches whose place in a log had to be looked for on disk."),
    family(
        "ottla_cold_requests_total",
        Counter,
        &[],
        "Other requests for which a log had to be opened, or looked through on disk.",
    ),
    family("kafka_server_replicamanager_partitioncount", Gauge, &[], "Partitions on this broker."),
    family(
        "kafka_server_replicamanager_underreplicatedpartitions",
        Gauge,
        &[],
        "Partitions with fewer in-sync replicas than replicas.",
    ),
    family(
        "kafka_server_replicamanager_partitionswithlatetransactionscount",
        Gauge,
        &[],
        "Partitions whose last stable offset stands still for longer than any transaction may be open, and 5 minutes.",
    ),
    family(
        "ottla_partitions_held_back",
        Gauge,
        &[],
        "Partitions whose last stable offset stands still for longer than ottla.transactions.shown.after.ms.",
    ),
    family(
        "ottla_partition_held_back_seconds",
        FloatGauge,
        &["topic", "partition"],
        "For how long it stands still; of those partitions, the 100 longest.",
    ),
    family("kafka_controller_kafkacontroller_globaltopiccount", Gauge, &[], "Topics in the cluster."),
    family("kafka_controller_kafkacontroller_activecontrollercount", Gauge, &[], "1 on the active controller."),
    family("kafka_controller_kafkacontroller_offlinepartitionscount", Gauge, &[], "Partitions without a leader."),
    family("kafka_log_logmanager_offlinelogdirectorycount", Gauge, &[], "Log directories that failed."),
    family("kafka_server_fetchsessioncache_numincrementalfetchsessions", Gauge, &[], "Fetch sessions."),
    family(
        "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total",
        Counter,
        &[],
        "Fetch sessions evicted.",
    ),
    family(
        "kafka_coordinator_group_groupmetadatamanager_numgroups",
        Gauge,
        &[],
        "Groups that this broker coordinates.",
    ),
    family("kafka_server_kafkaserver_brokerstate", Gauge, &[], "0 not running, 1 starting, 3 running, 6 stopping."),
    family(
        "ottla_request_seconds",
        Histogram,
        &["api", "phase"],
        "Time by phase: local (handler), wait (commit, data, order).",
    ),
    family("ottla_request_bytes_total", Counter, &["api"], "Bytes of requests."),
    family("ottla_response_bytes_total", Counter, &["api"], "Bytes of answers."),
    family("ottla_connections_accepted_total", Counter, &[], "Connections accepted."),
    family("ottla_connections_refused_total", Counter, &["reason"], "Connections closed by the broker, by reason."),
    family("ottla_wal_commits_total", FloatCounter, &[], "Group commits of the write-ahead log."),
    family("ottla_wal_entries_total", FloatCounter, &[], "Entries committed by the write-ahead log."),
    family("ottla_wal_bytes_total", FloatCounter, &[], "Bytes committed by the write-ahead log."),
    family(
        "ottla_wal_sync_seconds_total",
        FloatCounter,
        &[],
        "Seconds spent in writing and syncing the write-ahead log.",
    ),
    family(
        "ottla_damages_found_total",
        FloatCounter,
        &[],
        "Stretches of log files found damaged, on reading or by the scrubber.",
    ),
    family("ottla_scrubbed_bytes_total", FloatCounter, &[], "Bytes of log files that the scrubber has looked at."),
    family("ottla_compaction_runs_total", FloatCounter, &[], "Logs compacted."),
    family("ottla_compaction_failures_total", FloatCounter, &[], "Logs whose compaction failed."),
    family("ottla_compaction_read_bytes_total", FloatCounter, &[], "Bytes read by compaction."),
    family("ottla_compaction_written_bytes_total", FloatCounter, &[], "Bytes written by compaction."),
    family("ottla_compaction_seconds_total", FloatCounter, &[], "Seconds spent in compaction, pauses included."),
    family(
        "kafka_log_logcleanermanager_uncleanable_partitions_count",
        Gauge,
        &[],
        "Partitions that cannot be compacted.",
    ),
    family(
        "ottla_coordinator_partitions",
        FloatGauge,
        &["topic", "state"],
        "Partitions led by a coordinator: serving, loading, unwritten (nothing to load), failed.",
    ),
    family("ottla_coordinator_waiting", FloatGauge, &["topic"], "Requests that a coordinator keeps, as joins."),
    family("ottla_coordinator_loads_total", FloatCounter, &["topic"], "Partitions loaded by a coordinator."),
    family("ottla_coordinator_load_seconds_total", FloatCounter, &["topic"], "Seconds spent in loading them."),
    family("ottla_disk_free_bytes", FloatGauge, &["directory"], "Bytes that can still be written in a log directory."),
    family("ottla_build_info", FloatGauge, &["version"], "Always 1; the version is the label."),
    family("process_cpu_seconds_total", FloatCounter, &[], "CPU time of this process."),
    family("process_resident_memory_bytes", FloatGauge, &[], "Resident memory of this process."),
    family("process_open_fds", FloatGauge, &[], "Open file descriptors."),
    family("process_max_fds", FloatGauge, &[], "Limit of open file descriptors."),
];

/// The registered collectors by name.
pub(super) struct Families {
    counters: BTreeMap<&'static str, IntCounterVec>,
    float_counters: BTreeMap<&'static str, CounterVec>,
    gauges: BTreeMap<&'static str, IntGauge>,
    float_gauges: BTreeMap<&'static str, GaugeVec>,
    histograms: BTreeMap<&'static str, HistogramVec>,
}

impl Families {
    pub(super) fn register(registry: &Registry) -> Families {
        let mut families = Families {
            counters: BTreeMap::new(),
            float_counters: BTreeMap::new(),
            gauges: BTreeMap::new(),
            float_gauges: BTreeMap::new(),
            histograms: BTreeMap::new(),
        };
        for family in FAMILIES {
            let options = Opts::new(family.name, family.help);
            match family.kind {
                Counter => {
                    let made = keep(registry, IntCounterVec::new(options, family.labels));
                    families.counters.insert(family.name, made);
                }
                FloatCounter => {
                    let made = keep(registry, CounterVec::new(options, family.labels));
                    families.float_counters.insert(family.name, made);
                }
                Gauge => {
                    families.gauges.insert(family.name, keep(registry, IntGauge::with_opts(options)));
                }
                FloatGauge => {
                    let made = keep(registry, GaugeVec::new(options, family.labels));
                    families.float_gauges.insert(family.name, made);
                }
                Histogram => {
                    let buckets = prometheus::exponential_buckets(0.000_01, 3.0, 14).expect("fixed numbers");
                    let options = HistogramOpts::from(options).buckets(buckets);
                    families.histograms.insert(family.name, keep(registry, HistogramVec::new(options, family.labels)));
                }
            }
        }
        families
    }

    pub(super) fn int_counter_vec(&self, name: &str) -> IntCounterVec {
        self.counters[name].clone()
    }

    pub(super) fn int_counter(&self, name: &str) -> IntCounter {
        self.counters[name].with_label_values::<&str>(&[])
    }

    pub(super) fn counter(&self, name: &str) -> prometheus::Counter {
        self.float_counters[name].with_label_values::<&str>(&[])
    }

    pub(super) fn counter_vec(&self, name: &str) -> CounterVec {
        self.float_counters[name].clone()
    }

    pub(super) fn int_gauge(&self, name: &str) -> IntGauge {
        self.gauges[name].clone()
    }

    pub(super) fn gauge_vec(&self, name: &str) -> GaugeVec {
        self.float_gauges[name].clone()
    }

    pub(super) fn gauge(&self, name: &str) -> prometheus::Gauge {
        self.float_gauges[name].with_label_values::<&str>(&[])
    }

    pub(super) fn histogram_vec(&self, name: &str) -> HistogramVec {
        self.histograms[name].clone()
    }
}

/// Names and labels are constants of this file: a fault here is found by the first test that makes `Metrics`.
fn keep<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect("a legal metric");
    registry.register(Box::new(collector.clone())).expect("a metric of its own name");
    collector
}
